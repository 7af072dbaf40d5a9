//! The log of all mail.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::input::{Asked, cursor, limit, place};
use super::problem::Problem;
use super::words::{EventShown, Time};
use crate::actions::Query;
use crate::mail::Direction;
use crate::policy::Class;
use crate::record::Status;
use crate::web::House;
use crate::web::search::Search;

pub(super) fn routes() -> OpenApiRouter<House> {
    OpenApiRouter::new().routes(routes!(search))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filters {
    /// `accepted`, `tagged`, `quarantined`, `deferred`, `refused`, `released`, ...
    #[param(value_type = Option<String>)]
    status: Option<Status>,
    /// `inbound` or `outbound`.
    #[param(value_type = Option<String>)]
    direction: Option<Direction>,
    /// `clean`, `unsure`, `spam` or `malware`.
    #[param(value_type = Option<String>)]
    class: Option<Class>,
    score_from: Option<f32>,
    score_to: Option<f32>,
    /// The sender: an address, `@domain`, or beginnings of words of the address.
    from: Option<String>,
    /// A recipient, likewise.
    to: Option<String>,
    /// The sender or a recipient, likewise.
    address: Option<String>,
    /// The client's address or network, such as `192.0.2.0/24`.
    client: Option<String>,
    /// Words of the subject; a word that ends in `*` stands for all that begin so.
    subject: Option<String>,
    /// Words of addresses, subject, answer or who did it; all must be there.
    q: Option<String>,
    /// The id of a mail.
    mail: Option<String>,
    /// What belongs to the history of this entry.
    entry: Option<String>,
    #[param(value_type = Option<Time>, inline)]
    since: Option<Time>,
    #[param(value_type = Option<Time>, inline)]
    until: Option<Time>,
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// From `next` of the answer before.
    cursor: Option<String>,
}

impl Filters {
    fn query(&self) -> Result<Query, Problem> {
        let search = Search {
            since: self.since.as_ref().map(|at| at.0),
            until: self.until.as_ref().map(|at| at.0),
            statuses: self.status.into_iter().collect(),
            direction: self.direction,
            classes: self.class.into_iter().collect(),
            score_from: self.score_from,
            score_to: self.score_to,
            from: self.from.as_deref(),
            to: self.to.as_deref(),
            address: self.address.as_deref(),
            client: self.client.as_deref(),
            subject: self.subject.as_deref(),
            text: self.q.as_deref(),
            mail: self.mail.as_deref(),
            entry: self.entry.as_deref(),
            before: place(self.cursor.as_deref())?,
        };
        let mut wrong = None;
        let query = search.query(&mut |name, words| {
            wrong.get_or_insert_with(|| Problem::unfit(format!("{name}: {words}")));
        });
        wrong.map_or(Ok(query), Err)
    }
}

/// What became of a deferred mail.
#[derive(Serialize, ToSchema)]
struct LaterShown {
    to: String,
    #[schema(value_type = String)]
    status: Status,
    /// Milliseconds between the two.
    after: u64,
}

/// A line of the log.
#[derive(Serialize, ToSchema)]
struct LogLine {
    #[serde(flatten)]
    event: EventShown,
    /// For what was deferred: the next that is known of it.
    later: Vec<LaterShown>,
}

/// A page of the log, the newest first.
#[derive(Serialize, ToSchema)]
struct LogPage {
    items: Vec<LogLine>,
    /// Ask on with this as `cursor`; null at the end.
    next: Option<String>,
}

/// Search the log of all mail
///
/// What was delivered, marked, held, deferred and refused, and all that was done to it.
#[utoipa::path(get, path = "/log", tag = "log", params(Filters),
    responses((status = 200, body = LogPage)))]
async fn search(
    State(house): State<House>,
    caller: Caller,
    Asked(asked): Asked<Filters>,
) -> Result<Json<LogPage>, Problem> {
    let most = limit(asked.limit)?;
    let page = house
        .desk
        .log_lines(&caller.by, &asked.query()?, most)
        .await?;
    let items = page.rows.into_iter().map(|line| {
        let later = line.later.into_iter().map(|later| LaterShown {
            to: later.to.to_string(),
            status: later.status,
            after: later.after,
        });
        LogLine {
            event: line.event.into(),
            later: later.collect(),
        }
    });
    Ok(Json(LogPage {
        items: items.collect(),
        next: page.next.map(|place| cursor(&place.to_string())),
    }))
}

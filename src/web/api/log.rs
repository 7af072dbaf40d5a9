//! The log of all mail.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::input::{Asked, cursor, limit, place, read_as};
use super::problem::Problem;
use super::words::{EventShown, Time};
use crate::actions::Query;
use crate::clock::Timestamp;
use crate::record::Status;
use crate::web::House;

/// Lines of one time that are told over pages.
const SEEN_MOST: usize = 10_000;

pub(super) fn routes() -> OpenApiRouter<House> {
    OpenApiRouter::new().routes(routes!(search))
}

/// A place in the log: a time, and how many lines of it were told.
#[derive(Clone, Copy)]
struct LogPlace(u64, usize);

impl std::str::FromStr for LogPlace {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, seen) = text.split_once('-').ok_or(())?;
        let seen = seen.parse().map_err(|_| ())?;
        if seen > SEEN_MOST {
            return Err(());
        }
        Ok(Self(at.parse().map_err(|_| ())?, seen))
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filters {
    /// `accepted`, `tagged`, `quarantined`, `deferred`, `refused`, `released`, ...
    #[param(value_type = Option<String>)]
    status: Option<Status>,
    /// A sender or recipient, in full.
    address: Option<String>,
    /// Words of addresses, subject or answer; all must be there.
    q: Option<String>,
    #[param(value_type = Option<Time>, inline)]
    since: Option<Time>,
    #[param(value_type = Option<Time>, inline)]
    until: Option<Time>,
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// From `next` of the answer before.
    cursor: Option<String>,
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
    let before: Option<LogPlace> = place(asked.cursor.as_deref())?;
    let seen = before.map_or(0, |place| place.1);
    let until = before.map(|place| Timestamp(place.0));
    let address = asked.address.map(|text| read_as("address", &text));
    let query = Query {
        since: asked.since.map(|at| at.0),
        until: until.or(asked.until.map(|at| at.0)),
        status: asked.status,
        address: address.transpose()?,
        text: asked.q.map(|text| text.to_lowercase()),
        ..Query::default()
    };
    let wanted = seen + most + 1;
    let lines = house.desk.log_lines(&caller.by, &query, wanted).await?;
    let more = lines.len() == wanted;
    let mut told = before;
    let mut items = Vec::new();
    for line in lines.into_iter().skip(seen).take(most) {
        let at = line.event.at;
        told = Some(match told {
            Some(LogPlace(before, seen)) if before == at.0 => LogPlace(before, seen + 1),
            _ => LogPlace(at.0, 1),
        });
        let later = line.later.into_iter().map(|later| LaterShown {
            to: later.to.to_string(),
            status: later.status,
            after: later.after,
        });
        items.push(LogLine {
            event: line.event.into(),
            later: later.collect(),
        });
    }
    Ok(Json(LogPage {
        items,
        next: told
            .filter(|_| more)
            .map(|LogPlace(at, seen)| cursor(&format!("{at}-{seen}"))),
    }))
}

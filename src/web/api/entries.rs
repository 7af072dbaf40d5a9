//! Entries: listed, read, and acted on, one or ten thousand.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::input::{Asked, Sent, cursor, limit, named, place};
use super::problem::Problem;
use super::words::{
    ActionName, ActionResult, ClassName, EntryShown, EventShown, ReachName, ShelfName, Time,
};
use crate::actions::{Reach, Refusal, Sieve, Verb};
use crate::mail::EntryId;
use crate::policy::Class;
use crate::web::House;
use crate::web::pages::entry::eml;
use crate::web::pages::quarantine::SHELVES;

/// Entries that one call acts on at most.
const IDS_MOST: usize = 10_000;

pub(super) fn routes() -> OpenApiRouter<House> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(act_all))
        .routes(routes!(show))
        .routes(routes!(message))
        .routes(routes!(history))
        .routes(routes!(act))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filters {
    /// Without it `caught`.
    #[param(value_type = Option<ShelfName>, inline)]
    shelf: Option<String>,
    #[param(value_type = Option<ClassName>, inline)]
    class: Option<Class>,
    /// Part of the author or the reverse path.
    from: Option<String>,
    /// Part of the recipient or the owner.
    to: Option<String>,
    /// Words of subject and addresses; all must be there.
    q: Option<String>,
    score_from: Option<f32>,
    score_to: Option<f32>,
    #[param(value_type = Option<Time>, inline)]
    since: Option<Time>,
    #[param(value_type = Option<Time>, inline)]
    until: Option<Time>,
    /// Only what somebody asked to be released.
    requested: Option<bool>,
    /// Only what could not be delivered.
    failed: Option<bool>,
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// From `next` of the answer before.
    cursor: Option<String>,
}

/// A page of entries, the newest first.
#[derive(Serialize, ToSchema)]
struct EntryPage {
    items: Vec<EntryShown>,
    /// Ask on with this as `cursor`; null at the end. A page may be short where much was looked
    /// at in vain.
    next: Option<String>,
}

/// List what is held
///
/// Entries within the key's scope that pass all filters, the newest first.
#[utoipa::path(get, path = "/entries", tag = "entries", params(Filters),
    responses((status = 200, body = EntryPage)))]
async fn list(
    State(house): State<House>,
    caller: Caller,
    Asked(asked): Asked<Filters>,
) -> Result<Json<EntryPage>, Problem> {
    let name = asked.shelf.as_deref().unwrap_or("caught");
    let shelf = SHELVES.iter().find(|(n, ..)| *n == name);
    let Some((_, shelf, direction)) = shelf else {
        return Err(Problem::unfit(
            "shelf: caught, outgoing, pending or training",
        ));
    };
    let lower = |text: Option<String>| text.map(|text| text.to_lowercase());
    let sieve = Sieve {
        class: asked.class,
        from: lower(asked.from),
        to: lower(asked.to),
        words: lower(asked.q),
        score_from: asked.score_from,
        score_to: asked.score_to,
        since: asked.since.map(|at| at.0),
        until: asked.until.map(|at| at.0),
        requested: asked.requested.unwrap_or_default(),
        failed: asked.failed.unwrap_or_default(),
    };
    let before = place(asked.cursor.as_deref())?;
    let most = limit(asked.limit)?;
    let desk = &house.desk;
    let sheet = desk
        .sheet(&caller.by, (*shelf, *direction), &sieve, before, most)
        .await?;
    let rows = sheet.rows.into_iter();
    Ok(Json(EntryPage {
        items: rows.map(|row| row.entry.into()).collect(),
        next: sheet.next.map(|uid| cursor(&uid.to_string())),
    }))
}

/// Show an entry
///
/// In any state, also some time after it has left.
#[utoipa::path(get, path = "/entries/{id}", tag = "entries", params(("id" = String, Path)),
    responses((status = 200, body = EntryShown)))]
async fn show(
    State(house): State<House>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<EntryShown>, Problem> {
    let entry = house.desk.entry(&caller.by, named(&id)?).await?;
    Ok(Json(entry.into()))
}

/// Fetch the message
///
/// The octets as they were received. Who looks after others' mail needs the policy
/// `admin_bodies` of the owner, who sees in the history that it was opened.
#[utoipa::path(get, path = "/entries/{id}/message", tag = "entries",
    params(("id" = String, Path)),
    responses((status = 200, content_type = "message/rfc822", body = String)))]
async fn message(
    State(house): State<House>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id: EntryId = named(&id)?;
    let mail = house.desk.opened_mail(&caller.by, id, &caller.door).await?;
    Ok(eml(id, &mail))
}

/// All that happened to an entry, the oldest first.
#[derive(Serialize, ToSchema)]
struct History {
    items: Vec<EventShown>,
}

/// Tell what happened to an entry
///
/// Who did what, when, through which door and from where; also after the entry is gone.
#[utoipa::path(get, path = "/entries/{id}/history", tag = "entries",
    params(("id" = String, Path)), responses((status = 200, body = History)))]
async fn history(
    State(house): State<House>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<History>, Problem> {
    let events = house.desk.history(&caller.by, named(&id)?).await?;
    let items = events.into_iter().map(EventShown::from).collect();
    Ok(Json(History { items }))
}

/// What is to be done with one entry.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Act {
    #[schema(value_type = ActionName)]
    action: Verb,
    /// Without it `recipient`.
    #[serde(default)]
    #[schema(value_type = ReachName)]
    reach: Reach,
}

/// Act on an entry
///
/// To ask twice is no fault: the outcome is `already` then.
#[utoipa::path(post, path = "/entries/{id}/actions", tag = "entries",
    params(("id" = String, Path)), request_body = Act,
    responses((status = 200, body = ActionResult)))]
async fn act(
    State(house): State<House>,
    caller: Caller,
    Path(id): Path<String>,
    Sent(sent): Sent<Act>,
) -> Result<Json<ActionResult>, Problem> {
    let id: EntryId = named(&id)?;
    let action = sent.action.action(sent.reach);
    let done = house.desk.perform(&caller.by, &action, id, &caller.door);
    Ok(Json(ActionResult::of(id, done.await?)))
}

/// What is to be done with many entries.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ActAll {
    #[schema(value_type = ActionName)]
    action: Verb,
    /// At most 10,000.
    #[schema(max_items = 10_000)]
    ids: Vec<String>,
    /// Without it `recipient`.
    #[serde(default)]
    #[schema(value_type = ReachName)]
    reach: Reach,
}

/// A result for each id, in the order asked.
#[derive(Serialize, ToSchema)]
struct ActionResults {
    items: Vec<ActionResult>,
}

/// Act on many entries
///
/// Each is done whole or refused; the answer is 200 with a result for each.
#[utoipa::path(post, path = "/entries/actions", tag = "entries", request_body = ActAll,
    responses((status = 200, body = ActionResults)))]
async fn act_all(
    State(house): State<House>,
    caller: Caller,
    Sent(sent): Sent<ActAll>,
) -> Result<Json<ActionResults>, Problem> {
    if sent.ids.len() > IDS_MOST {
        let words = format!("ids: at most {IDS_MOST} in one call");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, words));
    }
    let known: Vec<EntryId> = sent.ids.iter().filter_map(|id| id.parse().ok()).collect();
    let action = sent.action.action(sent.reach);
    let desk = &house.desk;
    let results = desk
        .perform_all(&caller.by, &action, &known, &caller.door)
        .await;
    let mut each: HashMap<EntryId, Vec<_>> = HashMap::new();
    for (id, result) in known.into_iter().zip(results).rev() {
        each.entry(id).or_default().push(result);
    }
    let result = |id: String| {
        let known = id.parse().ok().and_then(|id| each.get_mut(&id)?.pop());
        ActionResult::new(id, known.unwrap_or(Err(Refusal::NotYours)))
    };
    Ok(Json(ActionResults {
        items: sent.ids.into_iter().map(result).collect(),
    }))
}

//! Deliveries that are owed: shown, tried now, cancelled.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::input::named;
use super::problem::Problem;
use super::words::{ActionResult, DirectionName, Time};
use crate::actions::{OwedJob, OwedKind};
use crate::mail::{Direction, EntryId};
use crate::web::House;

pub(super) fn routes() -> OpenApiRouter<House> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(cancel))
        .routes(routes!(retry))
}

/// A delivery that is owed.
#[derive(Serialize, ToSchema)]
struct JobShown {
    /// Of a release: that of the entry.
    id: String,
    /// `release`, `deliver` (the destination said "later"), `send` (the same on its way out), or
    /// `letter` (of the house).
    #[schema(value_type = String)]
    kind: OwedKind,
    owner: String,
    from: Option<String>,
    to: Vec<String>,
    #[schema(value_type = DirectionName)]
    direction: Direction,
    subject: String,
    /// Octets of the message; 0 where it is not known.
    size: u64,
    /// When it was first owed.
    since: Time,
    /// Not tried before.
    due: Time,
    tries: u32,
    /// What the server said at the last try.
    last: String,
    /// A relay has it, and what becomes of it is not known yet.
    handed_over: bool,
    /// Until then the release can be taken back.
    undo_until: Option<Time>,
}

impl From<OwedJob> for JobShown {
    fn from(job: OwedJob) -> Self {
        Self {
            id: job.id.to_string(),
            kind: job.kind,
            owner: job.owner.to_string(),
            from: job.from.as_ref().map(ToString::to_string),
            to: job.to.iter().map(ToString::to_string).collect(),
            direction: job.direction,
            subject: job.subject,
            size: job.size,
            since: Time(job.since),
            due: Time(job.due),
            tries: job.tries,
            last: job.last,
            handed_over: job.handed_over,
            undo_until: job.undo_until.map(Time),
        }
    }
}

/// What is owed, the next due first; at most 1,000.
#[derive(Serialize, ToSchema)]
struct Jobs {
    items: Vec<JobShown>,
}

/// List what is owed
#[utoipa::path(get, path = "/jobs", tag = "jobs", responses((status = 200, body = Jobs)))]
async fn list(State(house): State<House>, caller: Caller) -> Result<Json<Jobs>, Problem> {
    let jobs = house.desk.owed(&caller.by).await?.into_iter();
    Ok(Json(Jobs {
        items: jobs.map(JobShown::from).collect(),
    }))
}

/// Try a delivery now
///
/// What is tried within half a minute anyway is left as it is: `already`.
#[utoipa::path(post, path = "/jobs/{id}/retry", tag = "jobs", params(("id" = String, Path)),
    responses((status = 200, body = ActionResult)))]
async fn retry(
    State(house): State<House>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<ActionResult>, Problem> {
    let id: EntryId = named(&id)?;
    let outcome = house.desk.retry_job(&caller.by, id, &caller.door).await?;
    Ok(Json(ActionResult::of(id, outcome)))
}

/// Cancel a delivery
///
/// A release goes back to the quarantine. Mail that was taken for somebody goes to the quarantine
/// of its owner; only administrators have it so.
#[utoipa::path(delete, path = "/jobs/{id}", tag = "jobs", params(("id" = String, Path)),
    responses((status = 200, body = ActionResult)))]
async fn cancel(
    State(house): State<House>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<ActionResult>, Problem> {
    let id: EntryId = named(&id)?;
    let outcome = house.desk.cancel_job(&caller.by, id, &caller.door).await?;
    Ok(Json(ActionResult::of(id, outcome)))
}

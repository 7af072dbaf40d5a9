//! Senders that may not send: listed, locked, unlocked.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::input::{Sent, named, read_as};
use super::problem::Problem;
use super::words::Time;
use crate::record::SenderLock;
use crate::web::House;

pub(super) fn routes() -> OpenApiRouter<House> {
    OpenApiRouter::new()
        .routes(routes!(list, lock))
        .routes(routes!(unlock))
}

/// A sender of whom nothing goes out.
#[derive(Serialize, ToSchema)]
struct LockedSender {
    /// The login, or the address that a relay sends as.
    sender: String,
    since: Time,
    /// A login, or the chore of the house that locked it.
    by: String,
    why: String,
}

impl From<SenderLock> for LockedSender {
    fn from(lock: SenderLock) -> Self {
        Self {
            sender: lock.sender.to_string(),
            since: Time(lock.since),
            by: lock.by,
            why: lock.why,
        }
    }
}

/// The locked senders within the scope.
#[derive(Serialize, ToSchema)]
struct LockedSenders {
    items: Vec<LockedSender>,
}

/// List the locked senders
#[utoipa::path(get, path = "/locked-senders", tag = "senders",
    responses((status = 200, body = LockedSenders)))]
async fn list(State(house): State<House>, caller: Caller) -> Result<Json<LockedSenders>, Problem> {
    let locks = house.desk.locked_senders(&caller.by).await?.into_iter();
    Ok(Json(LockedSenders {
        items: locks.map(LockedSender::from).collect(),
    }))
}

/// Who is to be locked.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewLock {
    /// A login or an address.
    sender: String,
    /// At most 200 octets.
    why: String,
}

/// Lock a sender
///
/// Nothing of it goes out. A lock that is there stays as it is.
#[utoipa::path(post, path = "/locked-senders", tag = "senders", request_body = NewLock,
    responses((status = 201, body = NewLock)))]
async fn lock(
    State(house): State<House>,
    caller: Caller,
    Sent(sent): Sent<NewLock>,
) -> Result<(StatusCode, Json<NewLock>), Problem> {
    let sender = read_as("sender", &sent.sender)?;
    let (desk, door) = (&house.desk, &caller.door);
    desk.lock_sender(&caller.by, sender, sent.why.clone(), door)
        .await?;
    Ok((StatusCode::CREATED, Json(sent)))
}

/// Unlock a sender
///
/// What it sends counts anew.
#[utoipa::path(delete, path = "/locked-senders/{sender}", tag = "senders",
    params(("sender" = String, Path)), responses((status = 204)))]
async fn unlock(
    State(house): State<House>,
    caller: Caller,
    Path(sender): Path<String>,
) -> Result<StatusCode, Problem> {
    let (desk, sender) = (&house.desk, named(&sender)?);
    desk.unlock_sender(&caller.by, &sender, &caller.door)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

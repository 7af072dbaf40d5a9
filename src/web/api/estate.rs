//! The house itself: how it is, its reinsertion keys, API keys, and what was set by whom.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::input::{Asked, cursor, limit, place};
use super::problem::Problem;
use super::words::{EventShown, RightName, RoleName, ShelfName, Time};
use crate::actions::{AuditQuery, ShownKey};
use crate::policy::{Right, Rights, Role, Scope};
use crate::record::Status as EventStatus;
use crate::token::KeyRing;
use crate::web::House;
use crate::web::pages::quarantine::SHELVES;

pub(super) fn routes() -> OpenApiRouter<House> {
    OpenApiRouter::new()
        .routes(routes!(status))
        .routes(routes!(keys))
        .routes(routes!(rotate))
        .routes(routes!(api_keys))
        .routes(routes!(audit))
}

/// How many entries are held on a shelf.
#[derive(Serialize, ToSchema)]
struct Held {
    #[schema(value_type = ShelfName)]
    shelf: &'static str,
    count: u64,
}

/// How the house is, and who asks.
#[derive(Serialize, ToSchema)]
struct StatusShown {
    version: &'static str,
    now: Time,
    /// As the history shows what this key does.
    who: String,
    #[schema(value_type = RoleName)]
    role: Role,
    scope: String,
    #[schema(value_type = Vec<RightName>)]
    rights: Rights,
    /// Within the scope.
    held: Vec<Held>,
    /// For administrators of the whole house: lines of the log of the last 24 hours, by status.
    last_24_hours: Option<BTreeMap<String, u64>>,
    /// For administrators of the whole house: deliveries that are owed.
    owed: Option<usize>,
}

/// Tell how the house is
///
/// And what this key may do.
#[utoipa::path(get, path = "/status", tag = "house",
    responses((status = 200, body = StatusShown)))]
async fn status(State(house): State<House>, caller: Caller) -> Result<Json<StatusShown>, Problem> {
    let (desk, by) = (&house.desk, &caller.by);
    let mut held = Vec::new();
    for (name, shelf, direction) in SHELVES {
        let count = desk.count(by, shelf, direction).await?;
        held.push(Held { shelf: name, count });
    }
    let whole = if by.scope == Scope::Global && by.has(Right::Administer) {
        Some(desk.status(by).await?)
    } else {
        None
    };
    Ok(Json(StatusShown {
        version: env!("CARGO_PKG_VERSION"),
        now: Time(desk.now()),
        who: by.who.clone(),
        role: by.role,
        scope: by.scope.to_string(),
        rights: by.rights,
        held,
        owed: whole.as_ref().map(|status| status.owed.len()),
        last_24_hours: whole.map(|status| status.day),
    }))
}

/// A reinsertion key, without its secret.
#[derive(Serialize, ToSchema)]
struct KeyShown {
    id: u32,
    made: Time,
    /// Not used to verify from this time on; null for the key in use.
    until: Option<Time>,
}

/// The reinsertion keys, the newest last.
#[derive(Serialize, ToSchema)]
struct Keys {
    items: Vec<KeyShown>,
}

impl From<KeyRing> for Keys {
    fn from(ring: KeyRing) -> Self {
        let keys = ring.keys().iter().map(|key| KeyShown {
            id: key.id,
            made: Time(key.made),
            until: key.until.map(Time),
        });
        Self {
            items: keys.collect(),
        }
    }
}

/// List the reinsertion keys
#[utoipa::path(get, path = "/keys", tag = "house", responses((status = 200, body = Keys)))]
async fn keys(State(house): State<House>, caller: Caller) -> Result<Json<Keys>, Problem> {
    Ok(Json(house.desk.keys(&caller.by).await?.into()))
}

/// Make a new reinsertion key
///
/// The key in use still verifies for as long as a token may hold.
#[utoipa::path(post, path = "/keys/rotate", tag = "house",
    responses((status = 200, body = Keys)))]
async fn rotate(State(house): State<House>, caller: Caller) -> Result<Json<Keys>, Problem> {
    let desk = &house.desk;
    let ring = desk.rotate_keys(&caller.by, house.overlap, &caller.door);
    Ok(Json(ring.await?.into()))
}

/// An API key, without its secret.
#[derive(Serialize, ToSchema)]
struct ApiKeyShown {
    /// Stands in the key after `qk_`.
    id: String,
    name: String,
    #[schema(value_type = RoleName)]
    role: Role,
    scope: String,
    #[schema(value_type = Vec<RightName>)]
    rights: Rights,
    expires: Option<Time>,
    /// Taken from these networks only; empty for everywhere.
    networks: Vec<String>,
    /// Who made it.
    by: String,
    made: Time,
    /// The first use on the last day (UTC) on which it was used.
    used: Option<Time>,
}

impl From<ShownKey> for ApiKeyShown {
    fn from(key: ShownKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            role: key.role,
            scope: key.scope.to_string(),
            rights: key.rights,
            expires: key.expires.map(Time),
            networks: key.networks.iter().map(ToString::to_string).collect(),
            by: key.by,
            made: Time(key.made),
            used: key.used.map(Time),
        }
    }
}

/// API keys within the scope.
#[derive(Serialize, ToSchema)]
struct ApiKeys {
    items: Vec<ApiKeyShown>,
}

/// List API keys
///
/// Keys are made and removed by people who signed in; a key makes no keys.
#[utoipa::path(get, path = "/api-keys", tag = "house",
    responses((status = 200, body = ApiKeys)))]
async fn api_keys(State(house): State<House>, caller: Caller) -> Result<Json<ApiKeys>, Problem> {
    let keys = house.desk.api_keys(&caller.by).await?.into_iter();
    Ok(Json(ApiKeys {
        items: keys.map(ApiKeyShown::from).collect(),
    }))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filters {
    /// `changed`, `signed-in`, `sign-in-failed` or `opened`; without it all of them.
    #[param(value_type = Option<String>)]
    status: Option<EventStatus>,
    /// Words of who, what, or from where; all must be there.
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

/// A page of the audit, the newest first.
#[derive(Serialize, ToSchema)]
struct Audit {
    items: Vec<EventShown>,
    /// Ask on with this as `cursor`; null at the end. A page may be short where much was looked
    /// at in vain.
    next: Option<String>,
}

/// Tell what was set by whom
///
/// And who signed in, and whose mail was opened by others.
#[utoipa::path(get, path = "/audit", tag = "house", params(Filters),
    responses((status = 200, body = Audit)))]
async fn audit(
    State(house): State<House>,
    caller: Caller,
    Asked(asked): Asked<Filters>,
) -> Result<Json<Audit>, Problem> {
    let query = AuditQuery {
        since: asked.since.map(|at| at.0),
        until: asked.until.map(|at| at.0),
        statuses: asked.status.into_iter().collect(),
        text: asked.q,
        before: place(asked.cursor.as_deref())?,
    };
    let most = limit(asked.limit)?;
    let page = house.desk.audit(&caller.by, &query, most).await?;
    Ok(Json(Audit {
        items: page.rows.into_iter().map(EventShown::from).collect(),
        next: page.next.map(|place| cursor(&place.to_string())),
    }))
}

//! Allow and block lists of a scope.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::input::{Asked, Sent, cursor, limit, place, read_as};
use super::problem::Problem;
use super::words::{KindName, Time};
use crate::policy::{ListEntry, ListKind, Origin, Pattern, Scope};
use crate::record::ListUse;
use crate::web::House;

pub(super) fn routes() -> OpenApiRouter<House> {
    OpenApiRouter::new().routes(routes!(list, add, remove))
}

/// The scope that is asked for, or the key's own.
pub(super) fn scope_of(caller: &Caller, asked: Option<&str>) -> Result<Scope, Problem> {
    match asked {
        Some(text) => read_as("scope", text),
        None => Ok(caller.by.scope.clone()),
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filters {
    /// `global`, a domain or an address; without it the key's own. Lists of exactly this scope.
    scope: Option<String>,
    #[param(value_type = Option<KindName>, inline)]
    kind: Option<ListKind>,
    /// Part of the pattern or the note.
    q: Option<String>,
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// From `next` of the answer before.
    cursor: Option<String>,
}

/// An entry of a list.
#[derive(Serialize, ToSchema)]
#[schema(as = ListEntry)]
struct Listed {
    scope: String,
    #[schema(value_type = KindName)]
    kind: ListKind,
    /// An address, a domain, `*.domain`, an address with `*`, or an IP network.
    pattern: String,
    /// Who put it there.
    by: String,
    made: Time,
    note: String,
    /// True if the house put it there, because somebody wrote to that address.
    correspondent: bool,
    /// From this time on it does not count; null for always.
    expires: Option<Time>,
    /// How often it decided. Counted roughly: what was counted in the minute before a crash is lost.
    times: u64,
    /// When it decided last.
    last: Option<Time>,
}

impl Listed {
    fn new(entry: ListEntry, uses: &[ListUse]) -> Self {
        let own = |one: &&ListUse| one.kind == entry.kind && one.pattern == entry.pattern;
        let used = uses.iter().find(own);
        Self {
            expires: entry.expires.map(Time),
            times: used.map_or(0, |used| used.times),
            last: used.map(|used| Time(used.last)),
            scope: entry.scope.to_string(),
            kind: entry.kind,
            pattern: entry.pattern.to_string(),
            by: entry.by,
            made: Time(entry.made),
            note: entry.note,
            correspondent: entry.origin == Origin::Correspondent,
        }
    }
}

/// A page of a list, in the order of kind and pattern.
#[derive(Serialize, ToSchema)]
struct ListPage {
    items: Vec<Listed>,
    /// Ask on with this as `cursor`; null at the end.
    next: Option<String>,
}

/// Show a list
#[utoipa::path(get, path = "/lists", tag = "lists", params(Filters),
    responses((status = 200, body = ListPage)))]
async fn list(
    State(house): State<House>,
    caller: Caller,
    Asked(asked): Asked<Filters>,
) -> Result<Json<ListPage>, Problem> {
    let scope = scope_of(&caller, asked.scope.as_deref())?;
    let most = limit(asked.limit)?;
    let after: Option<String> = place(asked.cursor.as_deref())?;
    let wanted = asked.q.map(|text| text.to_lowercase());
    let entries = house.desk.list(&caller.by, &scope).await?;
    let uses = house.desk.list_uses(&caller.by, &scope).await?;
    let mut found: Vec<(String, ListEntry)> = entries
        .into_iter()
        .filter(|entry| asked.kind.is_none_or(|kind| kind == entry.kind))
        .map(|entry| (format!("{} {}", entry.kind, entry.pattern), entry))
        .filter(|(key, entry)| {
            wanted.as_ref().is_none_or(|wanted| {
                key.contains(wanted) || entry.note.to_lowercase().contains(wanted)
            })
        })
        .filter(|(key, _)| after.as_ref().is_none_or(|after| key > after))
        .collect();
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    let more = found.len() > most;
    found.truncate(most);
    let last = found.last().filter(|_| more);
    Ok(Json(ListPage {
        next: last.map(|(key, _)| cursor(key)),
        items: found
            .into_iter()
            .map(|(_, entry)| Listed::new(entry, &uses))
            .collect(),
    }))
}

/// What is put on a list.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewListed {
    /// `global`, a domain or an address; without it the key's own.
    #[serde(default)]
    scope: Option<String>,
    #[schema(value_type = KindName)]
    kind: ListKind,
    /// An address, a domain, `*.domain`, an address with `*`, or an IP network.
    pattern: String,
    /// At most 500 octets.
    #[serde(default)]
    note: String,
    /// From this time on it does not count, and is removed; without it never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Time>,
}

/// Put something on a list
///
/// What is there with the same scope, kind and pattern is replaced.
#[utoipa::path(post, path = "/lists", tag = "lists", request_body = NewListed,
    responses((status = 201, body = NewListed)))]
async fn add(
    State(house): State<House>,
    caller: Caller,
    Sent(sent): Sent<NewListed>,
) -> Result<(StatusCode, Json<NewListed>), Problem> {
    let scope = scope_of(&caller, sent.scope.as_deref())?;
    let pattern: Pattern = read_as("pattern", &sent.pattern)?;
    let made = NewListed {
        scope: Some(scope.to_string()),
        pattern: pattern.to_string(),
        ..sent
    };
    let more = (made.note.clone(), made.expires.map(|at| at.0));
    let desk = &house.desk;
    desk.add_listed_until(&caller.by, scope, (made.kind, pattern), more, &caller.door)
        .await?;
    Ok((StatusCode::CREATED, Json(made)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// `global`, a domain or an address; without it the key's own.
    scope: Option<String>,
    #[param(value_type = KindName, inline)]
    kind: ListKind,
    pattern: String,
}

/// Take something off a list
#[utoipa::path(delete, path = "/lists", tag = "lists", params(Which),
    responses((status = 204)))]
async fn remove(
    State(house): State<House>,
    caller: Caller,
    Asked(asked): Asked<Which>,
) -> Result<StatusCode, Problem> {
    let scope = scope_of(&caller, asked.scope.as_deref())?;
    let pattern: Pattern = read_as("pattern", &asked.pattern)?;
    house
        .desk
        .remove_listed(&caller.by, &scope, asked.kind, &pattern, &caller.door)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

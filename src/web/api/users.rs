//! Accounts, and who was given what.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::input::{Asked, Sent, cursor, limit, named, place, read_as};
use super::lists::scope_of;
use super::problem::Problem;
use super::words::{RightName, RoleName, Time};
use crate::actions::ShownAccount;
use crate::policy::{Rights, Role, Scope};
use crate::record::Grant;
use crate::web::House;

pub(super) fn routes() -> OpenApiRouter<House> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(show, remove))
        .routes(routes!(sign_out))
        .routes(routes!(send_digest))
        .routes(routes!(granted))
}

/// What somebody may do besides their own.
#[derive(Serialize, ToSchema)]
struct GrantShown {
    /// To whom it was given.
    login: String,
    #[schema(value_type = RoleName)]
    role: Role,
    scope: String,
    /// On top of what the role gives.
    #[schema(value_type = Vec<RightName>)]
    rights: Rights,
    /// Who gave it.
    by: String,
    at: Time,
}

impl GrantShown {
    fn new(login: &Scope, grant: Grant) -> Self {
        Self {
            login: login.to_string(),
            role: grant.role,
            scope: grant.scope.to_string(),
            rights: grant.rights,
            by: grant.by,
            at: Time(grant.at),
        }
    }
}

/// An account.
#[derive(Serialize, ToSchema)]
struct User {
    /// `global`, a domain or an address; it tells the scope.
    login: String,
    /// When it was made, or its password changed.
    changed: Time,
    /// False if it signs in by a mailed link, or at its own mail server, only.
    has_password: bool,
    /// Since when it has a second factor.
    second_factor: Option<Time>,
    /// Recovery codes that were not used yet.
    recovery_codes: usize,
    grants: Vec<GrantShown>,
}

impl From<ShownAccount> for User {
    fn from(account: ShownAccount) -> Self {
        let grants = account.grants.into_iter();
        Self {
            grants: grants
                .map(|grant| GrantShown::new(&account.login, grant))
                .collect(),
            login: account.login.to_string(),
            changed: Time(account.changed),
            has_password: account.has_password,
            second_factor: account.second_factor.map(Time),
            recovery_codes: account.recovery_codes,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filters {
    /// Part of the login.
    q: Option<String>,
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// From `next` of the answer before.
    cursor: Option<String>,
}

/// A page of accounts, by login.
#[derive(Serialize, ToSchema)]
struct UserPage {
    items: Vec<User>,
    /// Ask on with this as `cursor`; null at the end.
    next: Option<String>,
}

/// List accounts
#[utoipa::path(get, path = "/users", tag = "users", params(Filters),
    responses((status = 200, body = UserPage)))]
async fn list(
    State(house): State<House>,
    caller: Caller,
    Asked(asked): Asked<Filters>,
) -> Result<Json<UserPage>, Problem> {
    let most = limit(asked.limit)?;
    let after: Option<String> = place(asked.cursor.as_deref())?;
    let wanted = asked.q.map(|text| text.to_lowercase());
    let accounts = house.desk.accounts(&caller.by).await?;
    let mut users: Vec<User> = accounts
        .into_iter()
        .map(User::from)
        .filter(|user| after.as_ref().is_none_or(|after| user.login > *after))
        .filter(|user| wanted.as_ref().is_none_or(|w| user.login.contains(w)))
        .collect();
    users.sort_by(|a, b| a.login.cmp(&b.login));
    let more = users.len() > most;
    users.truncate(most);
    let last = users.last().filter(|_| more);
    Ok(Json(UserPage {
        next: last.map(|user| cursor(&user.login)),
        items: users,
    }))
}

/// Show an account
#[utoipa::path(get, path = "/users/{login}", tag = "users",
    params(("login" = String, Path)), responses((status = 200, body = User)))]
async fn show(
    State(house): State<House>,
    caller: Caller,
    Path(login): Path<String>,
) -> Result<Json<User>, Problem> {
    let account = house.desk.account(&caller.by, &named(&login)?).await?;
    Ok(Json(account.into()))
}

/// An account that is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUser {
    /// `global`, a domain or an address.
    login: String,
}

/// Make an account
///
/// It has no password: its person signs in by a mailed link, or with the password of the domain's
/// IMAP server. Passwords are set, and second factors taken away, by people who signed in; a key
/// hands nothing on.
#[utoipa::path(post, path = "/users", tag = "users", request_body = NewUser,
    responses((status = 201, body = User)))]
async fn add(
    State(house): State<House>,
    caller: Caller,
    Sent(sent): Sent<NewUser>,
) -> Result<(StatusCode, Json<User>), Problem> {
    let scope: Scope = read_as("login", &sent.login)?;
    let account = (house.desk)
        .add_account_without_password(&caller.by, scope, &caller.door)
        .await?;
    Ok((StatusCode::CREATED, Json(account.into())))
}

/// Remove an account
///
/// Its mail stays; its API keys go with it.
#[utoipa::path(delete, path = "/users/{login}", tag = "users",
    params(("login" = String, Path)), responses((status = 204)))]
async fn remove(
    State(house): State<House>,
    caller: Caller,
    Path(login): Path<String>,
) -> Result<StatusCode, Problem> {
    let (desk, scope) = (&house.desk, named(&login)?);
    desk.remove_account(&caller.by, &scope, &caller.door)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sign an account out everywhere
#[utoipa::path(post, path = "/users/{login}/sign-out", tag = "users",
    params(("login" = String, Path)), responses((status = 204)))]
async fn sign_out(
    State(house): State<House>,
    caller: Caller,
    Path(login): Path<String>,
) -> Result<StatusCode, Problem> {
    let (desk, scope) = (&house.desk, named(&login)?);
    desk.sign_out(&caller.by, &scope, &caller.door).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Send a digest
///
/// Of all that is held for an address of a domain here, which needs no account. It comes by mail, in
/// a moment; asked for again within ten minutes, no other comes.
#[utoipa::path(post, path = "/users/{login}/digest", tag = "users",
    params(("login" = String, Path)), responses((status = 202)))]
async fn send_digest(
    State(house): State<House>,
    caller: Caller,
    Path(login): Path<String>,
) -> Result<StatusCode, Problem> {
    let Scope::Recipient(of) = named(&login)? else {
        return Err(Problem::not_found());
    };
    house.desk.ask_digest(&caller.by, &of, &caller.door).await?;
    Ok(StatusCode::ACCEPTED)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Within {
    /// `global`, a domain or an address; without it the key's own.
    scope: Option<String>,
}

/// Grants within one scope.
#[derive(Serialize, ToSchema)]
struct Grants {
    items: Vec<GrantShown>,
}

/// Tell who was given something within a scope
///
/// Of an address: who may act for it. Rights are given and taken back by people who signed in;
/// a key hands nothing on.
#[utoipa::path(get, path = "/grants", tag = "users", params(Within),
    responses((status = 200, body = Grants)))]
async fn granted(
    State(house): State<House>,
    caller: Caller,
    Asked(asked): Asked<Within>,
) -> Result<Json<Grants>, Problem> {
    let scope = scope_of(&caller, asked.scope.as_deref())?;
    let given = house.desk.granted(&caller.by, &scope).await?.into_iter();
    let items = given.map(|(login, grant)| GrantShown::new(&login, grant));
    Ok(Json(Grants {
        items: items.collect(),
    }))
}

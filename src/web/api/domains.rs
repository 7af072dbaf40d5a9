//! Domains we protect, their routes, and who knows their users' passwords.

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
use crate::mail::Domain;
use crate::record::{DomainSettings, Route};
use crate::web::House;

pub(super) fn routes() -> OpenApiRouter<House> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, replace, remove))
}

/// A domain we protect.
#[derive(Serialize, ToSchema)]
struct DomainShown {
    domain: String,
    /// Where its mail goes: `host:port`, with `,tls=required|none` and `,priority=N` behind it.
    routes: Vec<String>,
    /// The IMAP server that knows its users' passwords; null if the house does.
    imap: Option<String>,
}

impl From<DomainSettings> for DomainShown {
    fn from(settings: DomainSettings) -> Self {
        Self {
            domain: settings.domain.to_string(),
            routes: settings.routes.iter().map(ToString::to_string).collect(),
            imap: settings.imap.map(|imap| imap.to_string()),
        }
    }
}

/// The domains of a scope.
#[derive(Serialize, ToSchema)]
struct Domains {
    items: Vec<DomainShown>,
}

/// List domains
#[utoipa::path(get, path = "/domains", tag = "domains",
    responses((status = 200, body = Domains)))]
async fn list(State(house): State<House>, caller: Caller) -> Result<Json<Domains>, Problem> {
    let domains = house.desk.domains(&caller.by).await?;
    let items = domains.into_iter().map(DomainShown::from).collect();
    Ok(Json(Domains { items }))
}

async fn one(house: &House, caller: &Caller, domain: &Domain) -> Result<DomainShown, Problem> {
    let domains = house.desk.domains(&caller.by).await?;
    let found = domains.into_iter().find(|known| known.domain == *domain);
    found.map(DomainShown::from).ok_or_else(Problem::not_found)
}

/// Show a domain
#[utoipa::path(get, path = "/domains/{domain}", tag = "domains",
    params(("domain" = String, Path)), responses((status = 200, body = DomainShown)))]
async fn show(
    State(house): State<House>,
    caller: Caller,
    Path(domain): Path<String>,
) -> Result<Json<DomainShown>, Problem> {
    one(&house, &caller, &named(&domain)?).await.map(Json)
}

/// What a domain is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewDomain {
    /// Where its mail goes: `host:port`, with `,tls=required|none` and `,priority=N` behind it.
    #[schema(min_items = 1)]
    routes: Vec<String>,
    /// `host:port`, with `,tls=implicit|starttls|none` behind it where the port does not tell.
    #[serde(default)]
    imap: Option<String>,
}

/// Add a domain, or set it anew
///
/// For administrators of the whole house with the right `set_routes`: a route decides where mail
/// goes. A key has that right only if it was given to it.
#[utoipa::path(put, path = "/domains/{domain}", tag = "domains",
    params(("domain" = String, Path)), request_body = NewDomain,
    responses((status = 200, body = DomainShown)))]
async fn replace(
    State(house): State<House>,
    caller: Caller,
    Path(domain): Path<String>,
    Sent(sent): Sent<NewDomain>,
) -> Result<Json<DomainShown>, Problem> {
    let domain: Domain = named(&domain)?;
    let routes = sent.routes.iter().map(|route| read_as("routes", route));
    let settings = DomainSettings {
        domain: domain.clone(),
        routes: routes.collect::<Result<Vec<Route>, _>>()?,
        imap: sent.imap.map(|imap| read_as("imap", &imap)).transpose()?,
    };
    let desk = &house.desk;
    desk.set_domain(&caller.by, settings, &caller.door).await?;
    one(&house, &caller, &domain).await.map(Json)
}

/// Remove a domain
///
/// Mail for it is refused from then on. Needs the right `set_routes`.
#[utoipa::path(delete, path = "/domains/{domain}", tag = "domains",
    params(("domain" = String, Path)), responses((status = 204)))]
async fn remove(
    State(house): State<House>,
    caller: Caller,
    Path(domain): Path<String>,
) -> Result<StatusCode, Problem> {
    let (desk, domain) = (&house.desk, named(&domain)?);
    desk.remove_domain(&caller.by, &domain, &caller.door)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

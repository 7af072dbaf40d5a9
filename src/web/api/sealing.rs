//! The keys with which domains seal mail that we changed (ARC): listed, made or given, removed.

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
use super::words::{AlgorithmName, Time};
use crate::token::{Algorithm, SealingKey};
use crate::web::House;

pub(super) fn routes() -> OpenApiRouter<House> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(remove))
}

/// A sealing key, without its secret.
#[derive(Serialize, ToSchema)]
struct SealingKeyShown {
    domain: String,
    selector: String,
    #[schema(value_type = AlgorithmName)]
    algorithm: Algorithm,
    made: Time,
    /// Where the record is to be published.
    name: String,
    /// The TXT record; null if the key is damaged.
    record: Option<String>,
}

impl From<SealingKey> for SealingKeyShown {
    fn from(key: SealingKey) -> Self {
        Self {
            name: key.record_name(),
            record: key.record().ok(),
            made: Time(key.made),
            algorithm: key.algorithm,
            selector: key.selector.to_string(),
            domain: key.domain.to_string(),
        }
    }
}

/// The sealing keys of the domains within the scope.
#[derive(Serialize, ToSchema)]
struct SealingKeys {
    items: Vec<SealingKeyShown>,
}

/// List the sealing keys
///
/// Each with the record that has to stand in the DNS.
#[utoipa::path(get, path = "/sealing-keys", tag = "sealing",
    responses((status = 200, body = SealingKeys)))]
async fn list(State(house): State<House>, caller: Caller) -> Result<Json<SealingKeys>, Problem> {
    let keys = house.desk.sealing_keys(&caller.by).await?.into_iter();
    Ok(Json(SealingKeys {
        items: keys.map(SealingKeyShown::from).collect(),
    }))
}

/// A key that is to be made, or is given.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSealingKey {
    /// One of our domains.
    domain: String,
    /// Where the key is published: SELECTOR._domainkey.DOMAIN
    selector: String,
    /// Without it `rsa`, which every verifier knows. Not looked at where a key is given.
    #[serde(default)]
    #[schema(value_type = Option<AlgorithmName>)]
    algorithm: Option<Algorithm>,
    /// A private key in PEM, RSA of at least 2048 bits or Ed25519; without it one is made.
    #[serde(default)]
    pem: Option<String>,
}

/// Give a domain a sealing key
///
/// It takes the place of the one before. Publish the record that is answered.
#[utoipa::path(post, path = "/sealing-keys", tag = "sealing", request_body = NewSealingKey,
    responses((status = 201, body = SealingKeyShown)))]
async fn make(
    State(house): State<House>,
    caller: Caller,
    Sent(sent): Sent<NewSealingKey>,
) -> Result<(StatusCode, Json<SealingKeyShown>), Problem> {
    let domain = read_as("domain", &sent.domain)?;
    let selector = read_as("selector", &sent.selector)?;
    let (desk, by, door) = (&house.desk, &caller.by, &caller.door);
    let algorithm = sent.algorithm.unwrap_or(Algorithm::Rsa);
    let key = desk.set_sealing_key(by, domain, selector, sent.pem, algorithm, door);
    Ok((StatusCode::CREATED, Json(key.await?.into())))
}

/// Remove the sealing key of a domain
///
/// What was marked and sealed gets header fields only from then on.
#[utoipa::path(delete, path = "/sealing-keys/{domain}", tag = "sealing",
    params(("domain" = String, Path)), responses((status = 204)))]
async fn remove(
    State(house): State<House>,
    caller: Caller,
    Path(domain): Path<String>,
) -> Result<StatusCode, Problem> {
    let (desk, domain) = (&house.desk, named(&domain)?);
    desk.remove_sealing_key(&caller.by, &domain, &caller.door)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

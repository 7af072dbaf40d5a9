//! What programs send: queries and bodies, read strictly, refused in clear words.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::web::House;

/// Rows of one answer, unless told otherwise, and at most.
const LIMIT: usize = 50;
const LIMIT_MOST: usize = 200;

/// The query of an address. Names that are not known are refused.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<House> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &House) -> Result<Self, Problem> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(rejection) => Err(Problem::unfit(rejection.body_text())),
        }
    }
}

/// A body of JSON. Fields that are not known are refused.
pub(super) struct Sent<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<House> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, house: &House) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "send JSON, with Content-Type: application/json",
            ));
        }
        let octets = read(request, house).await?;
        parse(&octets).map(Self)
    }
}

/// The octets of a body, within the limit of all bodies.
pub(super) async fn read(request: Request, house: &House) -> Result<Bytes, Problem> {
    Bytes::from_request(request, house)
        .await
        .map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))
}

fn parse<T: DeserializeOwned>(octets: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(octets);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let status = if error.inner().is_data() {
            StatusCode::UNPROCESSABLE_ENTITY
        } else {
            StatusCode::BAD_REQUEST
        };
        Problem::new(status, error.to_string())
    })?;
    json.end()
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok(read)
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok()).unwrap_or("");
    let media_type = text.split(';').next().unwrap_or("").trim();
    ["application/json", "application/merge-patch+json"]
        .iter()
        .any(|json| media_type.eq_ignore_ascii_case(json))
}

/// Rows of one answer.
///
/// # Errors
/// 422 beyond 1..=200.
pub(super) fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(LIMIT);
    if (1..=LIMIT_MOST).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::unfit(format!(
            "limit: a number from 1 to {LIMIT_MOST}"
        )))
    }
}

/// A place as programs carry it. Whoever makes one up sees what the key may see, no more,
/// because the scope is looked at for every row.
pub(super) fn cursor(place: &str) -> String {
    URL_SAFE_NO_PAD.encode(place)
}

/// The place in a cursor of ours.
///
/// # Errors
/// 422 for any other text.
pub(super) fn place<T: std::str::FromStr>(cursor: Option<&str>) -> Result<Option<T>, Problem> {
    let Some(cursor) = cursor else {
        return Ok(None);
    };
    let octets = URL_SAFE_NO_PAD.decode(cursor).ok();
    let text = octets.and_then(|octets| String::from_utf8(octets).ok());
    match text.and_then(|text| text.parse().ok()) {
        Some(place) => Ok(Some(place)),
        None => Err(Problem::unfit(
            "cursor: take it from `next` of an answer, and change nothing else",
        )),
    }
}

/// A text of ours from an address or a body.
///
/// # Errors
/// 422 with what is wrong.
pub(super) fn read_as<T>(name: &str, text: &str) -> Result<T, Problem>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse()
        .map_err(|error| Problem::unfit(format!("{name}: {error}")))
}

/// The part of a path that names something; what cannot be a name is not there.
pub(super) fn named<T: std::str::FromStr>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::not_found())
}

//! The HTTP API: what people do in the panel, for programs (SE-17). JSON under `/api/v1`.
//!
//! There are no cookies here, so there is nothing that another site's page could use: no CSRF
//! tokens, and no CORS.

mod caller;
mod document;
mod domains;
mod entries;
mod estate;
mod events;
mod input;
mod jobs;
mod lists;
mod log;
mod once;
mod policies;
mod problem;
mod sealing;
mod senders;
mod users;
mod words;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

use super::House;

pub(super) use caller::Rates;
pub(super) use document::page;
pub(super) use once::Answers;
pub(super) use problem::Problem;

/// Where the API is.
pub(super) const ROOT: &str = "/api/";
/// The longest body of a call, in octets: room for 10,000 ids.
const BODY_MOST: usize = 512 << 10;

/// The routes, with what is told of them.
fn routes() -> OpenApiRouter<House> {
    OpenApiRouter::with_openapi(document::beginning())
        .merge(entries::routes())
        .merge(log::routes())
        .merge(lists::routes())
        .merge(policies::routes())
        .merge(users::routes())
        .merge(domains::routes())
        .merge(jobs::routes())
        .merge(estate::routes())
        .merge(sealing::routes())
        .merge(senders::routes())
        .merge(events::routes())
}

/// All of `/api/v1`.
pub(super) fn router(house: &House) -> Router<House> {
    let (router, openapi) = routes().split_for_parts();
    document::keep(document::complete(&openapi));
    router
        .route_layer(from_fn_with_state(house.clone(), once::once))
        .route_layer(from_fn_with_state(house.clone(), caller::enter))
        .route("/openapi.json", get(document::openapi))
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "this is not done here; see the field Allow",
            )
        })
        .layer(DefaultBodyLimit::max(BODY_MOST))
        .layer(from_fn(as_problem))
}

/// What the framework refuses by itself is told as everything else is.
async fn as_problem(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let fields = response.headers();
    let told = fields
        .get(axum::http::header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes() == problem::MEDIA_TYPE.as_bytes());
    if !(status.is_client_error() || status.is_server_error()) || told {
        return response;
    }
    let words = status.canonical_reason().unwrap_or("not possible");
    Problem::new(status, words.to_lowercase()).into_response()
}

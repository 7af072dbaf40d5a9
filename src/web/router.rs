//! Which path leads where.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};

use super::House;
use super::answer::{Fault, guard, redirect};
use super::api;
use super::api::Problem;
use super::assets;
use super::events;
use super::pages::{act, entry, gate, log, overview, quarantine, views};

/// The longest body of a request, in octets: room for some 20,000 ids.
const BODY_MOST: usize = 1 << 20;

pub(super) fn router(house: House) -> Router {
    Router::new()
        .route("/", get(async || redirect("/quarantine")))
        .route("/assets/{tag}/{name}", get(assets::get))
        .route("/sign-in", get(gate::show).post(gate::enter))
        .route("/sign-in/code", post(gate::code))
        .route("/sign-in/link", get(gate::ask_link).post(gate::send_link))
        .route(
            "/sign-in/link/{token}",
            get(gate::show_link).post(gate::take_link),
        )
        .route("/sign-out", post(gate::leave))
        .route("/taste", post(gate::taste))
        .route("/quarantine", get(quarantine::show))
        .route("/views", post(views::save_view))
        .route("/quarantine/act", post(act::act))
        .route("/overview", get(overview::show))
        .route("/log", get(log::show))
        .route("/log.csv", get(log::csv))
        .route("/entries/{id}", get(entry::show))
        .route("/entries/{id}/preview", get(entry::preview))
        .route("/entries/{id}/message.eml", get(entry::message))
        .route("/events", get(events::listen))
        .fallback(async || Fault::NotFound)
        .layer(DefaultBodyLimit::max(BODY_MOST))
        .nest("/api/v1", api::router(&house))
        .route("/api", get(async || redirect("/api/v1/")))
        .route("/api/v1/", get(api::page))
        .route("/api/{*rest}", any(async || Problem::not_found()))
        .layer(from_fn_with_state(house.clone(), guard))
        .with_state(house)
}

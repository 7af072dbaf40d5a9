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
use super::pages::{account, act, api_keys, audit, digests, domains, entry, gate, jobs, keys};
use super::pages::{link, lists, log, overview, people, person, policy, proof, quarantine, views};

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
        .route(
            "/pending",
            get(async || redirect("/quarantine?shelf=pending")),
        )
        .route("/views", post(views::save_view))
        .route("/quarantine/act", post(act::act))
        .route("/overview", get(overview::show))
        .route("/log", get(log::show))
        .route("/log.csv", get(log::csv))
        .route("/entries/{id}", get(entry::show))
        .route("/entries/{id}/preview", get(entry::preview))
        .route("/entries/{id}/message.eml", get(entry::message))
        .route("/events", get(events::listen))
        .route("/l/{token}", get(link::show).post(link::act))
        .route("/u/{token}", get(link::show_digests).post(link::subscribe))
        .merge(settings())
        .merge(own())
        .fallback(async || Fault::NotFound)
        .layer(DefaultBodyLimit::max(BODY_MOST))
        .nest("/api/v1", api::router(&house))
        .route("/api", get(async || redirect("/api/v1/")))
        .route("/api/v1/", get(api::page))
        .route("/api/{*rest}", any(async || Problem::not_found()))
        .layer(from_fn_with_state(house.clone(), guard))
        .with_state(house)
}

/// What is set: lists, policies, people, domains, keys.
fn settings() -> Router<House> {
    Router::new()
        .route("/lists", get(lists::show))
        .route("/lists/add", post(lists::add))
        .route("/lists/remove", post(lists::remove))
        .route("/lists/paste", post(lists::paste))
        .route("/policy", get(policy::show).post(policy::set))
        .route("/people", get(people::show))
        .route("/people/add", post(people::add))
        .route("/people/account", get(person::show).post(person::act))
        .route("/people/domains", get(domains::show).post(domains::act))
        .route("/jobs", get(jobs::show).post(jobs::act))
        .route("/audit", get(audit::show))
        .route("/keys", get(keys::show))
        .route("/keys/test", post(keys::test))
        .route("/keys/rotate", post(keys::rotate))
        .route("/api-keys", get(api_keys::show))
        .route("/api-keys/make", post(api_keys::make))
        .route("/api-keys/remove", post(api_keys::remove))
}

/// The visitor's own account.
fn own() -> Router<House> {
    Router::new()
        .route("/act-as", post(account::act_as))
        .route("/account", get(account::show))
        .route("/account/password", post(account::password))
        .route("/account/prove", get(proof::ask).post(proof::prove))
        .route(
            "/account/second-factor",
            get(proof::enrol).post(proof::confirm),
        )
        .route("/account/second-factor/off", post(account::second_off))
        .route("/account/recovery-codes", post(account::recovery))
        .route("/account/sessions/end", post(account::end_session))
        .route("/account/sign-out-everywhere", post(account::everywhere))
        .route("/account/delegates/add", post(account::delegate))
        .route("/account/delegates/remove", post(account::undelegate))
        .route("/account/digests", post(digests::set))
        .route("/account/digests/send", post(digests::send))
        .route("/account/give-up", post(account::give_up))
}

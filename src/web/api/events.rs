//! Arrivals and departures as they happen: server-sent events.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::input::Asked;
use super::problem::Problem;
use super::words::ShelfName;
use crate::web::House;
use crate::web::events::{Listener, Told, stream};
use crate::web::pages::quarantine::SHELVES;

pub(super) fn routes() -> OpenApiRouter<House> {
    OpenApiRouter::new().routes(routes!(listen))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filters {
    /// Without it all shelves.
    #[param(value_type = Option<ShelfName>, inline)]
    shelf: Option<String>,
}

/// Listen to arrivals and departures
///
/// Server-sent events within the key's scope: `came` and `went`, with `id` and `shelf` of the
/// entry as data; `missed` if there were more than could be told in time: list the entries anew
/// then. A comment every 15 seconds keeps the line open. It ends when the key holds no longer.
#[utoipa::path(get, path = "/events", tag = "events", params(Filters),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
async fn listen(
    State(house): State<House>,
    caller: Caller,
    Asked(asked): Asked<Filters>,
) -> Result<Response, Problem> {
    let place = match asked.shelf {
        None => None,
        Some(name) => match SHELVES.iter().find(|(n, ..)| *n == name) {
            Some((_, shelf, direction)) => Some((*shelf, *direction)),
            None => {
                return Err(Problem::unfit(
                    "shelf: caught, outgoing, pending or training",
                ));
            }
        },
    };
    let login = house.login.clone();
    let (key, address) = (caller.key, caller.client.address);
    let by = caller.by.clone();
    let listener = Listener {
        scope: caller.by.scope,
        place,
        told: Told::IdAndShelf,
    };
    let holds = move || {
        let (login, key, by) = (login.clone(), key.clone(), by.clone());
        async move {
            let now = login.by_key(&key, address, "api").await;
            now.is_ok_and(|now| now.scope == by.scope)
        }
    };
    Ok(stream(&house, listener, holds))
}

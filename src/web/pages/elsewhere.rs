//! Signing in at the page of somebody else, and coming back from there.

use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;

use super::gate::{Gate, go_on, sign_in, with_cookie};
use crate::accounts::LoginRefusal;
use crate::accounts::oidc::{AWAY, Return};
use crate::web::House;
use crate::web::answer::{Answer, Fault, local};
use crate::web::client::Client;
use crate::web::form::Form;
use crate::web::visitor::{Taste, cookie};

/// The cookie that ties a sign-in to its browser. Under TLS no other host, and no plain page, can set it.
fn name(client: Client) -> &'static str {
    if client.tls {
        "__Host-quaranta-away"
    } else {
        "quaranta-away"
    }
}

/// The Set-Cookie field; an empty `value` ends it. It must come back from another site's page, but
/// only when the browser as a whole goes here.
fn set_away(client: Client, value: &str) -> Option<HeaderValue> {
    let secure = if client.tls { "; Secure" } else { "" };
    let age = if value.is_empty() { 0 } else { AWAY.as_secs() };
    let name = name(client);
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}");
    HeaderValue::try_from(text).ok()
}

/// `GET /sign-in/oidc`: to the provider's page.
pub(in crate::web) async fn depart(
    State(house): State<House>,
    Extension(client): Extension<Client>,
    taste: Taste,
    RawQuery(query): RawQuery,
) -> Answer {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let next = local(form.get("next").unwrap_or("/"));
    if house.login.provider().is_none() {
        return Err(Fault::NotFound);
    }
    match house.login.depart(next, client.address).await {
        Ok(departure) => {
            let to = HeaderValue::try_from(departure.page)
                .map_err(|_| Fault::Failed("the provider's address cannot be sent".to_owned()))?;
            let response = (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response();
            Ok(with_cookie(response, set_away(client, &departure.cookie)))
        }
        Err(refusal) => {
            let gate = Gate::new(&taste).refusing(&refusal, taste.t.sign_in_not_theirs);
            sign_in(&house, gate, next, "")
        }
    }
}

/// `GET /sign-in/oidc/back`: where the provider sends people to.
pub(in crate::web) async fn come_back(
    State(house): State<House>,
    Extension(client): Extension<Client>,
    taste: Taste,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    if house.login.provider().is_none() {
        return Err(Fault::NotFound);
    }
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let away = cookie(&headers, name(client)).unwrap_or_default();
    let begun = match (form.get("code"), form.get("state")) {
        (Some(code), Some(state)) => {
            let brought = Return {
                cookie: away,
                state,
                code,
            };
            let login = &house.login;
            login.come_back(brought, client.address, "web").await
        }
        // They changed their mind there.
        _ => Err(LoginRefusal::Wrong),
    };
    let response = match begun {
        Ok((step, next)) => go_on(&house, step, client, &taste, &headers, local(&next)),
        Err(refusal) => {
            let gate = Gate::new(&taste).refusing(&refusal, taste.t.sign_in_not_theirs);
            sign_in(&house, gate, "/", "")
        }
    };
    Ok(with_cookie(response?, set_away(client, "")))
}

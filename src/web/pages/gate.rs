//! Signing in and out, and how somebody likes to see things.

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::accounts::LoginRefusal;
use crate::web::House;
use crate::web::answer::{Answer, Fault, local, page, redirect};
use crate::web::assets;
use crate::web::client::Client;
use crate::web::form::Form;
use crate::web::texts::Texts;
use crate::web::visitor::{Taste, Visitor, set_session};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    t: &'static Texts,
    theme: &'static str,
    style: String,
    icon: String,
    script: String,
    next: &'a str,
    login: &'a str,
    said: Option<&'a str>,
    bad: bool,
}

fn sign_in<'a>(taste: &Taste, next: &'a str, login: &'a str, said: Option<&'a str>) -> SignIn<'a> {
    SignIn {
        t: taste.t,
        theme: taste.theme,
        style: assets::address("style.css"),
        icon: assets::address("icon.svg"),
        script: assets::address("panel.js"),
        next,
        login,
        said,
        bad: said.is_some(),
    }
}

/// `GET /sign-in`
pub(in crate::web) async fn show(taste: Taste, RawQuery(query): RawQuery) -> Answer {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let said = form.get("signed_out").map(|_| taste.t.signed_out);
    let mut sign_in = sign_in(&taste, local(form.get("next").unwrap_or("/")), "", said);
    sign_in.bad = false;
    page(&sign_in)
}

/// `POST /sign-in`
pub(in crate::web) async fn enter(
    State(house): State<House>,
    Extension(client): Extension<Client>,
    taste: Taste,
    body: Bytes,
) -> Answer {
    let form = Form::of_body(&body);
    let login = form.get("login").unwrap_or_default();
    let password = form.all("password").next().unwrap_or_default();
    let next = local(form.get("next").unwrap_or("/"));
    let signed_in = house
        .login
        .sign_in(login, password, client.address, "web")
        .await;
    let said = match signed_in {
        Ok(principal) => {
            let token = house.visits.begin(principal, house.desk.now());
            let token = token.ok_or_else(|| Fault::Failed("no random numbers".to_owned()))?;
            return Ok(with_cookie(redirect(next), set_session(client, &token)));
        }
        Err(LoginRefusal::Wrong) => taste.t.sign_in_wrong,
        Err(LoginRefusal::Wait(_)) => taste.t.sign_in_wait,
        Err(LoginRefusal::Unavailable) => taste.t.sign_in_later,
    };
    page(&sign_in(&taste, next, login, Some(said)))
}

/// `POST /sign-out`
pub(in crate::web) async fn leave(
    State(house): State<House>,
    visitor: Visitor,
    body: Bytes,
) -> Answer {
    visitor.check(&Form::of_body(&body))?;
    house.visits.end(&visitor);
    let cookie = set_session(visitor.client, "");
    Ok(with_cookie(redirect("/sign-in?signed_out=1"), cookie))
}

/// `POST /taste`: language and colours, in cookies that hold nothing secret.
pub(in crate::web) async fn taste(visitor: Visitor, body: Bytes) -> Answer {
    let form = Form::of_body(&body);
    visitor.check(&form)?;
    let mut response = redirect(local(form.get("back").unwrap_or("/")));
    for (name, known) in [("lang", ["en", "de"]), ("theme", ["light", "dark"])] {
        let wished = form.get(name).filter(|value| known.contains(value));
        if let Some(value) = wished {
            let text = format!("{name}={value}; Path=/; Max-Age=31536000; SameSite=Lax");
            response = with_cookie(response, HeaderValue::try_from(text).ok());
        }
    }
    Ok(response)
}

fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response.into_response()
}

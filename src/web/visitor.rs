//! Who looks at a page: the session behind the cookie, and how the visitor likes to see things.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;
use parking_lot::Mutex;

use super::House;
use super::answer::Fault;
use super::client::Client;
use super::form::Form;
use super::texts::{self, Texts};
use crate::accounts::Entered;
use crate::policy::Principal;
use crate::record::Door;

/// Words for the next page are kept for so many sessions; beyond that all are dropped.
const FLASHES_MOST: usize = 10_000;
/// Characters of a browser's description that are looked at.
const AGENT_MOST: usize = 200;

/// Said once, on the next page.
#[derive(Debug, Clone, Default)]
pub(super) struct Flash {
    pub(super) words: String,
    pub(super) bad: bool,
    /// Shown once in full, such as a new key.
    pub(super) secret: Option<String>,
    /// Ids of what can still be taken back.
    pub(super) undo: Vec<String>,
}

impl Flash {
    pub(super) fn good(words: impl Into<String>) -> Self {
        Self {
            words: words.into(),
            ..Self::default()
        }
    }

    pub(super) fn bad(words: impl Into<String>) -> Self {
        Self {
            bad: true,
            ..Self::good(words)
        }
    }

    /// The same with something that is shown this once.
    pub(super) fn with_secret(mut self, secret: String) -> Self {
        self.secret = Some(secret);
        self
    }
}

/// What is said on next pages, by session. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Flashes(Arc<Mutex<HashMap<String, Flash>>>);

impl Flashes {
    pub(super) fn say(&self, visitor: &Visitor, flash: Flash) {
        let mut flashes = self.0.lock();
        if flashes.len() >= FLASHES_MOST {
            flashes.clear();
        }
        flashes.insert(visitor.entered.session.id.clone(), flash);
    }

    fn take(&self, session: &str) -> Option<Flash> {
        self.0.lock().remove(session)
    }
}

/// How somebody likes to see things; kept in cookies that hold nothing secret.
#[derive(Clone)]
pub(super) struct Taste {
    pub(super) t: &'static Texts,
    /// `light`, `dark`, or empty for what the system says.
    pub(super) theme: &'static str,
    pub(super) zone: TimeZone,
}

impl Taste {
    fn of(headers: &HeaderMap, house: &House) -> Self {
        let theme = match cookie(headers, "theme") {
            Some("dark") => "dark",
            Some("light") => "light",
            _ => "",
        };
        let accepted = headers
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok());
        let named = cookie(headers, "tz").map(|name| name.replace("%2F", "/"));
        let zone = named
            .filter(|name| name.len() < 60)
            .or_else(|| house.options.time_zone.clone())
            .and_then(|name| TimeZone::get(&name).ok())
            .unwrap_or_else(TimeZone::system);
        Self {
            t: texts::choose(cookie(headers, "lang"), accepted),
            theme,
            zone,
        }
    }
}

impl FromRequestParts<House> for Taste {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, house: &House) -> Result<Self, Fault> {
        Ok(Self::of(&parts.headers, house))
    }
}

/// Somebody who signed in.
#[derive(Clone)]
pub(super) struct Visitor {
    /// What the cookie holds.
    pub(super) token: String,
    pub(super) entered: Entered,
    /// What the visitor acts as.
    pub(super) principal: Principal,
    pub(super) flash: Option<Flash>,
    pub(super) taste: Taste,
    pub(super) client: Client,
}

/// Somebody who signed in, and may have to set up a second factor before anything else.
#[derive(Clone)]
pub(super) struct Caller {
    /// What the cookie holds.
    pub(super) token: String,
    pub(super) entered: Entered,
    pub(super) taste: Taste,
    pub(super) client: Client,
}

impl FromRequestParts<House> for Caller {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, house: &House) -> Result<Self, Fault> {
        let client = client_of(parts)?;
        let back = match parts.method {
            Method::GET => parts.uri.path_and_query().map(ToString::to_string),
            _ => None,
        };
        let sign_in = || Fault::SignIn(back.clone());
        let token = cookie(&parts.headers, name(client)).ok_or_else(sign_in)?;
        let entered = house.login.session(token).await?.ok_or_else(sign_in)?;
        Ok(Self {
            token: token.to_owned(),
            entered,
            taste: Taste::of(&parts.headers, house),
            client,
        })
    }
}

impl Caller {
    /// Refuses a form that did not come from one of our pages.
    pub(super) fn check(&self, form: &Form) -> Result<(), Fault> {
        check(&self.entered, form)
    }
}

/// Refuses a form that did not come from one of our pages.
fn check(entered: &Entered, form: &Form) -> Result<(), Fault> {
    if entered.session.takes(form.get("csrf").unwrap_or_default()) {
        Ok(())
    } else {
        Err(Fault::Forged)
    }
}

impl FromRequestParts<House> for Visitor {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, house: &House) -> Result<Self, Fault> {
        let caller = Caller::from_request_parts(parts, house).await?;
        let Some(principal) = caller.entered.acting.clone() else {
            return Err(Fault::Enrol);
        };
        // A document in a frame takes no words that the page around it is to show.
        let dest = parts.headers.get("sec-fetch-dest");
        let is_page = parts.method == Method::GET
            && (dest.is_none_or(|dest| dest == "document")
                || parts.headers.contains_key("hx-request"));
        let flash = is_page
            .then(|| house.flashes.take(&caller.entered.session.id))
            .flatten();
        let Caller {
            token,
            entered,
            taste,
            client,
        } = caller;
        Ok(Self {
            token,
            entered,
            principal,
            flash,
            taste,
            client,
        })
    }
}

/// A form that somebody who signed in sent from one of our pages: one without the session's token
/// never reaches who takes it.
pub(super) struct Pressed {
    pub(super) visitor: Visitor,
    pub(super) form: Form,
}

impl FromRequest<House> for Pressed {
    type Rejection = Response;

    async fn from_request(request: Request, house: &House) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, house).await;
        let visitor = visitor.map_err(IntoResponse::into_response)?;
        let body = Bytes::from_request(Request::from_parts(parts, body), house).await;
        let form = Form::of_body(&body.map_err(IntoResponse::into_response)?);
        visitor.check(&form).map_err(IntoResponse::into_response)?;
        Ok(Self { visitor, form })
    }
}

/// The visitor's machine, as the guard found it.
pub(super) fn client_of(parts: &Parts) -> Result<Client, Fault> {
    let client = parts.extensions.get::<Client>().copied();
    client.ok_or_else(|| Fault::Failed("a request came past the guard".to_owned()))
}

/// What a browser says of itself.
pub(super) fn agent(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT);
    let text = agent.and_then(|value| value.to_str().ok());
    text.unwrap_or_default().chars().take(AGENT_MOST).collect()
}

impl Visitor {
    /// The door that the history shows.
    pub(super) fn door(&self) -> Door {
        Door::new("web", self.client.address)
    }

    /// Refuses a form that did not come from one of our pages.
    pub(super) fn check(&self, form: &Form) -> Result<(), Fault> {
        check(&self.entered, form)
    }

    /// Sends who has not given the password or a code for a while to do so first, and then to the
    /// page at `back`.
    pub(super) fn check_proved(&self, back: &str) -> Result<(), Fault> {
        if self.entered.is_proved {
            Ok(())
        } else {
            Err(Fault::Prove(back.to_owned()))
        }
    }

    /// The person itself, whatever it acts as; `None` while its own role rests.
    pub(super) fn own(&self) -> Option<&Principal> {
        let mut all = self.entered.principals.iter();
        all.find(|principal| principal.is_itself())
    }
}

/// The session's cookie. Under TLS no other host, and no plain page, can set it.
fn name(client: Client) -> &'static str {
    if client.tls {
        "__Host-quaranta"
    } else {
        "quaranta"
    }
}

/// The Set-Cookie field that begins a session, or ends it where `token` is empty.
pub(super) fn set_session(client: Client, token: &str) -> Option<HeaderValue> {
    let secure = if client.tls { "; Secure" } else { "" };
    let age = if token.is_empty() { "; Max-Age=0" } else { "" };
    let text = format!(
        "{}={token}; Path=/; HttpOnly; SameSite=Lax{secure}{age}",
        name(client)
    );
    HeaderValue::try_from(text).ok()
}

/// A cookie's value.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(n, _)| *n == name)
        .map(|(_, value)| value)
}

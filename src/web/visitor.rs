//! Who looks at a page: the session behind the cookie, and how the visitor likes to see things.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use jiff::tz::TimeZone;
use parking_lot::Mutex;

use super::House;
use super::answer::Fault;
use super::client::Client;
use super::form::Form;
use super::texts::{self, Texts};
use crate::clock::Timestamp;
use crate::policy::Principal;
use crate::record::Door;
use crate::token::random;

/// Sessions at the same time; when full, those that were used longest ago end.
const SESSIONS_MOST: usize = 20_000;
/// A session that nobody uses ends, in milliseconds.
const IDLE_MS: u64 = 8 * 3_600_000;

/// Said once, on the next page.
#[derive(Debug, Clone, Default)]
pub(super) struct Flash {
    pub(super) words: String,
    pub(super) bad: bool,
    /// Ids of what can still be taken back.
    pub(super) undo: Vec<String>,
}

struct Session {
    principal: Principal,
    csrf: String,
    used: Timestamp,
    flash: Option<Flash>,
}

/// The sessions of the panel. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Visits(Arc<Mutex<HashMap<String, Session>>>);

impl Visits {
    /// A session for `principal`; returns what the cookie holds.
    pub(super) fn begin(&self, principal: Principal, now: Timestamp) -> Option<String> {
        let token = hex(&random::<32>().ok()?);
        let csrf = hex(&random::<16>().ok()?);
        let mut sessions = self.0.lock();
        if sessions.len() >= SESSIONS_MOST {
            let oldest = sessions.iter().min_by_key(|(_, s)| s.used);
            if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                sessions.remove(&key);
            }
        }
        let session = Session {
            principal,
            csrf,
            used: now,
            flash: None,
        };
        sessions.insert(digest(&token), session);
        Some(token)
    }

    pub(super) fn end(&self, visitor: &Visitor) {
        self.0.lock().remove(&visitor.key);
    }

    /// Words for the next page.
    pub(super) fn say(&self, visitor: &Visitor, flash: Flash) {
        if let Some(session) = self.0.lock().get_mut(&visitor.key) {
            session.flash = Some(flash);
        }
    }

    fn find(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Option<(String, Principal, String, Option<Flash>)> {
        let key = digest(token);
        let mut sessions = self.0.lock();
        let session = sessions.get_mut(&key)?;
        if now.0.saturating_sub(session.used.0) > IDLE_MS {
            sessions.remove(&key);
            return None;
        }
        session.used = now;
        let flash = session.flash.take();
        Some((key, session.principal.clone(), session.csrf.clone(), flash))
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Only this is kept: who reads our memory cannot take a session over with it.
fn digest(token: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
    hex(digest.as_ref())
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
    key: String,
    pub(super) principal: Principal,
    /// Goes into every form, and comes back with it.
    pub(super) csrf: String,
    pub(super) flash: Option<Flash>,
    pub(super) taste: Taste,
    pub(super) client: Client,
}

impl FromRequestParts<House> for Visitor {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, house: &House) -> Result<Self, Fault> {
        let client = parts
            .extensions
            .get::<Client>()
            .copied()
            .ok_or(Fault::SignIn)?;
        let token = cookie(&parts.headers, name(client)).ok_or(Fault::SignIn)?;
        let found = house.visits.find(token, house.desk.now());
        let (key, principal, csrf, flash) = found.ok_or(Fault::SignIn)?;
        Ok(Self {
            key,
            principal,
            csrf,
            flash,
            taste: Taste::of(&parts.headers, house),
            client,
        })
    }
}

impl Visitor {
    /// The door that the history shows.
    pub(super) fn door(&self) -> Door {
        Door::new("web", self.client.address)
    }

    /// Refuses a form that did not come from one of our pages.
    pub(super) fn check(&self, form: &Form) -> Result<(), Fault> {
        let given = form.get("csrf").unwrap_or_default();
        verify_slices_are_equal(given.as_bytes(), self.csrf.as_bytes()).map_err(|_| Fault::Forged)
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

//! Who calls: the key in `Authorization`, what it may do, and how often it was used this minute.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;

use super::problem::Problem;
use crate::clock::Timestamp;
use crate::policy::Principal;
use crate::record::Door;
use crate::web::House;
use crate::web::client::Client;

/// Callers that are counted in one minute; beyond that nobody new is let in.
const COUNTED_MOST: usize = 100_000;
const MINUTE_MS: u64 = 60_000;

/// A program with a valid key.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) by: Principal,
    pub(super) door: Door,
    /// Asked again while a stream of events is open.
    pub(super) key: Arc<str>,
    pub(super) client: Client,
}

impl FromRequestParts<House> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &House) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Caller>().cloned();
        caller.ok_or_else(Problem::no_key)
    }
}

/// Requests of this minute, by caller. Cheap to clone.
#[derive(Clone, Default)]
pub(in crate::web) struct Rates(Arc<Mutex<(u64, HashMap<String, u32>)>>);

impl Rates {
    /// Counts one more: how many are left of `most`, or `None` if it is one too many.
    fn count(&self, who: &str, most: u32, now: Timestamp) -> Option<u32> {
        let mut rates = self.0.lock();
        let minute = now.0 / MINUTE_MS;
        if rates.0 != minute {
            *rates = (minute, HashMap::new());
        }
        if rates.1.len() >= COUNTED_MOST && !rates.1.contains_key(who) {
            return None;
        }
        let count = rates.1.entry(who.to_owned()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(most - *count)
    }

    /// Counts one more; false if it is one too many.
    pub(in crate::web) fn allows(&self, who: &str, most: u32, now: Timestamp) -> bool {
        self.count(who, most, now).is_some()
    }
}

/// Seconds to the end of the minute.
fn rest(now: Timestamp) -> u64 {
    (MINUTE_MS - now.0 % MINUTE_MS).div_ceil(1000)
}

fn key(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// Lets in who has a key, and says how much of its minute is left.
pub(super) async fn enter(
    State(house): State<House>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(client) = request.extensions().get::<Client>().copied() else {
        return Problem::no_key().into_response();
    };
    let caller = match caller(&house, request.headers(), client).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let (now, most) = (house.desk.now(), house.options.api_rate);
    let left = house.rates.count(&caller.by.who, most, now);
    let mut response = match left {
        None => Problem::wait(rest(now)).into_response(),
        Some(_) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
    };
    for (name, value) in [
        ("ratelimit-policy", format!("\"key\";q={most};w=60")),
        (
            "ratelimit",
            format!("\"key\";r={};t={}", left.unwrap_or(0), rest(now)),
        ),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            let headers = response.headers_mut();
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

async fn caller(house: &House, headers: &HeaderMap, client: Client) -> Result<Caller, Problem> {
    let key = key(headers).ok_or_else(Problem::no_key)?;
    let principal = house.login.by_key(key, client.address, "api").await;
    match principal {
        Ok(by) => Ok(Caller {
            by,
            door: Door::new("api", client.address),
            key: key.into(),
            client,
        }),
        Err(refusal) => {
            // Who tries keys is counted, too.
            let (now, most) = (house.desk.now(), house.options.api_rate);
            let who = format!("at {}", client.address);
            match house.rates.count(&who, most, now) {
                Some(_) => Err(refusal.into()),
                None => Err(Problem::wait(rest(now))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se17_each_caller_has_its_own_minute() {
        let rates = Rates::default();
        let now = Timestamp(MINUTE_MS * 5 + 1);
        assert_eq!(rates.count("a", 2, now), Some(1));
        assert_eq!(rates.count("a", 2, now), Some(0));
        assert_eq!(rates.count("a", 2, now), None);
        assert_eq!(rates.count("b", 2, now), Some(1));
        assert_eq!(rest(now), 60);
        let later = Timestamp(MINUTE_MS * 6);
        assert_eq!(rates.count("a", 2, later), Some(1));
    }
}

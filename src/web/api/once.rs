//! `Idempotency-Key`: the same call again gets the same answer, and is not done again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;

use super::caller::Caller;
use super::input;
use super::problem::Problem;
use crate::clock::Timestamp;
use crate::web::House;

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(86_400);
/// Answers kept at most, and their octets together; beyond that the oldest go.
const ANSWERS_MOST: usize = 10_000;
const OCTETS_MOST: usize = 64 << 20;
/// Octets of an answer that is kept, and of a key.
const ANSWER_LONGEST: usize = 4 << 20;
const KEY_LONGEST: usize = 255;
/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Caller, call and key, as a hash: they may be long.
type Name = [u8; 32];

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    media_type: Option<HeaderValue>,
    body: Bytes,
}

struct Slot {
    sent: Name,
    /// `None` while it is being done.
    answer: Option<Answer>,
    number: u64,
}

#[derive(Default)]
struct Memory {
    slots: HashMap<Name, Slot>,
    /// The oldest first.
    order: VecDeque<(Timestamp, Name, u64)>,
    octets: usize,
    last: u64,
}

impl Memory {
    fn drop_slot(&mut self, name: &Name, number: u64) {
        if self
            .slots
            .get(name)
            .is_some_and(|slot| slot.number == number)
        {
            let slot = self.slots.remove(name);
            let answer = slot.and_then(|slot| slot.answer);
            self.octets -= answer.map_or(0, |answer| answer.body.len());
        }
    }

    fn make_room(&mut self, now: Timestamp) {
        while let Some((at, name, number)) = self.order.front().copied() {
            let full = self.order.len() >= ANSWERS_MOST || self.octets > OCTETS_MOST;
            if !full && now.since(at) < KEPT {
                return;
            }
            self.order.pop_front();
            self.drop_slot(&name, number);
        }
    }
}

/// What was answered to which key. Cheap to clone.
#[derive(Clone, Default)]
pub(in crate::web) struct Answers(Arc<Mutex<Memory>>);

/// A call that is being done; forgotten if it is given up.
struct Doing {
    answers: Answers,
    name: Name,
    number: u64,
    kept: bool,
}

impl Drop for Doing {
    fn drop(&mut self) {
        if !self.kept {
            self.answers.0.lock().drop_slot(&self.name, self.number);
        }
    }
}

impl Doing {
    fn keep(mut self, answer: Answer) {
        let mut memory = self.answers.0.lock();
        let octets = answer.body.len();
        if let Some(slot) = memory.slots.get_mut(&self.name)
            && slot.number == self.number
        {
            slot.answer = Some(answer);
            memory.octets += octets;
            self.kept = true;
        }
        drop(memory);
    }
}

impl Answers {
    /// Begins a call, or gives its answer.
    fn begin(&self, name: Name, sent: Name, now: Timestamp) -> Result<Doing, Box<Response>> {
        let mut memory = self.0.lock();
        memory.make_room(now);
        if let Some(slot) = memory.slots.get(&name) {
            let response = match &slot.answer {
                _ if slot.sent != sent => {
                    Problem::unfit("the Idempotency-Key was used with another body").into_response()
                }
                None => Problem::new(
                    StatusCode::CONFLICT,
                    "the first call with this Idempotency-Key is still being done",
                )
                .into_response(),
                Some(answer) => again(answer.clone()),
            };
            return Err(Box::new(response));
        }
        memory.last += 1;
        let number = memory.last;
        memory.order.push_back((now, name, number));
        let slot = Slot {
            sent,
            answer: None,
            number,
        };
        memory.slots.insert(name, slot);
        Ok(Doing {
            answers: self.clone(),
            name,
            number,
            kept: false,
        })
    }
}

fn again(answer: Answer) -> Response {
    let mut response = (answer.status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    if let Some(media_type) = answer.media_type {
        headers.insert(header::CONTENT_TYPE, media_type);
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

fn hash(parts: &[&[u8]]) -> Name {
    let mut all = Vec::new();
    for part in parts {
        all.extend_from_slice(&(part.len() as u64).to_be_bytes());
        all.extend_from_slice(part);
    }
    let mut name = [0; 32];
    name.copy_from_slice(digest(&SHA256, &all).as_ref());
    name
}

/// Does a POST with an `Idempotency-Key` once in 24 hours.
pub(super) async fn once(
    State(house): State<House>,
    caller: Caller,
    request: Request,
    next: Next,
) -> Response {
    let key = request.headers().get("idempotency-key").cloned();
    let Some(key) = key.filter(|_| request.method() == Method::POST) else {
        return next.run(request).await;
    };
    let fits = |octet: &u8| (b'!'..=b'~').contains(octet);
    if key.is_empty() || key.len() > KEY_LONGEST || !key.as_bytes().iter().all(fits) {
        let words = format!(
            "Idempotency-Key: 1 to {KEY_LONGEST} printable ASCII characters without blanks"
        );
        return Problem::unfit(words).into_response();
    }
    let (parts, body) = request.into_parts();
    let whole = Request::from_parts(parts.clone(), body);
    let octets = match input::read(whole, &house).await {
        Ok(octets) => octets,
        Err(problem) => return problem.into_response(),
    };
    let path = parts.uri.path().as_bytes();
    let name = hash(&[caller.by.who.as_bytes(), path, key.as_bytes()]);
    let sent = hash(&[parts.uri.query().unwrap_or("").as_bytes(), &octets]);
    let doing = match house.answers.begin(name, sent, house.desk.now()) {
        Ok(doing) => doing,
        Err(response) => return *response,
    };
    let response = next
        .run(Request::from_parts(parts, Body::from(octets)))
        .await;
    let (parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, ANSWER_LONGEST).await else {
        return Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the answer was too long to be kept; it was done",
        )
        .into_response();
    };
    // What was not done for want of something may be tried again.
    let later = parts.status.is_server_error() || parts.status == StatusCode::TOO_MANY_REQUESTS;
    if !later {
        doing.keep(Answer {
            status: parts.status,
            media_type: parts.headers.get(header::CONTENT_TYPE).cloned(),
            body: body.clone(),
        });
    }
    Response::from_parts(parts, Body::from(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se17_what_is_kept_has_a_bound_and_an_end() {
        let answers = Answers::default();
        let answer = || Answer {
            status: StatusCode::OK,
            media_type: None,
            body: Bytes::from(vec![0; 1 << 20]),
        };
        for number in 0..100_u8 {
            let doing = answers.begin([number; 32], [0; 32], Timestamp(0));
            doing.expect("new").keep(answer());
        }
        assert!(answers.0.lock().octets <= OCTETS_MOST + (1 << 20));
        let later = Timestamp(0).after(KEPT);
        let doing = answers.begin([99; 32], [0; 32], later).expect("forgotten");
        assert_eq!(answers.0.lock().slots.len(), 1);
        drop(doing);
        assert_eq!(answers.0.lock().slots.len(), 0, "given up");
    }
}

//! The page where the sender of pending mail shows that somebody is there (IW-06). It is for everybody
//! who has the link, and tells next to nothing; to look at it changes nothing.

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State as Shared};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::gate::Gate;
use crate::actions::{Challenged, OpenChallenge, Refusal};
use crate::clock::Timestamp;
use crate::record::Door;
use crate::token::KeyRing;
use crate::web::House;
use crate::web::answer::{Answer, Fault, page_with_picture, redirect};
use crate::web::client::Client;
use crate::web::form::Form;
use crate::web::human::{Nobody, Task};
use crate::web::texts::fill;
use crate::web::view::When;
use crate::web::visitor::Taste;

/// Told to a client that comes too often, in seconds.
const REST: u64 = 60;

struct Open {
    id: String,
    lead: String,
    until: String,
    task: Task,
}

enum State {
    Open(Box<Open>),
    Waiting,
    /// Unknown, guessed, too old, of mail that is held no more: one page for all.
    Gone,
    Done,
}

#[derive(Template)]
#[template(path = "challenge.html")]
struct Page {
    gate: Gate,
    state: State,
}

/// The path of a challenge; pictures and work are bound to it.
fn path(id: &str) -> String {
    format!("/c/{id}")
}

/// Turns clients away that come too often, whatever they ask for.
pub(super) fn admit(house: &House, client: Client) -> Result<(), Fault> {
    match house.humans.admits(client.address, house.desk.now()) {
        true => Ok(()),
        false => Err(Fault::TooMany(REST)),
    }
}

/// A page that takes no answers for a while.
pub(super) fn resting(template: &impl Template, until: Timestamp, now: Timestamp) -> Answer {
    let mut response: Response = page_with_picture(template)?;
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let seconds = until.since(now).as_secs().max(1);
    let value = HeaderValue::from(seconds);
    response.headers_mut().insert(header::RETRY_AFTER, value);
    Ok(response)
}

/// A new picture and new work for the page at `path`.
pub(super) fn task(house: &House, path: &str, ring: &KeyRing) -> Result<Task, Fault> {
    let task = house.humans.ask(path, ring, house.desk.now());
    task.map_err(|error| Fault::Failed(error.to_string()))
}

/// What is not there, on a page of its own; other refusals as everywhere.
pub(super) fn refused(refusal: Refusal, gone: &impl Template) -> Answer {
    if refusal != Refusal::NotYours {
        return Err(refusal.into());
    }
    let mut response: Response = page_with_picture(gone)?;
    *response.status_mut() = StatusCode::NOT_FOUND;
    Ok(response)
}

fn gone(taste: &Taste) -> Page {
    Page {
        gate: Gate::new(taste),
        state: State::Gone,
    }
}

async fn show_open(
    house: &House,
    taste: &Taste,
    id: String,
    open: &OpenChallenge,
    wrong: bool,
) -> Answer {
    let (t, now) = (taste.t, house.desk.now());
    let mut gate = Gate::new(taste);
    if let Some(until) = house.humans.rests(&path(&id), now) {
        let state = State::Waiting;
        return resting(&Page { gate, state }, until, now);
    }
    if wrong {
        gate = gate.saying(Some(t.challenge.wrong));
        gate.bad = true;
    }
    let ring = house.desk.challenge_keys().await?;
    let open = Open {
        lead: fill(t.challenge.lead, &open.domain),
        until: fill(
            t.challenge.until,
            When::new(open.until, now, &taste.zone, t).long,
        ),
        task: task(house, &path(&id), &ring)?,
        id,
    };
    page_with_picture(&Page {
        gate,
        state: State::Open(Box::new(open)),
    })
}

/// `GET /c/{id}`
pub(in crate::web) async fn show(
    Shared(house): Shared<House>,
    Extension(client): Extension<Client>,
    taste: Taste,
    Path(id): Path<String>,
) -> Answer {
    admit(&house, client)?;
    match house.desk.challenge(&id).await {
        Ok(Challenged::Open(open)) => show_open(&house, &taste, id, &open, false).await,
        Ok(Challenged::Answered) => page_with_picture(&Page {
            gate: Gate::new(&taste),
            state: State::Done,
        }),
        Err(refusal) => refused(refusal, &gone(&taste)),
    }
}

/// `POST /c/{id}`
pub(in crate::web) async fn answer(
    Shared(house): Shared<House>,
    Extension(client): Extension<Client>,
    taste: Taste,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    admit(&house, client)?;
    let here = path(&id);
    let open = match house.desk.challenge(&id).await {
        Ok(Challenged::Open(open)) => open,
        Ok(Challenged::Answered) => return Ok(redirect(&here)),
        Err(refusal) => return refused(refusal, &gone(&taste)),
    };
    let now = house.desk.now();
    if house.humans.rests(&here, now).is_some() {
        return show_open(&house, &taste, id, &open, false).await;
    }
    let ring = house.desk.challenge_keys().await?;
    let door = Door::new("web", client.address);
    match house.humans.judge(&here, &Form::of_body(&body), &ring, now) {
        Ok(()) => match house.desk.answer_challenge(&id, &door).await {
            Ok(()) => Ok(redirect(&here)),
            Err(refusal) => refused(refusal, &gone(&taste)),
        },
        Err(Nobody::Wrong | Nobody::Wait(_)) => {
            if let Ok(Challenged::Answered) = house.desk.challenge(&id).await {
                // Who presses twice answers with what was used up by the first time.
                return Ok(redirect(&here));
            }
            house.desk.challenge_failed(&id, &door).await?;
            show_open(&house, &taste, id, &open, true).await
        }
    }
}

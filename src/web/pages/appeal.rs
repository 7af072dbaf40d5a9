//! The page where the sender of a refused message asks for it (XX-07). It never says to whom the
//! message went; to look at it changes nothing.

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State as Shared};

use super::challenge::{admit, refused, resting, task};
use super::gate::Gate;
use crate::actions::Appealed;
use crate::record::Door;
use crate::web::House;
use crate::web::answer::{Answer, page_with_picture, redirect};
use crate::web::client::Client;
use crate::web::form::Form;
use crate::web::human::Task;
use crate::web::visitor::Taste;

/// Characters of what was typed that are shown again.
const TYPED_MOST: usize = 300;

struct Open {
    id: String,
    words: String,
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
#[template(path = "appeal.html")]
struct Page {
    gate: Gate,
    state: State,
}

/// The path of an appeal; pictures and work are bound to it.
fn path(id: &str) -> String {
    format!("/a/{id}")
}

fn gone(taste: &Taste) -> Page {
    Page {
        gate: Gate::new(taste),
        state: State::Gone,
    }
}

/// `typed` are the words of a form that did not bring the right answer.
async fn show_open(house: &House, taste: &Taste, id: String, typed: Option<&str>) -> Answer {
    let now = house.desk.now();
    let mut gate = Gate::new(taste);
    if let Some(until) = house.humans.rests(&path(&id), now) {
        let state = State::Waiting;
        return resting(&Page { gate, state }, until, now);
    }
    if typed.is_some() {
        gate = gate.saying(Some(taste.t.challenge.wrong));
        gate.bad = true;
    }
    let ring = house.desk.challenge_keys().await?;
    let typed = typed.unwrap_or_default();
    let open = Open {
        words: typed.chars().take(TYPED_MOST).collect(),
        task: task(house, &path(&id), &ring)?,
        id,
    };
    page_with_picture(&Page {
        gate,
        state: State::Open(Box::new(open)),
    })
}

/// `GET /a/{id}`
pub(in crate::web) async fn show(
    Shared(house): Shared<House>,
    Extension(client): Extension<Client>,
    taste: Taste,
    Path(id): Path<String>,
) -> Answer {
    admit(&house, client)?;
    match house.desk.appeal(&id).await {
        Ok(Appealed::Open) => show_open(&house, &taste, id, None).await,
        Ok(Appealed::Made) => page_with_picture(&Page {
            gate: Gate::new(&taste),
            state: State::Done,
        }),
        Err(refusal) => refused(refusal, &gone(&taste)),
    }
}

/// `POST /a/{id}`
pub(in crate::web) async fn make(
    Shared(house): Shared<House>,
    Extension(client): Extension<Client>,
    taste: Taste,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    admit(&house, client)?;
    let (here, form) = (path(&id), Form::of_body(&body));
    match house.desk.appeal(&id).await {
        Ok(Appealed::Open) => {}
        Ok(Appealed::Made) => return Ok(redirect(&here)),
        Err(refusal) => return refused(refusal, &gone(&taste)),
    }
    let ring = house.desk.challenge_keys().await?;
    let words = form.get("words").unwrap_or_default();
    match house.humans.judge(&here, &form, &ring, house.desk.now()) {
        Ok(()) => {
            let door = Door::new("web", client.address);
            house.desk.make_appeal(&id, words, &door).await?;
            Ok(redirect(&here))
        }
        // Who presses twice answers with what was used up by the first time.
        Err(_) if matches!(house.desk.appeal(&id).await, Ok(Appealed::Made)) => Ok(redirect(&here)),
        Err(_) => show_open(&house, &taste, id, Some(words)).await,
    }
}

//! The audit: what was set within the scope, who signed in, who opened others' mail.

use askama::Template;
use axum::extract::{RawQuery, State};

use super::filters::{Reader, Wrong};
use super::people::check_over;
use super::{Choice, Frame};
use crate::actions::{AuditQuery, Page as Found};
use crate::record::{Event, Status};
use crate::web::House;
use crate::web::answer::{Answer, local, page};
use crate::web::form::Form;
use crate::web::texts::Texts;
use crate::web::view::{self, When};
use crate::web::visitor::Visitor;

/// Lines on a page.
const ROWS: usize = 100;
/// Characters of what was set that are shown.
const WORDS_SHOWN: usize = 2000;

const KINDS: [(&str, Status); 4] = [
    ("changed", Status::Changed),
    ("signed-in", Status::SignedIn),
    ("sign-in-failed", Status::SignInFailed),
    ("opened", Status::Opened),
];

struct Line {
    at: When,
    status: String,
    kind: &'static str,
    who: String,
    door: String,
    about: String,
    words: String,
    /// The message that was opened.
    entry: Option<String>,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    frame: Frame,
    q: String,
    since: String,
    until: String,
    kinds: Vec<Choice>,
    filtered: bool,
    wrong: Wrong,
    rows: Vec<Line>,
    /// Where the next page begins.
    next: Option<String>,
}

fn kind(status: Status, t: &Texts) -> &'static str {
    let w = t.audit;
    match status {
        Status::SignedIn => w.signed_in,
        Status::SignInFailed => w.sign_in_failed,
        Status::Opened => w.opened,
        _ => w.changed,
    }
}

/// `GET /audit`
pub(in crate::web) async fn show(
    State(house): State<House>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Answer {
    let query = query.unwrap_or_default();
    let form = Form::read(query.as_bytes());
    let by = visitor.principal.clone();
    check_over(&by)?;
    let mut fields = Reader::new(&form, &visitor.taste.zone, visitor.taste.t);
    let asked = form.get("kind").unwrap_or_default();
    let chosen = KINDS.iter().filter(|(name, _)| *name == asked);
    let wish = AuditQuery {
        since: fields.since(),
        until: fields.until(),
        statuses: chosen.map(|(_, status)| *status).collect(),
        text: form.get("q").map(str::to_owned),
        before: fields.of_ours("before"),
    };
    let mut wrong = fields.wrong;
    if !asked.is_empty() && wish.statuses.is_empty() {
        wrong.add("kind", visitor.taste.t.wrong_choice);
    }
    let found = if wrong.is_empty() {
        house.desk.audit(&by, &wish, ROWS).await?
    } else {
        Found {
            rows: Vec::new(),
            next: None,
        }
    };
    let here = format!("/audit?{query}");
    let frame = Frame::new(visitor, local(&here), house.desk.now());
    let t = frame.t();
    let choice = |(name, status): (&'static str, Status)| Choice {
        value: name,
        text: kind(status, t),
        current: name == asked,
    };
    let value = |name| form.get(name).unwrap_or_default().to_owned();
    let filters = ["q", "since", "until", "kind"];
    page(&Page {
        q: value("q"),
        since: value("since"),
        until: value("until"),
        kinds: KINDS.map(choice).into(),
        filtered: filters.iter().any(|name| form.get(name).is_some()),
        wrong,
        rows: found.rows.iter().map(|event| line(event, &frame)).collect(),
        next: found
            .next
            .map(|place| format!("/audit?{}", form.with("before", &place.to_string()))),
        frame,
    })
}

fn line(event: &Event, frame: &Frame) -> Line {
    let words: String = event.words.chars().take(WORDS_SHOWN).collect();
    Line {
        at: frame.when(event.at),
        status: event.status.to_string(),
        kind: kind(event.status, frame.t()),
        who: view::plain(&event.who),
        door: view::plain(&format!("{} {}", event.door.name, event.door.peer)),
        about: event
            .about
            .as_ref()
            .map_or(String::new(), ToString::to_string),
        words: view::plain(&words),
        entry: event
            .entry
            .filter(|_| event.status == Status::Opened)
            .map(|id| id.to_string()),
    }
}

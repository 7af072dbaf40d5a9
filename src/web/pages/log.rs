//! The log of all mail: searched by any combination, acted on from the row.

use std::collections::HashMap;
use std::fmt::Write as _;

use askama::Template;
use axum::extract::{RawQuery, State};

use super::filters::{Reader, Wrong};
use super::quarantine::{VerbChoice, verbs};
use super::views::views;
use super::{Choice, Frame};
use crate::actions::{Later, Line as LogLine, Page as Found, Query, Row};
use crate::mail::EntryId;
use crate::policy::{Class, Principal};
use crate::record::{Event, SavedView, State as EntryState, Status};
use crate::web::House;
use crate::web::answer::{Answer, Fault, local, page};
use crate::web::form::Form;
use crate::web::search::Search;
use crate::web::texts::Texts;
use crate::web::view::{self, When};
use crate::web::visitor::{Taste, Visitor};

/// Lines on one page.
const PAGE: usize = 100;
/// Entries of one line that are offered for actions.
const ENTRIES_MOST: usize = 20;

/// What is offered to look for, in the order of the list.
const STATUSES: &[Status] = &[
    Status::Accepted,
    Status::Tagged,
    Status::Quarantined,
    Status::Pending,
    Status::Challenged,
    Status::Deferred,
    Status::Refused,
    Status::NotAccepted,
    Status::Released,
    Status::ReleasedAndTrained,
    Status::Requested,
    Status::Denied,
    Status::Told,
    Status::TakenBack,
    Status::Delivered,
    Status::DeliveryDeferred,
    Status::ReleaseFailed,
    Status::Removed,
    Status::Expired,
];

struct Line {
    at: When,
    status: String,
    note: Option<String>,
    from: String,
    to: String,
    subject: String,
    /// The message, where it is still there.
    entry: Option<EntryId>,
    class: Option<(String, String)>,
    size: Option<String>,
    client: String,
    words: String,
    /// What can be done with the line's entries.
    ids: Vec<EntryId>,
    verbs: Vec<VerbChoice>,
}

#[derive(Template)]
#[template(path = "log.html")]
struct Page {
    frame: Frame,
    form: Form,
    filtered: bool,
    narrowed: bool,
    wrong: Wrong,
    statuses: Vec<(String, bool)>,
    classes: Vec<Choice>,
    directions: Vec<Choice>,
    lines: Vec<Line>,
    views: Vec<SavedView>,
    query: String,
    csv: String,
    paged: bool,
    first: String,
    next: Option<String>,
}

impl Page {
    fn asked(&self, name: &str) -> &str {
        self.form.get(name).unwrap_or_default()
    }
}

/// The names of what can be looked for.
const NAMES: [&str; 11] = [
    "from",
    "to",
    "subject",
    "client",
    "status",
    "class",
    "direction",
    "since",
    "until",
    "score_from",
    "score_to",
];

/// What a form looks for, and what of it cannot be read.
pub(super) fn query_of(form: &Form, taste: &Taste) -> (Query, Wrong) {
    let mut fields = Reader::new(form, &taste.zone, taste.t);
    let search = Search {
        since: fields.since(),
        until: fields.until(),
        statuses: fields.words("status"),
        direction: fields.word("direction"),
        classes: fields.words("class"),
        score_from: fields.score("score_from"),
        score_to: fields.score("score_to"),
        from: form.get("from"),
        to: form.get("to"),
        client: form.get("client"),
        subject: form.get("subject"),
        text: form.get("q"),
        mail: form.get("mail"),
        entry: form.get("entry"),
        before: fields.of_ours("before"),
        ..Search::default()
    };
    let mut wrong = fields.wrong;
    let query = search.query(&mut |name, _| {
        let words = match name {
            "from" | "to" => taste.t.wrong_party,
            "client" => taste.t.wrong_network,
            _ => taste.t.wrong_choice,
        };
        wrong.add(name, words);
    });
    (query, wrong)
}

/// `GET /log`
pub(in crate::web) async fn show(
    State(house): State<House>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Answer {
    let query = query.unwrap_or_default();
    let form = Form::read(query.as_bytes());
    let (wanted, wrong) = query_of(&form, &visitor.taste);
    let by = visitor.principal.clone();
    let found = if wrong.is_empty() {
        house.desk.log_lines(&by, &wanted, PAGE).await?
    } else {
        Found {
            rows: Vec::new(),
            next: None,
        }
    };
    let entries = entries(&house, &by, &found.rows).await?;
    let views = views(&house, &by, "log").await?;
    let t = visitor.taste.t;
    let here = format!("/log?{query}");
    let frame = Frame::new(visitor, local(&here), house.desk.now());
    let lines = found.rows.iter();
    let lines = lines.map(|row| line(row, &entries, &by, &frame)).collect();
    let narrowed = NAMES.iter().any(|name| form.get(name).is_some());
    page(&Page {
        filtered: narrowed || form.get("q").is_some(),
        narrowed,
        wrong,
        statuses: STATUSES
            .iter()
            .map(|status| status.to_string())
            .map(|name| (name.clone(), form.all("status").any(|n| n == name)))
            .collect(),
        classes: classes(&form, t),
        directions: directions(&form, t),
        lines,
        views,
        query: form.with("before", ""),
        csv: format!("/log.csv?{}", form.with("before", "")),
        paged: wanted.before.is_some(),
        first: format!("/log?{}", form.with("before", "")),
        next: found
            .next
            .map(|place| format!("/log?{}", form.with("before", &place.to_string()))),
        form,
        frame,
    })
}

fn classes(form: &Form, t: &Texts) -> Vec<Choice> {
    [Class::Clean, Class::Unsure, Class::Spam, Class::Malware]
        .map(|class| Choice {
            value: match class {
                Class::Clean => "clean",
                Class::Unsure => "unsure",
                Class::Spam => "spam",
                Class::Malware => "malware",
            },
            text: view::class(class, t),
            current: form.get("class") == Some(&class.to_string()),
        })
        .into()
}

fn directions(form: &Form, t: &Texts) -> Vec<Choice> {
    [("inbound", t.caught), ("outbound", t.outgoing)]
        .map(|(value, text)| Choice {
            value,
            text,
            current: form.get("direction") == Some(value),
        })
        .into()
}

/// The entries that a line speaks of.
fn ids(event: &Event) -> Vec<EntryId> {
    match (event.entry, event.mail, event.direction) {
        (Some(entry), ..) => vec![entry],
        (None, Some(mail), Some(direction)) => event
            .to
            .iter()
            .take(ENTRIES_MOST)
            .map(|to| EntryId::going(direction, mail, to))
            .collect(),
        _ => Vec::new(),
    }
}

/// What is still known of the entries of all lines.
async fn entries(
    house: &House,
    by: &Principal,
    lines: &[LogLine],
) -> Result<HashMap<EntryId, Row>, Fault> {
    let mut wanted: Vec<EntryId> = lines.iter().flat_map(|line| ids(&line.event)).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let rows = house.desk.rows(by, &wanted).await?;
    let known = rows.into_iter().flatten();
    Ok(known.map(|row| (row.entry.id, row)).collect())
}

fn line(line: &LogLine, entries: &HashMap<EntryId, Row>, by: &Principal, frame: &Frame) -> Line {
    let (t, event) = (frame.t(), &line.event);
    let known: Vec<&Row> = ids(event).iter().filter_map(|id| entries.get(id)).collect();
    let held: Vec<&Row> = known
        .iter()
        .copied()
        .filter(|row| row.entry.state == EntryState::Held)
        .collect();
    let to: Vec<String> = event.to.iter().map(ToString::to_string).collect();
    let from = event.from.as_ref();
    let is_mail = event.mail.is_some();
    Line {
        at: frame.when(event.at),
        status: event.status.to_string(),
        note: (event.status == Status::Deferred).then(|| deferred(&line.later, t)),
        from: match from {
            Some(from) => view::plain(&from.to_string()),
            None if is_mail => t.null_sender.to_owned(),
            None => view::plain(&event.who),
        },
        to: view::plain(&to.join(", ")),
        subject: view::plain(&event.subject),
        entry: known.first().map(|row| row.entry.id),
        class: event.class.map(|class| {
            let score = event.score.map(|score| format!(" {score:.1}"));
            let text = view::class(class, t);
            (
                class.to_string(),
                format!("{text}{}", score.unwrap_or_default()),
            )
        }),
        size: (event.size > 0).then(|| view::size(event.size)),
        client: event.client.map(|c| c.to_string()).unwrap_or_default(),
        words: view::plain(&event.words),
        verbs: match held.first() {
            Some(Row { entry, .. }) => verbs(
                by,
                (entry.shelf, entry.direction),
                Some(entry.verdict.class),
                t,
            ),
            None => Vec::new(),
        },
        ids: held.iter().map(|row| row.entry.id).collect(),
    }
}

/// `deferred, not blocked; then accepted after 3 m` (SE-04).
fn deferred(later: &[Later], t: &Texts) -> String {
    let mut text = t.deferred_note.to_owned();
    for one in later.iter().take(3) {
        let minutes = one.after / 60_000;
        // Writing to a string does not fail.
        let _ = write!(text, "; {} ({minutes} min)", one.status);
    }
    text
}

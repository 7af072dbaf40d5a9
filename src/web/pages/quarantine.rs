//! The list of what is held back, and what is done with the rows that were ticked.

use askama::Template;
use axum::extract::{RawQuery, State};

use super::filters::{Reader, Wrong, word};
use super::views::views;
use super::{Choice, Frame};
use crate::actions::{Order, Row, Sheet, Sieve};
use crate::mail::Direction;
use crate::policy::{Class, Finding, Principal, Right, Scope};
use crate::record::{SavedView, Shelf};
use crate::web::House;
use crate::web::answer::{Answer, local, page};
use crate::web::form::Form;
use crate::web::texts::{Texts, fill, messages};
use crate::web::view::{self, When};
use crate::web::visitor::{Taste, Visitor};

/// Rows on one page.
const PAGE: usize = 50;

/// What can be done, and by which key.
pub(in crate::web) struct VerbChoice {
    pub(in crate::web) value: &'static str,
    pub(in crate::web) text: &'static str,
    pub(in crate::web) main: bool,
    pub(in crate::web) key: Option<&'static str>,
}

struct Tab {
    href: String,
    text: String,
    current: bool,
}

struct Line {
    id: String,
    author: String,
    subject: String,
    because: String,
    note: Option<String>,
    to: String,
    received: When,
    class: String,
    class_text: &'static str,
    score: String,
    size: String,
}

#[derive(Template)]
#[template(path = "quarantine.html")]
struct Page {
    frame: Frame,
    count: String,
    tabs: Vec<Tab>,
    shelf: &'static str,
    form: Form,
    query: String,
    filtered: bool,
    narrowed: bool,
    wrong: Wrong,
    classes: Vec<Choice>,
    orders: Vec<Choice>,
    views: Vec<SavedView>,
    rows: Vec<Line>,
    /// The order is of the newest only.
    cut: bool,
    verbs: Vec<VerbChoice>,
    reaches: bool,
    everybody: bool,
    others: bool,
    paged: bool,
    first: String,
    next: Option<String>,
}

impl Page {
    fn asked(&self, name: &str) -> &str {
        self.form.get(name).unwrap_or_default()
    }
}

/// The shelves by the names they have in addresses.
pub(in crate::web) const SHELVES: [(&str, Shelf, Direction); 4] = [
    ("caught", Shelf::Caught, Direction::Inbound),
    ("outgoing", Shelf::Caught, Direction::Outbound),
    ("pending", Shelf::Pending, Direction::Inbound),
    ("training", Shelf::TrainingRequested, Direction::Inbound),
];

fn shelf_text(name: &str, t: &Texts) -> &'static str {
    match name {
        "outgoing" => t.outgoing,
        "pending" => t.pending,
        "training" => t.training,
        _ => t.caught,
    }
}

/// The shelf that is asked for; the first one if it is none of ours.
pub(in crate::web) fn shelf_of(name: Option<&str>) -> (&'static str, (Shelf, Direction)) {
    let known = SHELVES.iter().find(|(n, ..)| Some(*n) == name);
    let (name, shelf, direction) = known.unwrap_or(&SHELVES[0]);
    (name, (*shelf, *direction))
}

/// What a form looks for, and what of it cannot be read.
pub(in crate::web) fn sieve_of(form: &Form, taste: &Taste) -> (Sieve, Wrong) {
    let lower = |name| form.get(name).map(str::to_lowercase);
    let mut fields = Reader::new(form, &taste.zone, taste.t);
    let sieve = Sieve {
        class: fields.word("class"),
        from: lower("from"),
        to: lower("to"),
        words: lower("q"),
        score_from: fields.score("score_from"),
        score_to: fields.score("score_to"),
        since: fields.since(),
        until: fields.until(),
        requested: form.get("requested").is_some(),
        failed: form.get("failed").is_some(),
    };
    (sieve, fields.wrong)
}

/// `GET /quarantine`
pub(in crate::web) async fn show(
    State(house): State<House>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Answer {
    let query = query.unwrap_or_default();
    let form = Form::read(query.as_bytes());
    let t = visitor.taste.t;
    let by = visitor.principal.clone();
    let (shelf, place) = shelf_of(form.get("shelf"));
    let (sieve, wrong) = sieve_of(&form, &visitor.taste);
    let before = form.read_as("before");
    let order: Order = form.get("order").and_then(word).unwrap_or_default();
    let sheet = if wrong.is_empty() {
        let sheet = house.desk.sheet_by(&by, place, &sieve, order, before, PAGE);
        sheet.await?
    } else {
        Sheet::default()
    };
    let views = views(&house, &by, "quarantine").await?;
    let filtered = !sieve.is_open() || !wrong.is_empty();
    let total = house.desk.count(&by, place.0, place.1).await?;
    let others = !matches!(by.scope, Scope::Recipient(_)) || place.1 == Direction::Outbound;
    let mut tabs = Vec::new();
    for (name, shelf_, direction) in SHELVES {
        let count = house.desk.count(&by, shelf_, direction).await?;
        let hidden = match shelf_ {
            Shelf::Caught => false,
            Shelf::Pending => count == 0 && !house.desk.pends(&by).await?,
            Shelf::TrainingRequested => count == 0,
        };
        if !hidden || name == shelf {
            tabs.push(Tab {
                href: format!("/quarantine?shelf={name}"),
                text: format!("{} {count}", shelf_text(name, t)),
                current: name == shelf,
            });
        }
    }
    let here = format!("/quarantine?{query}");
    let frame = Frame::new(visitor, local(&here), house.desk.now());
    let rows = sheet.rows.iter().map(|row| line(row, &frame)).collect();
    page(&Page {
        count: messages(t, total),
        tabs,
        shelf,
        query: form.with("before", ""),
        filtered,
        narrowed: narrowed(&form),
        wrong,
        views,
        orders: orders(&form, t),
        classes: classes(&form, t),
        rows,
        cut: sheet.cut,
        verbs: with_deny(verbs(&by, place, None, t), sieve.requested, &by, t),
        reaches: !matches!(by.scope, Scope::Recipient(_)),
        everybody: by.scope == Scope::Global,
        others,
        paged: before.is_some(),
        first: format!("/quarantine?{}", form.with("before", "")),
        next: sheet
            .next
            .map(|uid| format!("/quarantine?{}", form.with("before", &uid.to_string()))),
        form,
        frame,
    })
}

fn orders(form: &Form, t: &Texts) -> Vec<Choice> {
    [
        ("newest", t.order_newest),
        ("oldest", t.order_oldest),
        ("score_up", t.order_score_up),
        ("score_down", t.order_score_down),
        ("size_down", t.order_size_down),
        ("size_up", t.order_size_up),
        ("sender", t.from),
        ("subject", t.subject),
    ]
    .map(|(value, text)| Choice {
        value,
        text,
        current: form.get("order") == Some(value),
    })
    .into()
}

/// True if more than words is asked for: the other filters are shown then.
fn narrowed(form: &Form) -> bool {
    [
        "order",
        "from",
        "to",
        "class",
        "score_from",
        "score_to",
        "since",
        "until",
        "requested",
        "failed",
    ]
    .iter()
    .any(|name| form.get(name).is_some())
}

fn classes(form: &Form, t: &Texts) -> Vec<Choice> {
    [
        ("spam", t.class_spam),
        ("malware", t.class_malware),
        ("unsure", t.class_unsure),
        ("clean", t.class_clean),
    ]
    .map(|(value, text)| Choice {
        value,
        text,
        current: form.get("class") == Some(value),
    })
    .into()
}

/// What `by` can do on a shelf. Who lacks a right is offered to ask instead.
pub(in crate::web) fn verbs(
    by: &Principal,
    (shelf, direction): (Shelf, Direction),
    class: Option<Class>,
    t: &Texts,
) -> Vec<VerbChoice> {
    let verb = |value, text, main, key| VerbChoice {
        value,
        text,
        main,
        key,
    };
    if !by.has(Right::Act) {
        return Vec::new();
    }
    let delivered = shelf == Shelf::TrainingRequested;
    let outgoing = direction == Direction::Outbound;
    let malware = class == Some(Class::Malware);
    let may =
        (!outgoing || by.has(Right::ReleaseOutgoing)) && (!malware || by.has(Right::HandleMalware));
    if shelf == Shelf::Pending && may {
        return vec![
            verb("release_and_allow", t.act_authorize, true, Some("a")),
            verb("release", t.act_deliver, false, Some("r")),
            verb("remove", t.act_remove, false, Some("d")),
            verb("remove_and_block", t.act_remove_and_block, false, Some("b")),
        ];
    }
    let mut verbs = Vec::new();
    if !delivered && may {
        verbs.push(verb("release", t.act_release, true, Some("r")));
        verbs.push(verb(
            "release_and_train",
            t.act_release_and_train,
            false,
            Some("t"),
        ));
    }
    if !delivered && may && !outgoing {
        verbs.push(verb(
            "release_and_allow",
            t.act_release_and_allow,
            false,
            Some("a"),
        ));
    }
    verbs.push(verb("remove", t.act_remove, false, Some("d")));
    if !outgoing {
        verbs.push(verb(
            "remove_and_block",
            t.act_remove_and_block,
            false,
            Some("b"),
        ));
    }
    if delivered {
        verbs.push(verb("remove_as_spam", t.act_train_spam, false, None));
        verbs.push(verb("remove_as_ham", t.act_train_ham, false, None));
    }
    if !delivered && !may && by.has(Right::RequestRelease) {
        verbs.push(verb("request_release", t.act_request_release, false, None));
    }
    verbs
}

/// With the denial of a request, where there is one and `by` may answer it.
pub(in crate::web) fn with_deny(
    mut verbs: Vec<VerbChoice>,
    asked: bool,
    by: &Principal,
    t: &Texts,
) -> Vec<VerbChoice> {
    if asked && by.has(Right::Act) && by.has(Right::Administer) {
        verbs.push(VerbChoice {
            value: "deny_request",
            text: t.act_deny_request,
            main: false,
            key: None,
        });
    }
    verbs
}

/// What was seen, as far as it fits into a line: the heaviest findings in plain words.
fn because(row: &Row) -> String {
    let reasons: Vec<String> = row
        .entry
        .verdict
        .because
        .iter()
        .filter(|finding| finding.weight() > 0.0 || matches!(finding, Finding::Malware { .. }))
        .take(2)
        .map(Finding::reason)
        .collect();
    let text = view::plain(&reasons.join(" "));
    match text.char_indices().nth(160) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

fn line(row: &Row, frame: &Frame) -> Line {
    let t = frame.t();
    let entry = &row.entry;
    let or = |text: &str, other: &str| {
        let text = view::plain(text);
        if text.trim().is_empty() {
            other.to_owned()
        } else {
            text
        }
    };
    let to: Vec<String> = entry.to.iter().map(ToString::to_string).collect();
    let note = match (&entry.failed, &entry.requested) {
        (Some(_), _) => Some(t.only_failed.to_owned()),
        (None, Some(asked)) => Some(fill(t.requested_by, view::plain(&asked.who))),
        (None, None) => None,
    };
    Line {
        id: entry.id.to_string(),
        author: or(&entry.author, t.no_sender),
        subject: or(&entry.subject, t.no_subject),
        because: because(row),
        note,
        to: view::plain(&to.join(", ")),
        received: frame.when(entry.arrived),
        class: entry.verdict.class.to_string(),
        class_text: view::class(entry.verdict.class, t),
        score: format!("{:.1}", entry.verdict.score),
        size: view::size(entry.size),
    }
}

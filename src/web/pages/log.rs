//! The log of all mail: searched by any combination, acted on from the row, taken away as CSV.

use std::collections::HashMap;
use std::fmt::Write as _;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::IntoResponse;

use super::quarantine::{VerbChoice, start_of, verbs, word};
use super::views::views;
use super::{Choice, Frame};
use crate::actions::{Later, Line as LogLine, Query, Row};
use crate::clock::Timestamp;
use crate::mail::{Direction, EntryId};
use crate::policy::{Class, Principal};
use crate::record::{Event, SavedView, State as EntryState, Status};
use crate::web::House;
use crate::web::answer::{Answer, Fault, local, page};
use crate::web::form::Form;
use crate::web::texts::Texts;
use crate::web::view::{self, When};
use crate::web::visitor::Visitor;

/// Lines on one page.
const PAGE: usize = 100;
/// Lines of one export.
const EXPORT_MOST: usize = 50_000;
/// Entries of one line that are offered for actions.
const ENTRIES_MOST: usize = 20;

/// What is offered to look for, in the order of the list.
const STATUSES: [Status; 16] = [
    Status::Accepted,
    Status::Tagged,
    Status::Quarantined,
    Status::Pending,
    Status::Deferred,
    Status::Refused,
    Status::NotAccepted,
    Status::Released,
    Status::ReleasedAndTrained,
    Status::Requested,
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
const NAMES: [&str; 10] = [
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
];

/// What a form looks for.
///
/// # Errors
/// [`Fault::Bad`] names what cannot be read.
fn query_of(form: &Form, visitor: &Visitor) -> Result<Query, Fault> {
    let zone = &visitor.taste.zone;
    let day = |name, later| match form.get(name) {
        None => Ok(None),
        Some(text) => match start_of(text, zone, later) {
            Some(at) => Ok(Some(at)),
            None => Err(Fault::Bad(format!("'{text}' is not a day"))),
        },
    };
    Ok(Query {
        since: day("since", 0)?,
        until: day("until", 1)?.map(|next| Timestamp(next.0.saturating_sub(1))),
        statuses: form.all("status").filter_map(word).collect(),
        direction: form.get("direction").and_then(word),
        classes: form.get("class").and_then(word).into_iter().collect(),
        score_from: read(form, "score_from")?,
        score_to: None,
        from: read(form, "from")?,
        to: read(form, "to")?,
        address: None,
        client: read(form, "client")?,
        subject: form.get("subject").map(str::to_owned),
        text: form.get("q").map(str::to_owned),
        mail: read(form, "mail")?,
        entry: read(form, "entry")?,
        before: read(form, "before")?,
    })
}

fn read<T>(form: &Form, name: &str) -> Result<Option<T>, Fault>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let parsed = form.get(name).map(str::parse);
    let fault = |error: T::Err| Fault::Bad(format!("{name}: {error}"));
    parsed.transpose().map_err(fault)
}

/// `GET /log`
pub(in crate::web) async fn show(
    State(house): State<House>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Answer {
    let query = query.unwrap_or_default();
    let form = Form::read(query.as_bytes());
    let wanted = query_of(&form, &visitor)?;
    let by = visitor.principal.clone();
    let found = house.desk.log_lines(&by, &wanted, PAGE).await?;
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
        statuses: STATUSES
            .map(|status| status.to_string())
            .map(|name| (name.clone(), form.all("status").any(|n| n == name)))
            .into(),
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

/// `GET /log.csv`: the same search, in the form of RFC 4180.
pub(in crate::web) async fn csv(
    State(house): State<House>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Answer {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let mut wanted = query_of(&form, &visitor)?;
    let mut text = String::from(
        "time,status,direction,from,to,subject,size,client,class,score,who,door,answer,mail,entry\r\n",
    );
    let mut left = EXPORT_MOST;
    loop {
        let found = house
            .desk
            .log(&visitor.principal, &wanted, left.min(1000))
            .await?;
        left = left.saturating_sub(found.rows.len());
        for event in &found.rows {
            csv_line(event, &mut text);
        }
        wanted.before = found.next;
        if found.next.is_none() || left == 0 {
            break;
        }
    }
    let fields = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"quaranta-log.csv\"",
        ),
    ];
    Ok((fields, text).into_response())
}

fn csv_line(event: &Event, out: &mut String) {
    let to: Vec<String> = event.to.iter().map(ToString::to_string).collect();
    let text = |value: Option<String>| value.unwrap_or_default();
    let direction = event.direction.map(|direction| match direction {
        Direction::Inbound => "inbound".to_owned(),
        Direction::Outbound => "outbound".to_owned(),
    });
    let cells = [
        event.at.utc().timestamp().to_string(),
        event.status.to_string(),
        text(direction),
        text(event.from.as_ref().map(ToString::to_string)),
        to.join(" "),
        event.subject.clone(),
        event.size.to_string(),
        text(event.client.map(|c| c.to_string())),
        text(event.class.map(|c| c.to_string())),
        text(event.score.map(|s| format!("{s:.1}"))),
        event.who.clone(),
        event.door.name.clone(),
        event.words.clone(),
        text(event.mail.map(|m| m.to_string())),
        text(event.entry.map(|e| e.to_string())),
    ];
    let cells: Vec<String> = cells.iter().map(|cell| csv_cell(cell)).collect();
    out.push_str(&cells.join(","));
    out.push_str("\r\n");
}

/// A cell that a spreadsheet takes for text: what begins like a formula gets a quote before it.
fn csv_cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '@', '\t', '\r'])
        || text.starts_with('-') && text.parse::<f64>().is_err();
    let text = if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula() {
        for (text, want) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"\r\n", "\"say \"\"x\"\"\r\n\""),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("-1.5", "-1.5"),
            ("-1+1", "'-1+1"),
        ] {
            assert_eq!(csv_cell(text), want);
        }
    }
}

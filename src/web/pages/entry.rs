//! One message: what it is, why it was held, a safe look into it, and its history.

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::quarantine::{SHELVES, VerbChoice, verbs, with_deny};
use super::{Choice, Frame};
use crate::actions::Refusal;
use crate::mail::EntryId;
use crate::policy::{Finding, Right, Scope};
use crate::record::{Entry, Event, KeptMail, State as EntryState};
use crate::web::House;
use crate::web::answer::{Answer, Fault, page};
use crate::web::form::Form;
use crate::web::preview::{self, FIELDS, Limits, Link, Paper, Preview, View};
use crate::web::reading::Turn;
use crate::web::texts::{Texts, fill};
use crate::web::view::{self, When};
use crate::web::visitor::Visitor;

/// Octets of a message that the raw view shows.
const RAW_MOST: usize = 256 << 10;

/// What a frame with a preview has beside it.
struct Shown {
    images_on: bool,
    inline: usize,
    remote: Option<String>,
    links: Vec<Link>,
    cut: bool,
}

struct HistoryLine {
    at: When,
    status: String,
    who: String,
    door: String,
    words: String,
}

enum Content {
    /// It may not be seen, or is gone: why.
    Hidden(String),
    Frame(Shown),
    Text(String),
    Fields(Vec<(String, String)>),
    History(Vec<HistoryLine>),
}

struct FindingLine {
    weight: String,
    reason: String,
    name: String,
}

struct PartLine {
    name: String,
    media_type: String,
    size: String,
    risky: bool,
}

#[derive(Template)]
#[template(path = "entry.html")]
struct Page {
    frame: Frame,
    id: EntryId,
    back: String,
    subject: String,
    class: String,
    class_text: &'static str,
    score: String,
    state: &'static str,
    failed: Option<String>,
    requested: Option<String>,
    verbs: Vec<VerbChoice>,
    denies: bool,
    reaches: bool,
    everybody: bool,
    facts: Vec<(&'static str, String)>,
    received: When,
    expires: When,
    tabs: Vec<Choice>,
    content: Content,
    findings: Vec<FindingLine>,
    parts: Vec<PartLine>,
    can_open: bool,
}

fn id_of(text: &str) -> Result<EntryId, Fault> {
    text.parse().map_err(|_| Fault::NotFound)
}

/// `GET /entries/{id}`
pub(in crate::web) async fn show(
    State(house): State<House>,
    visitor: Visitor,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let id = id_of(&id)?;
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let by = visitor.principal.clone();
    let t = visitor.taste.t;
    let entry = house.desk.entry(&by, id).await?;
    let tab = form.get("tab").unwrap_or("preview").to_owned();
    let here = format!("/entries/{id}?tab={tab}");
    let door = visitor.door();
    let frame = Frame::new(visitor, here, house.desk.now());
    let opened = match tab.as_str() {
        "history" => Err(String::new()),
        _ => {
            let turn = house.readers.turn().await?;
            match house.desk.opened_mail(&by, id, &door).await {
                Ok(mail) => Ok(read(mail, turn).await?),
                Err(refusal @ Refusal::Failed(_)) => return Err(refusal.into()),
                Err(Refusal::NotYours) => Err(t.body_gone.to_owned()),
                Err(Refusal::NeedsRight(Right::SeeBodies)) => Err(t.body_hidden.to_owned()),
                Err(refusal) => Err(refusal.to_string()),
            }
        }
    };
    let can_open = opened.is_ok();
    let shown = opened.as_ref().map(|(_, preview, _)| parts(preview));
    let parts = shown.unwrap_or_default();
    let content = match (tab.as_str(), opened) {
        ("history", _) => Content::History(history(&house.desk.history(&by, id).await?, &frame)),
        (_, Err(words)) => Content::Hidden(words),
        (tab, Ok((mail, preview, _turn))) => content(tab, &form, &mail, preview, t),
    };
    let place = (entry.shelf, entry.direction);
    page(&Page {
        id,
        back: back(&entry),
        subject: or(view::plain(&entry.subject), t.no_subject),
        class: entry.verdict.class.to_string(),
        class_text: view::class(entry.verdict.class, t),
        score: format!("{:.1}", entry.verdict.score),
        state: state(entry.state, t),
        failed: entry.failed.as_ref().map(ToString::to_string),
        requested: requested(&entry, t),
        verbs: match entry.state {
            EntryState::Held => {
                let verbs = verbs(&by, place, Some(entry.verdict.class), t);
                with_deny(verbs, entry.requested.is_some(), &by, t)
            }
            _ => Vec::new(),
        },
        denies: entry.requested.is_some() && by.has(Right::Administer),
        reaches: !matches!(by.scope, Scope::Recipient(_)),
        everybody: by.scope == Scope::Global,
        facts: facts(&entry, t),
        received: frame.when(entry.arrived),
        expires: frame.when(entry.expires),
        tabs: tabs(&tab, t),
        content,
        findings: entry.verdict.because.iter().map(finding).collect(),
        parts,
        can_open,
        frame,
    })
}

async fn read(mail: KeptMail, turn: Turn) -> Result<(KeptMail, Preview, Turn), Fault> {
    let work = move || {
        let preview = preview::preview(&mail.bytes, &Limits::default());
        (mail, preview)
    };
    let ((mail, preview), turn) = turn.work(work).await?;
    Ok((mail, preview, turn))
}

fn or(text: String, other: &str) -> String {
    if text.trim().is_empty() {
        other.to_owned()
    } else {
        text
    }
}

fn requested(entry: &Entry, t: &Texts) -> Option<String> {
    let asked = entry.requested.as_ref();
    asked.map(|asked| fill(t.requested_by, &asked.who))
}

fn back(entry: &Entry) -> String {
    let shelf = SHELVES
        .iter()
        .find(|(_, shelf, direction)| (*shelf, *direction) == (entry.shelf, entry.direction));
    format!("/quarantine?shelf={}", shelf.map_or("caught", |s| s.0))
}

fn state(state: EntryState, t: &Texts) -> &'static str {
    match state {
        EntryState::Held => t.state_held,
        EntryState::Leaving => t.state_leaving,
        EntryState::Released => t.state_released,
        EntryState::Removed => t.state_removed,
        EntryState::Expired => t.state_expired,
    }
}

fn tabs(tab: &str, t: &Texts) -> Vec<Choice> {
    [
        ("preview", t.tab_preview),
        ("text", t.tab_text),
        ("headers", t.tab_headers),
        ("raw", t.tab_raw),
        ("history", t.tab_history),
    ]
    .map(|(value, text)| Choice {
        value,
        text,
        current: value == tab,
    })
    .into()
}

fn facts(entry: &Entry, t: &Texts) -> Vec<(&'static str, String)> {
    let to: Vec<String> = entry.to.iter().map(ToString::to_string).collect();
    let from = entry.from.as_ref();
    vec![
        (t.from, or(view::plain(&entry.author), t.no_sender)),
        (t.to, view::plain(&to.join(", "))),
        (
            t.envelope_from,
            from.map_or(t.null_sender.to_owned(), |from| {
                view::plain(&from.to_string())
            }),
        ),
        (t.client, entry.client.clone()),
        (t.size, view::size(entry.size)),
    ]
}

fn finding(finding: &Finding) -> FindingLine {
    FindingLine {
        weight: match finding {
            Finding::Seen { .. } => format!("{:+.1}", finding.weight()),
            Finding::Malware { .. } => "!".to_owned(),
            Finding::Unavailable { .. } => "–".to_owned(),
        },
        reason: view::plain(&finding.reason()),
        name: finding.name().to_owned(),
    }
}

fn parts(preview: &Preview) -> Vec<PartLine> {
    let listed = preview.parts.iter().filter(|part| !part.shown);
    listed
        .map(|part| PartLine {
            name: part.name.clone().unwrap_or_else(|| "–".to_owned()),
            media_type: part.media_type.clone(),
            size: view::size(part.size),
            risky: part.executable || part.double_extension || part.bidi_name,
        })
        .collect()
}

fn content(tab: &str, form: &Form, mail: &KeptMail, preview: Preview, t: &Texts) -> Content {
    match tab {
        "headers" => Content::Fields(preview.all_fields),
        "raw" => {
            let octets = &mail.bytes[..mail.bytes.len().min(RAW_MOST)];
            Content::Text(raw(octets))
        }
        "text" => Content::Text(preview.text.unwrap_or_default()),
        _ if preview.html.is_none() => Content::Text(preview.text.unwrap_or_default()),
        _ => Content::Frame(Shown {
            images_on: form.get("images").is_some(),
            inline: preview.images.inline.len(),
            remote: (preview.images.remote > 0)
                .then(|| fill(t.images_remote, preview.images.remote)),
            links: preview.links,
            cut: preview.cut,
        }),
    }
}

/// Octets as text, line by line; what is no text is shown as marks.
fn raw(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets).replace("\r\n", "\n");
    let lines: Vec<String> = text.split('\n').map(view::plain).collect();
    lines.join("\n")
}

fn history(events: &[Event], frame: &Frame) -> Vec<HistoryLine> {
    events
        .iter()
        .map(|event| HistoryLine {
            at: frame.when(event.at),
            status: event.status.to_string(),
            who: view::plain(&event.who),
            door: format!("{} {}", event.door.name, event.door.peer),
            words: view::plain(&event.words),
        })
        .collect()
}

/// `GET /entries/{id}/preview`: the document of the sandboxed frame.
pub(in crate::web) async fn preview(
    State(house): State<House>,
    visitor: Visitor,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let id = id_of(&id)?;
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let (by, door) = (&visitor.principal, visitor.door());
    let turn = house.readers.turn().await?;
    let opened = house.desk.opened_mail(by, id, &door).await?;
    let (mail, preview, turn) = read(opened, turn).await?;
    let Some(html) = preview.html else {
        return Err(Fault::NotFound);
    };
    let paper = match visitor.taste.theme {
        "dark" => Paper::Dark,
        "light" => Paper::Light,
        _ => Paper::Auto,
    };
    let with_images = form.get("images").is_some();
    let work = move || {
        let view = View {
            paper,
            title: "",
            images: with_images.then_some(&mail.bytes[..]),
        };
        preview::document(&html, &view)
    };
    let (document, _turn) = turn.work(work).await?;
    let mut response = document.html.into_response();
    for (name, value) in FIELDS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    let policy = HeaderValue::try_from(document.policy)
        .map_err(|_| Fault::Failed("the preview has no policy".to_owned()))?;
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// `GET /entries/{id}/message.eml`: the octets as they were received.
pub(in crate::web) async fn message(
    State(house): State<House>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Answer {
    let id = id_of(&id)?;
    let (by, door) = (&visitor.principal, visitor.door());
    Ok(eml(id, &house.desk.opened_mail(by, id, &door).await?))
}

/// A message as a file: never shown by the browser itself.
pub(in crate::web) fn eml(id: EntryId, mail: &KeptMail) -> Response {
    let name = format!("attachment; filename=\"{id}.eml\"");
    let fields = [
        (header::CONTENT_TYPE, "message/rfc822".to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (
            header::CONTENT_SECURITY_POLICY,
            "sandbox; default-src 'none'".to_owned(),
        ),
    ];
    (fields, mail.bytes.clone()).into_response()
}

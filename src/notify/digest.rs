//! What digests, welcomes and reports say, as letters. All that came from strangers is harmless here.

use std::borrow::Cow;

use jiff::tz::TimeZone;

use super::forms::{Forms, Pair};
use super::letter::Letter;
use super::words::{Words, fill, words};
use crate::clock::Timestamp;
use crate::mail::{Address, escape_html, unlinked};
use crate::policy::Language;
use crate::record::Shelf;
use crate::token::Purpose;

/// Characters of a subject or a name that are shown.
const TEXT_MOST: usize = 120;

/// How likely a message is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likelihood {
    Likely,
    Unlikely,
    Surely,
    /// It waits because its sender is not known.
    Unknown,
}

/// A message in a digest.
#[derive(Debug, Clone)]
pub struct Item {
    pub shelf: Shelf,
    pub author: String,
    pub author_name: String,
    pub subject: String,
    pub arrived: Timestamp,
    pub expires: Timestamp,
    pub likelihood: Likelihood,
    /// The addresses of the pages for what can be done with it, in the order of [`offers`].
    pub links: Vec<(Purpose, String)>,
}

/// To whom something is written, and how they like it.
#[derive(Debug, Clone)]
pub struct Reader {
    pub to: Address,
    pub language: Language,
    pub zone: TimeZone,
}

/// What a digest tells.
#[derive(Debug, Clone)]
pub struct Digest {
    pub reader: Reader,
    /// Whose mail it is.
    pub of: Address,
    pub items: Vec<Item>,
    /// New messages that are not listed.
    pub more: u64,
    /// New ones that are not listed because they hold malware.
    pub malware: u64,
    /// The address where such letters are turned off.
    pub unsubscribe: String,
    pub now: Timestamp,
    /// Of no use from then on.
    pub until: Timestamp,
}

/// What a report about a domain tells.
#[derive(Debug, Clone)]
pub struct Report {
    pub reader: Reader,
    pub domain: String,
    pub since: Timestamp,
    /// Events by status.
    pub counts: Vec<(String, u64)>,
    pub held: u64,
    pub requests: u64,
    pub senders: Vec<(String, u64)>,
    pub recipients: Vec<(String, u64)>,
    pub until: Timestamp,
}

/// What can be done by a link with a message on `shelf`, the most likely first. Only here.
#[must_use]
pub fn offers(shelf: Shelf) -> &'static [Purpose] {
    match shelf {
        Shelf::Caught => &[
            Purpose::Release,
            Purpose::ReleaseAndTrain,
            Purpose::ReleaseAndAllow,
            Purpose::Remove,
        ],
        Shelf::Pending => &[
            Purpose::Release,
            Purpose::ReleaseAndAllow,
            Purpose::RemoveAndBlock,
            Purpose::Remove,
        ],
        Shelf::TrainingRequested => &[],
    }
}

/// The words for it there.
fn label(shelf: Shelf, purpose: Purpose, w: &Words) -> &'static str {
    match (shelf, purpose) {
        (Shelf::Pending, Purpose::Release) => w.deliver,
        (Shelf::Pending, Purpose::ReleaseAndAllow) => w.authorize,
        (Shelf::Pending, Purpose::RemoveAndBlock) => w.blacklist,
        (_, Purpose::Release) => w.release,
        (_, Purpose::ReleaseAndTrain) => w.train,
        (_, Purpose::ReleaseAndAllow) => w.allow,
        (_, Purpose::Remove) => w.remove,
        _ => "",
    }
}

/// Writes letters. Cheap to borrow.
#[derive(Debug, Clone)]
pub struct Scribe {
    forms: Forms,
    /// Our name.
    house: String,
    /// Where the panel is, without a slash at the end.
    panel: String,
}

/// A row of text or HTML.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Html,
    Text,
}

impl Kind {
    fn fill<'v>(self, pair: &Pair, value: impl Fn(&str) -> Cow<'v, str>) -> String {
        match self {
            Kind::Html => pair.html.fill(value),
            Kind::Text => pair.text.fill(value),
        }
    }

    fn paragraphs(self, lines: &[String]) -> String {
        let mut out = String::new();
        for line in lines {
            match self {
                Kind::Html => {
                    out.push_str("<p style=\"margin:0 0 8px;\">");
                    escape_html(line, &mut out);
                    out.push_str("</p>\n");
                }
                Kind::Text => {
                    out.push_str(line);
                    out.push_str("\n\n");
                }
            }
        }
        out
    }
}

impl Scribe {
    /// `panel` is where people reach the panel.
    #[must_use]
    pub fn new(forms: Forms, house: &str, panel: &str) -> Self {
        Self {
            forms,
            house: house.to_owned(),
            panel: panel.trim_end_matches('/').to_owned(),
        }
    }

    /// The address of a page of the panel, `path` with its slash.
    #[must_use]
    pub fn page(&self, path: &str) -> String {
        format!("{}{path}", self.panel)
    }

    /// A digest.
    #[must_use]
    pub fn digest(&self, digest: Digest) -> Letter {
        let w = words(digest.reader.language);
        let count = digest.items.len() as u64 + digest.more;
        let subject = match count {
            0 => w.subject_none,
            1 => w.subject_one,
            _ => w.subject_many,
        };
        let subject = fill(subject, &digest.of).replace("{c}", &count.to_string());
        let to = digest.reader.to.clone();
        let text = self.digest_as(Kind::Text, &digest, w);
        let mut letter = Letter::new(to, "digest", subject, text, digest.until);
        letter.html = Some(self.digest_as(Kind::Html, &digest, w));
        letter.fields = vec![
            ("List-Unsubscribe", format!("<{}>", digest.unsubscribe)),
            (
                "List-Unsubscribe-Post",
                "List-Unsubscribe=One-Click".to_owned(),
            ),
        ];
        letter
    }

    fn digest_as(&self, kind: Kind, digest: &Digest, w: &'static Words) -> String {
        let forms = self.forms.of(digest.reader.language);
        let rows = digest
            .items
            .iter()
            .map(|item| self.row(kind, item, digest, w));
        let rows: String = rows.collect();
        let mut notes = Vec::new();
        if digest.more > 0 {
            notes.push(fill(w.more, digest.more));
        }
        if digest.malware > 0 {
            notes.push(fill(w.malware, digest.malware));
        }
        let notes = kind.paragraphs(&notes);
        let lead = match digest.items.is_empty() {
            true => w.lead_none,
            false => w.lead,
        };
        kind.fill(&forms.digest, |name| match name {
            "Language" => w.code.into(),
            "Title" => w.title.into(),
            "Lead" => fill(lead, &digest.of).into(),
            "Rows" => rows.as_str().into(),
            "Notes" => notes.as_str().into(),
            "PanelUrl" => self.page("/quarantine").into(),
            "Panel" => w.panel.into(),
            "LinksNote" => w.links_note.into(),
            "UnsubscribeUrl" => digest.unsubscribe.as_str().into(),
            "Unsubscribe" => w.unsubscribe.into(),
            "House" => self.house.as_str().into(),
            "Recipient" => digest.of.to_string().into(),
            _ => "".into(),
        })
    }

    fn row(&self, kind: Kind, item: &Item, digest: &Digest, w: &'static Words) -> String {
        let forms = self.forms.of(digest.reader.language);
        let actions: String = item
            .links
            .iter()
            .map(|(purpose, url)| {
                kind.fill(&forms.action, |name| match name {
                    "Url" => url.as_str().into(),
                    "Label" => label(item.shelf, *purpose, w).into(),
                    _ => "".into(),
                })
            })
            .collect();
        let zone = &digest.reader.zone;
        let left = days_between(digest.now, item.expires, zone);
        let wanted = matches!(item.likelihood, Likelihood::Likely | Likelihood::Unknown);
        kind.fill(&forms.row, |name| match name {
            "Subject" => or(&item.subject, w.no_subject).into(),
            "Author" => shown(&item.author_name).into(),
            "Address" => or(&item.author, w.no_sender).into(),
            "Time" => written(item.arrived, w.day_and_time, zone).into(),
            "Score" => match item.likelihood {
                Likelihood::Likely => w.likely,
                Likelihood::Unlikely => w.unlikely,
                Likelihood::Surely => w.surely,
                Likelihood::Unknown => w.unknown,
            }
            .into(),
            "Expires" => fill(w.until, written(item.expires, w.day, zone)).into(),
            "Urgent" => match left {
                ..=0 if wanted => w.today,
                1 if wanted => w.tomorrow,
                _ => "",
            }
            .into(),
            "Actions" => actions.as_str().into(),
            _ => "".into(),
        })
    }

    /// The first letter to somebody: what this is, and how to sign in.
    #[must_use]
    pub fn welcome(&self, reader: &Reader, of: &Address, until: Timestamp) -> Letter {
        let w = words(reader.language);
        let lines = [
            fill(w.welcome_what, of),
            w.welcome_digest.to_owned(),
            w.welcome_sign_in.to_owned(),
        ];
        let forms = self.forms.of(reader.language);
        let told = Told {
            title: w.welcome_title.to_owned(),
            lines: &lines,
            path: "/quarantine",
            of: of.to_string(),
        };
        self.plain(
            reader,
            "welcome",
            w.welcome_subject.to_owned(),
            &forms.welcome,
            &told,
            until,
        )
    }

    /// A report about a domain.
    #[must_use]
    pub fn report(&self, report: &Report) -> Letter {
        let w = words(report.reader.language);
        let since = written(report.since, w.day_and_time, &report.reader.zone);
        let mut lines = vec![fill(w.report_lead, &report.domain).replace("{c}", &since)];
        if report.requests > 0 {
            lines.push(fill(w.report_requests, report.requests));
        }
        let counts = report.counts.iter().map(|(name, n)| format!("{name}: {n}"));
        let held = format!("{}: {}", w.report_held, report.held);
        lines.push(counts.chain([held]).collect::<Vec<_>>().join(", "));
        for (title, top) in [
            (w.report_top_from, &report.senders),
            (w.report_top_to, &report.recipients),
        ] {
            if !top.is_empty() {
                let each = top.iter().map(|(name, n)| format!("{} ({n})", shown(name)));
                lines.push(format!("{title}: {}", each.collect::<Vec<_>>().join(", ")));
            }
        }
        let forms = self.forms.of(report.reader.language);
        let subject = fill(w.report_subject, &report.domain);
        let told = Told {
            title: subject.clone(),
            lines: &lines,
            path: "/overview",
            of: report.domain.clone(),
        };
        self.plain(
            &report.reader,
            "report",
            subject,
            &forms.report,
            &told,
            report.until,
        )
    }

    /// A letter of paragraphs.
    fn plain(
        &self,
        reader: &Reader,
        kind: &'static str,
        subject: String,
        form: &Pair,
        told: &Told<'_>,
        until: Timestamp,
    ) -> Letter {
        let w = words(reader.language);
        let [text, html] = [Kind::Text, Kind::Html].map(|kind| {
            let paragraphs = kind.paragraphs(told.lines);
            kind.fill(form, |name| match name {
                "Language" => w.code.into(),
                "Title" => told.title.as_str().into(),
                "Paragraphs" => paragraphs.as_str().into(),
                "PanelUrl" => self.page(told.path).into(),
                "Panel" => w.panel.into(),
                "House" => self.house.as_str().into(),
                "Recipient" => told.of.as_str().into(),
                _ => "".into(),
            })
        });
        let mut letter = Letter::new(reader.to.clone(), kind, subject, text, until);
        letter.html = Some(html);
        letter
    }
}

/// What a letter of paragraphs says.
struct Told<'t> {
    title: String,
    lines: &'t [String],
    /// The page of the panel that it leads to.
    path: &'static str,
    of: String,
}

fn shown(text: &str) -> String {
    unlinked(&text.chars().take(TEXT_MOST).collect::<String>())
}

fn or(text: &str, else_: &str) -> String {
    match text.trim() {
        "" => else_.to_owned(),
        text => shown(text),
    }
}

fn zoned(at: Timestamp, zone: &TimeZone) -> jiff::Zoned {
    at.utc().with_time_zone(zone.clone())
}

fn written(at: Timestamp, format: &str, zone: &TimeZone) -> String {
    zoned(at, zone).strftime(format).to_string()
}

/// Days in the reader's calendar from `now` to `then`.
fn days_between(now: Timestamp, then: Timestamp, zone: &TimeZone) -> i32 {
    let (now, then) = (zoned(now, zone).date(), zoned(then, zone).date());
    now.until(then).map_or(0, |span| span.get_days())
}

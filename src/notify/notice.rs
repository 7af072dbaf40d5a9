//! Letters about one message: somebody asks for it, was answered, or is told what became of it.

use std::fmt::Display;

use bytes::Bytes;

use super::letter::Letter;
use super::words::{Words, fill, words};
use crate::clock::Timestamp;
use crate::mail::{Address, Direction, harmless, unlinked};
use crate::policy::Language;
use crate::record::{Asked, Entry};

/// Requests that one letter lists; of more it tells the number.
const LISTED_MOST: usize = 20;
/// Characters of a text from a message.
const TEXT_MOST: usize = 200;
/// Days after which a notice is of no use.
const DAYS: u64 = 3;

/// A message that somebody asks for, and how it can be answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub entry: Entry,
    pub asked: Asked,
    /// The addresses of two pages: one grants it, one denies it.
    pub links: Option<(String, String)>,
}

/// Text from a message on one line, in which nothing misleads and nothing becomes a link.
fn plain(text: &str) -> String {
    let short: String = text.chars().take(TEXT_MOST).collect();
    unlinked(&harmless(&short))
}

/// The same for a Subject field, where programs make no links.
fn title(text: &str) -> String {
    let short: String = text.chars().take(TEXT_MOST).collect();
    harmless(&short)
}

/// A line of facts: what it is, in a column of its own, and the fact.
fn fact(name: &str, text: impl Display) -> String {
    format!("{name:<10}{text}\n")
}

/// From, to, subject and arrival of a message, a line each.
fn facts(entry: &Entry, w: &Words) -> String {
    let to: Vec<String> = entry.to.iter().map(ToString::to_string).collect();
    [
        fact(w.fact_from, plain(&entry.author)),
        fact(w.fact_to, plain(&to.join(", "))),
        fact(w.fact_subject, plain(&entry.subject)),
        fact(w.fact_arrived, entry.arrived),
    ]
    .concat()
}

/// As what it is held.
fn judged(entry: &Entry, w: &Words) -> String {
    let score = fill(w.score, format!("{:.1}", entry.verdict.score));
    let class = entry.verdict.class.to_string();
    fact(w.fact_class, score.replace("{c}", &class))
}

/// To whoever may release: what is asked for (XX-12). `panel` is the address of the panel.
#[must_use]
pub fn asked(
    to: Address,
    requests: &[Request],
    panel: Option<&str>,
    (language, now): (Language, Timestamp),
) -> Letter {
    let (w, count) = (words(language), requests.len());
    let panel = panel.map(|panel| panel.trim_end_matches('/'));
    let subject = match requests {
        [one] => fill(w.asked_one, title(&one.asked.who)),
        _ => fill(w.asked_many, count),
    };
    let mut text = format!("{}\n", w.asked_lead);
    for request in requests.iter().take(LISTED_MOST) {
        let entry = &request.entry;
        text.push('\n');
        text.push_str(&fact(w.fact_asked, plain(&request.asked.who)));
        text.push_str(&facts(entry, w));
        text.push_str(&judged(entry, w));
        if let Some((approve, deny)) = &request.links {
            text.push_str(&fact(w.approve, approve));
            text.push_str(&fact(w.deny, deny));
        } else if let Some(panel) = panel {
            text.push_str(&fact(w.look, format!("{panel}/entries/{}", entry.id)));
        }
    }
    if count > LISTED_MOST {
        text.push_str(&format!("\n{}\n", fill(w.asked_more, count - LISTED_MOST)));
    }
    if let Some(panel) = panel {
        let all = fill(w.asked_all, format!("{panel}/quarantine?requested=1"));
        text.push_str(&format!("\n{all}\n"));
    }
    Letter::new(to, "request", subject, text, now.after_days(DAYS)).going_out()
}

/// To whoever asked: granted, or denied and why.
#[must_use]
pub fn answered(
    to: Address,
    entry: &Entry,
    why: Result<(), &str>,
    (language, now): (Language, Timestamp),
) -> Letter {
    let w = words(language);
    let (subject, mut text) = match (why, entry.direction) {
        (Ok(()), Direction::Inbound) => (w.granted_subject, w.granted_in.to_owned()),
        (Ok(()), Direction::Outbound) => (w.granted_subject, w.granted_out.to_owned()),
        (Err(""), _) => (w.denied_subject, w.denied.to_owned()),
        (Err(why), _) => {
            let text = format!("{} {}\n{}", w.denied, w.denied_why, plain(why));
            (w.denied_subject, text)
        }
    };
    text.push_str(&format!("\n\n{}", facts(entry, w)));
    Letter::new(to, "answer", subject, text, now.after_days(DAYS))
}

/// To operations: a message that was wrongly held, whole (SY-05).
#[must_use]
pub fn wrongly_held(
    to: Address,
    entry: &Entry,
    message: Bytes,
    who: &str,
    (language, now): (Language, Timestamp),
) -> Letter {
    let w = words(language);
    let text = [
        format!("{}\n\n", fill(w.wrong_lead, plain(who))),
        facts(entry, w),
        fact(w.fact_owner, &entry.owner),
        judged(entry, w),
        fact(w.fact_because, entry.verdict.in_a_line()),
        fact(w.fact_entry, entry.id),
    ]
    .concat();
    let subject = fill(w.wrong_subject, title(&entry.subject));
    let until = now.after_days(DAYS);
    let mut letter = Letter::new(to, "false-positive", subject, text, until).going_out();
    letter.attached = Some(message);
    letter
}

/// To the sender: the message was delivered after all (XX-08), as an automatic answer (RFC 3834).
#[must_use]
pub fn delivered(to: Address, entry: &Entry, (language, now): (Language, Timestamp)) -> Letter {
    let w = words(language);
    let text = format!("{}\n\n{}", w.delivered_lead, facts(entry, w));
    let until = now.after_days(DAYS);
    let mut letter = Letter::new(to, "delivered", w.delivered_subject, text, until).going_out();
    letter.fields = vec![("Auto-Submitted", "auto-replied".to_owned())];
    letter.by_stranger()
}

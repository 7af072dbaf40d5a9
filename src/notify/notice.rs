//! Letters about one message: somebody asks for it, was answered, or is told what became of it.

use bytes::Bytes;

use super::letter::Letter;
use crate::clock::Timestamp;
use crate::mail::{Address, harmless, unlinked};
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

/// From, to, subject and arrival of a message, a line each.
fn facts(entry: &Entry) -> String {
    let to: Vec<String> = entry.to.iter().map(ToString::to_string).collect();
    format!(
        "From:     {}\nTo:       {}\nSubject:  {}\nArrived:  {}\n",
        plain(&entry.author),
        plain(&to.join(", ")),
        plain(&entry.subject),
        entry.arrived,
    )
}

/// To whoever may release: what is asked for (XX-12). `panel` is the address of the panel.
#[must_use]
pub fn asked(to: Address, requests: &[Request], panel: Option<&str>, now: Timestamp) -> Letter {
    let count = requests.len();
    let subject = match requests {
        [one] => format!("Release requested by {}", title(&one.asked.who)),
        _ => format!("{count} releases requested"),
    };
    let mut text = String::from("Somebody asks for mail that only you may release.\n");
    for request in requests.iter().take(LISTED_MOST) {
        let (entry, who) = (&request.entry, plain(&request.asked.who));
        text.push_str(&format!("\nAsked by: {who}\n{}", facts(entry)));
        let class = entry.verdict.class;
        text.push_str(&format!(
            "Held as:  {class}, score {:.1}\n",
            entry.verdict.score
        ));
        if let Some((approve, deny)) = &request.links {
            text.push_str(&format!("Approve:  {approve}\nDeny:     {deny}\n"));
        } else if let Some(panel) = panel {
            let panel = panel.trim_end_matches('/');
            text.push_str(&format!("Look:     {panel}/entries/{}\n", entry.id));
        }
    }
    if count > LISTED_MOST {
        text.push_str(&format!("\nAnd {} more.\n", count - LISTED_MOST));
    }
    if let Some(panel) = panel {
        let panel = panel.trim_end_matches('/');
        text.push_str(&format!("\nAll requests: {panel}/quarantine?requested=1\n"));
    }
    Letter::new(to, "request", subject, text, now.after_days(DAYS)).going_out()
}

/// To whoever asked: granted, or denied and why.
#[must_use]
pub fn answered(to: Address, entry: &Entry, why: Result<(), &str>, now: Timestamp) -> Letter {
    let (subject, words) = match why {
        Ok(()) => (
            "Your request was granted",
            "The message that you asked for was released and is on its way to you.\n".to_owned(),
        ),
        Err("") => (
            "Your request was denied",
            "The message that you asked for is not released.\n".to_owned(),
        ),
        Err(why) => (
            "Your request was denied",
            format!(
                "The message that you asked for is not released. The reason:\n{}\n",
                plain(why)
            ),
        ),
    };
    let text = format!("{words}\n{}", facts(entry));
    Letter::new(to, "answer", subject, text, now.after_days(DAYS))
}

/// To operations: a message that was wrongly held, whole (SY-05).
#[must_use]
pub fn wrongly_held(
    to: Address,
    entry: &Entry,
    message: Bytes,
    who: &str,
    now: Timestamp,
) -> Letter {
    let because = entry.verdict.in_a_line();
    let text = format!(
        "{} reported this message as wrongly held. It goes along as it was received.\n\n{}\
         Owner:    {}\nHeld as:  {}, score {:.1}\nBecause:  {}\nEntry:    {}\n",
        plain(who),
        facts(entry),
        entry.owner,
        entry.verdict.class,
        entry.verdict.score,
        because,
        entry.id,
    );
    let subject = format!("Wrongly held: {}", title(&entry.subject));
    let until = now.after_days(DAYS);
    let mut letter = Letter::new(to, "false-positive", subject, text, until).going_out();
    letter.attached = Some(message);
    letter
}

/// To the sender: the message was delivered after all (XX-08), as an automatic answer (RFC 3834).
#[must_use]
pub fn delivered(to: Address, entry: &Entry, now: Timestamp) -> Letter {
    let text = format!(
        "Your message was held back by a spam filter at first. Somebody looked at it, and it has\n\
         been delivered now. There is nothing for you to do.\n\n{}",
        facts(entry)
    );
    let subject = "Your message was delivered after all";
    let mut letter = Letter::new(to, "delivered", subject, text, now.after_days(DAYS)).going_out();
    letter.fields = vec![("Auto-Submitted", "auto-replied".to_owned())];
    letter.by_stranger()
}

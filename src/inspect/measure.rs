//! Fills the facts of a message from what was read of it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::LazyLock;

use mail_parser::DateTime;
use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;
use regex::Regex;

use crate::clock::Timestamp;
use crate::mail::{Domain, Envelope};

use super::content::{Content, Mailbox, decoded};
use super::html::Page;

/// Characters of the text in which a greeting is looked for.
const GREETING: usize = 80;
/// Letters below which a share of capitals says nothing.
const SUBJECT_LETTERS: usize = 8;
const BODY_LETTERS: usize = 100;
/// Characters below which a local part is too common a word.
const LOCAL_LEAST: usize = 4;

static LINK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i-u:\b(?:https?://|www\.))[^\x00-\x20<>"'()\[\]{}|\\^`\x7f]+"#).ok()
});
static SHOWN_DOMAIN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(?i-u:(?:https?://)?(?:[a-z0-9-]+\.)+[a-z]{2,})(?:[/?:][^ ]*)?$").ok()
});

/// Addresses of web pages written out in text.
pub(super) fn links_in(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let found = LINK.as_ref().map(|link| link.find_iter(text));
    found
        .into_iter()
        .flatten()
        .map(|m| Cow::Borrowed(m.as_str().trim_end_matches(['.', ',', ';', ':', '!', '?'])))
}

/// The domain that somebody registered, below which they make as many others as they like.
#[must_use]
pub fn organisation(domain: &Domain) -> String {
    registered(domain.as_str())
}

/// The domain somebody registered, lower case; the host if there is none.
pub(super) fn registered(host: &str) -> String {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    psl::domain_str(&host).unwrap_or(&host).to_owned()
}

/// The host of a link; empty if it has none.
pub(super) fn host(link: &str) -> &str {
    let rest = match link.split_once("://") {
        Some((scheme, rest)) if scheme.len() <= 5 => rest,
        Some(_) => return "",
        None if link.contains(':') => return "",
        None => link,
    };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    match host.strip_prefix('[') {
        Some(literal) => literal.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

/// Fills `content.facts`.
pub(super) fn measure(
    content: &mut Content<'_>,
    pages: &mut [Page],
    envelope: &Envelope,
    now: Option<Timestamp>,
) {
    structure(content);
    markup(content, pages);
    links(content, pages);
    text(content);
    let to: Vec<Mailbox> = [content.mailboxes("To"), content.mailboxes("Cc")].concat();
    subject(content, &to, envelope);
    origin(content, &to, envelope);
    dates(content, now);
}

fn flag(holds: bool) -> f32 {
    f32::from(u8::from(holds))
}

fn structure(content: &mut Content<'_>) {
    let parts = &content.structure.parts;
    let facts = &mut content.facts;
    facts.parts = parts.len() as f32;
    facts.depth = content.structure.depth as f32;
    facts.too_deep = flag(content.structure.too_deep);
    facts.too_many = flag(content.structure.too_many);
    facts.broken = flag(content.structure.broken);
    let shown = |kind: &str| parts.iter().any(|part| part.kind == kind && !part.attached);
    facts.html_only = flag(shown("text/html") && !shown("text/plain"));
    facts.attached = parts.iter().filter(|part| part.attached).count() as f32;
    facts.size = content.message.len() as f32;
}

fn markup(content: &mut Content<'_>, pages: &[Page]) {
    let facts = &mut content.facts;
    let sum = |count: fn(&Page) -> usize| pages.iter().map(count).sum::<usize>() as f32;
    facts.hidden = sum(|page| page.hidden);
    facts.tags = sum(|page| page.tags);
    facts.images = sum(|page| page.images);
    facts.pixels = sum(|page| page.pixels);
    facts.forms = sum(|page| page.forms);
    facts.scripts = sum(|page| page.scripts);
    facts.split_words = sum(|page| page.split_words);
    facts.html_length = content.html.len() as f32;
    let shown = sum(|page| page.text.len());
    facts.text_ratio = if content.html.is_empty() {
        100.0
    } else {
        shown * 100.0 / facts.html_length
    };
}

fn links(content: &mut Content<'_>, pages: &[Page]) {
    let mut domains = HashSet::new();
    let (mut numbers, mut own, mut hosts) = (0, 0, 0);
    let author = content
        .authors
        .first()
        .map(|author| registered(author.domain()))
        .unwrap_or_default();
    for link in &content.links {
        let host = host(link);
        if host.parse::<std::net::IpAddr>().is_ok() {
            numbers += 1;
        } else if host.contains('.') {
            let domain = registered(host);
            hosts += 1;
            own += usize::from(domain == author);
            domains.insert(domain);
        }
    }
    let lies = pages.iter().flat_map(|page| &page.links).filter(|link| {
        let text = link.text.trim();
        let shown = SHOWN_DOMAIN
            .as_ref()
            .is_some_and(|shown| shown.is_match(text));
        let target = host(&link.target);
        shown && target.contains('.') && registered(host(text)) != registered(target)
    });
    content.facts.lying_links = lies.count() as f32;
    content.facts.links = content.links.len() as f32;
    content.facts.link_domains = domains.len() as f32;
    content.facts.own_links = if hosts > 0 {
        own as f32 * 100.0 / hosts as f32
    } else {
        0.0
    };
    content.facts.number_links = numbers as f32;
}

fn text(content: &mut Content<'_>) {
    let text = &content.text;
    let facts = &mut content.facts;
    let (letters, capitals) = letters(text);
    facts.body_capitals = if letters >= BODY_LETTERS {
        capitals as f32 * 100.0 / letters as f32
    } else {
        0.0
    };
    if text.is_ascii() {
        facts.text_length = text.len() as f32;
        return;
    }
    facts.text_length = text.chars().count() as f32;
    let no_width = |c: &char| {
        matches!(
            c,
            '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{ad}' | '\u{34f}'
        )
    };
    facts.zero_width = text.chars().filter(no_width).count() as f32;
    facts.mixed_words = text.split_whitespace().filter(|word| mixed(word)).count() as f32;
}

/// Letters, and capitals among them, of ASCII; other scripts have none, or use them otherwise.
fn letters(text: &str) -> (usize, usize) {
    let capitals = text.bytes().filter(u8::is_ascii_uppercase).count();
    let small = text.bytes().filter(u8::is_ascii_lowercase).count();
    (capitals + small, capitals)
}

/// True if a word mixes Latin letters with letters that look like them.
fn mixed(word: &str) -> bool {
    !word.is_ascii()
        && word.bytes().any(|b| b.is_ascii_alphabetic())
        && word
            .chars()
            .any(|c| matches!(c, '\u{370}'..='\u{3ff}' | '\u{400}'..='\u{4ff}'))
        && !word.contains(['/', '-', '@', '.', ',', '(', ')'])
}

fn subject(content: &mut Content<'_>, to: &[Mailbox], envelope: &Envelope) {
    let subject = content.subject.as_str();
    let (letters, capitals) = letters(subject);
    let enough = letters >= SUBJECT_LETTERS;
    let mut gap = 0;
    let mut run = 0;
    for c in subject.chars() {
        run = if c.is_whitespace() { run + 1 } else { 0 };
        gap = gap.max(run);
    }
    let lower = subject.to_lowercase();
    let greeting: String = content
        .text
        .chars()
        .take(GREETING)
        .flat_map(char::to_lowercase)
        .collect();
    let recipients = envelope.to.iter().map(|a| a.key().to_owned());
    let names: HashSet<String> = to
        .iter()
        .map(|m| m.address.to_lowercase())
        .chain(recipients)
        .take(20)
        .collect();
    let named = |text: &str, names_too| {
        names
            .iter()
            .any(|address| names_address(text, address, names_too))
    };
    let facts = &mut content.facts;
    facts.subject_length = subject.chars().count() as f32;
    facts.subject_capitals = if enough {
        capitals as f32 * 100.0 / letters as f32
    } else {
        0.0
    };
    facts.subject_gap = gap as f32;
    facts.subject_names_you = flag(named(&lower, true));
    facts.body_names_you = flag(named(&greeting, false));
}

/// True if `text` holds the address, or opens with its local part as a word of its
/// own; a local part that may be a first name is what friends say too.
fn names_address(text: &str, address: &str, names_too: bool) -> bool {
    let Some((local, _)) = address.split_once('@') else {
        return false;
    };
    if text.contains(address) {
        return true;
    }
    if !names_too && local.bytes().all(|b| b.is_ascii_alphabetic()) {
        return false;
    }
    let opened = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    let opened = ["dear ", "hello ", "hi ", "hey "]
        .iter()
        .find_map(|w| opened.strip_prefix(w))
        .unwrap_or(opened);
    local.len() >= LOCAL_LEAST
        && opened
            .strip_prefix(local)
            .is_some_and(|rest| rest.starts_with([',', '!', ':', ' ']) && !rest.starts_with(" - "))
}

fn origin(content: &mut Content<'_>, to: &[Mailbox], envelope: &Envelope) {
    let from = content.authors.first().cloned().unwrap_or_default();
    let own = registered(from.domain());
    let reply = content.mailboxes("Reply-To");
    let elsewhere =
        |domain: &str| !domain.is_empty() && !own.is_empty() && registered(domain) != own;
    let id = content
        .first("Message-ID")
        .map(|f| decoded(f.value))
        .unwrap_or_default();
    let id_domain = id
        .trim_end_matches('>')
        .rsplit_once('@')
        .map_or("", |(_, domain)| domain);
    let raw = |name| {
        content
            .first(name)
            .map_or(0, |f| f.value.iter().filter(|b| **b > 127).count())
    };
    let eight_bit = raw("Subject") + raw("From");
    let (received, header) = (content.count("Received"), content.header_octets());
    let shown = from.name.rsplit_once('@').map(|(_, rest)| {
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-')
            .unwrap_or(rest.len());
        &rest[..end]
    });
    let facts = &mut content.facts;
    facts.name_lies = flag(shown.is_some_and(|domain| domain.contains('.') && elsewhere(domain)));
    facts.reply_elsewhere = flag(reply.iter().any(|m| elsewhere(m.domain())));
    facts.sender_elsewhere = flag(
        envelope
            .from
            .as_ref()
            .is_some_and(|a| elsewhere(a.domain().as_str())),
    );
    facts.id_elsewhere = flag(elsewhere(id_domain));
    facts.no_id_domain = flag(!id.is_empty() && !id_domain.contains('.'));
    facts.eight_bit_header = eight_bit as f32;
    facts.received = received;
    facts.header_octets = header as f32;
    facts.addressees = to.len() as f32;
    facts.to_is_from = flag(
        to.len() == 1
            && !from.address.is_empty()
            && to[0].address.eq_ignore_ascii_case(&from.address),
    );
    facts.recipients = envelope.to.len() as f32;
}

/// Date against the newest Received field, else against the clock.
fn dates(content: &mut Content<'_>, now: Option<Timestamp>) {
    let Some(field) = content.first("Date") else {
        return;
    };
    let Some(date) = date(&decoded(field.value)) else {
        content.facts.bad_date = 1.0;
        return;
    };
    let stamped = content.first("Received").and_then(|f| {
        decoded(f.value)
            .rsplit_once(';')
            .and_then(|(_, text)| self::date(text))
    });
    let clock = now.and_then(|now| i64::try_from(now.0 / 1000).ok());
    if let Some(arrived) = stamped.or(clock) {
        let hours = (date - arrived) as f32 / 3600.0;
        content.facts.future_hours = hours.max(0.0);
        content.facts.past_hours = (-hours).max(0.0);
    }
}

/// Seconds since 1970 of an RFC 5322 date.
fn date(text: &str) -> Option<i64> {
    let line = format!("{}\r\n", text.trim());
    match MessageStream::new(line.as_bytes()).parse_date() {
        HeaderValue::DateTime(date) if DateTime::is_valid(&date) => Some(date.to_timestamp()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_their_registered_domains() {
        for (link, want) in [
            ("https://a.b.example.co.uk/x", "a.b.example.co.uk"),
            ("http://u:p@h.example:8080?x", "h.example"),
            ("http://[2001:db8::1]:25/", "2001:db8::1"),
            ("mailto:a@b.example", ""),
            ("www.example.org/x", "www.example.org"),
            ("javascript:alert(1)", ""),
        ] {
            assert_eq!(host(link), want, "{link}");
        }
        assert_eq!(registered("a.b.Example.co.uk."), "example.co.uk");
    }

    #[test]
    fn links_in_plain_text_are_found() {
        let text = "See https://a.example/x?y=1, (www.b.example) and HTTP://\u{e9}.example.";
        let found: Vec<_> = links_in(text).collect();
        assert_eq!(
            found,
            [
                "https://a.example/x?y=1",
                "www.b.example",
                "HTTP://\u{e9}.example"
            ]
        );
        assert!(
            SHOWN_DOMAIN
                .as_ref()
                .is_some_and(|shown| shown.is_match("www.example.org/x"))
        );
    }

    #[test]
    fn dates_are_read() {
        assert_eq!(date("Sun, 09 Sep 2001 01:46:40 +0000"), Some(1_000_000_000));
        assert_eq!(date("yesterday"), None);
    }
}

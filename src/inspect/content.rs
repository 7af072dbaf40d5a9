//! A message read once, for all local checks: fields, decoded text, links, facts.

use std::borrow::Cow;
use std::collections::HashSet;

use mail_parser::parsers::MessageStream;
use mail_parser::{Address as Parsed, HeaderValue};

use crate::clock::Timestamp;
use crate::mail::headers::{self, Field};
use crate::mail::{Address, Envelope};

use super::facts::Facts;
use super::mime::{Part, Structure};
use super::rules::Place;
use super::{decode, html, measure, mime};

/// Fields looked at, and octets of one value.
const FIELDS_MOST: usize = 2000;
const VALUE_MOST: usize = 8 << 10;
/// Links looked at.
const LINKS_MOST: usize = 400;
/// Characters of an author's name that are kept.
const NAME_MOST: usize = 256;
/// Addresses taken of one field.
const ADDRESSES_MOST: usize = 100;
/// Characters of the Subject that are kept.
pub(super) const SUBJECT_MOST: usize = 256;

/// A message as the local checks see it. Memory is a small multiple of the limit it was read with.
pub(super) struct Content<'m> {
    pub message: &'m [u8],
    fields: Vec<Field<'m>>,
    pub structure: Structure,
    /// The visible text of all text parts, runs of white space made one space.
    pub text: String,
    /// The HTML source of all HTML parts.
    pub html: String,
    /// Targets of links, each once.
    pub links: Vec<String>,
    pub subject: String,
    /// Addresses and names of the From field.
    pub authors: Vec<Mailbox>,
    pub facts: Facts,
    limit: usize,
}

/// An address with its display name.
#[derive(Debug, Clone, Default)]
pub(super) struct Mailbox {
    pub name: String,
    pub address: String,
}

impl Mailbox {
    pub(super) fn domain(&self) -> &str {
        self.address
            .rsplit_once('@')
            .map_or("", |(_, domain)| domain)
    }
}

impl<'m> Content<'m> {
    /// Reads `message`; of its text at most `limit` octets. `now` is the time of
    /// arrival, where it is known.
    pub(super) fn read(
        message: &'m [u8],
        envelope: &Envelope,
        limit: usize,
        now: Option<Timestamp>,
    ) -> Self {
        let mut content = Self::structured(message, limit);
        let mut pages = content.read_text();
        measure::measure(&mut content, &mut pages, envelope, now);
        content
    }

    /// Subject, authors and structure: all that is needed where there are no rules.
    pub(super) fn structured(message: &'m [u8], limit: usize) -> Self {
        let mut content = Self::fields_only(message, limit);
        content.structure = mime::structure(message);
        content
    }

    /// Subject and authors alone.
    pub(super) fn fields_only(message: &'m [u8], limit: usize) -> Self {
        let fields: Vec<Field<'m>> = headers::fields(message).take(FIELDS_MOST).collect();
        let mut content = Self {
            message,
            fields,
            structure: Structure::default(),
            text: String::new(),
            html: String::new(),
            links: Vec::new(),
            subject: String::new(),
            authors: Vec::new(),
            facts: Facts::default(),
            limit,
        };
        content.subject = content
            .first("Subject")
            .map(|f| decoded(f.value))
            .unwrap_or_default();
        content.authors = content.mailboxes("From");
        content
    }

    /// The authors' addresses, as far as they are addresses.
    pub(super) fn author_addresses(&self) -> Vec<Address> {
        self.authors
            .iter()
            .filter_map(|m| m.address.parse().ok())
            .collect()
    }

    /// The name of the first author, at most [`NAME_MOST`] characters of it.
    pub(super) fn author_name(&self) -> String {
        let first = self.authors.first();
        first.map_or_else(String::new, |m| m.name.chars().take(NAME_MOST).collect())
    }

    pub(super) fn first(&self, name: &str) -> Option<&Field<'m>> {
        self.fields.iter().find(|field| field.is(name))
    }

    pub(super) fn fields<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Field<'m>> {
        self.fields.iter().filter(move |field| field.is(name))
    }

    /// How many fields of that name there are.
    pub(super) fn count(&self, name: &str) -> f32 {
        self.fields(name).count() as f32
    }

    /// The addresses in all fields of that name.
    pub(super) fn mailboxes(&self, name: &str) -> Vec<Mailbox> {
        let mut all = Vec::new();
        for field in self.fields(name) {
            let line = one_line(field.value);
            if let HeaderValue::Address(parsed) = MessageStream::new(&line).parse_address() {
                all.extend(flat(&parsed).take(ADDRESSES_MOST));
            }
        }
        all.truncate(ADDRESSES_MOST);
        all
    }

    /// Gives `look` each text that lies at `place`.
    pub(super) fn each(&self, place: &Place, envelope: &Envelope, look: &mut dyn FnMut(&[u8])) {
        match place {
            Place::Field(name) if name == "subject" => {
                if self.first("Subject").is_some() {
                    look(self.subject.as_bytes());
                }
            }
            Place::Field(name) => self
                .fields(name)
                .for_each(|f| look(decoded(f.value).as_bytes())),
            Place::RawField(name) => self
                .fields(name)
                .for_each(|f| look(&f.value[..f.value.len().min(VALUE_MOST)])),
            Place::Header => look(self.header()),
            Place::Body => look(self.text.as_bytes()),
            Place::Html => look(self.html.as_bytes()),
            Place::Raw => look(&self.message[..self.message.len().min(self.limit)]),
            Place::Uri => self.links.iter().for_each(|link| look(link.as_bytes())),
            Place::From => look(envelope.from_text().as_bytes()),
            Place::Helo => look(envelope.peer.helo.as_bytes()),
            Place::Client => look(envelope.peer.address.to_string().as_bytes()),
            Place::ClientName => look(envelope.peer.name.as_deref().unwrap_or_default().as_bytes()),
            Place::PartType => self
                .structure
                .parts
                .iter()
                .for_each(|part| look(part.kind.as_bytes())),
            Place::FileName => {
                let names = self
                    .structure
                    .parts
                    .iter()
                    .filter_map(|part| part.name.as_deref());
                names.for_each(|name| look(name.as_bytes()));
            }
        }
    }

    /// The header section, as far as its fields are looked at.
    fn header(&self) -> &'m [u8] {
        let end = self.fields.last().map_or(0, |field| field.range.end);
        &self.message[..end.min(self.limit)]
    }

    /// Octets of the header section's fields that are looked at.
    pub(super) fn header_octets(&self) -> usize {
        self.header().len()
    }

    /// Fills text and HTML source from the parts; gives what the HTML shows.
    fn read_text(&mut self) -> Vec<html::Page> {
        let mut left = self.limit;
        let mut pages = Vec::new();
        let mut text = String::new();
        for part in self
            .structure
            .parts
            .iter()
            .filter(|part| part.is_text() && !part.attached)
        {
            if left == 0 {
                break;
            }
            let octets = decode::decoded(part.encoding, &self.message[part.body.clone()], left);
            left -= octets.len();
            let decoded = decode::text(&octets, part.charset.as_deref());
            if part.is_html() {
                let page = html::read(&decoded);
                append(&mut text, &page.text);
                self.html.push_str(&decoded);
                pages.push(page);
            } else {
                append(&mut text, &decoded);
            }
        }
        self.text = text;
        self.links = self.gather_links(&pages);
        pages
    }

    fn gather_links(&self, pages: &[html::Page]) -> Vec<String> {
        let mut seen = HashSet::new();
        let mut links = Vec::new();
        let in_pages = pages.iter().flat_map(|page| {
            page.links
                .iter()
                .map(|link| Cow::Borrowed(link.target.as_str()))
        });
        for link in in_pages.chain(measure::links_in(&self.text)) {
            if links.len() >= LINKS_MOST {
                break;
            }
            if seen.insert(link.clone()) {
                links.push(link.into_owned());
            }
        }
        links
    }

    /// True if a decoded text part of any size, or the message as it stands, holds `needle`.
    pub(super) fn holds_anywhere(&self, needle: &[u8]) -> bool {
        let in_part = |part: &Part| {
            // Plain octets are part of the message as it stands, but for wide charsets.
            let plain = part.encoding == decode::Encoding::Plain;
            let wide = part
                .charset
                .as_deref()
                .is_some_and(|c| c.starts_with("utf-16") || c.starts_with("utf-32"));
            (!plain || wide)
                && decode::holds(part.encoding, &self.message[part.body.clone()], needle)
        };
        let body = &self.message[headers::header_end(self.message)..];
        memchr::memmem::find(body, needle).is_some()
            || self
                .structure
                .parts
                .iter()
                .filter(|part| part.is_text())
                .any(in_part)
    }
}

/// Appends text with runs of white space made one space.
fn append(whole: &mut String, text: &str) {
    for word in text.split_whitespace() {
        if !whole.is_empty() {
            whole.push(' ');
        }
        whole.push_str(word);
    }
}

/// A value on one bounded line, as the parser wants it.
fn one_line(value: &[u8]) -> Vec<u8> {
    let mut line = value[..value.len().min(VALUE_MOST)].to_vec();
    line.extend_from_slice(b"\r\n");
    line
}

/// A value as a reader sees it: unfolded, encoded words decoded (RFC 2047).
pub(super) fn decoded(value: &[u8]) -> String {
    let value = &value[..value.len().min(VALUE_MOST)];
    if memchr::memmem::find(value, b"=?").is_none() {
        return headers::unfold(value);
    }
    let line = one_line(value);
    match MessageStream::new(&line).parse_unstructured() {
        HeaderValue::Text(text) => text.trim().to_owned(),
        _ => headers::unfold(value),
    }
}

fn flat<'p>(parsed: &'p Parsed<'_>) -> impl Iterator<Item = Mailbox> + 'p {
    parsed.iter().map(|addr| Mailbox {
        name: addr.name().unwrap_or_default().to_owned(),
        address: addr.address().unwrap_or_default().to_owned(),
    })
}

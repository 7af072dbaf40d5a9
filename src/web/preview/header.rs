//! The header section of a message as people read it.

use mail_parser::parsers::MessageStream;
use mail_parser::{Addr, HeaderValue};

use crate::mail::headers::{self, Field};

use super::Limits;
use super::shown::visible;

/// The fields people look at, in this order, and whether they hold addresses.
const LOOKED_AT: &[(&str, bool)] = &[
    ("From", true),
    ("Sender", true),
    ("Reply-To", true),
    ("To", true),
    ("Cc", true),
    ("Subject", false),
    ("Date", false),
    ("Message-ID", false),
    ("In-Reply-To", false),
    ("List-Id", false),
    ("User-Agent", false),
    ("X-Mailer", false),
];
/// Fields of one name that are shown; none of these may stand there twice (RFC 5322 section 3.6).
const SAME_MOST: usize = 5;
/// Addresses of one field that are shown.
const ADDRESSES_MOST: usize = 50;
/// Octets of a field that are decoded.
const OCTETS_MOST: usize = 16 << 10;

type Known = Vec<(&'static str, String)>;
type All = Vec<(String, String)>;

/// The fields people look at, all fields, and whether there were more than `limits` allows.
pub(super) fn read(message: &[u8], limits: &Limits) -> (Known, All, bool) {
    let mut fields: Vec<Field<'_>> = headers::fields(message).take(limits.fields + 1).collect();
    let more = fields.len() > limits.fields;
    fields.truncate(limits.fields);
    let mut known = Vec::new();
    for (name, addresses) in LOOKED_AT {
        for field in fields.iter().filter(|field| field.is(name)).take(SAME_MOST) {
            let value = if *addresses {
                mailboxes(field.value, limits.value)
            } else {
                visible(&decoded(field.value), limits.value)
            };
            known.push((*name, value));
        }
    }
    let all = fields
        .iter()
        .map(|field| {
            let name = visible(&String::from_utf8_lossy(field.name), 100);
            let value = &field.value[..field.value.len().min(OCTETS_MOST)];
            (name, visible(&headers::unfold(value), limits.value))
        })
        .collect();
    (known, all, more)
}

fn one_line(value: &[u8]) -> Vec<u8> {
    [&value[..value.len().min(OCTETS_MOST)], b"\r\n"].concat()
}

/// A value with its encoded words decoded (RFC 2047).
fn decoded(value: &[u8]) -> String {
    match MessageStream::new(&one_line(value)).parse_unstructured() {
        HeaderValue::Text(text) => text.trim().to_owned(),
        _ => headers::unfold(&value[..value.len().min(OCTETS_MOST)]),
    }
}

/// Addresses with their names. A name that could be taken for an address stands in quotes.
fn mailboxes(value: &[u8], most: usize) -> String {
    let line = one_line(value);
    let HeaderValue::Address(parsed) = MessageStream::new(&line).parse_address() else {
        return visible(&decoded(value), most);
    };
    let mut all: Vec<String> = parsed
        .iter()
        .take(ADDRESSES_MOST + 1)
        .map(mailbox)
        .collect();
    if all.len() > ADDRESSES_MOST {
        all[ADDRESSES_MOST] = "…".to_owned();
    }
    if all.is_empty() {
        return visible(&decoded(value), most);
    }
    visible(&all.join(", "), most)
}

fn mailbox(addr: &Addr<'_>) -> String {
    let address = addr.address().unwrap_or_default();
    let Some(name) = addr.name().map(str::trim).filter(|name| !name.is_empty()) else {
        return address.to_owned();
    };
    if name.contains(['@', '<', '>', '"', ',', ';']) {
        format!("\"{}\" <{address}>", name.replace('"', "'"))
    } else {
        format!("{name} <{address}>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(message: &str) -> String {
        read(message.as_bytes(), &Limits::default()).0[0].1.clone()
    }

    #[test]
    fn names_are_decoded_and_cannot_play_the_address() {
        assert_eq!(
            one("From: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= <a@b.example>\r\n"),
            "Grüße <a@b.example>"
        );
        assert_eq!(
            one("From: =?utf-8?Q?Bank_=3Csafe=40bank.example=3E?= <x@evil.test>\r\n"),
            "\"Bank <safe@bank.example>\" <x@evil.test>"
        );
        assert_eq!(
            one("To: a@b.example, B <c@d.example>\r\n"),
            "a@b.example, B <c@d.example>"
        );
        assert_eq!(one("From: nonsense <<\r\n"), one("From: nonsense <<\r\n"));
    }

    #[test]
    fn controls_and_bidi_are_visible() {
        let subject = one("Subject: =?utf-8?B?YeKArmIAYw0KQmNjOiB4?=\r\n");
        assert_eq!(subject, "a[U+202E]b[U+0000]c  Bcc: x");
    }

    #[test]
    fn fields_are_counted() {
        let message = "From: a@b.example\r\n".repeat(600);
        let (known, all, more) = read(message.as_bytes(), &Limits::default());
        assert_eq!((known.len(), all.len(), more), (SAME_MOST, 500, true));
    }
}

//! ENVELOPE (RFC 3501 section 7.4.2): the header fields of a message as a list.

use super::addresses::{Addressee, addresses};
use crate::imap::write::{nstring, string};
use crate::mail::headers;

/// Octets of a header looked at.
const HEADER_MOST: usize = 1 << 20;
/// Octets shown of a text field.
const TEXT_MOST: usize = 16 * 1024;

const NAMES: [&str; 10] = [
    "Date",
    "Subject",
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "In-Reply-To",
    "Message-ID",
];

/// Writes the envelope of the message whose header this is.
pub(in crate::imap) fn envelope(out: &mut Vec<u8>, header: &[u8]) {
    let header = &header[..header.len().min(HEADER_MOST)];
    let mut values: [Option<String>; 10] = Default::default();
    for field in headers::fields(header) {
        if let Some(place) = NAMES.iter().position(|name| field.is(name))
            && values[place].is_none()
        {
            values[place] = Some(field.text());
        }
    }
    out.push(b'(');
    for (place, value) in values.iter().enumerate() {
        if place > 0 {
            out.push(b' ');
        }
        match NAMES[place] {
            "Date" | "Subject" | "In-Reply-To" | "Message-ID" => {
                nstring(out, value.as_deref().map(cut));
            }
            // RFC 3501: these are the From field's where they are missing or empty.
            "Sender" | "Reply-To" => {
                let own = value.as_deref().filter(|text| !addresses(text).is_empty());
                list(out, own.or(values[2].as_deref()));
            }
            _ => list(out, value.as_deref()),
        }
    }
    out.push(b')');
}

fn cut(text: &str) -> &[u8] {
    &text.as_bytes()[..text.len().min(TEXT_MOST)]
}

fn list(out: &mut Vec<u8>, value: Option<&str>) {
    let found = value.map(addresses).unwrap_or_default();
    if found.is_empty() {
        out.extend_from_slice(b"NIL");
        return;
    }
    out.push(b'(');
    for addressee in found {
        match addressee {
            Addressee::One {
                name,
                mailbox,
                host,
            } => {
                out.push(b'(');
                nstring(out, name.as_deref().map(str::as_bytes));
                out.extend_from_slice(b" NIL ");
                string(out, mailbox.as_bytes());
                out.push(b' ');
                string(out, host.as_bytes());
                out.push(b')');
            }
            Addressee::GroupStart(name) => {
                out.extend_from_slice(b"(NIL NIL ");
                string(out, name.as_bytes());
                out.extend_from_slice(b" NIL)");
            }
            Addressee::GroupEnd => out.extend_from_slice(b"(NIL NIL NIL NIL)"),
        }
    }
    out.push(b')');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_is_told() {
        let mut out = Vec::new();
        envelope(
            &mut out,
            b"Subject: =?utf-8?q?x?=\r\n \"y\"\r\nFrom: A <a@x.org>\r\nTo: b@y.org\r\nSender: \r\n\r\n",
        );
        assert_eq!(
            String::from_utf8_lossy(&out),
            "(NIL \"=?utf-8?q?x?= \\\"y\\\"\" ((\"A\" NIL \"a\" \"x.org\")) ((\"A\" NIL \"a\" \"x.org\")) \
             ((\"A\" NIL \"a\" \"x.org\")) ((NIL NIL \"b\" \"y.org\")) NIL NIL NIL NIL)"
        );
    }
}

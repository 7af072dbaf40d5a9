//! A kept mail as folders show it: a few header fields of ours on top of the untouched original.
//!
//! Ours come first, so a reader that takes the first field of a name takes ours; fields of
//! the same names in the original stay where they are, as the original must stay whole.
//! All of it follows from what an entry never changes under one uid, so that sizes,
//! structure, sections and partials agree for as long as the message is there.

use std::fmt::Write as _;
use std::sync::OnceLock;

use bytes::Bytes;

use super::mime::{Part, parse};
use crate::mail::subject;
use crate::policy::Right;
use crate::record::Entry;

/// Longest line of a field made here, in octets (RFC 5322 section 2.1.1).
const LINE_MOST: usize = 78;
/// Longest word left whole, in octets.
const WORD_MOST: usize = 900;
/// Longest value shown, in octets.
const VALUE_MOST: usize = 4000;
/// Most findings shown.
const FINDINGS_MOST: usize = 40;

/// A message as it is shown.
pub(in crate::imap) struct Exposed {
    /// Our fields.
    pub(in crate::imap) prefix: Bytes,
    /// What was received, or what stands in its place.
    pub(in crate::imap) original: Bytes,
    parts: OnceLock<Vec<Part>>,
}

impl Exposed {
    pub(in crate::imap) fn new(prefix: Bytes, original: Bytes) -> Self {
        Self {
            prefix,
            original,
            parts: OnceLock::new(),
        }
    }

    /// Octets in all (RFC822.SIZE).
    pub(in crate::imap) fn size(&self) -> u64 {
        (self.prefix.len() + self.original.len()) as u64
    }

    /// Finds the parts now, so that what needs them is quick.
    pub(in crate::imap) fn find_parts(&self) {
        self.parts();
    }

    /// The parts of the original; our fields say nothing about them.
    pub(super) fn parts(&self) -> &[Part] {
        self.parts.get_or_init(|| parse(&self.original))
    }

    /// The original's header section with the empty line.
    pub(in crate::imap) fn header(&self) -> &[u8] {
        let end = crate::mail::headers::header_end(&self.original);
        &self.original[..end]
    }
}

/// Our fields for an entry.
pub(in crate::imap) fn prefix(entry: &Entry) -> Bytes {
    let mut out = String::new();
    let from = entry.from.as_ref().map(ToString::to_string);
    field(
        &mut out,
        "X-Quaranta-Envelope-From",
        &format!("<{}>", from.unwrap_or_default()),
    );
    let to: Vec<String> = entry.to.iter().map(|to| format!("<{to}>")).collect();
    field(&mut out, "X-Quaranta-Envelope-To", &to.join(", "));
    field(&mut out, "X-Quaranta-Client", &entry.client);
    field(
        &mut out,
        "X-Quaranta-Class",
        &entry.verdict.class.to_string(),
    );
    field(
        &mut out,
        "X-Quaranta-Score",
        &format!("{:.1}", entry.verdict.score),
    );
    field(&mut out, "X-Quaranta-Findings", &entry.verdict.names());
    let reasons: Vec<String> = entry
        .verdict
        .because
        .iter()
        .take(FINDINGS_MOST)
        .map(|finding| format!("{}: {}", finding.name(), finding.reason()))
        .collect();
    field(&mut out, "X-Quaranta-Reasons", &reasons.join("; "));
    field(&mut out, "X-Quaranta-Expires", &entry.expires.rfc5322());
    if let Some(reply) = &entry.failed {
        field(&mut out, "X-Quaranta-Release-Failed", &reply.to_string());
    }
    out.into()
}

/// One field, folded; whatever the value holds, it stays one field.
fn field(out: &mut String, name: &str, value: &str) {
    if value.trim().is_empty() {
        return;
    }
    let mut cut = value.len().min(VALUE_MOST);
    while !value.is_char_boundary(cut) {
        cut -= 1;
    }
    let clean: String = value[..cut]
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let mut line = name.len() + 1;
    let _ = write!(out, "{name}:");
    for word in subject::encoded(&clean).split_whitespace() {
        // An endless word is broken where a line must end.
        for piece in word.as_bytes().chunks(WORD_MOST) {
            if line + 1 + piece.len() > LINE_MOST && line > 1 {
                out.push_str("\r\n");
                line = 0;
            }
            out.push(' ');
            line += 1 + piece.len();
            out.push_str(&String::from_utf8_lossy(piece));
        }
    }
    out.push_str("\r\n");
}

/// What those see who lack the right to see malware (XX-12): who, what and when, and a text.
pub(in crate::imap) fn stub(entry: &Entry, lacking: Right) -> Bytes {
    let mut out = String::new();
    field(&mut out, "From", &display(&entry.author));
    let to: Vec<String> = entry.to.iter().map(ToString::to_string).collect();
    field(&mut out, "To", &to.join(", "));
    field(&mut out, "Subject", &entry.subject);
    field(&mut out, "Date", &entry.arrived.rfc5322());
    field(
        &mut out,
        "Message-ID",
        &format!("<{}@stub.quaranta.invalid>", entry.id),
    );
    field(&mut out, "MIME-Version", "1.0");
    field(&mut out, "Content-Type", "text/plain; charset=us-ascii");
    let why = match lacking {
        Right::HandleMalware => "It holds malware, or is taken to hold it.",
        _ => "Your account has not the right to see it.",
    };
    let _ = write!(
        out,
        "\r\nThe content of this message is not shown.\r\n{why}\r\n\
         An administrator of your domain can see it and decide.\r\n"
    );
    out.into()
}

/// Octets of the entry as it is shown to those who lack the right.
pub(in crate::imap) fn stub_size(entry: &Entry) -> u64 {
    (prefix(entry).len() + stub(entry, Right::HandleMalware).len()) as u64
}

/// An author as a From field may hold it: ASCII, no quotes, no comments.
fn display(author: &str) -> String {
    author
        .chars()
        .filter(|c| c.is_ascii() && !"()\\\"".contains(*c))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_values_stay_one_field() {
        let mut out = String::new();
        field(
            &mut out,
            "X-A",
            "a\r\nBcc: evil\r\n\r\nbody \u{e4}\u{2028}x\0",
        );
        field(&mut out, "X-B", &"y ".repeat(3000));
        field(&mut out, "X-C", &"z".repeat(9000));
        field(&mut out, "X-D", &"\u{e4}".repeat(900));
        let found: Vec<_> = crate::mail::headers::fields(out.as_bytes())
            .map(|field| String::from_utf8_lossy(field.name).into_owned())
            .collect();
        assert_eq!(found, ["X-A", "X-B", "X-C", "X-D"]);
        assert!(out.is_ascii());
        assert!(out.ends_with("\r\n") && !out.contains("\r\n\r\n"));
    }
}

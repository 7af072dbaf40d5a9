//! BODY and BODYSTRUCTURE (RFC 3501 section 7.4.2).

use super::envelope::envelope;
use super::expose::Exposed;
use super::media::valued;
use super::mime::{Kind, Part};
use crate::imap::write::{nstring, string};
use crate::mail::headers;

/// Octets shown of one text.
const TEXT_MOST: usize = 4096;

/// Writes the structure of a message; `extended` for BODYSTRUCTURE. The depth is bounded by
/// that of the parts.
pub(in crate::imap) fn structure(out: &mut Vec<u8>, message: &Exposed, extended: bool) {
    let writer = Writer {
        octets: &message.original,
        parts: message.parts(),
        extended,
    };
    writer.part(out, 0);
}

struct Writer<'m> {
    octets: &'m [u8],
    parts: &'m [Part],
    extended: bool,
}

impl Writer<'_> {
    fn part(&self, out: &mut Vec<u8>, index: usize) {
        let Some(part) = self.parts.get(index) else {
            return;
        };
        let header = &self.octets[part.header.clone()];
        out.push(b'(');
        if part.kind == Kind::Multipart {
            for child in &part.children {
                self.part(out, *child);
            }
            out.push(b' ');
            word(out, &part.media.1);
            if self.extended {
                out.push(b' ');
                parameters(out, &part.content_type.parameters);
                rest(out, header);
            }
        } else {
            self.single(out, part, header);
            if self.extended {
                out.push(b' ');
                field(out, header, "Content-MD5");
                rest(out, header);
            }
        }
        out.push(b')');
    }

    fn single(&self, out: &mut Vec<u8>, part: &Part, header: &[u8]) {
        let body = &self.octets[part.body.clone()];
        word(out, &part.media.0);
        out.push(b' ');
        word(out, &part.media.1);
        out.push(b' ');
        parameters(out, &part.content_type.parameters);
        out.push(b' ');
        field(out, header, "Content-ID");
        out.push(b' ');
        field(out, header, "Content-Description");
        out.push(b' ');
        let encoding = headers::first(header, "Content-Transfer-Encoding")
            .map(|field| valued(&field.text()).value)
            .filter(|encoding| !encoding.is_empty())
            .unwrap_or_else(|| "7bit".to_owned());
        word(out, &encoding);
        out.extend_from_slice(format!(" {}", body.len()).as_bytes());
        if part.kind == Kind::Message {
            if let Some(child) = part.children.first() {
                out.push(b' ');
                envelope(out, &self.octets[self.parts[*child].header.clone()]);
                out.push(b' ');
                self.part(out, *child);
                out.extend_from_slice(format!(" {}", part.lines).as_bytes());
            }
        } else if part.media.0 == "text" {
            out.extend_from_slice(format!(" {}", part.lines).as_bytes());
        }
    }
}

fn word(out: &mut Vec<u8>, text: &str) {
    let text = text.to_ascii_uppercase();
    string(out, &text.as_bytes()[..text.len().min(TEXT_MOST)]);
}

fn parameters(out: &mut Vec<u8>, parameters: &[(String, String)]) {
    if parameters.is_empty() {
        out.extend_from_slice(b"NIL");
        return;
    }
    for (place, (name, value)) in parameters.iter().enumerate() {
        out.push(if place == 0 { b'(' } else { b' ' });
        word(out, name);
        out.push(b' ');
        string(out, &value.as_bytes()[..value.len().min(TEXT_MOST)]);
    }
    out.push(b')');
}

fn field(out: &mut Vec<u8>, header: &[u8], name: &str) {
    let text = headers::first(header, name).map(|field| field.text());
    nstring(
        out,
        text.as_ref()
            .map(|text| &text.as_bytes()[..text.len().min(TEXT_MOST)]),
    );
}

/// Disposition, language and location.
fn rest(out: &mut Vec<u8>, header: &[u8]) {
    let disposition = headers::first(header, "Content-Disposition")
        .map(|field| valued(&field.text()))
        .filter(|disposition| !disposition.value.is_empty());
    match disposition {
        Some(disposition) => {
            out.extend_from_slice(b" (");
            word(out, &disposition.value);
            out.push(b' ');
            parameters(out, &disposition.parameters);
            out.push(b')');
        }
        None => out.extend_from_slice(b" NIL"),
    }
    out.push(b' ');
    field(out, header, "Content-Language");
    out.push(b' ');
    field(out, header, "Content-Location");
}

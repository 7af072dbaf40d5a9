//! The text of a message for SEARCH: encodings and character sets undone, compared without case.

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;

use super::expose::Exposed;
use super::mime::{Kind, Part};
use crate::mail::{headers, subject};

/// Octets of each part that are looked through; what lies behind is not found.
const PART_MOST: usize = 8 << 20;

/// True if a field of that name holds `wanted` (lower case); an empty one asks for the field alone.
pub(in crate::imap) fn header_holds(message: &Exposed, name: &str, wanted: &str) -> bool {
    [&message.prefix[..], message.header()]
        .iter()
        .flat_map(|piece| headers::fields(piece))
        .any(|field| field.is(name) && holds(&field.text(), field.value, wanted))
}

/// True if the header or the body hold `wanted` (lower case).
pub(in crate::imap) fn text_holds(message: &Exposed, wanted: &str) -> bool {
    [&message.prefix[..], message.header()]
        .iter()
        .flat_map(|piece| headers::fields(piece))
        .any(|field| {
            let name = String::from_utf8_lossy(field.name).to_lowercase();
            name.contains(wanted) || holds(&field.text(), field.value, wanted)
        })
        || body_holds(message, wanted)
}

fn holds(raw: &str, value: &[u8], wanted: &str) -> bool {
    raw.to_lowercase().contains(wanted)
        || raw.contains("=?") && subject::decoded(value).to_lowercase().contains(wanted)
}

/// True if a text of the body holds `wanted` (lower case).
pub(in crate::imap) fn body_holds(message: &Exposed, wanted: &str) -> bool {
    let octets = &message.original;
    message.parts().iter().enumerate().any(|(index, part)| {
        // The header of a message in a message is part of the body.
        let inner_header = index > 0
            && String::from_utf8_lossy(&octets[part.header.clone()])
                .to_lowercase()
                .contains(wanted);
        inner_header
            || part.kind == Kind::Leaf
                && matches!(part.media.0.as_str(), "text" | "message")
                && decoded(part, octets).to_lowercase().contains(wanted)
    })
}

/// The text of a part.
fn decoded(part: &Part, octets: &[u8]) -> String {
    let body = &octets[part.body.clone()];
    let body = &body[..body.len().min(PART_MOST)];
    let encoding = headers::first(&octets[part.header.clone()], "Content-Transfer-Encoding")
        .map(|field| field.text().to_ascii_lowercase())
        .unwrap_or_default();
    let plain = match encoding.as_str() {
        "base64" => base64_decode(body),
        "quoted-printable" => quoted_printable_decode(body),
        _ => None,
    };
    let plain = plain.as_deref().unwrap_or(body);
    let charset = part.content_type.get("charset").unwrap_or("utf-8");
    let ascii_or_utf8 = ["utf-8", "us-ascii"]
        .iter()
        .any(|known| charset.eq_ignore_ascii_case(known));
    match charset_decoder(charset.as_bytes()) {
        Some(decode) if !ascii_or_utf8 => decode(plain),
        _ => String::from_utf8_lossy(plain).into_owned(),
    }
}

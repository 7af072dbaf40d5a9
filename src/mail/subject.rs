//! Subject notation (SE-03): put a tag in front of a Subject, encoded as RFC 2047 asks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_parser::MessageParser;

use super::headers::unfold;

/// Longest first line we make (RFC 5322 section 2.1.1 allows 998 octets).
const LINE_MOST: usize = 900;

/// The Subject's text with encoded words decoded; `value` may be folded.
#[must_use]
pub fn decoded(value: &[u8]) -> String {
    let flat: Vec<u8> = value
        .iter()
        .copied()
        .filter(|b| !matches!(b, b'\r' | b'\n'))
        .collect();
    let field = [b"Subject: ", flat.as_slice(), b"\r\n\r\n"].concat();
    MessageParser::default()
        .parse_headers(&field)
        .and_then(|message| message.subject().map(str::to_owned))
        .unwrap_or_else(|| unfold(value))
}

/// `value` (all after the colon) with `tag` in front; `None` if the tag is there
/// already, also behind `Re:` and the like.
#[must_use]
pub fn tagged(value: &[u8], tag: &str) -> Option<Vec<u8>> {
    let text = decoded(value);
    let mut rest = text.trim_start();
    loop {
        if rest.starts_with(tag.trim()) {
            return None;
        }
        // "Re:", "Fwd:", "AW:" and their kin: up to four letters and a colon.
        match rest.split_once(':') {
            Some((head, tail))
                if (1..=4).contains(&head.chars().count())
                    && head.chars().all(char::is_alphabetic) =>
            {
                rest = tail.trim_start();
            }
            _ => break,
        }
    }
    let mut out = vec![b' '];
    let original = value.trim_ascii_start();
    if tag.is_ascii() {
        out.extend_from_slice(tag.trim().as_bytes());
    } else {
        // White space between two encoded words is not shown (RFC 2047 section 6.2): keep ours inside.
        out.extend_from_slice(encoded(&format!("{} ", tag.trim())).as_bytes());
    }
    if original.is_empty() {
        return Some(out);
    }
    let first_line = original
        .iter()
        .position(|b| *b == b'\r')
        .unwrap_or(original.len());
    out.extend_from_slice(if out.len() + first_line > LINE_MOST {
        b"\r\n "
    } else {
        b" "
    });
    out.extend_from_slice(original);
    Some(out)
}

/// Text as it may stand in a header field: as it is when ASCII, else as encoded
/// words of at most 75 octets (RFC 2047 section 2), folded.
#[must_use]
pub fn encoded(text: &str) -> String {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return text.to_owned();
    }
    let mut words = Vec::new();
    let mut piece = String::new();
    for c in text.chars() {
        // 45 octets make 60 of Base64; with "=?UTF-8?B?" and "?=" 72.
        if piece.len() + c.len_utf8() > 45 {
            words.push(std::mem::take(&mut piece));
        }
        piece.push(c);
    }
    words.push(piece);
    let words: Vec<String> = words
        .iter()
        .map(|w| format!("=?UTF-8?B?{}?=", STANDARD.encode(w)))
        .collect();
    words.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn twice(value: &str, tag: &str) -> String {
        let once = tagged(value.as_bytes(), tag).expect("a tag is put");
        assert_eq!(
            tagged(&once, tag),
            None,
            "the tag is put on twice: {once:?}"
        );
        decoded(&once)
    }

    #[test]
    fn se03_tags_plain_encoded_folded_and_raw_subjects_once() {
        assert_eq!(twice(" Hello", "[SPAM]"), "[SPAM] Hello");
        assert_eq!(twice(" =?utf-8?B?SMOpbGxv?=", "[SPAM]"), "[SPAM] Héllo");
        assert_eq!(twice(" one\r\n two", "[SPAM]"), "[SPAM] one two");
        assert_eq!(twice(" Grüße", "[SPAM]"), "[SPAM] Grüße");
        assert_eq!(twice("", "[SPAM]"), "[SPAM]");
        assert_eq!(twice(" =?utf-8?Q?=C3=A4?=", "[СПАМ]"), "[СПАМ] ä");
        assert_eq!(twice(" plain", "[СПАМ]").replace("  ", " "), "[СПАМ] plain");
    }

    #[test]
    fn se03_a_reply_to_a_tagged_mail_is_not_tagged_again() {
        assert_eq!(tagged(b" Re: [SPAM] x", "[SPAM]"), None);
        assert_eq!(tagged(b" =?utf-8?Q?=5BSPAM=5D_x?=", "[SPAM]"), None);
        assert!(tagged(b" about [SPAM] tags", "[SPAM]").is_some());
    }

    #[test]
    fn long_lines_are_folded_and_words_stay_short() {
        let long = tagged(" x".repeat(480).as_bytes(), "[SPAM]").expect("tagged");
        assert!(long.split(|b| *b == b'\n').all(|line| line.len() < 998));
        assert!(
            encoded(&"ü".repeat(200))
                .split("\r\n ")
                .all(|word| word.len() <= 75)
        );
    }
}

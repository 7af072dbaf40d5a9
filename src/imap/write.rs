//! Words of the server on the wire: strings, literals, texts that cannot break a line.

/// Longest string sent quoted; beyond it a literal is sent.
const QUOTED_MOST: usize = 1000;

/// A string (RFC 3501 section 4.3): quoted where its octets allow it, else a literal.
/// NUL, which neither may hold, is left out.
pub(super) fn string(out: &mut Vec<u8>, text: &[u8]) {
    let plain = |b: &u8| (0x20..0x7f).contains(b) || *b == b'\t';
    if text.len() <= QUOTED_MOST && text.iter().all(plain) {
        out.push(b'"');
        for &byte in text {
            if matches!(byte, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(byte);
        }
        out.push(b'"');
        return;
    }
    let nuls = text.iter().filter(|b| **b == 0).count();
    literal_head(out, (text.len() - nuls) as u64);
    out.extend(text.iter().filter(|b| **b != 0));
}

/// A string, or NIL if there is none.
pub(super) fn nstring(out: &mut Vec<u8>, text: Option<&[u8]>) {
    match text {
        Some(text) => string(out, text),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// The head of a literal of `size` octets.
pub(super) fn literal_head(out: &mut Vec<u8>, size: u64) {
    out.extend_from_slice(format!("{{{size}}}\r\n").as_bytes());
}

/// A mailbox name: as an atom where it can be one, else quoted.
pub(super) fn mailbox(out: &mut Vec<u8>, wire: &str) {
    if wire.bytes().all(|b| b.is_ascii_alphanumeric()) && !wire.is_empty() {
        out.extend_from_slice(wire.as_bytes());
    } else {
        string(out, wire.as_bytes());
    }
}

/// A text for people at the end of a line: printable ASCII only, at most 400 octets.
pub(super) fn words(text: &str) -> String {
    text.chars()
        .take(400)
        .map(|c| if matches!(c, ' '..='~') { c } else { '?' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_cannot_break_the_line() {
        let wire = |text: &[u8]| {
            let mut out = Vec::new();
            string(&mut out, text);
            String::from_utf8_lossy(&out).into_owned()
        };
        assert_eq!(wire(b"a\"b\\"), "\"a\\\"b\\\\\"");
        assert_eq!(wire(b"a\r\nb"), "{4}\r\na\r\nb");
        assert_eq!(wire(b"a\0b"), "{2}\r\nab");
        assert_eq!(wire("\u{e4}".as_bytes()), "{2}\r\n\u{e4}");
        assert_eq!(words("a\r\n* BYE"), "a??* BYE");
    }
}

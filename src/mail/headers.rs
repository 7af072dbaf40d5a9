//! The header section as octets: find its end, walk its fields, unfold a value (RFC 5322 section 2.2).

use std::ops::Range;

/// A header field where it lies in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field<'m> {
    /// The field name; empty if the line has no colon.
    pub name: &'m [u8],
    /// All that follows the colon, folds included, without the last CRLF.
    pub value: &'m [u8],
    /// The whole field with its last CRLF.
    pub range: Range<usize>,
}

impl Field<'_> {
    /// Field names are compared without regard to case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value on one line, as text, trimmed; octets that are not UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> String {
        unfold(self.value)
    }
}

/// Where the header section ends: after the CRLF of its last field. What follows
/// is the empty line, or nothing.
#[must_use]
pub fn header_end(message: &[u8]) -> usize {
    let mut at = 0;
    while let Some(line) = line_at(message, at) {
        if line.is_empty() || line.len() == 2 && message[line.start] == b'\r' {
            return at;
        }
        at = line.end;
    }
    message.len()
}

/// The line that starts at `at`, with its line end.
fn line_at(message: &[u8], at: usize) -> Option<Range<usize>> {
    if at >= message.len() {
        return None;
    }
    let length = memchr::memchr(b'\n', &message[at..]).map_or(message.len() - at, |i| i + 1);
    Some(at..at + length)
}

/// Walks the fields of a message's header section.
pub fn fields(message: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let header = &message[..header_end(message)];
    let mut at = 0;
    std::iter::from_fn(move || {
        let mut range = line_at(header, at)?;
        while let Some(next) = line_at(header, range.end) {
            if !matches!(header[next.start], b' ' | b'\t') {
                break;
            }
            range.end = next.end;
        }
        at = range.end;
        let whole = &header[range.clone()];
        let whole = whole.strip_suffix(b"\r\n").unwrap_or(whole);
        let (name, value) = match whole.iter().position(|b| *b == b':') {
            Some(colon) => (whole[..colon].trim_ascii_end(), &whole[colon + 1..]),
            None => (&whole[..0], whole),
        };
        Some(Field { name, value, range })
    })
}

/// The first field of that name.
#[must_use]
pub fn first<'m>(message: &'m [u8], name: &str) -> Option<Field<'m>> {
    fields(message).find(|field| field.is(name))
}

/// A folded value on one line (RFC 5322 section 2.2.3), trimmed.
#[must_use]
pub fn unfold(value: &[u8]) -> String {
    let flat: Vec<u8> = value
        .iter()
        .copied()
        .filter(|b| !matches!(b, b'\r' | b'\n'))
        .collect();
    String::from_utf8_lossy(&flat).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_with_their_folds() {
        let message = b"A: 1\r\nb : 2\r\n\t3\r\nnonsense\r\n\r\nC: 4\r\n";
        let found: Vec<_> = fields(message)
            .map(|f| (f.name.to_vec(), f.text()))
            .collect();
        assert_eq!(
            found,
            [
                (b"A".to_vec(), "1".to_owned()),
                (b"b".to_vec(), "2\t3".to_owned()),
                (Vec::new(), "nonsense".to_owned()),
            ]
        );
        assert_eq!(&message[header_end(message)..], b"\r\nC: 4\r\n");
    }

    #[test]
    fn a_header_may_be_empty_or_all_there_is() {
        assert_eq!(header_end(b""), 0);
        assert_eq!(header_end(b"\r\nbody\r\n"), 0);
        assert_eq!(header_end(b"A: 1\r\n"), 6);
        assert_eq!(fields(b"\r\nA: 1\r\n").count(), 0);
    }
}

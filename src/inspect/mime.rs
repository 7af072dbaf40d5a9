//! The parts of a message in one bounded pass, before anything is decoded (RFC 2046).

use std::ops::Range;

use mail_parser::parsers::MessageStream;
use mail_parser::{ContentType, HeaderValue};
use memchr::memmem;

use crate::mail::headers;

use super::decode::Encoding;

/// Multiparts and messages within each other; what lies deeper is taken as one text.
pub(crate) const DEPTH_MOST: usize = 40;
/// Parts looked at; what comes after them is taken as one text.
pub(crate) const PARTS_MOST: usize = 1000;
/// Octets of one Content-* field that are read; names of files are not longer.
const FIELD_MOST: usize = 4096;

/// A part where it lies in the message.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// The part's own header section.
    pub header: Range<usize>,
    /// Multiparts and messages around it.
    pub depth: usize,
    pub body: Range<usize>,
    /// Type and subtype in lower case, such as `text/html`.
    pub kind: String,
    pub charset: Option<String>,
    pub encoding: Encoding,
    /// The file name, decoded.
    pub name: Option<String>,
    /// Its Content-Disposition says attachment.
    pub attached: bool,
}

impl Part {
    /// True for what a mail client shows or may show as text.
    pub(super) fn is_text(&self) -> bool {
        self.kind.starts_with("text/") || self.kind == "message/rfc822"
    }

    pub(super) fn is_html(&self) -> bool {
        self.kind == "text/html"
    }
}

/// All parts of a message, multiparts included, in their order.
#[derive(Debug, Default)]
pub(crate) struct Structure {
    pub parts: Vec<Part>,
    /// The deepest nesting seen, from 0.
    pub depth: usize,
    /// There is nesting below [`DEPTH_MOST`].
    pub too_deep: bool,
    /// There are more parts than [`PARTS_MOST`].
    pub too_many: bool,
    /// A multipart without a boundary, or whose boundary never comes.
    pub broken: bool,
}

/// A multipart that is not closed yet.
struct Open {
    boundary: Vec<u8>,
    depth: usize,
}

/// Where a part ends.
enum End {
    /// A delimiter: the next part starts here, in this multipart.
    Next(usize, usize),
    Message,
}

/// Finds the parts of `message`. Time is linear in its size, memory bounded by
/// [`PARTS_MOST`] and [`DEPTH_MOST`], whatever the message says.
pub(crate) fn structure(message: &[u8]) -> Structure {
    let mut seen = Structure::default();
    let mut open: Vec<Open> = Vec::new();
    let (mut at, mut depth) = (0, 0);
    loop {
        if seen.parts.len() >= PARTS_MOST {
            seen.too_many = true;
            seen.parts.push(opaque(at..message.len()));
            return seen;
        }
        seen.depth = seen.depth.max(depth);
        let header = part_header(message, at, &open);
        let (mut part, boundary) = described(&message[header.clone()], depth == 0);
        (part.header, part.depth) = (header.clone(), depth);
        let body = after_empty_line(message, header.end);
        if part.kind == "message/rfc822" && part.encoding == Encoding::Plain {
            if depth < DEPTH_MOST {
                part.body = body..body;
                seen.parts.push(part);
                (at, depth) = (body, depth + 1);
                continue;
            }
            seen.too_deep = true;
        }
        if part.kind.starts_with("multipart/") {
            match boundary {
                Some(boundary) if depth < DEPTH_MOST => open.push(Open { boundary, depth }),
                Some(_) => seen.too_deep = true,
                None => seen.broken = true,
            }
        }
        let (end, how) = part_end(message, body, &mut open);
        part.body = body..end;
        seen.parts.push(part);
        match how {
            End::Next(start, within) => (at, depth) = (start, within + 1),
            End::Message => {
                seen.broken |= !open.is_empty();
                return seen;
            }
        }
    }
}

/// What is not taken apart: text of unknown kind.
fn opaque(body: Range<usize>) -> Part {
    Part {
        header: body.start..body.start,
        depth: 0,
        body,
        kind: "text/plain".to_owned(),
        charset: None,
        encoding: Encoding::Plain,
        name: None,
        attached: false,
    }
}

/// The header section that starts at `at`: to its empty line, or to a delimiter
/// of an open multipart, for a part that ends in its header.
fn part_header(message: &[u8], at: usize, open: &[Open]) -> Range<usize> {
    let mut end = at;
    while end < message.len() {
        let line_end =
            memchr::memchr(b'\n', &message[end..]).map_or(message.len(), |i| end + i + 1);
        let line = &message[end..line_end];
        if line.trim_ascii().is_empty() && !matches!(line.first(), Some(b' ' | b'\t'))
            || delimits(line, open).is_some()
        {
            break;
        }
        end = line_end;
    }
    at..end
}

fn after_empty_line(message: &[u8], at: usize) -> usize {
    match &message[at..] {
        [b'\r', b'\n', ..] => at + 2,
        [b'\n', ..] => at + 1,
        _ => at,
    }
}

/// Looks for the delimiter that ends a part. Multiparts that end here are closed.
fn part_end(message: &[u8], body: usize, open: &mut Vec<Open>) -> (usize, End) {
    let mut part_end = None;
    // The line may be the first of the body: then its LF lies before it.
    let start = body.saturating_sub(1);
    for hit in memmem::find_iter(&message[start..], b"\n--") {
        let line_start = start + hit + 1;
        let line_end = memchr::memchr(b'\n', &message[line_start..])
            .map_or(message.len(), |i| line_start + i + 1);
        let Some((index, closes)) = delimits(&message[line_start..line_end], open) else {
            continue;
        };
        let ends = *part_end.get_or_insert(line_start.max(body));
        open.truncate(if closes { index } else { index + 1 });
        if !closes {
            return (ends, End::Next(line_end, open[index].depth));
        }
        if open.is_empty() {
            break;
        }
    }
    (part_end.unwrap_or(message.len()), End::Message)
}

/// Which open multipart a line delimits, the innermost first, and whether it closes it.
fn delimits(line: &[u8], open: &[Open]) -> Option<(usize, bool)> {
    let line = line.strip_prefix(b"--")?.trim_ascii_end();
    open.iter()
        .enumerate()
        .rev()
        .find_map(
            |(index, multipart)| match line.strip_prefix(multipart.boundary.as_slice())? {
                b"" => Some((index, false)),
                b"--" => Some((index, true)),
                _ => None,
            },
        )
}

/// Reads the Content-* fields; gives the boundary of a multipart besides.
fn described(header: &[u8], top: bool) -> (Part, Option<Vec<u8>>) {
    let mut part = opaque(0..0);
    let mut boundary = None;
    for field in headers::fields(header) {
        if !matches!(field.name.first(), Some(b'c' | b'C')) {
            continue;
        }
        if field.is("Content-Type") {
            if let Some(kind) = content_type(&one_line(field.value)) {
                let subtype = kind.subtype().unwrap_or("plain");
                part.kind = format!("{}/{subtype}", kind.ctype()).to_ascii_lowercase();
                part.charset = kind.attribute("charset").map(str::to_ascii_lowercase);
                part.name = part.name.or(kind.attribute("name").map(str::to_owned));
                boundary = kind
                    .attribute("boundary")
                    .filter(|text| !text.is_empty())
                    .map(|text| text.as_bytes().trim_ascii_end().to_vec());
            }
        } else if field.is("Content-Transfer-Encoding") {
            part.encoding = Encoding::named(field.value);
        } else if field.is("Content-Disposition")
            && let Some(kind) = content_type(&one_line(field.value))
        {
            part.attached = kind.ctype().eq_ignore_ascii_case("attachment") && !top;
            part.name = kind.attribute("filename").map(str::to_owned).or(part.name);
        }
    }
    (part, boundary)
}

/// The field's value on one bounded line, as the parser wants it.
fn one_line(value: &[u8]) -> Vec<u8> {
    let mut line = value[..value.len().min(FIELD_MOST)].to_vec();
    line.extend_from_slice(b"\r\n");
    line
}

fn content_type(line: &[u8]) -> Option<ContentType<'_>> {
    match MessageStream::new(line).parse_content_type() {
        HeaderValue::ContentType(kind) => Some(kind),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bodies(message: &str) -> Vec<(String, String)> {
        structure(message.as_bytes())
            .parts
            .iter()
            .map(|part| (part.kind.clone(), message[part.body.clone()].to_owned()))
            .collect()
    }

    #[test]
    fn parts_are_found_with_their_bodies() {
        let message = "Content-Type: multipart/mixed; boundary=a\r\n\r\npre\r\n--a\r\n\r\none\r\n\
            --a\r\nContent-Type: multipart/alternative; boundary=\"b c\"\r\n\r\n--b c\r\n\
            Content-Type: TEXT/HTML; charset=UTF-8\r\n\r\n<p>\r\n--b c--\r\n\
            --a\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ninner\r\n--a--\r\nafter\r\n";
        let found = bodies(message);
        let kinds: Vec<&str> = found.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(
            kinds,
            [
                "multipart/mixed",
                "text/plain",
                "multipart/alternative",
                "text/html",
                "message/rfc822",
                "text/plain"
            ]
        );
        assert_eq!(found[1].1, "one\r\n");
        assert_eq!(found[3].1, "<p>\r\n");
        assert_eq!(found[5].1, "inner\r\n");
    }

    #[test]
    fn a_part_without_end_or_body_ends_with_the_message() {
        assert_eq!(bodies("A: 1\r\n\r\ntext\r\n")[0].1, "text\r\n");
        assert_eq!(bodies("")[0].1, "");
        let cut = "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: text/html\r\n--a\r\n\r\nx\r\n";
        let found = bodies(cut);
        assert_eq!(found[1], ("text/html".to_owned(), String::new()));
        assert_eq!(found[2].1, "x\r\n");
        assert!(structure(cut.as_bytes()).broken);
    }

    #[test]
    fn thousands_of_levels_and_parts_stay_bounded() {
        let mut deep = String::new();
        for level in 0..3000 {
            deep.push_str(&format!(
                "Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n"
            ));
        }
        let seen = structure(deep.as_bytes());
        assert!(seen.too_deep && seen.depth <= DEPTH_MOST);
        let messages = "Content-Type: message/rfc822\r\n\r\n".repeat(5000);
        assert!(structure(messages.as_bytes()).too_deep);
        let mut wide = "Content-Type: multipart/mixed; boundary=a\r\n\r\n".to_owned();
        wide.push_str(&"--a\r\n\r\nx\r\n".repeat(100_000));
        let seen = structure(wide.as_bytes());
        assert!(seen.too_many && seen.parts.len() == PARTS_MOST + 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn any_mixture_of_pieces_is_taken(pieces in prop::collection::vec(prop::sample::select(vec![
            "Content-Type: multipart/mixed; boundary=a\r\n", "Content-Type: multipart/x; boundary=\"a b\"\r\n",
            "Content-Type: message/rfc822\r\n", "Content-Type: text/html\r\n", "\r\n", "--a\r\n", "--a b\r\n",
            "--a--\r\n", "--\r\n", "--a", "\n", "text", ": \r\n", "Content-Type", "\u{0}é", " folded\r\n",
            "Content-Transfer-Encoding: base64\r\n", "=?utf-8?B?", "Content-Disposition: attachment; filename*0=\"\r\n",
        ]), 0..80)) {
            let message = pieces.concat();
            let seen = structure(message.as_bytes());
            prop_assert!(!seen.parts.is_empty());
            for part in &seen.parts {
                prop_assert!(part.body.start <= part.body.end && part.body.end <= message.len());
            }
            // Bodies do not overlap, but for a multipart's preamble, which is its own.
            for pair in seen.parts.windows(2) {
                prop_assert!(pair[0].body.end <= pair[1].body.end);
            }
        }
    }
}

//! The parts of a message, where they lie in its octets (RFC 2045, RFC 2046): one pass, bounded.
//!
//! Our own walk, since sections and partials need exact offsets of part headers and bodies,
//! and nesting must have a bound however the message is made.

use std::collections::HashMap;
use std::ops::Range;

use super::media::{Valued, valued};
use crate::mail::headers;

/// Deepest nesting; what lies deeper is one part of octets.
const DEEPEST: usize = 60;
/// Most parts told apart; what comes behind belongs to the last one.
const PARTS_MOST: usize = 2000;

/// What a part is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Leaf,
    Multipart,
    /// Its one child is a message.
    Message,
}

/// A part. The first of all is the message itself.
#[derive(Debug)]
pub(super) struct Part {
    /// Header fields with the empty line behind them.
    pub(super) header: Range<usize>,
    pub(super) body: Range<usize>,
    /// Lines of the body.
    pub(super) lines: usize,
    pub(super) kind: Kind,
    /// Lower case, such as `text` and `plain`.
    pub(super) media: (String, String),
    pub(super) content_type: Valued,
    pub(super) children: Vec<usize>,
}

/// A part that is not closed yet.
struct Open {
    part: usize,
    boundary: Option<Vec<u8>>,
    digest: bool,
}

struct Walk<'m> {
    octets: &'m [u8],
    parts: Vec<Part>,
    open: Vec<Open>,
    /// Boundary -> place in `open`.
    boundaries: HashMap<Vec<u8>, usize>,
    in_header: bool,
}

/// Finds the parts of a message with CRLF line ends.
pub(super) fn parse(octets: &[u8]) -> Vec<Part> {
    let mut walk = Walk {
        octets,
        parts: Vec::new(),
        open: Vec::new(),
        boundaries: HashMap::new(),
        in_header: false,
    };
    walk.begin(0);
    let mut at = 0;
    while at < octets.len() && (walk.in_header || !walk.boundaries.is_empty()) {
        let end = memchr::memchr(b'\n', &octets[at..]).map_or(octets.len(), |i| at + i + 1);
        walk.line(at, end);
        at = end;
    }
    walk.close(0, octets.len());
    walk.settle();
    walk.parts
}

impl Walk<'_> {
    /// A part starts at `at`, as the child of the innermost open one.
    fn begin(&mut self, at: usize) {
        let part = self.parts.len();
        if let Some(parent) = self.open.last() {
            self.parts[parent.part].children.push(part);
        }
        self.parts.push(Part {
            header: at..at,
            body: at..at,
            lines: 0,
            kind: Kind::Leaf,
            media: (String::new(), String::new()),
            content_type: Valued::default(),
            children: Vec::new(),
        });
        self.open.push(Open {
            part,
            boundary: None,
            digest: false,
        });
        self.in_header = true;
    }

    fn line(&mut self, start: usize, end: usize) {
        let line = &self.octets[start..end];
        if line.starts_with(b"--") && !self.boundaries.is_empty() {
            let word = line[2..].trim_ascii_end();
            if let Some(&place) = self.boundaries.get(word) {
                if self.parts.len() < PARTS_MOST {
                    self.close(place + 1, start);
                    self.begin(end);
                }
                return;
            }
            let last = word
                .strip_suffix(b"--")
                .and_then(|word| self.boundaries.get(word));
            if let Some(&place) = last {
                self.close(place + 1, start);
                if let Some(boundary) = self.open[place].boundary.take() {
                    self.boundaries.remove(&boundary);
                }
                return;
            }
        }
        if self.in_header && matches!(line, b"\r\n" | b"\n") {
            self.header_ends(start, end);
        }
    }

    /// The innermost part's header ends; its body starts at `body`.
    fn header_ends(&mut self, fields: usize, body: usize) {
        let Some(place) = self.open.len().checked_sub(1) else {
            return;
        };
        let index = self.open[place].part;
        let in_digest = place
            .checked_sub(1)
            .is_some_and(|parent| self.open[parent].digest);
        let start = self.parts[index].header.start;
        self.parts[index].header = start..body;
        self.parts[index].body = body..body;
        self.in_header = false;
        let header = &self.octets[start..fields];
        let room = self.open.len() < DEEPEST && self.parts.len() < PARTS_MOST;
        self.classify(index, header, in_digest, room);
        match self.parts[index].kind {
            Kind::Message => self.begin(body),
            Kind::Multipart => {
                let boundary = self.parts[index]
                    .content_type
                    .get("boundary")
                    .map(|text| text.as_bytes().trim_ascii_end().to_vec())
                    .filter(|b| !b.is_empty() && !self.boundaries.contains_key(b));
                match boundary {
                    Some(boundary) => {
                        self.open[place].digest = self.parts[index].media.1 == "digest";
                        self.boundaries.insert(boundary.clone(), place);
                        self.open[place].boundary = Some(boundary);
                    }
                    // Also when a part around it has the same: its delimiters are the outer's.
                    None => self.as_octets(index),
                }
            }
            Kind::Leaf => {}
        }
    }

    fn classify(&mut self, index: usize, header: &[u8], in_digest: bool, room: bool) {
        let mut content_type = headers::first(header, "Content-Type")
            .map(|field| valued(&field.text()))
            .unwrap_or_default();
        let media = match content_type.value.split_once('/') {
            Some((kind, sub)) if !kind.is_empty() && !sub.is_empty() => {
                (kind.to_ascii_lowercase(), sub.to_ascii_lowercase())
            }
            // RFC 2045 section 5.2, RFC 2046 section 5.1.5.
            _ if in_digest => ("message".to_owned(), "rfc822".to_owned()),
            _ => {
                content_type.parameters = vec![("charset".to_owned(), "us-ascii".to_owned())];
                ("text".to_owned(), "plain".to_owned())
            }
        };
        let encoding = headers::first(header, "Content-Transfer-Encoding")
            .map(|field| field.text().to_ascii_lowercase())
            .unwrap_or_default();
        let encoded = matches!(encoding.as_str(), "base64" | "quoted-printable");
        let kind = match (media.0.as_str(), media.1.as_str()) {
            ("multipart", _) => Kind::Multipart,
            ("message", "rfc822" | "global") => Kind::Message,
            _ => Kind::Leaf,
        };
        let part = &mut self.parts[index];
        part.media = media;
        part.content_type = content_type;
        part.kind = kind;
        if kind != Kind::Leaf && (!room || kind == Kind::Message && encoded) {
            self.as_octets(index);
        }
    }

    /// What cannot be taken apart is shown as octets.
    fn as_octets(&mut self, index: usize) {
        let part = &mut self.parts[index];
        part.kind = Kind::Leaf;
        part.media = ("application".to_owned(), "octet-stream".to_owned());
        part.content_type = Valued::default();
    }

    /// Closes the parts from `place` in `open` on; the line that closes them starts at `at`.
    fn close(&mut self, place: usize, at: usize) {
        if self.in_header && self.open.len() > place {
            self.header_ends_at(at);
        }
        for open in self.open.drain(place..) {
            if let Some(boundary) = open.boundary {
                self.boundaries.remove(&boundary);
            }
            let part = &mut self.parts[open.part];
            let mut end = at;
            if at < self.octets.len() {
                // The CRLF before a delimiter belongs to the delimiter (RFC 2046 section 5.1.1).
                if self.octets[..end].ends_with(b"\r\n") {
                    end -= 2;
                }
            }
            part.body.end = end.max(part.body.start);
        }
    }

    /// The innermost part ends within its header; nothing is opened by that.
    fn header_ends_at(&mut self, at: usize) {
        let Some(index) = self.open.last().map(|open| open.part) else {
            return;
        };
        self.in_header = false;
        let start = self.parts[index].header.start;
        self.parts[index].header = start..at;
        self.parts[index].body = at..at;
        let header = &self.octets[start..at];
        self.classify(index, header, false, false);
    }

    /// A multipart without parts is shown as text.
    fn settle(&mut self) {
        for part in &mut self.parts {
            if part.kind == Kind::Multipart && part.children.is_empty() {
                part.kind = Kind::Leaf;
                part.media = ("text".to_owned(), "plain".to_owned());
                part.content_type = Valued::default();
            }
        }
        self.count_lines();
    }

    /// Bodies lie in each other, yet each octet is looked at once.
    fn count_lines(&mut self) {
        let bounds = |part: &Part| [part.body.start, part.body.end];
        let mut marks: Vec<usize> = self.parts.iter().flat_map(bounds).collect();
        marks.sort_unstable();
        marks.dedup();
        let (mut at, mut sum) = (0, 0);
        let before: Vec<usize> = marks
            .iter()
            .map(|&mark| {
                sum += memchr::memchr_iter(b'\n', &self.octets[at..mark]).count();
                at = mark;
                sum
            })
            .collect();
        let lines_to = |mark: &usize| marks.binary_search(mark).map_or(0, |i| before[i]);
        for part in &mut self.parts {
            part.lines = lines_to(&part.body.end) - lines_to(&part.body.start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_where_they_should() {
        let message = b"Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\npre\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ntwo\r\n--b--\r\nepilogue\r\n";
        let parts = parse(message);
        let text = |range: &Range<usize>| String::from_utf8_lossy(&message[range.clone()]);
        assert_eq!(parts.len(), 4);
        assert_eq!(parts[0].children, [1, 2]);
        assert_eq!(text(&parts[1].header), "\r\n");
        assert_eq!(text(&parts[1].body), "one");
        assert_eq!(text(&parts[2].body), "Subject: x\r\n\r\ntwo");
        assert_eq!(text(&parts[3].header), "Subject: x\r\n\r\n");
        assert_eq!(text(&parts[3].body), "two");
        assert_eq!(parts[0].body.end, message.len());
    }

    #[test]
    fn lines_of_bodies_in_bodies_are_counted_once() {
        let mut deep = b"Content-Type: message/rfc822\r\n\r\n".repeat(80);
        deep.extend(b"\r\n".repeat(5_000_000));
        let start = std::time::Instant::now();
        let parts = parse(&deep);
        assert_eq!(parts.len(), DEEPEST);
        let last = parts.last().expect("a part");
        assert!(last.lines > 5_000_000 && parts[0].lines >= last.lines + 2);
        let count = |part: &Part| {
            deep[part.body.clone()]
                .iter()
                .filter(|b| **b == b'\n')
                .count()
        };
        assert_eq!(last.lines, count(last));
        assert_eq!(parts[0].lines, count(&parts[0]));
        assert!(start.elapsed() < std::time::Duration::from_secs(5));
    }

    #[test]
    fn nesting_and_numbers_are_bounded() {
        let mut deep = Vec::new();
        for level in 0..5000 {
            deep.extend_from_slice(
                format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n")
                    .as_bytes(),
            );
        }
        assert!(parse(&deep).len() <= DEEPEST + 1);
        let rfc822 = b"Content-Type: message/rfc822\r\n\r\n".repeat(5000);
        assert!(parse(&rfc822).len() <= DEEPEST + 1);
        let mut many = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
        many.extend_from_slice(&b"--b\r\n\r\nx\r\n".repeat(5000));
        assert!(parse(&many).len() <= PARTS_MOST);
    }

    #[test]
    fn broken_messages_have_sane_parts() {
        for message in [
            &b""[..],
            b"\r\n",
            b"Content-Type: multipart/mixed\r\n\r\nx\r\n",
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\nnone\r\n",
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b--\r\n",
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nA: b\r\n--b--\r\n",
            b"Content-Type: message/rfc822\r\n",
            b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nA: b\r\n\r\n--b--",
            b"--b\r\n--b\r\n",
        ] {
            for part in parse(message) {
                assert!(part.header.end <= part.body.start, "{part:?}");
                assert!(part.body.end <= message.len(), "{part:?}");
                assert!(part.kind == Kind::Leaf || !part.children.is_empty());
            }
        }
    }
}

//! Sections of a message (RFC 3501 section 6.4.5): a path and a specifier become octets.

use bytes::Bytes;

use super::expose::Exposed;
use super::mime::{Kind, Part};
use crate::imap::grammar::{Partial, Section, Words};
use crate::mail::headers;

/// Octets to send: two pieces, the second without a copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::imap) struct Content {
    pub(in crate::imap) head: Bytes,
    pub(in crate::imap) tail: Bytes,
}

impl Content {
    pub(in crate::imap) fn len(&self) -> u64 {
        (self.head.len() + self.tail.len()) as u64
    }

    /// What `partial` asks for; beyond the end there is nothing.
    pub(in crate::imap) fn partial(self, partial: Partial) -> Self {
        let Some((start, length)) = partial else {
            return self;
        };
        let (start, length) = (start as usize, length as usize);
        let end = start.saturating_add(length);
        let cut = |bytes: &Bytes, before: usize| {
            let from = start.saturating_sub(before).min(bytes.len());
            let to = end.saturating_sub(before).min(bytes.len());
            bytes.slice(from..to.max(from))
        };
        Self {
            head: cut(&self.head, 0),
            tail: cut(&self.tail, self.head.len()),
        }
    }
}

/// The octets of a section; `None` if the message has no such part.
pub(in crate::imap) fn content(message: &Exposed, section: &Section) -> Option<Content> {
    if section.path.is_empty() {
        return Some(of_message(message, &section.words));
    }
    let parts = message.parts();
    let part = find(parts, &section.path)?;
    let slice = |range: &std::ops::Range<usize>| Content {
        head: Bytes::new(),
        tail: message.original.slice(range.clone()),
    };
    match &section.words {
        Words::All => Some(slice(&part.body)),
        Words::Mime => Some(slice(&part.header)),
        words => {
            // Header and text are those of a message in a message.
            if part.kind != Kind::Message {
                return None;
            }
            let inner = &parts[*part.children.first()?];
            Some(match words {
                Words::Text => slice(&inner.body),
                Words::Fields { but, names } => {
                    let header = &message.original[inner.header.clone()];
                    chosen([header], *but, names)
                }
                _ => slice(&inner.header),
            })
        }
    }
}

fn of_message(message: &Exposed, words: &Words) -> Content {
    let original = &message.original;
    // The header with the empty line behind it, where there is one.
    let fields_end = headers::header_end(original);
    let rest = &original[fields_end..];
    let text_start = fields_end + usize::from(rest.starts_with(b"\r\n")) * 2;
    match words {
        Words::All => Content {
            head: message.prefix.clone(),
            tail: original.clone(),
        },
        Words::Header | Words::Mime => Content {
            head: message.prefix.clone(),
            tail: original.slice(..text_start),
        },
        Words::Text => Content {
            head: Bytes::new(),
            tail: original.slice(text_start..),
        },
        Words::Fields { but, names } => {
            chosen([&message.prefix, &original[..fields_end]], *but, names)
        }
    }
}

/// The fields of these names, or all others, and an empty line.
fn chosen<const N: usize>(pieces: [&[u8]; N], but: bool, names: &[String]) -> Content {
    let mut out = Vec::new();
    for piece in pieces {
        for field in headers::fields(piece) {
            if names.iter().any(|name| field.is(name)) != but {
                out.extend_from_slice(&piece[field.range]);
            }
        }
    }
    out.extend_from_slice(b"\r\n");
    Content {
        head: out.into(),
        tail: Bytes::new(),
    }
}

/// The part a path leads to.
fn find<'p>(parts: &'p [Part], path: &[u32]) -> Option<&'p Part> {
    let mut at = parts.first()?;
    let mut first = true;
    for &number in path {
        // Within a message, the numbers are those of what it holds.
        if at.kind == Kind::Message && !first {
            at = &parts[*at.children.first()?];
        }
        let place = usize::try_from(number).ok()?.checked_sub(1)?;
        if at.kind == Kind::Multipart {
            at = &parts[*at.children.get(place)?];
        } else if place == 0 && (first || is_inner(parts, at)) {
            // A message that is no multipart has one part: its body.
        } else {
            return None;
        }
        first = false;
    }
    Some(at)
}

/// True if the part is the content of a message in a message.
fn is_inner(parts: &[Part], part: &Part) -> bool {
    parts.iter().any(|other| {
        other.kind == Kind::Message
            && other
                .children
                .first()
                .is_some_and(|child| std::ptr::eq(&parts[*child], part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = "Subject: out\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/plain\r\n\r\none\r\n\
        --b\r\nContent-Type: message/rfc822\r\nX: y\r\n\r\n\
        Subject: in\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\ndeep\r\n--c--\r\n\
        --b\r\nContent-Type: message/rfc822\r\n\r\nSubject: flat\r\n\r\ntext\r\n--b--\r\n";

    fn get(section: &str) -> Option<String> {
        let message = Exposed::new("X-Q: 1\r\n".into(), MESSAGE.into());
        let command = format!("a FETCH 1 BODY[{section}]");
        let Ok(crate::imap::grammar::Command::Fetch(_, items)) =
            crate::imap::grammar::parse(command.as_bytes(), "a")
        else {
            panic!("{section} was not read");
        };
        let crate::imap::grammar::Item::Section { section, .. } = &items[0] else {
            panic!("{section} is no section");
        };
        content(&message, section).map(|content| {
            String::from_utf8_lossy(&[content.head, content.tail].concat()).into_owned()
        })
    }

    #[test]
    fn sections_are_found() {
        assert_eq!(get(""), Some(format!("X-Q: 1\r\n{MESSAGE}")));
        for (section, want) in [
            (
                "HEADER.FIELDS (Subject x-q)",
                "X-Q: 1\r\nSubject: out\r\n\r\n",
            ),
            ("HEADER.FIELDS.NOT (Subject content-type)", "X-Q: 1\r\n\r\n"),
            ("1", "one"),
            ("1.MIME", "Content-Type: text/plain\r\n\r\n"),
            ("2.MIME", "Content-Type: message/rfc822\r\nX: y\r\n\r\n"),
            ("2.HEADER.FIELDS (Subject)", "Subject: in\r\n\r\n"),
            ("2.TEXT", "--c\r\n\r\ndeep\r\n--c--"),
            ("2.1", "deep"),
            ("3.1", "text"),
            ("3.1.MIME", "Subject: flat\r\n\r\n"),
            ("3.HEADER", "Subject: flat\r\n\r\n"),
            ("3", "Subject: flat\r\n\r\ntext"),
        ] {
            assert_eq!(get(section).as_deref(), Some(want), "{section}");
        }
        for section in ["4", "1.1", "1.TEXT", "2.2", "2.1.1", "3.2"] {
            assert_eq!(get(section), None, "{section}");
        }
    }

    #[test]
    fn partials_cross_the_pieces() {
        let whole = || Content {
            head: "abc".into(),
            tail: "defg".into(),
        };
        for (partial, want) in [
            ((0, 2), "ab"),
            ((2, 3), "cde"),
            ((5, 9), "fg"),
            ((9, 9), ""),
            ((0, u32::MAX), "abcdefg"),
        ] {
            let got = whole().partial(Some(partial));
            assert_eq!([got.head, got.tail].concat(), want.as_bytes());
        }
    }
}

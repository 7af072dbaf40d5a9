//! Edits of the header section: a relay applies them, a milter sends them.

use std::collections::HashSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::message::Message;
use super::{headers, subject};

/// Takes up a fold that stands at the start of a header section, where no field is.
const FOLD: &str = "X-Quaranta-Fold";

/// One change of the header section. Values are without the final CRLF and may be folded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Edit {
    /// A new field on top; several keep their order.
    Add { name: String, value: String },
    /// Every field of that name goes.
    Remove { name: String },
    /// The `nth` field (from 0) of that name goes.
    RemoveNth { name: String, nth: usize },
    /// The Subject gets this tag in front, unless it has it (SE-03).
    TagSubject(String),
}

/// A message with its edits applied: a new header section, and the body as it was.
#[derive(Debug, Clone)]
pub struct Edited {
    /// Header fields, without the empty line.
    pub header: Bytes,
    /// From the empty line on; empty if the message had none.
    pub body: Bytes,
}

impl Edited {
    /// Size in octets.
    #[must_use]
    pub fn size(&self) -> usize {
        self.header.len() + self.body.len()
    }
}

/// Applies `edits`; the octets of the body are not copied.
#[must_use]
pub fn edited(message: &Message, edits: &[Edit]) -> Edited {
    let bytes = message.bytes();
    let end = headers::header_end(bytes);
    let body = bytes.slice(end..);
    if edits.is_empty() {
        return Edited {
            header: bytes.slice(..end),
            body,
        };
    }
    let mut header = Vec::with_capacity(end + 256 * edits.len());
    for edit in edits {
        if let Edit::Add { name, value } = edit {
            push_field(&mut header, name, value.as_bytes());
        }
    }
    if !header.is_empty() && matches!(bytes.first(), Some(b' ' | b'\t')) {
        // A fold without a field would be read as the end of our last field.
        push_field(&mut header, FOLD, b"the header began with a folded line");
    }
    copy_fields(bytes, end, edits, &mut header);
    if body.is_empty() {
        // Fields only: the empty line must come, or the added fields swallow nothing but look odd.
        return Edited {
            header: header.into(),
            body: Bytes::from_static(b"\r\n"),
        };
    }
    Edited {
        header: header.into(),
        body,
    }
}

fn copy_fields(bytes: &Bytes, end: usize, edits: &[Edit], header: &mut Vec<u8>) {
    let tag = edits.iter().find_map(|edit| match edit {
        Edit::TagSubject(tag) => Some(tag.as_str()),
        _ => None,
    });
    let mut removals = Removals::of(edits);
    let mut tagged = false;
    let mut copied = 0;
    for field in headers::fields(bytes) {
        copied = field.range.end;
        if removals.hold(&field) {
            continue;
        }
        match tag {
            Some(tag) if !tagged && field.is("Subject") => {
                tagged = true;
                match subject::tagged(field.value, tag) {
                    Some(value) => push_raw(header, field.name, &value),
                    None => header.extend_from_slice(&bytes[field.range]),
                }
            }
            _ => header.extend_from_slice(&bytes[field.range]),
        }
    }
    header.extend_from_slice(&bytes[copied..end]);
    if let (Some(tag), false) = (tag, tagged) {
        push_field(header, "Subject", subject::encoded(tag).as_bytes());
    }
}

/// The fields that go. There may be as many edits as fields, so each field is looked up.
struct Removals<'e> {
    whole: Vec<&'e str>,
    each: Vec<Counted<'e>>,
}

/// Which fields of one name go, and how many have been seen.
struct Counted<'e> {
    name: &'e str,
    nth: HashSet<usize>,
    seen: usize,
}

impl<'e> Removals<'e> {
    fn of(edits: &'e [Edit]) -> Self {
        let mut all = Self {
            whole: Vec::new(),
            each: Vec::new(),
        };
        for edit in edits {
            match edit {
                Edit::Remove { name } => all.whole.push(name),
                Edit::RemoveNth { name, nth } => all.counted(name).nth.extend([*nth]),
                Edit::Add { .. } | Edit::TagSubject(_) => {}
            }
        }
        all
    }

    fn counted(&mut self, name: &'e str) -> &mut Counted<'e> {
        let known = self
            .each
            .iter()
            .position(|counted| counted.name.eq_ignore_ascii_case(name));
        let at = known.unwrap_or_else(|| {
            self.each.push(Counted {
                name,
                nth: HashSet::new(),
                seen: 0,
            });
            self.each.len() - 1
        });
        &mut self.each[at]
    }

    /// True if this field, the next one of its name, goes.
    fn hold(&mut self, field: &headers::Field<'_>) -> bool {
        let counted = self.each.iter_mut().find(|c| field.is(c.name));
        let nth = counted.is_some_and(|counted| {
            counted.seen += 1;
            counted.nth.contains(&(counted.seen - 1))
        });
        nth || self.whole.iter().any(|name| field.is(name))
    }
}

fn push_field(header: &mut Vec<u8>, name: &str, value: &[u8]) {
    header.extend_from_slice(name.as_bytes());
    header.extend_from_slice(b": ");
    header.extend_from_slice(value);
    header.extend_from_slice(b"\r\n");
}

fn push_raw(header: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    header.extend_from_slice(name);
    header.push(b':');
    header.extend_from_slice(value);
    header.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str, edits: &[Edit]) -> String {
        let message = Message::new(text.to_owned(), None).expect("message");
        let edited = edited(&message, edits);
        String::from_utf8([edited.header, edited.body].concat()).expect("text")
    }

    #[test]
    fn nothing_changes_without_edits() {
        for text in ["A: 1\r\n\r\nbody\r\n", "\r\nbody\r\n", "odd line\r\n\r\n"] {
            assert_eq!(after(text, &[]), text);
        }
    }

    #[test]
    fn fields_are_added_on_top_and_removed_everywhere() {
        let edits = [
            Edit::Add {
                name: "Received".into(),
                value: "by us".into(),
            },
            Edit::Add {
                name: "X".into(),
                value: "y".into(),
            },
            Edit::Remove { name: "a".into() },
            Edit::RemoveNth {
                name: "b".into(),
                nth: 1,
            },
        ];
        assert_eq!(
            after(
                "A: 1\r\nB: 2\r\nB: 3\r\nA: 4\r\n 5\r\nB: 6\r\n\r\nA: b\r\n",
                &edits
            ),
            "Received: by us\r\nX: y\r\nB: 2\r\nB: 6\r\n\r\nA: b\r\n"
        );
    }

    #[test]
    fn a_fold_without_a_field_does_not_write_into_ours() {
        let edits = [Edit::Add {
            name: "Authentication-Results".into(),
            value: "mx.example.org; spf=fail".into(),
        }];
        for start in [" dkim=pass", "\tdkim=pass"] {
            let text = after(&format!("{start}\r\nA: 1\r\n\r\n"), &edits);
            let ours = headers::first(text.as_bytes(), "Authentication-Results").expect("field");
            assert_eq!(ours.text(), "mx.example.org; spf=fail");
            assert!(text.ends_with(&format!("{start}\r\nA: 1\r\n\r\n")));
        }
    }

    #[test]
    fn many_removals_take_linear_time() {
        let (count, name) = (40_000, "Authentication-Results");
        let edits: Vec<Edit> = (0..count)
            .map(|nth| Edit::RemoveNth {
                name: name.into(),
                nth,
            })
            .collect();
        let start = std::time::Instant::now();
        let text = after(
            &format!("{}\r\n", format!("{name}: x\r\n").repeat(count)),
            &edits,
        );
        assert_eq!(text, "\r\n");
        assert!(start.elapsed() < std::time::Duration::from_secs(10));
    }

    #[test]
    fn se03_a_missing_subject_is_made_and_only_the_first_is_tagged() {
        let edits = [Edit::TagSubject("[SPAM]".into())];
        assert_eq!(
            after("A: 1\r\n\r\nx\r\n", &edits),
            "A: 1\r\nSubject: [SPAM]\r\n\r\nx\r\n"
        );
        assert_eq!(after("A: 1\r\n", &edits), "A: 1\r\nSubject: [SPAM]\r\n\r\n");
        assert_eq!(
            after("Subject: a\r\nSubject: b\r\n\r\n", &edits),
            "Subject: [SPAM] a\r\nSubject: b\r\n\r\n"
        );
    }
}

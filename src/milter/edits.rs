//! What we do to a mail that the front relay keeps: edits as frames, all or none.
//!
//! Of one message there is one content only. Parcels with other edits are other policies' wishes:
//! the one with the strictest marks wins, a Subject tag over fields over none. Recipients in no
//! parcel do not get the mail: they are taken off.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use parking_lot::Mutex;

use super::frame;
use crate::mail::{Address, Edit, Mail, Message, Reply, headers, subject};
use crate::relay::{Carrier, Parcel};

const ADD_HEADER: u8 = b'h';
const INSERT_HEADER: u8 = b'i';
const CHANGE_HEADER: u8 = b'm';

/// What is left to the front relay.
#[derive(Debug, Default)]
pub struct Left {
    /// The edits as frames.
    pub frames: Vec<u8>,
    /// Who gets the mail.
    pub to: HashSet<Address>,
}

/// Leaves mail to the front relay: it keeps the edits, and says yes to each recipient.
#[derive(Debug)]
pub(super) struct Leaving {
    leading_space: bool,
    left: Mutex<Option<Left>>,
}

impl Leaving {
    /// `leading_space`: values of fields are sent with the octets after the colon as they are.
    pub(super) fn new(leading_space: bool) -> Self {
        Self {
            leading_space,
            left: Mutex::default(),
        }
    }

    /// What was left to the relay; `None` if it gets nothing.
    pub(super) fn end(self) -> Option<Left> {
        self.left.into_inner()
    }
}

#[async_trait]
impl Carrier for Leaving {
    async fn carry(&self, mail: &Mail, parcels: &[Parcel]) -> Vec<Vec<Reply>> {
        if let Some(strictest) = strictest(parcels) {
            let frames = frames(&mail.message, &strictest.edits, self.leading_space);
            let to = parcels.iter().flat_map(|p| p.to.iter().cloned()).collect();
            *self.left.lock() = Some(Left { frames, to });
        }
        let yes = Reply::new(250, 0, 0, "Left to the front relay");
        let each = parcels
            .iter()
            .map(|parcel| vec![yes.clone(); parcel.to.len()]);
        each.collect()
    }
}

/// The parcel with the strictest marks; of equals the first.
fn strictest(parcels: &[Parcel]) -> Option<&Parcel> {
    let marks = |parcel: &Parcel| {
        let tag = parcel
            .edits
            .iter()
            .any(|e| matches!(e, Edit::TagSubject(_)));
        let spam = |e: &&Edit| matches!(e, Edit::Add { name, .. } if name == "X-Spam-Flag");
        let fields = parcel
            .edits
            .iter()
            .filter(|e| matches!(e, Edit::Add { .. }));
        let spam = parcel.edits.iter().any(|e| spam(&e));
        (tag, spam, fields.count())
    };
    parcels.iter().rev().max_by_key(|parcel| marks(parcel))
}

/// The edits of a message as frames. Removals come first and from the last field to the
/// first, so that no index depends on whether the relay still counts what is gone.
fn frames(message: &Message, edits: &[Edit], leading_space: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, index) in removed(message, edits).iter().rev() {
        change(&mut out, name, *index, b"");
    }
    let value = |raw: &[u8]| value(raw, leading_space);
    for edit in edits {
        if let Edit::TagSubject(tag) = edit {
            match headers::first(message.bytes(), "Subject") {
                Some(field) => {
                    if let Some(tagged) = subject::tagged(field.value, tag) {
                        change(&mut out, field.name, 1, &value(&tagged));
                    }
                }
                None => {
                    let made = value(format!(" {}", subject::encoded(tag)).as_bytes());
                    frame::write(&mut out, ADD_HEADER, &[b"Subject\0", &made, b"\0"]);
                }
            }
            // As everywhere, one tag is put on.
            break;
        }
    }
    // Each goes on top, so the first of them comes last.
    for edit in edits.iter().rev() {
        if let Edit::Add { name, value: text } = edit {
            let text = value(format!(" {text}").as_bytes());
            let pieces = [&[0; 4], name.as_bytes(), b"\0", &text, b"\0"];
            frame::write(&mut out, INSERT_HEADER, &pieces);
        }
    }
    out
}

/// The fields that go, as name and index among those of that name (from 1), in their order.
fn removed<'m>(message: &'m Message, edits: &[Edit]) -> Vec<(&'m [u8], u32)> {
    let mut whole: HashSet<String> = HashSet::new();
    let mut each: HashMap<String, HashSet<usize>> = HashMap::new();
    for edit in edits {
        match edit {
            Edit::Remove { name } => {
                whole.insert(name.to_ascii_lowercase());
            }
            Edit::RemoveNth { name, nth } => {
                each.entry(name.to_ascii_lowercase())
                    .or_default()
                    .insert(*nth);
            }
            Edit::Add { .. } | Edit::TagSubject(_) => {}
        }
    }
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut gone = Vec::new();
    for field in headers::fields(message.bytes()) {
        let name = String::from_utf8_lossy(field.name).to_ascii_lowercase();
        let nths = each.get(&name);
        if nths.is_none() && !whole.contains(&name) {
            continue;
        }
        let nth = seen.entry(name.clone()).or_default();
        if whole.contains(&name) || nths.is_some_and(|nths| nths.contains(nth)) {
            gone.push((field.name, u32::try_from(*nth + 1).unwrap_or(u32::MAX)));
        }
        *nth += 1;
    }
    gone
}

/// An empty value removes the field.
fn change(out: &mut Vec<u8>, name: &[u8], index: u32, value: &[u8]) {
    let pieces = [&index.to_be_bytes()[..], name, b"\0", value, b"\0"];
    frame::write(out, CHANGE_HEADER, &pieces);
}

/// All that follows the colon, as the protocol has it: folds are LF alone, and the first
/// space is there only where that was agreed on.
fn value(raw: &[u8], leading_space: bool) -> Vec<u8> {
    let raw = match raw {
        [b' ', rest @ ..] if !leading_space => rest,
        whole => whole,
    };
    raw.iter()
        .copied()
        .filter(|octet| *octet != b'\r')
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn add(name: &str, value: &str) -> Edit {
        let (name, value) = (name.to_owned(), value.to_owned());
        Edit::Add { name, value }
    }

    fn remove(name: &str) -> Edit {
        let name = name.to_owned();
        Edit::Remove { name }
    }

    /// The frames as `code index name|value` each.
    fn shown(text: &str, edits: &[Edit], leading_space: bool) -> Vec<String> {
        let message = Message::new(text.to_owned(), None).expect("message");
        let octets = frames(&message, edits, leading_space);
        let (mut input, mut reader) = (&octets[..], frame::Frames::default());
        let mut all = Vec::new();
        while let Some(frame) = reader.next(&mut input).expect("frames") {
            let (index, rest) = match frame.code {
                ADD_HEADER => (String::new(), &frame.data[..]),
                _ => {
                    let (index, rest) = frame.data.split_first_chunk().expect("index");
                    (u32::from_be_bytes(*index).to_string(), rest)
                }
            };
            let texts: Vec<_> = frame::texts(rest).map(String::from_utf8_lossy).collect();
            let code = char::from(frame.code);
            all.push(format!("{code}{index} {}", texts.join("|")));
        }
        all
    }

    #[test]
    fn sy04_removals_have_the_right_indexes_the_last_first() {
        let nth = |nth| Edit::RemoveNth {
            name: "b".into(),
            nth,
        };
        let text = "A: 1\r\nB: 2\r\nb: 3\r\na: 4\r\n\t5\r\nB: 6\r\nC: 7\r\n\r\nA: body\r\n";
        let edits = [remove("A"), nth(0), nth(2), nth(9), remove("x")];
        let want = ["m3 B|", "m2 a|", "m1 B|", "m1 A|"];
        assert_eq!(shown(text, &edits, true), want);
        assert_eq!(shown(text, &edits, false), want);
    }

    #[test]
    fn added_fields_stand_on_top_in_their_order() {
        let edits = [add("One", "1\r\n\t2"), add("Two", "3")];
        let text = "A: 1\r\n\r\n";
        assert_eq!(shown(text, &edits, true), ["i0 Two| 3", "i0 One| 1\n\t2"]);
        assert_eq!(shown(text, &edits, false), ["i0 Two|3", "i0 One|1\n\t2"]);
    }

    #[test]
    fn se03_the_subject_is_changed_where_it_stands_or_made() {
        let tag = [Edit::TagSubject("[SPAM]".into())];
        let text = "A: 1\r\nsubject:  a\r\n b\r\nSubject: c\r\n\r\n";
        assert_eq!(shown(text, &tag, true), ["m1 subject| [SPAM] a\n b"]);
        assert_eq!(shown(text, &tag, false), ["m1 subject|[SPAM] a\n b"]);
        assert_eq!(shown("A: 1\r\n\r\n", &tag, true), ["h Subject| [SPAM]"]);
        let there = "Subject: Re: [SPAM] x\r\n\r\n";
        assert_eq!(shown(there, &tag, true), [""; 0], "it has the tag");
    }

    #[test]
    fn the_strictest_marks_win() {
        let parcel = |to: &str, edits: &[Edit]| Parcel {
            to: vec![to.parse().expect("address")],
            edits: edits.to_vec(),
            routes: Arc::default(),
        };
        let trace = add("Authentication-Results", "x");
        let score = add("X-Spam-Score", "5");
        let flag = add("X-Spam-Flag", "YES");
        let tag = Edit::TagSubject("[SPAM]".into());
        let none = parcel("none@x.org", std::slice::from_ref(&trace));
        let fields = parcel("fields@x.org", &[trace.clone(), score.clone()]);
        let spam = parcel("spam@x.org", &[trace.clone(), flag]);
        let tagged = parcel("tag@x.org", &[tag, trace, score]);
        let all = [none.clone(), fields.clone(), tagged.clone(), spam.clone()];
        assert_eq!(strictest(&all), Some(&tagged));
        let fewer = [none.clone(), fields.clone(), spam.clone()];
        assert_eq!(strictest(&fewer), Some(&spam));
        assert_eq!(strictest(&[none.clone(), fields.clone()]), Some(&fields));
        let other = parcel("other@x.org", &none.edits);
        assert_eq!(strictest(&[none.clone(), other]), Some(&none));
        assert_eq!(strictest(&[]), None);
    }
}

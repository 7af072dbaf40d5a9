//! Ways in for `fuzz/`, built for it alone: the grammar, and messages as they are shown.

use bytes::Bytes;

use super::frame::{Frame, Framer, Limits};
use super::grammar::{Section, Words, parse, tag_of};
use super::view::{Exposed, content, envelope, structure, text_holds};

const LIMITS: Limits = Limits {
    literal: 1024,
    command: 8 * 1024,
    append: true,
};

/// What a client's octets are taken for, fed in pieces of `piece` octets.
pub fn commands(octets: &[u8], piece: usize) -> Vec<String> {
    let mut framer = Framer::new();
    let mut found = Vec::new();
    let mut skip = 0;
    for piece in octets.chunks(piece.max(1)) {
        framer.feed(piece);
        loop {
            if skip > 0 {
                let gone = framer.take(skip).len() as u64;
                skip -= gone;
                if skip > 0 {
                    break;
                }
            }
            match framer.next(LIMITS) {
                Frame::More => break,
                Frame::Continue => found.push("+".to_owned()),
                Frame::Command(command) => {
                    let Some(tag) = tag_of(&command) else {
                        found.push("no tag".to_owned());
                        continue;
                    };
                    found.push(match parse(&command, &tag) {
                        Ok(command) => format!("{tag} {command:?}"),
                        Err(why) => format!("{tag} {why}"),
                    });
                }
                Frame::Append { size, .. } => {
                    found.push(format!("append {size}"));
                    skip = size;
                }
                Frame::TooLong { tag } => found.push(format!("{tag:?} too long")),
            }
        }
    }
    found
}

/// Shows a message in every way there is.
///
/// # Panics
/// If what is shown contradicts itself.
pub fn view(octets: &[u8]) {
    let prefix = Bytes::from_static(b"X-Quaranta-Score: 1\r\n");
    let message = Exposed::new(prefix, Bytes::copy_from_slice(octets));
    let mut out = Vec::new();
    envelope(&mut out, message.header());
    structure(&mut out, &message, true);
    structure(&mut out, &message, false);
    let (mut depth, mut most) = (0_usize, 0);
    for byte in &out {
        depth = depth.saturating_add(usize::from(*byte == b'('));
        most = most.max(depth);
    }
    assert!(most > 0, "a structure is a list");
    for path in [&[][..], &[1], &[2], &[1, 1], &[1, 2], &[2, 1], &[1, 1, 1]] {
        let names = || vec!["Subject".to_owned()];
        let all = [
            Words::All,
            Words::Header,
            Words::Text,
            Words::Mime,
            Words::Fields {
                but: false,
                names: names(),
            },
            Words::Fields {
                but: true,
                names: names(),
            },
        ];
        for words in all {
            let path = path.to_vec();
            let Some(whole) = content(&message, &Section { path, words }) else {
                continue;
            };
            let size = u32::try_from(whole.len()).expect("small");
            let (one, two) = (
                whole.clone().partial(Some((0, size / 2))),
                whole.clone().partial(Some((size / 2, size))),
            );
            assert_eq!(one.len() + two.len(), whole.len());
        }
    }
    text_holds(&message, "quaranta");
}

//! The milter dialogue: any octets in any pieces, bare and as frames; whole and in pieces it must say the same.
#![no_main]

use std::collections::HashSet;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use quaranta::clock::{Clock, Timestamp};
use quaranta::mail::{Budget, Reply};
use quaranta::milter::frame::{self, Frames};
use quaranta::milter::{Event, Left, Options, Question, Session, Setup};

const MEMORY: usize = 1 << 16;

fn talk(octets: &[u8], piece: usize) -> (Vec<u8>, Vec<String>) {
    let budget = Budget::new(MEMORY);
    let mut session = Session::new(Arc::new(Setup {
        options: Options::default(),
        budget: budget.clone(),
        clock: Clock::by_hand(Timestamp(0)),
    }));
    let (mut said, mut heard) = (Vec::new(), Vec::new());
    let mut pieces = octets.chunks(piece.max(1));
    let mut input: &[u8] = &[];
    loop {
        let event = session.advance(&mut input);
        said.extend(session.take_output());
        match event {
            Event::More => match pieces.next() {
                Some(next) => input = next,
                None => break,
            },
            Event::Close(why) => {
                heard.push(format!("{why:?}"));
                break;
            }
            Event::Ask(question) => answer(&mut session, question, &mut heard),
        }
    }
    said.extend(session.take_output());
    drop(session);
    assert_eq!(budget.left(), MEMORY, "octets were not given back");
    let (mut unread, mut frames) = (&said[..], Frames::default());
    while let Some(frame) = frames.next(&mut unread).expect("frames") {
        assert!(b"Oacdhimy-".contains(&frame.code), "{}", frame.code);
    }
    assert!(frames.is_between(), "half a frame was sent");
    (said, heard)
}

fn answer(session: &mut Session, question: Question, heard: &mut Vec<String>) {
    heard.push(match &question {
        Question::Message(mail) => format!("{:?} {:?}", mail.envelope, mail.message.bytes()),
        other => format!("{other:?}"),
    });
    match question {
        Question::Recipient(mut may_be) => session.recipient(Ok(may_be.pop())),
        Question::LetBy(..) => session.let_by(),
        Question::Refused(_, reply) => session.message(&reply, None),
        Question::Message(mail) => {
            let bytes = mail.message.bytes();
            assert!(!bytes.contains(&0) && bytes.ends_with(b"\r\n"));
            let left = Left {
                frames: Vec::new(),
                to: mail
                    .envelope
                    .to
                    .iter()
                    .take(1)
                    .cloned()
                    .collect::<HashSet<_>>(),
            };
            session.message(&Reply::new(250, 0, 0, "Taken"), Some(left));
        }
    }
}

/// Pieces parted by 0xFF become frames, behind a negotiation and a client, so that the fuzzer need
/// not guess lengths.
fn framed(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let offer = [6_u32, 0x1ff, 0x1f_ffff].map(u32::to_be_bytes).concat();
    frame::write(&mut out, b'O', &[&offer]);
    frame::write(&mut out, b'C', &[b"a.test\x004\0\x19192.0.2.7\0"]);
    for piece in octets.split(|octet| *octet == 0xff) {
        if let Some((code, data)) = piece.split_first() {
            frame::write(&mut out, *code, &[data]);
        }
    }
    out
}

fuzz_target!(|data: &[u8]| {
    let Some((first, octets)) = data.split_first() else {
        return;
    };
    for octets in [octets.to_vec(), framed(octets)] {
        let whole = talk(&octets, octets.len());
        let pieces = talk(&octets, usize::from(*first) + 1);
        assert_eq!(whole, pieces);
    }
});

//! A message stuffed and sent is the message received, however it is cut.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use quaranta::clock::{Clock, Timestamp};
use quaranta::mail::{Budget, Direction, Peer};
use quaranta::smtp::{Event, Options, Protocol, Question, Session, Setup};

fuzz_target!(|data: &[u8]| {
    let Some((first, text)) = data.split_first() else {
        return;
    };
    let mut message = Vec::new();
    for line in text.split(|b| *b == b'\n') {
        message.extend(line.iter().filter(|b| !matches!(b, 0 | b'\r')));
        message.extend_from_slice(b"\r\n");
    }
    let mut wire = b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n".to_vec();
    for line in message.split_inclusive(|b| *b == b'\n') {
        if line[0] == b'.' {
            wire.push(b'.');
        }
        wire.extend_from_slice(line);
    }
    wire.extend_from_slice(b".\r\n");
    let setup = Arc::new(Setup {
        hostname: "mx.example.org".to_owned(),
        direction: Direction::Inbound,
        protocol: Protocol::Smtp,
        options: Options::default(),
        tls: false,
        budget: Budget::new(1 << 24),
        clock: Clock::by_hand(Timestamp(0)),
    });
    let mut session = Session::new(setup, Peer::local(), false);
    let mut pieces = wire.chunks(usize::from(*first) + 1);
    let mut input: &[u8] = &[];
    loop {
        match session.advance(&mut input) {
            Event::Ask(Question::Message(mail, _)) => {
                assert_eq!(mail.message.bytes(), &message);
                assert!(input.is_empty() && pieces.next().is_none());
                return;
            }
            Event::Ask(_) => session.word(Ok(())),
            Event::More => input = pieces.next().expect("the end of data was not seen"),
            Event::Flush => drop(session.take_output()),
            other => panic!("{other:?}"),
        }
    }
});

//! The SMTP dialogue: any octets in any pieces; whole and in pieces it must say the same.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use quaranta::clock::{Clock, Timestamp};
use quaranta::mail::{Budget, Direction, Peer, Reply};
use quaranta::policy::Answer;
use quaranta::smtp::{Event, Options, Protocol, Question, Session, Setup};

fn talk(octets: &[u8], piece: usize) -> (Vec<u8>, Vec<String>) {
    let budget = Budget::new(1 << 16);
    let setup = Arc::new(Setup {
        hostname: "mx.example.org".to_owned(),
        direction: Direction::Inbound,
        protocol: match octets.first() {
            Some(b'~') => Protocol::Lmtp,
            _ => Protocol::Smtp,
        },
        options: Options::default(),
        tls: false,
        budget: budget.clone(),
        clock: Clock::by_hand(Timestamp(0)),
    });
    let mut session = Session::new(setup, Peer::local(), octets.first() == Some(&b'!'));
    if octets.first() == Some(&b'?') {
        session = session.taking_logins();
        session.over_tls(None);
    }
    let (mut said, mut heard) = (Vec::new(), Vec::new());
    let mut pieces = octets.chunks(piece.max(1));
    let mut input: &[u8] = &[];
    loop {
        match session.advance(&mut input) {
            Event::More => {
                said.extend(session.take_output());
                match pieces.next() {
                    Some(next) => input = next,
                    None => break,
                }
            }
            Event::Flush => said.extend(session.take_output()),
            Event::Ask(Question::Message(mail, _)) => {
                let bytes = mail.message.bytes();
                assert!(!bytes.contains(&0));
                assert!(bytes.is_empty() || bytes.ends_with(b"\r\n"));
                heard.push(format!("{:?} {:?}", mail.envelope, bytes));
                session.answered(Answer::One(Reply::new(250, 0, 0, "Taken")));
            }
            Event::Ask(question) => {
                heard.push(format!("{question:?}"));
                session.word(Ok(()));
            }
            Event::Refused(refused) => heard.push(format!("{refused:?}")),
            Event::StartTls | Event::Close => break,
        }
    }
    said.extend(session.take_output());
    drop(session);
    assert_eq!(budget.left(), 1 << 16, "octets were not given back");
    for line in said.split_inclusive(|b| *b == b'\n') {
        assert!(line.ends_with(b"\r\n") && line[..3].iter().all(u8::is_ascii_digit));
        assert!(line.len() <= 514, "a reply line of {} octets", line.len());
    }
    (said, heard)
}

fuzz_target!(|data: &[u8]| {
    let Some((first, octets)) = data.split_first() else {
        return;
    };
    let whole = talk(octets, octets.len());
    let pieces = talk(octets, usize::from(*first) + 1);
    assert_eq!(
        String::from_utf8_lossy(&whole.0),
        String::from_utf8_lossy(&pieces.0)
    );
    assert_eq!(whole.1, pieces.1);
});

//! Runs the scripts of `tests/dialogues/milter` against the milter session, whole and one octet at a time.
//!
//! A script is made of lines; what the client says is sent at once, what happens must be what is
//! expected, in that order:
//! * `c -> O VERSION ACTIONS STEPS`: the mail server negotiates, numbers in hexadecimal;
//! * `c -> X TEXT`: it sends the command X with these octets, which know `\0`, `\r`, `\n`, `\xHH`
//!   and `\*N*X` for N times X;
//! * `c => TEXT`: it sends octets without a frame;
//! * `s <- X TEXT`: we say X with these octets; `s <- (close) WHY`: we close;
//! * `q <- ADDRESS...`: is this recipient ours, as one of these? Those of example.org are, `later@...` gets a 451;
//! * `e <- TEXT`, `m <- TEXT`: intake gets a message with this envelope and these octets; of large
//!   ones the size is shown;
//! * `n <- REPLY`: a message was refused by the door; `b <- SIZE TEXT`: one was let by;
//! * `option NAME = VALUE`: of the door, in TOML.
//!
//! Intake refuses messages with `SPAM`, takes those with `GONE` itself, and leaves the others with
//! a field `X` to all but `stash@...`.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use quaranta::clock::{Clock, Timestamp};
use quaranta::mail::{Budget, Direction, Envelope, Reply};
use quaranta::milter::frame::{self, Frames};
use quaranta::milter::{Event, Left, Options, Question, Session, Setup};

const MEMORY: usize = 1 << 20;

#[derive(Default)]
struct Script {
    options: String,
    sent: Vec<u8>,
    expected: Vec<String>,
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'\\', [b'0', more @ ..]) => (out.push(0), rest = more).1,
            (b'\\', [b'r', more @ ..]) => (out.push(b'\r'), rest = more).1,
            (b'\\', [b'n', more @ ..]) => (out.push(b'\n'), rest = more).1,
            (b'\\', [b'x', a, b, more @ ..]) => {
                let hex = String::from_utf8(vec![*a, *b]).expect("hex");
                out.push(u8::from_str_radix(&hex, 16).expect("hex"));
                rest = more;
            }
            (b'\\', [b'*', more @ ..]) => {
                let star = more.iter().position(|b| *b == b'*').expect("\\*N*X");
                let count = String::from_utf8(more[..star].to_vec()).expect("count");
                out.extend(vec![more[star + 1]; count.parse().expect("count")]);
                rest = &more[star + 2..];
            }
            _ => out.push(*first),
        }
    }
    out
}

fn escape(octets: &[u8]) -> String {
    let mut out = String::new();
    for octet in octets {
        match octet {
            0 => out.push_str("\\0"),
            b'\r' => out.push_str("\\r"),
            b'\n' => out.push_str("\\n"),
            b' '..=b'~' => out.push(char::from(*octet)),
            other => write!(out, "\\x{other:02x}").expect("text"),
        }
    }
    out
}

fn read(path: &Path) -> Script {
    let mut script = Script::default();
    for line in std::fs::read_to_string(path).expect("script").lines() {
        if let Some(option) = line.strip_prefix("option ") {
            script.options += &format!("{option}\n");
        } else if let Some(octets) = line.strip_prefix("c => ") {
            script.sent.extend(unescape(octets));
        } else if let Some(numbers) = line.strip_prefix("c -> O ") {
            let numbers = numbers.split(' ').map(|n| u32::from_str_radix(n, 16));
            let data: Vec<u8> = numbers
                .flat_map(|n| n.expect("hexadecimal").to_be_bytes())
                .collect();
            frame::write(&mut script.sent, b'O', &[&data]);
        } else if let Some(command) = line.strip_prefix("c -> ") {
            let text = command[1..].strip_prefix(' ').unwrap_or_default();
            frame::write(&mut script.sent, command.as_bytes()[0], &[&unescape(text)]);
        } else if line.get(1..5) == Some(" <- ") {
            script.expected.push(line.to_owned());
        } else {
            assert!(line.is_empty() || line.starts_with('#'), "{line:?}");
        }
    }
    script
}

/// A frame of ours in the words of the scripts.
fn said(code: u8, data: &[u8]) -> String {
    let numbers = match code {
        b'O' => 3,
        b'm' | b'i' => 1,
        _ => 0,
    };
    let mut text = format!("s <- {}", char::from(code));
    let (head, rest) = data.split_at(4 * numbers);
    for number in head.chunks(4) {
        let number = u32::from_be_bytes(number.try_into().expect("four octets"));
        write!(text, " {number:x}").expect("text");
    }
    if !rest.is_empty() {
        write!(text, " {}", escape(rest)).expect("text");
    }
    text
}

fn described(envelope: &Envelope) -> String {
    let mut text = format!("from=<{}>", envelope.from_text());
    for to in &envelope.to {
        write!(text, " to=<{to}>").expect("text");
    }
    let peer = &envelope.peer;
    write!(text, " peer={} helo={}", peer.address, peer.helo).expect("text");
    for (name, value) in [
        ("name", &peer.name),
        ("login", &peer.login),
        ("tls", &peer.tls),
    ] {
        if let Some(value) = value {
            write!(text, " {name}={value}").expect("text");
        }
    }
    if envelope.direction == Direction::Outbound {
        text.push_str(" outbound");
    }
    text
}

/// What happens when `sent` arrives in pieces.
fn play(script: &Script, piece: usize) -> Vec<String> {
    let budget = Budget::new(MEMORY);
    let setup = Setup {
        options: toml::from_str::<Options>(&script.options).expect("options"),
        budget: budget.clone(),
        clock: Clock::by_hand(Timestamp(0)),
    };
    let mut session = Session::new(Arc::new(setup));
    let (mut happened, mut pieces) = (Vec::new(), script.sent.chunks(piece));
    let mut input: &[u8] = &[];
    loop {
        let event = session.advance(&mut input);
        let output = session.take_output();
        let (mut unread, mut frames) = (&output[..], Frames::default());
        while let Some(frame) = frames.next(&mut unread).expect("frames") {
            happened.push(said(frame.code, &frame.data));
        }
        match event {
            Event::More => match pieces.next() {
                Some(next) => input = next,
                None => break,
            },
            Event::Close(why) => {
                happened.push(format!("s <- (close) {}", why.unwrap_or_default()));
                break;
            }
            Event::Ask(question) => answer(&mut session, question, &mut happened),
        }
    }
    drop(session);
    assert_eq!(budget.left(), MEMORY, "octets were not given back");
    happened
        .iter()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

fn answer(session: &mut Session, question: Question, happened: &mut Vec<String>) {
    match question {
        Question::Recipient(to) => {
            let all: Vec<String> = to.iter().map(ToString::to_string).collect();
            happened.push(format!("q <- {}", all.join(" ")));
            let mut to = to.into_iter();
            session.recipient(match all[0].starts_with("later@") {
                true => Err(Reply::new(451, 3, 0, "Later: 99% full")),
                false => Ok(to.find(|to| to.domain().as_str() == "example.org")),
            });
        }
        Question::LetBy(envelope, size) => {
            happened.push(format!("b <- {size} {}", described(&envelope)));
            session.let_by();
        }
        Question::Refused(envelope, reply) => {
            happened.push(format!("n <- {reply} {}", described(&envelope)));
            session.message(&reply, None);
        }
        Question::Message(mail) => {
            happened.push(format!("e <- {}", described(&mail.envelope)));
            let text = escape(mail.message.bytes());
            happened.push(match text.len() {
                0..1000 => format!("m <- {text}"),
                _ => format!("m <- {} octets", mail.message.size()),
            });
            let to = mail.envelope.to.iter().filter(|to| to.local() != "stash");
            let mut left = Left {
                frames: Vec::new(),
                to: to.cloned().collect::<HashSet<_>>(),
            };
            frame::write(&mut left.frames, b'h', &[b"X\0 y\0"]);
            let yes = Reply::new(250, 0, 0, "Taken");
            match () {
                () if text.contains("SPAM") => {
                    session.message(&Reply::new(550, 7, 1, "Spam"), None);
                }
                () if text.contains("GONE") => session.message(&yes, None),
                () => session.message(&yes, Some(left)),
            }
        }
    }
}

#[test]
fn sy04_se01_milter_scripts_whole_and_one_octet_at_a_time() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues/milter");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("scripts") {
        let path = entry.expect("script").path();
        let script = read(&path);
        for piece in [script.sent.len().max(1), 1, 7] {
            assert_eq!(
                play(&script, piece),
                script.expected,
                "{} in pieces of {piece}",
                path.display()
            );
        }
        count += 1;
    }
    assert!(count >= 6, "scripts are missing");
}

#[test]
fn many_recipients_are_bounded_and_told_to_come_later() {
    let mut sent = Vec::new();
    let offer: Vec<u8> = [6_u32, 0x1ff, 0x1f_ffff]
        .iter()
        .flat_map(|n| n.to_be_bytes())
        .collect();
    frame::write(&mut sent, b'O', &[&offer]);
    frame::write(&mut sent, b'C', &[b"a.test\x004\0\x19192.0.2.1\0"]);
    frame::write(&mut sent, b'M', &[b"<a@a.test>\0"]);
    for n in 0..10_000 {
        frame::write(
            &mut sent,
            b'R',
            &[format!("<r{n}@example.org>\0").as_bytes()],
        );
    }
    frame::write(&mut sent, b'E', &[b"x\r\n"]);
    let script = Script {
        sent,
        ..Script::default()
    };
    let happened = play(&script, 4096);
    let begin = |text: &str| {
        happened
            .iter()
            .filter(|line| line.starts_with(text))
            .count()
    };
    assert_eq!(begin("q <- "), 1000);
    assert_eq!(begin("s <- c"), 1000);
    assert_eq!(begin("s <- y 452 4.5.3 At most 1000 recipients"), 9000);
    assert_eq!((begin("m <- "), begin("s <- a")), (1, 1));
}

/// A piece of a conversation: mostly commands in some order, sometimes any octets.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let data = prop_oneof![
        Just(&b"<alice@example.org>\0"[..]),
        Just(&b"a.test\x004\0\x19192.0.2.7\0"[..]),
        Just(&b"Subject\0 x\n y\0"[..]),
        Just(&b"Mi\0Q1\0{auth_authen}\0ann\0"[..]),
        Just(&b"some text\r\n"[..]),
        Just(&b""[..]),
    ];
    let command = proptest::sample::select(&b"ACDHMRTLNBEKUQ?"[..]);
    let framed = |code: u8, data: &[u8]| {
        let mut out = Vec::new();
        frame::write(&mut out, code, &[data]);
        out
    };
    prop_oneof![
        12 => (command.clone(), data).prop_map(move |(code, data)| framed(code, data)),
        4 => (command, vec(any::<u8>(), 0..40)).prop_map(move |(code, data)| framed(code, &data)),
        1 => vec(any::<u8>(), 0..12),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]
    #[test]
    fn any_octets_end_well_and_mean_the_same_in_any_pieces(
        pieces in vec(piece(), 0..40), size in 1_usize..20, greeted in any::<bool>()
    ) {
        let mut sent = Vec::new();
        if greeted {
            let offer = [6_u32, 0x1ff, 0x1f_ffff].map(u32::to_be_bytes).concat();
            frame::write(&mut sent, b'O', &[&offer]);
            frame::write(&mut sent, b'C', &[b"a.test\x004\0\x19192.0.2.7\0"]);
        }
        sent.extend(pieces.concat());
        let script = Script { sent, ..Script::default() };
        let whole = play(&script, script.sent.len().max(1));
        prop_assert_eq!(play(&script, size), whole);
    }
}

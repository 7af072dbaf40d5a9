//! Runs the scripts of `tests/dialogues/smtp` against the SMTP session, whole and one octet at a time.
//!
//! A script is made of lines:
//! * `c -> TEXT`: the client sends the text and CRLF; consecutive ones are sent together;
//! * `c => TEXT`: the same without CRLF. Both know `\r`, `\n`, `\0`, `\xHH`, `\\`, and `\*N*X` for N times X;
//! * `s <- TEXT`: the server says exactly this line; with `...` at the end, a line that begins so;
//! * `s <- (nothing)`: it says nothing;
//! * `s <- (close)`: it closes; `s <- (tls)`: it waits for the handshake, which is then done;
//! * `m <- TEXT`: the reception gets a message with these octets; `e <- TEXT`: its envelope;
//! * `n <- CODE`: the reception is told that the door refused something;
//! * `option NAME = VALUE`: of the door, in TOML; `trusted`: the client may use XCLIENT;
//! * `logins`: AUTH is offered; `tls`: the connection is under TLS from its start;
//! * `lmtp`: LMTP is spoken; `whole`: not one octet at a time.
//!
//! The reception refuses `refused@...` with 550, `later@...` with 451 and `apart@...` with 452, as sender or
//! as recipient, the client 192.0.2.66 with 554, and messages that contain `SPAM` with 550.
//! Where each recipient gets their own reply, `spam@...` gets 550, `full@...` 452 and
//! `host-closing@...` 421. It knows the login alice@example.org with the password `secret`.

use std::path::Path;
use std::sync::Arc;

use quaranta::clock::Clock;
use quaranta::mail::{Address, BodyType, Budget, Direction, Mail, Peer, Reply};
use quaranta::policy::{Answer, Replies};
use quaranta::smtp::{Event, Options, Protocol, Question, Session, Setup};

#[derive(Default)]
struct Script {
    options: Options,
    protocol: Protocol,
    trusted: bool,
    logins: bool,
    tls: bool,
    whole: bool,
    steps: Vec<Step>,
}

enum Step {
    Client(Vec<u8>),
    Expect(usize, String),
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first != b'\\' {
            out.push(*first);
            rest = tail;
            continue;
        }
        let (octets, taken) = match tail {
            [b'r', ..] => (vec![b'\r'], 1),
            [b'n', ..] => (vec![b'\n'], 1),
            [b'0', ..] => (vec![0], 1),
            [b'\\', ..] => (vec![b'\\'], 1),
            [b'x', a, b, ..] => {
                let hex = String::from_utf8(vec![*a, *b]).expect("hex");
                (vec![u8::from_str_radix(&hex, 16).expect("hex")], 3)
            }
            [b'*', more @ ..] => {
                let star = more.iter().position(|b| *b == b'*').expect("\\*N*X");
                let count = String::from_utf8(more[..star].to_vec()).expect("count");
                (
                    vec![more[star + 1]; count.parse().expect("count")],
                    star + 3,
                )
            }
            _ => panic!("unknown escape in {text:?}"),
        };
        out.extend(octets);
        rest = &tail[taken..];
    }
    out
}

fn read(path: &Path) -> Script {
    let text = std::fs::read_to_string(path).expect("script");
    let mut options = String::new();
    let (mut trusted, mut whole, mut logins, mut tls) = (false, false, false, false);
    let mut protocol = Protocol::Smtp;
    let mut steps: Vec<Step> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
        } else if let Some(option) = line.strip_prefix("option ") {
            options.push_str(option);
            options.push('\n');
        } else if line == "trusted" {
            trusted = true;
        } else if line == "logins" {
            logins = true;
        } else if line == "tls" {
            tls = true;
        } else if line == "lmtp" {
            protocol = Protocol::Lmtp;
        } else if line == "whole" {
            whole = true;
        } else if let Some(sent) = line.strip_prefix("c ->").or(line.strip_prefix("c =>")) {
            let mut octets = unescape(sent.strip_prefix(' ').unwrap_or(sent));
            if line.starts_with("c ->") {
                octets.extend(b"\r\n");
            }
            match steps.last_mut() {
                Some(Step::Client(before)) => before.extend(octets),
                _ => steps.push(Step::Client(octets)),
            }
        } else if line.get(1..5) == Some(" <- ") {
            steps.push(Step::Expect(number + 1, line.to_owned()));
        } else {
            panic!("{}:{}: cannot read {line:?}", path.display(), number + 1);
        }
    }
    Script {
        options: toml::from_str(&options).expect("options"),
        protocol,
        trusted,
        logins,
        tls,
        whole,
        steps,
    }
}

/// What happened, in the words of the scripts.
struct Player {
    session: Session,
    happened: std::collections::VecDeque<String>,
    tail: Vec<u8>,
    ended: bool,
}

fn envelope_text(mail: &Mail) -> String {
    let envelope = &mail.envelope;
    let mut text = format!("from=<{}>", envelope.from_text());
    for to in &envelope.to {
        text.push_str(&format!(" to=<{to}>"));
    }
    if envelope.body == BodyType::EightBitMime {
        text.push_str(" 8bit");
    }
    if envelope.smtputf8 {
        text.push_str(" utf8");
    }
    let peer = &envelope.peer;
    text.push_str(&format!(" peer={} helo={}", peer.address, peer.helo));
    for (name, value) in [
        ("name", &peer.name),
        ("login", &peer.login),
        ("tls", &peer.tls),
    ] {
        if let Some(value) = value {
            text.push_str(&format!(" {name}={value}"));
        }
    }
    text + if peer.esmtp { " esmtp" } else { " smtp" }
}

fn word_on(address: &Address) -> Result<(), Reply> {
    match address.local() {
        "refused" => Err(Reply::new(550, 1, 1, "Not here")),
        "later" => Err(Reply::new(451, 7, 1, "Not now")),
        "apart" => Err(Reply::new(452, 5, 3, "Apart, please")),
        "closing" => Err(Reply::new(421, 3, 2, "Not any more")),
        _ => Ok(()),
    }
}

/// What the reception says at the end of a message for one recipient among others.
fn own_reply(to: &Address) -> Reply {
    match to.local() {
        "spam" => Reply::plain(550, "Spam"),
        "full" => Reply::new(452, 2, 2, "Full"),
        "host-closing" => Reply::new(421, 3, 2, "The next host closes"),
        local => Reply::new(250, 0, 0, format!("Taken for {local}")),
    }
}

impl Player {
    fn new(script: &Script) -> Self {
        let setup = Setup {
            hostname: "mx.test".to_owned(),
            direction: Direction::Inbound,
            protocol: script.protocol,
            options: script.options.clone(),
            tls: true,
            budget: Budget::new(1 << 20),
            clock: Clock::system(),
        };
        let peer = Peer::new("192.0.2.1".parse().expect("address"));
        let mut session = Session::new(Arc::new(setup), peer, script.trusted);
        if script.logins {
            session = session.taking_logins();
        }
        if script.tls {
            session.over_tls(Some("TLSv1.3".to_owned()));
        }
        Self {
            session,
            happened: Default::default(),
            tail: Vec::new(),
            ended: false,
        }
    }

    fn feed(&mut self, octets: &[u8]) {
        let mut input = octets;
        while !self.ended {
            let event = self.session.advance(&mut input);
            self.gather();
            match event {
                Event::More => {
                    assert!(
                        input.is_empty(),
                        "the session stopped in the midst of octets"
                    );
                    return;
                }
                Event::Flush => {}
                Event::Ask(question) => self.answer(question),
                Event::Refused(refused) => {
                    self.happened
                        .push_back(format!("n <- {}", refused.reply.code));
                }
                Event::StartTls => {
                    self.happened.push_back("s <- (tls)".to_owned());
                    self.session.tls_started(Some("TLSv1.3".to_owned()));
                }
                Event::Close => {
                    self.ended = true;
                    self.happened.push_back("s <- (close)".to_owned());
                }
            }
        }
    }

    /// Takes the output apart into lines.
    fn gather(&mut self) {
        self.tail.extend(self.session.take_output());
        while let Some(end) = self.tail.windows(2).position(|pair| pair == b"\r\n") {
            let line: Vec<u8> = self.tail.drain(..end + 2).collect();
            let line = String::from_utf8_lossy(&line[..end]).into_owned();
            self.happened.push_back(format!("s <- {line}"));
        }
    }

    fn answer(&mut self, question: Question) {
        let word = match question {
            Question::Connect => {
                let bad = self.session.peer().address.to_string() == "192.0.2.66";
                if bad {
                    Err(Reply::new(554, 7, 1, "Go away"))
                } else {
                    Ok(())
                }
            }
            Question::Sender(_) => match self.session.envelope().and_then(|e| e.from.as_ref()) {
                Some(from) => word_on(from),
                None => Ok(()),
            },
            Question::Recipient(to) => word_on(&to),
            Question::Login(given) => {
                if given.name == "alice@example.org" && given.password == "secret" {
                    Ok(())
                } else {
                    Err(Reply::new(535, 7, 8, "Wrong"))
                }
            }
            Question::Message(mail, replies) => {
                let octets = mail.message.bytes();
                let text: String = octets.escape_ascii().to_string();
                self.happened
                    .push_back(format!("e <- {}", envelope_text(&mail)));
                self.happened.push_back(format!("m <- {text}"));
                let reply = if text.contains("SPAM") {
                    Reply::plain(550, "Spam")
                } else {
                    Reply::new(250, 0, 0, "Taken")
                };
                self.session.answered(match replies {
                    Replies::One => Answer::One(reply),
                    Replies::Each => Answer::Each(mail.envelope.to.iter().map(own_reply).collect()),
                });
                return;
            }
        };
        self.session.word(word);
    }
}

fn play(path: &Path, script: &Script, piece: usize) {
    let mut player = Player::new(script);
    player.feed(b"");
    for step in &script.steps {
        match step {
            Step::Client(octets) => {
                assert!(
                    player.happened.is_empty(),
                    "{}: unexpected {:?}",
                    path.display(),
                    player.happened
                );
                octets.chunks(piece).for_each(|octets| player.feed(octets));
            }
            Step::Expect(line, want) => {
                let place = format!("{}:{line} in pieces of {piece}", path.display());
                if want == "s <- (nothing)" {
                    assert!(player.happened.is_empty(), "{place}: {:?}", player.happened);
                    continue;
                }
                let got = player
                    .happened
                    .pop_front()
                    .unwrap_or_else(|| panic!("{place}: nothing came, {want} should"));
                match want.strip_suffix("...") {
                    Some(head) => {
                        assert!(got.starts_with(head), "{place}: got {got}, wanted {want}")
                    }
                    None => assert_eq!(&got, want, "{place}"),
                }
            }
        }
    }
    assert!(
        player.happened.is_empty(),
        "{}: left over: {:?}",
        path.display(),
        player.happened
    );
}

#[test]
fn every_dialogue_goes_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues/smtp");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("scripts") {
        let path = entry.expect("entry").path();
        let script = read(&path);
        play(&path, &script, usize::MAX);
        if !script.whole {
            play(&path, &script, 1);
            play(&path, &script, 7);
        }
        count += 1;
    }
    assert!(count >= 10, "only {count} scripts were found");
}

/// Every known way to hide a second message behind a false end of data.
#[test]
fn nothing_is_smuggled_by_data() {
    let ends = [
        "\n.\n",
        "\n.\r\n",
        "\r\n.\n",
        "\r.\r",
        "\r.\r\n",
        "\r\n.\r",
        "\n.\r",
        "\r.\n",
        "\r\n.\r\r\n",
        "\r\r\n.\r\r\n",
        "\r\n\0.\r\n",
        "\r\n.\0\r\n",
        "\r\0\n.\r\n",
        "\r\n.\r\0\n",
        "\n\n.\r\n",
        "\n\r.\n\r",
        "\r\n.\r.\r\n",
        "\r\n.\n\r\n",
        "\n.\n\n",
        "\r\n.\r\nX\n.\n",
        "\0\n.\r\n",
    ];
    let script = Script::default();
    for end in ends {
        let evil = "MAIL FROM:<evil@x.org>\r\nRCPT TO:<victim@y.org>\r\nDATA\r\nevil\r\n.\r\n";
        let talk = format!(
            "EHLO c\r\nMAIL FROM:<a@x.org>\r\nRCPT TO:<b@y.org>\r\nDATA\r\nSubject: x\r\n\r\na{end}{evil}QUIT\r\n"
        );
        for piece in [usize::MAX, 1, 2] {
            let mut player = Player::new(&script);
            player.feed(b"");
            talk.as_bytes()
                .chunks(piece)
                .for_each(|octets| player.feed(octets));
            let given: Vec<&String> = player
                .happened
                .iter()
                .filter(|h| h.starts_with("e <-"))
                .collect();
            // The one vector with a true end in it has a first message that is whole.
            let most = usize::from(end == "\r\n.\r\nX\n.\n");
            assert!(
                given.len() <= most,
                "{end:?} in pieces of {piece}: {given:?}"
            );
            assert!(
                !given.iter().any(|e| e.contains("evil")),
                "{end:?}: smuggled"
            );
            if most == 0 {
                let refused = player
                    .happened
                    .iter()
                    .any(|h| h.starts_with("s <- 550 5.6."));
                assert!(refused, "{end:?} was not refused: {:?}", player.happened);
            }
        }
    }
}

/// The same through BDAT, with the false end cut between chunks in every way.
#[test]
fn nothing_is_smuggled_by_bdat() {
    let script = Script::default();
    for text in [
        "a\n.\nb\r\n",
        "a\r.\r\nb",
        "a\r\n.\n",
        "\na",
        "a\r",
        "a\n",
        "a\r\n\0.\r\n",
    ] {
        for cut in 0..=text.len() {
            let (first, second) = text.split_at(cut);
            let talk = format!(
                "EHLO c\r\nMAIL FROM:<a@x.org>\r\nRCPT TO:<b@y.org>\r\nBDAT {}\r\n{first}BDAT {} LAST\r\n{second}QUIT\r\n",
                first.len(),
                second.len()
            );
            for piece in [usize::MAX, 1] {
                let mut player = Player::new(&script);
                player.feed(b"");
                talk.as_bytes()
                    .chunks(piece)
                    .for_each(|octets| player.feed(octets));
                assert!(
                    !player.happened.iter().any(|h| h.starts_with("e <-")),
                    "{text:?} cut at {cut}"
                );
                assert!(
                    player
                        .happened
                        .iter()
                        .any(|h| h.starts_with("s <- 550 5.6.")),
                    "{text:?}"
                );
                assert!(player.ended, "{text:?}: QUIT was not heard");
            }
        }
    }
}

mod anything {
    use proptest::prelude::*;

    use super::*;

    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let known: Vec<&'static [u8]> = vec![
            b"EHLO c\r\n",
            b"MAIL FROM:<a@x.org>\r\n",
            b"RCPT TO:<b@x.org>\r\n",
            b"DATA\r\n",
            b".\r\n",
            b"\r\n.\r\n",
            b"text\r\n",
            b"BDAT 5\r\n",
            b"BDAT 3 LAST\r\n",
            b"RSET\r\n",
            b"MAIL FROM:<\"",
            b"STARTTLS\r\n",
            b"XCLIENT ADDR=",
            b"\r",
            b"\n",
            b"\0",
            b"<",
            b">",
            b"\\",
            b"SIZE=",
            b" SMTPUTF8\r\n",
            b"MAIL FROM:<a@x.org> PRDR\r\n",
            b"@",
            b"RSET\r\nEHLO c\r\nMAIL FROM:<a@x.org>\r\nRCPT TO:<b@x.org>\r\nDATA\r\n",
            b"RSET\r\nEHLO c\r\nMAIL FROM:<a@x.org>\r\nRCPT TO:<b@x.org>\r\n",
            b"+4",
            b"AUTH PLAIN\r\n",
            b"AUTH LOGIN\r\n",
            b"AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==\r\n",
            b"YWxpY2VAZXhhbXBsZS5vcmc=\r\n",
            b"c2VjcmV0\r\n",
            b"*\r\n",
        ];
        prop_oneof![
            4 => prop::sample::select(known).prop_map(<[u8]>::to_vec),
            1 => prop::collection::vec(any::<u8>(), 0..30),
        ]
    }

    /// What happens, without that which depends on where the packets were cut.
    fn run(octets: &[u8], size: usize) -> Vec<String> {
        let script = Script {
            options: toml::from_str("errors = 1000\nmessage_size = \"40\"").expect("options"),
            protocol: Protocol::Smtp,
            trusted: true,
            logins: true,
            ..Script::default()
        };
        let mut player = Player::new(&script);
        player.feed(b"");
        octets.chunks(size).for_each(|octets| player.feed(octets));
        player.happened.into()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_makes_it_panic_and_the_cut_does_not_matter(pieces in prop::collection::vec(piece(), 0..40)) {
            let octets = pieces.concat();
            let starttls = octets.to_ascii_uppercase().windows(8).any(|w| w == b"STARTTLS");
            let bytewise = run(&octets, 1);
            let whole = run(&octets, octets.len().max(1));
            // Octets behind STARTTLS are an attack in one packet, and a handshake in the next.
            if !starttls {
                prop_assert_eq!(bytewise, whole);
            }
        }
    }
}

//! The relay against our own SMTP door and against hosts that misbehave.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use quaranta::clock::Clock;
use quaranta::mail::{
    Address, BodyType, Budget, Direction, Edit, Envelope, Mail, Message, Peer, Reply,
};
use quaranta::net::listen::{Closer, closing};
use quaranta::net::tls::{self, ServerTls};
use quaranta::options::Span;
use quaranta::policy::{Answer, Replies};
use quaranta::record::Route;
use quaranta::relay::{Callout, Carrier, Options, Parcel, Relay};
use quaranta::smtp::{self, Door, Reception, Setup};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Keeps what it gets; `refused@` and `later@` are refused.
#[derive(Default)]
struct Sink {
    got: Mutex<Vec<(Envelope, Vec<u8>)>>,
    connections: Mutex<usize>,
}

#[async_trait]
impl Reception for Sink {
    async fn connect(&self, _: &Peer) -> Result<(), Reply> {
        *self.connections.lock() += 1;
        Ok(())
    }

    async fn recipient(&self, _: &Envelope, to: &Address) -> Result<(), Reply> {
        match to.local() {
            "refused" => Err(Reply::new(550, 1, 1, "Not here")),
            "later" => Err(Reply::new(451, 7, 1, "Not now")),
            _ => Ok(()),
        }
    }

    async fn message(&self, mail: Mail, _: Replies) -> Answer {
        let octets = mail.message.bytes().to_vec();
        let spam = octets.starts_with(b"SPAM");
        self.got.lock().push((mail.envelope, octets));
        Answer::One(if spam {
            Reply::new(554, 7, 1, "Spam")
        } else {
            Reply::new(250, 0, 0, "Taken")
        })
    }
}

/// Our own door as the next host.
struct Host {
    sink: Arc<Sink>,
    route: String,
    dir: tempfile::TempDir,
    _closer: Closer,
}

async fn host(options: smtp::Options, with_tls: bool) -> Host {
    let dir = tempfile::tempdir().expect("dir");
    let tls = with_tls
        .then(|| ServerTls::open(&tls::Options::default(), dir.path(), "mx.test").expect("tls"));
    let sink = Arc::new(Sink::default());
    let setup = Setup {
        hostname: "mx.test".to_owned(),
        direction: Direction::Inbound,
        options,
        tls: false,
        budget: Budget::new(64 << 20),
        clock: Clock::system(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
    let route = listener.local_addr().expect("address").to_string();
    let (closer, closing) = closing();
    tokio::spawn(Door::new(setup, tls, sink.clone()).serve(listener, closing));
    Host {
        sink,
        route,
        dir,
        _closer: closer,
    }
}

async fn plain_host() -> Host {
    host(smtp::Options::default(), false).await
}

fn relay() -> Relay {
    Relay::new(quick(), "relay.test").expect("relay")
}

fn quick() -> Options {
    Options {
        connect_time: Span::seconds(5),
        command_time: Span::seconds(5),
        data_time: Span::seconds(5),
        final_time: Span::seconds(5),
        ..Options::default()
    }
}

fn mail(octets: impl AsRef<[u8]>) -> Mail {
    let envelope = Envelope {
        peer: Peer::local(),
        direction: Direction::Inbound,
        from: Some("sender@example.com".parse().expect("address")),
        to: Vec::new(),
        body: BodyType::SevenBit,
        smtputf8: false,
    };
    let message = Message::new(octets.as_ref().to_vec(), None).expect("message");
    Mail::new(envelope, message, 0)
}

fn parcel(to: &[&str], routes: &[&str]) -> Parcel {
    Parcel {
        to: to.iter().map(|to| to.parse().expect("address")).collect(),
        edits: Vec::new(),
        routes: Arc::new(
            routes
                .iter()
                .map(|route| route.parse().expect("route"))
                .collect(),
        ),
    }
}

async fn carry(relay: &Relay, mail: &Mail, to: &[&str], routes: &[&str]) -> Vec<String> {
    let replies = relay.carry(mail, &[parcel(to, routes)]).await;
    assert_eq!(replies.len(), 1);
    replies[0].iter().map(ToString::to_string).collect()
}

/// A host that follows a script, one for each connection: it says the first reply,
/// and then waits for a line with each prefix and says the reply to it. `<message>`
/// waits for the final dot; the reply `!` closes. Returns what was not in a script.
fn scripted(
    listener: TcpListener,
    scripts: Vec<Vec<(&'static str, &'static str)>>,
) -> tokio::task::JoinHandle<Vec<String>> {
    tokio::spawn(async move {
        let mut heard = Vec::new();
        for script in scripts {
            let (stream, _) = listener.accept().await.expect("accept");
            converse(stream, &script, &mut heard).await;
        }
        heard
    })
}

async fn converse(stream: TcpStream, script: &[(&str, &str)], heard: &mut Vec<String>) {
    let mut stream = BufReader::new(stream);
    for (prefix, reply) in script {
        loop {
            let mut line = String::new();
            if prefix.is_empty() {
                break;
            }
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            if *prefix == "<message>" {
                if line == ".\r\n" {
                    break;
                }
                continue;
            }
            heard.push(line.trim_end().to_owned());
            assert!(line.starts_with(prefix), "{line:?} instead of {prefix:?}");
            break;
        }
        if *reply == "!" {
            return;
        }
        if stream
            .write_all(format!("{reply}\r\n").as_bytes())
            .await
            .is_err()
        {
            return;
        }
    }
    // The other side closes.
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
}

async fn bound() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
    let address: SocketAddr = listener.local_addr().expect("address");
    (listener, address.to_string())
}

const EHLO: (&str, &str) = ("EHLO", "250-host\r\n250-PIPELINING\r\n250 8BITMIME");

#[tokio::test]
async fn each_recipient_gets_a_reply_and_one_connection_is_used() {
    let host = plain_host().await;
    let relay = relay();
    let to = ["a@x.org", "refused@x.org", "later@x.org", "b@x.org"];
    let replies = carry(&relay, &mail("hello\r\n"), &to, &[&host.route]).await;
    assert_eq!(
        replies,
        [
            "250 2.0.0 Taken",
            "550 5.1.1 Not here",
            "451 4.7.1 Not now",
            "250 2.0.0 Taken"
        ]
    );
    let replies = carry(
        &relay,
        &mail("SPAM\r\n"),
        &["a@x.org", "refused@x.org"],
        &[&host.route],
    )
    .await;
    assert_eq!(replies, ["554 5.7.1 Spam", "550 5.1.1 Not here"]);
    let replies = carry(&relay, &mail("x\r\n"), &["refused@x.org"], &[&host.route]).await;
    assert_eq!(replies, ["550 5.1.1 Not here"]);
    let replies = carry(&relay, &mail("x\r\n"), &["c@x.org"], &[&host.route]).await;
    assert_eq!(replies, ["250 2.0.0 Taken"]);
    assert_eq!(
        *host.sink.connections.lock(),
        1,
        "the connection was not kept"
    );
    let got = host.sink.got.lock();
    assert_eq!(got.len(), 3);
    assert_eq!(got[0].0.to.len(), 2);
    assert_eq!(got[0].0.from_text(), "sender@example.com");
    assert_eq!(got[0].0.peer.helo, "relay.test");
}

#[tokio::test]
async fn parcels_get_their_own_edits_and_many_recipients_go_in_several_transactions() {
    let host = plain_host().await;
    let relay = Relay::new(
        Options {
            recipients: 2,
            ..quick()
        },
        "relay.test",
    )
    .expect("relay");
    let mut tagged = parcel(&["a@x.org", "refused@x.org", "b@x.org"], &[&host.route]);
    tagged.edits.push(Edit::Add {
        name: "X-A".into(),
        value: "1".into(),
    });
    let plain = parcel(&["c@x.org"], &[&host.route]);
    let replies = relay
        .carry(&mail("A: 1\r\n\r\nx\r\n"), &[tagged, plain])
        .await;
    let codes: Vec<Vec<u16>> = replies
        .iter()
        .map(|r| r.iter().map(|r| r.code).collect())
        .collect();
    assert_eq!(codes, [vec![250, 550, 250], vec![250]]);
    let mut got: Vec<(usize, bool)> = host
        .sink
        .got
        .lock()
        .iter()
        .map(|(envelope, octets)| {
            (
                envelope.to.len(),
                octets.starts_with(b"X-A: 1\r\nA: 1\r\n\r\nx\r\n"),
            )
        })
        .collect();
    got.sort_unstable();
    assert_eq!(got, [(1, false), (1, true), (1, true)]);
}

#[tokio::test]
async fn the_next_host_is_tried_when_one_cannot_be_used() {
    let host = plain_host().await;
    let relay = relay();
    let (closed, dead) = bound().await;
    drop(closed);
    let (busy_listener, busy) = bound().await;
    scripted(
        busy_listener,
        vec![
            vec![("", "421 4.3.2 busy")],
            vec![("", "554 no"), ("EHLO", "!")],
        ],
    );
    let last = format!("{},priority=30", host.route);
    let middle = format!("{busy},priority=20");
    for _ in 0..2 {
        let replies = carry(
            &relay,
            &mail("x\r\n"),
            &["a@x.org"],
            &[&last, &dead, &middle],
        )
        .await;
        assert_eq!(replies, ["250 2.0.0 Taken"]);
    }
    let replies = carry(&relay, &mail("x\r\n"), &["a@x.org", "b@x.org"], &[&dead]).await;
    assert_eq!(
        replies,
        vec![format!("451 4.4.1 {dead}: connection refused"); 2]
    );
    let replies = carry(&relay, &mail("x\r\n"), &["a@x.org"], &[]).await;
    assert_eq!(replies, ["451 4.4.4 No route to the recipient's host"]);
}

#[tokio::test]
async fn a_refusal_after_mail_is_the_answer() {
    let host = plain_host().await;
    let (listener, first) = bound().await;
    let heard = scripted(
        listener,
        vec![vec![
            ("", "220 x"),
            EHLO,
            ("MAIL", "451 4.7.1 greylisted"),
            ("RCPT", "503 no"),
            ("DATA", "503 no"),
            ("RSET", "250 ok"),
            ("MAIL", "250 ok"),
            ("RCPT", "421 4.3.2 closing"),
        ]],
    );
    let relay = relay();
    let second = format!("{},priority=20", host.route);
    let replies = carry(&relay, &mail("x\r\n"), &["a@x.org"], &[&first, &second]).await;
    assert_eq!(replies, ["451 4.7.1 greylisted"]);
    // 421 is not passed on as such: it would close the client's connection with us.
    let replies = carry(&relay, &mail("x\r\n"), &["a@x.org"], &[&first, &second]).await;
    assert_eq!(replies, ["451 4.3.2 closing"]);
    drop(relay);
    assert_eq!(heard.await.expect("script").len(), 7);
    assert!(host.sink.got.lock().is_empty());
}

#[tokio::test]
async fn a_kept_connection_that_died_is_replaced_once() {
    let (listener, route) = bound().await;
    let whole = [
        ("", "220 x"),
        EHLO,
        ("MAIL", "250 ok"),
        ("RCPT", "250 ok"),
        ("DATA", "354 go"),
        ("<message>", "250 2.0.0 taken"),
    ];
    let mut closes = whole.to_vec();
    closes.push(("MAIL", "!"));
    let mut says_421 = whole.to_vec();
    says_421.push(("MAIL", "421 idle for too long"));
    scripted(listener, vec![closes, says_421, whole.to_vec()]);
    let relay = relay();
    for _ in 0..3 {
        let replies = carry(&relay, &mail("x\r\n"), &["a@x.org"], &[&route]).await;
        assert_eq!(replies, ["250 2.0.0 taken"]);
    }
}

#[tokio::test]
async fn nothing_is_sent_twice_after_the_final_dot() {
    let host = plain_host().await;
    let (listener, first) = bound().await;
    scripted(
        listener,
        vec![vec![
            ("", "220 x"),
            EHLO,
            ("MAIL", "250 ok"),
            ("RCPT", "250 ok"),
            ("RCPT", "550 5.1.1 no"),
            ("DATA", "354 go"),
            ("<message>", "!"),
        ]],
    );
    let second = format!("{},priority=20", host.route);
    let to = ["a@x.org", "b@x.org"];
    let replies = carry(&relay(), &mail("x\r\n"), &to, &[&first, &second]).await;
    assert_eq!(
        replies,
        [
            format!("451 4.4.2 {first}: connection closed by the other side"),
            "550 5.1.1 no".to_owned()
        ]
    );
    assert!(host.sink.got.lock().is_empty(), "the mail was sent twice");
}

#[tokio::test]
async fn a_host_lost_before_the_message_is_followed_by_the_next() {
    let host = plain_host().await;
    let (listener, first) = bound().await;
    scripted(
        listener,
        vec![vec![("", "220 x"), EHLO, ("MAIL", "250 ok"), ("RCPT", "!")]],
    );
    let second = format!("{},priority=20", host.route);
    let replies = carry(&relay(), &mail("x\r\n"), &["a@x.org"], &[&first, &second]).await;
    assert_eq!(replies, ["250 2.0.0 Taken"]);
}

#[tokio::test]
async fn a_host_without_pipelining_is_asked_step_by_step() {
    let (listener, route) = bound().await;
    let heard = scripted(
        listener,
        vec![vec![
            ("", "220 x"),
            ("EHLO", "502 what?"),
            ("HELO relay.test", "250 host"),
            ("MAIL FROM:<sender@example.com>", "250 ok"),
            ("RCPT TO:<a@x.org>", "550 5.1.1 no"),
            ("RCPT TO:<b@x.org>", "250 ok"),
            ("DATA", "354 go"),
            ("<message>", "250 taken"),
            ("MAIL", "552 no"),
            ("RSET", "250 ok"),
            ("MAIL", "250 ok"),
            ("RCPT", "550 no"),
            ("RSET", "250 ok"),
        ]],
    );
    let relay = relay();
    let replies = carry(&relay, &mail("x\r\n"), &["a@x.org", "b@x.org"], &[&route]).await;
    assert_eq!(replies, ["550 5.1.1 no", "250 taken"]);
    let replies = carry(&relay, &mail("x\r\n"), &["a@x.org", "b@x.org"], &[&route]).await;
    assert_eq!(replies, ["552 no", "552 no"]);
    let replies = carry(&relay, &mail("x\r\n"), &["a@x.org"], &[&route]).await;
    assert_eq!(replies, ["550 no"]);
    drop(relay);
    heard.await.expect("script");
}

#[tokio::test]
async fn with_nobody_left_data_is_ended_empty() {
    let (listener, route) = bound().await;
    let heard = scripted(
        listener,
        vec![vec![
            ("", "220 x"),
            EHLO,
            ("MAIL", "250 ok"),
            ("RCPT", "550 no"),
            ("DATA", "354 go"),
            (".", "554 nobody"),
        ]],
    );
    let replies = carry(&relay(), &mail("secret\r\n"), &["a@x.org"], &[&route]).await;
    assert_eq!(replies, ["550 no"]);
    assert_eq!(
        heard.await.expect("script").last().map(String::as_str),
        Some(".")
    );
}

#[tokio::test]
async fn what_a_host_cannot_take_is_refused_clearly() {
    let plain = ("EHLO", "250-host\r\n250 SIZE 100");
    let international = {
        let mut mail = mail("Subject: \u{e4}\r\n\r\nx\r\n");
        mail.envelope.smtputf8 = true;
        mail
    };
    let cases = [
        (mail("A: 1\r\n\r\n\u{e4}\r\n"), "a@x.org", "554 5.6.3 "),
        (mail("x".repeat(200)), "a@x.org", "552 5.3.4 "),
        (mail("x\r\n"), "j\u{f6}rg@x.org", "553 5.6.7 "),
        (international, "a@x.org", "554 5.6.3 "),
    ];
    for (mail, to, want) in cases {
        let (listener, route) = bound().await;
        scripted(listener, vec![vec![("", "220 x"), plain]]);
        let replies = carry(&relay(), &mail, &[to], &[&route]).await;
        assert!(
            replies[0].starts_with(want),
            "{replies:?} instead of {want}"
        );
    }
    let (listener, route) = bound().await;
    scripted(listener, vec![vec![("", "220 x"), EHLO]]);
    let mut utf8 = mail("Subject: \u{e4}\r\n\r\nx\r\n");
    utf8.envelope.smtputf8 = true;
    let replies = carry(&relay(), &utf8, &["a@x.org"], &[&route]).await;
    assert!(replies[0].starts_with("553 5.6.7 "), "{replies:?}");
    let host = plain_host().await;
    let replies = carry(&relay(), &utf8, &["j\u{f6}rg@x.org"], &[&host.route]).await;
    assert_eq!(replies, ["250 2.0.0 Taken"]);
    let got = host.sink.got.lock();
    assert!(got[0].0.smtputf8 && got[0].0.body == BodyType::EightBitMime);
}

#[tokio::test]
async fn nonsense_and_endless_replies_are_bounded() {
    let endless: &'static str = Box::leak("250-x\r\n".repeat(10_000).into_boxed_str());
    let long: &'static str = Box::leak(format!("220 {}", "x".repeat(100_000)).into_boxed_str());
    for (script, want) in [
        (vec![("", "HTTP/1.1 400 Bad Request")], "malformed reply"),
        (vec![("", "220 x"), ("EHLO", endless)], "malformed reply"),
        (vec![("", long)], "malformed reply"),
        (
            vec![("", "220 x"), EHLO, ("MAIL", "999 x")],
            "malformed reply",
        ),
        (vec![("", "!")], "connection closed"),
    ] {
        let (listener, route) = bound().await;
        scripted(listener, vec![script]);
        let replies = carry(&relay(), &mail("x\r\n"), &["a@x.org"], &[&route]).await;
        assert!(replies[0].starts_with("451 4.4."), "{replies:?}");
        assert!(
            replies[0].contains(&route) && replies[0].contains(want),
            "{replies:?}"
        );
    }
}

#[tokio::test]
async fn a_silent_host_is_given_up() {
    let (listener, route) = bound().await;
    let _silent = tokio::spawn(async move { listener.accept().await });
    let options = Options {
        command_time: Span(std::time::Duration::from_millis(50)),
        ..quick()
    };
    let relay = Relay::new(options, "relay.test").expect("relay");
    let replies = carry(&relay, &mail("x\r\n"), &["a@x.org"], &[&route]).await;
    assert_eq!(replies, [format!("451 4.4.2 {route}: no answer in time")]);
}

#[tokio::test]
async fn tls_is_opportunistic_required_or_off() {
    let host = host(smtp::Options::default(), true).await;
    let relay = relay();
    let to = ["a@x.org"];
    let none = format!("{},tls=none", host.route);
    let required = format!("{},tls=required", host.route);
    assert_eq!(
        carry(&relay, &mail("1\r\n"), &to, &[&host.route]).await,
        ["250 2.0.0 Taken"]
    );
    assert_eq!(
        carry(&relay, &mail("2\r\n"), &to, &[&none]).await,
        ["250 2.0.0 Taken"]
    );
    let replies = carry(&relay, &mail("3\r\n"), &to, &[&required]).await;
    assert!(replies[0].starts_with("451 4.7.5 "), "{replies:?}");
    let options = Options {
        ca_file: Some(host.dir.path().join("ca.pem")),
        ..quick()
    };
    let knowing = Relay::new(options, "relay.test").expect("relay");
    assert_eq!(
        carry(&knowing, &mail("4\r\n"), &to, &[&required]).await,
        ["250 2.0.0 Taken"]
    );
    let got = host.sink.got.lock();
    let tls: Vec<bool> = got
        .iter()
        .map(|(envelope, _)| envelope.peer.tls.is_some())
        .collect();
    assert_eq!(tls, [true, false, true]);
    drop(got);
    let plain = plain_host().await;
    let required = format!("{},tls=required", plain.route);
    let replies = carry(&knowing, &mail("5\r\n"), &to, &[&required]).await;
    assert!(replies[0].starts_with("451 4.7.4 "), "{replies:?}");
}

#[tokio::test]
async fn broken_tls_falls_back_to_plain_only_where_that_is_allowed() {
    let offer = ("EHLO", "250-host\r\n250 STARTTLS");
    let broken = vec![
        ("", "220 x"),
        offer,
        ("STARTTLS", "220 go\r\nthis is no handshake"),
    ];
    let plain = vec![
        ("", "220 x"),
        offer,
        ("MAIL", "250 ok"),
        ("RCPT", "250 ok"),
        ("DATA", "354 go"),
        ("<message>", "250 taken"),
    ];
    let (listener, route) = bound().await;
    scripted(listener, vec![broken.clone(), plain]);
    assert_eq!(
        carry(&relay(), &mail("x\r\n"), &["a@x.org"], &[&route]).await,
        ["250 taken"]
    );
    let (listener, route) = bound().await;
    scripted(listener, vec![broken]);
    let required = format!("{route},tls=required");
    let replies = carry(&relay(), &mail("x\r\n"), &["a@x.org"], &[&required]).await;
    assert!(replies[0].starts_with("451 4.7.5 "), "{replies:?}");
}

#[tokio::test]
async fn call_outs_ask_for_a_recipient_and_leave_no_trace() {
    let host = plain_host().await;
    let relay = relay();
    let routes: Vec<Route> = vec![host.route.parse().expect("route")];
    for (to, want) in [
        ("a@x.org", 250),
        ("refused@x.org", 550),
        ("later@x.org", 451),
        ("b@x.org", 250),
    ] {
        let to = to.parse().expect("address");
        assert_eq!(relay.ask(&routes, &to, false).await.code, want);
    }
    let replies = carry(&relay, &mail("x\r\n"), &["a@x.org"], &[&host.route]).await;
    assert_eq!(replies, ["250 2.0.0 Taken"]);
    assert_eq!(*host.sink.connections.lock(), 1);
    // A host that refuses the null sender has said nothing of the recipient.
    let (listener, route) = bound().await;
    scripted(
        listener,
        vec![vec![
            ("", "220 x"),
            EHLO,
            ("MAIL FROM:<>", "550 5.7.1 no bounces"),
            ("RCPT", "503 no"),
            ("RSET", "250 ok"),
        ]],
    );
    let routes: Vec<Route> = vec![route.parse().expect("route")];
    let reply = relay
        .ask(&routes, &"a@x.org".parse().expect("address"), false)
        .await;
    assert_eq!(reply.code, 451, "{reply}");
}

mod round_trip {
    use proptest::prelude::*;

    use super::*;

    /// Pieces that are likely to be mistaken for something else.
    fn piece() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            Just(b"\r\n".to_vec()),
            Just(b".".to_vec()),
            Just(b"\r\n.\r\n".to_vec()),
            Just(b"\r\n..".to_vec()),
            Just(b"Subject: x\r\n".to_vec()),
            Just(b".\r\n".to_vec()),
            prop::collection::vec(any::<u8>(), 0..40),
            Just(vec![b'x'; 33_000]),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

        #[test]
        fn every_message_arrives_byte_identical(messages in prop::collection::vec(prop::collection::vec(piece(), 0..12), 1..4)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
            runtime.block_on(async {
                let host = plain_host().await;
                let relay = relay();
                for pieces in messages {
                    let mut octets = pieces.concat();
                    // NUL is refused at our door; bare line ends cannot be in a message.
                    octets.retain(|b| *b != 0);
                    let octets = whole_lines(&octets);
                    let mail = mail(&octets);
                    let want = mail.message.bytes().to_vec();
                    let replies = carry(&relay, &mail, &["a@x.org"], &[&host.route]).await;
                    assert_eq!(replies, ["250 2.0.0 Taken"]);
                    let (_, got) = host.sink.got.lock().pop().expect("a message");
                    assert!(got == want, "{:?} became {:?}", want.escape_ascii().to_string(), got.escape_ascii().to_string());
                }
            });
        }
    }

    fn whole_lines(octets: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(octets.len());
        for (i, byte) in octets.iter().enumerate() {
            let pair = match byte {
                b'\r' => octets.get(i + 1) == Some(&b'\n'),
                b'\n' => i > 0 && octets[i - 1] == b'\r',
                _ => true,
            };
            if pair {
                out.push(*byte);
            }
        }
        out
    }
}

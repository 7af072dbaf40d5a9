//! XX-02: one message, recipients with different outcomes: by a reply for each, by one for all, and split.

mod house;

use std::sync::Arc;

use async_trait::async_trait;
use house::{House, address, door, mail, principal, scope, text};
use quaranta::clock::Clock;
use quaranta::mail::{Address, Budget, Direction, Envelope, Mail, Reply};
use quaranta::net::listen::closing;
use quaranta::net::socket::{Socket, bind_all};
use quaranta::policy::{Answer, Layer, ListKind, Mode, Replies};
use quaranta::smtp::{Door, Inbound, Lmtp, Options, Protocol, Reception, Setup};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};

/// Quarantined, tagged, refused without a copy.
const THREE: [&str; 3] = [
    "alice@example.org",
    "alice@tag.example.org",
    "bob@example.org",
];

async fn house() -> House {
    let house = House::new().await;
    let refuse = Layer {
        mode: Some(Mode::Refuse),
        ..Layer::default()
    };
    house.set("bob@example.org", refuse).await;
    house
}

fn three() -> Vec<Address> {
    THREE.iter().map(|to| address(to)).collect()
}

#[tokio::test]
async fn xx02_three_outcomes_with_one_reply_and_with_three() {
    let house = house().await;
    let from = Some(address("sender@remote.test"));
    let junk = mail(&house.clock, from, &three(), &text("XJUNK"));
    let carrier = &*house.carrying;
    let answer = house.intake.receive(junk, Replies::Each, carrier).await;
    let Answer::Each(replies) = answer else {
        panic!("a reply for each was asked for")
    };
    let codes: Vec<u16> = replies.iter().map(|reply| reply.code).collect();
    assert_eq!(codes, [550, 250, 550]);
    assert_eq!(
        house.caught("global").await.len(),
        1,
        "refuse keeps no copy"
    );
    assert_eq!(house.caught("alice@example.org").await.len(), 1);
    assert_eq!(carrier.destination.delivered.lock().len(), 1);
    assert!(carrier.destination.got(THREE[1])[0].contains("Subject: [SPAM]"));

    // With one reply, 250 covers nobody's loss: what would be refused is kept.
    let reply = house.send(&THREE.join(" "), "XJUNK, another").await;
    assert_eq!(reply.code, 250);
    assert_eq!(house.caught("bob@example.org").await.len(), 1);
    assert_eq!(house.caught("alice@example.org").await.len(), 2);
    assert_eq!(carrier.destination.delivered.lock().len(), 2);
}

#[tokio::test]
async fn xx02_those_whose_policies_differ_are_told_to_come_apart() {
    let house = house().await;
    let split = |on| Layer {
        split: Some(on),
        ..Layer::default()
    };
    let envelope = |from: &str, to: &str| Envelope {
        to: vec![address(to)],
        ..mail(&house.clock, Some(address(from)), &[], &text("x")).envelope
    };
    let asks = async |from: &str, first: &str, next: &str| {
        let (envelope, next) = (envelope(from, first), address(next));
        let word = house.intake.together(&envelope, &next);
        word.await
            .err()
            .map(|reply| (reply.code, reply.to_string()))
    };
    let (alice, tag, bob, carol) = (THREE[0], THREE[1], THREE[2], "carol@example.org");
    let from = "sender@remote.test";
    assert_eq!(asks(from, alice, tag).await, None, "off by default");

    house.set("example.org", split(true)).await;
    for (first, next) in [(alice, tag), (tag, alice), (alice, bob)] {
        let (code, text) = asks(from, first, next).await.expect("a refusal");
        assert!(
            code == 452 && text.contains("4.5.3"),
            "{first} {next}: {text}"
        );
    }
    assert_eq!(
        asks(from, alice, carol).await,
        None,
        "they differ in nothing"
    );

    let (pattern, by) = ("remote.test".parse().expect("pattern"), principal("global"));
    let note = String::new();
    house
        .desk
        .add_listed(&by, scope(carol), ListKind::Block, pattern, note, &door())
        .await
        .expect("listed");
    assert!(asks(from, alice, carol).await.is_some(), "the lists differ");
    assert_eq!(asks("x@other.test", alice, carol).await, None);
    house.set(carol, split(false)).await;
    assert!(
        asks(from, carol, alice).await.is_some(),
        "one of the two is enough"
    );

    let kept_longer = Layer {
        keep_days: Some(90),
        ..Layer::default()
    };
    house.set("dora@example.org", kept_longer).await;
    assert_eq!(asks(from, alice, "dora@example.org").await, None);
}

/// Gives the clients of the doors to the house, and to its destination.
struct Within(Arc<House>, Inbound);

#[async_trait]
impl Reception for Within {
    async fn recipient(&self, envelope: &Envelope, to: &Address) -> Result<(), Reply> {
        self.1.recipient(envelope, to).await
    }
    async fn together(&self, envelope: &Envelope, to: &Address) -> Result<(), Reply> {
        self.1.together(envelope, to).await
    }
    async fn message(&self, mail: Mail, replies: Replies) -> Answer {
        self.0
            .intake
            .receive(mail, replies, &*self.0.carrying)
            .await
    }
}

/// Says each line and gathers the codes of what is answered, until there are `count`.
async fn talk<S>(stream: S, lines: &[&str], count: usize) -> Vec<String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = BufReader::new(stream);
    for line in lines {
        stream.write_all(line.as_bytes()).await.expect("written");
        stream.write_all(b"\r\n").await.expect("written");
    }
    let mut codes = Vec::new();
    while codes.len() < count {
        let mut line = String::new();
        let read = stream.read_line(&mut line).await.expect("a line");
        assert!(read > 0, "it ended after {codes:?}");
        if line.as_bytes().get(3) == Some(&b' ') {
            codes.push(line[..3].to_owned());
        }
    }
    codes
}

#[tokio::test]
async fn xx02_the_doors_answer_each_or_split() {
    let house = Arc::new(house().await);
    let split = Layer {
        split: Some(true),
        ..Layer::default()
    };
    house.set("example.org", split).await;
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("lmtp.sock");
    // A socket that was left behind is in nobody's way.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("socket"));
    let sockets = ["127.0.0.1:0".to_owned(), format!("unix:{}", path.display())]
        .map(|at| at.parse::<Socket>().expect("socket"));
    let mut bound = bind_all(&sockets, 0o666).await.expect("bound");
    assert!(
        bind_all(&sockets[1..], 0o666).await.is_err(),
        "somebody listens there"
    );
    let (closer, closing) = closing();
    let door = |protocol, options| {
        let setup = Setup {
            hostname: "mx.test".to_owned(),
            direction: Direction::Inbound,
            protocol,
            options,
            tls: false,
            budget: Budget::new(1 << 20),
            clock: Clock::system(),
        };
        let inbound = Inbound::new(house.intake.clone(), house.carrying.clone());
        Door::new(setup, None, Arc::new(Within(house.clone(), inbound)))
    };
    let unix = bound.pop().expect("listener");
    let tcp = bound.pop().expect("listener");
    let Some(Socket::Tcp(smtp)) = tcp.at() else {
        panic!("no port");
    };
    let options = Options::default();
    let lmtp = door(Protocol::Lmtp, Lmtp::door(&options));
    tokio::spawn(door(Protocol::Smtp, options).serve_bound(tcp, closing.clone()));
    tokio::spawn(lmtp.serve_bound(unix, closing));

    let to = THREE.map(|to| format!("RCPT TO:<{to}>"));
    let body = ["Subject: x", "", "XJUNK", "."];
    let script = |hello: &'static str, mail: &'static str| -> Vec<&str> {
        let mut all: Vec<&str> = vec![hello, mail, &to[0], &to[1], &to[2], "DATA"];
        all.extend(body);
        all
    };
    let lines = script("EHLO c", "MAIL FROM:<s@remote.test> PRDR");
    let codes = talk(TcpStream::connect(smtp).await.expect("client"), &lines, 11).await;
    let want = [
        "220", "250", "250", "250", "250", "250", "354", "353", "550", "250", "550",
    ];
    assert_eq!(codes, want, "and the overall reply behind them");

    let lines = script("LHLO c", "MAIL FROM:<s@remote.test>");
    let codes = talk(
        UnixStream::connect(&path).await.expect("client"),
        &lines,
        10,
    )
    .await;
    let want = [
        "220", "250", "250", "250", "250", "250", "354", "550", "250", "550",
    ];
    assert_eq!(codes, want);
    let tagged = house
        .carrying
        .destination
        .got(THREE[1])
        .pop()
        .expect("delivered");
    assert!(
        tagged.contains("Received: from c ([127.0.0.1])"),
        "{tagged}"
    );
    assert!(tagged.contains(" with LMTP id "), "{tagged}");

    let lines = script("EHLO c", "MAIL FROM:<s@remote.test>");
    let codes = talk(TcpStream::connect(smtp).await.expect("client"), &lines, 8).await;
    let want = ["220", "250", "250", "250", "452", "452", "354", "550"];
    assert_eq!(codes, want, "alone, the first gets the true reply");
    closer.close();
}

#[tokio::test]
async fn sy01_a_released_mail_passes_where_each_has_a_reply() {
    let house = house().await;
    house.send(THREE[0], "XJUNK").await;
    let id = house.caught("alice@example.org").await.remove(0);
    *house.carrying.swallow.lock() = true;
    house
        .desk
        .perform(
            &principal("global"),
            &quaranta::actions::Action::Release,
            id,
            &door(),
        )
        .await
        .expect("released");
    house.deliver().await;
    let (to, reinserted) = house.carrying.reinserted.lock().pop().expect("reinserted");
    let released = mail(&house.clock, None, &[to], &reinserted);
    let carrier = &*house.carrying;
    let answer = house.intake.receive(released, Replies::Each, carrier).await;
    assert!(
        matches!(&answer, Answer::Each(replies) if replies.len() == 1 && replies[0].is_positive()),
        "{answer:?}"
    );
    assert_eq!(carrier.destination.got(THREE[0]).len(), 1);
    assert_eq!(house.state(id).await.to_string(), "released");
}

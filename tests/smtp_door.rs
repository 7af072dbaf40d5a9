//! The SMTP door over loopback: limits, front relays, time, and the end of the daemon.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use quaranta::clock::Clock;
use quaranta::mail::{Address, Budget, Direction, Envelope, Mail, Reply};
use quaranta::net::listen::{Closer, closing};
use quaranta::options::{Octets, Span};
use quaranta::policy::{Answer, Replies};
use quaranta::smtp::{Door, Options, Protocol, Reception, Refused, Setup};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Sink {
    got: Mutex<Vec<Mail>>,
    refused: Mutex<Vec<Refused>>,
}

#[async_trait]
impl Reception for Sink {
    async fn recipient(&self, _: &Envelope, to: &Address) -> Result<(), Reply> {
        assert_ne!(to.local(), "panic", "planted");
        Ok(())
    }

    async fn message(&self, mail: Mail, _: Replies) -> Answer {
        self.got.lock().push(mail);
        Answer::One(Reply::new(250, 0, 0, "Taken"))
    }

    async fn not_accepted(&self, refused: &Refused) {
        self.refused.lock().push(refused.clone());
    }
}

struct House {
    sink: Arc<Sink>,
    place: String,
    closer: Closer,
    serving: JoinHandle<()>,
    budget: Budget,
}

async fn open(options: Options) -> House {
    let sink = Arc::new(Sink::default());
    let budget = Budget::new(100_000);
    let setup = Setup {
        hostname: "mx.test".to_owned(),
        direction: Direction::Inbound,
        protocol: Protocol::Smtp,
        options,
        tls: false,
        budget: budget.clone(),
        clock: Clock::system(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
    let place = listener.local_addr().expect("address").to_string();
    let (closer, closing) = closing();
    let door = Door::new(setup, None, sink.clone());
    House {
        serving: tokio::spawn(door.serve(listener, closing)),
        sink,
        place,
        closer,
        budget,
    }
}

struct Client(BufReader<TcpStream>);

impl Client {
    async fn connect(house: &House) -> Self {
        let stream = TcpStream::connect(&house.place).await.expect("connection");
        Self(BufReader::new(stream))
    }

    async fn greeted(house: &House) -> Self {
        let mut client = Self::connect(house).await;
        client.hears("220 ").await;
        client.says("HELO c\r\n", "250 ").await;
        client
    }

    async fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.0.write_all(octets.as_ref()).await.expect("write");
    }

    /// The next line; empty if the connection is closed.
    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.0.read_line(&mut line);
        let _ = timeout(PATIENCE, read).await.expect("a line in time");
        line.trim_end().to_owned()
    }

    async fn hears(&mut self, want: &str) {
        let line = self.line().await;
        assert!(line.starts_with(want), "got {line:?}, wanted {want:?}");
    }

    async fn says(&mut self, octets: &str, want: &str) {
        self.send(octets).await;
        self.hears(want).await;
    }

    async fn is_closed(&mut self) {
        let mut rest = Vec::new();
        let read = timeout(PATIENCE, self.0.read_to_end(&mut rest)).await;
        // A reset is an end as well.
        let _ = read.expect("an end in time");
        assert!(rest.is_empty(), "{:?}", rest.escape_ascii().to_string());
    }

    async fn opens_data(&mut self) {
        self.says("MAIL FROM:<a@x.org>\r\n", "250 ").await;
        self.says("RCPT TO:<b@x.org>\r\n", "250 ").await;
        self.says("DATA\r\n", "354 ").await;
    }
}

#[tokio::test]
async fn connections_are_counted_in_total_and_by_client() {
    let house = open(Options {
        connections: 3,
        connections_per_client: 2,
        ..Options::default()
    })
    .await;
    let first = Client::greeted(&house).await;
    let _second = Client::greeted(&house).await;
    let mut third = Client::connect(&house).await;
    third
        .hears("421 4.7.0 mx.test Too many connections from you")
        .await;
    third.is_closed().await;
    assert_eq!(house.sink.refused.lock().len(), 1);
    drop(first);
    // The place is given back once the door has seen the end.
    for attempt in 0.. {
        let mut again = Client::connect(&house).await;
        if again.line().await.starts_with("220 ") {
            break;
        }
        assert!(attempt < 1000, "the place was not given back");
        tokio::task::yield_now().await;
    }

    let full = open(Options {
        connections: 1,
        ..Options::default()
    })
    .await;
    let _only = Client::greeted(&full).await;
    let mut second = Client::connect(&full).await;
    second
        .hears("421 4.7.0 mx.test Too many connections, ")
        .await;
    second.is_closed().await;
}

#[tokio::test]
async fn front_relays_speak_the_proxy_protocol() {
    let house = open(Options {
        proxy_protocol_from: vec!["127.0.0.0/8".parse().expect("network")],
        xclient_from: vec!["192.0.2.7".parse().expect("network")],
        connections_per_client: 1,
        ..Options::default()
    })
    .await;
    let mut version_2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c".to_vec();
    version_2.extend([192, 0, 2, 8, 192, 0, 2, 1, 0, 5, 0, 25]);
    for (header, want) in [
        (
            b"PROXY TCP4 192.0.2.7 192.0.2.1 5 25\r\n".to_vec(),
            "192.0.2.7",
        ),
        (version_2, "192.0.2.8"),
    ] {
        let mut client = Client::connect(&house).await;
        // The header may come in pieces, and with a command behind it.
        let (head, tail) = header.split_at(9);
        client.send(head).await;
        client.send([tail, b"HELO c\r\n"].concat()).await;
        client.hears("220 ").await;
        client.hears("250 ").await;
        client.opens_data().await;
        client.says(".\r\n", "250 ").await;
        let mail = house.sink.got.lock().pop().expect("mail");
        assert_eq!(mail.envelope.peer.address.to_string(), want);
        let xclient = if want == "192.0.2.7" {
            "220 "
        } else {
            "550 5.7.0 "
        };
        client.says("XCLIENT NAME=x\r\n", xclient).await;
        client.says("QUIT\r\n", "221 ").await;
        client.is_closed().await;
    }
    let mut bare = Client::connect(&house).await;
    bare.send("EHLO c\r\n").await;
    bare.is_closed().await;
}

#[tokio::test]
async fn who_speaks_before_the_greeting_is_told_to_come_again() {
    let house = open(Options {
        proxy_protocol_from: vec!["127.0.0.0/8".parse().expect("network")],
        greet_pause: Span(Duration::from_millis(300)),
        ..Options::default()
    })
    .await;
    let header = "PROXY TCP4 192.0.2.7 192.0.2.1 5 25\r\n";
    let mut hasty = Client::connect(&house).await;
    hasty
        .send(format!("{header}EHLO c\r\nMAIL FROM:<>\r\n"))
        .await;
    hasty.hears("421 4.7.0 ").await;
    hasty.is_closed().await;
    let mut hasty = Client::connect(&house).await;
    hasty.send(header).await;
    hasty.send("EHLO c\r\n").await;
    hasty.hears("421 4.7.0 ").await;
    hasty.is_closed().await;
    assert_eq!(house.sink.refused.lock().len(), 2, "it is in the log");
    let mut patient = Client::connect(&house).await;
    patient.send(header).await;
    patient.hears("220 ").await;
    patient.says("EHLO c\r\n", "250").await;
}

#[tokio::test]
async fn slow_clients_are_let_go() {
    let short = Span(Duration::from_millis(50));
    let command = open(Options {
        command_time: short,
        ..Options::default()
    })
    .await;
    let mut idle = Client::connect(&command).await;
    idle.hears("220 ").await;
    idle.hears("421 4.4.2 ").await;
    idle.is_closed().await;

    let data = open(Options {
        data_time: short,
        ..Options::default()
    })
    .await;
    let mut slow = Client::greeted(&data).await;
    slow.opens_data().await;
    slow.send("Subject: never ending\r\n").await;
    slow.hears("421 4.4.2 ").await;
    slow.is_closed().await;
    assert!(data.sink.got.lock().is_empty());

    let session = open(Options {
        session_time: short,
        ..Options::default()
    })
    .await;
    let mut patient = Client::connect(&session).await;
    patient.hears("220 ").await;
    patient.hears("421 4.4.2 ").await;
}

#[tokio::test]
async fn when_the_daemon_stops_messages_under_way_may_end() {
    let house = open(Options::default()).await;
    let mut idle = Client::greeted(&house).await;
    let mut busy = Client::greeted(&house).await;
    busy.opens_data().await;
    busy.send("Subject: x\r\n\r\nhalf").await;
    house.closer.close();
    idle.hears("421 4.3.2 ").await;
    idle.is_closed().await;
    busy.says(" and whole\r\n.\r\n", "250 2.0.0 Taken").await;
    busy.hears("421 4.3.2 ").await;
    busy.is_closed().await;
    timeout(PATIENCE, house.serving)
        .await
        .expect("in time")
        .expect("no panic");
    assert!(TcpStream::connect(&house.place).await.is_err());
}

#[tokio::test]
async fn the_grace_time_ends() {
    let house = open(Options {
        grace_time: Span(Duration::from_millis(50)),
        ..Options::default()
    })
    .await;
    let mut busy = Client::greeted(&house).await;
    busy.opens_data().await;
    house.closer.close();
    timeout(PATIENCE, house.serving)
        .await
        .expect("in time")
        .expect("no panic");
    busy.is_closed().await;
}

#[tokio::test]
async fn a_fault_ends_one_session_only() {
    let house = open(Options::default()).await;
    let mut other = Client::greeted(&house).await;
    let mut hit = Client::greeted(&house).await;
    hit.says("MAIL FROM:<a@x.org>\r\n", "250 ").await;
    hit.send("RCPT TO:<panic@x.org>\r\n").await;
    hit.is_closed().await;
    other.opens_data().await;
    other.says("x\r\n.\r\n", "250 ").await;
    let _new = Client::greeted(&house).await;
}

#[tokio::test]
async fn the_memory_of_all_mail_in_flight_is_bounded() {
    let house = open(Options::default()).await;
    let line = format!("{}\r\n", "x".repeat(998));
    let mut first = Client::greeted(&house).await;
    first.opens_data().await;
    first.send(line.repeat(40)).await;
    let mut second = Client::greeted(&house).await;
    second
        .says("MAIL FROM:<a@x.org> SIZE=200000\r\n", "452 4.3.1 ")
        .await;
    second.opens_data().await;
    second.send(line.repeat(200)).await;
    second.says(".\r\n", "452 4.3.1 ").await;
    first.says(".\r\n", "250 ").await;
    house.sink.got.lock().clear();
    assert_eq!(house.budget.left(), 100_000, "the budget leaks");
    second.opens_data().await;
    second.says("x\r\n.\r\n", "250 ").await;
    assert_eq!(house.sink.refused.lock().len(), 2);
}

#[tokio::test]
async fn floods_get_a_reply_and_the_door_stays_open() {
    let house = open(Options {
        message_size: Octets(64 * 1024),
        ..Options::default()
    })
    .await;
    let mut client = Client::greeted(&house).await;
    client.send(vec![b'a'; 3_000_000]).await;
    client.says("\r\n", "500 5.5.2 ").await;
    client.opens_data().await;
    client.send("\r\n".repeat(500_000)).await;
    client.says(".\r\n", "552 5.3.4 ").await;
    client.send("\0\u{fffd}\n".repeat(1000)).await;
    for _ in 0..8 {
        client.hears("550 5.6.11 ").await;
    }
    client.hears("421 4.7.0 ").await;
    client.is_closed().await;
    Client::greeted(&house).await.opens_data().await;
}

#[tokio::test]
async fn replies_to_pipelined_commands_leave_together() {
    let house = open(Options::default()).await;
    let mut client = Client::greeted(&house).await;
    client
        .send("MAIL FROM:<a@x.org>\r\nRCPT TO:<b@x.org>\r\nNOOP\r\nDATA\r\n")
        .await;
    client.hears("250 2.1.0 ").await;
    // All that was written at once is in the reader's buffer by now.
    let buffered = String::from_utf8_lossy(client.0.buffer()).into_owned();
    assert_eq!(buffered.lines().count(), 3, "{buffered:?}");
}

#[tokio::test]
async fn new_options_are_for_new_connections() {
    let sink = Arc::new(Sink::default());
    let setup = Setup {
        hostname: "mx.test".to_owned(),
        direction: Direction::Outbound,
        protocol: Protocol::Smtp,
        options: Options::default(),
        tls: false,
        budget: Budget::new(1),
        clock: Clock::system(),
    };
    let door = Door::new(setup, None, sink);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
    let place = listener.local_addr().expect("address");
    let (_closer, closing) = closing();
    tokio::spawn(door.clone().serve(listener, closing));
    door.set_options(Options {
        errors: 1,
        ..Options::default()
    });
    let mut client = Client(BufReader::new(
        TcpStream::connect(place).await.expect("stream"),
    ));
    client.hears("220 ").await;
    client.says("nonsense\r\n", "421 4.7.0 ").await;
}

/// Writes nothing down, ever; counts who waits for it.
#[derive(Default)]
struct Stuck(std::sync::atomic::AtomicUsize);

#[async_trait]
impl Reception for Stuck {
    async fn recipient(&self, _: &Envelope, _: &Address) -> Result<(), Reply> {
        Ok(())
    }

    async fn message(&self, _: Mail, _: Replies) -> Answer {
        Answer::One(Reply::new(250, 0, 0, "Taken"))
    }

    async fn not_accepted(&self, _: &Refused) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        std::future::pending().await
    }
}

#[tokio::test]
async fn refusals_come_no_faster_than_they_are_written_down() {
    let stuck = Arc::new(Stuck::default());
    let setup = Setup {
        hostname: "mx.test".to_owned(),
        direction: Direction::Inbound,
        protocol: Protocol::Smtp,
        options: Options::default(),
        tls: false,
        budget: Budget::new(1),
        clock: Clock::system(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
    let place = listener.local_addr().expect("address");
    let (_closer, closing) = closing();
    tokio::spawn(Door::new(setup, None, stuck.clone()).serve(listener, closing));
    let stream = TcpStream::connect(place).await.expect("stream");
    let mut client = Client(BufReader::new(stream));
    client.hears("220 ").await;
    client.says("HELO c\r\n", "250 ").await;
    client
        .send("MAIL FROM:<a@x.org> SIZE=99999999999\r\n".repeat(100))
        .await;
    let read = timeout(Duration::from_millis(300), client.line());
    assert!(read.await.is_err(), "an answer before it was written down");
    assert_eq!(stuck.0.load(std::sync::atomic::Ordering::Relaxed), 1);
}

//! The ways of mail through the milter door, on the store in memory: front relays that speak the
//! protocol over sockets, and released mail that comes back through one.

mod house;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use house::{House, address, door, principal, text};
use quaranta::actions::Action;
use quaranta::inspect::Panel;
use quaranta::intake::{self, Intake};
use quaranta::mail::{Budget, EntryId, Mail};
use quaranta::milter::frame::{self, Frames};
use quaranta::milter::{Door, Options, Setup};
use quaranta::net::listen::{Closer, closing};
use quaranta::net::socket::{Bound, Socket};
use quaranta::options::Span;
use quaranta::policy::Findings;
use quaranta::record::State;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

const MEMORY: usize = 1 << 20;

/// The milter side of a front relay.
struct Front<S>(S);

impl<S: AsyncRead + AsyncWrite + Unpin> Front<S> {
    async fn send(&mut self, code: u8, data: &[u8]) {
        let mut out = Vec::new();
        frame::write(&mut out, code, &[data]);
        self.0.write_all(&out).await.expect("sent");
    }

    /// The next frame as its code and its text; `None` if the connection is closed.
    async fn next(&mut self) -> Option<(u8, String)> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).await.ok()?;
        let mut octets = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut octets).await.ok()?;
        let whole = [&length[..], &octets].concat();
        let frame = Frames::default().next(&mut &whole[..]).expect("frame");
        let frame = frame.expect("a whole frame");
        Some((
            frame.code,
            String::from_utf8_lossy(&frame.data).into_owned(),
        ))
    }

    /// Negotiates, and names a client.
    async fn begin(&mut self) {
        let offer = [6_u32, 0xff, 0x1f_ffff].map(u32::to_be_bytes).concat();
        self.send(b'O', &offer).await;
        assert_eq!(self.next().await.expect("terms").0, b'O');
        self.send(b'C', b"remote.test\x004\0\x19192.0.2.7\0").await;
    }

    /// MAIL to the end of the message, without waiting for what is said then.
    async fn message(&mut self, to: &[&str], text: &str) {
        self.send(b'M', b"<sender@remote.test>\0").await;
        for to in to {
            self.send(b'R', format!("<{to}>\0").as_bytes()).await;
            assert_eq!(self.next().await.expect("a reply").0, b'c');
        }
        let (header, body) = text.split_once("\r\n\r\n").expect("a body");
        for field in header.split("\r\n") {
            let (name, value) = field.split_once(':').expect("a field");
            self.send(b'L', format!("{name}\0{value}\0").as_bytes())
                .await;
        }
        self.send(b'B', body.as_bytes()).await;
        self.send(b'E', b"").await;
    }

    /// All that is said up to the last word about the message, without numbers.
    async fn words(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let (code, text) = self.next().await.expect("a word");
            let text = text.trim_matches('\0').replace('\0', "|");
            all.push(format!("{} {text}", char::from(code)));
            if b"acdrtyf".contains(&code) {
                return all;
            }
        }
    }

    async fn tell(&mut self, to: &[&str], text: &str) -> Vec<String> {
        self.message(to, text).await;
        self.words().await
    }
}

/// A door of this intake, on a free port.
async fn open(
    intake: &Intake,
    house: &House,
    options: Options,
) -> (Socket, Closer, JoinHandle<()>) {
    let at = options.listen.first().cloned();
    let at = at.unwrap_or_else(|| "127.0.0.1:0".parse().expect("a place"));
    let setup = Setup {
        options,
        budget: Budget::new(MEMORY),
        clock: house.clock.clone(),
    };
    let listener = Bound::bind(&at, 0o600).await.expect("bound");
    let at = listener.at().expect("a place");
    let (closer, closing) = closing();
    let door = Door::new(setup, intake);
    (at, closer, tokio::spawn(door.serve(listener, closing)))
}

async fn come(at: &Socket) -> Front<TcpStream> {
    let Socket::Tcp(address) = at else {
        panic!("no port")
    };
    let mut front = Front(TcpStream::connect(address).await.expect("connected"));
    front.begin().await;
    front
}

#[tokio::test]
async fn se01_se03_recipients_are_taken_off_and_the_strictest_marks_win() {
    let house = House::new().await;
    let (at, _closer, _task) = open(&house.intake, &house, Options::default()).await;
    let mut front = come(&at).await;
    let spam = text("XJUNK");
    let said = front.tell(&["alice@example.org"], &spam).await;
    assert!(
        said[0].starts_with("y 550 5.7.1 The message looks like spam"),
        "{said:?}"
    );
    assert_eq!(said.len(), 1, "no edits with a refusal: {said:?}");

    let three = [
        "bob@example.org",
        "alice@tag.example.org",
        "eve@elsewhere.test",
    ];
    let said = front.tell(&three, &spam).await;
    assert_eq!(said[0], "m \u{1}Subject| [SPAM] a subject");
    assert!(said.contains(&"i X-Spam-Flag| YES".to_owned()), "{said:?}");
    assert!(
        !said.iter().any(|word| word.contains("Received")),
        "{said:?}"
    );
    assert!(said.contains(&"- <bob@example.org>".to_owned()), "{said:?}");
    assert_eq!(said.iter().filter(|word| word.starts_with('-')).count(), 1);
    assert_eq!(said.last().map(String::as_str), Some("a "));
    assert_eq!(house.caught("example.org").await.len(), 2);
    assert!(house.carrying.destination.delivered.lock().is_empty());
    assert_eq!(
        house.log().await,
        ["quarantined", "quarantined", "tagged", "accepted"]
    );

    let said = front.tell(&["eve@elsewhere.test"], &spam).await;
    assert_eq!(said, ["a "], "nobody of ours: let by unseen");
}

#[tokio::test]
async fn xx01_a_mode_that_keeps_no_copy_is_no_loss_among_others() {
    let house = House::new().await;
    let refuse = quaranta::policy::Layer {
        mode: Some(quaranta::policy::Mode::Refuse),
        ..Default::default()
    };
    house.set("bob@example.org", refuse).await;
    let (at, _closer, _task) = open(&house.intake, &house, Options::default()).await;
    let mut front = come(&at).await;
    let said = front.tell(&["bob@example.org"], &text("XJUNK")).await;
    assert!(said[0].starts_with("y 550"), "{said:?}");
    assert!(house.caught("global").await.is_empty());
    let both = ["bob@example.org", "eve@elsewhere.test"];
    let said = front.tell(&both, &text("XJUNK")).await;
    assert_eq!(said.last().map(String::as_str), Some("a "));
    assert!(said.contains(&"- <bob@example.org>".to_owned()), "{said:?}");
    assert_eq!(house.caught("bob@example.org").await.len(), 1);
}

#[tokio::test]
async fn se01_a_relay_that_dies_before_the_reply_changes_nothing_and_a_retry_stashes_once() {
    let house = House::new().await;
    let (at, _closer, _task) = open(&house.intake, &house, Options::default()).await;
    for _retry in 0..2 {
        let mut front = come(&at).await;
        front.message(&["alice@example.org"], &text("XJUNK")).await;
        drop(front);
    }
    let mut front = come(&at).await;
    let said = front.tell(&["alice@example.org"], &text("XJUNK")).await;
    assert!(said[0].starts_with("y 550"), "{said:?}");
    assert_eq!(house.caught("global").await.len(), 1);
}

#[tokio::test]
async fn a_unix_socket_closes_when_idle_and_lets_an_open_message_end() {
    let house = House::new().await;
    let dir = tempfile::tempdir().expect("folder");
    let path = dir.path().join("milter.sock");
    let options = Options {
        listen: vec![Socket::Unix(path.clone())],
        ..Options::default()
    };
    let (_, closer, task) = open(&house.intake, &house, options).await;
    let mut idle = Front(UnixStream::connect(&path).await.expect("connected"));
    let mut busy = Front(UnixStream::connect(&path).await.expect("connected"));
    idle.begin().await;
    busy.begin().await;
    busy.send(b'M', b"<sender@remote.test>\0").await;
    busy.send(b'R', b"<alice@example.org>\0").await;
    assert_eq!(busy.next().await.expect("a reply").0, b'c');
    closer.close();
    assert_eq!(idle.next().await, None, "nothing is open there");
    busy.send(b'L', b"Subject\0 x\0").await;
    busy.send(b'E', b"XJUNK\r\n").await;
    let said = busy.words().await;
    assert!(said[0].starts_with("y 550"), "{said:?}");
    assert_eq!(busy.next().await, None);
    task.await.expect("the door closed");
}

#[tokio::test]
async fn connections_are_bounded() {
    let house = House::new().await;
    let options = Options {
        connections: 1,
        ..Options::default()
    };
    let (at, _closer, _task) = open(&house.intake, &house, options).await;
    let first = come(&at).await;
    let Socket::Tcp(address) = at else {
        panic!("no port")
    };
    let mut second = Front(TcpStream::connect(address).await.expect("connected"));
    assert_eq!(second.next().await, None);
    drop(first);
}

/// Thinks until it is told to end.
struct SlowPanel(Arc<Semaphore>);

#[async_trait]
impl Panel for SlowPanel {
    async fn inspect(&self, _mail: &Mail) -> Findings {
        let _ended = self.0.acquire().await;
        Findings::default()
    }

    async fn inspect_released(&self, mail: &Mail) -> Findings {
        self.inspect(mail).await
    }
}

#[tokio::test]
async fn a_relay_that_waits_hears_of_progress() {
    let house = House::new().await;
    let end = Arc::new(Semaphore::new(0));
    let slow = Intake::new(intake::Parts {
        store: house.store.clone(),
        desk: house.desk.clone(),
        panel: Arc::new(SlowPanel(end.clone())),
        callout: house.carrying.clone(),
        clock: house.clock.clone(),
        hostname: "mx.example.org".to_owned(),
        options: intake::Options::default(),
        greylist: quaranta::intake::greylist::Options::default(),
    });
    let options = Options {
        progress_every: Span(Duration::from_millis(20)),
        ..Options::default()
    };
    let (at, _closer, _task) = open(&slow, &house, options).await;
    let mut front = come(&at).await;
    front.message(&["alice@example.org"], &text("hello")).await;
    for _ in 0..3 {
        assert_eq!(front.next().await.expect("a word").0, b'p');
    }
    end.add_permits(1);
    let said = front.words().await;
    assert_eq!(said.last().map(String::as_str), Some("a "));
}

/// A house with a front relay that asks us, and alice's spam on its way out.
async fn leaving(codes: &[u16]) -> (House, EntryId) {
    let house = House::new().await;
    *house.carrying.front.lock() = Some(codes.iter().copied().collect());
    house.send("alice@example.org", "XJUNK").await;
    let id = house.caught("global").await[0];
    let released = Action::Release;
    let by = principal("alice@example.org");
    house
        .desk
        .perform(&by, &released, id, &door())
        .await
        .expect("release");
    (house, id)
}

const RETRY: Duration = Duration::from_secs(30);
const CONFIRM: Duration = Duration::from_secs(4 * 3600);

#[tokio::test]
async fn sy01_sy04_a_release_is_delivered_when_the_front_relay_says_that_it_has_it() {
    let (house, id) = leaving(&[]).await;
    assert_eq!(house.deliver().await, 1);
    assert_eq!(house.state(id).await, State::Released);
    let got = house.carrying.destination.got("alice@example.org");
    assert_eq!(
        got,
        [text("XJUNK")],
        "once, and without a trace of the token"
    );
    let all = house
        .desk
        .history(&principal("global"), id)
        .await
        .expect("history");
    let last = all.last().expect("an event");
    assert_eq!(
        last.words, "250 2.0.0 queued as Q1",
        "the relay's own words"
    );
    assert_eq!(house.deliver().await, 0);
}

#[tokio::test]
async fn sy07_a_front_relay_that_dies_after_our_yes_gets_it_again_and_the_mail_arrives_once() {
    let (house, id) = leaving(&[451, 451]).await;
    for _try in 0..2 {
        assert_eq!(house.deliver().await, 1);
        assert_eq!(house.state(id).await, State::Leaving, "nobody has it yet");
        assert!(house.carrying.destination.delivered.lock().is_empty());
        house.clock.forward(RETRY * 4);
    }
    house.deliver().await;
    assert_eq!(house.state(id).await, State::Released);
    assert_eq!(house.carrying.destination.got("alice@example.org").len(), 1);
    let tokens = house.carrying.reinserted.lock();
    assert_eq!(tokens.len(), 3);
    assert!(tokens[0].1 != tokens[1].1, "a fresh token each time");
}

#[tokio::test]
async fn sy07_a_mark_of_an_earlier_try_proves_nothing() {
    let (house, id) = leaving(&[451]).await;
    house.deliver().await;
    house.clock.forward(RETRY);
    // Now a relay takes it that does not ask us, and loses it.
    *house.carrying.swallow.lock() = true;
    assert_eq!(house.deliver().await, 1);
    assert_eq!(house.state(id).await, State::Leaving);
    house.clock.forward(CONFIRM);
    assert_eq!(house.deliver().await, 1);
    assert_eq!(house.state(id).await, State::Held, "it is shown again");
    assert!(house.carrying.destination.delivered.lock().is_empty());
}

#[tokio::test]
async fn sy02_a_relay_in_between_may_retry_and_a_replay_afterwards_is_caught() {
    let (house, id) = leaving(&[]).await;
    *house.carrying.swallow.lock() = true;
    assert_eq!(house.deliver().await, 1);
    let (to, queued) = house.carrying.reinserted.lock()[0].clone();
    let from = Some(address("sender@remote.test"));
    // The relay hands it to the front relay, which dies once before it has it.
    for (code, copies) in [(451, 0), (250, 1)] {
        let said = house
            .carrying
            .at_front(from.clone(), &to, &queued, code)
            .await;
        assert_eq!(said.code, code);
        assert_eq!(
            house.carrying.destination.got("alice@example.org").len(),
            copies
        );
        assert_eq!(house.state(id).await, State::Leaving);
    }
    house.clock.forward(CONFIRM);
    assert_eq!(house.deliver().await, 1);
    assert_eq!(house.state(id).await, State::Released);
    let replay = house.carrying.at_front(from, &to, &queued, 250).await;
    assert_eq!(replay.code, 550, "SY-03");
    assert_eq!(house.carrying.destination.got("alice@example.org").len(), 1);
}

#[tokio::test]
async fn sy01_released_malware_returns_and_the_front_relay_throws_its_copy_away() {
    let house = House::new().await;
    *house.carrying.front.lock() = Some(Default::default());
    house.send("alice@example.org", "XJUNK XLATE").await;
    let id = house.caught("global").await[0];
    let by = principal("global");
    house
        .desk
        .perform(&by, &Action::Release, id, &door())
        .await
        .expect("release");
    assert_eq!(house.deliver().await, 1);
    assert_eq!(house.state(id).await, State::Held);
    assert!(house.carrying.destination.delivered.lock().is_empty());
    // By the protocol: the positive answer with nothing left is DISCARD.
    house
        .desk
        .perform(&by, &Action::Release, id, &door())
        .await
        .expect("release");
    *house.carrying.swallow.lock() = true;
    house.deliver().await;
    let (_, queued) = house.carrying.reinserted.lock()[1].clone();
    let (at, _closer, _task) = open(&house.intake, &house, Options::default()).await;
    let said = come(&at).await.tell(&["alice@example.org"], &queued).await;
    assert_eq!(said, ["d "]);
}

#[tokio::test]
async fn se18_released_outgoing_mail_passes_by_the_milter_without_its_token() {
    let house = House::new().await;
    let (to, from) = ("eve@elsewhere.test", "alice@example.org");
    assert_eq!(house.send_out(None, from, to, "XJUNK").await.code, 550);
    let id = house.caught_outgoing(from).await[0];
    house
        .desk
        .perform(&principal("global"), &Action::Release, id, &door())
        .await
        .expect("release");
    *house.carrying.swallow.lock() = true;
    house.deliver().await;
    let (_, queued) = house.carrying.reinserted.lock()[0].clone();
    let (at, _closer, _task) = open(&house.intake, &house, Options::default()).await;
    let said = come(&at).await.tell(&[to], &queued).await;
    assert_eq!(said, ["m \u{1}X-Quaranta-Reinsertion", "a "]);
    house.clock.forward(CONFIRM);
    house.deliver().await;
    assert_eq!(house.state(id).await, State::Released);
    // A forged one is stripped, too, and lets nothing pass.
    let forged = format!("X-Quaranta-Reinsertion: v1; x\r\n{}", text("hello"));
    let said = come(&at).await.tell(&[to], &forged).await;
    assert_eq!(said, ["m \u{1}X-Quaranta-Reinsertion", "a "]);
}

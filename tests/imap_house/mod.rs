//! A small quarantine behind an IMAP door, and a client that speaks line by line.
#![allow(dead_code, unreachable_pub)] // Each test uses a part.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use quaranta::accounts::{self, Login, hash_password};
use quaranta::actions::Desk;
use quaranta::clock::{Clock, Timestamp};
use quaranta::imap::{Door, Io, Opening, Options};
use quaranta::mail::{
    Address, BodyType, Budget, Direction, EntryId, Envelope, Mail, Message, Peer,
};
use quaranta::net::tls::{self, ServerTls};
use quaranta::policy::{Class, Finding, Verdict};
use quaranta::record::{self, Account, Entry, Event, Shelf, State, Status};
use quaranta::store::{Store, in_memory};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;

pub const PASSWORD: &str = "correct horse";
pub const START: Timestamp = Timestamp(1_795_255_200_000);
/// Nothing in a test takes this long; it only ends one that hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);
pub const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub struct House {
    pub store: Store,
    pub desk: Desk,
    pub door: Door,
    pub clock: Clock,
    pub budget: Budget,
    pub dir: tempfile::TempDir,
    pub shutdown: watch::Sender<bool>,
}

pub fn address(text: &str) -> Address {
    text.parse().expect("address")
}

impl House {
    pub async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        let clock = Clock::by_hand(START);
        let store = in_memory::open(clock.clone());
        let hash = hash_password(PASSWORD).expect("hash");
        for scope in [
            "global",
            "example.org",
            "other.org",
            "alice@example.org",
            "bob@example.org",
        ] {
            let account = Account::new(scope.parse().expect("scope"), hash.clone(), START);
            let event = Event::new(
                START,
                Status::Changed,
                "test",
                record::Door::new("test", ""),
            );
            let set = store.settings.set_account(account, event);
            set.await.expect("account");
        }
        let desk = Desk::new(store.clone(), clock.clone());
        let login = Login::new(
            store.settings.clone(),
            store.journal.clone(),
            clock.clone(),
            accounts::Options::default(),
        );
        let dir = tempfile::tempdir().expect("dir");
        let tls = ServerTls::open(&tls::Options::default(), dir.path(), "localhost").expect("tls");
        let budget = Budget::new(100 << 20);
        let door = Door::new(
            options,
            desk.clone(),
            login,
            tls,
            clock.clone(),
            budget.clone(),
            "mx.example.org",
        );
        Self {
            store,
            desk,
            door,
            clock,
            budget,
            dir,
            shutdown: watch::Sender::new(false),
        }
    }

    /// Puts a message into the quarantine for `owner`.
    pub async fn stash(&self, owner: &str, text: impl Into<Vec<u8>>) -> EntryId {
        self.stash_as(owner, text, |_| {}).await
    }

    /// The same, with the entry changed before.
    pub async fn stash_as(
        &self,
        owner: &str,
        text: impl Into<Vec<u8>>,
        change: impl FnOnce(&mut Entry),
    ) -> EntryId {
        let owner = address(owner);
        let envelope = Envelope {
            peer: Peer::new(HERE),
            direction: Direction::Inbound,
            from: Some(address("sender@spam.example")),
            to: vec![owner.clone()],
            body: BodyType::EightBitMime,
            smtputf8: false,
        };
        let now = self.clock.now();
        let message = Message::new(text.into(), None).expect("message");
        let size = message.size();
        let mail = Mail::new(envelope, message, now.day());
        let id = EntryId::of(mail.id, &owner);
        let mut entry = Entry {
            id,
            mail: mail.id,
            to: vec![owner.clone()],
            owner,
            from: Some(address("sender@spam.example")),
            direction: Direction::Inbound,
            shelf: Shelf::Caught,
            state: State::Held,
            verdict: Verdict {
                class: Class::Spam,
                score: 7.5,
                because: vec![Finding::seen("GTUBE", 7.5, "holds the test pattern")],
            },
            arrived: now,
            expires: now.after_days(14),
            uid: 0,
            size,
            subject: "Hello".into(),
            author: "sender@spam.example".into(),
            author_name: String::new(),
            client: "192.0.2.1".into(),
            failed: None,
            leaves: None,
            requested: None,
            aligned: false,
            writable: false,
            marked: false,
        };
        change(&mut entry);
        let event = Event::new(
            now,
            Status::Quarantined,
            "test",
            record::Door::new("smtp", HERE),
        );
        let kept = self.store.entries.stash(&mail, vec![entry], event).await;
        kept.expect("stashed");
        id
    }

    pub async fn state(&self, id: EntryId) -> State {
        let entry = self.store.entries.entry(id).await.expect("store");
        entry.expect("entry").state
    }

    /// Releases owed.
    pub async fn jobs(&self) -> usize {
        self.store.jobs.jobs(10_000).await.expect("jobs").len()
    }

    /// A client on a protected stream within the process.
    pub async fn connect(&self) -> Client {
        self.connect_as(Opening::Secured).await
    }

    pub async fn connect_as(&self, opening: Opening) -> Client {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let visit = self
            .door
            .visit(theirs, HERE, opening, self.shutdown.subscribe());
        tokio::spawn(visit);
        Client::new(ours)
    }

    /// A client that is signed in.
    pub async fn sign_in(&self, who: &str) -> Client {
        let mut client = self.connect().await;
        client.line().await;
        let login = format!("LOGIN {who} \"{PASSWORD}\"");
        client.ok(&login).await;
        client
    }

    /// Serves on loopback ports; the first with TLS, the second with STARTTLS.
    pub async fn serve(&self) -> (SocketAddr, SocketAddr) {
        let listener = || async {
            let listener = TcpListener::bind((HERE, 0)).await.expect("port");
            let address = listener.local_addr().expect("address");
            (listener, address)
        };
        let (tls, tls_at) = listener().await;
        let (plain, plain_at) = listener().await;
        let listeners = vec![(tls, Opening::Tls), (plain, Opening::StartTls)];
        let serve = self
            .door
            .clone()
            .serve(listeners, self.shutdown.subscribe());
        tokio::spawn(serve);
        (tls_at, plain_at)
    }
}

/// Speaks IMAP line by line; literals are part of the line they stand in.
pub struct Client {
    io: Box<dyn Io>,
    read: Vec<u8>,
    tag: usize,
}

impl Client {
    pub fn new(io: impl Io + 'static) -> Self {
        Self {
            io: Box::new(io),
            read: Vec::new(),
            tag: 0,
        }
    }

    pub async fn send(&mut self, octets: &[u8]) {
        let sent = tokio::time::timeout(PATIENCE, self.io.write_all(octets)).await;
        sent.expect("the server does not read").expect("sent");
        self.io.flush().await.expect("flushed");
    }

    /// Sends, and does not mind if the server has closed.
    pub async fn try_send(&mut self, octets: &[u8]) {
        let _ = tokio::time::timeout(PATIENCE, self.io.write_all(octets)).await;
    }

    async fn more(&mut self) -> bool {
        let mut octets = vec![0; 16 * 1024];
        let got = tokio::time::timeout(PATIENCE, self.io.read(&mut octets)).await;
        match got.expect("the server is silent") {
            Ok(0) | Err(_) => false,
            Ok(size) => {
                self.read.extend_from_slice(&octets[..size]);
                true
            }
        }
    }

    /// The next line without its CRLF, octets of literals included; `None` at the end.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        let mut from = 0;
        loop {
            if let Some(end) = self.read[from..].windows(2).position(|w| w == b"\r\n") {
                let end = from + end;
                if let Some(size) = literal(&self.read[from..end]) {
                    while self.read.len() < end + 2 + size {
                        if !self.more().await {
                            return None;
                        }
                    }
                    from = end + 2 + size;
                    continue;
                }
                let rest = self.read.split_off(end + 2);
                let mut line = std::mem::replace(&mut self.read, rest);
                line.truncate(end);
                return Some(line);
            }
            if !self.more().await {
                return None;
            }
        }
    }

    pub async fn line(&mut self) -> String {
        let line = self.next().await.expect("a line, but the server closed");
        String::from_utf8_lossy(&line).into_owned()
    }

    /// Sends a command and returns all lines up to its end; the last is the tagged one, without its tag.
    pub async fn ask(&mut self, command: &str) -> Vec<String> {
        self.tag += 1;
        let tag = format!("t{} ", self.tag);
        self.send(format!("{tag}{command}\r\n").as_bytes()).await;
        self.rest(&tag).await
    }

    async fn rest(&mut self, tag: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await;
            match line.strip_prefix(tag) {
                Some(end) => {
                    lines.push(end.to_owned());
                    return lines;
                }
                None => lines.push(line),
            }
        }
    }

    /// The same for a command that must succeed; returns the untagged lines.
    pub async fn ok(&mut self, command: &str) -> Vec<String> {
        let mut lines = self.ask(command).await;
        let end = lines.pop().expect("an end");
        assert!(end.starts_with("OK"), "{command}: {end}");
        lines
    }

    /// The same for a command that must be refused; returns the tagged line.
    pub async fn no(&mut self, command: &str) -> String {
        let end = self.ask(command).await.pop().expect("an end");
        assert!(end.starts_with("NO"), "{command}: {end}");
        end
    }
}

fn literal(line: &[u8]) -> Option<usize> {
    let inner = line.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|b| *b == b'{')?;
    std::str::from_utf8(&inner[open + 1..]).ok()?.parse().ok()
}

/// A message of some lines.
pub fn plain(subject: &str) -> String {
    format!(
        "From: Sender <sender@spam.example>\r\nTo: alice@example.org\r\nSubject: {subject}\r\n\
         Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{subject}@spam.example>\r\n\r\n\
         The text of {subject}.\r\n"
    )
}

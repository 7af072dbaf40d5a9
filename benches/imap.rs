//! IMAP on a large folder: processor time of listings, memory of idle connections, and how
//! soon IDLE tells, over a store on disk.
//!
//! `cargo bench --bench imap -- [DIR] [MESSAGES]`; 100,000 messages by default.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use quaranta::accounts::{self, Login, hash_password};
use quaranta::actions::Desk;
use quaranta::clock::{Clock, Timestamp};
use quaranta::imap::{Door, Opening, Options};
use quaranta::mail::{
    Address, BodyType, Budget, Direction, EntryId, Envelope, Mail, Message, Peer,
};
use quaranta::net::tls::{self, ServerTls};
use quaranta::policy::{Class, Finding, Verdict};
use quaranta::record::{self, Account, Entry, Event, Shelf, State, Status};
use quaranta::store::{self, Store, on_sled};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::watch;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PASSWORD: &str = "correct horse";
const OWNER: &str = "alice@example.org";
/// Senders that fill the store.
const SENDERS: usize = 256;
/// Connections whose memory is measured.
const IDLE: usize = 1000;

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let dir = words.first().map_or_else(std::env::temp_dir, PathBuf::from);
    let count = words.get(1).and_then(|word| word.parse().ok());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let place = tempfile::tempdir_in(dir)?;
    runtime.block_on(measure(place.path(), count.unwrap_or(100_000)))
}

async fn measure(place: &Path, count: u64) -> io::Result<()> {
    let mut out = io::stdout();
    let clock = Clock::system();
    let options = store::Options::default();
    let opened = on_sled::open(&place.join("store"), &options, clock.clone());
    let (store, handle) = opened.expect("a store on this disk");
    let (start, before) = (Instant::now(), cpu());
    fill(&store, count).await;
    let per = (cpu() - before) * 1000.0 / count as f64;
    let took = start.elapsed().as_secs_f64();
    writeln!(out, "filled in {took:.1} s, {per:.3} ms of CPU a message")?;
    let door = door(&store, clock, place).await;
    let shutdown = watch::Sender::new(false);

    writeln!(
        out,
        "command                                  CPU s   time s   octets"
    )?;
    let listings = [
        "UID FETCH 1:* (FLAGS)",
        "UID FETCH 1:* (FLAGS)",
        "UID FETCH 1:* (ENVELOPE INTERNALDATE RFC822.SIZE)",
        "UID FETCH 1:* (ENVELOPE INTERNALDATE RFC822.SIZE)",
        "UID FETCH 1:* (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Subject Date)])",
        "UID STORE 1:* +FLAGS.SILENT (\\Seen)",
        "UID FETCH 1:* (FLAGS)",
        "UID SEARCH UNSEEN",
    ];
    for listing in listings {
        let mut client = Client::new(&door, &shutdown).await;
        for command in ["SELECT Caught", listing] {
            let (start, before) = (Instant::now(), cpu());
            let octets = client.ok(command).await;
            let (cpu, took) = (cpu() - before, start.elapsed().as_secs_f64());
            let word = command.get(..38).unwrap_or(command);
            writeln!(out, "{word:38} {cpu:7.3}  {took:7.3}  {octets:8}")?;
        }
    }
    idle_memory(&mut out, &door, &shutdown).await?;
    idle_notice(&mut out, &store, &door, &shutdown, count).await?;
    shutdown.send_replace(true);
    drop((door, store, handle));
    Ok(())
}

/// What each of many idle connections takes; without TLS, which has its own 20 to 40 KB.
async fn idle_memory(
    out: &mut io::Stdout,
    door: &Door,
    shutdown: &watch::Sender<bool>,
) -> io::Result<()> {
    let before = resident();
    let mut clients = Vec::new();
    for _ in 0..IDLE {
        let mut client = Client::new(door, shutdown).await;
        client.ok("SELECT INBOX").await;
        client.send("IDLE").await;
        client.until(b"+ ").await;
        clients.push(client);
    }
    let each = (resident() - before) / clients.len() as f64;
    writeln!(out, "an idle connection: {each:.1} KB")
}

async fn idle_notice(
    out: &mut io::Stdout,
    store: &Store,
    door: &Door,
    shutdown: &watch::Sender<bool>,
    count: u64,
) -> io::Result<()> {
    let mut client = Client::new(door, shutdown).await;
    client.ok("SELECT Caught").await;
    client.send("IDLE").await;
    client.until(b"+ ").await;
    let (mut whole, mut after) = (Vec::new(), Vec::new());
    for n in 0..51 {
        let (start, mail) = (Instant::now(), mail(count + n));
        let (kept, _) = tokio::join!(
            async {
                stash(store, &mail).await;
                Instant::now()
            },
            client.until(b"EXISTS")
        );
        after.push(kept.elapsed());
        whole.push(start.elapsed());
    }
    let ms = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1000.0
    };
    let (whole, after) = (ms(whole), ms(after));
    writeln!(
        out,
        "IDLE tells {after:.2} ms after the stash, {whole:.2} ms after its start (median)"
    )
}

/// Seconds of processor time of all threads that live.
fn cpu() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten();
    let nanoseconds: u64 = tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|stat| stat.split(' ').next()?.parse::<u64>().ok())
        .sum();
    nanoseconds as f64 / 1e9
}

/// Resident memory in KB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmRSS:")?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .unwrap_or(0.0)
}

struct Client {
    io: DuplexStream,
    read: Vec<u8>,
}

impl Client {
    async fn new(door: &Door, shutdown: &watch::Sender<bool>) -> Self {
        let (io, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(door.visit(theirs, HERE, Opening::Secured, shutdown.subscribe()));
        let read = vec![0; 64 * 1024];
        let mut client = Self { io, read };
        client.until(b"\r\n").await;
        client.ok(&format!("LOGIN {OWNER} \"{PASSWORD}\"")).await;
        // An idle client needs little.
        client.read.truncate(4096);
        client.read.shrink_to_fit();
        client
    }

    async fn send(&mut self, command: &str) {
        let line = format!("t {command}\r\n");
        self.io.write_all(line.as_bytes()).await.expect("sent");
    }

    /// Reads until what came last holds `mark`; returns the octets.
    async fn until(&mut self, mark: &[u8]) -> usize {
        let (mut octets, mut tail) = (0, Vec::new());
        loop {
            let size = self.io.read(&mut self.read).await.expect("read");
            assert!(size > 0, "the door closed");
            octets += size;
            let from = size.saturating_sub(200);
            tail.extend_from_slice(&self.read[from..size]);
            tail.drain(..tail.len().saturating_sub(400));
            if tail.windows(mark.len()).any(|window| window == mark) {
                return octets;
            }
        }
    }

    async fn ok(&mut self, command: &str) -> usize {
        if self.read.len() < 64 * 1024 {
            self.read.resize(64 * 1024, 0);
        }
        self.send(command).await;
        self.until(b"t OK ").await
    }
}

async fn door(store: &Store, clock: Clock, place: &Path) -> Door {
    let account = Account::new(
        OWNER.parse().expect("scope"),
        hash_password(PASSWORD).expect("hash"),
        NOW,
    );
    let event = Event::new(
        NOW,
        Status::Changed,
        "bench",
        record::Door::new("bench", ""),
    );
    store
        .settings
        .set_account(account, event)
        .await
        .expect("account");
    let login = Login::new(
        store.settings.clone(),
        store.journal.clone(),
        clock.clone(),
        accounts::Options::default(),
    );
    let options = Options {
        connections: 100_000,
        connections_per_address: 100_000,
        connections_per_account: 100_000,
        ..Options::default()
    };
    Door::new(
        options,
        Desk::new(store.clone(), clock.clone()),
        login,
        ServerTls::open(&tls::Options::default(), place, "localhost").expect("tls"),
        clock,
        Budget::new(100 << 20),
        "mx.example.org",
    )
}

async fn fill(store: &Store, count: u64) {
    let next = Arc::new(AtomicU64::new(0));
    let senders = (0..SENDERS).map(|_| {
        let (store, next) = (store.clone(), Arc::clone(&next));
        tokio::spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= count {
                    return;
                }
                stash(&store, &mail(n)).await;
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.expect("a sender");
    }
}

fn address(text: &str) -> Address {
    text.parse().expect("address")
}

/// A small message with the header that usual mail has.
fn mail(n: u64) -> Mail {
    let envelope = Envelope {
        peer: Peer::new(HERE),
        direction: Direction::Inbound,
        from: Some(address("offers@sender.example")),
        to: vec![address(OWNER)],
        body: BodyType::SevenBit,
        smtputf8: false,
    };
    let text = format!(
        "Received: from mx.sender.example (mx.sender.example [192.0.2.1])\r\n\
         \tby mx.example.org with ESMTPS id {n:016x}; Tue, 14 Nov 2023 22:13:20 +0000\r\n\
         From: \"Offers of the Day\" <offers@sender.example>\r\n\
         To: Alice <{OWNER}>\r\n\
         Subject: =?utf-8?Q?Your_invoice_number_{n}_is_ready?=\r\n\
         Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n\
         Message-ID: <{n:016x}.1700000000@sender.example>\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n\
         Dear Alice,\r\n\r\nplease find your invoice at https://sender.example/{n}.\r\n"
    );
    let message = Message::new(text.into_bytes(), None).expect("message");
    Mail::new(envelope, message, NOW.day())
}

async fn stash(store: &Store, mail: &Mail) {
    let owner = address(OWNER);
    let seen = |name: &str, weight, reason: &str| Finding::seen(name, weight, reason);
    let entry = Entry {
        id: EntryId::of(mail.id, &owner),
        mail: mail.id,
        to: vec![owner.clone()],
        owner,
        from: mail.envelope.from.clone(),
        direction: Direction::Inbound,
        shelf: Shelf::Caught,
        state: State::Held,
        verdict: Verdict {
            class: Class::Spam,
            score: 9.0,
            because: vec![
                seen("BODY_LINK_ONLY", 4.5, "little text and a link"),
                seen("SPF_FAIL", 3.0, "the client may not send for this domain"),
                seen("SUBJECT_INVOICE", 1.5, "the Subject speaks of an invoice"),
            ],
        },
        arrived: NOW,
        expires: NOW.after_days(14),
        uid: 0,
        size: mail.message.size(),
        subject: "Your invoice number is ready".into(),
        author: "offers@sender.example".into(),
        client: "192.0.2.1".into(),
        failed: None,
        leaves: None,
        requested: None,
    };
    let event = Event {
        mail: Some(entry.mail),
        entry: Some(entry.id),
        direction: Some(entry.direction),
        from: entry.from.clone(),
        to: entry.to.clone(),
        ..Event::new(
            NOW,
            Status::Quarantined,
            "bench",
            record::Door::new("bench", ""),
        )
    };
    let kept = store.entries.stash(mail, vec![entry], event).await;
    kept.expect("stashed");
}

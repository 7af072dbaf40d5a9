//! IMAP on a large folder: processor time of listings, memory of idle connections, and how
//! soon IDLE tells, over a store on disk.
//!
//! `cargo bench --bench imap -- [DIR] [MESSAGES]`; 100,000 messages by default.

mod shelf;

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use quaranta::accounts::{self, Login, hash_password};
use quaranta::actions::Desk;
use quaranta::clock::Clock;
use quaranta::imap::{Door, Opening, Options};
use quaranta::mail::Budget;
use quaranta::net::tls::{self, ServerTls};
use quaranta::record::{self, Account, Event, Status};
use quaranta::store::{self, Store, on_sled};
use shelf::{HERE, NOW, OWNER, asked, cpu, fill, mail, resident, stash, two_threads};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::watch;

const PASSWORD: &str = "correct horse";
/// Connections whose memory is measured.
const IDLE: usize = 1000;

fn main() -> io::Result<()> {
    let (dir, counts) = asked(&[100_000]);
    let runtime = two_threads()?;
    let place = tempfile::tempdir_in(dir)?;
    runtime.block_on(measure(place.path(), counts[0]))
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

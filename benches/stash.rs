//! Stash rate of the store on disk against raw appends with `fdatasync` of the same octets,
//! in the same run, with 1, 16 and 64 senders waiting. Rates depend on the disk: read the ratios.
//!
//! `cargo bench --bench stash -- [DIR]`; the directory should lie on the disk in question.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use quaranta::clock::{Clock, Timestamp};
use quaranta::mail::{Address, BodyType, Direction, EntryId, Envelope, Mail, Message, Peer};
use quaranta::policy::{Class, Finding, Verdict};
use quaranta::record::{Door, Entry, Event, Shelf, State, Status};
use quaranta::store::{Options, Store, on_sled};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const ROUNDS: usize = 5;
/// Octets that a record has besides the mail; for the raw appends.
const METADATA: usize = 900;

/// What one run took, for each message.
#[derive(Clone, Copy)]
struct Cost {
    time: Duration,
    /// Milliseconds of processor time.
    cpu: f64,
}

fn main() -> io::Result<()> {
    let dir = std::env::args()
        .skip(1)
        .find(|word| !word.starts_with('-'))
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let mut out = io::stdout();
    writeln!(
        out,
        "waiting  raw/s  store/s  ratio  cpu ms/message: raw  store"
    )?;
    for waiting in [1, 16, 64] {
        let count = 150 + 20 * waiting;
        let (mut raw, mut store) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let place = tempfile::tempdir_in(&dir)?;
            let seed = (round * 1_000_000) as u64;
            raw.push(append(place.path(), seed, count, waiting)?);
            store.push(runtime.block_on(stash(place.path(), seed, count, waiting)));
        }
        let (raw, store) = (median(raw), median(store));
        let rate = |cost: Cost| 1.0 / cost.time.as_secs_f64();
        writeln!(
            out,
            "{waiting:7} {:6.0} {:8.0} {:6.2} {:20.2} {:6.2}",
            rate(raw),
            rate(store),
            rate(store) / rate(raw),
            raw.cpu,
            store.cpu,
        )?;
    }
    Ok(())
}

fn median(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by_key(|cost| cost.time);
    costs[costs.len() / 2]
}

/// Milliseconds of processor time of this process (`/proc/self/stat`, 100 ticks a second).
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    ticks * 10.0
}

fn cost(start: Instant, cpu_before: f64, count: usize) -> Cost {
    Cost {
        time: start.elapsed() / count as u32,
        cpu: (cpu() - cpu_before) / count as f64,
    }
}

/// A message of 2 to 200 KB, median 15 KB, that compresses as mail does.
fn message(n: u64) -> Vec<u8> {
    let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let size = match next() % 10 {
        0..=1 => 2_000,
        2..=4 => 8_000,
        5..=7 => 20_000,
        8 => 60_000,
        _ => 200_000,
    };
    let mut text = format!("From: a@sender.example\r\nSubject: {n}\r\n\r\n").into_bytes();
    while text.len() < size {
        text.extend_from_slice(b"the quick brown fox ");
        text.extend_from_slice(format!("{:016x}\r\n", next()).as_bytes());
    }
    text
}

/// Groups of `waiting` messages: compressed, appended, synced.
fn append(dir: &Path, seed: u64, count: usize, waiting: usize) -> io::Result<Cost> {
    let messages: Vec<Vec<u8>> = (0..count as u64).map(|n| message(seed + n)).collect();
    let mut file: File = OpenOptions::new()
        .append(true)
        .create(true)
        .open(dir.join("raw"))?;
    let (start, before) = (Instant::now(), cpu());
    for group in messages.chunks(waiting) {
        let mut octets = Vec::new();
        for message in group {
            octets.extend_from_slice(&[0; METADATA]);
            octets.extend_from_slice(&zstd::bulk::compress(message, 1)?);
        }
        file.write_all(&octets)?;
        file.sync_data()?;
    }
    Ok(cost(start, before, count))
}

/// The same messages, by `waiting` senders who wait for each answer.
async fn stash(dir: &Path, seed: u64, count: usize, waiting: usize) -> Cost {
    let place = dir.join("store");
    let options = Options::default();
    let (store, handle) =
        on_sled::open(&place, &options, Clock::system()).expect("a store on this disk");
    let mails: Vec<Mail> = (0..count as u64).map(|n| mail(seed + n)).collect();
    let mails = Arc::new(mails);
    let next = Arc::new(AtomicU64::new(0));
    let (start, before) = (Instant::now(), cpu());
    let tasks: Vec<_> = (0..waiting)
        .map(|_| tokio::spawn(send(store.clone(), Arc::clone(&mails), Arc::clone(&next))))
        .collect();
    for task in tasks {
        task.await.expect("a sender");
    }
    let cost = cost(start, before, count);
    drop(store);
    drop(handle);
    cost
}

async fn send(store: Store, mails: Arc<Vec<Mail>>, next: Arc<AtomicU64>) {
    while let Some(mail) = mails.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
        let entry = entry(mail);
        let event = Event {
            mail: Some(entry.mail),
            entry: Some(entry.id),
            direction: Some(entry.direction),
            from: entry.from.clone(),
            to: entry.to.clone(),
            ..Event::new(NOW, Status::Quarantined, "bench", Door::new("bench", ""))
        };
        store
            .entries
            .stash(mail, vec![entry], event)
            .await
            .expect("stashed");
    }
}

fn address(text: &str) -> Address {
    text.parse().expect("address")
}

fn mail(n: u64) -> Mail {
    let envelope = Envelope {
        peer: Peer::new(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        direction: Direction::Inbound,
        from: Some(address("a@sender.example")),
        to: vec![address("alice@example.org")],
        body: BodyType::SevenBit,
        smtputf8: false,
    };
    let message = Message::new(message(n), None).expect("message");
    Mail::new(envelope, message, NOW.day())
}

fn entry(mail: &Mail) -> Entry {
    let owner = address("alice@example.org");
    Entry {
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
            because: vec![Finding::seen(
                "SPF_FAIL",
                3.0,
                "the client may not send for this domain",
            )],
        },
        arrived: NOW,
        expires: NOW.after_days(14),
        uid: 0,
        size: mail.message.size(),
        subject: "a subject of usual length, more or less".into(),
        author: "a@sender.example".into(),
        author_name: String::new(),
        client: "192.0.2.1".into(),
        failed: None,
        leaves: None,
        requested: None,
        aligned: false,
        writable: false,
        marked: false,
    }
}

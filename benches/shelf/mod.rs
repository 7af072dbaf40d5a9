//! A quarantine filled for measuring, and what this process takes; several benches use it.
#![allow(dead_code)] // Each bench uses a part.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quaranta::clock::Timestamp;
use quaranta::mail::{Address, BodyType, Direction, EntryId, Envelope, Mail, Message, Peer};
use quaranta::policy::{Class, Finding, Verdict};
use quaranta::record::{self, Entry, Event, Shelf, State, Status};
use quaranta::store::Store;
use tokio::runtime::Runtime;

pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_000);
pub(crate) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(crate) const OWNER: &str = "alice@example.org";
/// Senders that fill the store.
const SENDERS: usize = 256;

/// The folder and the counts that the command line names; or the folder for temporary files, and
/// `usual`.
pub(crate) fn asked(usual: &[u64]) -> (PathBuf, Vec<u64>) {
    let mut words = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'));
    let dir = words.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let mut counts: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
    if counts.is_empty() {
        counts = usual.to_vec();
    }
    (dir, counts)
}

pub(crate) fn two_threads() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
}

/// Seconds of processor time of all threads that live.
pub(crate) fn cpu() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten();
    let nanoseconds: u64 = tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|stat| stat.split(' ').next()?.parse::<u64>().ok())
        .sum();
    nanoseconds as f64 / 1e9
}

/// Resident memory in KB.
pub(crate) fn resident() -> f64 {
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

pub(crate) async fn fill(store: &Store, count: u64) {
    fill_with(store, count, mail).await;
}

pub(crate) async fn fill_with(store: &Store, count: u64, of: fn(u64) -> Mail) {
    let next = Arc::new(AtomicU64::new(0));
    let senders = (0..SENDERS).map(|_| {
        let (store, next) = (store.clone(), Arc::clone(&next));
        tokio::spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= count {
                    return;
                }
                stash(&store, &of(n)).await;
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.expect("a sender");
    }
}

pub(crate) fn address(text: &str) -> Address {
    text.parse().expect("address")
}

/// A small message with the header that usual mail has.
pub(crate) fn mail(n: u64) -> Mail {
    mail_to(n, address(OWNER))
}

pub(crate) fn mail_to(n: u64, to: Address) -> Mail {
    let envelope = Envelope {
        peer: Peer::new(HERE),
        direction: Direction::Inbound,
        from: Some(address("offers@sender.example")),
        to: vec![to],
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

pub(crate) async fn stash(store: &Store, mail: &Mail) {
    let owner = mail.envelope.to[0].clone();
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
        author_name: String::new(),
        client: "192.0.2.1".into(),
        failed: None,
        leaves: None,
        requested: None,
        aligned: false,
        writable: false,
        marked: false,
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

//! Mails, entries, jobs and events for the store's tests.

use std::net::{IpAddr, Ipv4Addr};

use std::path::Path;

use quaranta::clock::{Clock, Timestamp};
use quaranta::mail::{Address, BodyType, Direction, EntryId, Envelope, Mail, Message, Peer};
use quaranta::options::Octets;
use quaranta::policy::{Class, Scope, Verdict};
use quaranta::record::{
    Change, Door, Entry, Event, Job, JobKind, JobStep, Lesson, Lore, Shelf, State, Status,
};
use quaranta::store::on_sled::{self, Handle};
use quaranta::store::{Options, Shown, Store, View};

pub(crate) const START: Timestamp = Timestamp(1_700_000_000_000);

pub(crate) fn address(text: &str) -> Address {
    text.parse().expect("address")
}

pub(crate) fn scope(text: &str) -> Scope {
    text.parse().expect("scope")
}

/// A mail whose octets are all its own by `n`; about `size` octets that compress badly.
pub(crate) fn mail(n: u64, size: usize) -> Mail {
    let mut body = format!("From: a@sender.example\r\nSubject: mail {n}\r\n\r\n");
    let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while body.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        body.push_str(&format!("{state:016x}\r\n"));
    }
    let envelope = Envelope {
        peer: Peer::new(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        direction: Direction::Inbound,
        from: Some(address("a@sender.example")),
        to: vec![address("alice@example.org"), address("bob@example.org")],
        body: BodyType::SevenBit,
        smtputf8: false,
    };
    Mail::new(
        envelope,
        Message::new(body, None).expect("message"),
        START.day(),
    )
}

pub(crate) fn entry(mail: &Mail, owner: &str) -> Entry {
    let owner = address(owner);
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
            score: 7.5,
            because: Vec::new(),
        },
        arrived: START,
        expires: START.after_days(14),
        uid: 0,
        size: mail.message.size(),
        subject: "mail".into(),
        author: "a@sender.example".into(),
        author_name: String::new(),
        client: "127.0.0.1".into(),
        failed: None,
        leaves: None,
        requested: None,
        aligned: false,
        writable: false,
        marked: false,
    }
}

pub(crate) fn event(status: Status) -> Event {
    Event::new(START, status, "test", Door::new("test", "nobody"))
}

/// An event of an entry, as the house writes it.
pub(crate) fn event_of(entry: &Entry, status: Status) -> Event {
    Event {
        mail: Some(entry.mail),
        entry: Some(entry.id),
        direction: Some(entry.direction),
        from: entry.from.clone(),
        to: vec![entry.owner.clone()],
        ..event(status)
    }
}

pub(crate) fn change(entry: &Entry, from: State, to: State) -> Change {
    let job = match (from, to) {
        (State::Held, State::Leaving) => {
            JobStep::Owe(Job::new(entry.id, entry.mail, JobKind::Release, START))
        }
        (State::Leaving, _) => JobStep::Settle,
        _ => JobStep::Stay,
    };
    Change {
        entry: entry.id,
        from,
        to,
        job,
        lesson: None,
        failed: None,
        listed: None,
        leaves: None,
        requested: None,
        answers: false,
        marked: false,
        event: event_of(entry, Status::Changed),
    }
}

pub(crate) fn lesson(entry: &Entry) -> Lesson {
    Lesson {
        mail: entry.mail,
        entry: Some(entry.id),
        lore: Lore::Spam,
        who: "alice@example.org".into(),
        scope: scope("alice@example.org"),
        at: START,
    }
}

pub(crate) fn view(of: &str) -> View {
    View {
        scope: scope(of),
        shelf: Shelf::Caught,
        direction: Direction::Inbound,
    }
}

/// Small files, so that many things happen.
pub(crate) fn options() -> Options {
    Options {
        cache_capacity: Octets(8 << 20),
        segment_size: Octets(256 << 10),
        min_free: Octets(1 << 20),
        ..Options::default()
    }
}

pub(crate) fn open(dir: &Path) -> (Store, Handle) {
    on_sled::open(dir, &options(), Clock::by_hand(START)).expect("opened")
}

/// Seals the log of all mail as often as it can.
pub(crate) struct Sealing {
    stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Sealing {
    pub(crate) fn new(handle: Handle) -> Self {
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let stopped = std::sync::Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
                handle.seal().expect("sealed");
                std::thread::yield_now();
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Sealing {
    fn drop(&mut self) {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // What it panicked of fails the test by what is missing then, or by this.
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }
}

/// What a listing says is what the rows say.
pub(crate) async fn listing_agrees(store: &Store, of: &str) {
    let view = view(of);
    let uids = store.entries.uids(&view, 0, 99).await.expect("uids");
    let ids: Vec<_> = uids.iter().map(|(_, id)| *id).collect();
    let rows = store.entries.rows(&view.scope, &ids).await.expect("rows");
    let expected: Vec<Shown> = rows
        .into_iter()
        .flatten()
        .map(|row| Shown {
            uid: row.entry.uid,
            id: row.entry.id,
            failed: row.entry.failed.is_some(),
            requested: row.entry.requested.is_some(),
            flags: row.flags,
        })
        .collect();
    assert!(!expected.is_empty());
    let shown = store.entries.shown(&view, 0, 99).await;
    assert_eq!(shown.as_ref(), Ok(&expected));
    let rest = store.entries.shown(&view, expected[0].uid, 1).await;
    assert_eq!(rest.expect("shown"), expected.get(1..2).unwrap_or_default());
    let mails: Vec<_> = uids
        .iter()
        .map(|_| quaranta::mail::MailId([7; 16]))
        .collect();
    let none = store.entries.mails(&mails).await.expect("mails");
    assert_eq!(none, vec![None; uids.len()]);
}

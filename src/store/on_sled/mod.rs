//! The store on disk: a log of our own is the truth, sled is its index.
//!
//! `DIR/segments/` holds the log ([`record`]); each request becomes one record, requests
//! that wait together are written and synced together ([`committer`]). `DIR/index/` holds
//! what follows from the log, written down now and then ([`keeper`]); after a crash a half
//! change of it is taken back ([`undo`]), the rest is read from the log again, and a
//! damaged index is made anew ([`recover`]).
//! `DIR/journal/` holds the log of all mail but for its newest events ([`sealer`]).
//! `DIR/settings.json` is a readable copy of the settings. One process at a time: `DIR/lock`.

mod committer;
mod compact;
mod disk;
mod faulty;
mod keeper;
mod log;
mod offline;
mod open;
mod record;
mod recover;
mod reserve;
mod sealer;
mod segments;
mod snapshot;
mod tree;
mod undo;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use bytes::Bytes;
use nix::fcntl::Flock;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use self::committer::Queue;
use self::segments::Segments;
use self::tree::Tree;
use super::StoreError;
use super::journal::Book;
use super::ledger::index::Index;
use super::ledger::ops::{Answer, Op, Packed};
use super::ledger::rows::Home;
use super::ledger::{Engine, News};
use crate::clock::Clock;
use crate::mail::MailId;
use crate::options::{Octets, Span};

pub use disk::{Disk, DiskFile, RealDisk};
pub use faulty::FaultyDisk;
pub use offline::{Stats, Verified, rebuild, stats, verify};
pub use open::{Handle, OpenError, open, open_on};

crate::options! {
    /// The store on disk: the quarantine, the log of all mail, and all settings that change
    /// while the daemon runs.
    pub struct Options in "store" {
        /// Memory that the index may take as its cache, in octets.
        pub cache_capacity: Octets = Octets(128 << 20),
        /// Size of a file of the log, in octets. One message may exceed it alone. At least 64K.
        pub segment_size: Octets = Octets(64 << 20),
        /// Free space, in octets, below which no mail is taken: senders are told to come back.
        pub min_free: Octets = Octets(256 << 20),
        /// Time between two check-points of the index. Longer means less writing and a
        /// longer start after a crash.
        pub checkpoint_every: Span = Span::seconds(5),
        /// Days that the rows of released, removed and expired entries are kept.
        pub history_days: u64 = 30,
        /// Octets a second that are read and written while space is won back from old files.
        pub compact_rate: Octets = Octets(16 << 20),
    }
}

/// Requests that may wait for the committer.
const WAITING: usize = 4096;

/// What the threads of the store share.
struct Shared {
    dir: PathBuf,
    options: Options,
    clock: Clock,
    tree: Tree,
    segments: Segments,
    news: News,
    book: Book,
    /// Settings changed since they were last written to `settings.json`.
    settings_changed: AtomicBool,
    /// Octets written to the log since the start.
    written: AtomicU64,
    /// The segment that is written now; 0 before the first.
    current: AtomicU64,
    /// Held while the index is written down: once at a time.
    checkpoints: Mutex<()>,
    /// Held while space is won back: once at a time.
    tidying: Mutex<()>,
    /// Held while events are sealed: once at a time.
    sealing: Mutex<()>,
    /// Held while the store is open.
    _lock: Flock<File>,
}

/// The store as its rooms see it.
struct OnSled {
    shared: Arc<Shared>,
    queue: Queue,
    room: Arc<Semaphore>,
}

fn closed() -> StoreError {
    StoreError::Failed("the store is closed".into())
}

impl Engine for OnSled {
    const WAITS: bool = true;

    fn index(&self) -> &dyn Index {
        &self.shared.tree
    }

    fn news(&self) -> &News {
        &self.shared.news
    }

    fn book(&self) -> &Book {
        &self.shared.book
    }

    fn pack(&self, octets: &Bytes) -> Packed {
        segments::pack(octets)
    }

    async fn submit(&self, ops: Vec<Op>) -> Vec<Result<Answer, StoreError>> {
        let mut waiting = Vec::with_capacity(ops.len());
        for op in ops {
            let permit = Arc::clone(&self.room).acquire_owned().await.ok();
            waiting.push(self.queue.request(op, permit));
        }
        let mut answers = Vec::with_capacity(waiting.len());
        for answer in waiting {
            answers.push(answer.await.unwrap_or_else(|_| Err(closed())));
        }
        answers
    }

    fn octets(&self, id: MailId, home: Home, size: u64) -> Result<Bytes, StoreError> {
        self.shared
            .segments
            .body(home.segment, home.offset)
            .and_then(|packed| segments::unpack(packed, size))
            .map_err(|error| StoreError::Failed(format!("cannot read mail {id}: {error}")))
    }
}

//! The ledger: what the store knows and how it changes, written once for all engines.
//!
//! Rows (mails, entries, jobs, lessons, events, flags, settings) are truth; every
//! request becomes one record of postings that say what some rows are from now on;
//! everything else in the index follows from the rows ([`draft`]). An engine adds
//! where records and octets lie, and that one request is decided after the other.

pub(crate) mod draft;
pub(crate) mod index;
pub(crate) mod keys;
pub(crate) mod ops;
pub(crate) mod rows;

mod digests;
mod entries;
mod jobs;
pub(crate) mod journal;
mod lists;
mod settings;
mod upkeep;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, broadcast};

use crate::clock::Timestamp;
use crate::mail::{EntryId, Mail, MailId};
use crate::record::Job;
use crate::store::journal::Book;
use crate::store::ledger::draft::Draft;
use crate::store::ledger::index::Index;
use crate::store::ledger::lists::Lists;
use crate::store::ledger::ops::{Answer, Keep, Op, Packed};
use crate::store::ledger::rows::{Home, MailRow};
use crate::store::{Notice, Store, StoreError, Transient};

/// Notices that a slow listener may be behind before it misses some.
const NOTICES: usize = 4096;

/// Octets of a mail that is packed without leaving the caller's thread.
const SMALL: usize = 64 << 10;

/// What an engine adds to the ledger.
pub(crate) trait Engine: Send + Sync + 'static {
    /// True if reading the index may wait for a disk.
    const WAITS: bool;
    fn index(&self) -> &dyn Index;
    fn news(&self) -> &News;
    /// The log of all mail.
    fn book(&self) -> &Book;
    /// The octets as they will be kept.
    fn pack(&self, octets: &Bytes) -> Packed;
    /// Decides and keeps each request, in the order given.
    fn submit(&self, ops: Vec<Op>) -> impl Future<Output = Vec<Result<Answer, StoreError>>> + Send;
    /// The octets of a mail whose row lies at `home`.
    fn octets(&self, id: MailId, home: Home, size: u64) -> Result<Bytes, StoreError>;
}

/// What is told to those who wait, and who has which job in hand.
pub(crate) struct News {
    notices: broadcast::Sender<Notice>,
    owed: Notify,
    /// Jobs given out, and until when.
    leases: Mutex<HashMap<EntryId, Lease>>,
    pub(crate) lists: Lists,
}

/// A job in somebody's hand. It speaks of the job as it was when it was given out: a
/// job that was written down anew since is free.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(crate) job: Job,
    /// Given out again from then on.
    pub(crate) until: Timestamp,
}

impl News {
    pub(crate) fn new() -> Self {
        let owed = Notify::new();
        // Jobs from before the start may be waiting.
        owed.notify_one();
        Self {
            notices: broadcast::channel(NOTICES).0,
            owed,
            leases: Mutex::default(),
            lists: Lists::default(),
        }
    }

    /// Tells what a draft brought, once it is made.
    pub(crate) fn tell(&self, draft: &mut Draft<'_>, book: &Book) {
        book.add(std::mem::take(&mut draft.events));
        for list in std::mem::take(&mut draft.listed) {
            self.lists.forget(&list);
        }
        for notice in draft.notices.drain(..) {
            // An error says that nobody listens.
            let _ = self.notices.send(notice);
        }
        if std::mem::take(&mut draft.owed) {
            self.owed.notify_one();
        }
    }
}

/// The traits of the store, over any engine.
pub(crate) struct Rooms<E>(Arc<E>);

impl<E> Clone for Rooms<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// All traits over one engine.
pub(crate) fn store<E: Engine>(engine: Arc<E>, transient: Arc<dyn Transient>) -> Store {
    let rooms = Arc::new(Rooms(engine));
    Store {
        entries: rooms.clone(),
        jobs: rooms.clone(),
        lessons: rooms.clone(),
        journal: rooms.clone(),
        settings: rooms.clone(),
        digests: rooms,
        transient,
    }
}

impl<E: Engine> Rooms<E> {
    /// Reads the index where waiting hurts nobody.
    async fn read<T, F>(&self, reading: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&E) -> Result<T, StoreError> + Send + 'static,
    {
        if !E::WAITS {
            return reading(&self.0);
        }
        let engine = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || reading(&engine))
            .await
            .map_err(|error| StoreError::Failed(format!("a reader ended: {error}")))?
    }

    async fn keep(&self, mail: &Mail) -> Result<Keep, StoreError> {
        let row = MailRow {
            envelope: mail.envelope.clone(),
            size: mail.message.size(),
        };
        let octets = mail.message.bytes().clone();
        let body = if octets.len() <= SMALL {
            self.0.pack(&octets)
        } else {
            self.read(move |engine| Ok(engine.pack(&octets))).await?
        };
        Ok(Keep {
            id: mail.id,
            row,
            body,
        })
    }

    async fn submit(&self, op: Op) -> Result<Answer, StoreError> {
        let answer = self.0.submit(vec![op]).await.pop();
        answer.unwrap_or_else(|| Err(StoreError::Failed("the store gave no answer".into())))
    }
}

/// The value of a row in the index, without its home.
fn value(index: &dyn Index, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    index
        .get(key)?
        .map(|row| Home::split(&row).map(|(_, value)| value.to_vec()))
        .transpose()
}

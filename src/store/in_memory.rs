//! The store in memory: for tests, simulations and trials. It ends with the process.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};

use super::journal::Book;
use super::ledger::draft::{Draft, Place};
use super::ledger::index::{Index, MemoryIndex};
use super::ledger::ops::{Answer, Op, Packed, decide};
use super::ledger::rows::Home;
use super::ledger::{self, Engine, News};
use super::{Store, StoreError, transient};
use crate::clock::Clock;
use crate::mail::MailId;

/// Days that entries are known after they ended; the default of the kept store.
const HISTORY_DAYS: u64 = 30;

/// Requests between two looks for what is too old.
const SWEEP_EVERY: u64 = 1000;

/// Opens an empty store in memory.
#[must_use]
pub fn open(clock: Clock) -> Store {
    let engine = InMemory {
        clock,
        index: MemoryIndex::default(),
        octets: RwLock::default(),
        news: News::new(),
        book: Book::default(),
        requests: Mutex::new(0),
    };
    ledger::store(Arc::new(engine), Arc::new(transient::Memory::default()))
}

struct InMemory {
    clock: Clock,
    index: MemoryIndex,
    octets: RwLock<HashMap<MailId, Bytes>>,
    news: News,
    book: Book,
    /// Requests since the last sweep; held while one is decided and made.
    requests: Mutex<u64>,
}

impl InMemory {
    fn make(&self, op: Op) -> Result<Answer, StoreError> {
        let mut draft = Draft::new(&self.index, 0);
        let decision = decide(op, &mut draft)?;
        let place = Place {
            segment: 0,
            offset: 0,
            weights: &vec![0; decision.postings.len()],
        };
        draft.post(&decision.postings, place)?;
        {
            // A mail is readable before the index shows it, and gone after.
            let mut octets = self.octets.write();
            let id = decision.postings.iter().find_map(|posting| posting.mail());
            if let (Some(id), Some(body)) = (id, decision.body) {
                octets.insert(id, body.bytes);
            }
            self.index.apply(&draft.overlay.changes)?;
            for id in &draft.dropped {
                octets.remove(id);
            }
        }
        self.news.tell(&mut draft, &self.book);
        Ok(decision.answer)
    }
}

impl Engine for InMemory {
    const WAITS: bool = false;

    fn index(&self) -> &dyn Index {
        &self.index
    }

    fn news(&self) -> &News {
        &self.news
    }

    fn book(&self) -> &Book {
        &self.book
    }

    fn pack(&self, octets: &Bytes) -> Packed {
        Packed {
            // A copy: what a door received may be a part of something larger.
            bytes: Bytes::copy_from_slice(octets),
            zstd: false,
        }
    }

    async fn submit(&self, ops: Vec<Op>) -> Vec<Result<Answer, StoreError>> {
        let mut requests = self.requests.lock();
        *requests += ops.len() as u64;
        if *requests >= SWEEP_EVERY {
            *requests = 0;
            let sweep = Op::Sweep {
                now: self.clock.now(),
                history_days: HISTORY_DAYS,
            };
            if let Err(error) = self.make(sweep) {
                return vec![Err(error); ops.len()];
            }
        }
        ops.into_iter().map(|op| self.make(op)).collect()
    }

    fn octets(&self, id: MailId, _home: Home, _size: u64) -> Result<Bytes, StoreError> {
        let octets = self.octets.read();
        let found = octets.get(&id).cloned();
        found.ok_or_else(|| StoreError::Failed(format!("the octets of {id} are not there")))
    }
}

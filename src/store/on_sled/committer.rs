//! The committer: one thread that decides, writes and answers, a group at a time.
//!
//! Whoever waits while a group is written makes the next group; nobody is made to
//! wait for company. An answer is given when the group is durable and the index shows
//! it; if either fails, all of the group get an error and nothing of it is visible.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::log::Log;
use super::record::Encoded;
use super::reserve::Reserve;
use super::{Shared, recover};
use crate::store::StoreError;
use crate::store::ledger::draft::{Draft, Place, Posting};
use crate::store::ledger::index::Index;
use crate::store::ledger::journal;
use crate::store::ledger::keys;
use crate::store::ledger::ops::{Answer, Decision, Op, decide};

/// Requests in one group.
const GROUP: usize = 512;
/// Octets of mail in one group; one mail may exceed it alone.
const GROUP_OCTETS: usize = 16 << 20;
/// What need not be waited for is durable after this time.
const SYNC_WITHIN: Duration = Duration::from_secs(1);
/// Time between two tries to bring back an index that failed.
const HEAL_EVERY: Duration = Duration::from_secs(2);

/// Takes the answer to whoever asked; nobody may be there any more.
type To = Box<dyn FnOnce(Result<Answer, StoreError>) + Send>;

/// What the committer is told.
pub(super) enum Message {
    Request {
        op: Box<Op>,
        to: To,
        /// Held while it waits, so that the queue is bounded.
        _permit: Option<OwnedSemaphorePermit>,
    },
    Stop,
}

/// The way to the committer.
#[derive(Clone)]
pub(super) struct Queue(pub(super) Sender<Message>);

impl Queue {
    /// Puts a message in the queue; if the committer ended, what waits is told by its drop.
    pub(super) fn send(&self, message: Message) {
        let _ = self.0.send(message);
    }

    /// Asks and waits, which stops the thread.
    pub(super) fn ask(&self, op: Op) -> Result<Answer, StoreError> {
        let (sender, answer) = channel();
        self.send(Message::Request {
            op: Box::new(op),
            to: Box::new(move |answer| drop(sender.send(answer))),
            _permit: None,
        });
        answer.recv().unwrap_or_else(|_| Err(super::closed()))
    }

    /// Asks, and tells where the answer will come.
    pub(super) fn request(
        &self,
        op: Op,
        permit: Option<OwnedSemaphorePermit>,
    ) -> oneshot::Receiver<Result<Answer, StoreError>> {
        let (sender, answer) = oneshot::channel();
        self.send(Message::Request {
            op: Box::new(op),
            to: Box::new(move |answer| drop(sender.send(answer))),
            _permit: permit,
        });
        answer
    }
}

/// The committer.
pub(super) struct Committer {
    pub(super) shared: Arc<Shared>,
    pub(super) log: Log,
    pub(super) messages: Receiver<Message>,
    pub(super) reserve: Reserve,
    /// The index failed at this time, and was not brought back yet.
    pub(super) failed: Option<Instant>,
}

/// A group while it is made.
struct Group<'a> {
    draft: Draft<'a>,
    records: Vec<Encoded>,
    octets: u64,
    answers: Vec<(To, Result<Answer, StoreError>)>,
    durable: bool,
    settings: bool,
}

impl Committer {
    /// Works until it is told to stop.
    pub(super) fn run(mut self) {
        while let Some(first) = self.next() {
            if !self.group(first) {
                break;
            }
        }
        self.log.end(&self.shared.segments);
    }

    /// The next message; `None` when nobody can send one any more.
    fn next(&mut self) -> Option<Message> {
        while let Some(since) = self.log.unsynced() {
            let left = SYNC_WITHIN.saturating_sub(since.elapsed());
            match self.messages.recv_timeout(left) {
                Ok(message) => return Some(message),
                Err(RecvTimeoutError::Timeout) => self.sync_late(),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        self.messages.recv().ok()
    }

    fn sync_late(&mut self) {
        if let Err(error) = self.log.sync(&self.shared.segments) {
            tracing::error!(%error, "the last events and flags may be lost");
        }
    }

    /// Gathers what waits behind `first` and makes it; false if it was told to stop.
    fn group(&mut self, first: Message) -> bool {
        let (mut waiting, mut octets, mut go_on) = (Vec::new(), 0, true);
        let mut next = Some(first);
        while let Some(message) = next.take() {
            match message {
                Message::Request { op, to, .. } => {
                    octets += op.octets();
                    waiting.push((*op, to));
                }
                Message::Stop => go_on = false,
            }
            if go_on && waiting.len() < GROUP && octets < GROUP_OCTETS {
                next = self.messages.try_recv().ok();
            }
        }
        if !waiting.is_empty() {
            self.commit(waiting);
        }
        go_on
    }

    fn commit(&mut self, waiting: Vec<(Op, To)>) {
        if let Err(error) = self.prepare() {
            for (_, to) in waiting {
                to(Err(error.clone()));
            }
            return;
        }
        let has_room = self.reserve.has_room();
        let shared = Arc::clone(&self.shared);
        let mut group = Group {
            draft: Draft::new(&shared.tree, self.log.segment()),
            records: Vec::new(),
            octets: 0,
            answers: Vec::with_capacity(waiting.len()),
            durable: false,
            settings: false,
        };
        let mut fault = None;
        for (op, to) in waiting {
            if fault.is_some() {
                group.answers.push((to, Ok(Answer::Done)));
                continue;
            }
            if op.brings_mail() && !has_room {
                group.answers.push((to, Err(StoreError::Full)));
                continue;
            }
            match self.decide(op, &mut group) {
                Ok(answer) => group.answers.push((to, answer)),
                Err(error) => {
                    group.answers.push((to, Err(error.clone())));
                    fault = Some(error);
                }
            }
        }
        let made = match fault {
            Some(error) => Err(error),
            None => self.make(&mut group),
        };
        if made.is_ok() {
            shared.news.tell(&mut group.draft, &shared.book);
            if group.settings {
                shared.settings_changed.store(true, Ordering::Relaxed);
            }
            let octets = group.octets;
            shared.written.fetch_add(octets, Ordering::Relaxed);
        }
        for (to, answer) in group.answers {
            let answer = match &made {
                Ok(()) => answer,
                Err(error) => answer.and(Err(error.clone())),
            };
            to(answer);
        }
    }

    /// Decides one request and posts it. The outer error is a fault of the index, which
    /// ends the group; the inner one concerns the request alone.
    fn decide(
        &self,
        op: Op,
        group: &mut Group<'_>,
    ) -> Result<Result<Answer, StoreError>, StoreError> {
        let durable = op.is_durable();
        let settings = matches!(op, Op::Set(..) | Op::Replace { .. });
        let Decision {
            postings,
            body,
            answer,
        } = match decide(op, &mut group.draft) {
            Ok(decision) => decision,
            Err(error) => return Ok(Err(error)),
        };
        group.durable |= durable;
        if postings.is_empty() {
            return Ok(Ok(answer));
        }
        group.settings |= settings;
        let after = (group.records.len(), group.octets);
        let (record, offset) = match self.log.encode(&postings, body, after) {
            Ok(encoded) => encoded,
            Err(error) => return Ok(Err(error)),
        };
        let place = Place {
            segment: self.log.segment(),
            offset,
            weights: &record.weights,
        };
        group.draft.post(&postings, place)?;
        group.octets += record.length();
        group.records.push(record);
        Ok(Ok(answer))
    }

    /// Writes the group and lets the index follow.
    fn make(&mut self, group: &mut Group<'_>) -> Result<(), StoreError> {
        let segments = &self.shared.segments;
        let since = self.log.unsynced();
        let durable = group.durable || since.is_some_and(|since| since.elapsed() >= SYNC_WITHIN);
        if group.records.is_empty() {
            return if durable {
                self.log.sync(segments)
            } else {
                Ok(())
            };
        }
        self.log.write(segments, &group.records, durable)?;
        let applied = recover::Applied {
            number: self.log.number(),
            segment: self.log.segment(),
        };
        let overlay = &mut group.draft.overlay;
        overlay.put(keys::APPLIED.to_vec(), applied.to_octets());
        self.shared
            .tree
            .apply(&overlay.changes)
            .inspect_err(|error| {
                tracing::error!(%error, "the index failed");
                self.log.take_back(&self.shared.segments, &group.records);
                self.failed = Some(Instant::now());
            })
    }

    /// An index that failed is opened again, and a segment is there to write to.
    fn prepare(&mut self) -> Result<(), StoreError> {
        if let Some(since) = self.failed {
            if since.elapsed() < HEAL_EVERY {
                return Err(StoreError::Failed("the index is being brought back".into()));
            }
            self.failed = Some(Instant::now());
            self.log.void(&self.shared.segments);
            let shared = &self.shared;
            shared.tree.reopen()?;
            let found =
                recover::recover(&shared.tree, &shared.segments, &shared.dir).or_else(|error| {
                    tracing::error!(%error, "the index is made anew");
                    shared.tree.clear()?;
                    recover::rebuild(&shared.tree, &shared.segments)
                })?;
            self.log = Log::new(shared.options.segment_size.0, found.number);
            journal::fill(&shared.book, &shared.tree)?;
            self.failed = None;
            shared.news.lists.forget_all();
            tracing::info!("the index is back");
        }
        let shared = Arc::clone(&self.shared);
        self.log.ready(&shared.segments, || marks(&shared.tree))?;
        shared.current.store(self.log.segment(), Ordering::Relaxed);
        Ok(())
    }
}

/// The postings that a segment starts with: what the index would not find elsewhere
/// once older segments are gone.
fn marks(index: &dyn Index) -> Result<Vec<Posting>, StoreError> {
    let mut marks = Vec::new();
    for key in keys::MARKS {
        if let Some(value) = index.get(key)? {
            let key = key.to_vec();
            marks.push(Posting::Put { key, value });
        }
    }
    Ok(marks)
}

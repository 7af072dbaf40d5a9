//! Reading messages to show them: bounded memory for all sessions, and a few kept for the next piece.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::glance::Glances;
use super::view::{Exposed, prefix, stub};
use crate::actions::{Desk, Refusal, Row};
use crate::mail::EntryId;
use crate::policy::{Class, Principal};
use crate::record::Entry;

/// Octets of one permit.
const UNIT: usize = 1024;
/// A session waits this long for its turn to read.
const ROOM_WAIT: Duration = Duration::from_secs(60);
/// Messages kept at most.
const KEPT_MOST: usize = 200;
/// Messages read ahead at most, and their octets.
const AHEAD: usize = 64;
const AHEAD_OCTETS: usize = 1 << 20;

/// Opens messages for all sessions.
pub(super) struct Bodies {
    desk: Desk,
    room: Arc<Semaphore>,
    units: u32,
    kept: Mutex<Kept>,
    /// What listings say of messages.
    pub(super) glances: Glances,
}

struct Kept {
    messages: VecDeque<(EntryId, u64, Arc<Exposed>)>,
    octets: usize,
    most: usize,
}

/// A message in hand, and the memory it was given.
pub(super) struct Held {
    pub(super) message: Arc<Exposed>,
    _room: Option<OwnedSemaphorePermit>,
}

impl Bodies {
    pub(super) fn new(desk: Desk, memory: usize, cache: usize) -> Self {
        let units = u32::try_from(memory / UNIT)
            .unwrap_or(u32::MAX)
            .clamp(1, u32::MAX >> 3);
        Self {
            desk,
            room: Arc::new(Semaphore::new(units as usize)),
            units,
            kept: Mutex::new(Kept {
                messages: VecDeque::new(),
                octets: 0,
                most: cache,
            }),
            glances: Glances::new(cache),
        }
    }

    /// The message of an entry as `by` may see it; waits up to 60 s for its turn if
    /// much is being read.
    ///
    /// # Errors
    /// [`Refusal::NotYours`] if it is gone, [`Refusal::Failed`].
    pub(super) async fn open(&self, by: &Principal, entry: &Entry) -> Result<Held, Refusal> {
        // Malware is never kept: who may see it is asked each time.
        let keep = entry.verdict.class != Class::Malware;
        if keep && let Some(message) = self.kept.lock().get(entry) {
            return Ok(Held {
                message,
                _room: None,
            });
        }
        let wanted = usize::try_from(entry.size).unwrap_or(usize::MAX) / UNIT + 1;
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX).min(self.units);
        let room = Arc::clone(&self.room).acquire_many_owned(wanted);
        let room = tokio::time::timeout(ROOM_WAIT, room)
            .await
            .map_err(|_| Refusal::Failed("too many large messages are being read".to_owned()))?;
        let message = match self.desk.mail(by, entry.id).await {
            Ok(mail) => Exposed::new(prefix(entry), mail.bytes),
            Err(Refusal::NeedsRight(right)) => Exposed::new(prefix(entry), stub(entry, right)),
            Err(refusal) => return Err(refusal),
        };
        let message = Arc::new(message);
        if keep {
            self.kept.lock().put(entry, Arc::clone(&message));
        }
        Ok(Held {
            message,
            _room: room.ok(),
        })
    }

    /// Reads some of the messages of the first of these rows at once, to be opened soon;
    /// returns of how many rows, at least one. What fails here fails again when it is opened.
    pub(super) async fn read_ahead(&self, by: &Principal, rows: &[Option<Row>]) -> usize {
        let (mut wanted, mut octets, mut taken) = (Vec::new(), 0, 0);
        let most = self.kept.lock().most.min(AHEAD_OCTETS) as u64;
        for row in rows.iter().take(AHEAD) {
            if let Some(row) = row
                && row.entry.verdict.class != Class::Malware
            {
                if octets + row.entry.size > most {
                    break;
                }
                octets += row.entry.size;
                if self.kept.lock().get(&row.entry).is_none() {
                    wanted.push(row);
                }
            }
            taken += 1;
        }
        let units = u32::try_from(octets / UNIT as u64 + 1).unwrap_or(u32::MAX);
        // Where others read much, it is read one by one.
        if wanted.len() > 1
            && let Ok(_room) = self.room.try_acquire_many(units)
            && let Ok(mails) = self.desk.mails(by, &wanted).await
        {
            let mut kept = self.kept.lock();
            for (row, mail) in wanted.iter().zip(mails) {
                if let Some(mail) = mail {
                    let message = Exposed::new(prefix(&row.entry), mail.bytes);
                    kept.put(&row.entry, Arc::new(message));
                }
            }
        }
        taken.max(1)
    }

    /// RFC822.SIZE; reads the message only where its class may hide it.
    ///
    /// # Errors
    /// As [`Bodies::open`].
    pub(super) async fn size(&self, by: &Principal, entry: &Entry) -> Result<u64, Refusal> {
        if entry.verdict.class == Class::Malware {
            return Ok(self.open(by, entry).await?.message.size());
        }
        Ok(size_of(entry))
    }
}

/// RFC822.SIZE of a message that is shown as it is.
pub(super) fn size_of(entry: &Entry) -> u64 {
    entry.size + prefix(entry).len() as u64
}

impl Kept {
    fn get(&mut self, entry: &Entry) -> Option<Arc<Exposed>> {
        let place = self
            .messages
            .iter()
            .position(|(id, uid, _)| *id == entry.id && *uid == entry.uid)?;
        let found = self.messages.remove(place)?;
        let message = Arc::clone(&found.2);
        self.messages.push_back(found);
        Some(message)
    }

    fn put(&mut self, entry: &Entry, message: Arc<Exposed>) {
        let size = usize::try_from(message.size()).unwrap_or(usize::MAX);
        if size > self.most || self.get(entry).is_some() {
            return;
        }
        self.octets += size;
        self.messages.push_back((entry.id, entry.uid, message));
        while self.octets > self.most || self.messages.len() > KEPT_MOST {
            match self.messages.pop_front() {
                Some((_, _, old)) => {
                    self.octets -= usize::try_from(old.size()).unwrap_or(usize::MAX);
                }
                None => break,
            }
        }
    }
}

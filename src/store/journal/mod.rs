//! The log of all mail as it is searched: the newest events in memory, the others in sealed
//! parts. Which events there are is decided by the ledger; here is where they are found.

mod part;
mod shelf;
mod tail;
mod tally;
mod terms;
mod wish;
mod words;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;

use parking_lot::RwLock;

use self::part::Part;
use self::tail::Tail;
use crate::clock::Timestamp;
use crate::mail::EntryId;
use crate::record::Event;
use crate::store::{Page, Place, StoreError};

pub(crate) use shelf::Shelf;
pub(crate) use tail::{Line, Ripe};
pub(crate) use wish::Wish;

/// Events in memory from which on no more are taken that may be lost: they cannot be sealed.
const TAIL_MOST: usize = 128 << 10;
/// Rows that are read in one search beyond those that are found.
const LOOKED_MOST: usize = 30_000;
/// Events of one entry that are shown.
const HISTORY_MOST: usize = 10_000;

/// The log of all mail.
#[derive(Default)]
pub(crate) struct Book {
    known: RwLock<Known>,
    /// Where parts are kept; without one nothing is sealed.
    pub(crate) shelf: Option<Shelf>,
}

#[derive(Default)]
struct Known {
    tail: Tail,
    /// By the numbers that they cover.
    parts: Vec<Arc<Part>>,
}

impl Book {
    /// The log with what is sealed on `shelf`.
    ///
    /// # Errors
    /// The shelf cannot be read. Damaged parts are moved aside.
    pub(crate) fn on(shelf: Shelf) -> io::Result<Self> {
        let parts = shelf.find()?;
        let mut tail = Tail::default();
        tail.sealed = parts.iter().map(|part| part.last).max().unwrap_or(0);
        Ok(Self {
            known: RwLock::new(Known { tail, parts }),
            shelf: Some(shelf),
        })
    }

    /// Adds events. Those that are there already stay.
    pub(crate) fn add(&self, events: impl IntoIterator<Item = (Place, Event)>) {
        let mut known = self.known.write();
        for (place, event) in events {
            known.tail.add(place, event);
        }
    }

    /// Forgets what is in memory; it is added anew from the ledger. `sealed` is up to where
    /// the ledger says that events are sealed.
    pub(crate) fn start_over(&self, sealed: u64) {
        let mut known = self.known.write();
        known.tail.clear();
        known.tail.seal(sealed);
    }

    /// Up to this number events are sealed.
    pub(crate) fn sealed(&self) -> u64 {
        self.known.read().tail.sealed
    }

    /// True if so much waits to be sealed that only what must be kept is taken.
    pub(crate) fn is_full(&self) -> bool {
        self.shelf.is_some() && self.known.read().tail.len() >= TAIL_MOST
    }

    /// Events in sealed parts.
    pub(crate) fn rows(&self) -> u64 {
        let known = self.known.read();
        known.parts.iter().map(|part| u64::from(part.rows())).sum()
    }

    /// How many sealed parts there are, and their octets.
    pub(crate) fn files(&self) -> (u64, u64) {
        let parts = &self.known.read().parts;
        let sizes = parts.iter().map(|part| part.size);
        (parts.len() as u64, sizes.sum())
    }

    /// The lines in memory and the parts, as they are together at one moment.
    fn look(&self) -> (Vec<Arc<Line>>, Vec<Arc<Part>>) {
        let known = self.known.read();
        (known.tail.all(), known.parts.clone())
    }

    /// What came of reading a part. A damaged one is moved aside, and what it held is lost.
    fn heed<T: Default>(&self, part: &Arc<Part>, read: io::Result<T>) -> Result<T, StoreError> {
        match read {
            Ok(read) => Ok(read),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidData
                        | io::ErrorKind::NotFound
                        | io::ErrorKind::UnexpectedEof
                ) =>
            {
                tracing::error!(%error, rows = part.rows(), "a part of the log of all mail is damaged; it is moved aside");
                let mut known = self.known.write();
                known.parts.retain(|other| !Arc::ptr_eq(other, part));
                if let Err(error) = part.set_aside() {
                    tracing::error!(%error, "it cannot be moved");
                }
                Ok(T::default())
            }
            Err(error) => Err(StoreError::Failed(format!(
                "cannot read the log of all mail: {error}"
            ))),
        }
    }

    /// The newest events that fit; at most `most`.
    pub(crate) fn search(&self, mut wish: Wish, most: usize) -> Result<Page<Event>, StoreError> {
        let (tail, mut parts) = self.look();
        let want = most.saturating_add(1);
        let mut budget = LOOKED_MOST.saturating_add(want);
        let mut found: Vec<part::Line> = tail
            .iter()
            .filter(|line| wish.covers(line.place) && wish.fits(&line.event))
            .map(|line| (line.place, line.event.clone()))
            .collect();
        newest(&mut found, want);
        parts.sort_by_key(|part| std::cmp::Reverse(part.ends().1));
        let mut stopped = None;
        for part in &parts {
            let last = part.ends().1;
            let enough = found.len() == want && found.last().is_some_and(|(at, _)| *at > last);
            if enough || last < wish.low {
                // The ends of the others lie before this one's.
                break;
            }
            let more = self.heed(part, part.search(&wish, want, &mut budget))?;
            found.extend(more.lines);
            newest(&mut found, want);
            if let Some(place) = more.stopped {
                // Parts overlap a little: what is newer than this may be in another.
                let number = place.number + 1;
                wish.low = Place { number, ..place };
                budget = LOOKED_MOST;
                stopped = Some(place);
            }
        }
        found.retain(|(place, _)| *place >= wish.low);
        let mut next = stopped;
        if found.len() > most {
            found.truncate(most);
            next = found.last().map(|(place, _)| *place);
        }
        Ok(Page {
            rows: found.into_iter().map(|(_, event)| event).collect(),
            next,
        })
    }

    /// What happened to an entry since `edge`, in the order in which it was written.
    pub(crate) fn history(
        &self,
        entry: EntryId,
        edge: Timestamp,
    ) -> Result<Vec<Event>, StoreError> {
        let (tail, parts) = self.look();
        let mut found: Vec<part::Line> = Vec::new();
        for part in parts.iter().filter(|part| part.ends().1.at >= edge) {
            found.extend(self.heed(part, part.history(entry))?);
        }
        let own = tail.iter().filter(|line| line.entries.contains(&entry));
        found.extend(own.map(|line| (line.place, line.event.clone())));
        found.retain(|(place, _)| place.at >= edge);
        // Numbers are given in the order of writing, whatever the clock did.
        found.sort_by_key(|(place, _)| place.number);
        found.truncate(HISTORY_MOST);
        Ok(found.into_iter().map(|(_, event)| event).collect())
    }

    /// Lets go of events before `before`; files that hold nothing else go.
    pub(crate) fn forget(&self, before: Timestamp) {
        let mut known = self.known.write();
        known.tail.forget(before);
        known.parts.retain(|part| {
            let stays = part.ends().1.at >= before;
            if !stays {
                part.retire();
            }
            stays
        });
    }
}

fn newest(lines: &mut Vec<part::Line>, most: usize) {
    lines.sort_unstable_by_key(|(place, _)| std::cmp::Reverse(*place));
    lines.truncate(most);
}

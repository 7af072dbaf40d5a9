//! The newest events, in memory until they are sealed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::mail::EntryId;
use crate::record::Event;
use crate::store::Place;

/// Events that make the tail ripe to be sealed.
const RIPE: usize = 4096;
/// Events sealed at once.
const SEALED_MOST: usize = 16_384;

/// An event with what is looked up often.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) place: Place,
    pub(crate) event: Event,
    /// The entries whose history it belongs to.
    pub(crate) entries: Vec<EntryId>,
}

/// Events that are to be sealed, and the numbers that they cover.
pub(crate) struct Ripe {
    pub(crate) numbers: (u64, u64),
    pub(crate) lines: Vec<Arc<Line>>,
}

/// The newest events by number.
#[derive(Default)]
pub(super) struct Tail {
    lines: BTreeMap<u64, Arc<Line>>,
    /// Events up to this number are sealed.
    pub(super) sealed: u64,
    /// The last day on which the events of earlier days were sealed.
    day: u64,
}

impl Tail {
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Adds an event, unless it is sealed.
    pub(super) fn add(&mut self, place: Place, event: Event) {
        if place.number > self.sealed {
            let entries = event.entries();
            let line = Line {
                place,
                event,
                entries,
            };
            self.lines.insert(place.number, Arc::new(line));
        }
    }

    pub(super) fn clear(&mut self) {
        self.lines.clear();
    }

    /// All lines, in the order of their numbers.
    pub(super) fn all(&self) -> Vec<Arc<Line>> {
        self.lines.values().cloned().collect()
    }

    /// What is to be sealed now: much, what is of a day before this one, or with `all` anything.
    pub(super) fn ripe(&mut self, today: u64, all: bool) -> Option<Ripe> {
        let oldest = self.lines.values().next()?.place.at.day();
        let turned = self.day < today && oldest < today;
        if !(all || turned || self.len() >= RIPE) {
            return None;
        }
        let lines: Vec<_> = self.lines.values().take(SEALED_MOST).cloned().collect();
        if lines.len() == self.len() {
            self.day = self.day.max(today);
        }
        let last = lines.last()?.place.number;
        Some(Ripe {
            numbers: (self.sealed + 1, last),
            lines,
        })
    }

    /// Events up to `number` are sealed.
    pub(super) fn seal(&mut self, number: u64) {
        self.sealed = self.sealed.max(number);
        self.lines = self.lines.split_off(&(self.sealed + 1));
    }

    pub(super) fn forget(&mut self, before: Timestamp) {
        self.lines.retain(|_, line| line.place.at >= before);
    }
}

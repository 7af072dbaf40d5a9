//! Lessons of people that were taken back, for those outside who learned them too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::mail::MailId;
use crate::record::Lore;

/// Those that are remembered, the newest.
const STRUCK_MOST: usize = 10_000;

/// A lesson that somebody taught and somebody took back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Struck {
    /// Grows from one to the next, also over a restart and another journal.
    pub number: u64,
    pub mail: MailId,
    pub lore: Lore,
    /// When it was taken back.
    pub at: Timestamp,
}

/// The newest of them, by number.
#[derive(Debug, Default)]
pub(super) struct Memory(BTreeMap<u64, Struck>);

impl Memory {
    /// Notes that a lesson was taken back.
    pub(super) fn note(&mut self, mail: MailId, lore: Lore, at: Timestamp) {
        let last = self.0.last_key_value().map_or(0, |(number, _)| *number);
        // The time as number: whoever remembers how far it came need not know which journal that was.
        let number = at.0.max(last + 1);
        self.put(Struck {
            number,
            mail,
            lore,
            at,
        });
    }

    pub(super) fn put(&mut self, struck: Struck) {
        self.0.insert(struck.number, struck);
        while self.0.len() > STRUCK_MOST {
            self.0.pop_first();
        }
    }

    /// All, the oldest first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Struck> {
        self.0.values()
    }

    /// Those after this number, the oldest first; at most `most`.
    pub(super) fn after(&self, number: u64, most: usize) -> Vec<Struck> {
        let from = number.saturating_add(1);
        self.0
            .range(from..)
            .take(most)
            .map(|(_, one)| one.clone())
            .collect()
    }
}

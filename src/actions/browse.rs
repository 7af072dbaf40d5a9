//! Leafing through a shelf, the newest first, with a sieve.

use serde::{Deserialize, Serialize};

use super::{Desk, Refusal, Row};
use crate::clock::Timestamp;
use crate::mail::{Direction, EntryId};
use crate::policy::{Class, Principal};
use crate::record::{Entry, Shelf};
use crate::store::View;

/// Entries looked at for one sheet; what is older is found by the next one.
const LOOKED_MOST: usize = 20_000;
/// Entries that are put into another order, and those looked at to find them.
const SORTED_MOST: usize = 20_000;
const LOOKED_TO_SORT: usize = 100_000;
/// Entries looked at in one piece.
const PIECE: usize = 500;

/// What is looked for on a shelf. All that is set must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sieve {
    pub class: Option<Class>,
    /// Part of the author or the reverse path, lower case.
    pub from: Option<String>,
    /// Part of the owner or the recipient, lower case.
    pub to: Option<String>,
    /// Words of subject or addresses, lower case.
    pub words: Option<String>,
    pub score_from: Option<f32>,
    pub score_to: Option<f32>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Only what somebody asked to be released.
    pub requested: bool,
    /// Only what could not be delivered.
    pub failed: bool,
}

/// The order in which a shelf is leafed through. All but the first look at the newest 20,000
/// entries that pass, of the newest 100,000, and no further.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    #[default]
    Newest,
    Oldest,
    ScoreUp,
    ScoreDown,
    SizeUp,
    SizeDown,
    Sender,
    Subject,
}

/// A part of a shelf.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sheet {
    /// The newest first.
    pub rows: Vec<Row>,
    /// There may be more below this uid; in another order than the newest first: from this
    /// place on.
    pub next: Option<u64>,
    /// There is more that was not looked at when this order was made.
    pub cut: bool,
}

/// What passed of a part of a shelf.
#[derive(Default)]
struct Sifted {
    entries: Vec<Entry>,
    /// There may be more below this uid.
    next: Option<u64>,
    looked: usize,
}

impl Sieve {
    /// True if everything passes.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    fn passes(&self, entry: &Entry) -> bool {
        let within = |wanted: &Option<String>, texts: &[&str]| {
            wanted.as_ref().is_none_or(|wanted| {
                texts
                    .iter()
                    .any(|text| text.to_lowercase().contains(wanted.as_str()))
            })
        };
        let from = entry.from.as_ref().map_or("", |from| from.key());
        let to: Vec<&str> = entry
            .to
            .iter()
            .chain([&entry.owner])
            .map(|to| to.key())
            .collect();
        let score = entry.verdict.score;
        self.class.is_none_or(|class| class == entry.verdict.class)
            && self.score_from.is_none_or(|least| score >= least)
            && self.score_to.is_none_or(|most| score <= most)
            && self.since.is_none_or(|since| entry.arrived >= since)
            && self.until.is_none_or(|until| entry.arrived <= until)
            && (!self.requested || entry.requested.is_some())
            && (!self.failed || entry.failed.is_some())
            && within(&self.from, &[&entry.author, from])
            && within(&self.to, &to)
            && self.words.as_ref().is_none_or(|words| {
                let text = format!("{} {} {from} {}", entry.subject, entry.author, to.join(" "));
                let text = text.to_lowercase();
                words.split_whitespace().all(|word| text.contains(word))
            })
    }
}

fn sort(entries: &mut [Entry], order: Order) {
    let text = |text: &str| text.to_lowercase();
    match order {
        Order::Newest => {}
        Order::Oldest => entries.reverse(),
        Order::ScoreUp => {
            entries.sort_by(|a, b| a.verdict.score.total_cmp(&b.verdict.score));
        }
        Order::ScoreDown => {
            entries.sort_by(|a, b| b.verdict.score.total_cmp(&a.verdict.score));
        }
        Order::SizeUp => entries.sort_by_key(|entry| entry.size),
        Order::SizeDown => entries.sort_by_key(|entry| std::cmp::Reverse(entry.size)),
        Order::Sender => entries.sort_by_cached_key(|entry| text(&entry.author)),
        Order::Subject => entries.sort_by_cached_key(|entry| text(&entry.subject)),
    }
}

impl Desk {
    /// What `by` sees on a shelf below the uid `before`, as far as it passes `sieve`, the newest
    /// first: `most` rows, or fewer where many were looked at in vain.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn sheet(
        &self,
        by: &Principal,
        place: (Shelf, Direction),
        sieve: &Sieve,
        before: Option<u64>,
        most: usize,
    ) -> Result<Sheet, Refusal> {
        let found = self.sift(by, place, sieve, before, most).await?;
        Ok(Sheet {
            rows: self.flagged(by, found.entries).await?,
            next: found.next,
            cut: false,
        })
    }

    /// The entries of such a sheet.
    async fn sift(
        &self,
        by: &Principal,
        (shelf, direction): (Shelf, Direction),
        sieve: &Sieve,
        before: Option<u64>,
        most: usize,
    ) -> Result<Sifted, Refusal> {
        let view = View {
            scope: by.scope.clone(),
            shelf,
            direction,
        };
        let fits = |entry: &Entry| by.scope.holds_address(&entry.owner) && sieve.passes(entry);
        let mut below = before.unwrap_or(u64::MAX);
        let mut sifted = Sifted::default();
        let piece = if sieve.is_open() { most + 1 } else { PIECE };
        while sifted.looked < LOOKED_MOST {
            let found = self.store.entries.newest(&view, below, piece).await?;
            let ids: Vec<EntryId> = found.iter().map(|(_, id)| *id).collect();
            let entries = self.store.entries.entries(&ids).await?;
            for ((uid, _), entry) in found.iter().zip(entries) {
                if sifted.entries.len() == most {
                    sifted.next = Some(below);
                    return Ok(sifted);
                }
                below = *uid;
                sifted.looked += 1;
                sifted.entries.extend(entry.filter(fits));
            }
            if found.len() < piece {
                return Ok(sifted);
            }
        }
        sifted.next = Some(below);
        Ok(sifted)
    }

    /// The same entries with their flags.
    async fn flagged(&self, by: &Principal, entries: Vec<Entry>) -> Result<Vec<Row>, Refusal> {
        Ok(self.store.entries.flagged(&by.scope, entries).await?)
    }

    /// The same in any order, from the place `after` on.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn sheet_by(
        &self,
        by: &Principal,
        place: (Shelf, Direction),
        sieve: &Sieve,
        order: Order,
        after: Option<u64>,
        most: usize,
    ) -> Result<Sheet, Refusal> {
        if order == Order::Newest {
            return self.sheet(by, place, sieve, after, most).await;
        }
        let mut all = Vec::new();
        let (mut before, mut looked) = (None, 0);
        while all.len() < SORTED_MOST && looked < LOOKED_TO_SORT {
            let wanted = (SORTED_MOST - all.len()).min(PIECE * 4);
            let found = self.sift(by, place, sieve, before, wanted).await?;
            all.extend(found.entries);
            looked += found.looked;
            before = found.next;
            if before.is_none() {
                break;
            }
        }
        sort(&mut all, order);
        let skip = usize::try_from(after.unwrap_or(0)).unwrap_or(usize::MAX);
        let next = skip.saturating_add(most);
        let more = all.len() > next;
        let page: Vec<Entry> = all.into_iter().skip(skip).take(most).collect();
        Ok(Sheet {
            rows: self.flagged(by, page).await?,
            next: more.then_some(next as u64),
            cut: before.is_some(),
        })
    }

    /// Ids of all that passes `sieve`, the newest first; at most `most`.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn sifted(
        &self,
        by: &Principal,
        place: (Shelf, Direction),
        sieve: &Sieve,
        most: usize,
    ) -> Result<Vec<EntryId>, Refusal> {
        let mut ids = Vec::new();
        let mut before = None;
        loop {
            let wanted = (most - ids.len()).min(PIECE);
            let found = self.sift(by, place, sieve, before, wanted).await?;
            ids.extend(found.entries.iter().map(|entry| entry.id));
            before = found.next;
            if before.is_none() || ids.len() >= most {
                return Ok(ids);
            }
        }
    }
}

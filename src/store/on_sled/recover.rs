//! Reading the log back: after a crash its tail, after damage to the index all of it.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use super::record::Postings;
use super::segments::{Found as Record, Scan, Segments};
use super::tree::Tree;
use crate::store::StoreError;
use crate::store::ledger::draft::{Draft, Place};
use crate::store::ledger::index::Index;
use crate::store::ledger::keys;
use crate::store::ledger::rows::number;

/// Postings that are brought into the index at once.
const BATCH: usize = 500;

/// The file that says up to which record the index is durable.
pub(super) const CHECKPOINT: &str = "checkpoint";

/// The layout of the index. One that was made by a version with another is made anew.
const LAYOUT: u8 = 3;

/// The last record that the index knows, and its segment. Kept in the index itself,
/// and changed with it; behind it stands the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Applied {
    pub(super) number: u64,
    pub(super) segment: u64,
}

impl Applied {
    pub(super) fn to_octets(self) -> Vec<u8> {
        let mut octets = [self.number.to_be_bytes(), self.segment.to_be_bytes()].concat();
        octets.push(LAYOUT);
        octets
    }

    /// What `index` knows.
    pub(super) fn of(index: &dyn Index) -> Result<Self, StoreError> {
        let octets = index.get(keys::APPLIED)?.unwrap_or_default();
        Ok(Self {
            number: number(Some(&octets)),
            segment: number(octets.get(8..)),
        })
    }
}

/// What was found in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Found {
    /// The last record's number.
    pub(super) number: u64,
    /// The last segment, and where its sound records end.
    pub(super) end: Option<(u64, u64)>,
    /// Damaged stretches that were passed over.
    pub(super) damages: u64,
}

fn unusable(why: &str) -> StoreError {
    StoreError::Failed(format!("the index {why}"))
}

/// Brings the index up to date with the log.
///
/// # Errors
/// The index cannot be trusted: it is behind its check-point or ahead of the log, or it failed.
pub(super) fn recover(tree: &Tree, segments: &Segments, dir: &Path) -> Result<Found, StoreError> {
    let applied = Applied::of(tree)?;
    let known = tree.get(keys::APPLIED)?;
    if known.is_some_and(|octets| octets.get(16) != Some(&LAYOUT)) {
        return Err(unusable("has another layout than this version's"));
    }
    let covered = match std::fs::read_to_string(dir.join(CHECKPOINT)) {
        Ok(text) => text
            .trim()
            .parse()
            .map_err(|_| unusable("has a damaged check-point"))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(unusable(&format!("has no readable check-point: {error}"))),
    };
    if applied.number < covered {
        return Err(unusable("is older than its check-point"));
    }
    replay(tree, segments, applied, false)
}

/// Makes an empty index anew from all of the log; records that make no sense are reported.
pub(super) fn rebuild(tree: &Tree, segments: &Segments) -> Result<Found, StoreError> {
    replay(tree, segments, Applied::default(), true)
}

struct Replay<'a> {
    tree: &'a Tree,
    applied: Applied,
    lenient: bool,
    batch: Vec<(u64, Postings)>,
    postings: usize,
    unsettled: BTreeSet<crate::mail::MailId>,
}

fn replay(
    tree: &Tree,
    segments: &Segments,
    applied: Applied,
    lenient: bool,
) -> Result<Found, StoreError> {
    let failed = |error| StoreError::Failed(format!("cannot read the log: {error}"));
    let all = segments.list();
    let tail: Vec<u64> = all
        .iter()
        .map(|(id, _)| *id)
        .filter(|id| *id >= applied.segment)
        .collect();
    if tail.is_empty() && applied.number > 0 {
        return Err(unusable("is ahead of the log"));
    }
    let mut found = Found {
        number: applied.number,
        ..Found::default()
    };
    let mut seen = 0;
    let mut replay = Replay {
        tree,
        applied,
        lenient,
        batch: Vec::new(),
        postings: 0,
        unsettled: BTreeSet::new(),
    };
    for (i, id) in tail.iter().enumerate() {
        let (before, reach) = segments.bounds(&tail, i).map_err(failed)?;
        let scan = Scan {
            before,
            // Older segments were durable as a whole before the next was begun.
            bodies_above: if i + 1 == tail.len() {
                applied.number
            } else {
                u64::MAX
            },
        };
        let done = segments.scan(*id, scan, |record| replay.record(*id, record))?;
        replay.flush(*id, seen.max(done.last))?;
        seen = seen.max(done.last);
        found.damages += done.damages;
        found.end = Some((*id, done.end));
        if reach.is_some_and(|reach| done.last < reach) {
            tracing::error!(
                segment = *id,
                "records at the end of a file of the log are lost"
            );
            found.damages += 1;
        }
        if lenient {
            tracing::info!(file = i + 1, of = tail.len(), "making the index anew");
        }
    }
    if tail.contains(&applied.segment) && seen < applied.number {
        return Err(unusable("is ahead of the log"));
    }
    found.number = found.number.max(seen);
    replay.settle()?;
    Ok(found)
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        StoreError::Failed(format!("cannot read the log: {error}"))
    }
}

impl Replay<'_> {
    fn record(&mut self, segment: u64, record: Record) -> Result<(), StoreError> {
        if record.header.number <= self.applied.number {
            return Ok(());
        }
        self.postings += record.postings.postings.len();
        self.batch.push((record.offset, record.postings));
        if self.postings >= BATCH {
            self.flush(segment, record.header.number)?;
        }
        Ok(())
    }

    fn flush(&mut self, segment: u64, number: u64) -> Result<(), StoreError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let mut draft = Draft::new(self.tree, segment);
        draft.unsettled = Some(std::mem::take(&mut self.unsettled));
        for (offset, record) in self.batch.drain(..) {
            let place = Place {
                segment,
                offset,
                weights: &record.weights,
            };
            match draft.post(&record.postings, place) {
                Err(error) if self.lenient => {
                    tracing::error!(segment, offset, %error, "a record is passed over");
                }
                other => other?,
            }
        }
        self.postings = 0;
        let applied = Applied { number, segment };
        draft
            .overlay
            .put(keys::APPLIED.to_vec(), applied.to_octets());
        self.tree.apply(&draft.overlay.changes)?;
        self.unsettled = draft.unsettled.unwrap_or_default();
        Ok(())
    }

    /// Lets go of mails that nobody needs in the end.
    fn settle(&mut self) -> Result<(), StoreError> {
        let mails: Vec<_> = std::mem::take(&mut self.unsettled).into_iter().collect();
        for some in mails.chunks(BATCH) {
            let mut draft = Draft::new(self.tree, 0);
            for mail in some {
                draft.drop_unneeded(*mail)?;
            }
            self.tree.apply(&draft.overlay.changes)?;
        }
        Ok(())
    }
}

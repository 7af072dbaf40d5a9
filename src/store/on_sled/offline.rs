//! For the administrator, while no daemon runs: verify the log, make the index anew, count.

use std::path::Path;
use std::sync::Arc;

use super::Options;
use super::disk::{Disk, RealDisk};
use super::open::{self, OpenError};
use super::recover::{self, CHECKPOINT};
use super::segments::{Scan, Segments};
use crate::store::StoreError;
use crate::store::journal::Shelf;
use crate::store::ledger::index::Index;
use crate::store::ledger::keys;
use crate::store::ledger::rows::number;

/// What a look at every octet of the log showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verified {
    /// Files of the log.
    pub segments: u64,
    /// Sound records.
    pub records: u64,
    /// Octets in sound records.
    pub octets: u64,
    /// Damaged stretches: what was kept there is lost.
    pub damages: u64,
    /// Octets in them.
    pub damaged: u64,
    /// Sealed parts of the log of all mail.
    pub parts: u64,
    /// Those that are damaged; they count among `damages` too.
    pub damaged_parts: u64,
}

/// What the store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    pub mails: u64,
    /// Entries in any state.
    pub entries: u64,
    pub jobs: u64,
    pub lessons: u64,
    pub events: u64,
    pub settings: u64,
    /// The highest uid given.
    pub last_uid: u64,
    /// Files of the log.
    pub segments: u64,
    /// Octets in them.
    pub log: u64,
    /// Octets in them that are needed.
    pub live: u64,
    /// Octets of the index on disk.
    pub index: u64,
    /// Sealed parts of the log of all mail.
    pub parts: u64,
    /// Octets in them.
    pub parts_size: u64,
}

fn damaged(dir: &Path) -> impl Fn(StoreError) -> OpenError {
    let dir = dir.to_owned();
    move |error| OpenError::Damaged {
        dir: dir.clone(),
        why: error.to_string(),
    }
}

/// Reads all of the log with every checksum; changes nothing.
///
/// # Errors
/// [`OpenError`] if there is no store, it is in use, or cannot be read.
pub fn verify(dir: &Path) -> Result<Verified, OpenError> {
    let _lock = open::claim_existing(dir)?;
    let segments = open::find_segments(Arc::new(RealDisk), dir)?;
    let mut verified = verify_all(&segments).map_err(damaged(dir))?;
    let place = dir.join("journal");
    if place.exists() {
        let shelf = Shelf::new(Arc::new(RealDisk), &place);
        let parts = shelf.and_then(|shelf| shelf.verify());
        let (parts, bad) = parts.map_err(|error| damaged(dir)(error.into()))?;
        (verified.parts, verified.damaged_parts) = (parts, bad);
        verified.damages += bad;
    }
    Ok(verified)
}

fn verify_all(segments: &Segments) -> Result<Verified, StoreError> {
    let mut verified = Verified::default();
    let all: Vec<u64> = segments.list().iter().map(|(id, _)| *id).collect();
    for (i, id) in all.iter().enumerate() {
        let (before, reach) = segments.bounds(&all, i)?;
        let scan = Scan {
            before,
            bodies_above: 0,
        };
        let done = segments.scan(*id, scan, |record| {
            verified.records += 1;
            verified.octets += record.header.length();
            Ok::<(), StoreError>(())
        })?;
        verified.segments += 1;
        verified.damages += done.damages;
        verified.damaged += done.damaged;
        if reach.is_some_and(|reach| done.last < reach) {
            verified.damages += 1;
        }
        tracing::info!(file = i + 1, of = all.len(), "verified");
    }
    Ok(verified)
}

/// Makes the index anew from the log. The old one is kept in `DIR/index.damaged`.
///
/// # Errors
/// [`OpenError`] if there is no store, it is in use, or cannot be read or written.
pub fn rebuild(dir: &Path, options: &Options) -> Result<Stats, OpenError> {
    let _lock = open::claim_existing(dir)?;
    let segments = open::find_segments(Arc::new(RealDisk), dir)?;
    let (tree, found) = open::rebuild_index(dir, options.cache_capacity.0, &segments)?;
    tree.flush().map_err(damaged(dir))?;
    let text = format!("{}\n", found.number);
    open::write_aside(dir, CHECKPOINT, text.as_bytes())
        .map_err(StoreError::from)
        .map_err(damaged(dir))?;
    let mut stats = count(&tree, &segments, tree.size()).map_err(damaged(dir))?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let book = open::open_book(&disk, dir)?;
    stats.events += book.rows();
    (stats.parts, stats.parts_size) = book.files();
    Ok(stats)
}

/// Counts what the store holds. An index that is behind the log is brought up to date.
///
/// # Errors
/// [`OpenError`] if there is no store, it is in use, or its index cannot be used.
pub fn stats(dir: &Path, options: &Options) -> Result<Stats, OpenError> {
    let _lock = open::claim_existing(dir)?;
    let segments = open::find_segments(Arc::new(RealDisk), dir)?;
    let tree = super::Tree::open(&dir.join("index"), options.cache_capacity.0);
    let tree = tree.map_err(damaged(dir))?;
    recover::recover(&tree, &segments, dir).map_err(damaged(dir))?;
    let mut stats = count(&tree, &segments, tree.size()).map_err(damaged(dir))?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let book = open::open_book(&disk, dir)?;
    stats.events += book.rows();
    (stats.parts, stats.parts_size) = book.files();
    Ok(stats)
}

fn count(tree: &dyn Index, segments: &Segments, index: u64) -> Result<Stats, StoreError> {
    let rows = |prefix: &[u8]| rows(tree, prefix);
    let mut stats = Stats {
        mails: rows(b"M")?,
        entries: rows(b"E")?,
        jobs: rows(b"J")?,
        lessons: rows(b"L")?,
        events: rows(b"V")?,
        settings: rows(b"S")?,
        last_uid: number(tree.get(keys::LAST_UID)?.as_deref()),
        index,
        ..Stats::default()
    };
    for (id, segment) in segments.list() {
        stats.segments += 1;
        stats.log += segment.size;
        stats.live += number(tree.get(&keys::live(id))?.as_deref());
    }
    Ok(stats)
}

/// Rows that start with `prefix`, in pieces: there may be millions.
fn rows(index: &dyn Index, prefix: &[u8]) -> Result<u64, StoreError> {
    let (mut from, to, mut rows) = (prefix.to_vec(), keys::end_of(prefix), 0);
    loop {
        let piece = index.range(&from, &to, 1000)?;
        let Some((last, _)) = piece.last() else {
            return Ok(rows);
        };
        rows += piece.len() as u64;
        from = [last.as_slice(), &[0]].concat();
    }
}

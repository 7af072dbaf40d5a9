//! Winning back space: what lives in a mostly dead segment is written anew, and the file goes.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::committer::Queue;
use super::segments::{Found, Scan};
use super::{Shared, keeper};
use crate::store::StoreError;
use crate::store::ledger::draft::Posting;
use crate::store::ledger::index::Index;
use crate::store::ledger::keys::{self, Kind};
use crate::store::ledger::ops::{Op, Packed};
use crate::store::ledger::rows::{Home, number};

/// Rows moved in one request.
const ROWS: usize = 200;
/// Files may take so much of what lives in them, in percent, before space is won back.
const MOST_PERCENT: u64 = 120;
/// A segment of which more than this lives, in percent, is not worth the work.
const WORTH_PERCENT: u64 = 90;

/// A closed segment and the octets that live in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) id: u64,
    pub(super) size: u64,
    pub(super) live: u64,
}

/// The closed segments.
pub(super) fn loads(shared: &Shared) -> Result<Vec<Load>, StoreError> {
    let current = shared.current.load(Ordering::Relaxed);
    let mut loads = Vec::new();
    for (id, segment) in shared.segments.list() {
        if id < current {
            let live = number(shared.tree.get(&keys::live(id))?.as_deref());
            let size = segment.size;
            loads.push(Load { id, size, live });
        }
    }
    Ok(loads)
}

/// The segment to be taken next, if there is one worth it.
fn choose(loads: &[Load], slack: u64) -> Option<Load> {
    let size: u64 = loads.iter().map(|load| load.size).sum();
    let live: u64 = loads.iter().map(|load| load.live).sum();
    let full = size
        > (live / 100)
            .saturating_mul(MOST_PERCENT)
            .saturating_add(slack);
    let emptiest = loads
        .iter()
        .min_by_key(|load| load.live.saturating_mul(1000) / load.size.max(1))?;
    let worth = emptiest.live < emptiest.size / 100 * WORTH_PERCENT;
    (emptiest.live == 0 || (full && worth)).then_some(*emptiest)
}

/// Takes segments until disk use is in proportion to what lives.
pub(super) fn compact(
    shared: &Shared,
    queue: &Queue,
    stop: &dyn Fn() -> bool,
) -> Result<(), StoreError> {
    // No segment is taken twice in a round, so that one that resists does not hold it up.
    let mut taken = Vec::new();
    while !stop() {
        let mut open = loads(shared)?;
        open.retain(|load| !taken.contains(&load.id));
        let Some(load) = choose(&open, shared.options.segment_size.0 / 4) else {
            break;
        };
        taken.push(load.id);
        let mut mover = Mover {
            shared,
            queue,
            segment: load.id,
            rows: Vec::new(),
            gone: Vec::new(),
            started: Instant::now(),
            octets: 0,
        };
        mover.empty(stop)?;
        if stop() {
            break;
        }
        // The rows' new places must be durable in log and index before the old ones go.
        keeper::checkpoint(shared, queue)?;
        let left = number(shared.tree.get(&keys::live(load.id))?.as_deref());
        if left == 0 {
            let segments = &shared.segments;
            // A file that comes back after a power cut would bring back what ended since.
            segments
                .remove(load.id)
                .and_then(|()| segments.disk.sync_dir(segments.dir()))
                .map_err(|error| StoreError::Failed(format!("cannot remove a file: {error}")))?;
            tracing::debug!(segment = load.id, octets = load.size, "space won back");
        } else {
            tracing::error!(
                segment = load.id,
                octets = left,
                "a damaged file of the log holds mail that cannot be read; it is left in place"
            );
        }
    }
    Ok(())
}

struct Mover<'a> {
    shared: &'a Shared,
    queue: &'a Queue,
    segment: u64,
    rows: Vec<Vec<u8>>,
    gone: Vec<(Vec<u8>, u64)>,
    started: Instant,
    octets: u64,
}

impl Mover<'_> {
    /// Writes anew all that lives in the segment.
    fn empty(&mut self, stop: &dyn Fn() -> bool) -> Result<(), StoreError> {
        let all = self.shared.segments.list();
        let next = all.iter().find(|(id, _)| *id > self.segment);
        let first = match next {
            Some((id, _)) => self.shared.segments.first(*id)?,
            None => None,
        };
        let oldest = all
            .iter()
            .map(|(id, _)| *id)
            .find(|id| *id != self.segment)
            .unwrap_or(0);
        let scan = Scan {
            before: first.unwrap_or(u64::MAX),
            bodies_above: u64::MAX,
        };
        let segments = &self.shared.segments;
        segments.scan(self.segment, scan, |record| {
            if stop() {
                return Ok(());
            }
            self.record(record, oldest)
        })?;
        self.flush(None)?;
        if !stop() && self.live()? > 0 {
            self.rows_without_records()?;
        }
        Ok(())
    }

    fn live(&self) -> Result<u64, StoreError> {
        let key = keys::live(self.segment);
        Ok(number(self.shared.tree.get(&key)?.as_deref()))
    }

    /// True if the row's latest image lies in this segment.
    fn lives(&self, key: &[u8]) -> Result<Option<Home>, StoreError> {
        let Some(row) = self.shared.tree.get(key)? else {
            return Ok(None);
        };
        let home = Home::split(&row)?.0;
        Ok((home.segment == self.segment).then_some(home))
    }

    fn record(&mut self, record: Found, oldest: u64) -> Result<(), StoreError> {
        for posting in record.postings.postings {
            match posting {
                Posting::Put { key, .. } => match Kind::of(&key) {
                    None | Some(Kind::Mark) => {}
                    Some(kind) => {
                        let Some(home) = self.lives(&key)? else {
                            continue;
                        };
                        if home.offset != record.offset {
                            continue;
                        }
                        self.octets += u64::from(home.weight);
                        if kind == Kind::Mail {
                            self.mail(key, home)?;
                        } else {
                            self.rows.push(key);
                        }
                    }
                },
                // Images of the row may lie in files that are as old as its end, or older.
                Posting::Delete { key, born } if oldest <= born => self.gone.push((key, born)),
                Posting::Delete { .. } => {}
            }
        }
        if self.rows.len() + self.gone.len() >= ROWS {
            self.flush(None)?;
        }
        self.pace();
        Ok(())
    }

    fn mail(&mut self, key: Vec<u8>, home: Home) -> Result<(), StoreError> {
        match self.shared.segments.body(self.segment, home.offset) {
            Ok(body) => {
                self.flush(None)?;
                self.rows.push(key);
                self.flush(Some(body))
            }
            Err(error) => {
                tracing::error!(segment = self.segment, offset = home.offset, %error, "a mail cannot be read");
                Ok(())
            }
        }
    }

    fn flush(&mut self, body: Option<Packed>) -> Result<(), StoreError> {
        if self.rows.is_empty() && self.gone.is_empty() {
            return Ok(());
        }
        self.queue.ask(Op::Move {
            segment: self.segment,
            keys: std::mem::take(&mut self.rows),
            gone: std::mem::take(&mut self.gone),
            body,
        })?;
        Ok(())
    }

    /// Rows whose records were lost in the file are still whole in the index, but for
    /// the octets of mails.
    fn rows_without_records(&mut self) -> Result<(), StoreError> {
        for kind in [b"E", b"J", b"L", b"V", b"F", b"S"] {
            let (mut from, to) = (kind.to_vec(), keys::end_of(kind));
            loop {
                let some = self.shared.tree.range(&from, &to, ROWS)?;
                let Some((last, _)) = some.last() else { break };
                from = [last.as_slice(), &[0]].concat();
                for (key, row) in some {
                    if Home::split(&row)?.0.segment == self.segment {
                        self.rows.push(key);
                    }
                }
                self.flush(None)?;
            }
        }
        Ok(())
    }

    /// Keeps to the rate that the administrator allows.
    fn pace(&self) {
        let rate = self.shared.options.compact_rate.0.max(1);
        let due = Duration::from_millis(self.octets.saturating_mul(1000) / rate);
        if let Some(early) = due.checked_sub(self.started.elapsed()) {
            std::thread::park_timeout(early.min(Duration::from_millis(200)));
        }
    }
}

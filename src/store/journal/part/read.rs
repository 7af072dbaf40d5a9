//! Reading a part: rows, columns, ids. What is damaged is found out by its checksum.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::meta::{Block, IDS, Ids, Meta, ROWS, ROWS_MOST, id_start, row_of};
use super::octets::{damaged, number, push_sum, read};
use super::write::{END, NAME};
use crate::clock::Timestamp;
use crate::record::Event;
use crate::store::Place;
use crate::store::ledger::rows::decode;
use crate::store::on_sled::{Disk, DiskFile};

/// Octets that a block of rows or the description of a part may unpack to at most.
const UNPACKED_MOST: usize = 256 << 20;

/// A file of the log that does not change any more. When it was replaced or is too old, the
/// file goes with the last who reads it.
pub(crate) struct Part {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) path: PathBuf,
    /// The numbers that it covers.
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(super) meta: Meta,
    /// Octets of the file.
    pub(crate) size: u64,
    over: AtomicBool,
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.over.load(Ordering::Relaxed)
            && let Err(error) = self.disk.remove(&self.path)
        {
            tracing::warn!(%error, file = %self.path.display(), "an old file of the log of all mail stays");
        }
    }
}

/// A row as it is kept.
pub(super) struct Raw {
    pub(super) place: Place,
    pub(super) value: Vec<u8>,
}

impl Raw {
    pub(super) fn event(&self) -> io::Result<Event> {
        decode(&self.value).map_err(|_| damaged("a row"))
    }
}

/// The columns of the rows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Column {
    Kind,
    Score,
    Hour,
}

impl Part {
    /// Opens a part.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] if the file is damaged.
    pub(crate) fn open(
        disk: &Arc<dyn Disk>,
        path: &Path,
        (first, last): (u64, u64),
    ) -> io::Result<Self> {
        let file = disk.open(path, false)?;
        let size = file.length()?;
        let whole = || damaged("a part");
        let mut end = [0; END];
        let at = size.checked_sub(END as u64).ok_or_else(whole)?;
        file.read_at(&mut end, at)?;
        let mut head = end[..12].to_vec();
        push_sum(&mut head, 0);
        head.extend_from_slice(NAME);
        if head != end {
            return Err(whole());
        }
        let offset = u64::from_be_bytes(*end.first_chunk().ok_or_else(whole)?);
        let length = u32::from_be_bytes(*end[8..].first_chunk().ok_or_else(whole)?) as usize;
        let octets = unpack(&read(&*file, offset, length, "a part")?)?;
        let meta: Meta = rmp_serde::from_slice(&octets).map_err(|_| whole())?;
        let blocks = meta.rows.div_ceil(ROWS) as usize;
        if meta.rows == 0 || meta.rows as usize > ROWS_MOST || meta.blocks.len() != blocks {
            return Err(whole());
        }
        let told = |length, want| length == 0 || length == want;
        if !told(meta.glances.len(), blocks) || !told(meta.scores.len(), meta.kinds.len()) {
            return Err(whole());
        }
        Ok(Self {
            disk: Arc::clone(disk),
            path: path.to_owned(),
            first,
            last,
            meta,
            size,
            over: AtomicBool::new(false),
        })
    }

    /// The file goes when nobody reads it any more.
    pub(crate) fn retire(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Moves the damaged file out of the way.
    pub(crate) fn set_aside(&self) -> io::Result<()> {
        let aside = self.path.with_extension("damaged");
        self.disk.rename(&self.path, &aside)
    }

    pub(crate) fn rows(&self) -> u32 {
        self.meta.rows
    }

    /// The places of the first and the last row.
    pub(crate) fn ends(&self) -> (Place, Place) {
        let place = |(at, number)| Place {
            at: Timestamp(at),
            number,
        };
        (place(self.meta.low), place(self.meta.high))
    }

    pub(super) fn file(&self) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.open(&self.path, false)
    }

    /// The rows that lie, block by block, from `low` to before `high`.
    pub(super) fn span(&self, low: Place, high: Option<Place>) -> (u32, u32) {
        let blocks = &self.meta.blocks;
        let before = |place: Place| {
            blocks.partition_point(|block| (block.at, block.number) < (place.at.0, place.number))
        };
        // The block before may end with rows that are not before `low`.
        let from = before(low).saturating_sub(1) as u32 * ROWS;
        let to = high.map_or(self.meta.rows, |high| {
            (before(high) as u32 * ROWS).min(self.meta.rows)
        });
        (from, to.max(from))
    }

    /// A whole column.
    pub(super) fn column(&self, file: &dyn DiskFile, column: Column) -> io::Result<Vec<u8>> {
        let (at, width) = match column {
            Column::Kind => (0, 2),
            Column::Score => (1, 4),
            Column::Hour => (2, 4),
        };
        read(
            file,
            self.meta.columns[at],
            self.meta.rows as usize * width,
            "a column",
        )
    }

    /// The rows of a block.
    pub(super) fn block(&self, file: &dyn DiskFile, block: usize) -> io::Result<Vec<Raw>> {
        let Block { offset, length, .. } = *self
            .meta
            .blocks
            .get(block)
            .ok_or_else(|| damaged("a row"))?;
        let octets = unpack(&read(file, offset, length as usize, "a block of rows")?)?;
        let mut rest = &*octets;
        let mut rows = Vec::with_capacity(ROWS as usize);
        let mut next = || -> Option<Raw> {
            let at = Timestamp(number(&mut rest)?);
            let place = Place {
                at,
                number: number(&mut rest)?,
            };
            let length = usize::try_from(number(&mut rest)?).ok()?;
            let (value, after) = rest.split_at_checked(length)?;
            rest = after;
            let value = value.to_vec();
            Some(Raw { place, value })
        };
        let whole = (self.meta.rows - block as u32 * ROWS).min(ROWS);
        for _ in 0..whole {
            rows.push(next().ok_or_else(|| damaged("a block of rows"))?);
        }
        Ok(rows)
    }

    /// The rows that may have `id`, ascending; some may have another that begins alike.
    pub(super) fn with_id(
        &self,
        file: &dyn DiskFile,
        ids: &Ids,
        id: [u8; 16],
    ) -> io::Result<Vec<u32>> {
        let start = id_start(id);
        let end = start | 0xff_ffff;
        let mut found = Vec::new();
        let first = ids.fences.partition_point(|fence| *fence < start);
        for block in first.saturating_sub(1)..ids.fences.len() {
            if ids.fences[block] > end {
                break;
            }
            let all = self.ids_in(file, ids, block)?;
            let from = all.partition_point(|id| *id < start);
            let alike = all.iter().skip(from).take_while(|id| **id <= end);
            found.extend(alike.map(|id| row_of(*id)));
        }
        // A recipient may be named twice.
        found.dedup();
        if found.iter().any(|row| *row >= self.meta.rows) {
            return Err(damaged("a list of ids"));
        }
        Ok(found)
    }

    /// The ids of a block.
    pub(super) fn ids_in(
        &self,
        file: &dyn DiskFile,
        ids: &Ids,
        block: usize,
    ) -> io::Result<Vec<u64>> {
        let whole = IDS * 8 + super::octets::SUM;
        let left = ids.count.saturating_sub((block * IDS) as u64);
        let count = left.min(IDS as u64) as usize;
        let offset = ids.offset + (block * whole) as u64;
        let octets = read(file, offset, count * 8, "a list of ids")?;
        let number = |octets: &[u8]| octets.first_chunk().map(|id| u64::from_be_bytes(*id));
        Ok(octets.chunks(8).filter_map(number).collect())
    }
}

/// Octets with their length before them, unpacked.
fn unpack(octets: &[u8]) -> io::Result<Vec<u8>> {
    let bad = || damaged("a compressed stretch");
    let (length, packed) = octets.split_first_chunk().ok_or_else(bad)?;
    let length = u32::from_be_bytes(*length) as usize;
    if length > UNPACKED_MOST {
        return Err(bad());
    }
    zstd::bulk::decompress(packed, length).map_err(|_| bad())
}

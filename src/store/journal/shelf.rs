//! The directory of sealed parts: what is found there, what is sealed, what is made one.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::part::{self, Part, ROWS_MOST};
use super::{Book, Ripe};
use crate::store::StoreError;
use crate::store::on_sled::Disk;

/// So many parts of one day that are about as large are made one.
const ALIKE: usize = 8;
/// Rows of the smallest class of size.
const SMALL: u32 = 4096;

/// Where parts are kept.
pub(crate) struct Shelf {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
}

fn failed(what: &str) -> impl Fn(io::Error) -> StoreError {
    let what = what.to_owned();
    move |error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::Failed(format!("cannot {what} a part of the log: {error}")),
    }
}

impl Shelf {
    /// The shelf in `dir`, which is made if it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: &Path) -> io::Result<Self> {
        if !dir.exists() {
            std::fs::DirBuilder::new().mode(0o700).create(dir)?;
            if let Some(parent) = dir.parent() {
                disk.sync_dir(parent)?;
            }
        }
        Ok(Self {
            disk,
            dir: dir.to_owned(),
        })
    }

    /// The parts by number. Leftovers of what was not finished, and parts that a larger one
    /// replaced, are removed; damaged ones are moved aside.
    pub(super) fn find(&self) -> io::Result<Vec<Arc<Part>>> {
        let mut files = Vec::new();
        for item in std::fs::read_dir(&self.dir)? {
            let path = item?.path();
            if path.extension().is_some_and(|end| end == "new") {
                self.disk.remove(&path)?;
            }
            let name = path.file_name().and_then(|name| name.to_str());
            if let Some((first, last)) = name.and_then(part::numbers) {
                files.push((first, last, path));
            }
        }
        // Those that cover most come first.
        files.sort_by_key(|(first, last, _)| (*first, std::cmp::Reverse(*last)));
        let mut parts: Vec<Arc<Part>> = Vec::new();
        for (first, last, path) in files {
            if parts.last().is_some_and(|wide| last <= wide.last) {
                self.disk.remove(&path)?;
                continue;
            }
            match Part::open(&self.disk, &path, (first, last)) {
                Ok(part) => parts.push(Arc::new(part)),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    tracing::error!(%error, file = %path.display(), "a part of the log of all mail is damaged; it is moved aside");
                    self.disk.rename(&path, &path.with_extension("damaged"))?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(parts)
    }

    /// Reads all parts with every checksum, and returns how many there are and how many are
    /// damaged; changes nothing.
    ///
    /// # Errors
    /// The directory or a file cannot be read.
    pub(crate) fn verify(&self) -> io::Result<(u64, u64)> {
        let (mut parts, mut damaged) = (0, 0);
        for item in std::fs::read_dir(&self.dir)? {
            let path = item?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(numbers) = name.and_then(part::numbers) else {
                continue;
            };
            parts += 1;
            let whole = Part::open(&self.disk, &path, numbers).and_then(|part| part.verify());
            match whole {
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    tracing::error!(%error, file = %path.display(), "a part of the log of all mail is damaged");
                    damaged += 1;
                }
                other => other?,
            }
        }
        Ok((parts, damaged))
    }
}

impl Book {
    /// What is to be sealed on `today`; with `all` whatever there is.
    pub(crate) fn ripe(&self, today: u64, all: bool) -> Option<Ripe> {
        self.shelf.as_ref()?;
        self.known.write().tail.ripe(today, all)
    }

    /// Seals events; durable on return. They must be durable in the ledger before. From
    /// then on they are found in the part; if it fails, all is as before.
    ///
    /// # Errors
    /// The part cannot be written.
    pub(crate) fn seal(&self, ripe: &Ripe) -> Result<(), StoreError> {
        let Some(shelf) = &self.shelf else {
            return Ok(());
        };
        let part = part::build(&shelf.disk, &shelf.dir, ripe.numbers, &ripe.lines);
        let part = part.map_err(failed("write"))?;
        let mut known = self.known.write();
        known.tail.seal(part.last);
        known.parts.push(Arc::new(part));
        Ok(())
    }

    /// Makes one part of several small ones, if there are such; false if there are none.
    ///
    /// # Errors
    /// The new part cannot be written; the old ones stay.
    pub(crate) fn tidy(&self) -> Result<bool, StoreError> {
        let Some(shelf) = &self.shelf else {
            return Ok(false);
        };
        let Some(some) = choose(&self.known.read().parts) else {
            return Ok(false);
        };
        match part::merge(&shelf.disk, &shelf.dir, &some) {
            Ok(merged) => {
                self.replace(&some, merged);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                for part in &some {
                    self.heed(part, part.verify())?;
                }
                Ok(false)
            }
            Err(error) => Err(failed("write")(error)),
        }
    }

    fn replace(&self, old: &[Arc<Part>], merged: Part) {
        let mut known = self.known.write();
        let is_old = |part: &Arc<Part>| old.iter().any(|other| Arc::ptr_eq(other, part));
        if known.parts.iter().filter(|part| is_old(part)).count() < old.len() {
            // One was forgotten or lost meanwhile: the next round does without it.
            merged.retire();
            return;
        }
        known.parts.retain(|part| !is_old(part));
        for part in old {
            part.retire();
        }
        known.parts.push(Arc::new(merged));
        known.parts.sort_by_key(|part| part.first);
    }
}

/// Neighbours of one day to be made one part: many that are alike, or all of a past day.
fn choose(parts: &[Arc<Part>]) -> Option<Vec<Arc<Part>>> {
    let day = |part: &Part| part.ends().1.at.day();
    let today = parts.iter().map(|part| day(part)).max()?;
    let class = |part: &Part| {
        let times = part.rows().div_ceil(SMALL).max(1);
        times.ilog2() / ALIKE.ilog2()
    };
    let rows = |parts: &[Arc<Part>]| parts.iter().map(|part| part.rows() as usize).sum::<usize>();
    for some in parts.chunk_by(|a, b| day(a) == day(b)) {
        let past = some.first().is_some_and(|part| day(part) < today);
        for pair in some.windows(if past { 2 } else { ALIKE }) {
            let alike = pair.iter().all(|part| class(part) == class(&pair[0]));
            if (past || alike) && rows(pair) <= ROWS_MOST {
                let start = some.iter().position(|part| Arc::ptr_eq(part, &pair[0]))?;
                let rest = some.get(start..).unwrap_or_default();
                // As many as fit: of a past day all, else those that are alike.
                let most = if past { rest.len() } else { ALIKE };
                let fit = (1..=most.min(rest.len())).take_while(|n| rows(&rest[..*n]) <= ROWS_MOST);
                return Some(rest.get(..fit.last()?)?.to_vec());
            }
        }
    }
    None
}

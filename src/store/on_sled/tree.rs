//! The index in sled: it holds nothing that the log does not, and may be thrown away.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use parking_lot::RwLock;

use super::undo;
use crate::store::StoreError;
use crate::store::ledger::index::{Changes, Index, Pairs};

/// A sled database. sled panics on some damage; here that is an error.
pub(super) struct Tree {
    /// `None` after it could not be opened again.
    db: RwLock<Option<sled::Db>>,
    dir: PathBuf,
    cache: u64,
}

fn failed(what: &str) -> impl Fn(sled::Error) -> StoreError {
    let what = what.to_owned();
    move |error| StoreError::Failed(format!("the index cannot {what}: {error}"))
}

fn guarded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(StoreError::Failed("the index is damaged".into())))
}

impl Tree {
    /// Opens or makes the index in `dir`, with `cache` octets of memory.
    pub(super) fn open(dir: &Path, cache: u64) -> Result<Self, StoreError> {
        let tree = Self {
            db: RwLock::new(None),
            dir: dir.to_owned(),
            cache,
        };
        tree.reopen()?;
        Ok(tree)
    }

    /// Opens the index again after it failed.
    pub(super) fn reopen(&self) -> Result<(), StoreError> {
        let mut db = self.db.write();
        let old = db.take();
        guarded(|| {
            drop(old);
            let config = sled::Config::new()
                .path(&self.dir)
                .mode(sled::Mode::HighThroughput)
                .cache_capacity(self.cache)
                .flush_every_ms(None);
            let opened = config.open().map_err(failed("be opened"))?;
            undo::take_back(&opened).map_err(failed("be repaired"))?;
            *db = Some(opened);
            Ok(())
        })
    }

    /// Empties the index.
    pub(super) fn clear(&self) -> Result<(), StoreError> {
        self.with(|db| db.clear().map_err(failed("be emptied")))
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&sled::Db) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let db = self.db.read();
        let db = db.as_ref().ok_or_else(not_open)?;
        guarded(|| work(db))
    }

    /// Makes all that was applied durable. sled's own flush stops short of the disk
    /// (it ends in `sync_file_range`), so its files are synced after it.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        self.with(|db| db.flush().map_err(failed("be written")).map(drop))?;
        let sync = || -> io::Result<()> {
            for item in std::fs::read_dir(&self.dir)? {
                File::open(item?.path())?.sync_all()?;
            }
            File::open(&self.dir)?.sync_all()
        };
        sync().map_err(|error| StoreError::Failed(format!("the index cannot be synced: {error}")))
    }

    /// Octets on disk.
    pub(super) fn size(&self) -> u64 {
        self.with(|db| db.size_on_disk().map_err(failed("be read")))
            .unwrap_or(0)
    }

    fn pairs(
        items: impl Iterator<Item = sled::Result<(sled::IVec, sled::IVec)>>,
        most: usize,
    ) -> Result<Pairs, StoreError> {
        items
            .take(most)
            .map(|item| {
                let (key, value) = item.map_err(failed("be read"))?;
                Ok((key.to_vec(), value.to_vec()))
            })
            .collect()
    }
}

impl Index for Tree {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.with(|db| {
            let found = db.get(key).map_err(failed("be read"))?;
            Ok(found.map(|value| value.to_vec()))
        })
    }

    fn range(&self, from: &[u8], to: &[u8], most: usize) -> Result<Pairs, StoreError> {
        if from >= to {
            return Ok(Pairs::new());
        }
        self.with(|db| Self::pairs(db.range(from..to), most))
    }

    /// sled's own batches write to the disk twice each; an undo of our own does not. Until
    /// all is done, readers wait; if it fails, nobody reads before [`Tree::reopen`] took it back.
    fn apply(&self, changes: &Changes) -> Result<(), StoreError> {
        let mut open = self.db.write();
        let db = open.take().ok_or_else(not_open)?;
        let db = guarded(|| {
            undo::prepare(&db, changes)
                .and_then(|parts| make(&db, changes).map(|()| parts))
                .and_then(|parts| undo::done(&db, parts))
                .map_err(failed("be written"))?;
            Ok(db)
        })?;
        *open = Some(db);
        Ok(())
    }
}

fn make(db: &sled::Db, changes: &Changes) -> sled::Result<()> {
    for (key, value) in changes {
        match value {
            Some(value) => db.insert(key, value.as_slice())?,
            None => db.remove(key)?,
        };
    }
    Ok(())
}

fn not_open() -> StoreError {
    StoreError::Failed("the index is not open".into())
}

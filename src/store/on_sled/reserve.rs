//! Free space: a floor below which no mail is taken, and a reserve for what frees space.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::Disk;

/// Octets of the reserve.
const RESERVED: u64 = 4 << 20;
/// Below this free space, in octets, the reserve is given up.
const LAST_ROOM: u64 = 1 << 20;

/// The reserve: a file that keeps space for the time when there is none.
pub(super) struct Reserve {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    min_free: u64,
    there: bool,
    /// The lack of room was told.
    told: bool,
}

impl Reserve {
    /// The reserve of the store in `dir`, which takes no mail below `min_free` octets.
    pub(super) fn new(disk: Arc<dyn Disk>, dir: &Path, min_free: u64) -> Self {
        let dir = dir.to_owned();
        let mut reserve = Self {
            there: false,
            told: false,
            disk,
            dir,
            min_free,
        };
        reserve.there = reserve.path().exists();
        reserve.has_room();
        reserve
    }

    fn path(&self) -> PathBuf {
        self.dir.join("reserve")
    }

    /// True if there is room for mail. Where next to nothing is left, the reserve goes,
    /// so that what frees space can still be written; until there is room for a new one
    /// no mail is taken.
    pub(super) fn has_room(&mut self) -> bool {
        // A file system that does not tell has to be tried.
        let Ok(free) = self.disk.free(&self.dir) else {
            return true;
        };
        if self.there && free < LAST_ROOM {
            tracing::warn!("the disk is full; the reserve is given up");
            match self.disk.remove(&self.path()) {
                Ok(()) => self.there = false,
                Err(error) => tracing::error!(%error, "the reserve cannot be given up"),
            }
        }
        let floor = self.min_free.max(LAST_ROOM) + if self.there { 0 } else { RESERVED };
        let enough = free >= floor;
        if enough && !self.there {
            self.restore();
        }
        if enough == self.told {
            self.told = !enough;
            if enough {
                tracing::info!(free, "there is room for mail again");
            } else {
                tracing::warn!(free, floor, "too little free space; no mail is taken");
            }
        }
        enough
    }

    fn restore(&mut self) {
        let path = self.path();
        let made = self
            .disk
            .open(&path, true)
            .and_then(|file| file.allocate(RESERVED));
        match made {
            Ok(()) => self.there = true,
            Err(error) => {
                tracing::warn!(%error, "no space can be kept in reserve");
                // Half a reserve looks like a whole one.
                let _ = self.disk.remove(&path);
            }
        }
    }
}

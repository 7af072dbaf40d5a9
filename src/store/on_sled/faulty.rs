//! A disk that fails when it is told to: the n-th operation, no space, or a power cut.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::disk::{Disk, DiskFile, RealDisk};

/// Octets of a sector: what a power cut leaves whole or not at all.
const SECTOR: usize = 512;

/// A real disk whose writes and syncs can be made to fail. Clones are one disk.
#[derive(Clone, Default)]
pub struct FaultyDisk(Arc<Mutex<Plan>>);

#[derive(Default)]
struct Plan {
    /// Writes, syncs and allocations until one fails.
    until_fault: Option<u64>,
    /// Nothing works any more.
    dead: bool,
    /// What is said of free space instead of the truth.
    free: Option<u64>,
    /// By file, what a power cut takes back: place and old octets, the oldest first.
    unsynced: BTreeMap<PathBuf, Vec<(u64, Vec<u8>)>>,
    /// Files whose directory was not synced since they were made.
    fresh: BTreeSet<PathBuf>,
}

impl Plan {
    fn step(&mut self) -> io::Result<()> {
        if self.dead {
            return Err(io::Error::other("the disk is gone"));
        }
        match &mut self.until_fault {
            Some(0) => {
                self.until_fault = None;
                Err(io::Error::other("the disk failed, as it was told"))
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl FaultyDisk {
    /// After `n` more writes, syncs and allocations, one fails; the ones after it work.
    pub fn fail_after(&self, n: u64) {
        self.0.lock().until_fault = Some(n);
    }

    /// True if the failure asked for did not come yet.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.0.lock().until_fault.is_some()
    }

    /// Says that `free` octets are free; `None` for the truth.
    pub fn say_free(&self, free: Option<u64>) {
        self.0.lock().free = free;
    }

    /// Cuts the power: the disk is gone, and of what was not synced each sector is kept
    /// or taken back, as the bits of `seed` fall.
    ///
    /// # Errors
    /// The first error of the disk below.
    pub fn cut(&self, seed: u64) -> io::Result<()> {
        let mut plan = self.0.lock();
        plan.dead = true;
        let mut state = seed | 1;
        let mut keep = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state & 64 != 0
        };
        for (path, writes) in std::mem::take(&mut plan.unsynced) {
            let file = RealDisk.open(&path, false)?;
            for (offset, old) in writes.iter().rev() {
                for (i, sector) in old.chunks(SECTOR).enumerate() {
                    if !keep() {
                        file.write_at(&[sector], offset + (i * SECTOR) as u64)?;
                    }
                }
            }
        }
        for path in std::mem::take(&mut plan.fresh) {
            RealDisk.remove(&path)?;
        }
        Ok(())
    }
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>> {
        let mut plan = self.0.lock();
        if plan.dead {
            return Err(io::Error::other("the disk is gone"));
        }
        if create && !path.exists() {
            plan.fresh.insert(path.to_owned());
        }
        Ok(Arc::new(FaultyFile {
            plan: Arc::clone(&self.0),
            path: path.to_owned(),
            file: RealDisk.open(path, create)?,
        }))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut plan = self.0.lock();
        plan.step()?;
        plan.fresh.retain(|file| file.parent() != Some(path));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut plan = self.0.lock();
        if plan.dead {
            return Err(io::Error::other("the disk is gone"));
        }
        plan.unsynced.remove(path);
        plan.fresh.remove(path);
        RealDisk.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut plan = self.0.lock();
        plan.step()?;
        if let Some(undo) = plan.unsynced.remove(from) {
            plan.unsynced.insert(to.to_owned(), undo);
        }
        plan.fresh.remove(from);
        // Until the directory is synced, a power cut may take the new name back.
        plan.fresh.insert(to.to_owned());
        RealDisk.rename(from, to)
    }

    fn free(&self, path: &Path) -> io::Result<u64> {
        match self.0.lock().free {
            Some(free) => Ok(free),
            None => RealDisk.free(path),
        }
    }
}

struct FaultyFile {
    plan: Arc<Mutex<Plan>>,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
}

impl FaultyFile {
    /// What lies where something is to be written; zeros behind the end.
    fn old(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut old = vec![0; length];
        let there = self.file.length()?.saturating_sub(offset);
        let there = usize::try_from(there).map_or(length, |there| there.min(length));
        self.file.read_at(&mut old[..there], offset)?;
        Ok(old)
    }
}

impl DiskFile for FaultyFile {
    fn write_at(&self, parts: &[&[u8]], offset: u64) -> io::Result<()> {
        let all = parts.concat();
        let old = self.old(offset, all.len())?;
        let mut plan = self.plan.lock();
        let step = plan.step();
        if plan.dead {
            return step;
        }
        let undo = plan.unsynced.entry(self.path.clone()).or_default();
        undo.push((offset, old));
        // A write that fails may have been done by half.
        let done = if step.is_ok() {
            all.len()
        } else {
            all.len() / 2
        };
        self.file.write_at(&[&all[..done]], offset)?;
        step
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_at(into, offset)
    }

    /// A sync that fails leaves in doubt what was written.
    fn sync(&self) -> io::Result<()> {
        let mut plan = self.plan.lock();
        plan.step()?;
        plan.unsynced.remove(&self.path);
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut plan = self.plan.lock();
        if plan.dead {
            return Err(io::Error::other("the disk is gone"));
        }
        if let Some(undo) = plan.unsynced.get_mut(&self.path) {
            undo.retain(|(offset, _)| *offset < length);
        }
        self.file.truncate(length)
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        self.plan.lock().step()?;
        self.file.allocate(length)
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }
}

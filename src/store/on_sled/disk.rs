//! The disk under the log: a few verbs, so that tests can make each of them fail.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::FallocateFlags;

/// Slices that one `pwritev` takes (IOV_MAX on Linux).
const MOST_SLICES: usize = 1024;

/// A directory's files.
pub trait Disk: Send + Sync {
    /// Opens a file for reading and writing, and makes it (mode 0600) if asked.
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>>;
    /// Makes additions to and removals from a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Gives a file another name in its directory; what had that name goes.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Octets that are free for us on the file system of `path`.
    fn free(&self, path: &Path) -> io::Result<u64>;
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Writes all of `parts` from `offset` on, one after the other.
    fn write_at(&self, parts: &[&[u8]], offset: u64) -> io::Result<()>;
    /// Fills `into` from `offset` on; `UnexpectedEof` if the file ends before.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()>;
    /// Makes what was written durable (`fdatasync`).
    fn sync(&self) -> io::Result<()>;
    fn truncate(&self, length: u64) -> io::Result<()>;
    /// Takes room for the file up to `length`; new octets read as 0.
    fn allocate(&self, length: u64) -> io::Result<()>;
    /// Octets in the file.
    fn length(&self) -> io::Result<u64>;
}

/// The real disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(create)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn free(&self, path: &Path) -> io::Result<u64> {
        let stat = nix::sys::statvfs::statvfs(path)?;
        Ok(stat.blocks_available().saturating_mul(stat.fragment_size()))
    }
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn write_at(&self, parts: &[&[u8]], offset: u64) -> io::Result<()> {
        let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
        let mut rest = slices.as_mut_slice();
        let mut offset = offset;
        while rest.iter().any(|slice| !slice.is_empty()) {
            let some = &rest[..rest.len().min(MOST_SLICES)];
            let place = i64::try_from(offset).map_err(io::Error::other)?;
            let written = match nix::sys::uio::pwritev(&self.0, some, place) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => written,
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            };
            IoSlice::advance_slices(&mut rest, written);
            offset += written as u64;
        }
        Ok(())
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(into, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        let size = i64::try_from(length).map_err(io::Error::other)?;
        match nix::fcntl::fallocate(&self.0, FallocateFlags::empty(), 0, size) {
            // A file system that cannot reserve room can still hold the file.
            Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => {
                self.0.set_len(length.max(self.0.metadata()?.len()))
            }
            other => other.map_err(io::Error::from),
        }
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

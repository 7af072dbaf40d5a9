//! The journal of lessons on disk: records with length and checksum, appended, synced in batches.
//!
//! It is the truth; the model is the sum of what it says. A record that a crash cut off is cut
//! away at the next start, and what it said is learned again from the store.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::lesson::Record;

/// What the file begins with: what it is, and of which form.
const MAGIC: &[u8; 16] = b"QUARANTA LESSON1";
/// Octets of the largest record.
const RECORD_MOST: u32 = 64 << 20;
/// Octets before a record: its length and its checksum.
pub(super) const FRAME: u64 = 8;

/// The open journal.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Journal {
    /// Octets of a journal without records.
    pub(super) const EMPTY: u64 = MAGIC.len() as u64;

    /// Opens the journal in `dir` and gives each sound record with its place to `each`.
    ///
    /// # Errors
    /// It cannot be read or written, or is of another form.
    pub(super) fn open(dir: &Path, mut each: impl FnMut(u64, Record)) -> io::Result<Self> {
        use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)?;
        let path = dir.join("lessons");
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)?;
        let mut journal = Self {
            path,
            file,
            length: 0,
        };
        let size = journal.file.metadata()?.len();
        if size < Self::EMPTY {
            journal.file.set_len(0)?;
            journal.append(MAGIC)?;
            File::open(dir)?.sync_all()?;
            return Ok(journal);
        }
        let mut reader = BufReader::with_capacity(256 << 10, &journal.file);
        let mut magic = [0; MAGIC.len()];
        reader.read_exact(&mut magic)?;
        if magic != *MAGIC {
            let text = format!("{} is no journal of lessons", journal.path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let mut at = Self::EMPTY;
        while let Some(payload) = next(&mut reader)? {
            match rmp_serde::from_slice(&payload) {
                Ok(record) => each(at, record),
                Err(error) => {
                    tracing::error!(%error, at, "a lesson cannot be read; it is passed over")
                }
            }
            at += FRAME + payload.len() as u64;
        }
        drop(reader);
        if at < size {
            tracing::warn!(
                octets = size - at,
                "the end of the journal of lessons is broken and cut off"
            );
            journal.file.set_len(at)?;
            journal.file.sync_all()?;
        }
        journal.length = at;
        Ok(journal)
    }

    /// Octets on disk.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Writes framed records; durable on return. On error nothing of them stays.
    pub(super) fn append(&mut self, framed: &[u8]) -> io::Result<()> {
        let written = self
            .file
            .write_all(framed)
            .and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            self.file.set_len(self.length)?;
            return Err(error);
        }
        self.length += framed.len() as u64;
        Ok(())
    }

    /// The record at a place that [`Journal::open`] or an append gave.
    pub(super) fn record(&self, at: u64) -> io::Result<Record> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(at))?;
        let payload = next(&mut file)?
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a lesson is damaged"))?;
        rmp_serde::from_slice(&payload).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
    }

    /// Puts a new journal in the place of this one: all of it, or the old one stays.
    pub(super) fn replace(&mut self, framed: &[Vec<u8>]) -> io::Result<()> {
        let mut fresh = self.fresh()?;
        for record in framed {
            fresh.add(record)?;
        }
        self.follow(fresh)
    }

    /// Begins a journal that may come into the place of this one.
    pub(super) fn fresh(&self) -> io::Result<Fresh> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let path = self.path.with_extension("new");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        let mut fresh = Fresh {
            path,
            file: BufWriter::new(file),
            length: 0,
        };
        fresh.add(MAGIC)?;
        Ok(fresh)
    }

    /// Goes on with `fresh`; on error the old one stays.
    pub(super) fn follow(&mut self, fresh: Fresh) -> io::Result<()> {
        let file = fresh.file.into_inner().map_err(|e| e.into_error())?;
        file.sync_all()?;
        std::fs::rename(&fresh.path, &self.path)?;
        if let Some(dir) = self.path.parent() {
            File::open(dir)?.sync_all()?;
        }
        self.file = OpenOptions::new()
            .read(true)
            .append(true)
            .open(&self.path)?;
        self.length = fresh.length;
        Ok(())
    }

    /// The records as they are now, for a reader that takes its time: what is learned meanwhile
    /// is behind the length, and a journal that follows is another file.
    pub(super) fn snapshot(&self) -> io::Result<Snapshot> {
        use std::os::unix::fs::MetadataExt as _;
        let file = File::open(&self.path)?;
        Ok(Snapshot {
            mark: file.metadata()?.ino(),
            length: self.length - Self::EMPTY,
            file,
        })
    }

    /// Where a file that is sent to us is put together.
    pub(super) fn sent(&self) -> PathBuf {
        self.path.with_extension("sent")
    }
}

/// A journal that is being written.
pub(super) struct Fresh {
    path: PathBuf,
    file: BufWriter<File>,
    length: u64,
}

impl Fresh {
    /// Adds a framed record; gives its place.
    pub(super) fn add(&mut self, framed: &[u8]) -> io::Result<u64> {
        let at = self.length;
        self.file.write_all(framed)?;
        self.length += framed.len() as u64;
        Ok(at)
    }
}

/// The records of a journal as they were.
pub(super) struct Snapshot {
    /// Another one if another journal followed.
    pub(super) mark: u64,
    /// Octets of all records.
    pub(super) length: u64,
    file: File,
}

impl Snapshot {
    /// At most `most` octets of the records, from `at` on; empty at their end.
    pub(super) fn read(&mut self, at: u64, most: u64) -> io::Result<Vec<u8>> {
        self.file.seek(SeekFrom::Start(Journal::EMPTY + at))?;
        let wanted = most.min(self.length.saturating_sub(at));
        let mut octets = Vec::new();
        (&mut self.file).take(wanted).read_to_end(&mut octets)?;
        Ok(octets)
    }
}

/// A record with its frame.
pub(super) fn framed(record: &Record) -> io::Result<Vec<u8>> {
    let payload = rmp_serde::to_vec(record).map_err(io::Error::other)?;
    let mut out = Vec::with_capacity(payload.len() + FRAME as usize);
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(&payload).to_le_bytes());
    out.extend_from_slice(&payload);
    Ok(out)
}

/// The payload of the next record; `None` at the end, and where it is broken.
pub(super) fn next(reader: &mut impl io::Read) -> io::Result<Option<Vec<u8>>> {
    let mut frame = [0; FRAME as usize];
    if !filled(reader, &mut frame)? {
        return Ok(None);
    }
    let [a, b, c, d, e, f, g, h] = frame;
    let (length, sum) = (
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    );
    if length > RECORD_MOST {
        return Ok(None);
    }
    // Grown as it is read: a length that lies takes no memory.
    let mut payload = Vec::new();
    reader
        .by_ref()
        .take(u64::from(length))
        .read_to_end(&mut payload)?;
    let sound = payload.len() == length as usize && crc32c::crc32c(&payload) == sum;
    Ok(sound.then_some(payload))
}

fn filled(reader: &mut impl io::Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

//! All lessons as one file: what it looks like, how it is written, and how it is checked before anything is
//! taken from it.
//!
//! It is the journal between a first line of its own and, at its end, the number of its octets and
//! a checksum over all of them, so that a file that was cut off, mixed or changed is seen as such.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::journal::{self, FRAME};
use super::lesson::Record;

/// What the file begins with: what it is, and of which form.
const MAGIC: &[u8; 16] = b"QUARANTA EXPORT1";
/// Octets of the magic that say what it is; the rest says of which form.
const NAME: usize = 15;
/// Octets behind the records: their number and the checksum.
const END: u64 = 12;
/// Octets of the largest file that is taken.
pub(super) const FILE_MOST: u64 = 4 << 30;
/// Octets copied in one step.
const STEP: usize = 256 << 10;

/// What an export holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Lessons that can be taken back.
    pub lessons: u64,
    /// Octets of the file.
    pub octets: u64,
    /// The last number among the lessons of the store that it knows.
    #[serde(skip)]
    pub(super) stored: u64,
}

/// An export that is being written: it has its name once it is whole.
pub struct Export {
    file: File,
    path: PathBuf,
    fresh: PathBuf,
    sum: u32,
    length: u64,
}

impl Export {
    /// Begins one that will be at `path`, for its owner alone.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn begin(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let fresh = path.with_file_name(name);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(MAGIC)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            fresh,
            sum: crc32c::crc32c(MAGIC),
            length: 0,
        })
    }

    /// Octets of the journal's records, in order.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn add(&mut self, octets: &[u8]) -> io::Result<()> {
        self.sum = crc32c::crc32c_append(self.sum, octets);
        self.length += octets.len() as u64;
        self.file.write_all(octets)
    }

    /// Ends it: durable under its name on return, in the place of what was there. Reads it once more.
    ///
    /// # Errors
    /// It cannot be written, or what was written is no sound export.
    pub fn end(mut self) -> io::Result<Held> {
        let length = self.length.to_le_bytes();
        self.sum = crc32c::crc32c_append(self.sum, &length);
        self.file.write_all(&length)?;
        self.file.write_all(&self.sum.to_le_bytes())?;
        self.file.sync_all()?;
        let held = check(&self.fresh)?;
        std::fs::rename(&self.fresh, &self.path)?;
        let dir = self.path.parent().filter(|dir| !dir.as_os_str().is_empty());
        File::open(dir.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(held)
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        // After a rename there is none.
        let _gone = std::fs::remove_file(&self.fresh);
    }
}

fn bad(path: &Path, why: &str) -> io::Error {
    let text = format!("{}: {why}", path.display());
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// Reads an export through, every record of it.
///
/// # Errors
/// Words for the administrator: what it is instead, or what is wrong with it.
pub fn check(path: &Path) -> io::Result<Held> {
    let mut held = Held::default();
    each(path, |record| {
        match record {
            Record::Lesson(row) => {
                held.lessons += 1;
                held.stored = held.stored.max(row.stored);
            }
            Record::Undone { .. } => held.lessons = held.lessons.saturating_sub(1),
            Record::Seen { stored } => held.stored = held.stored.max(stored),
            Record::Base(base) => held.stored = held.stored.max(base.stored),
            Record::More { .. } | Record::Struck(_) => {}
        }
        Ok(())
    })?;
    held.octets = std::fs::metadata(path)?.len();
    Ok(held)
}

/// Gives each record of a sound export to `take`. The checksum over all is looked at before the first.
pub(super) fn each(path: &Path, mut take: impl FnMut(Record) -> io::Result<()>) -> io::Result<()> {
    let mut file = File::open(path)?;
    let records = sound(path, &mut file)?;
    file.seek(SeekFrom::Start(MAGIC.len() as u64))?;
    let mut reader = BufReader::with_capacity(STEP, file).take(records);
    let mut at = 0;
    while at < records {
        let payload = journal::next(&mut reader)?
            .ok_or_else(|| bad(path, &format!("the record at {at} is broken")))?;
        at += FRAME + payload.len() as u64;
        let record = rmp_serde::from_slice(&payload).map_err(|e| {
            bad(
                path,
                &format!("the record before {at} is none of this version: {e}"),
            )
        })?;
        take(record)?;
    }
    Ok(())
}

/// Octets of the records, if the file is whole.
fn sound(path: &Path, file: &mut File) -> io::Result<u64> {
    let size = file.metadata()?.len();
    let mut magic = [0; MAGIC.len()];
    let least = MAGIC.len() as u64 + END;
    if size < least || file.read_exact(&mut magic).is_err() || magic[..NAME] != MAGIC[..NAME] {
        return Err(bad(path, "this is no export of lessons"));
    }
    if magic != *MAGIC {
        return Err(bad(path, "this export is of another version of Quaranta"));
    }
    if size > FILE_MOST {
        return Err(bad(path, "this export is larger than any that is taken"));
    }
    let mut sum = crc32c::crc32c(&magic);
    let mut left = size - least + 8;
    let mut reader = BufReader::with_capacity(STEP, file);
    let mut some = vec![0; STEP];
    let mut tail = [0; 8];
    while left > 0 {
        let step = left.min(STEP as u64) as usize;
        let some = &mut some[..step];
        reader.read_exact(some)?;
        sum = crc32c::crc32c_append(sum, some);
        left -= step as u64;
        let kept = step.min(8);
        tail.rotate_left(kept);
        tail[8 - kept..].copy_from_slice(&some[step - kept..]);
    }
    let mut written = [0; 4];
    reader.read_exact(&mut written)?;
    if u64::from_le_bytes(tail) != size - least || u32::from_le_bytes(written) != sum {
        return Err(bad(
            path,
            "it is damaged, or was cut off: its checksum does not fit",
        ));
    }
    Ok(size - least)
}

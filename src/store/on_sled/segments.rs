//! The segment files of the log: which there are, how one is made, read, scanned, removed.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};

use super::disk::{Disk, DiskFile};
use super::record::{self, HEADER, Header, Postings, START};
use crate::store::ledger::ops::Packed;

/// Segment files kept open for reading.
const OPEN_FILES: usize = 32;

/// Octets looked at in one read while searching behind damage.
const SEARCH: usize = 1 << 20;

/// A segment that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    /// Stands in front of each of its records.
    pub(super) mark: u64,
    /// Octets that hold records; what is behind was never written or is void.
    pub(super) size: u64,
}

/// All segments of a store.
pub(super) struct Segments {
    pub(super) disk: Arc<dyn Disk>,
    dir: PathBuf,
    known: RwLock<BTreeMap<u64, Segment>>,
    /// The last used last.
    open: Mutex<Vec<(u64, Arc<dyn DiskFile>)>>,
}

/// One sound record of a segment.
pub(super) struct Found {
    pub(super) offset: u64,
    pub(super) header: Header,
    pub(super) postings: Postings,
}

/// How a scan ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Scanned {
    /// Where the sound records end.
    pub(super) end: u64,
    /// The number of the last sound record; 0 if there was none.
    pub(super) last: u64,
    /// Damaged stretches with sound, durable records behind them.
    pub(super) damages: u64,
    /// Octets in them.
    pub(super) damaged: u64,
}

/// What to look at in a scan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scan {
    /// Records from this number on are void: the next segment starts with it.
    pub(super) before: u64,
    /// Check the octets of mails in records above this number.
    pub(super) bodies_above: u64,
}

impl Segments {
    /// Finds the segments in `dir`. Those whose start is damaged are reported and left alone.
    pub(super) fn find(disk: Arc<dyn Disk>, dir: &Path) -> io::Result<Self> {
        let segments = Self {
            disk,
            dir: dir.to_owned(),
            known: RwLock::default(),
            open: Mutex::default(),
        };
        for item in std::fs::read_dir(dir)? {
            let name = item?.file_name();
            let Some(id) = name
                .to_str()
                .and_then(|name| name.strip_suffix(".seg"))
                .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            else {
                continue;
            };
            let file = segments.file(id)?;
            let size = file.length()?;
            let mut start = [0; START];
            let mark = match file.read_at(&mut start, 0) {
                Ok(()) => record::read_start(&start, id),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
                Err(error) => return Err(error),
            };
            match mark {
                Some(mark) => segments.add(id, Segment { mark, size }),
                // The process ended while it was made; nothing was kept in it.
                None if start == [0; START] => segments.remove(id)?,
                None => tracing::error!(segment = id, "the start of a segment is damaged"),
            }
        }
        Ok(segments)
    }

    fn path(&self, id: u64) -> PathBuf {
        self.dir.join(format!("{id:016x}.seg"))
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Numbers and segments in order.
    pub(super) fn list(&self) -> Vec<(u64, Segment)> {
        let known = self.known.read();
        known.iter().map(|(id, segment)| (*id, *segment)).collect()
    }

    pub(super) fn get(&self, id: u64) -> Option<Segment> {
        self.known.read().get(&id).copied()
    }

    pub(super) fn add(&self, id: u64, segment: Segment) {
        self.known.write().insert(id, segment);
    }

    /// The number for a new segment: above all files, readable or not.
    pub(super) fn next(&self) -> io::Result<u64> {
        let mut next = self.known.read().keys().next_back().map_or(1, |id| id + 1);
        while self.path(next).exists() {
            next += 1;
        }
        Ok(next)
    }

    /// Makes an empty file for a segment.
    pub(super) fn create(&self, id: u64) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.open(&self.path(id), true)
    }

    /// The file of a segment, from those that are open.
    pub(super) fn file(&self, id: u64) -> io::Result<Arc<dyn DiskFile>> {
        let mut open = self.open.lock();
        if let Some(at) = open.iter().position(|(known, _)| *known == id) {
            let found = open.remove(at);
            let file = Arc::clone(&found.1);
            open.push(found);
            return Ok(file);
        }
        let file = self.disk.open(&self.path(id), false)?;
        if open.len() >= OPEN_FILES {
            open.remove(0);
        }
        open.push((id, Arc::clone(&file)));
        Ok(file)
    }

    /// Removes a segment; who reads it now reads on.
    pub(super) fn remove(&self, id: u64) -> io::Result<()> {
        self.known.write().remove(&id);
        self.open.lock().retain(|(known, _)| *known != id);
        self.disk.remove(&self.path(id))
    }

    /// The octets of the mail in the record at `offset`, as they are kept.
    pub(super) fn body(&self, id: u64, offset: u64) -> io::Result<Packed> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a record is damaged");
        let segment = self.get(id).ok_or(io::ErrorKind::NotFound)?;
        let file = self.file(id)?;
        let mut head = [0; HEADER];
        file.read_at(&mut head, offset)?;
        let header = Header::read(&head, segment.mark).ok_or_else(damaged)?;
        let body = read_body(&*file, offset, &header)?.ok_or_else(damaged)?;
        Ok(Packed {
            bytes: body.into(),
            zstd: header.zstd,
        })
    }

    /// From which number on the records of the `i`-th segment of `all` are void, and the number that its records must reach, if
    /// the next segment tells.
    pub(super) fn bounds(&self, all: &[u64], i: usize) -> io::Result<(u64, Option<u64>)> {
        let (Some(id), Some(next)) = (all.get(i), all.get(i + 1)) else {
            return Ok((u64::MAX, None));
        };
        let first = self.first(*next)?;
        // Between others there were segments that are gone.
        let reach = first.filter(|_| id + 1 == *next).map(|first| first - 1);
        Ok((first.unwrap_or(u64::MAX), reach))
    }

    /// The number of the first record of a segment.
    pub(super) fn first(&self, id: u64) -> io::Result<Option<u64>> {
        let Some(segment) = self.get(id) else {
            return Ok(None);
        };
        let file = self.file(id)?;
        Ok(header_at(&*file, START as u64, &segment)?.map(|header| header.number))
    }

    /// Reads the sound records of a segment in order. Behind damage it goes on only if
    /// what follows says that the damaged part was durable: else it is a torn end, which
    /// nobody was told of, and the records end there.
    pub(super) fn scan<E: From<io::Error>>(
        &self,
        id: u64,
        scan: Scan,
        mut each: impl FnMut(Found) -> Result<(), E>,
    ) -> Result<Scanned, E> {
        let mut done = Scanned {
            end: START as u64,
            ..Scanned::default()
        };
        let Some(segment) = self.get(id) else {
            return Ok(done);
        };
        let file = self.file(id)?;
        let mut at = done.end;
        loop {
            match sound(&*file, at, &segment, scan)? {
                Some(found) if found.header.number >= scan.before => return Ok(done),
                Some(found) if found.header.number > done.last => {
                    at += found.header.length();
                    (done.end, done.last) = (at, found.header.number);
                    each(found)?;
                }
                _ => match behind_damage(&*file, at + 1, &segment, scan, done.last)? {
                    Some(next) => {
                        tracing::error!(
                            segment = id,
                            offset = at,
                            octets = next - at,
                            "a part of the log is damaged; what was kept there is lost"
                        );
                        done.damages += 1;
                        done.damaged += next - at;
                        at = next;
                    }
                    None => return Ok(done),
                },
            }
        }
    }
}

fn header_at(file: &dyn DiskFile, at: u64, segment: &Segment) -> io::Result<Option<Header>> {
    let mut head = [0; HEADER];
    if at + HEADER as u64 > segment.size {
        return Ok(None);
    }
    file.read_at(&mut head, at)?;
    let header = Header::read(&head, segment.mark);
    Ok(header.filter(|header| at + header.length() <= segment.size))
}

/// The record at `at`, if it is sound.
fn sound(file: &dyn DiskFile, at: u64, segment: &Segment, scan: Scan) -> io::Result<Option<Found>> {
    let Some(header) = header_at(file, at, segment)? else {
        return Ok(None);
    };
    let mut octets = vec![0; header.postings as usize];
    file.read_at(&mut octets, at + HEADER as u64)?;
    let Some(postings) = record::decode(&header, &octets) else {
        return Ok(None);
    };
    let check = header.number > scan.bodies_above && header.number < scan.before;
    if check && header.body > 0 && read_body(file, at, &header)?.is_none() {
        return Ok(None);
    }
    Ok(Some(Found {
        offset: at,
        header,
        postings,
    }))
}

/// Where sound records go on behind damage; `None` if nothing there says that what is
/// missing after record `last` was durable.
fn behind_damage(
    file: &dyn DiskFile,
    from: u64,
    segment: &Segment,
    scan: Scan,
    last: u64,
) -> io::Result<Option<u64>> {
    let mut first = None;
    let mut at = from;
    while let Some((next, header)) = search(file, at, segment, scan)? {
        let first = *first.get_or_insert(next);
        if header.durable > last {
            return Ok(Some(first));
        }
        at = next + header.length();
    }
    Ok(None)
}

/// The next sound record from `from` on.
fn search(
    file: &dyn DiskFile,
    from: u64,
    segment: &Segment,
    scan: Scan,
) -> io::Result<Option<(u64, Header)>> {
    let mark = segment.mark.to_be_bytes();
    let mut at = from;
    while at + HEADER as u64 <= segment.size {
        let length = usize::try_from(segment.size - at).map_or(SEARCH, |left| left.min(SEARCH));
        let mut piece = vec![0; length];
        file.read_at(&mut piece, at)?;
        // Most of the time this is the part of a segment that was never written.
        let empty = piece == vec![0; length];
        let windows = if empty { &[][..] } else { &piece };
        for (i, window) in windows.windows(mark.len()).enumerate() {
            if window == mark
                && let Some(found) = sound(file, at + i as u64, segment, scan)?
            {
                return Ok(Some((found.offset, found.header)));
            }
        }
        // A mark may lie across two pieces.
        at += (length - (mark.len() - 1)) as u64;
    }
    Ok(None)
}

/// The octets of a record's mail; `None` if they are damaged.
fn read_body(file: &dyn DiskFile, at: u64, header: &Header) -> io::Result<Option<Vec<u8>>> {
    let mut body = vec![0; header.body as usize];
    file.read_at(&mut body, at + HEADER as u64 + u64::from(header.postings))?;
    Ok((crc32c::crc32c(&body) == header.body_sum).then_some(body))
}

/// Octets as a mail is kept: zstd level 1, or as they are where that is not smaller.
pub(super) fn pack(octets: &Bytes) -> Packed {
    match zstd::bulk::compress(octets, 1) {
        Ok(packed) if packed.len() < octets.len() => Packed {
            bytes: packed.into(),
            zstd: true,
        },
        _ => Packed {
            bytes: octets.clone(),
            zstd: false,
        },
    }
}

/// The octets of a mail of `size` octets.
pub(super) fn unpack(packed: Packed, size: u64) -> io::Result<Bytes> {
    let length = usize::try_from(size).map_err(io::Error::other)?;
    let octets = if packed.zstd {
        zstd::bulk::decompress(&packed.bytes, length)?.into()
    } else {
        packed.bytes
    };
    if octets.len() == length {
        Ok(octets)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a mail has not the size it should have",
        ))
    }
}

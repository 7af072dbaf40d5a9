//! The writing end of the log: groups of records are written whole, or void.

use std::io;
use std::sync::Arc;

use aws_lc_rs::rand;

use super::disk::DiskFile;
use super::record::{self, Encoded, START};
use super::segments::{Segment, Segments};
use crate::store::StoreError;
use crate::store::ledger::draft::Posting;
use crate::store::ledger::ops::Packed;

/// Octets taken for a segment when there is no room for a whole one.
const LITTLE: u64 = 64 << 10;

/// The segment that is written now.
struct Current {
    id: u64,
    mark: u64,
    file: Arc<dyn DiskFile>,
    /// Where the next record goes.
    offset: u64,
    /// Records were written since the last sync.
    unsynced: bool,
}

/// The writing end of the log.
pub(super) struct Log {
    segment_size: u64,
    current: Option<Current>,
    /// The last record's number.
    number: u64,
    /// Up to this number all records are durable.
    durable: u64,
}

/// A failed write or sync as those who wait see it.
pub(super) fn failure(what: &str, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::Failed(format!("{what}: {error}")),
    }
}

impl Log {
    /// A log whose last record has `number`, all of it durable.
    pub(super) fn new(segment_size: u64, number: u64) -> Self {
        Self {
            segment_size,
            current: None,
            number,
            durable: number,
        }
    }

    /// Goes on in segment `id`, whose sound records end at `offset`; what lies behind goes.
    pub(super) fn resume(&mut self, segments: &Segments, id: u64, offset: u64) -> io::Result<()> {
        let Some(segment) = segments.get(id) else {
            return Ok(());
        };
        let file = segments.file(id)?;
        file.truncate(offset)?;
        if offset < self.segment_size && file.allocate(self.segment_size).is_err() {
            tracing::warn!("no room to reserve space for the log");
        }
        file.sync()?;
        let (mark, size) = (segment.mark, u64::MAX);
        segments.add(id, Segment { mark, size });
        self.current = Some(Current {
            id,
            mark,
            file,
            offset,
            unsynced: false,
        });
        Ok(())
    }

    /// Makes sure that there is a segment to write to; `marks` are what a new one starts with.
    pub(super) fn ready(
        &mut self,
        segments: &Segments,
        marks: impl FnOnce() -> Result<Vec<Posting>, StoreError>,
    ) -> Result<(), StoreError> {
        match &self.current {
            Some(current) if current.offset < self.segment_size => return Ok(()),
            Some(_) => {
                self.sync(segments)?;
                self.seal(segments);
            }
            None => {}
        }
        let marks = marks()?;
        let failed = |error: io::Error| failure("cannot make a file of the log", &error);
        let id = segments.next().map_err(failed)?;
        match self.create(segments, id, &marks) {
            Ok(current) => {
                self.number += 1;
                self.durable = self.number;
                self.current = Some(current);
                Ok(())
            }
            Err(error) => {
                // Nothing was kept in it; if it cannot go now, the next start passes it over.
                let _ = segments.remove(id);
                Err(error)
            }
        }
    }

    fn create(
        &self,
        segments: &Segments,
        id: u64,
        marks: &[Posting],
    ) -> Result<Current, StoreError> {
        let failed = |error: io::Error| failure("cannot make a file of the log", &error);
        let mut mark = [0; 8];
        rand::fill(&mut mark).map_err(|_| StoreError::Failed("no random numbers".into()))?;
        let mark = u64::from_be_bytes(mark);
        let first = record::encode(marks, None, (mark, self.number + 1, self.number))?;
        let file = segments.create(id).map_err(failed)?;
        if let Err(error) = file.allocate(self.segment_size) {
            // Where little room is left, a little of it will do for what frees more.
            if failure("", &error) != StoreError::Full {
                return Err(failed(error));
            }
            file.truncate(0).map_err(failed)?;
            file.allocate(LITTLE).map_err(failed)?;
        }
        file.write_at(&[&record::start(id, mark), &first.head], 0)
            .and_then(|()| file.sync())
            .and_then(|()| segments.disk.sync_dir(segments.dir()))
            .map_err(failed)?;
        let offset = START as u64 + first.length();
        let size = u64::MAX;
        segments.add(id, Segment { mark, size });
        Ok(Current {
            id,
            mark,
            file,
            offset,
            unsynced: false,
        })
    }

    /// Number of the segment that is written now; 0 if there is none.
    pub(super) fn segment(&self) -> u64 {
        self.current.as_ref().map_or(0, |current| current.id)
    }

    /// Number of the last record.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Encodes the record that comes `after` others of its group, which have `octets`
    /// octets. Returns it with its place in the segment.
    pub(super) fn encode(
        &self,
        postings: &[Posting],
        body: Option<Packed>,
        (after, octets): (usize, u64),
    ) -> Result<(Encoded, u64), StoreError> {
        let current = self.current.as_ref();
        let current = current.ok_or_else(|| StoreError::Failed("the log is not open".into()))?;
        let number = self.number + 1 + after as u64;
        let encoded = record::encode(postings, body, (current.mark, number, self.durable))?;
        Ok((encoded, current.offset + octets))
    }

    /// Writes a group with one write, and makes it durable with one sync if asked.
    ///
    /// # Errors
    /// Nothing of the group counts then, and the segment is closed: after a failed
    /// sync nobody knows what a second one would mean.
    pub(super) fn write(
        &mut self,
        segments: &Segments,
        group: &[Encoded],
        sync: bool,
    ) -> Result<(), StoreError> {
        let Some(current) = &mut self.current else {
            return Err(StoreError::Failed("the log is not open".into()));
        };
        let mut parts: Vec<&[u8]> = Vec::with_capacity(2 * group.len());
        for record in group {
            parts.push(&record.head);
            parts.extend(record.body.as_ref().map(|body| body.bytes.as_ref()));
        }
        let written = current
            .file
            .write_at(&parts, current.offset)
            .and_then(|()| if sync { current.file.sync() } else { Ok(()) });
        if let Err(error) = written {
            self.void(segments);
            return Err(failure("cannot write the log", &error));
        }
        current.offset += group.iter().map(Encoded::length).sum::<u64>();
        current.unsynced = !sync;
        self.number += group.len() as u64;
        if sync {
            self.durable = self.number;
        }
        Ok(())
    }

    /// Takes back the group that was written last: the index could not follow.
    pub(super) fn take_back(&mut self, segments: &Segments, group: &[Encoded]) {
        if let Some(current) = &mut self.current {
            current.offset -= group.iter().map(Encoded::length).sum::<u64>();
            self.number -= group.len() as u64;
            self.durable = self.durable.min(self.number);
        }
        self.void(segments);
    }

    pub(super) fn is_unsynced(&self) -> bool {
        self.current
            .as_ref()
            .is_some_and(|current| current.unsynced)
    }

    /// Makes all that was written durable.
    pub(super) fn sync(&mut self, segments: &Segments) -> Result<(), StoreError> {
        let Some(current) = self.current.as_mut().filter(|current| current.unsynced) else {
            return Ok(());
        };
        if let Err(error) = current.file.sync() {
            self.void(segments);
            return Err(failure("cannot sync the log", &error));
        }
        current.unsynced = false;
        self.durable = self.number;
        Ok(())
    }

    /// Closes the segment at its last good record; what may lie behind is cut off. If it
    /// cannot be, the next segment's first number says that it is void.
    pub(super) fn void(&mut self, segments: &Segments) {
        if let Some(current) = &self.current {
            tracing::error!(
                segment = current.id,
                "a file of the log is closed after a failure"
            );
            if let Err(error) = current
                .file
                .truncate(current.offset)
                .and_then(|()| current.file.sync())
            {
                tracing::error!(%error, "it cannot be cut to what is good in it");
            }
        }
        self.seal(segments);
    }

    /// Ends the log: all of it is durable, if the disk lets it.
    pub(super) fn end(&mut self, segments: &Segments) {
        if let Err(error) = self.sync(segments) {
            tracing::error!(%error, "the last events and flags may be lost");
        }
        self.seal(segments);
    }

    /// Closes the segment; the unused rest of its room is given back.
    fn seal(&mut self, segments: &Segments) {
        if let Some(current) = self.current.take() {
            if let Err(error) = current.file.truncate(current.offset) {
                tracing::warn!(%error, "cannot give back unused room");
            }
            let segment = Segment {
                mark: current.mark,
                size: current.offset,
            };
            segments.add(current.id, segment);
        }
    }
}

//! The book's part in exports and imports: giving all lessons, and putting others in their place.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use parking_lot::RwLock;

use super::book::{Book, Place};
use super::journal::{Journal, Snapshot, framed};
use super::lesson::Record;
use super::model::Model;
use super::transfer::{FILE_MOST, Held, check, each};

fn refused(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why.into())
}

impl Book {
    fn kept(&self) -> io::Result<&Journal> {
        let journal = self.journal.as_ref();
        journal.ok_or_else(|| refused("these lessons are not kept on a disk"))
    }

    pub(super) fn snapshot(&self) -> io::Result<Snapshot> {
        self.kept()?.snapshot()
    }

    /// Keeps a piece of an export that is sent.
    pub(super) fn receive(&mut self, at: u64, octets: &[u8]) -> io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let path = self.kept()?.sent();
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)?;
        if at == 0 {
            file.set_len(0)?;
        }
        if file.metadata()?.len() != at {
            return Err(refused("another import was begun meanwhile; begin anew"));
        }
        if at + octets.len() as u64 > FILE_MOST {
            return Err(refused("it is larger than any export that is taken"));
        }
        file.write_all(octets)
    }

    /// Puts what was sent in the place of all lessons. The numbers of the store's lessons are those of this
    /// store: what the export knows beyond them is of another, and says nothing of this one.
    pub(super) fn import(&mut self, model: &RwLock<Model>) -> io::Result<Held> {
        let sent = self.kept()?.sent();
        let held = self.take_over(model, &sent);
        let removed = std::fs::remove_file(&sent);
        held.and_then(|held| removed.map(|()| held))
    }

    fn take_over(&mut self, model: &RwLock<Model>, sent: &Path) -> io::Result<Held> {
        let held = check(sent)?;
        let stored = held.stored.min(self.stored);
        let mut fresh = self.kept()?.fresh()?;
        let (mut book, mut other) = (Self::in_memory(), Model::new());
        each(sent, |mut record| {
            match &mut record {
                Record::Lesson(row) => row.stored = row.stored.min(stored),
                Record::Seen { stored: seen } => *seen = stored.min(*seen),
                Record::Base(base) => base.stored = base.stored.min(stored),
                Record::More { .. } | Record::Undone { .. } | Record::Struck(_) => {}
            }
            let at = fresh.add(&framed(&record)?)?;
            book.replay(&mut other, Place::Journal(at), record);
            if other.is_too_large() {
                return Err(refused(
                    "its layers for domains and users are more than fit",
                ));
            }
            Ok(())
        })?;
        let Some(journal) = &mut self.journal else {
            return Err(refused("these lessons are not kept on a disk"));
        };
        journal.follow(fresh)?;
        book.journal = self.journal.take();
        *self = book;
        *model.write() = other;
        Ok(held)
    }
}

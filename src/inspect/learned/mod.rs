//! The learner: what people said of mail, and what that says of other mail.
//!
//! Its memory is bounded: 12 MB for everybody's layer, about 40 MB for those of domains and users
//! together, and some 200 octets for each lesson that can be taken back, of which there are
//! 200,000 at most.

mod book;
#[cfg(test)]
mod book_tests;
mod counts;
mod explain;
mod features;
mod import;
mod journal;
mod lesson;
mod model;
mod struck;
mod teach;
mod text;
mod transfer;
#[cfg(test)]
mod transfer_tests;
mod vector;

use std::io;
use std::path::Path;

use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};

use super::content::Content;
use crate::clock::Timestamp;
use crate::mail::{Address, Direction, Envelope, MailId, NOTICE_FIELD, headers};
use crate::policy::{Finding, OwnFinding, Scope};
use crate::record::Lore;

use book::Book;
pub use explain::NAME as LEARNED;
pub use lesson::{Learned, Taught, Which};
use model::Model;
pub use struck::Struck;
pub use teach::PASSES;
pub use transfer::{Export, Held, check as check_export};
pub use vector::Vector;

/// The learner. Everybody asks the same one.
pub struct Learner {
    model: RwLock<Model>,
    /// Whoever holds it may change the model; taken before the model.
    book: Mutex<Book>,
    /// What it may learn by itself; bounded.
    overheard: Mutex<Vec<Bulk>>,
}

/// Scores that are far from every threshold.
const SPAM_BEYOND_DOUBT: f32 = 15.0;
const HAM_BEYOND_DOUBT: f32 = -6.0;
/// Mails noted to be learned by itself.
const OVERHEARD_MOST: usize = 256;
/// Who teaches then, in the list of lessons.
const BY_ITSELF: &str = "automatic";

/// Lessons of mail in bulk that are written together.
const BATCH: usize = 500;

/// One of many mails, packed to wait for its passes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bulk {
    pub mail: MailId,
    pub lore: Lore,
    /// The packed vector, in base64 where it is written as text.
    #[serde(with = "lesson::base64")]
    pub vector: Vec<u8>,
}

impl Bulk {
    /// As a lesson for everybody; `None` if the vector is damaged.
    #[must_use]
    pub fn taught(&self, who: &str, at: Timestamp) -> Option<Taught> {
        Some(Taught {
            mail: self.mail,
            lore: self.lore,
            who: who.to_owned(),
            scope: Scope::Global,
            at,
            number: 0,
            bulk: true,
            vector: Vector::unpacked(&self.vector)?,
        })
    }
}

/// Octets of an export that are read at once.
const PIECE: u64 = 256 << 10;

/// A piece of an export.
#[derive(Debug)]
pub struct Piece {
    /// Says of which state of the lessons it is.
    pub mark: u64,
    /// Octets of all pieces together.
    pub length: u64,
    pub octets: Vec<u8>,
}

/// What the learner says of one mail.
#[derive(Debug, Default)]
pub(super) struct Opinion {
    /// For everybody.
    pub(super) found: Option<Finding>,
    /// For recipients who taught something themselves, or whose domain did.
    pub(super) own: Vec<OwnFinding>,
}

impl Learner {
    /// A learner that forgets all at its end.
    #[must_use]
    pub fn in_memory() -> Self {
        Self {
            model: RwLock::new(Model::new()),
            book: Mutex::new(Book::in_memory()),
            overheard: Mutex::default(),
        }
    }

    /// A learner that keeps its lessons in `dir`, and knows those that are there. Blocks: some
    /// 100,000 lessons a second.
    ///
    /// # Errors
    /// The journal cannot be read or written, or is none.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let mut model = Model::new();
        let book = Book::open(dir, &mut model)?;
        Ok(Self {
            model: RwLock::new(model),
            book: Mutex::new(book),
            overheard: Mutex::default(),
        })
    }

    /// The number of the last lesson of the store that was learned.
    #[must_use]
    pub fn stored(&self) -> u64 {
        self.book.lock().stored
    }

    /// Learns, in this order; durable on return. Says how many moved the model. Blocks on the disk.
    ///
    /// # Errors
    /// The lessons cannot be written; nothing was learned then.
    pub fn teach(&self, lessons: Vec<Taught>) -> io::Result<usize> {
        let mut book = self.book.lock();
        book.teach(&self.model, lessons)
    }

    /// Notes that the lessons of the store up to this one need not be looked at again. Blocks.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn pass(&self, stored: u64) -> io::Result<()> {
        let mut book = self.book.lock();
        book.pass(stored)
    }

    /// Learns mails for everybody, in this order and in several passes.
    ///
    /// # Errors
    /// As [`Learner::teach`]; what was learned by then stays.
    pub fn train(&self, mails: &[Bulk], who: &str, at: Timestamp) -> io::Result<()> {
        for _ in 0..PASSES {
            for some in mails.chunks(BATCH) {
                let lessons = some.iter().filter_map(|bulk| bulk.taught(who, at));
                self.teach(lessons.collect())?;
            }
        }
        Ok(())
    }

    /// Takes lessons back, as if they had never been; says how many. Durable on return; blocks.
    ///
    /// # Errors
    /// The journal cannot be read or written; nothing was taken back then.
    pub fn undo(&self, which: &Which, who: &str, at: Timestamp) -> io::Result<usize> {
        let mut book = self.book.lock();
        book.undo(&self.model, which, who, at)
    }

    /// Lessons that can be taken back, the newest first; at most `most`.
    #[must_use]
    pub fn lessons(&self, which: &Which, most: usize) -> Vec<Learned> {
        self.book.lock().list(which, most)
    }

    /// Lessons of the store that were taken back, those after this number, the oldest first.
    #[must_use]
    pub fn struck(&self, after: u64, most: usize) -> Vec<Struck> {
        self.book.lock().struck.after(after, most)
    }

    /// A piece of all lessons as they are now, at most `most` octets from `at` on, for an [`Export`]
    /// elsewhere. Another mark than before says that it must begin anew. Blocks on the disk.
    ///
    /// # Errors
    /// The journal cannot be read, or there is none.
    pub fn piece(&self, at: u64, most: u64) -> io::Result<Piece> {
        let mut snapshot = self.book.lock().snapshot()?;
        Ok(Piece {
            mark: snapshot.mark,
            length: snapshot.length,
            octets: snapshot.read(at, most)?,
        })
    }

    /// Writes all lessons as they are now to the file `to`; what is learned meanwhile waits for
    /// nothing. Blocks on the disk.
    ///
    /// # Errors
    /// It cannot be written; what was there stays then.
    pub fn export(&self, to: &Path) -> io::Result<Held> {
        let mut snapshot = self.book.lock().snapshot()?;
        let mut export = Export::begin(to)?;
        let mut at = 0;
        while at < snapshot.length {
            let octets = snapshot.read(at, PIECE)?;
            if octets.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            export.add(&octets)?;
            at += octets.len() as u64;
        }
        export.end()
    }

    /// Takes a piece of an export that is sent; the first, at 0, begins anew. Blocks on the disk.
    ///
    /// # Errors
    /// It cannot be kept, or is not the next.
    pub fn receive(&self, at: u64, octets: &[u8]) -> io::Result<()> {
        self.book.lock().receive(at, octets)
    }

    /// Puts the export that was sent in the place of all lessons, whole or not at all. Lessons of the
    /// store that it does not know are learned anew from there. Blocks on the disk.
    ///
    /// # Errors
    /// Words for the administrator; all lessons are as before then.
    pub fn import(&self) -> io::Result<Held> {
        self.book.lock().import(&self.model)
    }

    /// True if it was taught nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.model.read().is_empty()
    }

    /// Notes a mail whose score is far from every threshold, to be learned by itself. Where more
    /// come than are learned, some are not noted.
    pub(super) fn overhear(&self, content: &Content<'_>, envelope: &Envelope, score: f32) {
        let lore = if score >= SPAM_BEYOND_DOUBT {
            Lore::Spam
        } else if score <= HAM_BEYOND_DOUBT {
            Lore::Ham
        } else {
            return;
        };
        if content.first(NOTICE_FIELD).is_some() || self.overheard.lock().len() >= OVERHEARD_MOST {
            return;
        }
        let vector = features::features(content);
        // What it is sure of already teaches nothing.
        let model = self.model.read();
        let says = model
            .layer(&Scope::Global)
            .map_or(0.0, |layer| layer.raw(&vector));
        if teach::in_bulk(says, lore) != 0 {
            self.overheard.lock().push(Bulk {
                mail: MailId::of(envelope.from.as_ref(), content.message, 0),
                lore,
                vector: vector.packed(),
            });
        }
    }

    /// Learns what was noted by itself; says how many. Durable on return; blocks.
    ///
    /// # Errors
    /// As [`Learner::teach`].
    pub fn learn_overheard(&self, at: Timestamp) -> io::Result<usize> {
        let overheard = std::mem::take(&mut *self.overheard.lock());
        let lessons = overheard
            .iter()
            .filter_map(|bulk| bulk.taught(BY_ITSELF, at));
        self.teach(lessons.collect())
    }

    /// What it says of a mail to everybody, and to those who taught it something themselves.
    pub(super) fn opinion(&self, content: &Content<'_>, envelope: &Envelope) -> Opinion {
        let vector = features::features(content);
        let model = self.model.read();
        let says = |scopes: &[Scope]| {
            let weight = model.says(scopes, &vector)?;
            explain::finding(weight, &explain::telling(&model, scopes, content, weight))
        };
        // What goes out has recipients elsewhere.
        let recipients: &[Address] = match envelope.direction {
            Direction::Inbound => &envelope.to,
            Direction::Outbound => &[],
        };
        let own = recipients.iter().filter_map(|to| {
            let scopes = Scope::chain(to);
            let knows = scopes[1..].iter().any(|scope| model.knows(scope));
            knows.then(|| OwnFinding {
                to: to.clone(),
                name: LEARNED.to_owned(),
                finding: says(&scopes),
            })
        });
        Opinion {
            found: says(&[Scope::Global]),
            own: own.collect(),
        }
    }
}

/// The features of a message, of whose text `limit` octets are read; none if it says that it is a
/// mail of the house itself, from which nobody learns.
#[must_use]
pub fn vector_of(message: &[u8], envelope: &Envelope, limit: usize) -> Option<Vector> {
    let own = headers::first(message, NOTICE_FIELD).is_some();
    (!own).then(|| vector(message, envelope, limit))
}

/// The same of any message.
#[must_use]
pub fn vector(message: &[u8], envelope: &Envelope, limit: usize) -> Vector {
    features::features(&Content::read(message, envelope, limit, None))
}

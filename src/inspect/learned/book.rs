//! The book of lessons: learns them, takes them back, and keeps the journal and the model in step.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use parking_lot::RwLock;

use crate::clock::Timestamp;
use crate::mail::MailId;
use crate::policy::Scope;
use crate::record::Lore;

use super::journal::{Journal, framed};
use super::lesson::{Learned, Record, Row, Taught, Which};
use super::model::{Model, Step};
use super::struck::Memory;
use super::teach::{Spent, in_bulk, steps};
use super::vector::Vector;

/// Lessons that can be taken back; beyond them, and beyond so many octets, the oldest half becomes
/// part of the base.
const LESSONS_MOST: usize = 200_000;
const OCTETS_MOST: u64 = 1 << 30;

/// Where the vector of a lesson is.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// Nothing changed by it.
    Nowhere,
    /// In the record at this place of the journal.
    Journal(u64),
    /// Here, where there is no journal.
    Here(Vec<u8>),
}

/// A lesson that can be taken back.
pub(super) struct Known {
    lesson: Learned,
    stored: u64,
    steps: Vec<(Scope, Step)>,
    place: Place,
}

/// Every lesson, with where it lies.
pub(super) struct Book {
    /// `None` for a learner that forgets.
    pub(super) journal: Option<Journal>,
    pub(super) known: BTreeMap<u64, Known>,
    /// Lessons of mail in bulk, by mail: a second time is a further pass.
    bulk: HashMap<(MailId, bool), u64>,
    spent: Spent,
    pub(super) struck: Memory,
    /// The last number given, and the last of the store's that was learned.
    pub(super) last: u64,
    pub(super) stored: u64,
}

/// Records that wait to be written together, with the place each will have.
#[derive(Default)]
struct Batch {
    framed: Vec<u8>,
}

impl Book {
    pub(super) fn in_memory() -> Self {
        Self {
            journal: None,
            known: BTreeMap::new(),
            bulk: HashMap::new(),
            spent: Spent::default(),
            struck: Memory::default(),
            last: 0,
            stored: 0,
        }
    }

    /// Reads the journal in `dir` into `model`.
    ///
    /// # Errors
    /// The journal cannot be read or written.
    pub(super) fn open(dir: &Path, model: &mut Model) -> io::Result<Self> {
        let mut book = Self::in_memory();
        let journal = Journal::open(dir, |at, record| {
            book.replay(model, Place::Journal(at), record)
        })?;
        book.journal = Some(journal);
        Ok(book)
    }

    /// Lessons that can be taken back, the newest first; at most `most`.
    pub(super) fn list(&self, which: &Which, most: usize) -> Vec<Learned> {
        let all = self.known.values().rev().map(|known| &known.lesson);
        all.filter(|lesson| which.holds(lesson))
            .take(most)
            .cloned()
            .collect()
    }

    /// Learns in this order; durable on return. Says how many of them moved the model, which
    /// is held for one lesson at a time, and not while the disk is waited for.
    ///
    /// # Errors
    /// They cannot be written; nothing was learned then.
    pub(super) fn teach(
        &mut self,
        model: &RwLock<Model>,
        lessons: Vec<Taught>,
    ) -> io::Result<usize> {
        let stored = self.stored;
        let mut batch = Batch::default();
        let mut done: Vec<Record> = Vec::with_capacity(lessons.len());
        let learned = lessons
            .into_iter()
            .try_for_each(|taught| {
                let record = self.record_of(&model.read(), taught);
                let place = self.put(&mut batch, &record)?;
                self.replay(&mut model.write(), place, record.clone());
                done.push(record);
                Ok(())
            })
            .and_then(|()| self.write(&batch));
        if let Err(error) = learned {
            for record in done.into_iter().rev() {
                self.withdraw(&mut model.write(), record);
            }
            self.stored = stored;
            return Err(error);
        }
        self.fold_if_long(model)?;
        Ok(done.iter().filter(|record| record.moves()).count())
    }

    /// Notes that the lessons of the store up to this one need not be looked at again.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn pass(&mut self, stored: u64) -> io::Result<()> {
        if stored > self.stored {
            let mut batch = Batch::default();
            self.put(&mut batch, &Record::Seen { stored })?;
            self.write(&batch)?;
            self.stored = stored;
        }
        Ok(())
    }

    /// Takes lessons back; says how many. Durable on return.
    ///
    /// # Errors
    /// The journal cannot be read or written; nothing was taken back then.
    pub(super) fn undo(
        &mut self,
        model: &RwLock<Model>,
        which: &Which,
        who: &str,
        at: Timestamp,
    ) -> io::Result<usize> {
        let meant = self
            .known
            .values()
            .filter(|known| which.holds(&known.lesson));
        let mut records = Vec::new();
        for known in meant {
            records.push(Record::Undone {
                number: known.lesson.number,
                vector: self.vector(&known.place)?,
                who: who.to_owned(),
                at,
            });
        }
        let mut batch = Batch::default();
        for record in &records {
            self.put(&mut batch, record)?;
        }
        self.write(&batch)?;
        let count = records.len();
        for record in records {
            self.replay(&mut model.write(), Place::Nowhere, record);
        }
        Ok(count)
    }

    /// What learning this leaves in the journal.
    fn record_of(&self, model: &Model, taught: Taught) -> Record {
        let known = self.bulk.get(&(taught.mail, taught.lore == Lore::Spam));
        let in_bulk = || {
            let says = model
                .layer(&Scope::Global)
                .map_or(0.0, |layer| layer.raw(&taught.vector));
            in_bulk(says, taught.lore)
        };
        let packed = |moves: bool| {
            if moves {
                taught.vector.packed()
            } else {
                Vec::new()
            }
        };
        if let (true, Some(number)) = (taught.bulk, known) {
            let step = in_bulk();
            return Record::More {
                number: *number,
                step,
                vector: packed(step != 0),
            };
        }
        let steps = if taught.bulk {
            vec![(Scope::Global, in_bulk())]
        } else {
            steps(
                model,
                &self.spent,
                &taught.scope,
                taught.lore,
                &taught.vector,
                taught.at,
            )
        };
        Record::Lesson(Row {
            vector: packed(
                taught.scope == Scope::Global || steps.iter().any(|(_, step)| *step != 0),
            ),
            lesson: Learned {
                number: self.last + 1,
                mail: taught.mail,
                lore: taught.lore,
                who: taught.who,
                scope: taught.scope,
                at: taught.at,
                bulk: taught.bulk,
            },
            stored: taught.number,
            steps,
        })
    }

    /// Adds a record to the batch; gives the place its vector will have.
    fn put(&self, batch: &mut Batch, record: &Record) -> io::Result<Place> {
        let Some(journal) = &self.journal else {
            return Ok(Place::Here(record.vector().to_vec()));
        };
        let place = Place::Journal(journal.length() + batch.framed.len() as u64);
        batch.framed.extend(framed(record)?);
        Ok(place)
    }

    fn write(&mut self, batch: &Batch) -> io::Result<()> {
        match &mut self.journal {
            Some(journal) if !batch.framed.is_empty() => journal.append(&batch.framed),
            _ => Ok(()),
        }
    }

    fn vector(&self, place: &Place) -> io::Result<Vec<u8>> {
        match (place, &self.journal) {
            (Place::Here(vector), _) => Ok(vector.clone()),
            (Place::Journal(at), Some(journal)) => Ok(journal.record(*at)?.vector().to_vec()),
            _ => Ok(Vec::new()),
        }
    }

    /// Does what a record says.
    pub(super) fn replay(&mut self, model: &mut Model, place: Place, record: Record) {
        let vector = Vector::unpacked(record.vector()).unwrap_or_default();
        match record {
            Record::Lesson(row) => {
                self.last = self.last.max(row.lesson.number);
                self.stored = self.stored.max(row.stored);
                for (scope, step) in &row.steps {
                    model.add(scope, &vector, *step);
                    model.count(scope, row.lesson.lore, 1);
                }
                if row.lesson.scope == Scope::Global {
                    model.sort(&vector, row.lesson.lore, 1);
                }
                self.spent
                    .note(&row.lesson.scope, row.lesson.at, &row.steps, false);
                if row.lesson.bulk {
                    let key = (row.lesson.mail, row.lesson.lore == Lore::Spam);
                    self.bulk.insert(key, row.lesson.number);
                }
                let place = if row.vector.is_empty() {
                    Place::Nowhere
                } else {
                    place
                };
                let known = Known {
                    stored: row.stored,
                    steps: row.steps,
                    place,
                    lesson: row.lesson,
                };
                self.known.insert(known.lesson.number, known);
            }
            Record::More { number, step, .. } if step != 0 => {
                if let Some(known) = self.known.get_mut(&number) {
                    model.add(&Scope::Global, &vector, step);
                    if let Some((_, whole)) = known.steps.first_mut() {
                        *whole = whole.wrapping_add(step);
                    }
                    if matches!(known.place, Place::Nowhere) {
                        known.place = place;
                    }
                }
            }
            Record::More { .. } => {}
            Record::Undone { number, at, .. } => {
                // Others learned what came by the store, and nothing else.
                if let Some(known) = self.known.get(&number).filter(|known| known.stored != 0) {
                    let lesson = &known.lesson;
                    self.struck.note(lesson.mail, lesson.lore, at);
                }
                self.strike(model, number, &vector);
            }
            Record::Struck(struck) => self.struck.put(struck),
            Record::Seen { stored } => self.stored = self.stored.max(stored),
            Record::Base(base) => {
                self.last = self.last.max(base.number);
                self.stored = self.stored.max(base.stored);
                model.lay(base);
            }
        }
    }

    /// Takes a lesson out of model and book.
    fn strike(&mut self, model: &mut Model, number: u64, vector: &Vector) {
        let Some(known) = self.known.remove(&number) else {
            return;
        };
        for (scope, step) in &known.steps {
            model.add(scope, vector, step.wrapping_neg());
            model.count(scope, known.lesson.lore, -1);
        }
        if known.lesson.scope == Scope::Global {
            model.sort(vector, known.lesson.lore, -1);
        }
        self.spent
            .note(&known.lesson.scope, known.lesson.at, &known.steps, true);
        self.bulk
            .remove(&(known.lesson.mail, known.lesson.lore == Lore::Spam));
    }

    /// Takes back what [`Book::replay`] did for a record that could not be written.
    fn withdraw(&mut self, model: &mut Model, record: Record) {
        let vector = Vector::unpacked(record.vector()).unwrap_or_default();
        match record {
            Record::Lesson(row) => {
                self.strike(model, row.lesson.number, &vector);
                self.last = row.lesson.number - 1;
                self.stored = self
                    .known
                    .values()
                    .map(|known| known.stored)
                    .max()
                    .unwrap_or_default();
            }
            Record::More { number, step, .. } => {
                model.add(&Scope::Global, &vector, step.wrapping_neg());
                if let Some((_, whole)) = self
                    .known
                    .get_mut(&number)
                    .and_then(|k| k.steps.first_mut())
                {
                    *whole = whole.wrapping_sub(step);
                }
            }
            Record::Undone { .. } | Record::Seen { .. } | Record::Base(_) | Record::Struck(_) => {}
        }
    }

    /// Makes the oldest half of the lessons part of the base, once there are too many.
    fn fold_if_long(&mut self, model: &RwLock<Model>) -> io::Result<()> {
        let long = self
            .journal
            .as_ref()
            .is_some_and(|journal| journal.length() > OCTETS_MOST);
        if self.known.len() <= LESSONS_MOST && !long {
            return Ok(());
        }
        let base = model.read().clone();
        self.fold(base, self.known.len() / 2)
    }

    /// Writes the journal anew: a base without the newest `kept` lessons, and those.
    pub(super) fn fold(&mut self, mut base: Model, kept: usize) -> io::Result<()> {
        let first = self
            .known
            .keys()
            .rev()
            .nth(kept)
            .map_or(0, |last_gone| last_gone + 1);
        let mut rows = Vec::new();
        for known in self.known.range(first..).map(|(_, known)| known) {
            let packed = self.vector(&known.place)?;
            let vector = Vector::unpacked(&packed).unwrap_or_default();
            for (scope, step) in &known.steps {
                base.add(scope, &vector, step.wrapping_neg());
                base.count(scope, known.lesson.lore, -1);
            }
            if known.lesson.scope == Scope::Global {
                base.sort(&vector, known.lesson.lore, -1);
            }
            rows.push(framed(&Record::Lesson(Row {
                lesson: known.lesson.clone(),
                stored: known.stored,
                steps: known.steps.clone(),
                vector: packed,
            }))?);
        }
        let mut records = Vec::new();
        for layer in base.bases(self.last, self.stored) {
            records.push(framed(&Record::Base(layer))?);
        }
        for struck in self.struck.all() {
            records.push(framed(&Record::Struck(struck.clone()))?);
        }
        let mut at: Vec<u64> = Vec::with_capacity(rows.len());
        let mut length = Journal::EMPTY
            + records
                .iter()
                .map(|record| record.len() as u64)
                .sum::<u64>();
        for row in &rows {
            at.push(length);
            length += row.len() as u64;
        }
        records.extend(rows);
        if let Some(journal) = &mut self.journal {
            journal.replace(&records)?;
        }
        self.known = self.known.split_off(&first);
        self.bulk.retain(|_, number| *number >= first);
        if self.journal.is_some() {
            for (known, at) in self.known.values_mut().zip(at) {
                if !matches!(known.place, Place::Nowhere) {
                    known.place = Place::Journal(at);
                }
            }
        }
        Ok(())
    }
}

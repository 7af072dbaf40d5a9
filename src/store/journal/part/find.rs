//! Finding rows of a part: lists first, then columns, and what is left is read and looked at.

use std::io;

use super::glance::Promise;
use super::lists::List;
use super::meta::ROWS;
use super::octets::damaged;
use super::read::{Column, Part, Raw};
use crate::mail::EntryId;
use crate::record::Event;
use crate::store::Place;
use crate::store::journal::terms::{self, Range};
use crate::store::journal::wish::{Clause, Wish};
use crate::store::on_sled::DiskFile;

/// So few rows are read sooner than more lists are.
const FEW: usize = 16;
/// Terms of one beginning or network that are looked up; with more, rows are read instead.
const TERMS_MOST: usize = 20_000;
/// Fewer rows than this are read sooner than a column is.
const COLUMN_FROM: usize = 8;

/// Rows that may fit, ascending.
enum Rows {
    /// All from the first to before the second.
    Span(u32, u32),
    Some(Vec<u32>),
}

impl Rows {
    fn len(&self) -> usize {
        match self {
            Rows::Span(from, to) => (to - from) as usize,
            Rows::Some(rows) => rows.len(),
        }
    }

    /// Those of `sorted` that are among these.
    fn and(self, sorted: Vec<u32>) -> Self {
        match self {
            Rows::Span(from, to) => {
                let start = sorted.partition_point(|row| *row < from);
                let end = sorted.partition_point(|row| *row < to);
                Rows::Some(sorted.get(start..end).unwrap_or_default().to_vec())
            }
            Rows::Some(mut rows) => {
                let mut others = sorted.into_iter().peekable();
                rows.retain(|row| {
                    while others.next_if(|other| other < row).is_some() {}
                    others.peek() == Some(row)
                });
                Rows::Some(rows)
            }
        }
    }
}

/// An event with its place.
pub(crate) type Line = (Place, Event);

/// What a search found in a part.
#[derive(Default)]
pub(crate) struct Found {
    /// The newest first.
    pub(crate) lines: Vec<Line>,
    /// Set if the budget was used up: nothing older than this place was looked at.
    pub(crate) stopped: Option<Place>,
}

impl Part {
    /// The newest rows that fit; at most `most`. Each row that is read is taken from `budget`.
    pub(crate) fn search(&self, wish: &Wish, most: usize, budget: &mut usize) -> io::Result<Found> {
        let Some(promise) = self.promise(wish) else {
            return Ok(Found::default());
        };
        let file = self.file()?;
        let mut rows = Rows::Span(promise.span.0, promise.span.1);
        if let Some(mail) = wish.query.mail {
            rows = rows.and(self.with_id(&*file, &self.meta.mails, mail.0)?);
        }
        if let Some(entry) = wish.query.entry {
            rows = rows.and(self.with_id(&*file, &self.meta.entries, entry.0)?);
        }
        let mut search = Search {
            part: self,
            file: &*file,
            wish,
            is_sifted: !wish.wants_score() && !promise.kinds.contains(&false),
            promise,
        };
        let rows = search.narrow(rows, wish.clauses())?;
        search.read_back(rows, most, budget)
    }

    /// The lists of all terms of a clause; false if there are too many of them.
    fn lists(&self, file: &dyn DiskFile, clause: &Clause) -> io::Result<(Vec<List>, bool)> {
        let mut lists = Vec::new();
        for range in clause {
            for item in self.terms(file, range) {
                if lists.len() >= TERMS_MOST {
                    return Ok((lists, false));
                }
                lists.push(item?.1);
            }
        }
        Ok((lists, true))
    }

    /// The rows of all lists, ascending, each once.
    fn union(&self, file: &dyn DiskFile, lists: &[List]) -> io::Result<Vec<u32>> {
        let mut rows = Vec::new();
        for list in lists {
            self.list(file, list, &mut rows)?;
        }
        if lists.len() > 1 {
            rows.sort_unstable();
            rows.dedup();
        }
        Ok(rows)
    }

    /// The rows of an entry's history, the oldest first.
    pub(crate) fn history(&self, entry: EntryId) -> io::Result<Vec<Line>> {
        let file = self.file()?;
        let rows = self.with_id(&*file, &self.meta.entries, entry.0)?;
        let mut reader = Reader::new(self, &*file);
        let mut lines = Vec::with_capacity(rows.len());
        for row in rows {
            let raw = reader.row(row)?;
            let event = raw.event()?;
            if event.entries().contains(&entry) {
                lines.push((raw.place, event));
            }
        }
        Ok(lines)
    }

    /// The rows of one scope in a span, ascending; `None` for all.
    pub(super) fn of_scope(
        &self,
        file: &dyn DiskFile,
        scope: &crate::policy::Scope,
    ) -> io::Result<Option<Vec<u32>>> {
        let Some(range) = terms::scope(scope) else {
            return Ok(None);
        };
        let (lists, _) = self.lists(file, &vec![range])?;
        self.union(file, &lists).map(Some)
    }
}

/// A search in one part.
struct Search<'a> {
    part: &'a Part,
    file: &'a dyn DiskFile,
    wish: &'a Wish,
    promise: Promise,
    /// True if the columns have nothing more to say.
    is_sifted: bool,
}

impl Search<'_> {
    /// Leaves the rows that each clause speaks of, as far as that is worth the work. Columns
    /// come before lists that speak of more rows than they can leave.
    fn narrow(&mut self, mut rows: Rows, clauses: Vec<Clause>) -> io::Result<Rows> {
        let (part, file) = (self.part, self.file);
        let (exact, wide): (Vec<_>, Vec<_>) = clauses
            .into_iter()
            .partition(|clause| clause.iter().all(Range::is_one));
        let mut found: Vec<(usize, Vec<List>)> = Vec::with_capacity(exact.len());
        for clause in exact {
            let (lists, _) = part.lists(file, &clause)?;
            let total: usize = lists.iter().map(|list| list.count as usize).sum();
            if total == 0 {
                return Ok(Rows::Some(Vec::new()));
            }
            found.push((total, lists));
        }
        found.sort_by_key(|(total, _)| *total);
        for (total, lists) in found {
            if self.promise.rows < total {
                rows = self.sift(rows)?;
            }
            if rows.len() <= FEW {
                return Ok(rows);
            }
            rows = rows.and(part.union(file, &lists)?);
        }
        for clause in wide {
            rows = self.sift(rows)?;
            if rows.len() <= FEW {
                return Ok(rows);
            }
            let (lists, whole) = part.lists(file, &clause)?;
            if whole {
                rows = rows.and(part.union(file, &lists)?);
            }
        }
        Ok(rows)
    }

    /// Leaves the rows whose kind and score fit, by the columns; once.
    fn sift(&mut self, rows: Rows) -> io::Result<Rows> {
        if self.is_sifted || rows.len() <= FEW {
            return Ok(rows);
        }
        let columns = self.columns()?;
        let mut left: Vec<u32> = self.back(rows).filter(|row| columns.fit(*row)).collect();
        left.reverse();
        drop(columns);
        self.is_sifted = true;
        Ok(Rows::Some(left))
    }

    fn columns(&self) -> io::Result<Columns<'_>> {
        let column = |wanted: bool, column| {
            wanted
                .then(|| self.part.column(self.file, column))
                .transpose()
        };
        Ok(Columns {
            wish: self.wish,
            wanted: &self.promise.kinds,
            kinds: column(self.promise.kinds.contains(&false), Column::Kind)?,
            scores: column(self.wish.wants_score(), Column::Score)?,
        })
    }

    /// Rows in blocks that may fit, the last first.
    fn back(&self, rows: Rows) -> Box<dyn Iterator<Item = u32> + '_> {
        match rows {
            Rows::Span(from, to) => {
                let blocks = (from / ROWS..to.div_ceil(ROWS)).rev();
                let blocks = blocks.filter(|block| self.promise.may(block * ROWS));
                Box::new(blocks.flat_map(move |block| {
                    let first = (block * ROWS).max(from);
                    (first..((block + 1) * ROWS).min(to)).rev()
                }))
            }
            Rows::Some(rows) => {
                let rows = rows.into_iter().rev();
                Box::new(rows.filter(|row| self.promise.may(*row)))
            }
        }
    }

    fn read_back(&self, rows: Rows, most: usize, budget: &mut usize) -> io::Result<Found> {
        let sifts = !self.is_sifted && rows.len() > COLUMN_FROM;
        let columns = sifts.then(|| self.columns()).transpose()?;
        let mut reader = Reader::new(self.part, self.file);
        let mut found = Found::default();
        for row in self.back(rows) {
            if columns.as_ref().is_some_and(|columns| !columns.fit(row)) {
                continue;
            }
            let raw = reader.row(row)?;
            let place = raw.place;
            if self.wish.covers(place) {
                let event = raw.event()?;
                if self.wish.fits(&event) {
                    found.lines.push((place, event));
                }
            }
            *budget = budget.saturating_sub(1);
            if found.lines.len() >= most {
                break;
            }
            if *budget == 0 {
                found.stopped = Some(place);
                break;
            }
        }
        Ok(found)
    }
}

/// The columns that a search looks at.
struct Columns<'a> {
    wish: &'a Wish,
    /// By kind.
    wanted: &'a [bool],
    kinds: Option<Vec<u8>>,
    scores: Option<Vec<u8>>,
}

impl Columns<'_> {
    fn fit(&self, row: u32) -> bool {
        let kind = self.kinds.as_ref().is_none_or(|column| {
            let kind = cell::<2>(column, row).map(u16::from_be_bytes);
            kind.is_none_or(|kind| self.wanted.get(usize::from(kind)) != Some(&false))
        });
        kind && self.scores.as_ref().is_none_or(|column| {
            let score = cell::<4>(column, row).map(f32::from_be_bytes);
            score.is_none_or(|score| self.wish.fits_score(Some(score)))
        })
    }
}

/// A cell of a column.
pub(super) fn cell<const N: usize>(column: &[u8], row: u32) -> Option<[u8; N]> {
    column.get(row as usize * N..)?.first_chunk().copied()
}

/// Reads rows, and keeps the last block at hand.
struct Reader<'a> {
    part: &'a Part,
    file: &'a dyn DiskFile,
    block: Option<(usize, Vec<Raw>)>,
}

impl<'a> Reader<'a> {
    fn new(part: &'a Part, file: &'a dyn DiskFile) -> Self {
        Self {
            part,
            file,
            block: None,
        }
    }

    fn row(&mut self, row: u32) -> io::Result<&Raw> {
        let (at, within) = ((row / ROWS) as usize, (row % ROWS) as usize);
        let block = match self.block.take() {
            Some((known, rows)) if known == at => rows,
            _ => self.part.block(self.file, at)?,
        };
        let (_, rows) = self.block.insert((at, block));
        rows.get(within).ok_or_else(|| damaged("a block of rows"))
    }
}

//! The terms of a part and their lists of rows.

use std::io;

use super::octets::{damaged, number, read, rising};
use super::read::Part;
use crate::store::journal::terms::Range;
use crate::store::on_sled::DiskFile;

/// Where the rows of a term are written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    One(u32),
    Here(Vec<u8>),
    Outside { offset: u64, length: usize },
}

/// A list of rows that is not read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List {
    /// How many there are.
    pub(super) count: u32,
    place: Place,
}

impl Part {
    /// Adds the rows of a list, ascending.
    pub(super) fn list(
        &self,
        file: &dyn DiskFile,
        list: &List,
        into: &mut Vec<u32>,
    ) -> io::Result<()> {
        match &list.place {
            Place::One(row) if *row < self.meta.rows => into.push(*row),
            Place::One(_) => return Err(damaged("a list")),
            Place::Here(octets) => rising(octets, self.meta.rows, into)?,
            Place::Outside { offset, length } => {
                let octets = read(file, *offset, *length, "a list")?;
                rising(&octets, self.meta.rows, into)?;
            }
        }
        Ok(())
    }

    /// The terms in `range` with their lists, in order.
    pub(super) fn terms<'a>(
        &'a self,
        file: &'a dyn DiskFile,
        range: &'a Range,
    ) -> impl Iterator<Item = io::Result<(Vec<u8>, List)>> + 'a {
        let after = |from: &Range| {
            let fences = &self.meta.fences;
            fences.partition_point(|fence| *fence.term <= *from.from)
        };
        let mut terms = Terms {
            part: self,
            file,
            next: after(range).saturating_sub(1),
            octets: Vec::new(),
            at: 0,
            term: Vec::new(),
        };
        std::iter::from_fn(move || {
            loop {
                match terms.next().transpose()? {
                    Ok(_) if *terms.term < *range.from => {}
                    Ok(_) if *terms.term >= *range.to => return None,
                    Ok(list) => return Some(Ok((terms.term.clone(), list))),
                    Err(error) => return Some(Err(error)),
                }
            }
        })
    }

    /// All terms, in order.
    pub(super) fn all_terms<'a>(&'a self, file: &'a dyn DiskFile) -> Terms<'a> {
        Terms {
            part: self,
            file,
            next: 0,
            octets: Vec::new(),
            at: 0,
            term: Vec::new(),
        }
    }
}

/// A walk through the terms of a part.
pub(super) struct Terms<'a> {
    part: &'a Part,
    file: &'a dyn DiskFile,
    /// The next block.
    next: usize,
    octets: Vec<u8>,
    at: usize,
    /// The term at hand.
    pub(super) term: Vec<u8>,
}

impl Terms<'_> {
    /// Goes on to the next term, and returns its list; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<List>> {
        if self.at >= self.octets.len() {
            let Some(fence) = self.part.meta.fences.get(self.next) else {
                return Ok(None);
            };
            self.octets = read(
                self.file,
                fence.offset,
                fence.length as usize,
                "a block of terms",
            )?;
            self.next += 1;
            self.at = 0;
            self.term.clear();
        }
        let mut rest = self.octets.get(self.at..).unwrap_or_default();
        let list = one(&mut rest, &mut self.term).ok_or_else(|| damaged("a block of terms"))?;
        self.at = self.octets.len() - rest.len();
        Ok(Some(list))
    }
}

/// Reads one term, which goes on from the last, and its list.
fn one(rest: &mut &[u8], term: &mut Vec<u8>) -> Option<List> {
    let length = |rest: &mut &[u8]| usize::try_from(number(rest)?).ok();
    let shared = length(rest)?;
    let own = length(rest)?;
    let (own, after) = rest.split_at_checked(own)?;
    *rest = after;
    term.truncate(shared);
    term.extend_from_slice(own);
    let count = u32::try_from(number(rest)?).ok()?;
    let first = number(rest)?;
    let place = if count == 1 {
        Place::One(u32::try_from(first).ok()?)
    } else if first & 1 == 1 {
        Place::Outside {
            length: usize::try_from(first >> 1).ok()?,
            offset: number(rest)?,
        }
    } else {
        let (list, after) = rest.split_at_checked(usize::try_from(first >> 1).ok()?)?;
        *rest = after;
        Place::Here(list.to_vec())
    };
    Some(List { count, place })
}

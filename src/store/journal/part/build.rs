//! A part made of events, and a part made of smaller ones.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::find::cell;
use super::lists::List;
use super::meta::{Ids, id, row_of};
use super::octets::damaged;
use super::read::{Column, Part, Raw};
use super::write::{NewRow, Writer};
use crate::store::journal::tail::Line;
use crate::store::journal::terms;
use crate::store::ledger::rows::encode;
use crate::store::on_sled::{Disk, DiskFile};

/// The name of the part that covers the numbers from `first` to `last`.
fn name(first: u64, last: u64) -> String {
    format!("{first:016x}-{last:016x}.part")
}

/// The numbers that a file covers, by its name.
pub(crate) fn numbers(name: &str) -> Option<(u64, u64)> {
    let (first, last) = name.strip_suffix(".part")?.split_once('-')?;
    let number = |text: &str| u64::from_str_radix(text, 16).ok();
    Some((number(first)?, number(last)?))
}

/// Writes a file aside and gives it its name; durable on return. Nothing stays of a failure.
fn aside(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    numbers: (u64, u64),
    write: impl FnOnce(Arc<dyn DiskFile>) -> io::Result<()>,
) -> io::Result<PathBuf> {
    let path = dir.join(name(numbers.0, numbers.1));
    let new = path.with_extension("new");
    let written = disk.open(&new, true).and_then(|file| {
        file.truncate(0)?;
        write(file)
    });
    let done = written
        .and_then(|()| disk.rename(&new, &path))
        .and_then(|()| disk.sync_dir(dir));
    if let Err(error) = done {
        // What is left is removed at the next start, if not now.
        let _ = disk.remove(&new);
        let _ = disk.remove(&path);
        return Err(error);
    }
    Ok(path)
}

/// Writes a part of `lines`, which is not empty and covers all `numbers`.
pub(crate) fn build(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    numbers: (u64, u64),
    lines: &[Arc<Line>],
) -> io::Result<Part> {
    let mut lines: Vec<&Line> = lines.iter().map(|line| &**line).collect();
    lines.sort_unstable_by_key(|line| line.place);
    let path = aside(disk, dir, numbers, |file| {
        let mut writer = Writer::new(file)?;
        let mut index: BTreeMap<Vec<u8>, Vec<u32>> = BTreeMap::new();
        let (mut mails, mut entries) = (Vec::new(), Vec::new());
        for (row, line) in lines.iter().enumerate() {
            let row = u32::try_from(row).map_err(io::Error::other)?;
            let value = encode(&line.event).map_err(io::Error::other)?;
            writer.row(&NewRow {
                place: line.place,
                value: &value,
                kind: super::Kind::of(&line.event),
                score: line.event.score.unwrap_or(f32::NAN),
            })?;
            mails.extend(line.event.mail.map(|mail| id(mail.0, row)));
            entries.extend(line.entries.iter().map(|entry| id(entry.0, row)));
            for term in terms::of(&line.event) {
                index.entry(term).or_default().push(row);
            }
        }
        writer.ids(mails, entries)?;
        for (term, rows) in &index {
            writer.term(term, rows)?;
        }
        writer.finish().map(drop)
    })?;
    Part::open(disk, &path, numbers)
}

/// A part that is read from its start to its end.
struct Input<'a> {
    part: &'a Part,
    file: Arc<dyn DiskFile>,
    kinds: Vec<u8>,
    scores: Vec<u8>,
    /// The rows of the block at hand, the next last.
    block: Vec<Raw>,
    next_block: usize,
    /// Where each row went.
    to: Vec<u32>,
}

impl<'a> Input<'a> {
    fn new(part: &'a Part) -> io::Result<Self> {
        let file = part.file()?;
        Ok(Self {
            kinds: part.column(&*file, Column::Kind)?,
            scores: part.column(&*file, Column::Score)?,
            part,
            file,
            block: Vec::new(),
            next_block: 0,
            to: Vec::new(),
        })
    }

    /// The next row, if there is one.
    fn peek(&mut self) -> io::Result<Option<&Raw>> {
        if self.block.is_empty() && self.next_block < self.part.meta.blocks.len() {
            self.block = self.part.block(&*self.file, self.next_block)?;
            self.block.reverse();
            self.next_block += 1;
        }
        Ok(self.block.last())
    }

    /// Writes the next row as row `to`.
    fn give(&mut self, writer: &mut Writer, to: u32) -> io::Result<()> {
        let bad = || damaged("a column");
        let row = self.to.len() as u32;
        let raw = self.block.pop().ok_or_else(|| damaged("a row"))?;
        let kind = u16::from_be_bytes(cell(&self.kinds, row).ok_or_else(bad)?);
        writer.row(&NewRow {
            place: raw.place,
            value: &raw.value,
            kind: *self
                .part
                .meta
                .kinds
                .get(usize::from(kind))
                .ok_or_else(bad)?,
            score: f32::from_be_bytes(cell(&self.scores, row).ok_or_else(bad)?),
        })?;
        self.to.push(to);
        Ok(())
    }

    /// The row as it is in the new part.
    fn moved(&self, row: u32) -> io::Result<u32> {
        let to = self.to.get(row as usize).copied();
        to.ok_or_else(|| damaged("a list"))
    }

    fn ids(&self, ids: &Ids, into: &mut Vec<u64>) -> io::Result<()> {
        for block in 0..ids.fences.len() {
            for id in self.part.ids_in(&*self.file, ids, block)? {
                let row = self.moved(row_of(id))?;
                into.push(id & !0xff_ffff | u64::from(row));
            }
        }
        Ok(())
    }
}

/// Writes one part of several, which lie next to each other by number.
pub(crate) fn merge(disk: &Arc<dyn Disk>, dir: &Path, parts: &[Arc<Part>]) -> io::Result<Part> {
    let first = parts.iter().map(|part| part.first).min().unwrap_or(0);
    let last = parts.iter().map(|part| part.last).max().unwrap_or(0);
    let path = aside(disk, dir, (first, last), |file| {
        let mut writer = Writer::new(file)?;
        let mut inputs: Vec<Input<'_>> = Vec::with_capacity(parts.len());
        for part in parts {
            inputs.push(Input::new(part)?);
        }
        merge_rows(&mut inputs, &mut writer)?;
        let (mut mails, mut entries) = (Vec::new(), Vec::new());
        for input in &inputs {
            input.ids(&input.part.meta.mails, &mut mails)?;
            input.ids(&input.part.meta.entries, &mut entries)?;
        }
        writer.ids(mails, entries)?;
        merge_terms(&inputs, &mut writer)?;
        writer.finish().map(drop)
    })?;
    Part::open(disk, &path, (first, last))
}

fn merge_rows(inputs: &mut [Input<'_>], writer: &mut Writer) -> io::Result<()> {
    let mut to = 0;
    loop {
        let mut least = None;
        for (i, input) in inputs.iter_mut().enumerate() {
            if let Some(raw) = input.peek()?
                && least.is_none_or(|(place, _)| raw.place < place)
            {
                least = Some((raw.place, i));
            }
        }
        let Some(input) = least.and_then(|(_, i)| inputs.get_mut(i)) else {
            return Ok(());
        };
        input.give(writer, to)?;
        to += 1;
    }
}

fn merge_terms(inputs: &[Input<'_>], writer: &mut Writer) -> io::Result<()> {
    let mut walks: Vec<_> = inputs
        .iter()
        .map(|input| input.part.all_terms(&*input.file))
        .collect();
    let mut lists: Vec<Option<List>> = Vec::with_capacity(walks.len());
    for walk in &mut walks {
        lists.push(walk.next()?);
    }
    let (mut term, mut rows, mut moved) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let there = walks.iter().zip(&lists).filter(|(_, list)| list.is_some());
        let Some(least) = there.map(|(walk, _)| &walk.term).min() else {
            return Ok(());
        };
        term.clone_from(least);
        moved.clear();
        for ((walk, list), input) in walks.iter_mut().zip(&mut lists).zip(inputs) {
            if walk.term != term {
                continue;
            }
            let Some(known) = list.take() else { continue };
            rows.clear();
            input.part.list(&*input.file, &known, &mut rows)?;
            for row in &rows {
                moved.push(input.moved(*row)?);
            }
            *list = walk.next()?;
        }
        moved.sort_unstable();
        writer.term(&term, &moved)?;
    }
}

//! Writing a part: rows in their order, then terms in theirs, then what is known of all.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::sync::Arc;

use zstd::bulk::Compressor;

use super::glance::{Glance, Scores};
use super::meta::{Block, Fence, IDS, Ids, Kind, Meta, ROWS, TOPS, hour};
use super::octets::{push_number, push_rising, push_sum};
use crate::store::Place;
use crate::store::journal::terms::Field;
use crate::store::on_sled::DiskFile;

/// The first octets of a part, and the last.
pub(super) const NAME: &[u8; 8] = b"QJOURNL1";
/// Octets of a part's end: place, length and checksum of [`Meta`], and the name.
pub(super) const END: usize = 24;
/// Octets gathered before they are written.
const GATHERED: usize = 1 << 20;
/// Octets of terms in a block, roughly.
const TERMS: usize = 4096;
/// A list up to this long lies beside its term.
const INLINE: usize = 64;
/// Level of zstd for rows.
const LEVEL: i32 = 3;

/// The end of a file that grows.
struct Output {
    file: Arc<dyn DiskFile>,
    /// Octets that are in the file.
    written: u64,
    gathered: Vec<u8>,
}

impl Output {
    fn at(&self) -> u64 {
        self.written + self.gathered.len() as u64
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_at(&[&self.gathered], self.written)?;
        self.written += self.gathered.len() as u64;
        self.gathered.clear();
        Ok(())
    }

    /// Adds octets and their checksum; returns where they lie.
    fn put(&mut self, octets: &[u8]) -> io::Result<u64> {
        let at = self.at();
        let from = self.gathered.len();
        self.gathered.extend_from_slice(octets);
        push_sum(&mut self.gathered, from);
        if self.gathered.len() >= GATHERED {
            self.flush()?;
        }
        Ok(at)
    }
}

/// A row as it is written: where it stands, its event encoded, and its columns.
pub(super) struct NewRow<'a> {
    pub(super) place: Place,
    pub(super) value: &'a [u8],
    pub(super) kind: Kind,
    /// Not a number where there is none.
    pub(super) score: f32,
}

/// The most frequent terms of one field.
#[derive(Default)]
struct Tops(BinaryHeap<Reverse<(u32, Box<[u8]>)>>);

impl Tops {
    fn see(&mut self, term: &[u8], rows: u32) {
        let full = self.0.len() >= TOPS;
        if full && self.0.peek().is_some_and(|least| least.0.0 >= rows) {
            return;
        }
        if full {
            self.0.pop();
        }
        self.0.push(Reverse((rows, term.into())));
    }

    fn end(self) -> Vec<(Box<[u8]>, u32)> {
        let sorted = self.0.into_sorted_vec();
        sorted.into_iter().map(|Reverse((n, t))| (t, n)).collect()
    }
}

/// A part that is being written.
pub(super) struct Writer {
    out: Output,
    meta: Meta,
    press: Compressor<'static>,
    /// The rows of the block that is being filled.
    block: Vec<u8>,
    columns: [Vec<u8>; 3],
    counts: BTreeMap<(u32, u16), u32>,
    /// The terms of the block that is being filled, and the last of them.
    terms: Vec<u8>,
    last: Vec<u8>,
    tops: [Tops; 3],
}

impl Writer {
    pub(super) fn new(file: Arc<dyn DiskFile>) -> io::Result<Self> {
        Ok(Self {
            out: Output {
                file,
                written: 0,
                gathered: NAME.to_vec(),
            },
            meta: Meta::default(),
            press: Compressor::new(LEVEL)?,
            block: Vec::new(),
            columns: Default::default(),
            counts: BTreeMap::new(),
            terms: Vec::new(),
            last: Vec::new(),
            tops: Default::default(),
        })
    }

    /// Adds a row; rows come in the order of their places.
    pub(super) fn row(&mut self, row: &NewRow<'_>) -> io::Result<()> {
        let place = (row.place.at.0, row.place.number);
        if self.meta.rows.is_multiple_of(ROWS) {
            self.end_rows()?;
            self.meta.blocks.push(Block {
                offset: 0,
                length: 0,
                at: place.0,
                number: place.1,
            });
            self.meta.glances.push(Glance::default());
        }
        if self.meta.rows == 0 {
            self.meta.low = place;
        }
        self.meta.high = place;
        self.meta.rows += 1;
        push_number(&mut self.block, place.0);
        push_number(&mut self.block, place.1);
        push_number(&mut self.block, row.value.len() as u64);
        self.block.extend_from_slice(row.value);
        let kind = self.kind(row.kind)?;
        if let (Some(scores), Some(glance)) = (
            self.meta.scores.get_mut(usize::from(kind)),
            self.meta.glances.last_mut(),
        ) {
            scores.see(row.score);
            glance.see(kind, row.score);
        }
        let hour = hour(place.0);
        let [kinds, scores, hours] = &mut self.columns;
        kinds.extend_from_slice(&kind.to_be_bytes());
        scores.extend_from_slice(&row.score.to_be_bytes());
        hours.extend_from_slice(&hour.to_be_bytes());
        *self.counts.entry((hour, kind)).or_default() += 1;
        Ok(())
    }

    fn kind(&mut self, kind: Kind) -> io::Result<u16> {
        let kinds = &mut self.meta.kinds;
        let known = kinds.iter().position(|known| *known == kind);
        let at = known.unwrap_or_else(|| {
            kinds.push(kind);
            self.meta.scores.push(Scores::default());
            kinds.len() - 1
        });
        u16::try_from(at).map_err(io::Error::other)
    }

    fn end_rows(&mut self) -> io::Result<()> {
        let Some(block) = self.meta.blocks.last_mut() else {
            return Ok(());
        };
        let octets = pressed(&mut self.press, &self.block)?;
        block.length = u32::try_from(octets.len()).map_err(io::Error::other)?;
        block.offset = self.out.put(&octets)?;
        self.block.clear();
        Ok(())
    }

    /// After all rows: the columns, and the ids of mails and entries.
    pub(super) fn ids(&mut self, mails: Vec<u64>, entries: Vec<u64>) -> io::Result<()> {
        self.end_rows()?;
        for (column, octets) in std::mem::take(&mut self.columns).into_iter().enumerate() {
            self.meta.columns[column] = self.out.put(&octets)?;
        }
        self.meta.mails = self.ids_of(mails)?;
        self.meta.entries = self.ids_of(entries)?;
        Ok(())
    }

    fn ids_of(&mut self, mut all: Vec<u64>) -> io::Result<Ids> {
        all.sort_unstable();
        let mut ids = Ids {
            offset: self.out.at(),
            count: all.len() as u64,
            fences: Vec::with_capacity(all.len() / IDS + 1),
        };
        for block in all.chunks(IDS) {
            ids.fences.extend(block.first());
            let octets: Vec<u8> = block.iter().flat_map(|id| id.to_be_bytes()).collect();
            self.out.put(&octets)?;
        }
        Ok(ids)
    }

    /// Adds a term with the rows it speaks of, ascending; terms come in order, each once.
    pub(super) fn term(&mut self, term: &[u8], docs: &[u32]) -> io::Result<()> {
        let mut list = Vec::new();
        push_rising(&mut list, docs);
        let outside = match docs.len() > 1 && list.len() > INLINE {
            true => Some(self.out.put(&list)?),
            false => None,
        };
        if self.terms.is_empty() {
            self.meta.fences.push(Fence {
                term: term.into(),
                offset: 0,
                length: 0,
            });
            self.last.clear();
        }
        let shared = self.last.iter().zip(term).take_while(|(a, b)| a == b);
        let shared = shared.count();
        push_number(&mut self.terms, shared as u64);
        push_number(&mut self.terms, (term.len() - shared) as u64);
        self.terms.extend_from_slice(&term[shared..]);
        push_number(&mut self.terms, docs.len() as u64);
        match (docs, outside) {
            ([one], _) => push_number(&mut self.terms, u64::from(*one)),
            (_, Some(offset)) => {
                push_number(&mut self.terms, (list.len() as u64) << 1 | 1);
                push_number(&mut self.terms, offset);
            }
            (_, None) => {
                push_number(&mut self.terms, (list.len() as u64) << 1);
                self.terms.extend_from_slice(&list);
            }
        }
        self.last.clear();
        self.last.extend_from_slice(term);
        for (tops, field) in self
            .tops
            .iter_mut()
            .zip([Field::From, Field::To, Field::Client])
        {
            if term.first() == Some(&(field as u8)) {
                tops.see(term, docs.len() as u32);
            }
        }
        if self.terms.len() >= TERMS {
            self.end_terms()?;
        }
        Ok(())
    }

    fn end_terms(&mut self) -> io::Result<()> {
        if let Some(fence) = self.meta.fences.last_mut()
            && !self.terms.is_empty()
        {
            fence.length = u32::try_from(self.terms.len()).map_err(io::Error::other)?;
            fence.offset = self.out.put(&self.terms)?;
            self.terms.clear();
        }
        Ok(())
    }

    /// Ends the file; it is durable on return.
    pub(super) fn finish(mut self) -> io::Result<Meta> {
        self.end_terms()?;
        let counts = std::mem::take(&mut self.counts).into_iter();
        self.meta.counts = counts.map(|((hour, kind), n)| (hour, kind, n)).collect();
        self.meta.tops = std::mem::take(&mut self.tops).map(Tops::end);
        let octets = rmp_serde::to_vec(&self.meta).map_err(io::Error::other)?;
        let octets = pressed(&mut self.press, &octets)?;
        let at = self.out.put(&octets)?;
        let end = &mut self.out.gathered;
        let from = end.len();
        end.extend_from_slice(&at.to_be_bytes());
        end.extend_from_slice(
            &u32::try_from(octets.len())
                .map_err(io::Error::other)?
                .to_be_bytes(),
        );
        push_sum(end, from);
        end.extend_from_slice(NAME);
        self.out.flush()?;
        self.out.file.sync()?;
        Ok(self.meta)
    }
}

/// Octets compressed, with their length before: the reader must know how much room they take.
fn pressed(press: &mut Compressor<'static>, octets: &[u8]) -> io::Result<Vec<u8>> {
    let length = u32::try_from(octets.len()).map_err(io::Error::other)?;
    let mut out = length.to_be_bytes().to_vec();
    out.extend_from_slice(&press.compress(octets)?);
    Ok(out)
}

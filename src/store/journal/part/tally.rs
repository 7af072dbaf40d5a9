//! Sums over a part: events by hour and kind, and the most frequent addresses.

use std::collections::HashMap;
use std::io;

use super::find::cell;
use super::meta::{Kind, TOPS, hour};
use super::read::{Column, Part};
use crate::policy::Scope;
use crate::store::Place;
use crate::store::journal::terms::{self, Field};

/// Events by hour since 1970 and kind.
pub(crate) type Hours = HashMap<(u32, Kind), u64>;

/// Events by term, for senders, recipients and clients.
pub(crate) type Terms = [HashMap<Vec<u8>, u64>; 3];

const FIELDS: [Field; 3] = [Field::From, Field::To, Field::Client];

impl Part {
    /// Adds the events of `scope` in the hours from `from` to before `to`.
    pub(crate) fn count(
        &self,
        scope: &Scope,
        (from, to): (u32, u32),
        into: &mut Hours,
    ) -> io::Result<()> {
        let (low, high) = (hour(self.meta.low.0), hour(self.meta.high.0));
        if high < from || low >= to {
            return Ok(());
        }
        let kind = |kind: u16| self.meta.kinds.get(usize::from(kind)).copied();
        let mut add = |at: u32, kind: Option<Kind>, rows: u64| {
            if let Some(kind) = kind.filter(|_| from <= at && at < to) {
                *into.entry((at, kind)).or_default() += rows;
            }
        };
        if *scope == Scope::Global {
            for (at, of, rows) in &self.meta.counts {
                add(*at, kind(*of), u64::from(*rows));
            }
            return Ok(());
        }
        let file = self.file()?;
        let Some(rows) = self
            .of_scope(&*file, scope)?
            .filter(|rows| !rows.is_empty())
        else {
            return Ok(());
        };
        let kinds = self.column(&*file, Column::Kind)?;
        let hours = self.column(&*file, Column::Hour)?;
        for row in rows {
            let (Some(of), Some(at)) = (cell(&kinds, row), cell(&hours, row)) else {
                continue;
            };
            add(u32::from_be_bytes(at), kind(u16::from_be_bytes(of)), 1);
        }
        Ok(())
    }

    /// Adds the most frequent senders, recipients and clients of all events from `low` to
    /// before `high`. Those that are rare in a part that lies within are left out.
    pub(crate) fn top(&self, low: Place, high: Place, into: &mut Terms) -> io::Result<()> {
        let (first, last) = self.ends();
        if last < low || first >= high {
            return Ok(());
        }
        if low <= first && last < high {
            for (tops, into) in self.meta.tops.iter().zip(into) {
                for (term, rows) in tops {
                    *into.entry(term.to_vec()).or_default() += u64::from(*rows);
                }
            }
            return Ok(());
        }
        let file = self.file()?;
        let (from, to) = self.span(low, Some(high));
        for (field, into) in FIELDS.into_iter().zip(into) {
            let (range, mut rows) = (terms::all(field), Vec::new());
            let mut counts: Vec<(u64, Vec<u8>)> = Vec::new();
            for item in self.terms(&*file, &range) {
                let (term, list) = item?;
                rows.clear();
                self.list(&*file, &list, &mut rows)?;
                let inside = rows.iter().filter(|row| (from..to).contains(*row)).count();
                if inside > 0 {
                    counts.push((inside as u64, term));
                }
            }
            counts.sort_unstable_by(|a, b| b.cmp(a));
            for (rows, term) in counts.into_iter().take(TOPS) {
                *into.entry(term).or_default() += rows;
            }
        }
        Ok(())
    }
}

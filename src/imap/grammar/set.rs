//! Sets of sequence numbers or UIDs (RFC 3501 sequence-set).

use super::cursor::{Bad, Cursor};

/// Most ranges in one set.
const RANGES_MOST: usize = 20_000;

/// Stands for `*`.
const STAR: u32 = 0;

/// A set as it was written; `*` is not resolved yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SequenceSet(Vec<(u32, u32)>);

impl SequenceSet {
    pub(super) fn parse(from: &mut Cursor<'_>) -> Result<Self, Bad> {
        let mut ranges = Vec::new();
        loop {
            if ranges.len() >= RANGES_MOST {
                return Err("a set has too many ranges");
            }
            let low = bound(from)?;
            let high = if from.eat(b':') { bound(from)? } else { low };
            ranges.push((low, high));
            if !from.eat(b',') {
                return Ok(Self(ranges));
            }
        }
    }

    /// Ascending ranges that do not touch, with `*` as `last`; nothing for `*` when `last` is 0.
    fn ranges(&self, last: u32) -> Vec<(u32, u32)> {
        let mut ranges: Vec<(u32, u32)> = self
            .0
            .iter()
            .filter(|(a, b)| last > 0 || *a != STAR && *b != STAR)
            .map(|&(a, b)| {
                let (a, b) = (
                    if a == STAR { last } else { a },
                    if b == STAR { last } else { b },
                );
                (a.min(b), a.max(b))
            })
            .collect();
        ranges.sort_unstable();
        ranges.dedup_by(|next, kept| {
            let joins = next.0 <= kept.1.saturating_add(1);
            if joins {
                kept.1 = kept.1.max(next.1);
            }
            joins
        });
        ranges
    }

    /// The places (from 0) in `uids`, ascending, whose uids are in the set. Others are passed over.
    pub(crate) fn by_uid(&self, uids: &[u32]) -> Vec<u32> {
        let last = uids.last().copied().unwrap_or(0);
        let mut places = Vec::new();
        for (low, high) in self.ranges(last) {
            let start = uids.partition_point(|uid| *uid < low);
            let end = uids.partition_point(|uid| *uid <= high);
            places.extend((start..end).filter_map(|place| u32::try_from(place).ok()));
        }
        places
    }

    /// The places (from 0) of sequence numbers among `count` messages, ascending.
    ///
    /// # Errors
    /// A number beyond the last message.
    pub(crate) fn by_number(&self, count: u32) -> Result<Vec<u32>, Bad> {
        let mut places = Vec::new();
        for (low, high) in self.ranges(count) {
            if high > count {
                return Err("there is no message with that number");
            }
            places.extend(low - 1..high);
        }
        Ok(places)
    }
}

fn bound(from: &mut Cursor<'_>) -> Result<u32, Bad> {
    if from.eat(b'*') {
        return Ok(STAR);
    }
    match from.number()? {
        0 => Err("numbers of messages start at 1"),
        number => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> SequenceSet {
        SequenceSet::parse(&mut Cursor::new(text.as_bytes())).expect(text)
    }

    #[test]
    fn sets_are_resolved() {
        assert_eq!(set("3,1:2,2:3").by_number(5), Ok(vec![0, 1, 2]));
        assert_eq!(set("4:*").by_number(5), Ok(vec![3, 4]));
        assert_eq!(set("*").by_number(0), Ok(vec![]));
        assert!(set("6").by_number(5).is_err());
        assert_eq!(set("1:4294967295").by_uid(&[5, 9]), [0, 1]);
        assert_eq!(set("100:*").by_uid(&[5, 9]), [1]);
        assert_eq!(set("6:8").by_uid(&[5, 9]), [] as [u32; 0]);
        assert_eq!(set("*:1").by_uid(&[]), [] as [u32; 0]);
        for text in ["0", "", "1:", "a", "1,", "4294967296"] {
            assert!(SequenceSet::parse(&mut Cursor::new(text.as_bytes())).is_err());
        }
    }
}

//! Sets of sequence numbers or UIDs (RFC 3501 sequence-set).

use super::cursor::{Bad, Cursor};

/// Most ranges in one set.
const RANGES_MOST: usize = 20_000;

/// Stands for `*`.
const STAR: u32 = 0;

/// A set; `*` is not resolved yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SequenceSet {
    /// Ascending, and not touching.
    fixed: Vec<(u32, u32)>,
    /// The least and the greatest of the numbers that stand with `*`: all between them and `*`.
    open: Option<(u32, u32)>,
}

impl SequenceSet {
    pub(super) fn parse(from: &mut Cursor<'_>) -> Result<Self, Bad> {
        let (mut fixed, mut open) = (Vec::new(), None::<(u32, u32)>);
        loop {
            if fixed.len() >= RANGES_MOST {
                return Err("a set has too many ranges");
            }
            let low = bound(from)?;
            let high = if from.eat(b':') { bound(from)? } else { low };
            if low == STAR || high == STAR {
                let number = low.max(high);
                let (least, greatest) = match open {
                    // `*` alone adds nothing to another range that ends in it.
                    Some(open) if number == STAR => open,
                    Some((STAR, STAR)) | None => (number, number),
                    Some((least, greatest)) => (least.min(number), greatest.max(number)),
                };
                open = Some((least, greatest));
            } else {
                fixed.push((low.min(high), low.max(high)));
            }
            if !from.eat(b',') {
                return Ok(Self {
                    fixed: merged(fixed),
                    open,
                });
            }
        }
    }

    /// Ascending ranges that do not touch, with `*` as `last`; nothing for `*` when `last` is 0.
    fn ranges(&self, last: u32) -> Vec<(u32, u32)> {
        let mut ranges = self.fixed.clone();
        ranges.extend(self.open_range(last));
        merged(ranges)
    }

    fn open_range(&self, last: u32) -> Option<(u32, u32)> {
        let (least, greatest) = self.open.filter(|_| last > 0)?;
        if greatest == STAR {
            return Some((last, last));
        }
        Some((least.min(last), greatest.max(last)))
    }

    /// True if the number is in the set, where `*` is `last`.
    pub(crate) fn holds(&self, number: u32, last: u32) -> bool {
        let place = self.fixed.partition_point(|(_, high)| *high < number);
        self.fixed
            .get(place)
            .copied()
            .into_iter()
            .chain(self.open_range(last))
            .any(|(low, high)| (low..=high).contains(&number))
    }

    /// The places (from 0) in `rows`, which ascend by `uid`, whose uids are in the set. Others
    /// are passed over.
    pub(crate) fn by_uid<T>(&self, rows: &[T], uid: impl Fn(&T) -> u32) -> Vec<u32> {
        let last = rows.last().map_or(0, &uid);
        let mut places = Vec::new();
        for (low, high) in self.ranges(last) {
            let start = rows.partition_point(|row| uid(row) < low);
            let end = rows.partition_point(|row| uid(row) <= high);
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

/// Sorted, with those that touch made one.
fn merged(mut ranges: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
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
        assert_eq!(set("1:4294967295").by_uid(&[5, 9], |u: &u32| *u), [0, 1]);
        assert_eq!(set("100:*").by_uid(&[5, 9], |u: &u32| *u), [1]);
        assert_eq!(set("6:8").by_uid(&[5, 9], |u: &u32| *u), [] as [u32; 0]);
        assert_eq!(set("*:1").by_uid(&[], |u: &u32| *u), [] as [u32; 0]);
        for (text, number, want) in [
            ("*,3:*,5:*", 4, true),
            ("20:*,*", 15, true),
            ("20:*", 9, false),
            ("2,4:6", 5, true),
            ("2,4:6", 3, false),
        ] {
            assert_eq!(set(text).holds(number, 10), want, "{text} {number}");
        }
        for text in ["0", "", "1:", "a", "1,", "4294967296"] {
            assert!(SequenceSet::parse(&mut Cursor::new(text.as_bytes())).is_err());
        }
    }
}

//! UIDs of 32 bits from the store's one ever-growing sequence of 64 bits.

/// Uids of one era. UID 0 does not exist (RFC 3501 section 9), so an era has one number
/// less than 32 bits have.
const ERA: u64 = u32::MAX as u64;

/// UIDVALIDITY of the first era. To be raised if UIDs are ever given otherwise.
const BASE: u32 = 1;

/// UIDVALIDITY of folders that never show anything.
pub(super) const EMPTY_VALIDITY: u32 = BASE;

/// One era of the sequence: all uids shown at a time are of one UIDVALIDITY. When four
/// thousand million uids have been given a new era begins, clients start anew, and what was
/// held from the era before is no longer shown by IMAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Era(u64);

impl Era {
    /// The era in which the next uid will be given.
    pub(super) fn of_next(last: u64) -> Self {
        Self(last / ERA)
    }

    pub(super) fn validity(self) -> u32 {
        u32::try_from(self.0)
            .unwrap_or(u32::MAX)
            .saturating_add(BASE)
    }

    /// The UID of a uid of the store; `None` if it is of another era.
    pub(super) fn uid(self, uid: u64) -> Option<u32> {
        let (era, low) = (uid.checked_sub(1)? / ERA, (uid - 1) % ERA);
        (era == self.0)
            .then(|| u32::try_from(low + 1).ok())
            .flatten()
    }

    /// The store's uid of a UID; of UID 0 the one before the era's first.
    pub(super) fn whole(self, uid: u32) -> u64 {
        self.0 * ERA + u64::from(uid)
    }

    /// UIDNEXT when `last` is the highest uid given.
    pub(super) fn next(self, last: u64) -> u32 {
        self.uid(last.saturating_add(1)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_ascend_within_an_era() {
        let first = Era::of_next(0);
        assert_eq!((first.validity(), first.next(0)), (1, 1));
        assert_eq!(first.uid(1), Some(1));
        assert_eq!(first.uid(0), None);
        assert_eq!(first.uid(ERA), Some(u32::MAX));
        assert_eq!(first.uid(ERA + 1), None);
        let second = Era::of_next(ERA);
        assert_eq!((second.validity(), second.next(ERA)), (2, 1));
        assert_eq!(second.uid(ERA + 7), Some(7));
        assert_eq!(second.whole(7), ERA + 7);
        assert_eq!(second.uid(7), None);
    }
}

//! What the learner sees of one mail: slots of the model, in three groups, each slot once.

/// Slots are numbers below `1 << SLOT_BITS`.
pub(super) const SLOT_BITS: u32 = 20;
/// How many slots there are.
pub(super) const SLOTS: usize = 1 << SLOT_BITS;
/// Groups: octets of the text, structure, words.
pub(super) const GROUPS: usize = 3;
/// What each group adds to the length of a vector, squared.
pub(super) const SHARES: [f64; GROUPS] = [1.0, 0.09, 1.0];
/// The square of a vector's length, if no group is empty: what a step of 1 moves the mail itself.
pub(super) const LENGTH_SQUARED: f64 = SHARES[0] + SHARES[1] + SHARES[2];
/// Slots of one group that are kept.
const GROUP_MOST: usize = 8192;

/// The groups' slots, ascending. Compact enough to be kept with a lesson: 2 to 5 kB.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vector {
    groups: [Vec<u32>; GROUPS],
}

impl Vector {
    /// Takes hashes as they come; the upper bits of each are its slot.
    pub(super) fn new(hashes: &mut [Vec<u32>; GROUPS]) -> Self {
        let mut vector = Self::default();
        for (group, hashes) in vector.groups.iter_mut().zip(hashes) {
            let mut slots: Vec<u32> = hashes.iter().map(|hash| hash >> (32 - SLOT_BITS)).collect();
            slots.sort_unstable();
            slots.dedup();
            slots.truncate(GROUP_MOST);
            *group = slots;
        }
        vector
    }

    /// Each group with the factor that gives it its share of the length.
    pub(super) fn groups(&self) -> impl Iterator<Item = (f64, &[u32])> {
        self.groups
            .iter()
            .zip(SHARES)
            .filter(|(slots, _)| !slots.is_empty())
            .map(|(slots, share)| ((share / slots.len() as f64).sqrt(), slots.as_slice()))
    }

    /// The slots of the first group.
    pub(super) fn octets(&self) -> &[u32] {
        &self.groups[0]
    }

    /// How many slots there are in all groups.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.iter().map(Vec::len).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Octets to keep: for each group how many slots, then the distance of each to the one before.
    #[must_use]
    pub fn packed(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len() * 2 + 8);
        for slots in &self.groups {
            number(slots.len() as u32, &mut out);
            let mut last = 0;
            for slot in slots {
                number(slot - last, &mut out);
                last = *slot;
            }
        }
        out
    }

    /// The vector of [`Vector::packed`]; `None` for what is none.
    #[must_use]
    pub fn unpacked(mut octets: &[u8]) -> Option<Self> {
        let mut vector = Self::default();
        for slots in &mut vector.groups {
            let count = taken(&mut octets)? as usize;
            if count > GROUP_MOST {
                return None;
            }
            let mut last = 0_u32;
            for index in 0..count {
                let step = taken(&mut octets)?;
                last = last.checked_add(step)?;
                if last as usize >= SLOTS || (step == 0 && index > 0) {
                    return None;
                }
                slots.push(last);
            }
        }
        octets.is_empty().then_some(vector)
    }
}

/// Seven bits an octet, the lowest first; the high bit says that more follow.
fn number(mut n: u32, out: &mut Vec<u8>) {
    while n > 127 {
        out.push((n & 127) as u8 | 128);
        n >>= 7;
    }
    out.push(n as u8);
}

fn taken(octets: &mut &[u8]) -> Option<u32> {
    let mut n = 0_u32;
    for shift in (0..32).step_by(7) {
        let (&first, rest) = octets.split_first()?;
        *octets = rest;
        n |= u32::from(first & 127).checked_shl(shift)?;
        if first < 128 {
            return Some(n);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_packed_is_unpacked(a in prop::collection::vec(any::<u32>(), 0..300), b in prop::collection::vec(any::<u32>(), 0..9)) {
            let vector = Vector::new(&mut [a, Vec::new(), b]);
            let packed = vector.packed();
            prop_assert_eq!(Vector::unpacked(&packed), Some(vector));
            for cut in 0..packed.len() {
                prop_assert_eq!(Vector::unpacked(&packed[..cut]), None);
            }
        }

        #[test]
        fn any_octets_are_a_vector_or_none(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(vector) = Vector::unpacked(&octets) {
                prop_assert!(vector.groups.iter().flatten().all(|slot| (*slot as usize) < SLOTS));
            }
        }
    }
}

//! The index as the ledger sees it: an ordered map of octets, and drafts of changes to it.

use std::collections::BTreeMap;
use std::ops::Bound;

use parking_lot::RwLock;

use crate::store::StoreError;

/// Changes of the index by key: the new value, or `None` for what goes.
pub(crate) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Keys and values in the order of the keys.
pub(crate) type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// An ordered map of octets. Readers never see half of what one `apply` brings.
pub(crate) trait Index: Send + Sync {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    /// Pairs with keys from `from` (included) to `to` (not included); at most `most`.
    fn range(&self, from: &[u8], to: &[u8], most: usize) -> Result<Pairs, StoreError>;
    /// Makes all changes at once.
    fn apply(&self, changes: &Changes) -> Result<(), StoreError>;
}

/// An index in memory.
#[derive(Default)]
pub(crate) struct MemoryIndex(RwLock<BTreeMap<Vec<u8>, Vec<u8>>>);

impl Index for MemoryIndex {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.read().get(key).cloned())
    }

    fn range(&self, from: &[u8], to: &[u8], most: usize) -> Result<Pairs, StoreError> {
        Ok(between(&self.0.read(), from, to)
            .take(most)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    fn apply(&self, changes: &Changes) -> Result<(), StoreError> {
        let mut map = self.0.write();
        for (key, value) in changes {
            match value {
                Some(value) => map.insert(key.clone(), value.clone()),
                None => map.remove(key),
            };
        }
        Ok(())
    }
}

/// `BTreeMap::range` panics where the start lies behind the end; here that is nothing.
fn between<'a, V>(
    map: &'a BTreeMap<Vec<u8>, V>,
    from: &[u8],
    to: &[u8],
) -> impl Iterator<Item = (&'a Vec<u8>, &'a V)> {
    let to = to.max(from);
    map.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)))
}

/// Index and pending changes seen as one.
pub(crate) struct Overlay<'a> {
    pub(crate) index: &'a dyn Index,
    pub(crate) changes: Changes,
}

impl<'a> Overlay<'a> {
    pub(crate) fn new(index: &'a dyn Index) -> Self {
        Self {
            index,
            changes: Changes::new(),
        }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.changes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.index.get(key),
        }
    }

    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.insert(key, Some(value));
    }

    pub(crate) fn remove(&mut self, key: Vec<u8>) {
        self.changes.insert(key, None);
    }

    /// Pairs with keys from `from` to before `to`, the first `most` of them.
    pub(crate) fn range(&self, from: &[u8], to: &[u8], most: usize) -> Result<Pairs, StoreError> {
        let pending: Vec<_> = between(&self.changes, from, to).collect();
        let gone = pending.iter().filter(|(_, value)| value.is_none()).count();
        // Those that go can hide at most as many as they are.
        let mut merged: BTreeMap<Vec<u8>, Vec<u8>> = self
            .index
            .range(from, to, most.saturating_add(gone))?
            .into_iter()
            .collect();
        for (key, value) in pending {
            match value {
                Some(value) => merged.insert(key.clone(), value.clone()),
                None => merged.remove(key),
            };
        }
        Ok(merged.into_iter().take(most).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_seen_as_if_it_were_made() {
        let index = MemoryIndex::default();
        let pair = |k: &str| (k.as_bytes().to_vec(), Some(b"1".to_vec()));
        index
            .apply(&["a", "b", "c", "d"].map(pair).into())
            .expect("applied");
        let mut overlay = Overlay::new(&index);
        overlay.remove(b"a".to_vec());
        overlay.remove(b"b".to_vec());
        overlay.put(b"bb".to_vec(), b"2".to_vec());
        let keys: Vec<_> = overlay
            .range(b"a", b"e", 2)
            .expect("range")
            .into_iter()
            .map(|pair| pair.0)
            .collect();
        assert_eq!(keys, [b"bb".to_vec(), b"c".to_vec()]);
        assert_eq!(overlay.get(b"a"), Ok(None));
        assert_eq!(index.get(b"a"), Ok(Some(b"1".to_vec())));
        assert_eq!(index.range(b"z", b"a", 9), Ok(Vec::new()));
    }
}

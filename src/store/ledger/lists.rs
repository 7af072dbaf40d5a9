//! Lists kept in memory as they were read last: every mail asks for three. A user's own may
//! change with every letter; that must not cost the others theirs.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::keys;
use crate::policy::{ListEntry, Scope};

/// Scopes whose lists are kept; most are empty.
const SCOPES: usize = 16_384;
/// Entries that are kept in all.
const ENTRIES: usize = 200_000;

/// The lists that were read since they changed.
#[derive(Default)]
pub(crate) struct Lists(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// By the key that all entries of the scope begin with.
    lists: HashMap<Vec<u8>, Arc<Vec<ListEntry>>>,
    entries: usize,
    /// One more with each change: what was read before it is not kept after it.
    changes: u64,
}

impl Lists {
    /// The list of `scope`; else the number to give to [`Lists::keep`] with what is read now.
    pub(crate) fn get(&self, scope: &Scope) -> Result<Arc<Vec<ListEntry>>, u64> {
        let kept = self.0.lock();
        let list = kept.lists.get(&keys::list(scope));
        list.cloned().ok_or(kept.changes)
    }

    /// Keeps a list, unless one changed since `changes` was told.
    pub(crate) fn keep(&self, scope: &Scope, list: &Arc<Vec<ListEntry>>, changes: u64) {
        let mut kept = self.0.lock();
        if kept.changes != changes || list.len() > ENTRIES {
            return;
        }
        if kept.lists.len() >= SCOPES || kept.entries + list.len() > ENTRIES {
            kept.lists.clear();
            kept.entries = 0;
        }
        let before = kept.lists.insert(keys::list(scope), Arc::clone(list));
        kept.entries += list.len();
        kept.entries -= before.map_or(0, |list| list.len());
    }

    /// The list whose entries begin with `key` changed, and the index shows it.
    pub(crate) fn forget(&self, key: &[u8]) {
        let mut kept = self.0.lock();
        let before = kept.lists.remove(key);
        kept.entries -= before.map_or(0, |list| list.len());
        kept.changes += 1;
    }

    /// Any list may have changed.
    pub(crate) fn forget_all(&self) {
        let mut kept = self.0.lock();
        kept.lists.clear();
        kept.entries = 0;
        kept.changes += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let (lists, list) = (Lists::default(), Arc::new(Vec::new()));
        let early = lists.get(&Scope::Global).expect_err("nothing is kept yet");
        let other = keys::list(&"a@example.org".parse().expect("scope"));
        lists.forget(&keys::list(&Scope::Global));
        lists.keep(&Scope::Global, &list, early);
        let now = lists
            .get(&Scope::Global)
            .expect_err("it was read too early");
        lists.keep(&Scope::Global, &list, now);
        assert_eq!(lists.get(&Scope::Global), Ok(list.clone()));
        lists.forget(&other);
        assert_eq!(
            lists.get(&Scope::Global),
            Ok(list.clone()),
            "another's changed"
        );
        lists.forget(&keys::list(&Scope::Global));
        let now = lists.get(&Scope::Global).expect_err("it changed");
        lists.keep(&Scope::Global, &list, now);
        lists.forget_all();
        assert!(lists.get(&Scope::Global).is_err());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let lists = Lists::default();
        for n in 0..=SCOPES {
            let scope: Scope = format!("d{n}.example").parse().expect("scope");
            lists.keep(&scope, &Arc::default(), 0);
        }
        assert_eq!(lists.0.lock().lists.len(), 1);
    }
}

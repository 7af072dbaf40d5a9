//! How often entries of lists decided: counted in memory, and written down by a chore.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::clock::Timestamp;
use crate::policy::Listed;
use crate::record::ListUse;

/// Entries that are counted between two writings; the decisions of more are not.
const ENTRIES_MOST: usize = 20_000;

/// The counts since they were taken last. Cheap to clone; clones count together.
#[derive(Debug, Clone, Default)]
pub struct ListUses(Arc<Mutex<HashMap<String, ListUse>>>);

impl ListUses {
    /// The entry decided about a mail.
    pub(super) fn note(&self, listed: &Listed, now: Timestamp) {
        let key = format!("{} {} {}", listed.scope, listed.kind, listed.pattern);
        let mut uses = self.0.lock();
        if let Some(known) = uses.get_mut(&key) {
            known.times = known.times.saturating_add(1);
            known.last = now;
        } else if uses.len() < ENTRIES_MOST {
            let first = ListUse {
                scope: listed.scope.clone(),
                kind: listed.kind,
                pattern: listed.pattern.clone(),
                times: 1,
                last: now,
            };
            uses.insert(key, first);
        }
    }

    /// What was counted; from now on it is counted anew.
    #[must_use]
    pub fn take(&self) -> Vec<ListUse> {
        std::mem::take(&mut *self.0.lock()).into_values().collect()
    }
}

//! Many entries put on a list at once, each with a result of its own (IW-03).

use futures_util::future::join_all;

use super::settings::{check_listing, may_list};
use super::{Desk, Refusal};
use crate::policy::{ListEntry, ListKind, Origin, Pattern, Principal, Scope};
use crate::record::Door;

/// Entries of one call.
const AT_ONCE_MOST: usize = 1000;

impl Desk {
    /// Adds entries to a list within `by`'s scope; the results are in their order, and each that
    /// is good is durable on return. At most 1000.
    ///
    /// # Errors
    /// [`Refusal::Bad`] if they are too many, do not fit into the list, or the note is too long;
    /// nothing was added then.
    pub async fn add_all_listed(
        &self,
        by: &Principal,
        scope: &Scope,
        kind: ListKind,
        patterns: &[Pattern],
        note: &str,
        door: &Door,
    ) -> Result<Vec<Result<(), Refusal>>, Refusal> {
        may_list(by, scope)?;
        if patterns.len() > AT_ONCE_MOST {
            let words = format!("at most {AT_ONCE_MOST} entries can be added at once");
            return Err(Refusal::Bad(words));
        }
        let there = self.store.settings.list(scope).await?.len();
        check_listing(there + patterns.len(), note)?;
        // Side by side, so that the store makes them durable together.
        let adding = patterns.iter().map(|pattern| async move {
            let words = format!("the {kind} list of {scope} gained {pattern}");
            let event = self.changed(by, scope, door, words);
            let entry = ListEntry {
                scope: scope.clone(),
                kind,
                pattern: pattern.clone(),
                by: by.who.clone(),
                made: event.at,
                note: note.to_owned(),
                origin: Origin::Hand,
                expires: None,
            };
            Ok(self.store.settings.set_listed(entry, event).await?)
        });
        Ok(join_all(adding).await)
    }
}

//! Pending mail: what an owner's policy says of actions, and what else is released when a sender is authorised.

use std::collections::HashMap;
use std::time::Duration;

use super::listing::sender;
use super::plan::Terms;
use super::{Action, Desk, Refusal, Row};
use crate::mail::{Direction, EntryId};
use crate::policy::{ListEntry, PendEnd, Principal, Scope};
use crate::record::{Door, Entry, Shelf};
use crate::store::{Entries, StoreError, View};

/// Pending entries of a scope that are looked through for those of one sender.
const LOOKED_MOST: usize = 5_000;
/// Entries looked at in one piece.
const PIECE: usize = 500;

/// The newest pending entries of a scope, piece by piece, up to a bound.
pub(super) struct Newest {
    view: View,
    before: u64,
    looked: usize,
}

impl Newest {
    pub(super) fn pending(scope: &Scope) -> Self {
        Self {
            view: View {
                scope: scope.clone(),
                shelf: Shelf::Pending,
                direction: Direction::Inbound,
            },
            before: u64::MAX,
            looked: 0,
        }
    }

    /// The next piece, the newest first; `None` at the end.
    pub(super) async fn piece(
        &mut self,
        entries: &dyn Entries,
    ) -> Result<Option<Vec<Entry>>, StoreError> {
        if self.looked >= LOOKED_MOST {
            return Ok(None);
        }
        let page = entries.newest(&self.view, self.before, PIECE).await?;
        let Some((last, _)) = page.last() else {
            return Ok(None);
        };
        self.before = *last;
        self.looked += page.len();
        let ids: Vec<_> = page.iter().map(|(_, id)| *id).collect();
        let rows = entries.rows(&self.view.scope, &ids).await?;
        Ok(Some(
            rows.into_iter().flatten().map(|row| row.entry).collect(),
        ))
    }
}

/// A sender was authorised by this list entry, for the mail of this entry.
pub(super) struct Authorised {
    pub(super) listed: ListEntry,
    pub(super) entry: Entry,
}

impl Authorised {
    /// True if `other` is from the same sender. Another mail that nobody vouches for may be forged,
    /// unless it came from the same client.
    fn covers(&self, other: &Entry) -> bool {
        let listed = |from| self.listed.pattern.matches_address(&from);
        self.listed.scope.holds_address(&other.owner)
            && sender(other).is_some_and(listed)
            && (other.aligned || other.client == self.entry.client)
    }
}

impl Desk {
    /// May mail be pending for somebody whom `by` looks after?
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn pends(&self, by: &Principal) -> Result<bool, Refusal> {
        match &by.scope {
            Scope::Recipient(address) => Ok(self.policy_of(address).await?.pend_unknown),
            Scope::Global | Scope::Domain(_) => Ok(true),
        }
    }

    /// What the policies of the owners say, by the key of the owner.
    pub(super) async fn terms(
        &self,
        action: &Action,
        rows: &[Option<Row>],
    ) -> Result<HashMap<String, Terms>, Refusal> {
        let mut terms = HashMap::new();
        let asks = matches!(
            action,
            Action::Release
                | Action::ReleaseAndTrain
                | Action::ReleaseAndAllow(_)
                | Action::Authorise
                | Action::Expire
                | Action::Evict
        );
        if !asks {
            return Ok(terms);
        }
        for row in rows.iter().flatten() {
            let owner = &row.entry.owner;
            let ends = matches!(action, Action::Expire | Action::Evict);
            if ends && row.entry.shelf != Shelf::Pending {
                continue;
            }
            if !terms.contains_key(owner.key()) {
                let policy = self.policy_of(owner).await?;
                let undo = if ends {
                    Duration::ZERO
                } else {
                    Duration::from_secs(policy.undo_seconds)
                };
                let marks = policy.pend_end == PendEnd::DeliverMarked;
                terms.insert(owner.key().to_owned(), Terms { undo, marks });
            }
        }
        Ok(terms)
    }

    /// Releases what else is pending from senders who were just authorised: nothing from them is
    /// held any longer (IW-02). What cannot be released stays pending.
    pub(super) async fn release_more(
        &self,
        by: &Principal,
        authorised: &[Authorised],
        door: &Door,
    ) {
        let mut by_scope: HashMap<String, Vec<&Authorised>> = HashMap::new();
        for one in authorised {
            by_scope
                .entry(one.listed.scope.to_string())
                .or_default()
                .push(one);
        }
        for group in by_scope.values() {
            let Some(scope) = group.first().map(|one| &one.listed.scope) else {
                continue;
            };
            match self.also_pending(scope, group).await {
                Ok(ids) if ids.is_empty() => {}
                Ok(ids) => {
                    let results = Box::pin(self.perform_all(by, &Action::Release, &ids, door));
                    let results = results.await;
                    if let Some(refusal) = results.iter().find_map(|one| one.as_ref().err()) {
                        tracing::warn!(%refusal, "pending mail of an authorised sender stays");
                    }
                }
                Err(error) => tracing::error!(%error, "pending mail cannot be listed"),
            }
        }
    }

    async fn also_pending(
        &self,
        scope: &Scope,
        group: &[&Authorised],
    ) -> Result<Vec<EntryId>, StoreError> {
        let (mut ids, mut newest) = (Vec::new(), Newest::pending(scope));
        while let Some(piece) = newest.piece(&*self.store.entries).await? {
            let covered = piece.iter();
            let covered = covered.filter(|entry| group.iter().any(|one| one.covers(entry)));
            ids.extend(covered.map(|entry| entry.id));
        }
        Ok(ids)
    }
}

//! Quotas: who holds more than policy allows loses the oldest of it.

use std::time::Duration;

use super::desk::SHELVES;
use super::{Action, Desk, Refusal};
use crate::clock::Timestamp;
use crate::mail::EntryId;
use crate::policy::{Policy, Principal, Scope};
use crate::record::{Door, Entry};
use crate::store::{Held, StoreError, View};

/// Entries of one shelf that are looked at in one turn.
const PIECE: usize = 1_000;
/// Turns for one scope before it is left to the next time.
const TURNS_MOST: usize = 20;
const MEGABYTE: u64 = 1_000_000;

/// What a scope may hold; 0 for no limit.
struct Quota {
    messages: u64,
    octets: u64,
}

impl Quota {
    fn of(scope: &Scope, policy: &Policy) -> Option<Self> {
        let (messages, megabytes) = match scope {
            Scope::Global => return None,
            Scope::Domain(_) => (policy.domain_quota_messages, policy.domain_quota_megabytes),
            Scope::Recipient(_) => (policy.quota_messages, policy.quota_megabytes),
        };
        Some(Self {
            messages,
            octets: megabytes.saturating_mul(MEGABYTE),
        })
    }

    /// What must go, of what is held.
    fn excess(&self, held: Held) -> Held {
        let over = |held: u64, most: u64| {
            if most == 0 {
                0
            } else {
                held.saturating_sub(most)
            }
        };
        Held {
            messages: over(held.messages, self.messages),
            octets: over(held.octets, self.octets),
        }
    }
}

impl Desk {
    /// Brings what is held for a scope within its quota: the oldest entries go, but none that came
    /// less than `spared` ago, and none whose release was asked for. Tells how many went.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn make_room(
        &self,
        scope: &Scope,
        held: Held,
        spared: Duration,
        door: &Door,
    ) -> Result<u64, Refusal> {
        let policy = self.policy_at(scope).await?;
        let Some(quota) = Quota::of(scope, &policy) else {
            return Ok(0);
        };
        let mut excess = quota.excess(held);
        let house = Principal::house("quota");
        let mut gone = 0;
        for _ in 0..TURNS_MOST {
            if excess == Held::default() {
                break;
            }
            let ids = self.oldest(scope, excess, spared).await?;
            if ids.is_empty() {
                break;
            }
            for result in self.perform_all(&house, &Action::Evict, &ids, door).await {
                result?;
                gone += 1;
            }
            excess = quota.excess(self.store.entries.held(scope).await?);
        }
        Ok(gone)
    }

    /// The oldest entries, as many as must go, of those that may.
    async fn oldest(
        &self,
        scope: &Scope,
        excess: Held,
        spared: Duration,
    ) -> Result<Vec<EntryId>, StoreError> {
        let now = self.clock.now();
        let mut all: Vec<Entry> = Vec::new();
        for (shelf, direction) in SHELVES {
            let view = View {
                scope: scope.clone(),
                shelf,
                direction,
            };
            let most = usize::try_from(excess.messages.max(1))
                .unwrap_or(PIECE)
                .min(PIECE);
            // By size, one large message may do, or all of these may not.
            let most = if excess.octets > 0 { PIECE } else { most };
            let page = self.store.entries.uids(&view, 0, most).await?;
            let ids: Vec<EntryId> = page.iter().map(|(_, id)| *id).collect();
            let entries = self.store.entries.entries(&ids).await?;
            all.extend(entries.into_iter().flatten());
        }
        all.retain(|entry| may_go(entry, now, spared));
        all.sort_by_key(|entry| entry.uid);
        let mut left = excess;
        let mut ids = Vec::new();
        for entry in all {
            if left == Held::default() {
                break;
            }
            left.messages = left.messages.saturating_sub(1);
            left.octets = left.octets.saturating_sub(entry.size);
            ids.push(entry.id);
        }
        Ok(ids)
    }
}

fn may_go(entry: &Entry, now: Timestamp, spared: Duration) -> bool {
    entry.requested.is_none() && entry.arrived.after(spared) <= now
}

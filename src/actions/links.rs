//! Links in letters at the desk: what one may do, and doing it (XX-05).

use super::settings::keys_named;
use super::{Action, Desk, Outcome, Reach, Refusal};
use crate::clock::Timestamp;
use crate::mail::EntryId;
use crate::policy::{Principal, Right, Scope};
use crate::record::{Door, Entry, State};
use crate::store::{Settings, StoreError};
use crate::token::{KeyRing, Link, Purpose};

/// The name of the secret that holds the keys of links.
const LINK_KEYS: &str = "link-keys";

/// The keys of links; made at the first call.
///
/// # Errors
/// [`StoreError`]; also if the system has no random numbers to give.
pub async fn link_keys(settings: &dyn Settings, now: Timestamp) -> Result<KeyRing, StoreError> {
    keys_named(settings, LINK_KEYS, "link key 1 was made", now).await
}

/// What came of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Followed {
    Did(Outcome),
    /// Its recipient may not do that, and those who may were asked.
    Requested(Outcome),
}

/// What pressing the button of a link does; `None` where it does nothing with an entry.
#[must_use]
pub fn action_of(purpose: Purpose) -> Option<Action> {
    Some(match purpose {
        Purpose::Release => Action::Release,
        Purpose::ReleaseAndTrain => Action::ReleaseAndTrain,
        Purpose::ReleaseAndAllow => Action::ReleaseAndAllow(Reach::Recipient),
        Purpose::Remove => Action::Remove,
        Purpose::RemoveAndBlock => Action::RemoveAndBlock(Reach::Recipient),
        Purpose::TakeBack => Action::TakeBack,
        Purpose::Approve => Action::Release,
        Purpose::Deny => Action::DenyRequest(String::new()),
        Purpose::Unsubscribe => return None,
    })
}

/// Whom a link makes of who holds it: no more than its owner, and named as what it is.
pub(super) fn holder(whose: &Scope) -> Principal {
    let own = Principal::of(whose.clone());
    Principal {
        who: format!("link of {whose}"),
        ..own
    }
}

impl Desk {
    /// Reads a link. Why one does not hold is nobody's business, so `None` says it all.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn open_link(&self, text: &str) -> Result<Option<Link>, Refusal> {
        let now = self.clock.now();
        let ring = link_keys(&*self.store.settings, now).await?;
        Ok(Link::read(&ring, text, now).ok())
    }

    /// The text of a link.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn make_link(&self, link: &Link) -> Result<String, Refusal> {
        let ring = link_keys(&*self.store.settings, self.clock.now()).await?;
        let key = ring.current();
        let key = key.ok_or_else(|| Refusal::Failed("there is no key for links".to_owned()))?;
        Ok(link.text(key))
    }

    /// The entry that a link speaks of, in any state.
    ///
    /// # Errors
    /// [`Refusal::NotYours`] if there is none, or it is gone; [`Refusal::Failed`].
    pub async fn linked(&self, link: &Link) -> Result<Entry, Refusal> {
        let id = link.entry.ok_or(Refusal::NotYours)?;
        self.entry(&holder(&link.whose), id).await
    }

    /// Does what a link is for, with its one entry. A release that its owner has not the right to
    /// becomes a request to those who have it.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn follow(&self, link: &Link, door: &Door) -> Result<Followed, Refusal> {
        let (Some(action), Some(id)) = (action_of(link.purpose), link.entry) else {
            return Err(Refusal::NotYours);
        };
        let by = holder(&link.whose);
        if link.purpose == Purpose::Approve {
            let entry = self.entry(&by, id).await?;
            if entry.requested.is_none() && entry.state == State::Held {
                // It was denied: a request is answered once.
                return Ok(Followed::Did(Outcome::Already(State::Held)));
            }
        }
        match self.perform(&by, &action, id, door).await {
            Err(Refusal::NeedsRight(Right::HandleMalware | Right::ReleaseOutgoing)) => {
                // Who asks is told the answer, so it is the person and not the link.
                let by = Principal::of(link.whose.clone());
                let asked = self.perform(&by, &Action::RequestRelease, id, door);
                asked.await.map(Followed::Requested)
            }
            done => done.map(Followed::Did),
        }
    }

    /// A link that takes back what a link released, while that is possible.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn undo_of(&self, link: &Link, id: EntryId) -> Result<Option<String>, Refusal> {
        let entry = self.linked(link).await?;
        let Some(leaves) = entry.leaves.filter(|_| entry.state == State::Leaving) else {
            return Ok(None);
        };
        let undo = Link {
            purpose: Purpose::TakeBack,
            entry: Some(id),
            whose: link.whose.clone(),
            expires: leaves,
        };
        self.make_link(&undo).await.map(Some)
    }
}

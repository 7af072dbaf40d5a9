//! What administrators do with senders that are locked, or are to be.

use super::settings::may;
use super::{Desk, Refusal};
use crate::mail::Direction;
use crate::policy::{Principal, Scope};
use crate::record::{Door, Event, SenderLock};

/// Longest reason of a lock, in octets.
const WHY_LONGEST: usize = 200;

impl Desk {
    /// The locked senders within `by`'s scope.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn locked_senders(&self, by: &Principal) -> Result<Vec<SenderLock>, Refusal> {
        may(by, &by.scope)?;
        let mut locks = self.store.settings.locks().await?;
        locks.retain(|lock| by.scope.holds(&lock.sender));
        Ok(locks)
    }

    /// Locks a sender, a login or an address: nothing of it goes out. A lock that is there
    /// stays as it is.
    ///
    /// # Errors
    /// [`Refusal::Bad`] if the reason is too long.
    pub async fn lock_sender(
        &self,
        by: &Principal,
        sender: Scope,
        why: String,
        door: &Door,
    ) -> Result<(), Refusal> {
        may(by, &sender)?;
        if why.len() > WHY_LONGEST || why.chars().any(char::is_control) {
            return Err(Refusal::Bad(format!(
                "a reason has at most {WHY_LONGEST} octets and no control characters"
            )));
        }
        if self.store.settings.lock(&sender).await?.is_some() {
            return Ok(());
        }
        let words = format!("sender {sender} was locked: {why}");
        let event = self.of_sender(by, &sender, door, words);
        let lock = SenderLock {
            sender,
            since: event.at,
            by: by.who.clone(),
            why,
        };
        Ok(self.store.settings.set_lock(lock, event).await?)
    }

    /// Unlocks a sender; what it sends counts anew.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] if it is not locked.
    pub async fn unlock_sender(
        &self,
        by: &Principal,
        sender: &Scope,
        door: &Door,
    ) -> Result<(), Refusal> {
        may(by, sender)?;
        let event = self.of_sender(by, sender, door, format!("sender {sender} was unlocked"));
        if self.store.settings.remove_lock(sender, event).await? {
            Ok(())
        } else {
            Err(Refusal::Unknown(format!("locked sender {sender}")))
        }
    }

    fn of_sender(&self, by: &Principal, sender: &Scope, door: &Door, words: String) -> Event {
        let mut event = self.changed(by, sender, door, words);
        if let Scope::Recipient(address) = sender {
            event.direction = Some(Direction::Outbound);
            event.from = Some(address.clone());
        }
        event
    }
}

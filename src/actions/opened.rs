//! Opening mail: others' mail only where policy allows, and not without its owner seeing it (XX-12).

use std::time::Duration;

use super::{Desk, Refusal};
use crate::mail::{Address, EntryId};
use crate::policy::{Policy, Principal, Right, Role, Scope};
use crate::record::{Door, Entry, Event, KeptMail, Status};

/// Who opens the same mail again within this time has opened it once.
const ONCE: Duration = Duration::from_secs(600);

/// Where the policy is not asked: by IMAP administrators see the mail (SE-06), and who is root
/// on the machine can read the store.
const NOT_ASKED: [&str; 2] = ["imap", "control"];

impl Desk {
    /// The mail as it was received, for somebody who opens it. Those who look after others' mail
    /// need the policy `admin_bodies` of the owner; who opens mail that is not their own is
    /// written into its history first.
    ///
    /// # Errors
    /// [`Refusal::NotYours`] also when the octets are gone, [`Refusal::NeedsRight`],
    /// [`Refusal::Failed`] also if it cannot be written down.
    pub async fn opened_mail(
        &self,
        by: &Principal,
        id: EntryId,
        door: &Door,
    ) -> Result<KeptMail, Refusal> {
        let entry = self.entry(by, id).await?;
        let others = by.role.is_over_others() && by.role != Role::House;
        if others
            && !NOT_ASKED.contains(&door.name.as_str())
            && !self.policy_of(&entry.owner).await?.admin_bodies
        {
            return Err(Refusal::NeedsRight(Right::SeeBodies));
        }
        let mail = self.mail(by, id).await?;
        if others || !by.is_itself() {
            self.note_opened(by, entry, door).await?;
        }
        Ok(mail)
    }

    /// What holds for the mail of `owner`.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn policy_of(&self, owner: &Address) -> Result<Policy, Refusal> {
        self.policy_at(&Scope::Recipient(owner.clone())).await
    }

    /// The policy that holds at a scope.
    pub(super) async fn policy_at(&self, scope: &Scope) -> Result<Policy, Refusal> {
        Ok(self.store.settings.policy(scope).await?)
    }

    async fn note_opened(&self, by: &Principal, entry: Entry, door: &Door) -> Result<(), Refusal> {
        let now = self.clock.now();
        let once = format!("opened {} {} {}", entry.id, door.name, by.who);
        let transient = &self.store.transient;
        if !transient.claim(&once, now, now.after(ONCE)).await {
            return Ok(());
        }
        let event = Event::new(now, Status::Opened, &by.who, door.clone());
        let event = event.of(&entry);
        let event = event.saying(format!("as {} of {}", by.role.name(), by.scope));
        if let Err(error) = self.store.journal.write(event).await {
            transient.drop_key(&once).await;
            return Err(error.into());
        }
        Ok(())
    }
}

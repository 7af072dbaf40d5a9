//! The policy and the lists that hold in a chain of scopes.

use std::net::IpAddr;

use super::Intake;
use crate::mail::{Address, Envelope, Mail, Reply};
use crate::policy::{Findings, Listed, Policy, ReversePath, Scope, listed, not_now};
use crate::store::StoreError;

impl Intake {
    pub(super) async fn policy(&self, of: &Address) -> Result<Policy, StoreError> {
        let settings = &self.parts.store.settings;
        settings.policy(&Scope::Recipient(of.clone())).await
    }

    /// What the lists of these scopes say of the mail's sender.
    pub(super) async fn listed(
        &self,
        mail: &Mail,
        findings: &Findings,
        chain: &[Scope],
    ) -> Result<Option<Listed>, StoreError> {
        // A reverse path is no better than what SPF says of it, whoever the author is.
        let path = !findings.forged && findings.path != ReversePath::Denied;
        let path = mail.envelope.from.iter().map(|from| (from, path));
        let authors = findings.authors.iter();
        let senders = path.chain(authors.map(|author| (author, !findings.forged)));
        let client = mail.envelope.peer.address;
        let listed = self.ask_lists(senders, client, chain).await?;
        if let Some(listed) = &listed {
            self.uses.note(listed, self.parts.clock.now());
        }
        Ok(listed)
    }

    async fn ask_lists<'a>(
        &self,
        senders: impl Iterator<Item = (&'a Address, bool)> + Clone,
        client: IpAddr,
        chain: &[Scope],
    ) -> Result<Option<Listed>, StoreError> {
        let mut lists = Vec::new();
        for scope in chain {
            lists.push(self.parts.store.settings.list(scope).await?);
        }
        let now = self.parts.clock.now();
        let entries = lists.iter().flat_map(|list| list.iter());
        let entries = entries.filter(|entry| entry.holds_at(now));
        Ok(listed(entries, senders, client))
    }

    /// May `to` share one reply with the recipients taken before? Asked at RCPT, where
    /// all of a transaction get the same reply. If either of the two asks for it, those
    /// whose policies, or lists, may answer differently are told to come apart.
    ///
    /// # Errors
    /// 452 4.5.3, so that the sender sends to `to` in a transaction of its own.
    pub async fn together(&self, envelope: &Envelope, to: &Address) -> Result<(), Reply> {
        let Some(first) = envelope.to.first() else {
            return Ok(());
        };
        let differ = self.differ(envelope, first, to).await.map_err(|error| {
            tracing::error!(%error, "the policies cannot be read");
            not_now("The recipient cannot be checked now")
        })?;
        if differ {
            let text = format!("<{to}>: other rules hold here, please send to this one apart");
            return Err(Reply::new(452, 5, 3, text));
        }
        Ok(())
    }

    async fn differ(
        &self,
        envelope: &Envelope,
        one: &Address,
        other: &Address,
    ) -> Result<bool, StoreError> {
        let (first, second) = (self.policy(one).await?, self.policy(other).await?);
        if !(first.split || second.split) {
            return Ok(false);
        }
        if first.differs(&second) {
            return Ok(true);
        }
        let senders = envelope.from.iter().map(|from| (from, true));
        let client = envelope.peer.address;
        let (one, other) = (Scope::chain(one), Scope::chain(other));
        let first = self.ask_lists(senders.clone(), client, &one).await?;
        let second = self.ask_lists(senders, client, &other).await?;
        Ok(first.map(|listed| listed.kind) != second.map(|listed| listed.kind))
    }
}

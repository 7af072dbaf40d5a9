//! The policy and the lists that hold for one recipient.

use super::Intake;
use crate::mail::{Address, Mail};
use crate::policy::{Findings, Listed, Policy, Scope, listed};
use crate::store::StoreError;

impl Intake {
    /// The layers of global, domain and recipient, stacked.
    pub(super) async fn policy(&self, to: &Address) -> Result<Policy, StoreError> {
        let mut layers = Vec::new();
        for scope in Scope::chain(to) {
            layers.extend(self.parts.store.settings.layer(&scope).await?);
        }
        Ok(Policy::stack(&layers))
    }

    /// What the lists of the same scopes say of the mail's sender.
    pub(super) async fn listed(
        &self,
        mail: &Mail,
        findings: &Findings,
        to: &Address,
    ) -> Result<Option<Listed>, StoreError> {
        let mut lists = Vec::new();
        for scope in Scope::chain(to) {
            lists.push(self.parts.store.settings.list(&scope).await?);
        }
        let senders = mail.envelope.from.iter().chain(&findings.authors);
        Ok(listed(
            lists.iter().flat_map(|list| list.iter()),
            senders,
            mail.envelope.peer.address,
            findings.forged,
        ))
    }
}

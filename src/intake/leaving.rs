//! A parcel as it leaves: trace fields, the policy's marks, and the seal on what was changed (XX-14).

use super::Intake;
use super::weigh::Judged;
use crate::actions::sealing_key;
use crate::inspect::{Set, seal};
use crate::mail::{Address, Domain, Edit, Mail, edited};
use crate::policy::{Disposition, Findings, Policy, TagSigned};
use crate::store::StoreError;
use crate::token::SealingKey;

/// From this size on, in octets, a mail is hashed on a thread of its own.
const LARGE: u64 = 64 << 10;

impl Judged {
    /// The domain that seals what leaves for `to` with these edits, if one is to.
    pub(super) fn sealed_by(&self, to: &Address, edits: &[Edit]) -> Option<Domain> {
        let policy = &self.of(to)?.policy;
        let wanted = policy.tag_signed == TagSigned::TagAndArcSeal && edits.iter().any(is_tag);
        wanted.then(|| to.domain().clone())
    }
}

fn is_tag(edit: &Edit) -> bool {
    matches!(edit, Edit::TagSubject(_))
}

impl Intake {
    /// The disposition without a tag that would break a signature.
    pub(super) async fn spare(
        &self,
        disposition: Disposition,
        findings: &Findings,
        policy: &Policy,
        to: &Address,
    ) -> Result<Disposition, StoreError> {
        if !(findings.subject_signed && disposition.tags()) {
            return Ok(disposition);
        }
        let vouched = policy.tag_signed == TagSigned::TagAndArcSeal
            && findings.chain.vouches()
            && sealing_key(&*self.parts.store.settings, to.domain())
                .await?
                .is_some();
        Ok(disposition.sparing(findings.subject_signed, vouched, policy))
    }

    /// All edits of what leaves for `to`, who have the same policy's `edits`; sealed by
    /// `sealer`, where it has a key.
    pub(super) async fn leaving(
        &self,
        mail: &Mail,
        findings: &Findings,
        to: &[Address],
        edits: &[Edit],
        sealer: Option<&Domain>,
    ) -> Vec<Edit> {
        let mut all = self.trace_edits(mail, findings, to);
        all.extend_from_slice(edits);
        let Some(domain) = sealer else {
            return all;
        };
        match sealing_key(&*self.parts.store.settings, domain).await {
            Ok(Some(key)) => self.sealed(mail, findings, all, key).await,
            Ok(None) => unsealed(all, findings),
            Err(error) => {
                tracing::error!(%error, %domain, "the key for sealing cannot be read");
                unsealed(all, findings)
            }
        }
    }

    async fn sealed(
        &self,
        mail: &Mail,
        findings: &Findings,
        edits: Vec<Edit>,
        key: SealingKey,
    ) -> Vec<Edit> {
        let (hostname, now) = (self.parts.hostname.clone(), self.parts.clock.now());
        let (results, chain) = (findings.authentication.clone(), findings.chain);
        let edited = edited(&mail.message, &edits);
        let work = move || {
            let set = Set {
                authserv: &hostname,
                results: &results,
                chain,
                key: &key,
                now,
            };
            seal(&edited, &set)
        };
        let made = if mail.message.size() < LARGE {
            Ok(work())
        } else {
            tokio::task::spawn_blocking(work).await
        };
        match made {
            Ok(Ok(Some(mut set))) => {
                set.extend(edits);
                set
            }
            Ok(Ok(None)) => unsealed(edits, findings),
            Ok(Err(error)) => {
                tracing::error!(%error, mail = %mail.id, "a mail cannot be sealed");
                unsealed(edits, findings)
            }
            Err(error) => {
                tracing::error!(%error, mail = %mail.id, "sealing ended in a fault");
                unsealed(edits, findings)
            }
        }
    }
}

/// Without a seal, the tag goes where it would break a signature.
fn unsealed(mut edits: Vec<Edit>, findings: &Findings) -> Vec<Edit> {
    if findings.subject_signed {
        edits.retain(|edit| !is_tag(edit));
    }
    edits
}

//! Requests about the keys with which domains seal, and what a policy lacks without one (XX-14).

use serde_json::{Value, json};

use super::{Control, Request, done, door};
use crate::actions::Refusal;
use crate::policy::{Policy, Principal, Scope, TagSigned};
use crate::token::SealingKey;

impl Control {
    pub(super) async fn ask_arc(&self, by: &Principal, request: Request) -> Result<Value, Refusal> {
        let (desk, door) = (&self.desk, &door());
        match request {
            Request::ArcKeyAdd {
                domain,
                selector,
                pem,
                algorithm,
            } => {
                let pem = pem.map(|pem| pem.0);
                let key = desk.set_sealing_key(by, domain, selector, pem, algorithm, door);
                shown(&key.await?)
            }
            Request::ArcKeyList => desk.sealing_keys(by).await?.iter().map(shown).collect(),
            Request::ArcKeyRemove { domain } => {
                done(desk.remove_sealing_key(by, &domain, door).await)
            }
            other => Err(Refusal::Bad(format!(
                "not a request about settings: {other:?}"
            ))),
        }
    }

    /// What an administrator should know of the policy of `scope`.
    pub(super) async fn note(
        &self,
        by: &Principal,
        scope: &Scope,
    ) -> Result<Option<String>, Refusal> {
        let policy = Policy::stack(&self.layers(by, scope).await?);
        if policy.tag_signed != TagSigned::TagAndArcSeal {
            return Ok(None);
        }
        let concerned = match scope {
            Scope::Global => {
                let all = self.desk.domains(by).await?;
                all.into_iter().map(|settings| settings.domain).collect()
            }
            Scope::Domain(domain) => vec![domain.clone()],
            Scope::Recipient(address) => vec![address.domain().clone()],
        };
        let mut without = Vec::new();
        for domain in concerned {
            if !self.desk.has_sealing_key(by, &domain).await? {
                without.push(domain.to_string());
            }
        }
        Ok((!without.is_empty()).then(|| {
            format!(
                "tag-and-arc-seal acts as header-only without a key; `quaranta keys arc add` makes one for {}",
                without.join(", ")
            )
        }))
    }
}

/// Without the secret.
fn shown(key: &SealingKey) -> Result<Value, Refusal> {
    let record = key
        .record()
        .map_err(|fault| Refusal::Failed(fault.to_string()))?;
    Ok(json!({
        "domain": key.domain,
        "selector": key.selector,
        "algorithm": key.algorithm,
        "made": key.made,
        "name": key.record_name(),
        "record": record,
    }))
}

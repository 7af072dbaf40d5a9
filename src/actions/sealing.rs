//! The keys with which domains seal mail that we changed: made, shown and removed at the desk (XX-14).

use super::settings::{may, of_domain};
use super::{Desk, Refusal};
use crate::mail::Domain;
use crate::policy::{Principal, Scope};
use crate::record::Door;
use crate::store::{Settings, StoreError};
use crate::token::{Algorithm, SealingKey, Selector};

/// The name of the secret that holds a domain's key.
fn name_of(domain: &Domain) -> String {
    format!("arc-key.{domain}")
}

/// The key of `domain`, if it has one.
///
/// # Errors
/// [`StoreError`]; also if what is kept cannot be read.
pub async fn sealing_key(
    settings: &dyn Settings,
    domain: &Domain,
) -> Result<Option<SealingKey>, StoreError> {
    let Some(kept) = settings.secret(&name_of(domain)).await? else {
        return Ok(None);
    };
    let key = serde_json::from_slice(&kept).map_err(|e| StoreError::Failed(e.to_string()))?;
    Ok(Some(key))
}

impl Desk {
    /// Gives `domain` the key in `pem`, or a new one; it takes the place of the one before.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] if the domain is not ours, [`Refusal::Bad`] for a bad key.
    pub async fn set_sealing_key(
        &self,
        by: &Principal,
        domain: Domain,
        selector: Selector,
        pem: Option<String>,
        algorithm: Algorithm,
        door: &Door,
    ) -> Result<SealingKey, Refusal> {
        may(by, &Scope::Domain(domain.clone()))?;
        if self.store.settings.domain(&domain).await?.is_none() {
            return Err(Refusal::Unknown(format!("domain {domain}")));
        }
        let now = self.clock.now();
        let (name, owner) = (name_of(&domain), domain.clone());
        // To find the primes of an RSA key takes its time.
        let work = move || match pem {
            Some(pem) => SealingKey::read(owner, selector, &pem, now),
            None => SealingKey::make(owner, selector, algorithm, now),
        };
        let key = tokio::task::spawn_blocking(work)
            .await
            .map_err(|e| Refusal::Failed(e.to_string()))?
            .map_err(|fault| Refusal::Bad(fault.to_string()))?;
        let text = serde_json::to_vec(&key).map_err(|e| Refusal::Failed(e.to_string()))?;
        let words = format!("domain {domain} seals with the key {}", key.selector);
        let event = self.changed(by, &of_domain(&domain), door, words);
        self.store.settings.set_secret(&name, text, event).await?;
        Ok(key)
    }

    /// The keys of the domains within `by`'s scope.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn sealing_keys(&self, by: &Principal) -> Result<Vec<SealingKey>, Refusal> {
        may(by, &by.scope)?;
        let mut keys = Vec::new();
        for settings in self.domains(by).await? {
            keys.extend(sealing_key(&*self.store.settings, &settings.domain).await?);
        }
        Ok(keys)
    }

    /// True if `domain` has a key.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn has_sealing_key(&self, by: &Principal, domain: &Domain) -> Result<bool, Refusal> {
        may(by, &Scope::Domain(domain.clone()))?;
        let key = sealing_key(&*self.store.settings, domain).await?;
        Ok(key.is_some())
    }

    /// Removes the key of `domain`: what was tagged and sealed gets X-Spam fields only from then on.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] if there is none.
    pub async fn remove_sealing_key(
        &self,
        by: &Principal,
        domain: &Domain,
        door: &Door,
    ) -> Result<(), Refusal> {
        may(by, &Scope::Domain(domain.clone()))?;
        let event = self.changed(
            by,
            &of_domain(domain),
            door,
            format!("the key of domain {domain} was removed"),
        );
        let name = name_of(domain);
        let removed = self.store.settings.remove_secret(&name, event);
        if removed.await? {
            Ok(())
        } else {
            Err(Refusal::Unknown(format!("key of domain {domain}")))
        }
    }
}

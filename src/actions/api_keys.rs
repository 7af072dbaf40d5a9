//! API keys at the desk: made, listed, removed. Their secret is shown once.

use serde::Serialize;

use super::grants::may_hand_on;
use super::settings::may;
use super::{Desk, Refusal};
use crate::accounts::{KeyText, hash_of};
use crate::clock::Timestamp;
use crate::net::network::Network;
use crate::policy::{Principal, Right, Rights, Role, Scope};
use crate::record::{ApiKey, Door};

/// Keys of one maker, and in all.
const KEYS_OF_ONE: usize = 50;
const KEYS_MOST: usize = 10_000;
/// Source networks of one key.
const NETWORKS_MOST: usize = 50;
/// Longest name, in characters.
const NAME_LONGEST: usize = 80;

/// A key that is to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewKey {
    pub name: String,
    pub role: Role,
    pub scope: Scope,
    /// All it may do, the role's included.
    pub rights: Rights,
    pub expires: Option<Timestamp>,
    /// Empty for everywhere.
    pub networks: Vec<Network>,
}

/// A key as it may be shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownKey {
    pub id: String,
    pub name: String,
    pub role: Role,
    pub scope: Scope,
    pub rights: Rights,
    pub expires: Option<Timestamp>,
    pub networks: Vec<Network>,
    pub by: String,
    pub made: Timestamp,
    /// The first use on the last day (UTC) on which it was used.
    pub used: Option<Timestamp>,
}

impl From<ApiKey> for ShownKey {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            role: key.role,
            scope: key.scope,
            rights: key.rights,
            expires: key.expires,
            networks: key.networks,
            by: key.by,
            made: key.made,
            used: key.used,
        }
    }
}

fn check(new: &NewKey, now: Timestamp) -> Result<(), Refusal> {
    let bad = |words: String| Err(Refusal::Bad(words));
    let name = new.name.chars();
    if new.name.trim().is_empty()
        || name.clone().count() > NAME_LONGEST
        || name.clone().any(char::is_control)
    {
        return bad(format!(
            "a key needs a name of at most {NAME_LONGEST} characters, without control characters"
        ));
    }
    if new.networks.len() > NETWORKS_MOST {
        return bad(format!("a key has at most {NETWORKS_MOST} networks"));
    }
    if new.expires.is_some_and(|expires| expires <= now) {
        return bad("the key would have expired already".into());
    }
    if !new.role.fits(&new.scope) {
        return bad(format!(
            "{} is no role within {}",
            new.role.name(),
            new.scope
        ));
    }
    Ok(())
}

/// Who made it: an account, of which the key never has more, or somebody who has none.
fn maker(by: &Principal) -> String {
    match by.role {
        Role::House => format!("the house ({})", by.who),
        _ => by.who.clone(),
    }
}

impl Desk {
    /// Makes a key; the text is what its holder sends, and is not kept. It never has more than
    /// `by` has, and less when `by` has less later.
    ///
    /// # Errors
    /// [`Refusal::NeedsRight`] if it would have more, [`Refusal::Bad`] says what is wrong.
    pub async fn add_api_key(
        &self,
        by: &Principal,
        new: NewKey,
        door: &Door,
    ) -> Result<(ShownKey, String), Refusal> {
        may_hand_on(by)?;
        let now = self.clock.now();
        check(&new, now)?;
        if !by.covers(new.role, &new.scope, new.rights) {
            return Err(Refusal::NeedsRight(Right::Administer));
        }
        let opens = new.role == Role::Recipient && new.rights.has(Right::SeeBodies);
        if opens && by.role.is_over_others() {
            self.may_look_through(by, &by.scope, &new.scope).await?;
        }
        let keys = self.store.settings.api_keys().await?;
        let maker = maker(by);
        let own = keys.iter().filter(|key| key.by == maker).count();
        if own >= KEYS_OF_ONE || keys.len() >= KEYS_MOST {
            let words = format!("one account makes at most {KEYS_OF_ONE} keys, all {KEYS_MOST}");
            return Err(Refusal::Bad(words));
        }
        let text = KeyText::make().map_err(|e| Refusal::Failed(e.to_string()))?;
        let key = ApiKey {
            id: text.id.clone(),
            name: new.name,
            hash: hash_of(&text.secret),
            role: new.role,
            scope: new.scope,
            rights: new.rights,
            expires: new.expires,
            networks: new.networks,
            by: maker,
            made: now,
            used: None,
        };
        let words = format!(
            "API key qk_{} was made: {} of {}, for {}",
            key.id,
            key.role.name(),
            key.scope,
            key.name
        );
        let event = self.changed(by, &key.scope, door, words);
        let settings = &self.store.settings;
        if !settings.replace_api_key(None, key.clone(), event).await? {
            return Err(Refusal::Failed("try again".into()));
        }
        Ok((key.into(), text.to_string()))
    }

    /// The keys that `by` made, and for administrators and auditors those within the scope.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn api_keys(&self, by: &Principal) -> Result<Vec<ShownKey>, Refusal> {
        let all = by.role.is_over_others() && by.has(Right::ReadSettings);
        let mut keys = self.store.settings.api_keys().await?;
        keys.retain(|key| key.by == by.who || all && by.scope.holds(&key.scope));
        keys.sort_by(|a, b| (a.made, &a.id).cmp(&(b.made, &b.id)));
        Ok(keys.into_iter().map(ShownKey::from).collect())
    }

    /// Removes a key; it holds no longer.
    ///
    /// # Errors
    /// [`Refusal::Unknown`], also for a key of another scope.
    pub async fn remove_api_key(
        &self,
        by: &Principal,
        id: &str,
        door: &Door,
    ) -> Result<(), Refusal> {
        may_hand_on(by)?;
        let unknown = || Refusal::Unknown(format!("API key {id}"));
        let key = self.store.settings.api_key(id).await?;
        let key = key.ok_or_else(unknown)?;
        if key.by != by.who {
            may(by, &key.scope).map_err(|_| unknown())?;
        }
        let event = self.changed(by, &key.scope, door, format!("API key qk_{id} was removed"));
        if self.store.settings.remove_api_key(id, event).await? {
            Ok(())
        } else {
            Err(unknown())
        }
    }
}

//! API keys: `qk_ID_SECRET` becomes a principal, or nothing.

use std::fmt;
use std::net::IpAddr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;

use super::{Login, LoginRefusal};
use crate::clock::Timestamp;
use crate::mail::hex;
use crate::policy::{Policy, Principal, Right, Role, Scope};
use crate::record::{ApiKey, Door, Event, Status};
use crate::token::{NoRandom, random};

const PREFIX: &str = "qk_";
/// Hexadecimal digits of an id, and of a secret (256 bits).
const ID_DIGITS: usize = 12;
const SECRET_DIGITS: usize = 64;

/// The two parts of a key as its holder has it.
pub struct KeyText {
    pub id: String,
    pub secret: String,
}

impl fmt::Display for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}_{}", self.id, self.secret)
    }
}

impl KeyText {
    /// A new one.
    ///
    /// # Errors
    /// [`NoRandom`].
    pub fn make() -> Result<Self, NoRandom> {
        Ok(Self {
            id: hex(&random::<{ ID_DIGITS / 2 }>()?),
            secret: hex(&random::<{ SECRET_DIGITS / 2 }>()?),
        })
    }

    fn read(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_hex = |text: &str, digits| {
            text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit())
        };
        (is_hex(id, ID_DIGITS) && is_hex(secret, SECRET_DIGITS)).then(|| Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
        })
    }
}

/// What is kept of a key's secret: 256 random bits need no slow hash.
#[must_use]
pub fn hash_of(secret: &str) -> String {
    hex(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref())
}

impl Login {
    /// The principal of an API key; who it is in the history names the maker and the key. Its
    /// rights are those it was made with, as far as its maker still has them.
    ///
    /// # Errors
    /// [`LoginRefusal::Wrong`] for a key that is unknown, expired, used from elsewhere, or whose
    /// maker is gone; [`LoginRefusal::Unavailable`].
    pub async fn by_key(
        &self,
        text: &str,
        from: IpAddr,
        door: &str,
    ) -> Result<Principal, LoginRefusal> {
        let text = KeyText::read(text).ok_or(LoginRefusal::Wrong)?;
        let unavailable = |_| LoginRefusal::Unavailable;
        let kept = self.settings.api_key(&text.id).await.map_err(unavailable)?;
        let now = self.clock.now();
        let hash = kept.as_ref().map_or("", |key| key.hash.as_str());
        let known = verify_slices_are_equal(hash_of(&text.secret).as_bytes(), hash.as_bytes());
        let (Ok(()), Some(key)) = (known, kept) else {
            return Err(LoginRefusal::Wrong);
        };
        let expired = key.expires.is_some_and(|expires| expires <= now);
        let near = key.networks.is_empty() || key.networks.iter().any(|n| n.holds(from));
        if expired || !near {
            return Err(LoginRefusal::Wrong);
        }
        let principal = self.principal_of(&key).await?;
        self.note_use(key, now, Door::new(door, from)).await;
        Ok(principal)
    }

    async fn principal_of(&self, key: &ApiKey) -> Result<Principal, LoginRefusal> {
        let mut rights = key.rights;
        // The house itself and who is root here have no account.
        if let Ok(maker) = key.by.parse::<Scope>() {
            let account = self.settings.account(&maker).await;
            let account = account.map_err(|_| LoginRefusal::Unavailable)?;
            let makers = account.map(|account| account.principals());
            let may = |p: &Principal| p.covers(key.role, &key.scope, rights.within(p.rights));
            let widest = makers
                .unwrap_or_default()
                .into_iter()
                .filter(may)
                .max_by_key(|p| {
                    let own = !p.role.is_over_others();
                    (rights.within(p.rights).iter().count(), own)
                });
            let widest = widest.ok_or(LoginRefusal::Wrong)?;
            rights = rights.within(widest.rights);
            if key.role == Role::Recipient && !self.may_open(&widest, &key.scope).await? {
                rights = rights.without([Right::SeeBodies].into_iter().collect());
            }
        }
        Ok(Principal {
            who: key.who(),
            role: key.role,
            scope: key.scope.clone(),
            rights,
        })
    }

    /// True if a key of `maker` may open the mail of a recipient: who looks after others opens no more
    /// by a key than without one.
    async fn may_open(&self, maker: &Principal, scope: &Scope) -> Result<bool, LoginRefusal> {
        let allows = maker.scope == Scope::Global && maker.has(Right::Administer);
        let Scope::Recipient(address) = scope else {
            return Ok(true);
        };
        if !maker.role.is_over_others() || allows {
            return Ok(true);
        }
        let mut layers = Vec::new();
        for scope in Scope::chain(address) {
            layers.extend(self.settings.layer(&scope).await?);
        }
        Ok(Policy::stack(&layers).admin_bodies)
    }

    /// Written down once a day, so that keys that nobody uses are seen.
    async fn note_use(&self, key: ApiKey, now: Timestamp, door: Door) {
        if key.used.is_some_and(|used| used.day() == now.day()) {
            return;
        }
        let event = Event::new(now, Status::SignedIn, &key.who(), door).about(&key.scope);
        let used = ApiKey {
            used: Some(now),
            ..key.clone()
        };
        // A key that was removed meanwhile does not come back.
        let noted = self.settings.replace_api_key(Some(&key), used, event);
        if let Err(error) = noted.await {
            tracing::warn!(%error, "the use of an API key could not be written down");
        }
    }
}

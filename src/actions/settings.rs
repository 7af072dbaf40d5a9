//! What administrators set at the desk: domains, policies, lists, keys.

use std::time::Duration;

use super::bounds::{check_digests, check_layer};
use super::{Desk, Refusal};
use crate::clock::Timestamp;
use crate::mail::Domain;
use crate::policy::{Layer, ListEntry, ListKind, Origin, Pattern, Principal, Right, Role, Scope};
use crate::record::{DomainSettings, Door, Event, ImapServer, ListUse, Status};
use crate::store::{Settings, StoreError};
use crate::token::KeyRing;

/// The name of the secret that holds the reinsertion keys.
const REINSERTION_KEYS: &str = "reinsertion-keys";

/// Held while keys are made for the first time.
static MAKING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// List entries of one scope.
const LIST_MOST: usize = 100_000;
/// Longest note of a list entry, in octets.
const NOTE_LONGEST: usize = 500;

/// The reinsertion keys; made at the first call (SY-02).
///
/// # Errors
/// [`StoreError`]; also if the system has no random numbers to give.
pub async fn reinsertion_keys(
    settings: &dyn Settings,
    now: Timestamp,
) -> Result<KeyRing, StoreError> {
    keys_named(
        settings,
        REINSERTION_KEYS,
        "reinsertion key 1 was made",
        now,
    )
    .await
}

/// The keys that are kept under a name; made at the first call, with these words for the log.
pub(super) async fn keys_named(
    settings: &dyn Settings,
    name: &str,
    words: &str,
    now: Timestamp,
) -> Result<KeyRing, StoreError> {
    let fault = |e: &dyn std::fmt::Display| StoreError::Failed(e.to_string());
    let read = |kept: Vec<u8>| serde_json::from_slice(&kept).map_err(|e| fault(&e));
    if let Some(kept) = settings.secret(name).await? {
        return read(kept);
    }
    // Two who come first at the same time get the same keys.
    let _turn = MAKING.lock().await;
    if let Some(kept) = settings.secret(name).await? {
        return read(kept);
    }
    let ring = KeyRing::make(now).map_err(|e| fault(&e))?;
    let event = Event::new(
        now,
        Status::Changed,
        "first start",
        Door::new("background", ""),
    )
    .saying(words);
    keep_keys(settings, name, &ring, event).await?;
    Ok(ring)
}

async fn keep_keys(
    settings: &dyn Settings,
    name: &str,
    ring: &KeyRing,
    event: Event,
) -> Result<(), StoreError> {
    let text = serde_json::to_vec(ring).map_err(|e| StoreError::Failed(e.to_string()))?;
    settings.set_secret(name, text, event).await
}

pub(super) fn of_domain(domain: &Domain) -> Scope {
    Scope::Domain(domain.clone())
}

/// An administrator's act within the scope.
pub(super) fn may(by: &Principal, scope: &Scope) -> Result<(), Refusal> {
    if !by.scope.holds(scope) {
        return Err(Refusal::NotYours);
    }
    if !by.has(Right::Administer) {
        return Err(Refusal::NeedsRight(Right::Administer));
    }
    Ok(())
}

/// Domains, where their mail goes, and who knows their users' passwords.
fn may_route(by: &Principal) -> Result<(), Refusal> {
    may(by, &Scope::Global)?;
    if !by.has(Right::SetRoutes) {
        return Err(Refusal::NeedsRight(Right::SetRoutes));
    }
    Ok(())
}

/// A look at what is set within the scope.
pub(super) fn may_read(by: &Principal, scope: &Scope) -> Result<(), Refusal> {
    if !by.scope.holds(scope) {
        return Err(Refusal::NotYours);
    }
    if !by.has(Right::ReadSettings) {
        return Err(Refusal::NeedsRight(Right::ReadSettings));
    }
    Ok(())
}

/// A change of a list: everybody keeps their own, administrators all of their scope (IW-03).
pub(super) fn may_list(by: &Principal, scope: &Scope) -> Result<(), Refusal> {
    if by.role == Role::Recipient && by.scope == *scope && by.has(Right::Act) {
        return Ok(());
    }
    may(by, scope)
}

/// `count`: the entries that the list would have; some may replace others.
pub(super) fn check_listing(count: usize, note: &str) -> Result<(), Refusal> {
    let bad = |text: String| Err(Refusal::Bad(text));
    if note.len() > NOTE_LONGEST || note.chars().any(char::is_control) {
        return bad(format!(
            "a note has at most {NOTE_LONGEST} octets and no control characters"
        ));
    }
    if count > LIST_MOST {
        return bad(format!("a list has at most {LIST_MOST} entries"));
    }
    Ok(())
}

impl Desk {
    /// `about` is whose setting it is, see [`Desk::audit`].
    pub(super) fn changed(
        &self,
        by: &Principal,
        about: &Scope,
        door: &Door,
        words: String,
    ) -> Event {
        Event::new(self.clock.now(), Status::Changed, &by.who, door.clone())
            .about(about)
            .saying(words)
    }

    /// The domains within `by`'s scope.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn domains(&self, by: &Principal) -> Result<Vec<DomainSettings>, Refusal> {
        may_read(by, &by.scope)?;
        let mut domains = self.store.settings.domains().await?;
        domains.retain(|settings| by.scope.holds(&Scope::Domain(settings.domain.clone())));
        Ok(domains)
    }

    /// Adds a domain or replaces its routes. Only for the whole house, because a route
    /// decides where mail goes.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn set_domain(
        &self,
        by: &Principal,
        settings: DomainSettings,
        door: &Door,
    ) -> Result<(), Refusal> {
        may_route(by)?;
        if settings.routes.is_empty() {
            return Err(Refusal::Bad("a domain needs at least one route".into()));
        }
        let routes: Vec<String> = settings.routes.iter().map(ToString::to_string).collect();
        let words = format!("domain {} goes to {}", settings.domain, routes.join(" "));
        let event = self.changed(by, &of_domain(&settings.domain), door, words);
        Ok(self.store.settings.set_domain(settings, event).await?)
    }

    /// Sets the IMAP server that knows the passwords of a domain's users, or none. Only for the
    /// whole house: it decides who gets in.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] if the domain is not ours.
    pub async fn set_domain_imap(
        &self,
        by: &Principal,
        domain: &Domain,
        imap: Option<ImapServer>,
        door: &Door,
    ) -> Result<(), Refusal> {
        may_route(by)?;
        let settings = self.store.settings.domain(domain).await?;
        let settings = settings.ok_or_else(|| Refusal::Unknown(format!("domain {domain}")))?;
        let words = match &imap {
            Some(imap) => format!("users of {domain} sign in with their password at {imap}"),
            None => format!("users of {domain} sign in with a password of the house"),
        };
        let event = self.changed(by, &of_domain(domain), door, words);
        let settings = DomainSettings { imap, ..settings };
        Ok(self.store.settings.set_domain(settings, event).await?)
    }

    /// Removes a domain: mail for it is refused from then on.
    ///
    /// # Errors
    /// [`Refusal::Unknown`].
    pub async fn remove_domain(
        &self,
        by: &Principal,
        domain: &Domain,
        door: &Door,
    ) -> Result<(), Refusal> {
        may_route(by)?;
        let event = self.changed(
            by,
            &of_domain(domain),
            door,
            format!("domain {domain} was removed"),
        );
        if self.store.settings.remove_domain(domain, event).await? {
            match self.remove_sealing_key(by, domain, door).await {
                Err(Refusal::Unknown(_)) => Ok(()),
                removed => removed,
            }
        } else {
            Err(Refusal::Unknown(format!("domain {domain}")))
        }
    }

    /// What `scope` sets itself.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn layer(&self, by: &Principal, scope: &Scope) -> Result<Layer, Refusal> {
        may_read(by, scope)?;
        Ok(self.store.settings.layer(scope).await?.unwrap_or_default())
    }

    /// Sets what `scope` sets itself, as a whole.
    ///
    /// # Errors
    /// [`Refusal::Bad`] names the field and its limit.
    pub async fn set_layer(
        &self,
        by: &Principal,
        scope: Scope,
        layer: Layer,
        door: &Door,
    ) -> Result<(), Refusal> {
        may(by, &scope)?;
        check_layer(&layer)?;
        check_digests(&scope, &layer)?;
        let before = self.store.settings.layer(&scope).await?.unwrap_or_default();
        // To take a "no" away may let a wider scope's "yes" through.
        let allows = before.admin_bodies != Some(true) && layer.admin_bodies == Some(true)
            || before.admin_bodies == Some(false) && layer.admin_bodies.is_none();
        // Who gets copies of others' mail sees their content.
        let copies = &layer.false_positives_to;
        let sends =
            *copies != before.false_positives_to && copies.as_ref().is_none_or(|to| !to.is_empty());
        if (allows || sends) && by.scope != Scope::Global {
            // Otherwise an administrator of a domain would allow it to themselves.
            return Err(Refusal::NeedsRight(Right::SeeBodies));
        }
        // Who is asked gets links that grant: nobody hands on what they may not do themselves.
        let asked = &layer.requests_to;
        let asks = *asked != before.requests_to && asked.as_ref().is_some_and(|to| !to.is_empty());
        let grants = [Right::HandleMalware, Right::ReleaseOutgoing];
        if let Some(lacks) = grants.into_iter().find(|right| asks && !by.has(*right)) {
            return Err(Refusal::NeedsRight(lacks));
        }
        let text = serde_json::to_string(&layer).unwrap_or_default();
        let event = self.changed(by, &scope, door, format!("policy of {scope}: {text}"));
        Ok(self.store.settings.set_layer(&scope, layer, event).await?)
    }

    /// The list of exactly `scope`.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn list(&self, by: &Principal, scope: &Scope) -> Result<Vec<ListEntry>, Refusal> {
        may_read(by, scope)?;
        Ok(self.store.settings.list(scope).await?.to_vec())
    }

    /// How often the entries of the list of exactly `scope` decided, and when last.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn list_uses(&self, by: &Principal, scope: &Scope) -> Result<Vec<ListUse>, Refusal> {
        may_read(by, scope)?;
        Ok(self.store.settings.list_uses(scope).await?)
    }

    /// Adds an entry to a list within `by`'s scope.
    ///
    /// # Errors
    /// [`Refusal::Bad`] if the list is full or the note too long.
    pub async fn add_listed(
        &self,
        by: &Principal,
        scope: Scope,
        kind: ListKind,
        pattern: Pattern,
        note: String,
        door: &Door,
    ) -> Result<(), Refusal> {
        let what = (kind, pattern);
        self.add_listed_until(by, scope, what, (note, None), door)
            .await
    }

    /// The same; with a time from which on the entry does not count, and is removed.
    ///
    /// # Errors
    /// [`Refusal::Bad`] also if that time has passed.
    pub async fn add_listed_until(
        &self,
        by: &Principal,
        scope: Scope,
        (kind, pattern): (ListKind, Pattern),
        (note, expires): (String, Option<Timestamp>),
        door: &Door,
    ) -> Result<(), Refusal> {
        may_list(by, &scope)?;
        if expires.is_some_and(|expires| expires <= self.clock.now()) {
            return Err(Refusal::Bad("an entry expires in the future".into()));
        }
        check_listing(self.store.settings.list(&scope).await?.len() + 1, &note)?;
        let event = self.changed(
            by,
            &scope,
            door,
            format!("the {kind} list of {scope} gained {pattern}"),
        );
        let entry = ListEntry {
            scope,
            kind,
            pattern,
            by: by.who.clone(),
            made: event.at,
            note,
            origin: Origin::Hand,
            expires,
        };
        Ok(self.store.settings.set_listed(entry, event).await?)
    }

    /// Removes an entry from a list within `by`'s scope.
    ///
    /// # Errors
    /// [`Refusal::Unknown`].
    pub async fn remove_listed(
        &self,
        by: &Principal,
        scope: &Scope,
        kind: ListKind,
        pattern: &Pattern,
        door: &Door,
    ) -> Result<(), Refusal> {
        may_list(by, scope)?;
        let event = self.changed(
            by,
            scope,
            door,
            format!("the {kind} list of {scope} lost {pattern}"),
        );
        if self
            .store
            .settings
            .remove_listed(scope, kind, pattern, event)
            .await?
        {
            Ok(())
        } else {
            Err(Refusal::Unknown(format!(
                "entry {pattern} in the {kind} list of {scope}"
            )))
        }
    }

    /// The reinsertion keys, for an administrator of the house (SY-07).
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn keys(&self, by: &Principal) -> Result<KeyRing, Refusal> {
        may(by, &Scope::Global)?;
        Ok(reinsertion_keys(&*self.store.settings, self.clock.now()).await?)
    }

    /// Makes a new reinsertion key; the one in use still verifies for `overlap`.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn rotate_keys(
        &self,
        by: &Principal,
        overlap: Duration,
        door: &Door,
    ) -> Result<KeyRing, Refusal> {
        let mut ring = self.keys(by).await?;
        let now = self.clock.now();
        ring.rotate(now, now.after(overlap))
            .map_err(|e| Refusal::Failed(e.to_string()))?;
        let id = ring.current().map_or(0, |key| key.id);
        let event = self.changed(
            by,
            &Scope::Global,
            door,
            format!("reinsertion key {id} came into use"),
        );
        keep_keys(&*self.store.settings, REINSERTION_KEYS, &ring, event).await?;
        Ok(ring)
    }
}

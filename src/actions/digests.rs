//! What people set about their digests, and digests that are asked for.

use std::time::Duration;

use super::links::holder;
use super::settings::{may, may_list};
use super::{Desk, Refusal};
use crate::clock::Timestamp;
use crate::mail::{Address, Direction};
use crate::policy::{Language, Layer, Policy, Principal, Rhythm, Scope, Weekdays, Zone};
use crate::record::{DigestState, Door, Shelf};
use crate::store::View;

/// Somebody's digest is asked for once in this time.
const ASKED_ONCE: Duration = Duration::from_secs(600);
/// A policy may change: what is due later is looked at again after this time.
pub const LOOK_AGAIN: Duration = Duration::from_secs(6 * 3600);

/// The shelves that digests tell of.
pub const DIGEST_SHELVES: [Shelf; 2] = [Shelf::Caught, Shelf::Pending];

/// What somebody sets about the own digests. What is `None` is inherited.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DigestWish {
    pub rhythm: Option<Rhythm>,
    pub days: Option<Weekdays>,
    pub zone: Option<Zone>,
    pub language: Option<Language>,
    pub caught: Option<bool>,
    pub pending: Option<bool>,
}

impl DigestWish {
    /// What `layer` says of it.
    #[must_use]
    pub fn of(layer: &Layer) -> Self {
        Self {
            rhythm: layer.digest.clone(),
            days: layer.digest_days,
            zone: layer.digest_zone.clone(),
            language: layer.digest_language,
            caught: layer.digest_caught,
            pending: layer.digest_pending,
        }
    }

    fn put(self, layer: &mut Layer) {
        layer.digest = self.rhythm;
        layer.digest_days = self.days;
        layer.digest_zone = self.zone;
        layer.digest_language = self.language;
        layer.digest_caught = self.caught;
        layer.digest_pending = self.pending;
    }
}

/// True if digests by this policy tell of this shelf.
#[must_use]
pub fn digest_tells(policy: &Policy, shelf: Shelf) -> bool {
    match shelf {
        Shelf::Caught => policy.digest_caught,
        Shelf::Pending => policy.digest_pending,
        Shelf::TrainingRequested => false,
    }
}

impl Desk {
    /// What `of` sets about its digests, and the policy that holds there.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn digests(
        &self,
        by: &Principal,
        of: &Address,
    ) -> Result<(DigestWish, Policy), Refusal> {
        let scope = Scope::Recipient(of.clone());
        let layer = self.layer(by, &scope).await?;
        Ok((DigestWish::of(&layer), self.policy_of(of).await?))
    }

    /// Sets it, for oneself or within one's scope.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn set_digests(
        &self,
        by: &Principal,
        of: &Address,
        wish: DigestWish,
        door: &Door,
    ) -> Result<(), Refusal> {
        let scope = Scope::Recipient(of.clone());
        may_list(by, &scope)?;
        let mut layer = self.store.settings.layer(&scope).await?.unwrap_or_default();
        wish.put(&mut layer);
        let text = match &layer.digest {
            Some(rhythm) => rhythm.to_string(),
            None => "as inherited".to_owned(),
        };
        let event = self.changed(by, &scope, door, format!("digests of {of}: {text}"));
        self.store.settings.set_layer(&scope, layer, event).await?;
        self.plan_digest(of).await
    }

    /// Turns somebody's digests off, or on again, by the link in one of them.
    ///
    /// # Errors
    /// [`Refusal::NotYours`] if the link is not a recipient's; [`Refusal::Failed`].
    pub async fn subscribe(&self, whose: &Scope, on: bool, door: &Door) -> Result<(), Refusal> {
        let Scope::Recipient(of) = whose else {
            return Err(Refusal::NotYours);
        };
        let by = holder(whose);
        let mut wish = self.digests(&by, of).await?.0;
        if !on {
            wish.rhythm = Some(Rhythm::Never);
        } else if wish.rhythm == Some(Rhythm::Never) {
            wish.rhythm = None;
        }
        self.set_digests(&by, of, wish.clone(), door).await?;
        if on && self.policy_of(of).await?.digest == Rhythm::Never {
            wish.rhythm = Some(Rhythm::Daily);
            self.set_digests(&by, of, wish, door).await?;
        }
        Ok(())
    }

    /// True if digests are sent to `of` from time to time.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn is_subscribed(&self, of: &Address) -> Result<bool, Refusal> {
        Ok(self.policy_of(of).await?.digest != Rhythm::Never)
    }

    /// Has a digest of all that is held sent to `of`, soon. Asked again within ten minutes, it does
    /// nothing more and says the same.
    ///
    /// # Errors
    /// [`Refusal`]; [`Refusal::Unknown`] for an address of no domain of ours.
    pub async fn ask_digest(
        &self,
        by: &Principal,
        of: &Address,
        door: &Door,
    ) -> Result<(), Refusal> {
        let scope = Scope::Recipient(of.clone());
        if may_list(by, &scope).is_err() {
            may(by, &scope)?;
        }
        if self.store.settings.domain(of.domain()).await?.is_none() {
            return Err(Refusal::Unknown(format!("domain {}", of.domain())));
        }
        let now = self.clock.now();
        let once = format!("digest asked {scope}");
        let transient = &self.store.transient;
        if !transient.claim(&once, now, now.after(ASKED_ONCE)).await {
            return Ok(());
        }
        let state = self.store.digests.digest(&scope).await?;
        let mut state = state.unwrap_or_else(|| DigestState::new(scope.clone()));
        state.asked = true;
        state.look = Some(now);
        self.store.digests.set_digests(vec![state], None).await?;
        let event = self.changed(by, &scope, door, format!("a digest for {of} was asked for"));
        Ok(self.store.journal.write(event).await?)
    }

    /// When the next digest is due, by the policy as it is now, if there is something new to tell.
    async fn plan_digest(&self, of: &Address) -> Result<(), Refusal> {
        let scope = Scope::Recipient(of.clone());
        let state = self.store.digests.digest(&scope).await?;
        let mut state = state.unwrap_or_else(|| DigestState::new(scope.clone()));
        if state.asked {
            return Ok(());
        }
        let (policy, now) = (self.policy_of(of).await?, self.clock.now());
        let mut news = false;
        for shelf in DIGEST_SHELVES {
            let view = View {
                scope: scope.clone(),
                shelf,
                direction: Direction::Inbound,
            };
            let first = self.store.entries.uids(&view, state.covered, 1).await?;
            news |= digest_tells(&policy, shelf) && !first.is_empty();
        }
        let due = policy.digests().next_for(state.last, now).filter(|_| news);
        due_at(&mut state, due, now);
        Ok(self.store.digests.set_digests(vec![state], None).await?)
    }
}

/// Puts down when a digest is due.
pub fn due_at(state: &mut DigestState, due: Option<Timestamp>, now: Timestamp) {
    state.due = due;
    state.look = due.map(|due| due.min(now.after(LOOK_AGAIN)));
}

//! Behind a front relay that keeps the mail and asks what to do with it, as a milter is asked.
//!
//! Three things differ there from a door that takes the mail. The relay adds its own `Received`
//! field. It also has recipients in domains that we do not serve: they are let by. And when we
//! let released mail pass, nobody has it yet: that is marked, and the mail is `Delivered` when
//! the relay says to `background`, which handed it in, that it has it.

use std::time::Duration;

use super::Intake;
use super::weigh::Decision;
use crate::mail::{Address, Direction, EntryId, Envelope, Mail, Reply};
use crate::policy::{Class, Disposition, Policy, Verdict, not_now};
use crate::record::{Door, Event, Status};
use crate::store::StoreError;

/// How long it is remembered that released mail passed. It must outlive the queue of a relay
/// between `background` and the front.
const PASSED_FOR: Duration = Duration::from_secs(14 * 86_400);

/// The key under which it is remembered that the released mail of `entry` passed the filter
/// at a front relay, on its way to the destination.
#[must_use]
pub fn passed_mark(entry: EntryId) -> String {
    format!("passed {entry}")
}

impl Intake {
    /// The same intake for a door that a relay in front asks, and that takes no mail itself.
    #[must_use]
    pub fn fronted_at(&self, door: &'static str) -> Self {
        Self {
            fronted: true,
            ..self.at(door)
        }
    }

    /// Do we filter mail for `to`?
    ///
    /// # Errors
    /// 451 if that cannot be known now.
    pub async fn filters_for(&self, to: &Address) -> Result<bool, Reply> {
        self.is_ours(to.domain()).await.map_err(|error| {
            tracing::error!(%error, "the domains cannot be read");
            not_now("The recipient cannot be checked now")
        })
    }

    /// Writes down that mail was let by without a look, because nobody it is for is ours.
    pub async fn let_by(&self, envelope: &Envelope, size: u64) {
        let door = Door::new(self.door, envelope.peer.address);
        let mut event = Event::new(self.parts.clock.now(), Status::Accepted, "intake", door)
            .saying("not filtered: no recipient is in a domain served here");
        event.direction = Some(envelope.direction);
        event.from.clone_from(&envelope.from);
        event.to.clone_from(&envelope.to);
        event.size = size;
        event.client = Some(envelope.peer.address);
        self.note(event).await;
    }

    /// Behind a front relay, inbound mail for others than ours is none of our business.
    pub(super) async fn lets_by(&self, mail: &Mail, to: &Address) -> Result<bool, StoreError> {
        if !self.fronted || mail.envelope.direction == Direction::Outbound {
            return Ok(false);
        }
        Ok(!self.is_ours(to.domain()).await?)
    }

    /// Remembers that released mail passed. Its token holds until the entry is `Released`: the
    /// relay may die before it has the mail, and one before it tries again with the same token.
    pub(super) async fn has_passed(&self, entry: EntryId, claim: &str) {
        let transient = &self.parts.store.transient;
        let until = self.parts.clock.now().after(PASSED_FOR);
        transient.put(&passed_mark(entry), Vec::new(), until).await;
        transient.drop_key(claim).await;
    }
}

impl Decision {
    /// Mail is passed on as it is, unseen.
    pub(super) fn to_let_by(to: &Address) -> Self {
        Self {
            to: to.clone(),
            policy: Policy::default(),
            verdict: Verdict {
                class: Class::Clean,
                score: 0.0,
                because: Vec::new(),
            },
            disposition: Disposition::Deliver {
                edits: Vec::new(),
                copy: false,
            },
        }
    }
}

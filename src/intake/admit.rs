//! Who may send to whom: our domains only, and only recipients the destination knows.

use crate::mail::{Address, Peer, Reply};
use crate::policy::not_now;
use crate::record::{Door, Event, Status};

use super::Intake;

/// Refusals of one client written to the log in one minute; the rest would only fill
/// the disk with what a stranger wants there.
const LINES_A_MINUTE: u32 = 60;
/// Clients counted at the same time.
pub(super) const CLIENTS_COUNTED: usize = 10_000;

/// Prefix of the cache keys of call-outs.
const KNOWN: &str = "recipient ";

/// Does the local part name a host to go on to, as `user%host`, `host!user` or `"user@host"` do?
/// A destination that trusts us might do so, and both together would be an open relay.
fn is_routed(to: &Address) -> bool {
    to.local().contains(['%', '!', '@'])
}

impl Intake {
    /// May mail go to `to`? Asked at RCPT.
    ///
    /// # Errors
    /// The reply for the client: relaying denied, unknown recipient, or try later.
    pub async fn admit_recipient(&self, to: &Address, smtputf8: bool) -> Result<(), Reply> {
        let domain = self
            .parts
            .store
            .settings
            .domain(to.domain())
            .await
            .map_err(|error| {
                tracing::error!(%error, "the domains cannot be read");
                not_now("The recipient cannot be checked now")
            })?;
        let Some(domain) = domain else {
            return Err(Reply::new(550, 7, 1, format!("<{to}>: relaying denied")));
        };
        if is_routed(to) {
            return Err(Reply::new(550, 7, 1, format!("<{to}>: relaying denied")));
        }
        if !self.parts.options.check_recipients {
            return Ok(());
        }
        // As it was written: the destination may tell apart what is one mailbox to us.
        let key = format!("{KNOWN}{to}");
        let now = self.parts.clock.now();
        if let Some(kept) = self.parts.store.transient.get(&key, now).await {
            return match serde_json::from_slice::<Option<Reply>>(&kept) {
                Ok(Some(reply)) => Err(reply),
                Ok(None) | Err(_) => Ok(()),
            };
        }
        let said = self.parts.callout.ask(&domain.routes, to, smtputf8).await;
        let (verdict, span) = if said.is_positive() {
            (None, self.parts.options.known_for)
        } else if said.is_permanent() {
            (Some(said.clone()), self.parts.options.unknown_for)
        } else {
            return Err(said);
        };
        if let Ok(value) = serde_json::to_vec(&verdict) {
            self.parts
                .store
                .transient
                .put(&key, value, now.after(span.0))
                .await;
        }
        verdict.map_or(Ok(()), Err)
    }

    /// Writes down that something was refused before the end of DATA (SE-16); of one
    /// client at most [`LINES_A_MINUTE`].
    pub async fn not_accepted(
        &self,
        peer: &Peer,
        from: Option<&Address>,
        to: &[Address],
        reply: &Reply,
    ) {
        if !self
            .refusals
            .counts(peer.address, LINES_A_MINUTE, self.parts.clock.now())
        {
            return;
        }
        let door = Door::new(self.door, peer.address);
        let status = if reply.is_permanent() {
            Status::NotAccepted
        } else {
            Status::Deferred
        };
        let mut event =
            Event::new(self.parts.clock.now(), status, "intake", door).saying(reply.to_string());
        event.from = from.cloned();
        event.to = to.to_vec();
        event.direction = Some(self.facing);
        event.client = Some(peer.address);
        self.note(event).await;
    }
}

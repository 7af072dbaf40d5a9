//! Verb 1: a mail comes in. Weigh it, keep it, carry it, then answer: three steps, one reply.

mod admit;
mod carry;
mod fields;
mod front;
pub mod greylist;
mod leaving;
pub mod outbound;
mod policies;
mod rate;
mod replies;
mod weigh;

use std::sync::Arc;

use crate::actions::Desk;
use crate::clock::Clock;
use crate::inspect::Panel;
use crate::mail::{Direction, Mail, Reply};
use crate::options::{Octets, Span};
use crate::policy::{Answer, Replies, settle};
use crate::record::{Event, Status};
use crate::relay::{Callout, Carrier};
use crate::store::Store;
use rate::PerMinute;

pub use front::passed_mark;

crate::options! {
    /// Mail that comes in.
    pub struct Options in "intake" {
        /// Ask the destination at RCPT whether it knows the recipient, so that unknown
        /// users are refused and never fill the quarantine.
        pub check_recipients: bool = true,
        /// How long a recipient known to the destination is not asked for again.
        pub known_for: Span = Span::seconds(4 * 3600),
        /// How long a recipient unknown to the destination is not asked for again.
        pub unknown_for: Span = Span::seconds(300),
        /// Received fields at which a message is taken to be in a loop.
        pub hops_most: u32 = 50,
        /// Most messages of one IPv4 address or one IPv6 /64 in a minute; more are answered 450.
        /// 0 for no limit.
        pub client_messages_per_minute: u32 = 0,
        /// Memory for all mail in flight, in octets; beyond it clients are told to come back.
        pub mail_memory: Octets = Octets(512 << 20),
    }
}

/// What intake is made of.
pub struct Parts {
    pub store: Store,
    pub desk: Desk,
    pub panel: Arc<dyn Panel>,
    pub callout: Arc<dyn Callout>,
    pub clock: Clock,
    /// Our name in Received and Authentication-Results fields.
    pub hostname: String,
    pub options: Options,
    pub greylist: greylist::Options,
}

/// Takes mail in. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    parts: Arc<Parts>,
    refusals: Arc<PerMinute>,
    /// The door that holds this clone, as the history shows it.
    door: &'static str,
    /// Which way its mail goes.
    facing: Direction,
    outbound: Option<Arc<outbound::Outbound>>,
    greylist: Arc<greylist::Greylist>,
    rate: Arc<PerMinute>,
    sent: Arc<replies::Sent>,
    /// A relay in front holds the mail and asks what to do with it.
    fronted: bool,
}

impl Intake {
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            greylist: Arc::new(greylist::Greylist::new(parts.greylist.clone())),
            parts: Arc::new(parts),
            refusals: Arc::new(PerMinute::new(admit::CLIENTS_COUNTED)),
            rate: Arc::new(PerMinute::new(rate::CLIENTS_MOST)),
            sent: Arc::new(replies::Sent::new()),
            door: "smtp",
            facing: Direction::Inbound,
            outbound: None,
            fronted: false,
        }
    }

    /// The same intake for another door: what comes through it is logged under its name.
    #[must_use]
    pub fn at(&self, door: &'static str) -> Self {
        Self {
            door,
            ..self.clone()
        }
    }

    /// Our name.
    #[must_use]
    pub fn hostname(&self) -> &str {
        &self.parts.hostname
    }

    /// The whole of "end of DATA". Whatever the answer says is true when it is given.
    pub async fn receive(&self, mail: Mail, replies: Replies, carrier: &dyn Carrier) -> Answer {
        let weighed = match self.weigh(&mail).await {
            Ok(weighed) => weighed,
            Err(failure) => return self.turned_away(&mail, failure, replies).await,
        };
        match weighed {
            weigh::Weighed::Released(released) => {
                self.pass_released(&mail, released, replies, carrier).await
            }
            weigh::Weighed::Judged(judged) => {
                let mut plan = settle(judged.steps(), replies);
                let envelope = &mail.envelope;
                if envelope.direction == Direction::Outbound && envelope.peer.login.is_some() {
                    plan = plan.for_a_person();
                }
                self.execute(&mail, plan, &judged, carrier).await
            }
        }
    }

    /// The end of DATA for a client that may send nothing but what is released: a token that
    /// holds, or "relaying denied", and nothing is kept.
    pub async fn receive_released(
        &self,
        mail: Mail,
        replies: Replies,
        carrier: &dyn Carrier,
    ) -> Answer {
        match self.weigh_released(&mail).await {
            Ok(Some(released)) => self.pass_released(&mail, released, replies, carrier).await,
            Ok(None) => {
                let reply = Reply::new(550, 7, 1, "Relaying denied");
                let failure = weigh::TurnedAway { reply };
                self.turned_away(&mail, failure, replies).await
            }
            Err(failure) => self.turned_away(&mail, failure, replies).await,
        }
    }

    /// Nothing could be decided: everybody gets the same reply, and the log says so.
    async fn turned_away(
        &self,
        mail: &Mail,
        failure: weigh::TurnedAway,
        replies: Replies,
    ) -> Answer {
        let status = if failure.reply.is_permanent() {
            Status::Refused
        } else {
            Status::Deferred
        };
        let event = self.event(mail, status, &mail.envelope.to, failure.reply.to_string());
        self.note(event).await;
        same(failure.reply, mail, replies)
    }

    /// Writes an event; mail goes on if that fails.
    async fn note(&self, event: Event) {
        if let Err(error) = self.parts.store.journal.write(event).await {
            tracing::warn!(%error, "an event could not be written to the journal");
        }
    }
}

fn same(reply: Reply, mail: &Mail, replies: Replies) -> Answer {
    match replies {
        Replies::One => Answer::One(reply),
        Replies::Each => Answer::Each(vec![reply; mail.envelope.to.len()]),
    }
}

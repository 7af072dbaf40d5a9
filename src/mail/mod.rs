//! What a mail is: addresses, envelope, message, header fields, edits, replies, ids.

mod address;
mod addresses;
mod budget;
mod content;
mod edit;
mod envelope;
mod harmless;
pub mod headers;
mod id;
mod message;
mod reply;
pub mod subject;

pub use address::{Address, AddressError, Domain};
pub use addresses::Addresses;
pub use budget::{Budget, OverBudget, Share};
pub use content::{Content, no_room, too_big};
pub use edit::{Edit, Edited, edited};
pub use envelope::{BodyType, Direction, Envelope, Peer};
pub use harmless::{escape_html, harmless, unlinked};
pub use id::{EntryId, IdError, MailId, hex};
pub use message::{BareLineEnd, Message};
pub use reply::{Enhanced, Reply};

/// A field of mails that the house itself writes (digests, challenges, alerts): nobody learns from them.
pub const NOTICE_FIELD: &str = "X-Quaranta-Notice";

/// A mail in hand: moved, never shared. Who holds it answers for it.
#[derive(Debug)]
pub struct Mail {
    pub id: MailId,
    pub envelope: Envelope,
    pub message: Message,
}

impl Mail {
    /// Makes a mail of what a door received; `day` is the number of days since
    /// 1970-01-01 (UTC) and part of the id, so that a retry on the same day is
    /// the same mail.
    #[must_use]
    pub fn new(envelope: Envelope, message: Message, day: u64) -> Self {
        let id = MailId::of(envelope.from.as_ref(), message.bytes(), day);
        Self {
            id,
            envelope,
            message,
        }
    }
}

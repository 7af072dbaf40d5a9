//! Replies to mail that our users sent: who answers them is no stranger (IW-04).
//!
//! Which Message-IDs a user sent is kept in memory; after a restart replies from the addresses
//! that were written to are still known by the user's allow list.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};

use super::Intake;
use super::weigh::Decision;
use crate::clock::Timestamp;
use crate::mail::{Address, Mail, headers, hex};
use crate::policy::{Disposition, Findings};
use crate::store::Transient as _;
use crate::store::transient::Memory;

/// Message-IDs that are kept, and the octets of their keys.
const KEYS_MOST: usize = 500_000;
const OCTETS_MOST: usize = 64 << 20;
/// How long a reply may take.
const KNOWN_FOR: Duration = Duration::from_secs(60 * 86_400);
/// Message-IDs of one field that are looked at, the last: the parent, and the end of the thread.
const LOOKED_MOST: usize = 20;

/// The Message-IDs of what our users sent.
pub(super) struct Sent(Memory);

impl Sent {
    pub(super) fn new() -> Self {
        Self(Memory::new(KEYS_MOST, OCTETS_MOST))
    }

    /// Remembers that `from` sent this mail.
    pub(super) async fn note(&self, from: &Address, mail: &Mail, now: Timestamp) {
        if let Some(id) = ids(mail, "Message-ID").first() {
            let until = now.after(KNOWN_FOR);
            self.0.put(&key(from, id), Vec::new(), until).await;
        }
    }

    /// Is one of `answered` the Message-ID of a mail that `to` sent?
    async fn know(&self, answered: &[String], to: &Address, now: Timestamp) -> bool {
        for id in answered {
            if self.0.get(&key(to, id), now).await.is_some() {
                return true;
            }
        }
        false
    }
}

/// The Message-IDs that the mail answers. They are the same for all of its recipients.
pub(super) fn answered(mail: &Mail) -> Vec<String> {
    let mut named = ids(mail, "References");
    named.extend(ids(mail, "In-Reply-To"));
    named
}

fn key(who: &Address, id: &str) -> String {
    let hash = digest(&SHA256, format!("{}\0{id}", who.key()).as_bytes());
    hex(&hash.as_ref()[..16])
}

/// The last message identifiers in a field, without their angle brackets, the last of them first
/// (RFC 5322 section 3.6.4).
fn ids(mail: &Mail, name: &str) -> Vec<String> {
    let Some(field) = headers::first(mail.message.bytes(), name) else {
        return Vec::new();
    };
    let text = field.text();
    let Some((_, text)) = text.split_once('<') else {
        return Vec::new();
    };
    let closed = text.rsplit('<').filter_map(|piece| piece.split_once('>'));
    let named = closed.map(|(id, _)| id.trim()).filter(|id| !id.is_empty());
    named.take(LOOKED_MOST).map(str::to_owned).collect()
}

impl Intake {
    /// What is pending although it answers the recipient is delivered, and its author becomes a
    /// correspondent if SPF or DKIM vouches for them.
    pub(super) async fn let_replies_in(
        &self,
        mail: &Mail,
        (findings, answered): (&Findings, &[String]),
        decision: Decision,
        otherwise: Disposition,
    ) -> Decision {
        let now = self.parts.clock.now();
        if decision.disposition != Disposition::Pend
            || findings.forged
            || !self.sent.know(answered, &decision.to, now).await
        {
            return decision;
        }
        if let (true, true, Some(author)) = (
            decision.policy.correspondents,
            findings.aligned,
            findings.authors.first(),
        ) {
            self.note_answer(mail, &decision.to, author).await;
        }
        Decision {
            disposition: otherwise,
            ..decision
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{BodyType, Direction, Envelope, Message, Peer};

    #[test]
    fn iw04_of_a_long_thread_the_end_is_looked_at() {
        let found = |value: &str| {
            let envelope = Envelope {
                peer: Peer::local(),
                direction: Direction::Inbound,
                from: None,
                to: Vec::new(),
                body: BodyType::SevenBit,
                smtputf8: false,
            };
            let text = format!("References: {value}\r\n\r\n");
            let message = Message::new(text, None).expect("message");
            ids(&Mail::new(envelope, message, 0), "References")
        };
        assert_eq!(found(" <a@x>\r\n\t(y) < b@x ><>"), ["b@x", "a@x"]);
        for none in ["", "a@x", "a@x>", "<a@x", "<>"] {
            assert!(found(none).is_empty(), "{none}");
        }
        let all: String = (0..50_000).map(|n| format!("<{n}@x>\r\n ")).collect();
        let end = found(&all);
        assert_eq!((end.len(), end[0].as_str()), (LOOKED_MOST, "49999@x"));
    }
}

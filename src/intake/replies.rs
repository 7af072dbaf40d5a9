//! Replies to mail that our users sent: who answers them is no stranger (IW-04).
//!
//! Which Message-IDs a user sent is kept in memory; after a restart replies from the addresses
//! that were written to are still known by the user's allow list.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};

use super::Intake;
use super::weigh::Decision;
use crate::clock::Timestamp;
use crate::mail::{Address, Mail, headers};
use crate::policy::{Disposition, Findings};
use crate::store::Transient as _;
use crate::store::transient::Memory;

/// Message-IDs that are kept, and the octets of their keys.
const KEYS_MOST: usize = 500_000;
const OCTETS_MOST: usize = 64 << 20;
/// How long a reply may take.
const KNOWN_FOR: Duration = Duration::from_secs(60 * 86_400);
/// Message-IDs of one reply that are looked at: the parent, and the last of the thread.
const LOOKED_MOST: usize = 20;

/// The Message-IDs of what our users sent.
pub(super) struct Sent(Memory);

impl Sent {
    pub(super) fn new() -> Self {
        Self(Memory::new(KEYS_MOST, OCTETS_MOST))
    }

    /// Remembers that `from` sent this mail.
    pub(super) async fn note(&self, from: &Address, mail: &Mail, now: Timestamp) {
        if let Some(id) = ids(mail, "Message-ID").pop() {
            let until = now.after(KNOWN_FOR);
            self.0.put(&key(from, &id), Vec::new(), until).await;
        }
    }

    /// Does the mail answer one that `to` sent?
    pub(super) async fn is_answered_by(&self, mail: &Mail, to: &Address, now: Timestamp) -> bool {
        let mut named = ids(mail, "In-Reply-To");
        named.extend(ids(mail, "References"));
        for id in named.iter().rev().take(LOOKED_MOST) {
            if self.0.get(&key(to, id), now).await.is_some() {
                return true;
            }
        }
        false
    }
}

fn key(who: &Address, id: &str) -> String {
    let hash = digest(&SHA256, format!("{}\0{id}", who.key()).as_bytes());
    hash.as_ref()[..16]
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect()
}

/// The message identifiers in a field, without their angle brackets (RFC 5322 section 3.6.4).
fn ids(mail: &Mail, name: &str) -> Vec<String> {
    let Some(field) = headers::first(mail.message.bytes(), name) else {
        return Vec::new();
    };
    let text = field.text();
    let pieces = text.split('<').skip(1);
    let closed = pieces.filter_map(|piece| piece.split_once('>'));
    closed.map(|(id, _)| id.trim().to_owned()).collect()
}

impl Intake {
    /// What is pending although it answers the recipient is delivered, and its author becomes a
    /// correspondent if SPF or DKIM vouches for them.
    pub(super) async fn let_replies_in(
        &self,
        mail: &Mail,
        findings: &Findings,
        decision: Decision,
        otherwise: Disposition,
    ) -> Decision {
        let now = self.parts.clock.now();
        if decision.disposition != Disposition::Pend
            || findings.forged
            || !self.sent.is_answered_by(mail, &decision.to, now).await
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

//! The mark of a letter of the house: it lets the letter by our own filter, should it pass there on
//! its way to its one recipient.
//!
//! The text `k=KEY; x=EXPIRY; h=MAC` stands in the field [`MARK_FIELD`]. The MAC covers the recipient,
//! the From and Subject fields and the body, so a mark is of no use on any other message.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::reinsertion::{FROM_AND_SUBJECT, content};
use super::{Key, KeyRing};
use crate::clock::Timestamp;
use crate::mail::Address;

/// The header field that carries the mark.
pub const MARK_FIELD: &str = "X-Quaranta-Notice-Mark";

/// Longest mark we look at, in octets.
const LONGEST: usize = 120;

/// Makes the field's value for `message`, a letter to `to` that is of use until `expires`.
#[must_use]
pub fn mark(key: &Key, to: &Address, message: &[u8], expires: Timestamp) -> String {
    let said = format!("k={}; x={}", key.id, expires.0);
    let tag = key.sign(&covered(&said, to, &content(message, FROM_AND_SUBJECT)));
    format!("{said}; h={}", URL_SAFE_NO_PAD.encode(tag))
}

/// True if a field's value was made for this message and this recipient, and holds still.
#[must_use]
pub fn holds(ring: &KeyRing, value: &str, to: &Address, message: &[u8], now: Timestamp) -> bool {
    let Some((key, expires, tag)) = parse(value) else {
        return false;
    };
    let said = format!("k={key}; x={}", expires.0);
    let content = content(message, FROM_AND_SUBJECT);
    let key = ring.find(key, now);
    expires > now && key.is_some_and(|key| key.verifies(&covered(&said, to, &content), &tag))
}

fn parse(value: &str) -> Option<(u32, Timestamp, Vec<u8>)> {
    if value.len() > LONGEST {
        return None;
    }
    let mut parts = value.trim().split("; ");
    let mut next = |name| parts.next()?.strip_prefix(name);
    let key = next("k=")?.parse().ok()?;
    let expires = Timestamp(next("x=")?.parse().ok()?);
    let tag = URL_SAFE_NO_PAD.decode(next("h=")?).ok()?;
    parts.next().is_none().then_some((key, expires, tag))
}

fn covered<'a>(said: &'a str, to: &'a Address, content: &'a [u8]) -> [&'a [u8]; 4] {
    [
        b"quaranta notice 1",
        said.as_bytes(),
        to.key().as_bytes(),
        content,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const LETTER: &[u8] = b"From: a@x.org\r\nSubject: digest\r\nTo: b@y.org\r\n\r\nbody\r\n";
    const UNTIL: Timestamp = Timestamp(100);

    #[test]
    fn sy06_a_mark_holds_for_its_letter_and_recipient_alone() {
        let ring = KeyRing::make(Timestamp(0)).expect("ring");
        let to: Address = "b@y.org".parse().expect("address");
        let mark = mark(ring.current().expect("key"), &to, LETTER, UNTIL);
        let at = |now| holds(&ring, &mark, &to, LETTER, Timestamp(now));
        assert!(at(99) && !at(100), "it ends");
        // Relays add fields on top.
        let passed = [b"Received: from here\r\n", LETTER].concat();
        assert!(holds(&ring, &mark, &to, &passed, Timestamp(1)));
        let other: Address = "c@y.org".parse().expect("address");
        assert!(!holds(&ring, &mark, &other, LETTER, Timestamp(1)));
        let text = String::from_utf8_lossy(LETTER);
        for (from, to_) in [("a@x", "e@x"), ("digest", "buy"), ("body", "spam")] {
            let forged = text.replace(from, to_);
            assert!(!holds(&ring, &mark, &to, forged.as_bytes(), Timestamp(1)));
        }
        for later in ["k=1; x=200", "k=2; x=100"] {
            let tag = mark.split("h=").nth(1).expect("a tag");
            let forged = format!("{later}; h={tag}");
            assert!(!holds(&ring, &forged, &to, LETTER, Timestamp(1)));
        }
        for bad in ["", "k=1", "k=1; x=100; h=", "k=1; x=100; h=!; z", "x"] {
            assert!(!holds(&ring, bad, &to, LETTER, Timestamp(1)), "{bad}");
        }
        let rings = KeyRing::make(Timestamp(0)).expect("ring");
        assert!(!holds(&rings, &mark, &to, LETTER, Timestamp(1)));
    }
}

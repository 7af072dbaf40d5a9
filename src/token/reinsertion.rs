//! The reinsertion token: lets one released message for one recipient through the filter (SY-02).
//!
//! The text `v=1; k=KEY; e=ENTRY; x=EXPIRY; n=NONCE; f=FIELDS; h=MAC` stands in the field
//! [`FIELD`]. The MAC covers all of it, the recipient, and a hash of the body and of the
//! From and Subject fields. Other fields may change on the way, because relays in
//! between add and rewrite them.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Key, KeyRing, NoRandom, random};
use crate::clock::Timestamp;
use crate::mail::{Address, EntryId, headers, hex};

/// The header field that carries the token.
pub const FIELD: &str = "X-Quaranta-Reinsertion";

/// Fields the token vouches for; a relay may add those that were missing.
const COVERED: [&str; 2] = ["From", "Subject"];

/// All of [`COVERED`], for messages that have them.
pub(super) const FROM_AND_SUBJECT: u8 = 3;

/// Longest token we look at, in octets.
const LONGEST: usize = 400;

/// What a valid token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub entry: EntryId,
    /// Names this one token; used once.
    pub nonce: String,
    pub expires: Timestamp,
}

/// Why a token does not hold (SY-03).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    #[error("the token is malformed")]
    Malformed,
    #[error("the token was made with an unknown key")]
    UnknownKey,
    #[error("the token has expired")]
    Expired,
    #[error("the token does not belong to this message and recipient")]
    Mismatch,
}

/// Makes the field's value for `message`, to be sent to `to` alone.
///
/// # Errors
/// [`NoRandom`].
pub fn mint(
    key: &Key,
    entry: EntryId,
    to: &Address,
    message: &[u8],
    expires: Timestamp,
) -> Result<String, NoRandom> {
    let nonce = hex(&random::<12>()?);
    let mut present = 0;
    for (bit, name) in COVERED.iter().enumerate() {
        present |= u8::from(headers::first(message, name).is_some()) << bit;
    }
    let said = Said {
        key: key.id,
        entry,
        expires,
        nonce,
        present,
    };
    let tag = key.sign(&said.covered(to, &content(message, present)).each());
    Ok(format!(
        "{}; h={}",
        said.text(),
        URL_SAFE_NO_PAD.encode(tag)
    ))
}

/// Verifies a field's value against the message it came with and its one recipient.
///
/// # Errors
/// [`TokenFault`]; the message is then treated like any other.
pub fn verify(
    ring: &KeyRing,
    value: &str,
    to: &Address,
    message: &[u8],
    now: Timestamp,
) -> Result<Claim, TokenFault> {
    let (said, tag) = Said::parse(value).ok_or(TokenFault::Malformed)?;
    let key = ring.find(said.key, now).ok_or(TokenFault::UnknownKey)?;
    let covered = said.covered(to, &content(message, said.present));
    if !key.verifies(&covered.each(), &tag) {
        return Err(TokenFault::Mismatch);
    }
    if said.expires <= now {
        return Err(TokenFault::Expired);
    }
    Ok(Claim {
        entry: said.entry,
        nonce: said.nonce,
        expires: said.expires,
    })
}

struct Said {
    key: u32,
    entry: EntryId,
    expires: Timestamp,
    nonce: String,
    /// A bit for each field of [`COVERED`] that the message had.
    present: u8,
}

/// What the MAC covers.
struct Covered {
    text: String,
    to: String,
    content: Vec<u8>,
}

impl Covered {
    fn each(&self) -> [&[u8]; 4] {
        [
            b"quaranta reinsertion 1",
            self.text.as_bytes(),
            self.to.as_bytes(),
            &self.content,
        ]
    }
}

impl Said {
    fn text(&self) -> String {
        format!(
            "v=1; k={}; e={}; x={}; n={}; f={}",
            self.key, self.entry, self.expires.0, self.nonce, self.present
        )
    }

    fn covered(&self, to: &Address, content: &[u8]) -> Covered {
        Covered {
            text: self.text(),
            to: to.key().to_owned(),
            content: content.to_vec(),
        }
    }

    fn parse(value: &str) -> Option<(Self, Vec<u8>)> {
        if value.len() > LONGEST {
            return None;
        }
        let flat: String = value.chars().filter(|c| !c.is_whitespace()).collect();
        let mut parts = flat.split(';');
        let mut next = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=');
        if next("v")? != "1" {
            return None;
        }
        let said = Self {
            key: next("k")?.parse().ok()?,
            entry: next("e")?.parse().ok()?,
            expires: Timestamp(next("x")?.parse().ok()?),
            nonce: next("n")
                .filter(|n| n.len() == 24 && n.bytes().all(|b| b.is_ascii_hexdigit()))?
                .to_owned(),
            present: next("f")?.parse().ok()?,
        };
        let tag = URL_SAFE_NO_PAD.decode(next("h")?).ok()?;
        // There is one way to write a token: no signs, no zeros in front.
        let mut text = said.text();
        text.retain(|c| c != ' ');
        let one = flat.starts_with(&text) && parts.next().is_none();
        one.then_some((said, tag))
    }
}

/// SHA-256 over the covered fields and the body.
pub(super) fn content(message: &[u8], present: u8) -> Vec<u8> {
    let mut hash = digest::Context::new(&digest::SHA256);
    for (bit, name) in COVERED.iter().enumerate() {
        if present >> bit & 1 == 1 {
            let value = headers::first(message, name)
                .map(|field| flat(field.value))
                .unwrap_or_default();
            hash.update(&(value.len() as u64).to_be_bytes());
            hash.update(&value);
        }
    }
    let end = headers::header_end(message);
    let body = message[end..]
        .strip_prefix(b"\r\n")
        .unwrap_or(&message[end..]);
    hash.update(body);
    hash.finish().as_ref().to_vec()
}

/// A value without any white space: relays fold anew.
fn flat(value: &[u8]) -> Vec<u8> {
    value
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_whitespace())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"From: a@x.org\r\nSubject: one\r\n two\r\n\r\nbody\r\n";

    fn address(text: &str) -> Address {
        text.parse().expect("address")
    }

    fn ring() -> KeyRing {
        KeyRing::make(Timestamp(0)).expect("ring")
    }

    fn check(
        ring: &KeyRing,
        token: &str,
        to: &str,
        message: &[u8],
        now: u64,
    ) -> Result<Claim, TokenFault> {
        verify(ring, token, &address(to), message, Timestamp(now))
    }

    #[test]
    fn sy02_a_token_holds_for_its_message_and_recipient_until_it_expires() {
        let ring = ring();
        let id = EntryId([7; 16]);
        let token = mint(
            ring.current().expect("key"),
            id,
            &address("b@y.org"),
            MESSAGE,
            Timestamp(100),
        )
        .expect("token");
        assert_eq!(
            check(&ring, &token, "B@y.org", MESSAGE, 99).map(|claim| claim.entry),
            Ok(id)
        );
        assert_eq!(
            check(&ring, &token, "b@y.org", MESSAGE, 100),
            Err(TokenFault::Expired)
        );
        assert_eq!(
            check(&ring, &token, "c@y.org", MESSAGE, 99),
            Err(TokenFault::Mismatch)
        );
        let relayed =
            b"Received: x\r\nFrom: a@x.org\r\nSubject: one two\r\nDate: d\r\n\r\nbody\r\n";
        assert!(check(&ring, &token, "b@y.org", relayed, 99).is_ok());
        for altered in [
            &b"From: a@x.org\r\nSubject: one two\r\n\r\nother\r\n"[..],
            b"From: a@x.org\r\nSubject: two\r\n\r\nbody\r\n",
            b"From: z@x.org\r\nSubject: one two\r\n\r\nbody\r\n",
        ] {
            assert_eq!(
                check(&ring, &token, "b@y.org", altered, 99),
                Err(TokenFault::Mismatch)
            );
        }
    }

    #[test]
    fn there_is_one_way_to_write_a_token() {
        let ring = ring();
        let (key, to) = (ring.current().expect("key"), address("b@y.org"));
        let token = mint(key, EntryId([7; 16]), &to, MESSAGE, Timestamp(100)).expect("token");
        for (one, other) in [
            ("e=07", "e=+7"),
            ("x=1", "x=+1"),
            ("x=1", "x=01"),
            ("k=", "k=0"),
        ] {
            let written = token.replacen(one, other, 1);
            assert_ne!(written, token);
            let said = check(&ring, &written, "b@y.org", MESSAGE, 99);
            assert_eq!(said, Err(TokenFault::Malformed), "{written}");
        }
    }

    #[test]
    fn sy03_forged_and_mangled_tokens_do_not_hold() {
        let ring = ring();
        let key = ring.current().expect("key");
        let token = mint(
            key,
            EntryId([7; 16]),
            &address("b@y.org"),
            MESSAGE,
            Timestamp(100),
        )
        .expect("token");
        assert_eq!(
            check(&self::ring(), &token, "b@y.org", MESSAGE, 1),
            Err(TokenFault::Mismatch)
        );
        assert_eq!(
            check(&ring, &token.replace("k=1", "k=9"), "b@y.org", MESSAGE, 1),
            Err(TokenFault::UnknownKey)
        );
        assert_eq!(
            check(
                &ring,
                &token.replace("x=100", "x=900"),
                "b@y.org",
                MESSAGE,
                1
            ),
            Err(TokenFault::Mismatch)
        );
        for mangled in [
            "",
            "v=1",
            &token[..token.len() - 9],
            &format!("{token}; y=1"),
            &"x".repeat(10_000),
        ] {
            assert!(
                check(&ring, mangled, "b@y.org", MESSAGE, 1).is_err(),
                "{mangled}"
            );
        }
    }
}

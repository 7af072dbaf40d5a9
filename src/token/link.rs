//! Links in letters: whoever holds one may do one thing with one entry, until it expires (XX-05).
//!
//! The text is Base64 of `version, key, purpose, expiry, entry, MAC, whose`. The MAC covers all
//! the rest. Nothing in it is secret, but it is the authority: it is never logged.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Key, KeyRing, TokenFault};
use crate::clock::Timestamp;
use crate::mail::EntryId;
use crate::policy::Scope;

/// Longest text we look at, in octets: an address may have 320.
const LONGEST: usize = 600;
const VERSION: u8 = 1;
/// Octets before the MAC: version, key, purpose, expiry, entry.
const HEAD: usize = 1 + 4 + 1 + 4 + 16;
const MAC: usize = 32;

/// What a link is for. The numbers stand in links that were sent: they stay what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Purpose {
    Release = 1,
    ReleaseAndTrain = 2,
    ReleaseAndAllow = 3,
    Remove = 4,
    /// Take back a release that has not left yet.
    TakeBack = 5,
    /// No more digests; without an entry.
    Unsubscribe = 6,
    /// Grant what somebody asked to be released.
    Approve = 7,
    /// Refuse it.
    Deny = 8,
    /// Remove, and put the sender on the block list.
    RemoveAndBlock = 9,
}

impl Purpose {
    /// Each of them.
    pub const ALL: [Purpose; 9] = [
        Purpose::Release,
        Purpose::ReleaseAndTrain,
        Purpose::ReleaseAndAllow,
        Purpose::Remove,
        Purpose::TakeBack,
        Purpose::Unsubscribe,
        Purpose::Approve,
        Purpose::Deny,
        Purpose::RemoveAndBlock,
    ];

    fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|p| *p as u8 == number)
    }
}

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub purpose: Purpose,
    /// `None` where the purpose speaks of no entry.
    pub entry: Option<EntryId>,
    /// Whose rights it uses: who got it acts as this, and no further.
    pub whose: Scope,
    /// To the second; it holds no more from then on.
    pub expires: Timestamp,
}

impl Link {
    /// The text that stands in an address, all of it letters, digits, `-` and `_`.
    #[must_use]
    pub fn text(&self, key: &Key) -> String {
        let seconds = u32::try_from(self.expires.0 / 1000).unwrap_or(u32::MAX);
        let mut octets = Vec::with_capacity(HEAD + MAC + 40);
        octets.push(VERSION);
        octets.extend_from_slice(&key.id.to_be_bytes());
        octets.push(self.purpose as u8);
        octets.extend_from_slice(&seconds.to_be_bytes());
        octets.extend_from_slice(&self.entry.map_or([0; 16], |entry| entry.0));
        let whose = self.whose.to_string();
        let tag = key.sign(&covered(&octets, &whose));
        octets.extend_from_slice(&tag);
        octets.extend_from_slice(whose.as_bytes());
        URL_SAFE_NO_PAD.encode(octets)
    }

    /// Reads a text and verifies it in constant time.
    ///
    /// # Errors
    /// [`TokenFault`].
    pub fn read(ring: &KeyRing, text: &str, now: Timestamp) -> Result<Self, TokenFault> {
        if text.len() > LONGEST {
            return Err(TokenFault::Malformed);
        }
        // Only one text has these octets: the decoder refuses bits that say nothing.
        let octets = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| TokenFault::Malformed)?;
        Self::parse(ring, &octets, now)
    }

    fn parse(ring: &KeyRing, octets: &[u8], now: Timestamp) -> Result<Self, TokenFault> {
        let bad = || TokenFault::Malformed;
        let (head, rest) = octets.split_first_chunk::<HEAD>().ok_or_else(bad)?;
        let (tag, whose) = rest.split_first_chunk::<MAC>().ok_or_else(bad)?;
        let whose = std::str::from_utf8(whose).map_err(|_| bad())?;
        let [version, k0, k1, k2, k3, purpose, e0, e1, e2, e3, entry @ ..] = *head;
        if version != VERSION {
            return Err(bad());
        }
        let key = u32::from_be_bytes([k0, k1, k2, k3]);
        let key = ring.find(key, now).ok_or(TokenFault::UnknownKey)?;
        if !key.verifies(&covered(head, whose), tag) {
            return Err(TokenFault::Mismatch);
        }
        let link = Self {
            purpose: Purpose::of(purpose).ok_or_else(bad)?,
            entry: (entry != [0; 16]).then_some(EntryId(entry)),
            whose: whose.parse().map_err(|_| bad())?,
            expires: Timestamp(u64::from(u32::from_be_bytes([e0, e1, e2, e3])) * 1000),
        };
        if link.expires <= now {
            return Err(TokenFault::Expired);
        }
        Ok(link)
    }
}

fn covered<'a>(head: &'a [u8], whose: &'a str) -> [&'a [u8]; 3] {
    [b"quaranta link 1", head, whose.as_bytes()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNTIL: Timestamp = Timestamp(2_000_000_000_000);
    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn link() -> Link {
        Link {
            purpose: Purpose::Release,
            entry: Some(EntryId([7; 16])),
            whose: "alice@example.org".parse().expect("scope"),
            expires: UNTIL,
        }
    }

    #[test]
    fn xx05_a_link_says_what_it_was_made_for_until_it_expires() {
        let ring = KeyRing::make(NOW).expect("ring");
        let key = ring.current().expect("key");
        for purpose in Purpose::ALL {
            for entry in [None, Some(EntryId([7; 16]))] {
                for whose in ["global", "example.org", "jürgen@exämple.org"] {
                    let whose = whose.parse().expect("scope");
                    let link = Link {
                        purpose,
                        entry,
                        whose,
                        ..link()
                    };
                    let text = link.text(key);
                    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
                    assert!(text.bytes().all(plain), "{text}");
                    assert_eq!(Link::read(&ring, &text, NOW), Ok(link.clone()));
                    let late = Link::read(&ring, &text, UNTIL);
                    assert_eq!(late, Err(TokenFault::Expired));
                }
            }
        }
    }

    #[test]
    fn xx05_no_other_octet_holds() {
        let ring = KeyRing::make(NOW).expect("ring");
        let text = link().text(ring.current().expect("key"));
        let octets = URL_SAFE_NO_PAD.decode(&text).expect("Base64");
        for at in 0..octets.len() {
            for bit in 0..8 {
                let mut forged = octets.clone();
                forged[at] ^= 1 << bit;
                assert!(Link::parse(&ring, &forged, NOW).is_err(), "{at} {bit}");
            }
            assert!(
                Link::parse(&ring, &octets[..at], NOW).is_err(),
                "cut at {at}"
            );
        }
        let longer = [octets.as_slice(), b"x"].concat();
        assert_eq!(
            Link::parse(&ring, &longer, NOW),
            Err(TokenFault::Mismatch),
            "another domain"
        );
        let other = KeyRing::make(NOW).expect("ring");
        assert_eq!(Link::read(&other, &text, NOW), Err(TokenFault::Mismatch));
        for bad in ["", "A", "\u{fc}", &format!("{text}="), &"A".repeat(10_000)] {
            assert!(Link::read(&ring, bad, NOW).is_err(), "{bad:.20}");
        }
    }
}

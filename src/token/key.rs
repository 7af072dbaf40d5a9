//! Keys with ids, rotated with overlap (SY-02).

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{NoRandom, random};
use crate::clock::Timestamp;

/// Keys kept at most; the oldest go first.
const KEYS_MOST: usize = 8;

/// A secret with its id. Its Debug shows no secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct Key {
    /// Counts up from 1.
    pub id: u32,
    pub made: Timestamp,
    /// Not used to verify from this time on; `None` for the key in use.
    pub until: Option<Timestamp>,
    /// Base64 of 32 octets.
    secret: String,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("made", &self.made)
            .finish_non_exhaustive()
    }
}

impl Key {
    fn make(id: u32, now: Timestamp) -> Result<Self, NoRandom> {
        Ok(Self {
            id,
            made: now,
            until: None,
            secret: STANDARD.encode(random::<32>()?),
        })
    }

    /// The secret as text, for an administrator who asks (SY-07).
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    fn hmac(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes())
    }

    /// HMAC-SHA-256 over `parts`, each with its length in front.
    #[must_use]
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        let tag = hmac::sign(&self.hmac(), &join(parts));
        let mut out = [0; 32];
        out.copy_from_slice(tag.as_ref());
        out
    }

    /// Compares in constant time.
    #[must_use]
    pub fn verifies(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        hmac::verify(&self.hmac(), &join(parts), tag).is_ok()
    }
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    let mut whole = Vec::new();
    for part in parts {
        whole.extend_from_slice(&(part.len() as u64).to_be_bytes());
        whole.extend_from_slice(part);
    }
    whole
}

/// The keys of one purpose: one in use, and older ones that still verify.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeyRing {
    /// The newest last.
    keys: Vec<Key>,
}

impl KeyRing {
    /// A ring with one new key.
    ///
    /// # Errors
    /// [`NoRandom`].
    pub fn make(now: Timestamp) -> Result<Self, NoRandom> {
        Ok(Self {
            keys: vec![Key::make(1, now)?],
        })
    }

    /// A new key comes into use; the old one verifies until `until`.
    ///
    /// # Errors
    /// [`NoRandom`]; the ring stays as it is.
    pub fn rotate(&mut self, now: Timestamp, until: Timestamp) -> Result<(), NoRandom> {
        let id = self.keys.last().map_or(1, |key| key.id.saturating_add(1));
        let key = Key::make(id, now)?;
        if let Some(old) = self.keys.last_mut() {
            old.until = Some(until);
        }
        self.keys
            .retain(|key| key.until.is_none_or(|until| until > now));
        self.keys.push(key);
        let surplus = self.keys.len().saturating_sub(KEYS_MOST);
        self.keys.drain(..surplus);
        Ok(())
    }

    /// The key in use.
    #[must_use]
    pub fn current(&self) -> Option<&Key> {
        self.keys.last()
    }

    /// The key with that id, if it still verifies at `now`.
    #[must_use]
    pub fn find(&self, id: u32, now: Timestamp) -> Option<&Key> {
        self.keys
            .iter()
            .find(|key| key.id == id && key.until.is_none_or(|until| until > now))
    }

    /// All keys, the newest last.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sy02_rotation_overlaps_and_ends() {
        let mut ring = KeyRing::make(Timestamp(0)).expect("ring");
        ring.rotate(Timestamp(10), Timestamp(20)).expect("rotate");
        assert_eq!(ring.current().map(|key| key.id), Some(2));
        assert!(ring.find(1, Timestamp(19)).is_some());
        assert!(ring.find(1, Timestamp(20)).is_none());
        for i in 0..20 {
            ring.rotate(Timestamp(30 + i), Timestamp(1000))
                .expect("rotate");
        }
        assert_eq!(ring.keys().len(), KEYS_MOST);
    }

    #[test]
    fn secrets_are_not_shown_by_accident() {
        let ring = KeyRing::make(Timestamp(0)).expect("ring");
        let secret = ring.current().expect("key").secret().to_owned();
        assert!(!format!("{ring:?}").contains(&secret));
    }
}

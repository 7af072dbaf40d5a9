//! What is kept for a while only, in memory: greylists, callouts, throttles, leases.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::Transient;
use crate::clock::Timestamp;

/// Keys kept at once; beyond that those that end first go.
pub const MOST_KEYS: usize = 1_000_000;

/// Octets of keys and values kept at once.
pub const MOST_OCTETS: usize = 256 << 20;

/// A bounded map whose entries end.
pub struct Memory {
    most_keys: usize,
    most_octets: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    by_key: HashMap<Arc<str>, (Timestamp, Vec<u8>)>,
    by_end: BTreeSet<(Timestamp, Arc<str>)>,
    octets: usize,
}

impl Kept {
    fn remove(&mut self, key: &str) {
        if let Some((key, (until, value))) = self.by_key.remove_entry(key) {
            self.octets -= key.len() + value.len();
            self.by_end.remove(&(until, key));
        }
    }

    fn insert(&mut self, key: &str, value: Vec<u8>, until: Timestamp) {
        self.remove(key);
        let key: Arc<str> = key.into();
        self.octets += key.len() + value.len();
        self.by_end.insert((until, Arc::clone(&key)));
        self.by_key.insert(key, (until, value));
    }

    fn remove_first(&mut self) -> bool {
        let Some((_, key)) = self.by_end.first().cloned() else {
            return false;
        };
        self.remove(&key);
        true
    }

    fn get(&mut self, key: &str, now: Timestamp) -> Option<&[u8]> {
        if self.by_key.get(key)?.0 <= now {
            self.remove(key);
            return None;
        }
        self.by_key.get(key).map(|(_, value)| value.as_slice())
    }
}

impl Memory {
    /// Keeps at most `most_keys` keys and `most_octets` octets.
    #[must_use]
    pub fn new(most_keys: usize, most_octets: usize) -> Self {
        Self {
            most_keys,
            most_octets,
            kept: Mutex::default(),
        }
    }

    fn insert(&self, kept: &mut Kept, key: &str, value: Vec<u8>, until: Timestamp) {
        kept.insert(key, value, until);
        while (kept.by_key.len() > self.most_keys || kept.octets > self.most_octets)
            && kept.remove_first()
        {}
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(MOST_KEYS, MOST_OCTETS)
    }
}

#[async_trait]
impl Transient for Memory {
    async fn put(&self, key: &str, value: Vec<u8>, until: Timestamp) {
        self.insert(&mut self.kept.lock(), key, value, until);
    }

    async fn get(&self, key: &str, now: Timestamp) -> Option<Vec<u8>> {
        self.kept.lock().get(key, now).map(<[u8]>::to_vec)
    }

    async fn claim(&self, key: &str, now: Timestamp, until: Timestamp) -> bool {
        let mut kept = self.kept.lock();
        if kept.get(key, now).is_some() {
            return false;
        }
        self.insert(&mut kept, key, Vec::new(), until);
        true
    }

    async fn drop_key(&self, key: &str) {
        self.kept.lock().remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keys_end_and_can_be_claimed_once() {
        let memory = Memory::default();
        memory.put("a", b"1".to_vec(), Timestamp(10)).await;
        assert_eq!(memory.get("a", Timestamp(9)).await, Some(b"1".to_vec()));
        assert_eq!(memory.get("a", Timestamp(10)).await, None);
        assert!(memory.claim("b", Timestamp(0), Timestamp(5)).await);
        assert!(!memory.claim("b", Timestamp(4), Timestamp(9)).await);
        assert!(memory.claim("b", Timestamp(5), Timestamp(9)).await);
        memory.drop_key("b").await;
        assert!(memory.claim("b", Timestamp(6), Timestamp(9)).await);
    }

    #[tokio::test]
    async fn when_full_those_that_end_first_go() {
        let memory = Memory::new(2, 100);
        memory.put("late", vec![1], Timestamp(30)).await;
        memory.put("soon", vec![2], Timestamp(10)).await;
        memory.put("next", vec![3], Timestamp(20)).await;
        assert_eq!(memory.get("soon", Timestamp(0)).await, None);
        assert!(memory.get("late", Timestamp(0)).await.is_some());
        memory.put("large", vec![0; 90], Timestamp(40)).await;
        let kept = memory.kept.lock();
        assert!(kept.octets <= 100 && kept.by_key.len() == kept.by_end.len());
    }
}

//! How often something may happen in an hour, by key. In memory: a restart begins anew.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::clock::Timestamp;

/// Keys that are counted in one hour; others may do nothing more in it.
const KEYS_MOST: usize = 20_000;
const HOUR_MS: u64 = 3_600_000;

/// Counts by key and hour.
#[derive(Debug, Default)]
pub struct Hourly {
    counts: Mutex<(u64, HashMap<String, u32>)>,
}

impl Hourly {
    /// Counts one more of `key`; false, and nothing is counted, if there were `most` of it in this
    /// hour.
    pub fn counts(&self, key: &str, most: u32, now: Timestamp) -> bool {
        let mut counts = self.counts.lock();
        let hour = now.0 / HOUR_MS;
        if counts.0 != hour {
            *counts = (hour, HashMap::new());
        }
        if counts.1.len() >= KEYS_MOST && !counts.1.contains_key(key) {
            return false;
        }
        let count = counts.1.entry(key.to_owned()).or_default();
        if *count >= most {
            return false;
        }
        *count += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xx08_an_hour_has_so_many_and_keys_are_apart() {
        let hourly = Hourly::default();
        let at = |key, ms| hourly.counts(key, 2, Timestamp(ms));
        assert!(at("a", 0) && at("a", 1) && !at("a", 2) && at("b", 3));
        assert!(!at("a", HOUR_MS - 1) && at("a", HOUR_MS));
    }
}

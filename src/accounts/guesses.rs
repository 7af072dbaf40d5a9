//! Who guesses: a growing wait after failures, for each client or each account.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Timestamp;

/// Those who are remembered; when full, those that may try again first are forgotten.
const REMEMBERED: usize = 50_000;

/// How long who failed has to wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waits {
    /// Failures before there is a wait.
    pub(super) free: u32,
    /// The first; it doubles with each further failure.
    pub(super) first: Duration,
    pub(super) longest: Duration,
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    /// No try before.
    until: Timestamp,
}

/// Counts failures.
pub(super) struct Guesses<K> {
    failures: Mutex<HashMap<K, Failures>>,
    waits: Waits,
}

impl<K: Hash + Eq> Guesses<K> {
    pub(super) fn new(waits: Waits) -> Self {
        Self {
            failures: Mutex::default(),
            waits,
        }
    }

    /// How long `key` has to wait from now on, if at all.
    pub(super) fn wait(&self, key: &K, now: Timestamp) -> Option<Duration> {
        let until = self.failures.lock().get(key)?.until;
        (until > now).then(|| until.since(now))
    }

    /// True if `key` failed before and did not succeed since.
    pub(super) fn is_suspect(&self, key: &K) -> bool {
        self.failures.lock().contains_key(key)
    }

    pub(super) fn succeeded(&self, key: &K) {
        self.failures.lock().remove(key);
    }

    pub(super) fn failed(&self, key: K, now: Timestamp) {
        let mut failures = self.failures.lock();
        if failures.len() >= REMEMBERED && !failures.contains_key(&key) {
            failures.retain(|_, f| f.until > now);
            if failures.len() >= REMEMBERED {
                failures.clear();
            }
        }
        let entry = failures.entry(key).or_insert(Failures {
            count: 0,
            until: now,
        });
        entry.count = entry.count.saturating_add(1);
        let beyond = entry
            .count
            .saturating_sub(self.waits.free.saturating_sub(1));
        if beyond > 0 {
            let wait = self.waits.first.saturating_mul(1 << (beyond - 1).min(20));
            entry.until = now.after(wait.min(self.waits.longest));
        }
    }
}

/// Counts in windows of an hour: at most so many each.
pub(super) struct Hourly<K> {
    most: u32,
    counts: Mutex<(u64, HashMap<K, u32>)>,
}

const HOUR_MS: u64 = 3_600_000;

impl<K: Hash + Eq> Hourly<K> {
    pub(super) fn new(most: u32) -> Self {
        Self {
            most,
            counts: Mutex::default(),
        }
    }

    /// Counts one more; false beyond the most of this hour (UTC), and for all that are new once
    /// too many are counted.
    pub(super) fn counts(&self, key: K, now: Timestamp) -> bool {
        let mut counts = self.counts.lock();
        let hour = now.0 / HOUR_MS;
        if counts.0 != hour {
            *counts = (hour, HashMap::new());
        }
        let full = counts.1.len() >= REMEMBERED;
        if full && !counts.1.contains_key(&key) {
            return false;
        }
        let count = counts.1.entry(key).or_default();
        *count = count.saturating_add(1);
        *count <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_and_ends_with_success() {
        let guesses = Guesses::new(Waits {
            free: 2,
            first: Duration::from_secs(1),
            longest: Duration::from_secs(3),
        });
        let now = Timestamp(1000);
        let seconds = |guesses: &Guesses<u8>| guesses.wait(&1, now).map(|w| w.as_secs());
        let mut found = Vec::new();
        for _ in 0..5 {
            guesses.failed(1, now);
            found.push(seconds(&guesses));
        }
        assert_eq!(found, [None, Some(1), Some(2), Some(3), Some(3)]);
        assert!(guesses.is_suspect(&1) && !guesses.is_suspect(&2));
        guesses.succeeded(&1);
        assert_eq!(seconds(&guesses), None);
    }

    #[test]
    fn an_hour_has_its_limit() {
        let hourly = Hourly::new(2);
        let found = [0, 1, 2, HOUR_MS].map(|at| hourly.counts("a", Timestamp(at)));
        assert_eq!(found, [true, true, false, true]);
        assert!(hourly.counts("b", Timestamp(HOUR_MS)));
    }
}

//! Tickets: random texts that stand for something for a while. Only their SHA-256 is kept, in memory,
//! so that nobody who reads the memory's copy can use them; a restart ends them all.

use std::collections::{BTreeSet, HashMap};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;

use crate::clock::Timestamp;
use crate::token::{NoRandom, random};

/// Longest text looked at, in octets; ours have 43.
const TEXT_LONGEST: usize = 64;

type Hash = [u8; 32];

/// What tickets stand for. Bounded: when full, those that end first go.
pub(super) struct Tickets<V> {
    most: usize,
    kept: Mutex<Kept<V>>,
}

struct Kept<V> {
    by_hash: HashMap<Hash, (Timestamp, V)>,
    by_end: BTreeSet<(Timestamp, Hash)>,
}

impl<V> Kept<V> {
    fn remove(&mut self, hash: &Hash) -> Option<V> {
        let (until, value) = self.by_hash.remove(hash)?;
        self.by_end.remove(&(until, *hash));
        Some(value)
    }

    fn insert(&mut self, hash: Hash, value: V, until: Timestamp) {
        self.by_end.insert((until, hash));
        self.by_hash.insert(hash, (until, value));
    }

    /// Lets go of what ended, and of what is too much.
    fn sweep(&mut self, now: Timestamp, most: usize) {
        while let Some((until, hash)) = self.by_end.first().copied() {
            if until > now && self.by_hash.len() <= most {
                break;
            }
            self.remove(&hash);
        }
    }
}

fn hash(text: &str) -> Option<Hash> {
    if text.len() > TEXT_LONGEST {
        return None;
    }
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    Some(out)
}

/// A random text of 256 bits, as it may stand in a URL.
pub(super) fn new_text() -> Result<String, NoRandom> {
    Ok(URL_SAFE_NO_PAD.encode(random::<32>()?))
}

impl<V> Tickets<V> {
    pub(super) fn new(most: usize) -> Self {
        let kept = Kept {
            by_hash: HashMap::new(),
            by_end: BTreeSet::new(),
        };
        Self {
            most,
            kept: Mutex::new(kept),
        }
    }

    /// Keeps `value` until then; the text is given to who may use it.
    pub(super) fn issue(
        &self,
        value: V,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<String, NoRandom> {
        let text = new_text()?;
        if let Some(hash) = hash(&text) {
            let mut kept = self.kept.lock();
            kept.insert(hash, value, until);
            kept.sweep(now, self.most);
        }
        Ok(text)
    }

    /// What `text` stands for; it stands for nothing afterwards.
    pub(super) fn take(&self, text: &str, now: Timestamp) -> Option<V> {
        let hash = hash(text)?;
        let mut kept = self.kept.lock();
        let ended = kept.by_hash.get(&hash)?.0 <= now;
        kept.remove(&hash).filter(|_| !ended)
    }

    /// Looks at what `text` stands for, and may change it and its end.
    pub(super) fn with<R>(
        &self,
        text: &str,
        now: Timestamp,
        look: impl FnOnce(&mut V, &mut Timestamp) -> R,
    ) -> Option<R> {
        let hash = hash(text)?;
        let mut kept = self.kept.lock();
        let (mut until, mut value) = {
            let until = kept.by_hash.get(&hash)?.0;
            (until, kept.remove(&hash)?)
        };
        if until <= now {
            return None;
        }
        let result = look(&mut value, &mut until);
        kept.insert(hash, value, until);
        Some(result)
    }

    /// What `look` makes of those that hold.
    pub(super) fn all<R>(&self, now: Timestamp, look: impl Fn(&V) -> Option<R>) -> Vec<R> {
        let kept = self.kept.lock();
        let valid = kept.by_hash.values().filter(|(until, _)| *until > now);
        valid.filter_map(|(_, value)| look(value)).collect()
    }

    /// Ends those of which this is true.
    pub(super) fn end(&self, is_over: impl Fn(&V) -> bool) {
        let mut kept = self.kept.lock();
        let over: Vec<Hash> = kept
            .by_hash
            .iter()
            .filter(|(_, (_, value))| is_over(value))
            .map(|(hash, _)| *hash)
            .collect();
        for hash in over {
            kept.remove(&hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(10);
    const END: Timestamp = Timestamp(20);

    #[test]
    fn a_ticket_is_taken_once_and_ends() {
        let tickets = Tickets::new(10);
        let text = tickets.issue(7, NOW, END).expect("ticket");
        assert_eq!(text.len(), 43);
        assert_eq!(tickets.take("", NOW), None);
        assert_eq!(tickets.take(&text, NOW), Some(7));
        assert_eq!(tickets.take(&text, NOW), None);
        let text = tickets.issue(8, NOW, END).expect("ticket");
        assert_eq!(tickets.with(&text, NOW, |v, _| *v), Some(8));
        assert_eq!(tickets.take(&text, END), None);
        let text = tickets.issue(9, NOW, END).expect("ticket");
        assert_eq!(tickets.with(&text, END, |v, _| *v), None);
        assert_eq!(tickets.take(&text, NOW), None, "its end was noticed");
    }

    #[test]
    fn when_full_those_that_end_first_go() {
        let tickets = Tickets::new(2);
        let first = tickets.issue(1, NOW, Timestamp(12)).expect("ticket");
        let late = tickets.issue(2, NOW, Timestamp(30)).expect("ticket");
        let next = tickets.issue(3, NOW, END).expect("ticket");
        assert_eq!(tickets.take(&first, NOW), None);
        assert_eq!(tickets.all(NOW, |v| Some(*v)).len(), 2);
        tickets.end(|v| *v == 2);
        assert_eq!(tickets.take(&late, NOW), None);
        assert_eq!(tickets.take(&next, NOW), Some(3));
        let kept = tickets.kept.lock();
        assert!(kept.by_end.is_empty() && kept.by_hash.is_empty());
    }
}

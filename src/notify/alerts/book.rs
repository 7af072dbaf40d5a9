//! Which alerts are open, and which of them are told: pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Map;

use super::{Alert, AlertKind, AlertOptions, AlertState, OpenAlert, Telling};
use crate::clock::Timestamp;

/// Alerts that are open at the same time; more are not seen until others are over.
const OPEN_MOST: usize = 500;
const HOUR_MS: u64 = 3_600_000;

type Key = (AlertKind, String);

/// The open alerts, and what was told in this hour.
pub(super) struct Book {
    repeat: Duration,
    calm: Duration,
    per_hour: u32,
    open: BTreeMap<Key, OpenAlert>,
    hour: u64,
    told: u32,
    held_back: BTreeSet<Key>,
}

impl Book {
    pub(super) fn new(options: &AlertOptions) -> Self {
        Self {
            repeat: options.repeat.0,
            calm: options.calm.0,
            per_hour: options.per_hour.max(1),
            open: BTreeMap::new(),
            hour: 0,
            told: 0,
            held_back: BTreeSet::new(),
        }
    }

    pub(super) fn open(&self) -> Vec<OpenAlert> {
        self.open.values().cloned().collect()
    }

    pub(super) fn restore(&mut self, open: Vec<OpenAlert>) {
        let with_key = |alert: OpenAlert| ((alert.kind, alert.subject.clone()), alert);
        self.open = open.into_iter().take(OPEN_MOST).map(with_key).collect();
    }

    /// Takes in all that is wrong at `now` of the kinds `looked` for, and what else was `seen`.
    pub(super) fn see(
        &mut self,
        seen: Vec<Alert>,
        looked: &[AlertKind],
        now: Timestamp,
    ) -> Vec<Telling> {
        let mut tellings: Vec<Telling> = self.turn_hour(now).into_iter().collect();
        for alert in self.open.values_mut() {
            // Where the clock was set back, nothing waits for the time that it showed.
            alert.told = alert.told.map(|told| told.min(now));
            alert.calm = alert.calm.map(|calm| calm.min(now));
        }
        let mut keys = BTreeSet::new();
        for alert in seen {
            let key = (alert.kind, alert.subject.clone());
            keys.insert(key.clone());
            self.opened(key, alert, now);
        }
        tellings.extend(self.end(&keys, looked, now));
        let wanted: Vec<Key> = self
            .open
            .iter()
            .filter(|(_, alert)| {
                let again = |told: Timestamp| now.since(told) >= self.repeat;
                alert.calm.is_none() && alert.told.is_none_or(again)
            })
            .map(|(key, _)| key.clone())
            .collect();
        for key in wanted {
            if !self.may_tell(&key) {
                continue;
            }
            let Some(alert) = self.open.get_mut(&key) else {
                continue;
            };
            let state = match alert.told.replace(now) {
                None => AlertState::Started,
                Some(_) => AlertState::GoesOn,
            };
            let alert = alert.clone();
            let at = now;
            tellings.push(Telling { state, alert, at });
        }
        tellings
    }

    fn opened(&mut self, key: Key, alert: Alert, now: Timestamp) {
        if self.open.len() >= OPEN_MOST && !self.open.contains_key(&key) {
            let (kind, subject) = (key.0.name(), &key.1);
            tracing::error!(
                kind,
                subject,
                "too many alerts are open; this one is not seen"
            );
            return;
        }
        let fresh = || OpenAlert {
            kind: alert.kind,
            subject: alert.subject.clone(),
            words: String::new(),
            since: now,
            told: None,
            calm: None,
            details: Map::new(),
        };
        let open = self.open.entry(key).or_insert_with(fresh);
        open.words = alert.words;
        open.calm = None;
        if !alert.details.is_empty() {
            open.details = alert.details;
        }
    }

    /// Ends what was looked for and not seen for a while.
    fn end(&mut self, seen: &BTreeSet<Key>, looked: &[AlertKind], now: Timestamp) -> Vec<Telling> {
        let mut over = Vec::new();
        for (key, alert) in &mut self.open {
            if looked.contains(&key.0) && !seen.contains(key) {
                let since = *alert.calm.get_or_insert(now);
                if now.since(since) >= self.calm {
                    over.push(key.clone());
                }
            }
        }
        let mut tellings = Vec::new();
        for key in over {
            let Some(alert) = self.open.remove(&key) else {
                continue;
            };
            // Who never heard of it need not hear that it is over.
            if alert.told.is_some() && self.may_tell(&key) {
                let (state, at) = (AlertState::Resolved, now);
                tellings.push(Telling { state, alert, at });
            }
        }
        tellings
    }

    fn may_tell(&mut self, key: &Key) -> bool {
        if self.told < self.per_hour {
            self.told += 1;
            return true;
        }
        if self.held_back.len() < OPEN_MOST {
            self.held_back.insert(key.clone());
        }
        false
    }

    /// At the first look in a new hour: how many were held back in the one before.
    fn turn_hour(&mut self, now: Timestamp) -> Option<Telling> {
        let hour = now.0 / HOUR_MS;
        if hour == self.hour {
            return None;
        }
        self.hour = hour;
        self.told = 0;
        let count = std::mem::take(&mut self.held_back).len();
        (count > 0).then(|| Telling {
            state: AlertState::Started,
            alert: OpenAlert {
                kind: AlertKind::HeldBack,
                subject: count.to_string(),
                words: format!("more alerts are held back: {count}"),
                since: now,
                told: Some(now),
                calm: None,
                details: Map::new(),
            },
            at: now,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Span;
    use AlertKind::{CheckUnavailable, DiskLow};

    const LOOKED: [AlertKind; 2] = [CheckUnavailable, DiskLow];

    fn alert(kind: AlertKind, subject: &str) -> Alert {
        Alert::new(kind, subject, "words")
    }

    fn book(per_hour: u32) -> Book {
        Book::new(&AlertOptions {
            per_hour,
            repeat: Span::seconds(24 * 3600),
            calm: Span::seconds(300),
            ..AlertOptions::default()
        })
    }

    fn shown(tellings: &[Telling]) -> String {
        let one = |t: &Telling| {
            let OpenAlert { kind, subject, .. } = &t.alert;
            format!("{} {subject} {}", kind.name(), t.state.words())
        };
        tellings.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// SY-06: one when it starts, seldom while it lasts, one when it is over; a short calm is none.
    #[test]
    fn sy06_an_alert_is_told_once_repeated_seldom_and_resolved() {
        let mut book = book(30);
        let at = |minutes: u64| Timestamp(minutes * 60_000);
        let table: [(u64, bool, &str); 9] = [
            (1, true, "disk-low /var started"),
            (2, true, ""),
            (60, true, ""),
            // Calm for a moment only.
            (61, false, ""),
            (63, true, ""),
            (24 * 60, true, ""),
            (24 * 60 + 1, true, "disk-low /var goes on"),
            (25 * 60, false, ""),
            (25 * 60 + 5, false, "disk-low /var resolved"),
        ];
        for (minute, wrong, want) in table {
            let seen = wrong.then(|| alert(DiskLow, "/var"));
            let told = book.see(seen.into_iter().collect(), &LOOKED, at(minute));
            assert_eq!(shown(&told), want, "minute {minute}");
        }
        assert!(book.open().is_empty());
    }

    #[test]
    fn sy06_a_clock_that_was_ahead_silences_nothing() {
        let mut book = book(30);
        let seen = || vec![alert(DiskLow, "a")];
        let (ahead, now) = (Timestamp(400 * 24 * HOUR_MS), Timestamp(1000));
        assert_eq!(book.see(seen(), &LOOKED, ahead).len(), 1);
        assert_eq!(book.see(Vec::new(), &LOOKED, ahead).len(), 0, "calm");
        assert_eq!(shown(&book.see(Vec::new(), &LOOKED, now)), "");
        let over = book.see(Vec::new(), &LOOKED, Timestamp(now.0 + 300_000));
        assert_eq!(shown(&over), "disk-low a resolved");
        book.see(seen(), &LOOKED, ahead);
        assert_eq!(shown(&book.see(seen(), &LOOKED, now)), "");
        let again = book.see(seen(), &LOOKED, Timestamp(now.0 + 24 * HOUR_MS));
        assert_eq!(shown(&again), "disk-low a goes on");
    }

    #[test]
    fn sy06_a_restart_does_not_repeat_an_open_alert() {
        let mut first = book(30);
        let told = first.see(vec![alert(DiskLow, "a")], &LOOKED, Timestamp(1000));
        assert_eq!(told.len(), 1);
        let mut second = book(30);
        second.restore(first.open());
        let told = second.see(vec![alert(DiskLow, "a")], &LOOKED, Timestamp(2000));
        assert_eq!(shown(&told), "");
        // What nobody looked for stays as it is.
        let told = second.see(Vec::new(), &[CheckUnavailable], Timestamp(9_000_000));
        assert_eq!((shown(&told).as_str(), second.open().len()), ("", 1));
    }

    #[test]
    fn sy06_more_than_an_hour_may_have_are_held_back_and_counted() {
        let mut book = book(3);
        let all = || (0..5).map(|n| alert(CheckUnavailable, &format!("c{n}")));
        let told = book.see(all().collect(), &LOOKED, Timestamp(1000));
        assert_eq!(told.len(), 3);
        for n in 1..20 {
            let told = book.see(all().collect(), &LOOKED, Timestamp(1000 + n * 30_000));
            assert_eq!(shown(&told), "");
        }
        let told = book.see(all().collect(), &LOOKED, Timestamp(HOUR_MS));
        assert_eq!(
            shown(&told),
            "held-back 2 started, check-unavailable c3 started, check-unavailable c4 started"
        );
    }
}

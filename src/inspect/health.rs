//! How the checks are: when each answered last, how often it could not run, since when it rests.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::breaker::RESTS;
use crate::clock::{Clock, Timestamp};
use crate::policy::Finding;

const MINUTE_MS: u64 = 60_000;
/// The minutes that a share is taken over.
const MINUTES: usize = 60;
/// Failures in a row before a check counts as down: one sender's broken DNS is not ours.
const IN_A_ROW: u64 = 3;

/// A check as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckHealth {
    pub name: &'static str,
    /// When it answered last.
    pub answered: Option<Timestamp>,
    /// Mails of the last hour that it was asked about.
    pub asked: u64,
    /// How many of them it could say nothing about.
    pub failed: u64,
    /// Since when it gives no answer; `None` while it does.
    pub down: Option<Timestamp>,
    /// Since when it is left alone after failures.
    pub rests: Option<Timestamp>,
    /// Why it could not run last; empty while it answers.
    pub why: String,
}

#[derive(Clone, Copy, Default)]
struct Minute {
    number: u64,
    asked: u64,
    failed: u64,
}

#[derive(Default)]
struct Watched {
    answered: Option<Timestamp>,
    failing: Option<Timestamp>,
    in_a_row: u64,
    rests: Option<Timestamp>,
    why: String,
    /// The place of a minute is its number modulo [`MINUTES`].
    minutes: Vec<Minute>,
}

/// What is known of all checks. Cheap to clone; clones know the same.
#[derive(Clone)]
pub struct Health {
    clock: Clock,
    checks: Arc<Mutex<BTreeMap<&'static str, Watched>>>,
}

impl Health {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            checks: Arc::default(),
        }
    }

    /// The checks `asked` were asked about a mail, and this is what they found.
    pub(super) fn note(&self, asked: impl Iterator<Item = &'static str>, found: &[Finding]) {
        let now = self.clock.now();
        let mut checks = self.checks.lock();
        for name in asked {
            let gap = found.iter().find_map(|finding| match finding {
                Finding::Unavailable { name: own, why, .. } if own == name => Some(why),
                _ => None,
            });
            checks.entry(name).or_default().note(gap, now);
        }
    }

    /// The checks that were asked since the start, by name.
    #[must_use]
    pub fn shown(&self) -> Vec<CheckHealth> {
        let now = self.clock.now();
        let checks = self.checks.lock();
        checks
            .iter()
            .map(|(name, check)| check.shown(name, now))
            .collect()
    }
}

impl Watched {
    fn note(&mut self, gap: Option<&String>, now: Timestamp) {
        let number = now.0 / MINUTE_MS;
        self.minutes.resize(MINUTES, Minute::default());
        // Below MINUTES, so it fits.
        let place = (number % MINUTES as u64) as usize;
        let minute = &mut self.minutes[place];
        if minute.number != number {
            *minute = Minute {
                number,
                ..Minute::default()
            };
        }
        minute.asked += 1;
        let Some(why) = gap else {
            let minutes = std::mem::take(&mut self.minutes);
            *self = Self {
                answered: Some(now),
                minutes,
                ..Self::default()
            };
            return;
        };
        minute.failed += 1;
        self.in_a_row += 1;
        self.failing.get_or_insert(now);
        self.rests = why.contains(RESTS).then(|| self.rests.unwrap_or(now));
        self.why.clone_from(why);
    }

    fn shown(&self, name: &'static str, now: Timestamp) -> CheckHealth {
        let first = (now.0 / MINUTE_MS).saturating_sub(MINUTES as u64 - 1);
        let recent = || self.minutes.iter().filter(|m| m.number >= first);
        CheckHealth {
            name,
            answered: self.answered,
            asked: recent().map(|m| m.asked).sum(),
            failed: recent().map(|m| m.failed).sum(),
            down: self.failing.filter(|_| self.in_a_row >= IN_A_ROW),
            rests: self.rests,
            why: self.why.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::inspect::gap;

    #[test]
    fn sy06_a_check_is_down_after_three_failures_and_up_with_an_answer() {
        let clock = Clock::by_hand(Timestamp(1_000_000_000_000));
        let health = Health::new(clock.clone());
        let bad = [gap("CLAMD", "refused")];
        let ask = |found: &[Finding]| health.note(["CLAMD", "SPF"].into_iter(), found);
        ask(&[]);
        let start = clock.now();
        clock.forward(Duration::from_secs(60));
        ask(&bad);
        ask(&bad);
        assert_eq!(health.shown()[0].down, None);
        ask(&[gap("CLAMD", format!("{RESTS}; the last: refused"))]);
        let shown = &health.shown()[0];
        assert_eq!((shown.asked, shown.failed), (4, 3));
        assert_eq!(
            (shown.answered, shown.down),
            (Some(start), Some(clock.now()))
        );
        assert_eq!(shown.rests, Some(clock.now()));
        assert_eq!(health.shown()[1].failed, 0);
        clock.forward(Duration::from_secs(3600));
        assert_eq!(health.shown()[0].asked, 0, "only the last hour counts");
        ask(&[]);
        let shown = &health.shown()[0];
        assert_eq!((shown.down, shown.rests, shown.asked), (None, None, 1));
    }
}

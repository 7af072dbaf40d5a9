//! Leaves a scanner or a DNS list alone after failures in a row, so that no mail waits for what is down.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::net::network::Network;

/// Clients with whose mail it failed in a row, after which it rests. One client alone could send
/// what is hard to check, and then what should not be seen.
const FAILURES: usize = 3;
/// How a refusal of one that rests begins.
pub(super) const RESTS: &str = "it rests after failures";
/// How long it rests; then one mail tries it.
const REST: Duration = Duration::from_secs(20);

/// What is known of one check.
#[derive(Debug, Default)]
struct State {
    /// At most [`FAILURES`] clients.
    failed: Vec<IpAddr>,
    last: Option<(Instant, String)>,
    /// Failures in a row since it answered or was tried by itself, whoever's mail it was.
    in_a_row: usize,
    trial: Trial,
}

/// A trial with a question that no sender chooses: behind a single relay all mail comes from one client.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Trial {
    #[default]
    NotNeeded,
    /// It is going on.
    Made,
    /// It failed too, so no sender is to blame.
    Failed,
    /// It failed, and goes on once more: until it answers, the rest goes on as well.
    Again,
}

impl State {
    fn rests(&self) -> bool {
        self.failed.len() >= FAILURES || matches!(self.trial, Trial::Failed | Trial::Again)
    }
}

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

impl Breaker {
    /// # Errors
    /// The last failure, while it rests.
    pub(super) fn allows(&self) -> Result<(), String> {
        self.allows_at(Instant::now())
    }

    fn allows_at(&self, now: Instant) -> Result<(), String> {
        let mut state = self.0.lock();
        let resting = match &state.last {
            Some((since, why)) if state.rests() => {
                if now.duration_since(*since) < REST {
                    return Err(format!("{RESTS}; the last: {why}"));
                }
                Some(why.clone())
            }
            _ => None,
        };
        if let Some(why) = resting {
            // This one tries; the others rest on until it knows.
            state.last = Some((now, why));
        }
        Ok(())
    }

    /// Notes how it went with the mail of `client`. True if it is to be tried by itself, where
    /// that can be done: the caller owes [`Breaker::tried`] then.
    #[must_use = "a trial that is asked for is made, or given up by `tried`"]
    pub(super) fn note(&self, name: &str, client: IpAddr, failure: Option<&String>) -> bool {
        let mut state = self.0.lock();
        let Some(why) = failure else {
            if state.rests() {
                tracing::info!(check = name, "it answers again");
            }
            let trial = match state.trial {
                Trial::Made | Trial::Again => Trial::Made,
                Trial::NotNeeded | Trial::Failed => Trial::NotNeeded,
            };
            *state = State {
                trial,
                ..State::default()
            };
            return false;
        };
        let client = Network::of_client(client);
        if state.failed.len() < FAILURES && !state.failed.contains(&client) {
            state.failed.push(client);
        }
        state.last = Some((Instant::now(), why.clone()));
        state.in_a_row = state.in_a_row.saturating_add(1);
        let clients = state.failed.len();
        tracing::warn!(check = name, %why, clients, "a check could not run");
        if clients >= FAILURES || state.in_a_row < FAILURES {
            return false;
        }
        // Mail whose check began before the rest may fail in it: that does not end the rest.
        let (wanted, trial) = match state.trial {
            Trial::NotNeeded => (true, Trial::Made),
            Trial::Failed => (true, Trial::Again),
            going_on => (false, going_on),
        };
        state.trial = trial;
        wanted
    }

    /// Notes how the trial went that [`Breaker::note`] asked for.
    pub(super) fn tried(&self, name: &str, result: Result<(), String>) {
        let mut state = self.0.lock();
        state.in_a_row = 0;
        match result {
            Ok(()) => state.trial = Trial::NotNeeded,
            Err(why) => {
                tracing::warn!(check = name, %why, "it fails by itself and rests");
                state.trial = Trial::Failed;
                // The next failure is a trial again, not the third from now.
                state.in_a_row = FAILURES;
                state.last = Some((Instant::now(), why));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xx06_failures_with_three_clients_rest_then_one_tries() {
        let breaker = Breaker::default();
        let why = "refused".to_owned();
        let clients = [1, 2, 3].map(|n| IpAddr::from([192, 0, 2, n]));
        for _ in 0..20 {
            if breaker.note("X", clients[0], Some(&why)) {
                breaker.tried("X", Ok(()));
            }
            assert!(breaker.allows().is_ok(), "one client cannot put it to rest");
        }
        for client in clients {
            assert!(breaker.allows().is_ok());
            let _trial = breaker.note("X", client, Some(&why));
        }
        assert!(breaker.allows().expect_err("rests").contains("refused"));
        let later = Instant::now() + REST;
        assert!(breaker.allows_at(later).is_ok(), "one tries");
        assert!(breaker.allows_at(later).is_err(), "the others rest on");
        assert!(!breaker.note("X", clients[0], None));
        assert!(breaker.allows().is_ok());
    }

    #[test]
    fn xx06_what_fails_by_itself_rests_behind_a_single_relay() {
        let breaker = Breaker::default();
        let why = "no answer".to_owned();
        let relay = IpAddr::from([192, 0, 2, 1]);
        let failed = || breaker.note("X", relay, Some(&why));
        assert!(!failed() && !failed());
        assert!(failed(), "the third asks for a trial");
        assert!(!failed(), "one trial at a time");
        assert!(breaker.allows().is_ok(), "nothing rests while it is made");
        breaker.tried("X", Err("dead".to_owned()));
        assert!(breaker.allows().expect_err("rests").contains("dead"));
        let later = Instant::now() + REST;
        assert!(breaker.allows_at(later).is_ok(), "one tries");
        assert!(failed(), "and is followed by a trial at once");
        breaker.tried("X", Ok(()));
        assert!(breaker.allows().is_ok(), "it was that mail alone");
        // An answer that comes while a trial is made is no end of it.
        assert!(!failed() && !failed() && failed());
        assert!(!breaker.note("X", relay, None));
        breaker.tried("X", Ok(()));
        assert!(!failed() && !failed() && failed());
    }

    #[test]
    fn xx06_a_late_failure_does_not_end_the_rest() {
        let breaker = Breaker::default();
        let (why, client) = ("late".to_owned(), IpAddr::from([192, 0, 2, 1]));
        let trials = (0..3).filter(|_| breaker.note("X", client, Some(&why)));
        assert_eq!(trials.count(), 1);
        breaker.tried("X", Err(why.clone()));
        assert!(breaker.allows().is_err());
        let again = breaker.note("X", client, Some(&why));
        assert!(
            again && breaker.allows().is_err(),
            "it rests while it is tried again"
        );
        breaker.tried("X", Ok(()));
        assert!(breaker.allows().is_ok());
    }
}

//! Leaves a scanner or a DNS list alone after failures in a row, so that no mail waits for what is down.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Failures in a row after which it rests.
const FAILURES: u32 = 3;
/// How long it rests; then one mail tries it.
const REST: Duration = Duration::from_secs(20);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    last: Option<(Instant, String)>,
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
            Some((since, why)) if state.failures >= FAILURES => {
                if now.duration_since(*since) < REST {
                    return Err(format!("it rests after failures; the last: {why}"));
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

    pub(super) fn note(&self, name: &str, failure: Option<&String>) {
        let mut state = self.0.lock();
        match failure {
            None => {
                if state.failures >= FAILURES {
                    tracing::info!(check = name, "it answers again");
                }
                *state = State::default();
            }
            Some(why) => {
                state.failures = state.failures.saturating_add(1);
                state.last = Some((Instant::now(), why.clone()));
                tracing::warn!(check = name, %why, failures = state.failures, "a check could not run");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xx06_three_failures_rest_then_one_tries() {
        let breaker = Breaker::default();
        let why = "refused".to_owned();
        for _ in 0..FAILURES {
            assert!(breaker.allows().is_ok());
            breaker.note("X", Some(&why));
        }
        assert!(breaker.allows().expect_err("rests").contains("refused"));
        let later = Instant::now() + REST;
        assert!(breaker.allows_at(later).is_ok(), "one tries");
        assert!(breaker.allows_at(later).is_err(), "the others rest on");
        breaker.note("X", None);
        assert!(breaker.allows().is_ok());
    }
}

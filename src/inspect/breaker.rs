//! Leaves a scanner or a DNS list alone after failures in a row, so that no mail waits for what is down.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::net::network::Network;

/// Clients with whose mail it failed in a row, after which it rests. One client alone could send
/// what is hard to check, and then what should not be seen.
const FAILURES: usize = 3;
/// How long it rests; then one mail tries it.
const REST: Duration = Duration::from_secs(20);

#[derive(Debug, Default)]
struct State {
    /// At most [`FAILURES`] clients.
    failed: Vec<IpAddr>,
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
            Some((since, why)) if state.failed.len() >= FAILURES => {
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

    /// Notes how it went with the mail of `client`.
    pub(super) fn note(&self, name: &str, client: IpAddr, failure: Option<&String>) {
        let mut state = self.0.lock();
        match failure {
            None => {
                if state.failed.len() >= FAILURES {
                    tracing::info!(check = name, "it answers again");
                }
                *state = State::default();
            }
            Some(why) => {
                let client = Network::of_client(client);
                if state.failed.len() < FAILURES && !state.failed.contains(&client) {
                    state.failed.push(client);
                }
                state.last = Some((Instant::now(), why.clone()));
                let clients = state.failed.len();
                tracing::warn!(check = name, %why, clients, "a check could not run");
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
            breaker.note("X", clients[0], Some(&why));
            assert!(breaker.allows().is_ok(), "one client cannot put it to rest");
        }
        for client in clients {
            assert!(breaker.allows().is_ok());
            breaker.note("X", client, Some(&why));
        }
        assert!(breaker.allows().expect_err("rests").contains("refused"));
        let later = Instant::now() + REST;
        assert!(breaker.allows_at(later).is_ok(), "one tries");
        assert!(breaker.allows_at(later).is_err(), "the others rest on");
        breaker.note("X", clients[0], None);
        assert!(breaker.allows().is_ok());
    }
}

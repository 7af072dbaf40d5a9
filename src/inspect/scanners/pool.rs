//! Connections that are kept open between questions.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Unused connections that are kept.
const IDLE_MOST: usize = 8;
/// How long an unused connection is trusted; scanners close theirs after some seconds.
const IDLE_TIME: Duration = Duration::from_secs(4);

/// Keeps what was given back, the newest on top.
#[derive(Debug)]
pub(super) struct Pool<C>(Mutex<Vec<(Instant, C)>>);

impl<C> Default for Pool<C> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<C> Pool<C> {
    /// A connection that was used lately, if there is one.
    pub(super) fn take(&self) -> Option<C> {
        let mut idle = self.0.lock();
        idle.retain(|(since, _)| since.elapsed() < IDLE_TIME);
        idle.pop().map(|(_, connection)| connection)
    }

    pub(super) fn give_back(&self, connection: C) {
        let mut idle = self.0.lock();
        if idle.len() < IDLE_MOST {
            idle.push((Instant::now(), connection));
        }
    }
}

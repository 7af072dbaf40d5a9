//! Long thought, a few at a time and apart from the threads on which all sessions wait.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;

/// Octets to look at from which on it counts as long.
const LONG: u64 = 256 << 10;

/// The turns of all sessions.
pub(super) struct Apart(Semaphore);

impl Apart {
    /// Half of the processors may be busy with this.
    pub(super) fn new() -> Self {
        let all = std::thread::available_parallelism().map_or(1, usize::from);
        Self(Semaphore::new((all / 2).max(1)))
    }

    /// Does `work`, which looks at about `octets` octets.
    pub(super) async fn think<T>(&self, octets: u64, work: impl FnOnce() -> T) -> T {
        if octets < LONG {
            return work();
        }
        let _turn = self.0.acquire().await;
        match Handle::current().runtime_flavor() {
            RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
            // With one thread there is no other place.
            _ => work(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn others_go_on_while_it_thinks() {
        let apart = Arc::new(Apart::new());
        let thinking: Vec<_> = (0..3)
            .map(|_| {
                let apart = Arc::clone(&apart);
                tokio::spawn(async move {
                    let work = || {
                        let start = Instant::now();
                        while start.elapsed() < Duration::from_millis(700) {
                            std::hint::spin_loop();
                        }
                    };
                    apart.think(LONG, work).await;
                })
            })
            .collect();
        let start = Instant::now();
        let other = tokio::spawn(tokio::time::sleep(Duration::from_millis(5)));
        other.await.expect("another session");
        assert!(start.elapsed() < Duration::from_millis(650));
        for thought in thinking {
            thought.await.expect("a thought");
        }
    }
}

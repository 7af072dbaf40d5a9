//! A clock that leaps ahead, as on a machine that comes up with a wrong date: what would be removed for
//! its age stays until the time is believed, because nothing brings it back.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Timestamp;
use crate::store::{Settings, StoreError};

/// A longer step between two looks is a leap. A house that was shut for so long waits, too.
const LEAP: Duration = Duration::from_secs(2 * 86_400);
/// A time that lasts for so long is believed.
const PATIENCE: Duration = Duration::from_secs(6 * 3600);
/// How often the time is written down.
const WRITTEN_EVERY: Duration = Duration::from_secs(3600);

/// What one chore knows of the time.
pub(super) struct Leap {
    /// Under this name the time is kept over a restart.
    name: &'static str,
    patience: Duration,
    /// The last time that was believed, and when it was written down.
    last: Option<Timestamp>,
    written: Timestamp,
    since: Option<Instant>,
}

impl Leap {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            patience: PATIENCE,
            last: None,
            written: Timestamp(0),
            since: None,
        }
    }

    /// True if what is old at `now` may go. To be asked at each look.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing may.
    pub(super) async fn believes(
        &mut self,
        settings: &dyn Settings,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let last = match self.last {
            Some(last) => last,
            None => {
                let kept = settings.note(self.name).await?;
                let kept = kept.and_then(|kept| kept.as_u64()).map(Timestamp);
                self.written = kept.unwrap_or_default();
                *self.last.insert(kept.unwrap_or(now))
            }
        };
        if now.since(last) > LEAP {
            let since = *self.since.get_or_insert_with(|| {
                tracing::error!(
                    before = %last, %now,
                    "the clock went ahead by days; nothing is removed for its age until it has shown \
                     so for some hours"
                );
                Instant::now()
            });
            if since.elapsed() < self.patience {
                return Ok(false);
            }
            tracing::warn!(%now, "the time is believed");
        }
        self.since = None;
        self.last = Some(now);
        if now < self.written || now.since(self.written) >= WRITTEN_EVERY {
            settings.set_note(self.name, Some(now.0.into())).await?;
            self.written = now;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::store::in_memory;

    const DAY: Duration = Duration::from_secs(86_400);
    const START: Timestamp = Timestamp(1_800_000_000_000);

    #[tokio::test]
    async fn se05_what_is_old_by_a_clock_that_leaps_stays() {
        let store = in_memory::open(Clock::by_hand(START));
        let settings = &*store.settings;
        let mut leap = Leap::new("test");
        let year = START.after(365 * DAY);
        for (now, want) in [
            (START, true),
            (START.after(DAY), true),
            (START.after(3 * DAY), true),
            (year, false),
            (year.after(DAY), false),
            // It was set right.
            (START.after(3 * DAY), true),
            (START, true),
            (year, false),
        ] {
            let believed = leap.believes(settings, now).await.expect("store");
            assert_eq!(believed, want, "{now}");
        }
        // A restart does not make it true.
        let mut leap = Leap::new("test");
        assert_eq!(leap.believes(settings, year).await, Ok(false));
        // It lasts.
        leap.patience = Duration::ZERO;
        assert_eq!(leap.believes(settings, year).await, Ok(true));
        let mut leap = Leap::new("test");
        assert_eq!(leap.believes(settings, year.after(DAY)).await, Ok(true));
    }
}

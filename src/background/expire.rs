//! Expiry: entries whose time is over, and old lines of the log.

use std::time::Duration;

use super::Background;
use super::leap::Leap;
use crate::actions::Action;
use crate::clock::Timestamp;
use crate::mail::EntryId;
use crate::net::listen::Closing;
use crate::policy::Principal;
use crate::record::Door;

/// How often the time index is looked at.
const EVERY: Duration = Duration::from_secs(30);
/// Rounds between two looks for challenges whose time is over.
const SWEEP_EVERY: u32 = 120;
/// Entries expired in one step.
const BATCH: usize = 500;

impl Background {
    pub(super) async fn expire_all(self, mut stop: Closing) {
        let mut round = 0_u32;
        let mut leap = Leap::new("time of expiry");
        loop {
            let now = self.clock.now();
            let believed = leap.believes(&*self.store.settings, now).await;
            let believed = believed.unwrap_or_else(|error| {
                tracing::error!(%error, "nothing expires: the store cannot be read or written");
                false
            });
            if believed {
                self.expire_due().await;
            }
            if believed
                && round.is_multiple_of(SWEEP_EVERY)
                && let Err(error) = self.desk.sweep_challenges().await
            {
                tracing::error!(%error, "old challenges stay");
            }
            round = round.wrapping_add(1);
            tokio::select! {
                () = stop.wait() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Expires all that is due now.
    pub async fn expire_due(&self) {
        let house = Principal::house("expiry");
        let door = Door::new("background", "");
        let now = self.clock.now();
        loop {
            let due = match self.store.entries.expiring(now, BATCH).await {
                Ok(due) if due.is_empty() => break,
                Ok(due) => due,
                Err(error) => {
                    tracing::error!(%error, "expired mail cannot be listed");
                    return;
                }
            };
            let ids: Vec<EntryId> = due.iter().map(|entry| entry.id).collect();
            let results = self
                .desk
                .perform_all(&house, &Action::Expire, &ids, &door)
                .await;
            if let Some(refusal) = results.iter().find_map(|result| result.as_ref().err()) {
                tracing::error!(%refusal, "mail cannot be expired");
                return;
            }
        }
        let before = Timestamp(
            now.0
                .saturating_sub(self.options.log_days.saturating_mul(86_400_000)),
        );
        if let Err(error) = self.journal().forget(before).await {
            tracing::error!(%error, "old lines of the log cannot be forgotten");
        }
    }
}

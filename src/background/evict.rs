//! Quotas: nobody's quarantine grows without end.

use std::time::Duration;

use super::Background;
use crate::net::listen::Closing;
use crate::options::Span;
use crate::policy::Scope;
use crate::record::Door;

crate::options! {
    /// What is held in the quarantine. How long, and how much for whom, is set by policy.
    pub struct Holding in "quarantine" {
        /// Nothing that came later than this goes because of a quota.
        pub spare: Span = Span::seconds(86_400),
    }
}

/// How often it is looked who holds too much.
const EVERY: Duration = Duration::from_secs(120);
/// Scopes looked at in one piece.
const PIECE: usize = 1_000;

impl Background {
    pub(super) async fn evict_all(self, mut stop: Closing) {
        loop {
            tokio::select! {
                () = stop.wait() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            self.evict().await;
        }
    }

    /// Looks at all who hold something, and makes room where it is too much.
    pub async fn evict(&self) {
        let mut after: Option<Scope> = None;
        loop {
            let holders = self.store.entries.holders(after.as_ref(), PIECE).await;
            let holders = match holders {
                Ok(holders) => holders,
                Err(error) => {
                    tracing::error!(%error, "what is held cannot be counted");
                    return;
                }
            };
            let Some((last, _)) = holders.last() else {
                return;
            };
            after = Some(last.clone());
            for (scope, held) in holders {
                let door = Door::new("background", "");
                let spare = self.holding.spare.0;
                match self.desk.make_room(&scope, held, spare, &door).await {
                    Ok(0) => {}
                    Ok(gone) => tracing::info!(%scope, gone, "a quarantine was over its quota"),
                    Err(refusal) => tracing::error!(%refusal, %scope, "no room can be made"),
                }
            }
        }
    }
}

//! Lists: what was counted is written down; what expired, and correspondents that nobody
//! writes to and no mail came from, is removed.

use std::collections::HashMap;
use std::time::Duration;

use super::Background;
use super::leap::Leap;
use crate::clock::Timestamp;
use crate::intake::ListUses;
use crate::net::listen::Closing;
use crate::policy::{ListEntry, Origin, Scope};
use crate::record::{Door, Event, ListUse, Status};
use crate::store::StoreError;

/// How often counts are written down.
const WRITE_EVERY: Duration = Duration::from_secs(60);
/// Writings between two looks for entries whose time is over.
const LOOK_EVERY: u32 = 60;
/// Entries looked at in one piece.
const PIECE: usize = 500;
const DAY_MS: u64 = 86_400_000;

/// The chore. Cheap to clone.
#[derive(Clone)]
pub struct ListKeeping {
    pub house: Background,
    pub uses: ListUses,
    /// Days after which a correspondent without use is removed; 0 for never.
    pub unused_days: u64,
}

impl ListKeeping {
    /// Does it until the doors close.
    pub async fn run(self, mut stop: Closing) {
        let mut round = 0_u32;
        let mut leap = Leap::new("time of lists");
        loop {
            self.write_down().await;
            if round.is_multiple_of(LOOK_EVERY)
                && let Err(error) = self.remove_old(&mut leap).await
            {
                tracing::error!(%error, "entries of lists whose time is over stay");
            }
            round = round.wrapping_add(1);
            tokio::select! {
                () = stop.wait() => break,
                () = tokio::time::sleep(WRITE_EVERY) => {}
            }
        }
        self.write_down().await;
    }

    /// Removes what ended, unless the clock has leapt.
    async fn remove_old(&self, leap: &mut Leap) -> Result<(), StoreError> {
        let (settings, now) = (&*self.house.store.settings, self.house.clock.now());
        match leap.believes(settings, now).await? {
            true => self.remove_ended().await,
            false => Ok(()),
        }
    }

    /// Writes the counts down now; those that cannot be are lost.
    pub async fn write_down(&self) {
        let uses = self.uses.take();
        if uses.is_empty() {
            return;
        }
        let count = uses.len();
        if let Err(error) = self.house.store.settings.count_uses(uses).await {
            tracing::warn!(%error, count, "the use of lists cannot be written down");
        }
    }

    /// Removes the entries whose time is over.
    ///
    /// # Errors
    /// [`StoreError`]; what was removed stays so.
    pub async fn remove_ended(&self) -> Result<(), StoreError> {
        let settings = &self.house.store.settings;
        let mut from = None;
        loop {
            let (entries, next) = settings.listed_from(from, PIECE).await?;
            let mut uses: HashMap<Scope, Vec<ListUse>> = HashMap::new();
            for entry in entries {
                let now = self.house.clock.now();
                if !entry.holds_at(now) {
                    self.remove(&entry, "it expired").await?;
                } else if self.is_old(entry.made, now) && entry.origin == Origin::Correspondent {
                    if !uses.contains_key(&entry.scope) {
                        let known = settings.list_uses(&entry.scope).await?;
                        uses.insert(entry.scope.clone(), known);
                    }
                    let mut known = uses.get(&entry.scope).into_iter().flatten();
                    let own = known.find(|u| u.kind == entry.kind && u.pattern == entry.pattern);
                    if own.is_none_or(|own| self.is_old(own.last, now)) {
                        self.remove(&entry, "it was not used for long").await?;
                    }
                }
            }
            if next.is_none() {
                return Ok(());
            }
            from = next;
        }
    }

    fn is_old(&self, at: Timestamp, now: Timestamp) -> bool {
        let span = self.unused_days.saturating_mul(DAY_MS);
        self.unused_days > 0 && at.0.saturating_add(span) <= now.0
    }

    async fn remove(&self, entry: &ListEntry, why: &str) -> Result<(), StoreError> {
        let ListEntry {
            scope,
            kind,
            pattern,
            ..
        } = entry;
        let door = Door::new("background", "");
        let words = format!("the {kind} list of {scope} lost {pattern}: {why}");
        let event = Event::new(self.house.clock.now(), Status::Changed, "lists", door);
        let event = event.about(scope).saying(words);
        let settings = &self.house.store.settings;
        settings.remove_listed(scope, *kind, pattern, event).await?;
        Ok(())
    }
}

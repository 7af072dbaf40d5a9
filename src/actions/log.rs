//! The log for people: a deferred mail is told with what became of it (SE-04).

use serde::Serialize;

use super::{Desk, Page, Query, Refusal};
use crate::clock::Timestamp;
use crate::mail::Address;
use crate::policy::Principal;
use crate::record::{Event, Status};

/// Deferred lines of one answer for which later ones are looked up.
const LOOKED_UP_MOST: usize = 1000;
/// Later lines of one mail that are looked at.
const LATER_MOST: usize = 200;

/// What became of a deferred mail for one recipient.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Later {
    pub to: Address,
    pub status: Status,
    /// Milliseconds between the two.
    pub after: u64,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    #[serde(flatten)]
    pub event: Event,
    /// For what was deferred: the next that is known of it. A retry on another day (UTC) is another
    /// mail to the log, and not found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub later: Vec<Later>,
}

impl Desk {
    /// The same as [`Desk::log`], with what became of each deferred mail.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn log_lines(
        &self,
        by: &Principal,
        query: &Query,
        most: usize,
    ) -> Result<Page<Line>, Refusal> {
        let Page { rows: events, next } = self.log(by, query, most).await?;
        let (mut lines, mut looked_up) = (Vec::with_capacity(events.len()), 0);
        for event in events {
            let later = if event.status == Status::Deferred && looked_up < LOOKED_UP_MOST {
                looked_up += 1;
                self.later(by, &event).await?
            } else {
                Vec::new()
            };
            lines.push(Line { event, later });
        }
        Ok(Page { rows: lines, next })
    }

    async fn later(&self, by: &Principal, deferred: &Event) -> Result<Vec<Later>, Refusal> {
        if deferred.mail.is_none() {
            return Ok(Vec::new());
        }
        let query = Query {
            mail: deferred.mail,
            since: Some(deferred.at),
            ..Query::default()
        };
        let mut events = self.log(by, &query, LATER_MOST).await?.rows;
        events.reverse();
        events.retain(|event| event.status != Status::Deferred);
        let of = |to: &Address| {
            let event = events.iter().find(|event| event.to.contains(to))?;
            Some(Later {
                to: to.clone(),
                status: event.status,
                after: since(deferred.at, event.at),
            })
        };
        Ok(deferred.to.iter().filter_map(of).collect())
    }
}

fn since(before: Timestamp, after: Timestamp) -> u64 {
    after.0.saturating_sub(before.0)
}

//! What was set, by whom, when and from where; who signed in, and who opened others' mail.

use std::fmt;
use std::str::FromStr;

use super::desk::ours;
use super::settings::may_read;
use super::{Desk, Query, Refusal};
use crate::clock::Timestamp;
use crate::policy::{Principal, Scope};
use crate::record::{Event, Status};

/// What an audit speaks of.
const AUDITED: [Status; 4] = [
    Status::Changed,
    Status::SignedIn,
    Status::SignInFailed,
    Status::Opened,
];
/// Events read in one piece, and looked at for one answer.
const PIECE: usize = 1000;
const LOOKED_MOST: usize = 50_000;

/// What to look for. All that is set must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AuditQuery {
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// One of these; empty for all that an audit speaks of.
    pub statuses: Vec<Status>,
    /// Words of who, what, or from where.
    pub text: Option<String>,
    /// Where the page before ended.
    pub before: Option<AuditPlace>,
}

/// A place in the audit; written as text for cursors. It shows nothing of others' to who makes
/// one up, because the scope is looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditPlace {
    at: Timestamp,
    /// Events of this time that were looked at.
    seen: usize,
}

/// A text is no place in the audit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a place in the audit")]
pub struct AuditPlaceError;

impl fmt::Display for AuditPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.at.0, self.seen)
    }
}

impl FromStr for AuditPlace {
    type Err = AuditPlaceError;

    fn from_str(text: &str) -> Result<Self, AuditPlaceError> {
        let (at, seen) = text.split_once('-').ok_or(AuditPlaceError)?;
        Ok(Self {
            at: Timestamp(at.parse().map_err(|_| AuditPlaceError)?),
            seen: seen.parse().map_err(|_| AuditPlaceError)?,
        })
    }
}

/// A part of the audit.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditPage {
    /// The newest first.
    pub rows: Vec<Event>,
    /// Ask on with this as [`AuditQuery::before`]; `None` at the end.
    pub next: Option<AuditPlace>,
}

impl AuditQuery {
    fn passes(&self, event: &Event) -> bool {
        let wanted = if self.statuses.is_empty() {
            &AUDITED[..]
        } else {
            &self.statuses[..]
        };
        let text = || {
            let (door, about) = (&event.door, event.about.as_ref());
            let about = about.map_or(String::new(), ToString::to_string);
            let who = &event.who;
            format!("{who} {} {} {} {about}", event.words, door.name, door.peer).to_lowercase()
        };
        AUDITED.contains(&event.status)
            && wanted.contains(&event.status)
            && self.text.as_ref().is_none_or(|words| {
                let (text, words) = (text(), words.to_lowercase());
                words.split_whitespace().all(|word| text.contains(word))
            })
    }
}

/// True if it is for who looks after `scope` to see.
fn concerns(event: &Event, scope: &Scope) -> bool {
    if *scope == Scope::Global {
        return true;
    }
    match &event.about {
        Some(about) => scope.holds(about),
        // Of a sign-in that failed nobody but the name is known.
        None if matches!(event.status, Status::SignedIn | Status::SignInFailed) => event
            .who
            .parse::<Scope>()
            .is_ok_and(|login| scope.holds(&login)),
        // Of mail that was opened.
        None => ours(event)
            .iter()
            .any(|address| scope.holds_address(address)),
    }
}

impl Desk {
    /// What was set within `by`'s scope, who signed in there, and whose mail was opened by others,
    /// the newest first; at most `most`, or fewer where much was looked at in vain.
    ///
    /// # Errors
    /// [`Refusal::NeedsRight`] without the right to read settings, [`Refusal::Failed`].
    pub async fn audit(
        &self,
        by: &Principal,
        query: &AuditQuery,
        most: usize,
    ) -> Result<AuditPage, Refusal> {
        may_read(by, &by.scope)?;
        let mut place = query.before;
        let (mut rows, mut looked) = (Vec::new(), 0);
        while looked < LOOKED_MOST {
            let skip = place.map_or(0, |place| place.seen);
            let wish = Query {
                since: query.since,
                until: place.map(|place| place.at).or(query.until),
                ..Query::default()
            };
            let wanted = PIECE.saturating_add(skip.min(LOOKED_MOST));
            let events = self
                .store
                .journal
                .search(&Scope::Global, &wish, wanted)
                .await?;
            let whole = events.len() < wanted;
            looked += events.len();
            for mut event in events.into_iter().skip(skip) {
                if rows.len() == most {
                    return Ok(AuditPage { rows, next: place });
                }
                place = Some(match place {
                    Some(place) if place.at == event.at => AuditPlace {
                        seen: place.seen.saturating_add(1),
                        ..place
                    },
                    _ => AuditPlace {
                        at: event.at,
                        seen: 1,
                    },
                });
                if query.passes(&event) && concerns(&event, &by.scope) {
                    if event.about.is_none() && event.entry.is_some() {
                        event.to.retain(|to| by.scope.holds_address(to));
                    }
                    rows.push(event);
                }
            }
            if whole {
                return Ok(AuditPage { rows, next: None });
            }
        }
        Ok(AuditPage { rows, next: place })
    }
}

//! What was set, by whom, when and from where; who signed in, and who opened others' mail.

use super::settings::may_read;
use super::{Desk, Page, Place, Query, Refusal};
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
/// Events read in one piece.
const PIECE: usize = 1000;
/// Pieces looked at for one answer.
const SEARCHES_MOST: usize = 100;

/// What to look for. All that is set must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AuditQuery {
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// One of these; empty for all that an audit speaks of.
    pub statuses: Vec<Status>,
    /// Words of who and what; a word that ends in `*` stands for all that begin so.
    pub text: Option<String>,
    /// Where the page before ended.
    pub before: Option<Place>,
}

impl AuditQuery {
    /// What is asked for, as far as an audit speaks of it.
    fn wanted(&self) -> Vec<Status> {
        let asked = |status: &Status| self.statuses.is_empty() || self.statuses.contains(status);
        AUDITED.into_iter().filter(asked).collect()
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
        None => event.is_in(scope),
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
    ) -> Result<Page<Event>, Refusal> {
        may_read(by, &by.scope)?;
        let most = most.max(1);
        let (mut rows, mut searches) = (Vec::new(), 0);
        let mut wish = Query {
            since: query.since,
            until: query.until,
            statuses: query.wanted(),
            text: query.text.clone(),
            before: query.before,
            ..Query::default()
        };
        loop {
            let journal = &self.store.journal;
            // No more than there is room for: so the answer ends where the search does.
            let piece = (most - rows.len()).min(PIECE);
            let found = journal.search(&Scope::Global, &wish, piece).await?;
            searches += 1;
            for mut event in found.rows {
                if concerns(&event, &by.scope) {
                    if event.about.is_none() && event.entry.is_some() {
                        event.to.retain(|to| by.scope.holds_address(to));
                    }
                    rows.push(event);
                }
            }
            wish.before = found.next;
            if wish.before.is_none() || rows.len() == most || searches == SEARCHES_MOST {
                let next = wish.before;
                return Ok(Page { rows, next });
            }
        }
    }
}

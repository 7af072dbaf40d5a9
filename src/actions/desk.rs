//! The desk: where people's doors and the house itself look at entries and ask for actions.
//! The scope is put in here; a door cannot leave it out.

use std::collections::BTreeMap;

use tokio::sync::broadcast;

use super::pending::Authorised;
use super::plan::Terms;
use super::{Action, Flags, Notice, Outcome, Page, Query, Refusal, Row, Shown, Step, Tally, plan};
use crate::clock::{Clock, Timestamp};
use crate::mail::{Direction, EntryId, Mail};
use crate::policy::{Class, ListKind, Principal, Right, Scope};
use crate::record::{self, Door, Entry, Event, Job, KeptMail, Lesson, Lore, Shelf};
use crate::store::{ChangeError, Store, StoreError, View};

/// Changes are stored in batches of this many, so that a long move shows progress.
const BATCH: usize = 500;

/// Owed deliveries shown at most.
const OWED_MOST: usize = 1000;
const DAY_MS: u64 = 86_400_000;

pub(super) const SHELVES: [(Shelf, Direction); 4] = [
    (Shelf::Caught, Direction::Inbound),
    (Shelf::Pending, Direction::Inbound),
    (Shelf::Caught, Direction::Outbound),
    (Shelf::TrainingRequested, Direction::Inbound),
];

/// How the house is.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Entries held, by shelf and direction.
    pub held: Vec<(Shelf, Direction, u64)>,
    /// Deliveries owed, the next due first, with what was said at the last try.
    pub owed: Vec<Job>,
    /// Lines of the log of the last 24 hours, by status; the first of them counts whole.
    pub day: BTreeMap<String, u64>,
}

/// The desk. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    pub(super) store: Store,
    pub(super) clock: Clock,
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Refusal::Failed(error.to_string())
    }
}

impl Desk {
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// The time at the desk.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn view(by: &Principal, shelf: Shelf, direction: Direction) -> View {
        View {
            scope: by.scope.clone(),
            shelf,
            direction,
        }
    }

    /// Uids above `after` and ids of what `by` sees on a shelf, ascending; at most `most`.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn uids(
        &self,
        by: &Principal,
        shelf: Shelf,
        direction: Direction,
        after: u64,
        most: usize,
    ) -> Result<Vec<(u64, EntryId)>, Refusal> {
        Ok(self
            .store
            .entries
            .uids(&Self::view(by, shelf, direction), after, most)
            .await?)
    }

    /// The same with what a listing says of each.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn shown(
        &self,
        by: &Principal,
        shelf: Shelf,
        direction: Direction,
        after: u64,
        most: usize,
    ) -> Result<Vec<Shown>, Refusal> {
        let view = Self::view(by, shelf, direction);
        Ok(self.store.entries.shown(&view, after, most).await?)
    }

    /// How many entries `by` sees on a shelf.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn count(
        &self,
        by: &Principal,
        shelf: Shelf,
        direction: Direction,
    ) -> Result<u64, Refusal> {
        Ok(self
            .store
            .entries
            .count(&Self::view(by, shelf, direction))
            .await?)
    }

    /// The highest uid given so far, to anybody.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn last_uid(&self) -> Result<u64, Refusal> {
        Ok(self.store.entries.last_uid().await?)
    }

    /// Entries with the flags that `by`'s scope set; `None` for what is gone or another's.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn rows(&self, by: &Principal, ids: &[EntryId]) -> Result<Vec<Option<Row>>, Refusal> {
        let mut rows = self.store.entries.rows(&by.scope, ids).await?;
        for row in &mut rows {
            if row
                .as_ref()
                .is_some_and(|row| !by.scope.holds_address(&row.entry.owner))
            {
                *row = None;
            }
        }
        Ok(rows)
    }

    /// One entry in any state.
    ///
    /// # Errors
    /// [`Refusal::NotYours`], [`Refusal::Failed`].
    pub async fn entry(&self, by: &Principal, id: EntryId) -> Result<Entry, Refusal> {
        match self.store.entries.entry(id).await? {
            Some(entry) if by.scope.holds_address(&entry.owner) => Ok(entry),
            _ => Err(Refusal::NotYours),
        }
    }

    /// The mail as it was received, for doors that show it as before the policy `admin_bodies`
    /// was there; others ask [`Desk::opened_mail`]. Malware is shown only to those with the
    /// right (XX-12).
    ///
    /// # Errors
    /// [`Refusal::NotYours`] also when the octets are gone, [`Refusal::NeedsRight`],
    /// [`Refusal::Failed`].
    pub async fn mail(&self, by: &Principal, id: EntryId) -> Result<KeptMail, Refusal> {
        let entry = self.entry(by, id).await?;
        if !by.has(Right::SeeBodies) {
            return Err(Refusal::NeedsRight(Right::SeeBodies));
        }
        if entry.verdict.class == Class::Malware && !by.has(Right::HandleMalware) {
            return Err(Refusal::NeedsRight(Right::HandleMalware));
        }
        self.store
            .entries
            .mail(entry.mail)
            .await?
            .ok_or(Refusal::NotYours)
    }

    /// The mails of rows that [`Desk::rows`] gave to `by`, in their order; `None` for what is
    /// gone, and for malware without the right.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn mails(
        &self,
        by: &Principal,
        rows: &[&Row],
    ) -> Result<Vec<Option<KeptMail>>, Refusal> {
        let ids: Vec<_> = rows.iter().map(|row| row.entry.mail).collect();
        let mut mails = self.store.entries.mails(&ids).await?;
        for (mail, row) in mails.iter_mut().zip(rows) {
            let entry = &row.entry;
            if !by.scope.holds_address(&entry.owner)
                || !by.has(Right::SeeBodies)
                || entry.verdict.class == Class::Malware && !by.has(Right::HandleMalware)
            {
                *mail = None;
            }
        }
        Ok(mails)
    }

    /// News of what is shown, of all scopes: whoever listens filters by scope.
    #[must_use]
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.store.entries.notices()
    }

    /// Sets flags as `by`'s scope sees them; entries of others are passed over.
    ///
    /// # Errors
    /// [`Refusal::NeedsRight`], [`Refusal::Failed`].
    pub async fn set_flags(
        &self,
        by: &Principal,
        flags: Vec<(EntryId, Flags)>,
    ) -> Result<(), Refusal> {
        if !by.has(Right::Act) {
            return Err(Refusal::NeedsRight(Right::Act));
        }
        let ids: Vec<EntryId> = flags.iter().map(|(id, _)| *id).collect();
        let known = self.rows(by, &ids).await?;
        let own = flags
            .into_iter()
            .zip(known)
            .filter_map(|(flags, row)| row.map(|_| flags))
            .collect();
        Ok(self.store.entries.set_flags(&by.scope, own).await?)
    }

    /// Does `action` with one entry.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn perform(
        &self,
        by: &Principal,
        action: &Action,
        id: EntryId,
        door: &Door,
    ) -> Result<Outcome, Refusal> {
        self.perform_all(by, action, &[id], door)
            .await
            .pop()
            .unwrap_or(Err(Refusal::NotYours))
    }

    /// Does `action` with many entries; the results are in their order. Each entry's
    /// change is whole or not made at all, and durable on return (SE-13).
    pub async fn perform_all(
        &self,
        by: &Principal,
        action: &Action,
        ids: &[EntryId],
        door: &Door,
    ) -> Vec<Result<Outcome, Refusal>> {
        let mut results = Vec::with_capacity(ids.len());
        for batch in ids.chunks(BATCH) {
            results.extend(self.perform_batch(by, action, batch, door).await);
        }
        results
    }

    async fn perform_batch(
        &self,
        by: &Principal,
        action: &Action,
        ids: &[EntryId],
        door: &Door,
    ) -> Vec<Result<Outcome, Refusal>> {
        let rows = match self.rows(by, ids).await {
            Ok(rows) => rows,
            Err(refusal) => return vec![Err(refusal); ids.len()],
        };
        let now = self.clock.now();
        let terms = match self.terms(action, &rows).await {
            Ok(terms) => terms,
            Err(refusal) => return vec![Err(refusal); ids.len()],
        };
        let mut results = Vec::with_capacity(ids.len());
        let (mut changes, mut places) = (Vec::new(), Vec::new());
        for (id, row) in ids.iter().zip(rows) {
            let planned = match &row {
                Some(row) => {
                    let terms = terms.get(row.entry.owner.key()).copied();
                    plan(&row.entry, action, by, door, now, terms.unwrap_or_default())
                }
                None => Err(Refusal::NotYours),
            };
            results.push(match (planned, row) {
                (Ok(Some(change)), _) => {
                    changes.push(change);
                    places.push(results.len());
                    Ok(Outcome::Done(*id))
                }
                (Ok(None), Some(row)) => Ok(Outcome::Already(row.entry.state)),
                (Ok(None), None) => Err(Refusal::NotYours),
                (Err(refusal), _) => Err(refusal),
            });
        }
        let listed: Vec<_> = changes.iter().map(|change| change.listed.clone()).collect();
        let applied = self.store.entries.apply(changes).await;
        let mut authorised = Vec::new();
        for ((place, applied), listed) in places.into_iter().zip(applied).zip(listed) {
            match (applied, listed) {
                (Ok(entry), Some(listed))
                    if entry.shelf == Shelf::Pending && listed.kind == ListKind::Allow =>
                {
                    authorised.push(Authorised { listed, entry });
                }
                (Ok(_), _) => {}
                (Err(error), _) => {
                    results[place] = self.lost_race(by, action, ids[place], door, error).await;
                }
            }
        }
        self.release_more(by, &authorised, door).await;
        results
    }

    /// Somebody else changed the entry between our look and our change.
    async fn lost_race(
        &self,
        by: &Principal,
        action: &Action,
        id: EntryId,
        door: &Door,
        error: ChangeError,
    ) -> Result<Outcome, Refusal> {
        match error {
            ChangeError::Gone => Err(Refusal::NotYours),
            ChangeError::Store(error) => Err(error.into()),
            ChangeError::Moved(_) => {
                let entry = self.entry(by, id).await?;
                match plan(&entry, action, by, door, self.clock.now(), Terms::default())? {
                    None => Ok(Outcome::Already(entry.state)),
                    Some(_) => Err(Refusal::NotPossible(entry.state)),
                }
            }
        }
    }

    /// Takes a message that is not in the quarantine as a lesson (SE-11).
    ///
    /// # Errors
    /// [`Refusal::NeedsRight`], [`Refusal::Failed`]; nothing was kept.
    pub async fn teach(
        &self,
        by: &Principal,
        lore: Lore,
        mail: &Mail,
        door: &Door,
    ) -> Result<(), Refusal> {
        if !by.has(Right::Act) {
            return Err(Refusal::NeedsRight(Right::Act));
        }
        let now = self.clock.now();
        let status = match lore {
            Lore::Spam => record::Status::TrainedSpam,
            Lore::Ham => record::Status::TrainedHam,
        };
        let mut event = Event::new(now, status, &by.who, door.clone());
        event.mail = Some(mail.id);
        event.size = mail.message.size();
        event.to.clone_from(&mail.envelope.to);
        let lesson = Lesson {
            mail: mail.id,
            entry: None,
            lore,
            who: by.who.clone(),
            scope: by.scope.clone(),
            at: now,
        };
        self.store.lessons.teach(mail, lesson, event).await?;
        Ok(())
    }

    /// What happened to an entry, the oldest first; also after it is gone (XX-03).
    ///
    /// # Errors
    /// [`Refusal::NotYours`], [`Refusal::Failed`].
    pub async fn history(&self, by: &Principal, id: EntryId) -> Result<Vec<Event>, Refusal> {
        let events = self.store.journal.history(id).await?;
        let own = match self.store.entries.entry(id).await? {
            Some(entry) => by.scope.holds_address(&entry.owner),
            None => events.iter().any(|event| event.is_in(&by.scope)),
        };
        if own {
            Ok(events.into_iter().map(|event| shown(event, by)).collect())
        } else {
            Err(Refusal::NotYours)
        }
    }

    /// Searches the log within `by`'s scope, the newest first; at most `most`.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn log(
        &self,
        by: &Principal,
        query: &Query,
        most: usize,
    ) -> Result<Page<Event>, Refusal> {
        let Page { rows, next } = self.store.journal.search(&by.scope, query, most).await?;
        let rows = rows.into_iter().map(|event| shown(event, by)).collect();
        Ok(Page { rows, next })
    }

    /// Counts the events in `by`'s scope by step from the hour of `since` up to and with that
    /// of `until`, and tells the most frequent addresses; see [`crate::store::Journal::tally`].
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn tally(
        &self,
        by: &Principal,
        since: Timestamp,
        until: Timestamp,
        step: Step,
    ) -> Result<Tally, Refusal> {
        let journal = &self.store.journal;
        Ok(journal.tally(&by.scope, since, until, step).await?)
    }

    /// How the house is, for an administrator of it.
    ///
    /// # Errors
    /// [`Refusal::NeedsRight`], [`Refusal::Failed`].
    pub async fn status(&self, by: &Principal) -> Result<Status, Refusal> {
        if by.scope != Scope::Global || !by.has(Right::Administer) {
            return Err(Refusal::NeedsRight(Right::Administer));
        }
        let mut held = Vec::new();
        for (shelf, direction) in SHELVES {
            held.push((shelf, direction, self.count(by, shelf, direction).await?));
        }
        let now = self.clock.now();
        let since = Timestamp(now.0.saturating_sub(DAY_MS));
        let mut day = BTreeMap::new();
        for count in self.tally(by, since, now, Step::Hour).await?.counts {
            *day.entry(count.status.to_string()).or_default() += count.events;
        }
        let owed = self.store.jobs.jobs(OWED_MOST).await?;
        Ok(Status { held, owed, day })
    }
}

/// An event as `by` may see it.
fn shown(mut event: Event, by: &Principal) -> Event {
    let mut to = std::mem::take(&mut event.to);
    to.retain(|to| event.shows(to, &by.scope));
    event.to = to;
    event
}

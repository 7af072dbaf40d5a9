//! What the house owes, for people: shown, tried now, or cancelled.

use std::time::Duration;

use serde::Serialize;

use super::{Action, Desk, Outcome, Refusal, Terms, plan};
use crate::clock::Timestamp;
use crate::mail::{Address, Direction, EntryId, Mail, Message, Reply};
use crate::policy::{Principal, Right, Scope};
use crate::record::{Door, Entry, Event, Job, JobKind, State, Status};

/// Jobs that are looked through, and jobs that are shown at most.
const LOOKED_MOST: usize = 10_000;
const OWED_MOST: usize = 1000;
/// A job that is due within this time is in somebody's hand before a word of ours is kept.
const SOON: Duration = Duration::from_secs(30);
/// After one word about a job, the next one is taken no earlier.
const ONCE: Duration = Duration::from_secs(10);

/// What is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OwedKind {
    /// A released entry.
    Release,
    /// Mail for one of ours whose destination said "later".
    Deliver,
    /// The same for mail on its way out.
    Send,
    /// A letter of the house.
    Letter,
}

/// A job as people see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OwedJob {
    /// That of the entry, where there is one.
    pub id: EntryId,
    pub kind: OwedKind,
    /// Whose mail it is; for mail on its way out the sender.
    pub owner: Address,
    pub from: Option<Address>,
    pub to: Vec<Address>,
    pub direction: Direction,
    pub subject: String,
    /// Octets of the message; 0 where it is not known.
    pub size: u64,
    /// When it was first owed.
    pub since: Timestamp,
    /// Not tried before.
    pub due: Timestamp,
    pub tries: u32,
    /// What the server said at the last try; empty before the first.
    pub last: String,
    /// A relay has it, and what becomes of it is not known yet.
    pub handed_over: bool,
    /// Until then the release can be taken back.
    pub undo_until: Option<Timestamp>,
}

impl OwedJob {
    /// True if [`Desk::retry_job`] would have it tried earlier than it would be.
    #[must_use]
    pub fn can_retry(&self, now: Timestamp) -> bool {
        !self.handed_over
            && self.due > now.after(SOON)
            && self.undo_until.is_none_or(|until| until <= now)
    }
}

/// A job, its owner, and its entry where there is one.
struct Owed {
    job: Job,
    owner: Address,
    entry: Option<Entry>,
}

impl Owed {
    fn undo_until(&self) -> Option<Timestamp> {
        self.entry.as_ref().and_then(|entry| entry.leaves)
    }

    fn is_soon(&self, now: Timestamp) -> bool {
        self.job.due <= now.after(SOON)
    }
}

impl Desk {
    /// What is owed to `by`'s scope, the next due first; at most 1,000. Letters of the house
    /// are for administrators of all of it.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn owed(&self, by: &Principal) -> Result<Vec<OwedJob>, Refusal> {
        let mut shown = Vec::new();
        for job in self.store.jobs.jobs(LOOKED_MOST).await? {
            if let Some(owed) = self.seen_job(by, job).await? {
                shown.push(self.shown_job(owed).await?);
            }
            if shown.len() == OWED_MOST {
                break;
            }
        }
        Ok(shown)
    }

    /// The job, if it is `by`'s to see.
    async fn seen_job(&self, by: &Principal, job: Job) -> Result<Option<Owed>, Refusal> {
        let entry = match job.kind {
            JobKind::Release => self.store.entries.entry(job.id).await?,
            _ => None,
        };
        let owner = match (&job.kind, &entry) {
            (JobKind::Release, None) => return Ok(None),
            (JobKind::Release, Some(entry)) => entry.owner.clone(),
            (JobKind::Deliver { to, .. } | JobKind::Letter { to, .. }, _) => to.clone(),
            (JobKind::Send { from, to, .. }, _) => from.as_deref().unwrap_or(to).clone(),
        };
        let secret = matches!(job.kind, JobKind::Letter { .. }) && by.scope != Scope::Global;
        let seen = by.scope.holds_address(&owner) && !secret;
        Ok(seen.then_some(Owed { job, owner, entry }))
    }

    async fn shown_job(&self, owed: Owed) -> Result<OwedJob, Refusal> {
        let undo_until = owed.undo_until();
        let Owed { job, owner, entry } = owed;
        let (mut from, mut subject, mut size) = match entry {
            Some(ref entry) => (entry.from.clone(), entry.subject.clone(), entry.size),
            None => (None, String::new(), 0),
        };
        let (kind, direction, to) = match job.kind {
            JobKind::Release => {
                let entry = entry.map(|entry| (entry.direction, entry.to));
                let (direction, to) = entry.unwrap_or((Direction::Inbound, Vec::new()));
                (OwedKind::Release, direction, to)
            }
            JobKind::Deliver { to, .. } => (OwedKind::Deliver, Direction::Inbound, vec![to]),
            JobKind::Send { to, .. } => (OwedKind::Send, Direction::Outbound, vec![to]),
            JobKind::Letter { to, .. } => (OwedKind::Letter, Direction::Outbound, vec![to]),
        };
        if matches!(kind, OwedKind::Deliver | OwedKind::Send) {
            // There is no entry; what came in is in the log.
            let history = self.store.journal.history(job.id).await?;
            if let Some(event) = history.into_iter().find(|event| event.size > 0) {
                (from, subject, size) = (event.from, event.subject, event.size);
            }
        }
        Ok(OwedJob {
            id: job.id,
            kind,
            owner,
            from,
            to,
            direction,
            subject,
            size,
            since: job.since,
            due: job.due,
            tries: job.tries,
            last: job.last,
            handed_over: job.handed_over,
            undo_until,
        })
    }

    async fn job(&self, by: &Principal, id: EntryId) -> Result<Owed, Refusal> {
        let jobs = self.store.jobs.jobs(LOOKED_MOST).await?;
        let job = jobs.into_iter().find(|job| job.id == id);
        let owed = match job {
            Some(job) => self.seen_job(by, job).await?,
            None => None,
        };
        owed.ok_or_else(|| Refusal::Unknown("such job".to_owned()))
    }

    /// The job, if `check` lets something be done with it; `None` also for the second of two who
    /// ask at the same time, because what it read of the job holds no longer.
    async fn take_job(
        &self,
        by: &Principal,
        id: EntryId,
        check: impl Fn(&Owed, Timestamp) -> Result<bool, Refusal>,
    ) -> Result<Option<Owed>, Refusal> {
        if !by.has(Right::Act) {
            return Err(Refusal::NeedsRight(Right::Act));
        }
        let now = self.clock.now();
        if !check(&self.job(by, id).await?, now)? {
            return Ok(None);
        }
        let (once, transient) = (format!("job {id}"), &self.store.transient);
        if !transient.claim(&once, now, now.after(ONCE)).await {
            return Ok(None);
        }
        let owed = self.job(by, id).await?;
        Ok(check(&owed, now)?.then_some(owed))
    }

    /// Has a job tried now that would be tried later. What is tried within half a minute anyway
    /// is left as it is.
    ///
    /// # Errors
    /// [`Refusal::Unknown`], also for others' jobs; [`Refusal::TooLate`] if a relay has it already;
    /// [`Refusal::Bad`] while the release can still be taken back.
    pub async fn retry_job(
        &self,
        by: &Principal,
        id: EntryId,
        door: &Door,
    ) -> Result<Outcome, Refusal> {
        let later = |owed: &Owed, now: Timestamp| {
            if owed.job.handed_over {
                return Err(Refusal::TooLate);
            }
            if let Some(leaves) = owed.undo_until().filter(|leaves| *leaves > now) {
                let words = format!(
                    "not possible: the release leaves at {leaves}, until then it can be taken back"
                );
                return Err(Refusal::Bad(words));
            }
            Ok(!owed.is_soon(now))
        };
        let Some(Owed { job, entry, .. }) = self.take_job(by, id, later).await? else {
            return Ok(Outcome::Already(State::Leaving));
        };
        let now = self.clock.now();
        let event = self.of_job(by, &job, entry, door, "to be tried at once");
        let job = Job { due: now, ..job };
        self.store.jobs.settle(id, Some(job), event).await?;
        Ok(Outcome::Done(id))
    }

    /// Cancels a job that is not in hand. A release goes back to where it was. Mail that we took
    /// for somebody is never dropped: it goes to the quarantine of its owner, and as its sender
    /// was told that it is delivered, only administrators have it so. A letter is dropped.
    ///
    /// # Errors
    /// [`Refusal::Unknown`], also for others' jobs; [`Refusal::TooLate`] if it is on its way now;
    /// [`Refusal::NeedsRight`].
    pub async fn cancel_job(
        &self,
        by: &Principal,
        id: EntryId,
        door: &Door,
    ) -> Result<Outcome, Refusal> {
        let at_rest = |owed: &Owed, now: Timestamp| {
            if owed.entry.is_none() && !by.has(Right::Administer) {
                return Err(Refusal::NeedsRight(Right::Administer));
            }
            let can_undo = owed.undo_until().is_some_and(|leaves| leaves > now);
            Ok(can_undo || !owed.job.handed_over && !owed.is_soon(now))
        };
        let owed = self.take_job(by, id, at_rest).await?;
        let Owed { job, entry, .. } = owed.ok_or(Refusal::TooLate)?;
        match entry {
            Some(entry) if entry.leaves.is_some_and(|at| at > self.clock.now()) => {
                self.perform(by, &Action::TakeBack, id, door).await
            }
            Some(entry) => self.hold_again(by, &job, entry, door).await,
            None => self.strand(by, job, door).await,
        }
    }

    /// As a release is taken back: its job is not tried before it is due.
    async fn hold_again(
        &self,
        by: &Principal,
        job: &Job,
        entry: Entry,
        door: &Door,
    ) -> Result<Outcome, Refusal> {
        let (id, state) = (entry.id, entry.state);
        let waiting = Entry {
            leaves: Some(job.due),
            ..entry
        };
        let now = self.clock.now();
        let change = plan(&waiting, &Action::TakeBack, by, door, now, Terms::default())?;
        let Some(mut change) = change else {
            return Ok(Outcome::Already(state));
        };
        change.event.words = cancelled(job);
        match self.store.entries.apply(vec![change]).await.pop() {
            Some(Ok(_)) => Ok(Outcome::Done(id)),
            Some(Err(crate::store::ChangeError::Store(error))) => Err(error.into()),
            Some(Err(_)) | None => Err(Refusal::TooLate),
        }
    }

    async fn strand(&self, by: &Principal, job: Job, door: &Door) -> Result<Outcome, Refusal> {
        let event = self
            .of_job(by, &job, None, door, "")
            .saying(cancelled(&job));
        let (to, direction) = match &job.kind {
            JobKind::Deliver { to, .. } => (to.clone(), Direction::Inbound),
            JobKind::Send { to, .. } => (to.clone(), Direction::Outbound),
            JobKind::Release | JobKind::Letter { .. } => {
                self.store.jobs.settle(job.id, None, event).await?;
                return Ok(Outcome::Done(job.id));
            }
        };
        if let Some(kept) = self.store.entries.mail(job.mail).await? {
            let reply = Reply::new(554, 3, 0, cancelled(&job));
            let entry = Entry::stranded(&kept, to, reply, direction, self.clock.now());
            let message = Message::new(kept.bytes, None)
                .map_err(|error| Refusal::Failed(error.to_string()))?;
            let mail = Mail {
                id: kept.id,
                envelope: kept.envelope,
                message,
            };
            let stashed = self.store.entries.stash(&mail, vec![entry], event.clone());
            stashed.await?;
        }
        self.store.jobs.settle(job.id, None, event).await?;
        Ok(Outcome::Done(job.id))
    }

    fn of_job(
        &self,
        by: &Principal,
        job: &Job,
        entry: Option<Entry>,
        door: &Door,
        words: &str,
    ) -> Event {
        let status = Status::DeliveryDeferred;
        let mut event = Event::new(self.clock.now(), status, &by.who, door.clone()).saying(words);
        (event.entry, event.mail) = (Some(job.id), Some(job.mail));
        match &job.kind {
            JobKind::Release => {
                if let Some(entry) = entry {
                    event.direction = Some(entry.direction);
                    (event.from, event.to) = (entry.from, entry.to);
                }
            }
            JobKind::Deliver { to, .. } | JobKind::Letter { to, .. } => {
                event.to = vec![to.clone()];
            }
            JobKind::Send { from, to, .. } => {
                event.direction = Some(Direction::Outbound);
                event.from = from.as_deref().cloned();
                event.to = vec![to.clone()];
            }
        }
        event
    }
}

fn cancelled(job: &Job) -> String {
    if job.last.is_empty() {
        "cancelled before the first try".to_owned()
    } else {
        format!("cancelled; the last answer was: {}", job.last)
    }
}

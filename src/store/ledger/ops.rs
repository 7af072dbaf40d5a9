//! What is asked of the ledger, and what it decides: the postings of one record, and an answer.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::draft::{Draft, Posting, notice};
use super::keys;
use super::rows::{EntryRow, FlagsRow, LessonRow, MailRow, decode, encode, encode_setting};
use super::upkeep::{forget, move_rows, sealed, sweep};
use crate::clock::Timestamp;
use crate::mail::{EntryId, MailId};
use crate::policy::Scope;
use crate::record::{Change, Entry, Event, Job, JobStep, Lesson, RETURNED_DAYS, State};
use crate::store::{ChangeError, Flags, NoticeKind, StoreError};

/// Days that the octets of a mail are kept for a lesson about it.
pub(crate) const LESSON_DAYS: u64 = 14;

/// Rows that one sweep or one forgetting takes away at most, so that no record is huge.
pub(crate) const SWEEP: usize = 1000;

/// A mail's octets as they are kept.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    pub(crate) bytes: Bytes,
    /// Compressed with zstd; else as they are.
    pub(crate) zstd: bool,
}

/// A mail to be kept, unless it is kept already.
#[derive(Debug, Clone)]
pub(crate) struct Keep {
    pub(crate) id: MailId,
    pub(crate) row: MailRow,
    pub(crate) body: Packed,
}

/// One request; it becomes one record, or none.
#[derive(Debug)]
pub(crate) enum Op {
    Stash(Keep, Vec<Entry>, Event),
    Owe(Keep, Vec<Job>, Event),
    Teach(Keep, Lesson, Event),
    Settle(EntryId, Option<Job>, Event),
    Change(Box<Change>),
    Flags(Scope, Vec<(EntryId, Flags)>),
    Write(Event),
    /// Events before this time are forgotten, [`SWEEP`] at a time.
    Forget(Timestamp),
    /// Events up to this number are sealed, [`SWEEP`] at a time.
    Sealed(u64),
    Set(Vec<u8>, Option<Vec<u8>>, Event),
    /// Rows that no line of the log speaks of, all or none.
    Note(Vec<(Vec<u8>, Vec<u8>)>),
    /// Sets a setting that is still what it was.
    Replace {
        key: Vec<u8>,
        before: Option<Vec<u8>>,
        after: Vec<u8>,
        event: Event,
    },
    /// Lets go of what is too old.
    Sweep {
        now: Timestamp,
        history_days: u64,
    },
    /// Writes rows anew that lie in `segment`, with the octets of the mail among them.
    Move {
        segment: u64,
        keys: Vec<Vec<u8>>,
        gone: Vec<(Vec<u8>, u64)>,
        body: Option<Packed>,
    },
    /// Nothing, but all before it is durable then.
    Sync,
}

impl Op {
    /// True if it makes the store grow by mail; such are refused first when room is short.
    pub(crate) fn brings_mail(&self) -> bool {
        matches!(self, Op::Stash(..) | Op::Owe(..) | Op::Teach(..))
    }

    /// True if the answer waits until it is durable.
    pub(crate) fn is_durable(&self) -> bool {
        !matches!(
            self,
            Op::Flags(..)
                | Op::Write(_)
                | Op::Sweep { .. }
                | Op::Move { .. }
                | Op::Forget(_)
                | Op::Sealed(_)
        )
    }

    /// Octets of mail it brings.
    pub(crate) fn octets(&self) -> usize {
        match self {
            Op::Stash(keep, ..) | Op::Owe(keep, ..) | Op::Teach(keep, ..) => keep.body.bytes.len(),
            Op::Move { body, .. } => body.as_ref().map_or(0, |body| body.bytes.len()),
            _ => 0,
        }
    }
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Done,
    Entries(Vec<Entry>),
    Changed(Box<Entry>),
    Refused(ChangeError),
    /// It was there; or: there is more to do.
    Yes(bool),
}

/// A record to be written, and the answer once it is.
pub(crate) struct Decision {
    pub(crate) postings: Vec<Posting>,
    /// The octets of the mail that is put.
    pub(crate) body: Option<Packed>,
    pub(crate) answer: Answer,
}

impl Decision {
    pub(super) fn new(answer: Answer) -> Self {
        Self {
            postings: Vec::new(),
            body: None,
            answer,
        }
    }

    pub(super) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.postings.push(Posting::Put { key, value });
    }

    pub(super) fn delete(&mut self, key: Vec<u8>, draft: &Draft<'_>) {
        let born = draft.segment;
        self.postings.push(Posting::Delete { key, born });
    }

    fn event(&mut self, draft: &Draft<'_>, event: &Event) -> Result<(), StoreError> {
        let number = draft.mark(keys::LAST_EVENT)? + 1;
        self.put(keys::event(event.at, number), encode(event)?);
        Ok(())
    }

    /// Keeps the mail, unless it is kept.
    fn keep(&mut self, draft: &Draft<'_>, keep: Keep) -> Result<(), StoreError> {
        let key = keys::mail(keep.id);
        if draft.overlay.get(&key)?.is_none() {
            self.put(key, encode(&keep.row)?);
            self.body = Some(keep.body);
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry, since: Timestamp) -> Result<(), StoreError> {
        let row = EntryRow {
            entry: entry.clone(),
            since,
        };
        self.put(keys::entry(entry.id), encode(&row)?);
        Ok(())
    }

    pub(super) fn lesson(
        &mut self,
        number: u64,
        lesson: Lesson,
        holds: bool,
    ) -> Result<(), StoreError> {
        self.put(keys::lesson(number), encode(&LessonRow { lesson, holds })?);
        Ok(())
    }
}

/// Decides `op` by what `draft` shows. The draft itself is left to the posting.
pub(crate) fn decide(op: Op, draft: &mut Draft<'_>) -> Result<Decision, StoreError> {
    match op {
        Op::Stash(keep, entries, event) => stash(draft, keep, entries, &event),
        Op::Owe(keep, jobs, event) => owe(draft, keep, jobs, &event),
        Op::Teach(keep, lesson, event) => teach(draft, keep, lesson, &event),
        Op::Settle(id, job, event) => settle(draft, id, job, &event),
        Op::Change(change) => self::change(draft, *change),
        Op::Flags(scope, flags) => set_flags(draft, &scope, flags),
        Op::Write(event) => {
            let mut decision = Decision::new(Answer::Done);
            decision.event(draft, &event)?;
            Ok(decision)
        }
        Op::Forget(before) => forget(draft, before),
        Op::Sealed(number) => sealed(draft, number),
        Op::Set(key, value, event) => set(draft, key, value, &event),
        Op::Note(rows) => {
            let mut decision = Decision::new(Answer::Done);
            for (key, value) in rows {
                decision.put(key, value);
            }
            Ok(decision)
        }
        Op::Replace {
            key,
            before,
            after,
            event,
        } => {
            if draft.value(&key)? != before {
                return Ok(Decision::new(Answer::Yes(false)));
            }
            set(draft, key, Some(after), &event).map(|decision| Decision {
                answer: Answer::Yes(true),
                ..decision
            })
        }
        Op::Sweep { now, history_days } => sweep(draft, now, history_days),
        Op::Move {
            segment,
            keys,
            gone,
            body,
        } => move_rows(draft, segment, &keys, gone, body),
        Op::Sync => Ok(Decision::new(Answer::Done)),
    }
}

fn stash(
    draft: &Draft<'_>,
    keep: Keep,
    entries: Vec<Entry>,
    event: &Event,
) -> Result<Decision, StoreError> {
    let mut fresh: BTreeMap<EntryId, Entry> = BTreeMap::new();
    let mut decision = Decision::new(Answer::Done);
    let mut uid = draft.mark(keys::LAST_UID)?;
    let mut now = Vec::with_capacity(entries.len());
    for mut entry in entries {
        if let Some(twin) = fresh.get(&entry.id) {
            now.push(twin.clone());
            continue;
        }
        match entry_row(draft, entry.id)? {
            Some(row) if matches!(row.entry.state, State::Held | State::Leaving) => {
                now.push(row.entry);
            }
            _ => {
                uid += 1;
                entry.uid = uid;
                entry.state = State::Held;
                fresh.insert(entry.id, entry.clone());
                now.push(entry);
            }
        }
    }
    if !fresh.is_empty() {
        decision.keep(draft, keep)?;
    }
    for entry in now.iter().filter(|entry| fresh.contains_key(&entry.id)) {
        decision.entry(entry, event.at)?;
    }
    decision.event(draft, event)?;
    decision.answer = Answer::Entries(now);
    Ok(decision)
}

fn owe(
    draft: &Draft<'_>,
    keep: Keep,
    jobs: Vec<Job>,
    event: &Event,
) -> Result<Decision, StoreError> {
    let mut fresh: BTreeMap<EntryId, Job> = BTreeMap::new();
    for job in jobs {
        if draft.overlay.get(&keys::job(job.id))?.is_none() {
            fresh.entry(job.id).or_insert(job);
        }
    }
    let mut decision = Decision::new(Answer::Done);
    if !fresh.is_empty() {
        decision.keep(draft, keep)?;
    }
    for (id, job) in fresh {
        decision.put(keys::job(id), encode(&job)?);
    }
    decision.event(draft, event)?;
    Ok(decision)
}

fn teach(
    draft: &Draft<'_>,
    keep: Keep,
    lesson: Lesson,
    event: &Event,
) -> Result<Decision, StoreError> {
    let mut decision = Decision::new(Answer::Done);
    decision.keep(draft, keep)?;
    decision.lesson(draft.mark(keys::LAST_LESSON)? + 1, lesson, true)?;
    decision.event(draft, event)?;
    Ok(decision)
}

/// A job that is no longer owed is not owed again by a late word about it.
fn settle(
    draft: &Draft<'_>,
    id: EntryId,
    job: Option<Job>,
    event: &Event,
) -> Result<Decision, StoreError> {
    let mut decision = Decision::new(Answer::Done);
    if draft.overlay.get(&keys::job(id))?.is_some() {
        match job {
            Some(job) => decision.put(keys::job(id), encode(&job)?),
            None => decision.delete(keys::job(id), draft),
        }
    }
    decision.event(draft, event)?;
    Ok(decision)
}

fn change(draft: &Draft<'_>, change: Change) -> Result<Decision, StoreError> {
    let refused = |why| Ok(Decision::new(Answer::Refused(why)));
    let Some(EntryRow { mut entry, since }) = entry_row(draft, change.entry)? else {
        return refused(ChangeError::Gone);
    };
    if entry.state != change.from {
        return refused(ChangeError::Moved(entry.state));
    }
    let has_octets = draft.overlay.get(&keys::mail(entry.mail))?.is_some();
    let wants_octets =
        matches!(change.to, State::Held | State::Leaving) || matches!(change.job, JobStep::Owe(_));
    if wants_octets && !has_octets {
        return refused(ChangeError::Gone);
    }
    let mut decision = Decision::new(Answer::Done);
    let moved = change.to != change.from;
    if moved && change.to == State::Held {
        entry.uid = draft.mark(keys::LAST_UID)? + 1;
    }
    entry.state = change.to;
    if change.failed.is_some() {
        entry.failed = change.failed;
        // Its time may have passed while it was tried: nobody would see that it came back.
        let least = change.event.at.after_days(RETURNED_DAYS);
        entry.expires = entry.expires.max(least);
    }
    entry.leaves = change.leaves;
    entry.marked = change.marked;
    if moved || change.requested.is_some() {
        entry.requested = change.requested;
    }
    decision.entry(&entry, if moved { change.event.at } else { since })?;
    match change.job {
        JobStep::Stay => {}
        JobStep::Owe(job) => decision.put(keys::job(entry.id), encode(&job)?),
        JobStep::Settle if draft.overlay.get(&keys::job(entry.id))?.is_some() => {
            decision.delete(keys::job(entry.id), draft);
        }
        JobStep::Settle => {}
    }
    if let Some(lesson) = change.lesson {
        let number = draft.mark(keys::LAST_LESSON)? + 1;
        decision.lesson(number, lesson, has_octets)?;
    }
    if let Some(listed) = change.listed {
        let key = keys::listed(&listed.scope, listed.kind, &listed.pattern);
        decision.put(key, encode_setting(&listed)?);
    }
    decision.event(draft, &change.event)?;
    decision.answer = Answer::Changed(Box::new(entry));
    Ok(decision)
}

/// Entries that are not there are passed over: they may have left just now.
fn set_flags(
    draft: &mut Draft<'_>,
    scope: &Scope,
    flags: Vec<(EntryId, Flags)>,
) -> Result<Decision, StoreError> {
    let mut decision = Decision::new(Answer::Done);
    for (id, mut flags) in flags {
        let Some(EntryRow { entry, .. }) = entry_row(draft, id)? else {
            continue;
        };
        if !matches!(entry.state, State::Held | State::Leaving) {
            continue;
        }
        flags.sort_unstable();
        flags.dedup();
        let row = FlagsRow {
            uid: entry.uid,
            flags,
        };
        let (key, value) = (keys::flags(id, scope), encode(&row)?);
        if draft.value(&key)?.as_ref() == Some(&value) {
            continue;
        }
        decision.put(key, value);
        if entry.state == State::Held {
            let what = NoticeKind::Flags(scope.clone());
            draft.notices.push(notice(&entry, what));
        }
    }
    Ok(decision)
}

fn set(
    draft: &Draft<'_>,
    key: Vec<u8>,
    value: Option<Vec<u8>>,
    event: &Event,
) -> Result<Decision, StoreError> {
    let there = draft.overlay.get(&key)?.is_some();
    let mut decision = Decision::new(Answer::Yes(there));
    match value {
        Some(value) => decision.put(key, value),
        None if there => decision.delete(key, draft),
        None => return Ok(decision),
    }
    decision.event(draft, event)?;
    Ok(decision)
}

/// An entry's row.
pub(crate) fn entry_row(draft: &Draft<'_>, id: EntryId) -> Result<Option<EntryRow>, StoreError> {
    draft
        .value(&keys::entry(id))?
        .map(|value| decode(&value))
        .transpose()
}

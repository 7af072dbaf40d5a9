//! Lives by seed: each is a row of requests that follow from the seed alone, and knows
//! what the store must show after any number of them.

use std::collections::{BTreeMap, BTreeSet};

use quaranta::mail::{EntryId, Mail, MailId, Reply};
use quaranta::record::{Entry, Event, Lesson, State, Status};
use quaranta::store::{ChangeError, Store, StoreError};

use super::world::*;

/// One request.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Stash { n: u64, size: usize, owners: usize },
    Move(EntryId, State, State),
    Secret(u64, u64),
    Flags(EntryId, u64),
    Teach(u64),
    Write(EntryId),
}

#[derive(Debug, Clone)]
struct Known {
    entry: Entry,
    n: u64,
    size: usize,
    state: State,
    flags: Vec<String>,
    events: usize,
}

/// What one life did and what the store must show of it.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    name: u64,
    random: u64,
    next: u64,
    entries: BTreeMap<EntryId, Known>,
    secrets: BTreeMap<u64, u64>,
    taught: BTreeMap<u64, u64>,
    /// Requests done.
    pub(crate) done: u64,
}

impl Life {
    pub(crate) fn new(name: u64) -> Self {
        Self {
            name,
            random: (name + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            next: 0,
            entries: BTreeMap::new(),
            secrets: BTreeMap::new(),
            taught: BTreeMap::new(),
            done: 0,
        }
    }

    /// The life after `done` requests, all of which were done.
    pub(crate) fn after(name: u64, done: u64) -> Self {
        let mut life = Self::new(name);
        for _ in 0..done {
            let step = life.plan();
            life.note(&step);
        }
        life
    }

    fn dice(&mut self, sides: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 16) % sides
    }

    fn owner(&self, i: usize) -> String {
        format!("{}{}@example.org", ["a", "b"][i], self.name)
    }

    fn mail(&self, n: u64, size: usize) -> Mail {
        mail(self.name * 1_000_000 + n, size)
    }

    fn any(&mut self, state: State) -> Option<EntryId> {
        let ids: Vec<EntryId> = self
            .entries
            .values()
            .filter(|known| known.state == state)
            .map(|known| known.entry.id)
            .collect();
        let at = self.dice(ids.len().max(1) as u64) as usize;
        ids.get(at).copied()
    }

    /// The next request.
    pub(crate) fn plan(&mut self) -> Step {
        let dice = self.dice(12);
        let picked = match dice {
            0 | 1 => self
                .any(State::Held)
                .map(|id| Step::Move(id, State::Held, State::Leaving)),
            2 => self
                .any(State::Leaving)
                .map(|id| Step::Move(id, State::Leaving, State::Held)),
            3 => self
                .any(State::Leaving)
                .map(|id| Step::Move(id, State::Leaving, State::Released)),
            4 => self
                .any(State::Held)
                .map(|id| Step::Move(id, State::Held, State::Removed)),
            5 => Some(Step::Secret(self.dice(5), self.dice(1000))),
            6 => {
                let flag = self.dice(3);
                self.any(State::Held).map(|id| Step::Flags(id, flag))
            }
            7 => Some(Step::Teach(self.dice(1000))),
            8 => self.any(State::Held).map(Step::Write),
            _ => None,
        };
        let (size, owners) = (self.dice(8000), self.dice(2) as usize + 1);
        let size = if self.dice(20) == 0 { size * 12 } else { size };
        self.next += 1;
        picked.unwrap_or(Step::Stash {
            n: self.next,
            size: size as usize + 200,
            owners,
        })
    }

    /// Does a request.
    pub(crate) async fn perform(&self, step: &Step, store: &Store) -> Result<(), StoreError> {
        match step {
            Step::Stash { n, size, owners } => {
                let mail = self.mail(*n, *size);
                let entries: Vec<Entry> =
                    (0..*owners).map(|i| entry(&mail, &self.owner(i))).collect();
                let event = event_of(&entries[0], Status::Quarantined);
                store.entries.stash(&mail, entries, event).await.map(drop)
            }
            Step::Move(id, from, to) => {
                let mut change = change(&self.entries[id].entry, *from, *to);
                if *to == State::Held {
                    change.failed = Some(Reply::plain(550, "no"));
                }
                match store.entries.apply(vec![change]).await.remove(0) {
                    Ok(_) => Ok(()),
                    Err(ChangeError::Store(error)) => Err(error),
                    Err(other) => panic!("life {}: {step:?}: {other}", self.name),
                }
            }
            Step::Secret(key, value) => {
                let name = format!("{}.{key}", self.name);
                let value = value.to_be_bytes().to_vec();
                let event = event(Status::Changed);
                store.settings.set_secret(&name, value, event).await
            }
            Step::Flags(id, flag) => {
                let scope = scope(&self.entries[id].entry.owner.to_string());
                let flags = vec![(*id, vec![format!("$F{flag}")])];
                store.entries.set_flags(&scope, flags).await
            }
            Step::Teach(n) => {
                let mail = self.mail(500_000 + n, 300);
                let lesson = self.lesson(&mail);
                let event = event(Status::TrainedSpam);
                store.lessons.teach(&mail, lesson, event).await
            }
            Step::Write(id) => {
                let event = event_of(&self.entries[id].entry, Status::SignedIn);
                store.journal.write(event).await
            }
        }
    }

    fn lesson(&self, mail: &Mail) -> Lesson {
        Lesson {
            entry: None,
            who: self.owner(0),
            ..lesson(&entry(mail, &self.owner(0)))
        }
    }

    /// The request was done.
    pub(crate) fn note(&mut self, step: &Step) {
        self.done += 1;
        match step {
            Step::Stash { n, size, owners } => {
                let mail = self.mail(*n, *size);
                for i in 0..*owners {
                    let entry = entry(&mail, &self.owner(i));
                    let known = Known {
                        n: *n,
                        size: *size,
                        state: State::Held,
                        flags: Vec::new(),
                        events: usize::from(i == 0),
                        entry: entry.clone(),
                    };
                    self.entries.insert(entry.id, known);
                }
            }
            Step::Move(id, _, to) => {
                if let Some(known) = self.entries.get_mut(id) {
                    known.state = *to;
                    known.events += 1;
                    if *to == State::Held {
                        known.flags.clear();
                    }
                }
            }
            Step::Secret(key, value) => {
                self.secrets.insert(*key, *value);
            }
            Step::Flags(id, flag) => {
                if let Some(known) = self.entries.get_mut(id) {
                    known.flags = vec![format!("$F{flag}")];
                }
            }
            Step::Teach(n) => *self.taught.entry(*n).or_default() += 1,
            Step::Write(_) => {}
        }
    }

    fn ids(&self, of: impl Fn(&Known) -> bool) -> BTreeSet<EntryId> {
        let known = self.entries.values().filter(|known| of(known));
        known.map(|known| known.entry.id).collect()
    }

    /// Compares the store with what this life knows. With `lossy`, flags may be lost.
    pub(crate) async fn check(&self, store: &Store, lossy: bool) -> Result<(), String> {
        for known in self.entries.values() {
            self.check_entry(store, known, lossy).await?;
        }
        for i in 0..2 {
            let owner = self.owner(i);
            let held = self
                .ids(|known| known.state == State::Held && known.entry.owner.to_string() == owner);
            let rows = store.entries.uids(&view(&owner), 0, usize::MAX).await;
            let rows = rows.map_err(|error| error.to_string())?;
            let shown: BTreeSet<EntryId> = rows.iter().map(|(_, id)| *id).collect();
            same("shown", &shown, &held)?;
            let count = store.entries.count(&view(&owner)).await;
            same("count", &count, &Ok(held.len() as u64))?;
            let last = store.entries.last_uid().await.unwrap_or(0);
            same(
                "uids given",
                &rows.iter().all(|(uid, _)| *uid <= last),
                &true,
            )?;
        }
        let mine = |id: &EntryId| self.entries.contains_key(id);
        let jobs = store.jobs.jobs(usize::MAX).await.unwrap_or_default();
        let jobs: BTreeSet<EntryId> = jobs.iter().map(|job| job.id).filter(mine).collect();
        same(
            "jobs",
            &jobs,
            &self.ids(|known| known.state == State::Leaving),
        )?;
        for key in 0..5 {
            let secret = store.settings.secret(&format!("{}.{key}", self.name)).await;
            let expected = self.secrets.get(&key).map(|n| n.to_be_bytes().to_vec());
            same("secret", &secret, &Ok(expected))?;
        }
        self.check_lessons(store).await
    }

    async fn check_entry(&self, store: &Store, known: &Known, lossy: bool) -> Result<(), String> {
        let id = known.entry.id;
        let scope = scope(&known.entry.owner.to_string());
        let rows = store.entries.rows(&scope, &[id]).await;
        let row = rows.map_err(|error| error.to_string())?.remove(0);
        let row = row.ok_or_else(|| format!("{id} is not there, should be {}", known.state))?;
        same(&format!("state of {id}"), &row.entry.state, &known.state)?;
        if !lossy && known.state == State::Held {
            same("flags", &row.flags, &known.flags)?;
        }
        let needed = self.entries.values().any(|other| {
            other.entry.mail == known.entry.mail
                && matches!(other.state, State::Held | State::Leaving)
        });
        let body = store.entries.body(known.entry.mail).await;
        let expected = needed.then(|| self.mail(known.n, known.size).message.bytes().clone());
        if body != Ok(expected) {
            return Err(format!("the octets of {id} ({})", known.state));
        }
        let history = store.journal.history(id).await.unwrap_or_default();
        let told = |event: &&Event| event.status != Status::SignedIn;
        same(
            "events",
            &history.iter().filter(told).count(),
            &known.events,
        )
    }

    async fn check_lessons(&self, store: &Store) -> Result<(), String> {
        let lessons = store.lessons.lessons(0, usize::MAX).await;
        let mut taught: BTreeMap<MailId, u64> = BTreeMap::new();
        for (_, lesson) in lessons.unwrap_or_default() {
            if lesson.who == self.owner(0) {
                *taught.entry(lesson.mail).or_default() += 1;
            }
        }
        let mut expected = BTreeMap::new();
        for (n, times) in &self.taught {
            let mail = self.mail(500_000 + n, 300);
            let body = store.entries.body(mail.id).await;
            same(
                "octets of a lesson",
                &body,
                &Ok(Some(mail.message.bytes().clone())),
            )?;
            expected.insert(mail.id, *times);
        }
        same("lessons", &taught, &expected)
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, should: &T) -> Result<(), String> {
    if is == should {
        Ok(())
    } else {
        Err(format!("{what}: is {is:?}, should be {should:?}"))
    }
}

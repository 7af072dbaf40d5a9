//! Digests, as they fall due: found out from new entries, written in bounded steps, owed as letters.

mod gather;

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::time::Duration;

use futures_util::StreamExt as _;

use crate::actions::{
    DIGEST_SHELVES, Desk, LOOK_AGAIN, Order, Refusal, Sieve, Step, digest_tells, due_at, link_keys,
};
use crate::clock::{Clock, Timestamp};
use crate::mail::{Address, Direction, Domain};
use crate::net::listen::Closing;
use crate::notify::{Digest, Post, PostError, Reader, Report, Scribe};
use crate::policy::{Class, Policy, Principal, Rhythm, Role, Schedule, Scope};
use crate::record::{DigestState, JobKind, Shelf};
use crate::store::{Store, StoreError, Tally, View};
use crate::token::{Link, Purpose};

/// How often new entries and what is due are looked at.
const EVERY: Duration = Duration::from_secs(5);
/// The same while letters of many that are due are brought.
const SOON: Duration = Duration::from_millis(200);
/// Entries looked at in one piece.
const PIECE: usize = 500;
/// Digests looked at in one piece, and written at the same time.
const BATCH: usize = 64;
const AT_ONCE: usize = 8;
/// While so many new letters wait to be brought, no more are written: they take room.
const WAITING_MOST: usize = 200;
/// Owed jobs that are counted for that.
const JOBS_LOOKED: usize = 1000;
/// A letter that could not be brought for so many days is of no use.
const LETTER_DAYS: u64 = 3;
/// A link for an entry holds no longer, whatever the entry does.
const LINK_DAYS: u64 = 30;
/// A link to turn digests off holds for so many days.
const UNSUBSCRIBE_DAYS: u64 = 400;
/// Addresses in a list of the most frequent.
const TOP: usize = 5;
/// Days that a first report looks back.
const REPORT_DAYS: u64 = 1;
/// A time that was missed is made up for within a day.
const MISSED_MS: u64 = 86_400_000;
/// Requests that are counted.
const REQUESTS_MOST: usize = 500;

/// Writes digests. Cheap to clone.
#[derive(Clone)]
pub struct Herald {
    pub store: Store,
    pub desk: Desk,
    pub clock: Clock,
    pub post: Post,
    pub scribe: std::sync::Arc<Scribe>,
    /// Messages that a digest lists at most.
    pub lines: usize,
}

/// What is new for somebody.
struct News {
    shelves: Vec<Shelf>,
    /// When the first of it came.
    since: Timestamp,
}

/// Why a digest was not written.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Post(#[from] PostError),
}

impl Herald {
    /// Goes its rounds until the doors close.
    pub async fn run(self, mut stop: Closing) {
        loop {
            let pause = if self.round().await { SOON } else { EVERY };
            tokio::select! {
                () = stop.wait() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Looks at what is new and writes what is due, unless too many letters wait to be brought: true
    /// if more will be due once they are.
    pub async fn round(&self) -> bool {
        let steps = async {
            while self.discover().await? {}
            self.mend_times().await?;
            self.write_due().await
        };
        steps.await.unwrap_or_else(|error| {
            tracing::error!(%error, "digests cannot be looked after");
            false
        })
    }

    /// Finds out who has new entries, a piece at a time; true if there may be more.
    async fn discover(&self) -> Result<bool, Fault> {
        let (seen, last) = (
            self.store.digests.digests_seen().await?,
            self.store.entries.last_uid().await?,
        );
        if last <= seen {
            return Ok(false);
        }
        // What comes after this look has a higher uid than `last`, and is seen at the next one.
        let mut reached = last;
        let mut found = Vec::new();
        for shelf in DIGEST_SHELVES {
            let view = View {
                scope: Scope::Global,
                shelf,
                direction: Direction::Inbound,
            };
            let page = self.store.entries.uids(&view, seen, PIECE).await?;
            if let Some((uid, _)) = page.last().filter(|_| page.len() == PIECE) {
                reached = reached.min(*uid);
            }
            found.extend(page);
        }
        let ids: Vec<_> = found
            .iter()
            .filter(|(uid, _)| *uid <= reached)
            .map(|(_, id)| *id)
            .collect();
        let rows = self.store.entries.rows(&Scope::Global, &ids).await?;
        let mut owners: HashMap<Address, News> = HashMap::new();
        for row in rows.into_iter().flatten() {
            let entry = row.entry;
            if entry.verdict.class != Class::Malware {
                let news = owners.entry(entry.owner).or_insert_with(|| News {
                    shelves: Vec::new(),
                    since: entry.arrived,
                });
                news.shelves.push(entry.shelf);
                news.since = news.since.min(entry.arrived);
            }
        }
        let states = self.awaited(owners).await?;
        let digests = &self.store.digests;
        digests.set_digests(states, Some(reached)).await?;
        Ok(reached < last)
    }

    /// The states of those who have new entries, as far as they want digests, with the time they are due.
    async fn awaited(&self, owners: HashMap<Address, News>) -> Result<Vec<DigestState>, Fault> {
        let now = self.clock.now();
        let mut states = Vec::new();
        let mut domains: HashMap<Domain, Option<Schedule>> = HashMap::new();
        for (owner, news) in owners {
            // What came while nobody looked may have missed its time, but not for long.
            let since = news
                .since
                .min(now)
                .max(Timestamp(now.0.saturating_sub(MISSED_MS)));
            let policy = self.desk.policy_of(&owner).await?;
            if let Slot::Vacant(slot) = domains.entry(owner.domain().clone()) {
                slot.insert(self.reports(owner.domain()).await?.map(|(_, when)| when));
            }
            if news
                .shelves
                .iter()
                .any(|shelf| digest_tells(&policy, *shelf))
            {
                let of = Scope::Recipient(owner);
                states.extend(self.awaiting(of, &policy.digests(), since).await?);
            }
        }
        for (domain, schedule) in domains {
            if let Some(schedule) = schedule {
                let of = Scope::Domain(domain);
                states.extend(self.awaiting(of, &schedule, now).await?);
            }
        }
        Ok(states)
    }

    async fn awaiting(
        &self,
        of: Scope,
        schedule: &Schedule,
        since: Timestamp,
    ) -> Result<Option<DigestState>, StoreError> {
        if schedule.rhythm == Rhythm::Never {
            return Ok(None);
        }
        let state = self.store.digests.digest(&of).await?;
        let mut state = state.unwrap_or_else(|| DigestState::new(of));
        let next = schedule.next_for(state.last, since);
        // Earlier than was thought where the clock, or the policy, was another then.
        let due = [state.due, next].into_iter().flatten().min();
        if state.asked || due == state.due {
            return Ok(None);
        }
        due_at(&mut state, due, self.clock.now());
        Ok(Some(state))
    }

    /// What was put off by a clock that was far ahead is put where it belongs.
    async fn mend_times(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        let latest = now.after(LOOK_AGAIN).after(LOOK_AGAIN);
        loop {
            let late = self.store.digests.digests_after(latest, BATCH).await?;
            if late.is_empty() {
                return Ok(());
            }
            let mended = late.into_iter().map(|mut state| {
                state.due = None;
                state.look = Some(now);
                state
            });
            let digests = &self.store.digests;
            digests.set_digests(mended.collect(), None).await?;
        }
    }

    async fn write_due(&self) -> Result<bool, Fault> {
        loop {
            let now = self.clock.now();
            let due = self.store.digests.digests_due(now, BATCH).await?;
            if due.is_empty() {
                return Ok(false);
            }
            if self.is_full().await? {
                return Ok(true);
            }
            let written: Vec<_> = futures_util::stream::iter(due)
                .map(|state| self.look_at(state, now))
                .buffer_unordered(AT_ONCE)
                .collect()
                .await;
            written.into_iter().collect::<Result<Vec<()>, Fault>>()?;
        }
    }

    /// True if so many letters wait to be brought that no more should be written.
    async fn is_full(&self) -> Result<bool, StoreError> {
        let jobs = self.store.jobs.jobs(JOBS_LOOKED).await?;
        let new = |kind: &JobKind, tries| matches!(kind, JobKind::Letter { .. }) && tries == 0;
        let waiting = jobs.iter().filter(|job| new(&job.kind, job.tries)).count();
        Ok(waiting >= WAITING_MOST)
    }

    /// Writes what is due, or puts it off. Whatever the outcome, it is not looked at again at once.
    async fn look_at(&self, state: DigestState, now: Timestamp) -> Result<(), Fault> {
        let of = state.of.clone();
        let next = match &of {
            Scope::Recipient(address) => self.recipient(state.clone(), address, now).await,
            Scope::Domain(domain) => self.domain(state.clone(), domain, now).await,
            Scope::Global => Ok(told(state.clone(), state.covered, now)),
        };
        let next = match next {
            Ok(next) => next,
            Err(Fault::Store(error)) => return Err(error.into()),
            Err(error) => {
                tracing::error!(%error, %of, "a digest cannot be written");
                told(state.clone(), state.covered, now)
            }
        };
        Ok(self.store.digests.set_digests(vec![next], None).await?)
    }

    /// The state with the time it is due by the policy of now; `None` where that is now.
    fn put_off(state: &DigestState, schedule: &Schedule, now: Timestamp) -> Option<DigestState> {
        let on = schedule.rhythm != Rhythm::Never;
        if state.asked || on && state.due.is_some_and(|due| due <= now) {
            return None;
        }
        let mut state = state.clone();
        let due = schedule.next_for(state.last, now);
        due_at(&mut state, due, now);
        Some(state)
    }

    async fn recipient(
        &self,
        state: DigestState,
        of: &Address,
        now: Timestamp,
    ) -> Result<DigestState, Fault> {
        if self.store.settings.domain(of.domain()).await?.is_none() {
            return Ok(told(state, 0, now));
        }
        let policy = self.desk.policy_of(of).await?;
        if let Some(later) = Self::put_off(&state, &policy.digests(), now) {
            return Ok(later);
        }
        let reached = self.store.entries.last_uid().await?;
        let after = if state.asked { 0 } else { state.covered };
        let next = policy.digests().next_for(Some(now), now);
        let horizon = next.unwrap_or(now).after_days(1);
        let found = self.gather(of, &policy, (after, reached), horizon).await?;
        if found.new == 0 && !state.asked {
            return Ok(told(state, reached, now));
        }
        let reader = reader(of, &policy);
        let until = now.after_days(LETTER_DAYS);
        if !state.welcomed {
            let welcome = self.scribe.welcome(&reader, of, until);
            self.post.send(welcome).await?;
        }
        let items = self.items(&found.entries, &policy, now).await?;
        let digest = Digest {
            reader,
            of: of.clone(),
            items,
            more: found.new.saturating_sub(found.listed_new),
            malware: found.malware,
            unsubscribe: self.unsubscribe(of, now).await?,
            now,
            until,
        };
        self.post.send(self.scribe.digest(digest)).await?;
        let mut state = told(state, reached, now);
        state.welcomed = true;
        state.sent = Some(now);
        Ok(state)
    }

    async fn unsubscribe(&self, of: &Address, now: Timestamp) -> Result<String, Fault> {
        let link = Link {
            purpose: Purpose::Unsubscribe,
            entry: None,
            whose: Scope::Recipient(of.clone()),
            expires: now.after_days(UNSUBSCRIBE_DAYS),
        };
        let ring = link_keys(&*self.store.settings, now).await?;
        let key = ring.current().ok_or_else(no_key)?;
        Ok(self.scribe.page(&format!("/u/{}", link.text(key))))
    }

    /// Who gets reports about a domain, with the times; `None` if nobody does.
    async fn reports(&self, domain: &Domain) -> Result<Option<(Policy, Schedule)>, StoreError> {
        let scope = Scope::Domain(domain.clone());
        let policy = self.store.settings.policy(&scope).await?;
        let mut schedule = policy.digests();
        if schedule.rhythm == Rhythm::Never {
            schedule.rhythm = Rhythm::Daily;
        }
        Ok(policy.report_to.is_some().then_some((policy, schedule)))
    }

    async fn domain(
        &self,
        state: DigestState,
        domain: &Domain,
        now: Timestamp,
    ) -> Result<DigestState, Fault> {
        let served = self.store.settings.domain(domain).await?.is_some();
        let Some((policy, schedule)) = self.reports(domain).await?.filter(|_| served) else {
            return Ok(told(state, 0, now));
        };
        if let Some(later) = Self::put_off(&state, &schedule, now) {
            return Ok(later);
        }
        let Some(to) = policy.report_to.clone() else {
            return Ok(told(state, 0, now));
        };
        let a_day_ago = Timestamp(now.0.saturating_sub(REPORT_DAYS * 86_400_000));
        let since = state.sent.filter(|sent| *sent < now).unwrap_or(a_day_ago);
        let scope = Scope::Domain(domain.clone());
        let by = Principal::new("digest", Role::House, scope);
        let tally = self.desk.tally(&by, since, now, Step::Day).await?;
        let (mut held, mut requests) = (0, 0);
        for shelf in DIGEST_SHELVES {
            held += self.desk.count(&by, shelf, Direction::Inbound).await?;
            let sieve = Sieve {
                requested: true,
                ..Sieve::default()
            };
            let place = (shelf, Direction::Inbound);
            let asked = self
                .desk
                .sheet_by(&by, place, &sieve, Order::Newest, None, REQUESTS_MOST);
            requests += asked.await?.rows.len() as u64;
        }
        let top = |all: &[crate::store::Top<String>]| {
            let all = all.iter().take(TOP);
            all.map(|top| (top.what.clone(), top.events)).collect()
        };
        let report = Report {
            reader: Reader {
                to,
                language: policy.digest_language,
                zone: policy.digest_zone.get(),
            },
            domain: domain.to_string(),
            since,
            counts: counts(&tally),
            held,
            requests,
            senders: top(&tally.senders),
            recipients: top(&tally.recipients),
            until: now.after_days(LETTER_DAYS),
        };
        self.post.send(self.scribe.report(&report)).await?;
        let mut state = told(state, 0, now);
        state.sent = Some(now);
        Ok(state)
    }
}

fn no_key() -> StoreError {
    StoreError::Failed("there is no key for links".to_owned())
}

/// The state after what was due is told, up to and with the uid `covered`.
fn told(mut state: DigestState, covered: u64, now: Timestamp) -> DigestState {
    state.last = state.due.filter(|due| *due <= now).or(state.last);
    state.covered = state.covered.max(covered);
    state.due = None;
    state.look = None;
    state.asked = false;
    state
}

/// Who reads the digests of `of`.
fn reader(of: &Address, policy: &Policy) -> Reader {
    let owner = policy.digest_to.clone();
    // Its links act: it stays within the domain.
    let owner = owner.filter(|to| to.domain() == of.domain());
    Reader {
        to: owner.unwrap_or_else(|| of.clone()),
        language: policy.digest_language,
        zone: policy.digest_zone.get(),
    }
}

/// Events by status, over all of the time.
fn counts(tally: &Tally) -> Vec<(String, u64)> {
    let mut counts: Vec<(String, u64)> = Vec::new();
    for count in &tally.counts {
        let name = count.status.to_string();
        match counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, events)) => *events += count.events,
            None => counts.push((name, count.events)),
        }
    }
    counts
}

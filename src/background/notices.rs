//! Notices: what happened in the log is told to those whom it concerns. Requests for a release and
//! their answers (XX-12), copies of what was wrongly held (SY-05), senders of what was delivered
//! after all (XX-08). Read from the log, so that no click waits and a restart forgets nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::Background;
use crate::clock::Timestamp;
use crate::inspect::organisation;
use crate::mail::{Address, Direction, EntryId};
use crate::net::listen::Closing;
use crate::notify::{Hourly, Letter, Post, PostError, Request, notice};
use crate::policy::{Class, Language, Policy, Right, Role, Scope};
use crate::record::{APPELLANT, Door, Entry, Event, Shelf, State, Status};
use crate::store::{Page, Query, StoreError};
use crate::token::{Link, Purpose};

/// How often the log is looked at.
const EVERY: Duration = Duration::from_secs(2);
/// Under this name it is kept how far the log was read.
const KEPT: &str = "notices";
/// What is written down takes at most so long to be seen in the log.
const LATE_MS: u64 = 10_000;
/// Events of one look; of more the oldest are passed over, and logged.
const EVENTS_MOST: usize = 5_000;
const PIECE: usize = 500;
/// Addresses that are written to for one request.
const APPROVERS_MOST: usize = 10;
/// Letters about requests to one address in an hour, and those about nothing but what strangers ask
/// for; the panel shows the others.
const REQUESTS_AN_HOUR: u32 = 30;
const APPEALS_AN_HOUR: u32 = 10;
/// Senders that are told, by address and by domain, in an hour.
const SENDER_AN_HOUR: u32 = 2;
const DOMAIN_AN_HOUR: u32 = 20;
/// Longest life of a link, in days.
const LINK_DAYS: u64 = 30;
/// Events of the last seconds that are kept over a restart, so that none is told twice.
const SEEN_MOST: usize = 200;
/// How the history says that a sender was told: once for each entry.
const SENDER_TOLD: &str = "the sender was told";

/// What is looked for.
const STATUSES: [Status; 6] = [
    Status::Requested,
    Status::Denied,
    Status::Released,
    Status::ReleasedAndTrained,
    Status::TrainedHam,
    Status::Delivered,
];

/// The chore. Cheap to clone.
#[derive(Clone)]
pub struct Notices {
    house: Background,
    post: Post,
    /// Where people reach the panel.
    panel: Option<String>,
    /// Copies also of what was only reported.
    copy_reported: bool,
    rates: Arc<Hourly>,
    read: Arc<Mutex<Option<Read>>>,
}

/// How far the log was read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Read {
    /// Nothing before this is looked at.
    floor: Timestamp,
    /// The newest event that was seen.
    newest: Timestamp,
    /// What was seen of the last seconds.
    seen: BTreeSet<(Timestamp, Option<EntryId>, String)>,
}

/// A fault that ends a look: it is tried again.
type Later = StoreError;

impl Notices {
    #[must_use]
    pub fn new(house: Background, post: Post, panel: Option<String>, copy_reported: bool) -> Self {
        Self {
            house,
            post,
            panel,
            copy_reported,
            rates: Arc::default(),
            read: Arc::default(),
        }
    }

    /// Tells until the doors close.
    pub async fn run(self, mut stop: Closing) {
        loop {
            if let Err(error) = self.look().await {
                tracing::error!(%error, "notices wait: the store cannot be read or written");
            }
            tokio::select! {
                () = stop.wait() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Tells what happened since the last look. The first look of a house looks at nothing old.
    ///
    /// # Errors
    /// [`StoreError`]; what was not told is told by the next look.
    pub async fn look(&self) -> Result<(), StoreError> {
        let mut read = self.place().await?;
        self.follow_back(&mut read).await?;
        let events = self.events(&read).await?;
        if events.is_empty() {
            *self.read.lock() = Some(read);
            return Ok(());
        }
        let requests = events.iter().filter(|e| e.status == Status::Requested);
        let mut came = self.tell_requests(requests.clone()).await;
        if came.is_ok() {
            // What follows may fail; these are not told again then.
            read.seen.extend(requests.map(key));
            for event in &events {
                came = self.tell(event).await;
                if came.is_err() {
                    break;
                }
                read.newest = read.newest.max(event.at);
                read.seen.insert(key(event));
            }
        }
        let edge = read.newest.0.saturating_sub(LATE_MS);
        read.seen.retain(|(at, ..)| at.0 >= edge);
        *self.read.lock() = Some(read.clone());
        came?;
        self.keep(read).await
    }

    async fn keep(&self, mut read: Read) -> Result<(), StoreError> {
        if read.seen.len() > SEEN_MOST {
            read.floor = Timestamp(read.newest.0.saturating_add(1));
            read.seen.clear();
        }
        let fault = |e: serde_json::Error| StoreError::Failed(e.to_string());
        let kept = serde_json::to_value(&read).map_err(fault)?;
        let settings = &self.house.store.settings;
        settings.set_note(KEPT, Some(kept)).await
    }

    async fn place(&self) -> Result<Read, StoreError> {
        if let Some(read) = self.read.lock().clone() {
            return Ok(read);
        }
        let kept = self.house.store.settings.note(KEPT).await?;
        if let Some(read) = kept.and_then(|kept| serde_json::from_value(kept).ok()) {
            return Ok(read);
        }
        let now = Timestamp(self.house.clock.now().0.saturating_sub(1));
        let read = Read {
            floor: now,
            newest: now,
            seen: BTreeSet::new(),
        };
        self.keep(read.clone()).await?;
        Ok(read)
    }

    /// Where the clock was set back, what happens now is older than what was seen: the look goes back
    /// with it, and what was told of the time to come is not told again.
    async fn follow_back(&self, read: &mut Read) -> Result<(), StoreError> {
        let now = self.house.clock.now();
        if read.newest <= now {
            return Ok(());
        }
        tracing::warn!(until = %read.newest, "the clock was set back");
        let query = Query {
            since: Some(now),
            until: Some(read.newest),
            statuses: STATUSES.to_vec(),
            ..Query::default()
        };
        let journal = self.house.journal();
        let page = journal
            .search(&Scope::Global, &query, SEEN_MOST / 2)
            .await?;
        read.seen.extend(page.rows.iter().map(key));
        read.newest = now;
        read.floor = read.floor.min(now);
        Ok(())
    }

    /// What was not seen yet, the oldest first.
    async fn events(&self, read: &Read) -> Result<Vec<Event>, StoreError> {
        let edge = Timestamp(read.newest.0.saturating_sub(LATE_MS));
        let mut query = Query {
            since: Some(edge.max(read.floor)),
            until: Some(self.house.clock.now()),
            statuses: STATUSES.to_vec(),
            ..Query::default()
        };
        let mut events = Vec::new();
        loop {
            let journal = self.house.journal();
            let page = journal.search(&Scope::Global, &query, PIECE);
            let Page { rows, next } = page.await?;
            events.extend(rows.into_iter().filter(|e| !read.seen.contains(&key(e))));
            if next.is_none() {
                break;
            }
            if events.len() >= EVENTS_MOST {
                tracing::error!("too much happened at once; some notices are not sent");
                break;
            }
            query.before = next;
        }
        events.reverse();
        Ok(events)
    }

    async fn tell(&self, event: &Event) -> Result<(), Later> {
        let Some(id) = event.entry else { return Ok(()) };
        match event.status {
            Status::Denied | Status::Released | Status::ReleasedAndTrained => {
                self.tell_answer(event, id).await
            }
            Status::TrainedHam if self.copy_reported => {
                if let Some(entry) = self.house.store.entries.entry(id).await? {
                    self.copy(&entry, &event.who).await?;
                }
                Ok(())
            }
            Status::Delivered => self.tell_delivered(id).await,
            _ => Ok(()),
        }
    }

    /// To those who may release: one letter to each with all that was asked for just now.
    async fn tell_requests(&self, events: impl Iterator<Item = &Event>) -> Result<(), Later> {
        let mut letters: BTreeMap<(String, Scope), (Address, Language, Vec<Request>)> =
            BTreeMap::new();
        let mut known: BTreeMap<String, (Vec<(Address, Scope)>, Language)> = BTreeMap::new();
        for event in events {
            let Some(id) = event.entry else { continue };
            let entry = self.house.store.entries.entry(id).await?;
            // It may have been answered already.
            let Some((entry, asked)) = entry.and_then(|entry| {
                let asked = entry.requested.clone()?;
                Some((entry, asked))
            }) else {
                continue;
            };
            let owner = entry.owner.key().to_owned();
            if !known.contains_key(&owner) {
                let policy = self.policy(&entry.owner).await?;
                let approvers = self.approvers(&entry.owner, &policy).await?;
                known.insert(owner.clone(), (approvers, policy.digest_language));
            }
            let Some((approvers, language)) = known.get(&owner) else {
                continue;
            };
            for (to, scope) in approvers {
                let request = Request {
                    links: self.links(&entry, scope).await?,
                    entry: entry.clone(),
                    asked: asked.clone(),
                };
                let key = (to.key().to_owned(), scope.clone());
                let fresh = || (to.clone(), *language, Vec::new());
                letters.entry(key).or_insert_with(fresh).2.push(request);
            }
        }
        let now = self.house.clock.now();
        for (to, language, requests) in letters.into_values() {
            let appeals = requests.iter().all(|r| r.asked.who.starts_with(APPELLANT));
            let within = match appeals {
                true => {
                    let key = format!("appeals to {}", to.key());
                    self.rates.counts(&key, APPEALS_AN_HOUR, now)
                }
                false => self.rates.counts(to.key(), REQUESTS_AN_HOUR, now),
            };
            if !within {
                tracing::warn!(%to, "too many letters about requests in this hour; one is not sent");
                continue;
            }
            let panel = self.panel.as_deref();
            let mut letter = notice::asked(to, &requests, panel, (language, now));
            letter.by_stranger = appeals;
            self.send(letter).await?;
        }
        Ok(())
    }

    /// Who is written to, and whose rights the links in the letter use.
    async fn approvers(
        &self,
        owner: &Address,
        policy: &Policy,
    ) -> Result<Vec<(Address, Scope)>, Later> {
        let domain = Scope::Domain(owner.domain().clone());
        let set = policy.requests_to.iter();
        let mut approvers: Vec<_> = set.map(|to| (to.clone(), domain.clone())).collect();
        if !approvers.is_empty() {
            return Ok(approvers);
        }
        for account in self.house.store.settings.accounts().await? {
            let Scope::Recipient(address) = &account.scope else {
                continue;
            };
            let mut roles = account.principals().into_iter();
            let over = roles.find(|by| {
                matches!(by.role, Role::DomainAdministrator | Role::Administrator)
                    && by.scope.holds_address(owner)
                    && by.has(Right::Administer)
                    && by.has(Right::Act)
            });
            approvers.extend(over.map(|by| (address.clone(), by.scope)));
        }
        approvers.truncate(APPROVERS_MOST);
        Ok(approvers)
    }

    /// The addresses of the pages that grant and deny; none without a panel.
    async fn links(&self, entry: &Entry, whose: &Scope) -> Result<Option<(String, String)>, Later> {
        let Some(panel) = &self.panel else {
            return Ok(None);
        };
        let until = self.house.clock.now().after_days(LINK_DAYS);
        let link = async |purpose| {
            let link = Link {
                purpose,
                entry: Some(entry.id),
                whose: whose.clone(),
                expires: entry.expires.min(until),
            };
            let text = self.house.desk.make_link(&link).await;
            let text = text.map_err(|refusal| StoreError::Failed(refusal.to_string()))?;
            Ok::<_, Later>(format!("{}/l/{text}", panel.trim_end_matches('/')))
        };
        Ok(Some((
            link(Purpose::Approve).await?,
            link(Purpose::Deny).await?,
        )))
    }

    /// To whoever asked for the entry, if this event is the answer.
    async fn tell_answer(&self, event: &Event, id: EntryId) -> Result<(), Later> {
        let history = self.house.journal().history(id).await?;
        let until = history.iter().position(|one| one == event);
        let before = &history[..until.unwrap_or(history.len())];
        let last = before.iter().rev().find(|one| {
            matches!(
                one.status,
                Status::Requested
                    | Status::Denied
                    | Status::Released
                    | Status::ReleasedAndTrained
                    | Status::Quarantined
            )
        });
        let asked = last.filter(|one| one.status == Status::Requested && one.who != event.who);
        let entry = self.house.store.entries.entry(id).await?;
        let (Some(asked), Some(entry)) = (asked, entry) else {
            return Ok(());
        };
        if asked.who.starts_with(APPELLANT) {
            // A sender's appeal: nobody may be written to for it (XX-07).
            return Ok(());
        }
        let to = asked.who.parse().unwrap_or_else(|_| entry.owner.clone());
        let why = match event.status {
            Status::Denied => Err(event.words.as_str()),
            _ => Ok(()),
        };
        let language = self.policy(&entry.owner).await?.digest_language;
        let now = self.house.clock.now();
        let letter = notice::answered(to, &entry, why, (language, now));
        self.send(letter).await
    }

    async fn tell_delivered(&self, id: EntryId) -> Result<(), Later> {
        let entry = self.house.store.entries.entry(id).await?;
        let Some(entry) = entry.filter(|entry| entry.state == State::Released) else {
            return Ok(());
        };
        if entry.direction == Direction::Outbound || entry.verdict.class == Class::Malware {
            return Ok(());
        }
        let history = self.house.journal().history(id).await?;
        let released = history
            .iter()
            .rev()
            .find(|event| matches!(event.status, Status::Released | Status::ReleasedAndTrained));
        if let Some(released) = released.filter(|e| e.status == Status::ReleasedAndTrained) {
            self.copy(&entry, &released.who).await?;
        }
        let told =
            |event: &Event| event.status == Status::Told && event.words.starts_with(SENDER_TOLD);
        if entry.shelf == Shelf::Caught && !history.iter().any(told) {
            self.tell_sender(&entry).await?;
        }
        Ok(())
    }

    /// To operations: a copy of what was wrongly held. Never of outgoing mail or malware.
    async fn copy(&self, entry: &Entry, who: &str) -> Result<(), Later> {
        if entry.direction == Direction::Outbound || entry.verdict.class == Class::Malware {
            return Ok(());
        }
        let policy = self.policy(&entry.owner).await?;
        let (to, language) = (policy.false_positives_to, policy.digest_language);
        if to.is_empty() {
            return Ok(());
        }
        let Some(body) = self.house.store.entries.body(entry.mail).await? else {
            tracing::warn!(entry = %entry.id, "what was wrongly held is gone: no copy is sent");
            return Ok(());
        };
        for to in to.iter() {
            let now = self.house.clock.now();
            let how = (language, now);
            let letter = notice::wrongly_held(to.clone(), entry, body.clone(), who, how);
            self.send(letter).await?;
            let words = format!("a copy went to {to}, because it was wrongly held");
            self.note(entry, words).await?;
        }
        Ok(())
    }

    async fn tell_sender(&self, entry: &Entry) -> Result<(), Later> {
        let policy = self.policy(&entry.owner).await?;
        if !policy.tell_sender {
            return Ok(());
        }
        // Decided when it came: what was released may be gone by now.
        let Some(to) = entry.from.clone().filter(|_| entry.writable) else {
            return Ok(());
        };
        let now = self.house.clock.now();
        let domain = format!("at {}", organisation(to.domain()));
        let address = format!("to {}", to.key());
        let within = self.rates.counts(&address, SENDER_AN_HOUR, now)
            && self.rates.counts(&domain, DOMAIN_AN_HOUR, now);
        if !within {
            tracing::info!(%to, "this sender, or its domain, was told often enough in this hour");
            return Ok(());
        }
        let words = format!("{SENDER_TOLD} at {to}");
        let letter = notice::delivered(to, entry, (policy.digest_language, now));
        self.send(letter).await?;
        self.note(entry, words).await
    }

    async fn policy(&self, owner: &Address) -> Result<Policy, Later> {
        let settings = &self.house.store.settings;
        settings.policy(&Scope::Recipient(owner.clone())).await
    }

    /// A letter that cannot be written is given up.
    async fn send(&self, letter: Letter) -> Result<(), Later> {
        let (kind, to) = (letter.kind, letter.to.clone());
        match self.post.send(letter).await {
            Ok(()) => Ok(()),
            Err(PostError::Store(error)) => Err(error),
            Err(error) => {
                tracing::warn!(%error, kind, %to, "a notice is not sent");
                Ok(())
            }
        }
    }

    /// Into the history of the entry.
    async fn note(&self, entry: &Entry, words: String) -> Result<(), Later> {
        let door = Door::new("background", "");
        let event = Event::new(self.house.clock.now(), Status::Told, "notices", door);
        let event = event.of(entry).saying(words);
        self.house.journal().write(event).await
    }
}

fn key(event: &Event) -> (Timestamp, Option<EntryId>, String) {
    let status = event.status;
    (event.at, event.entry, format!("{status} {}", event.who))
}

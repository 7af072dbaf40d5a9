//! What is kept: small traits, one for each need; the engines lie behind them.

pub mod in_memory;
mod journal;
mod ledger;
pub mod on_sled;
mod query;
pub mod transient;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use tokio::sync::broadcast;

use crate::clock::Timestamp;
use crate::mail::{Address, Direction, Domain, EntryId, Mail, MailId};
use crate::policy::{Layer, ListEntry, ListKind, Pattern, Policy, Scope};
use crate::record::{
    Account, ApiKey, Challenge, Change, DigestState, DomainSettings, Entry, Event, Job, KeptMail,
    Lesson, ListUse, SenderLock, Shelf, State,
};

pub use on_sled::Options;
pub use query::{Count, Page, Party, PartyError, Place, PlaceError, Query, Step, Tally, Top};

/// Why the store could not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Too little free space; room must be made first.
    #[error("the store has no room")]
    Full,
    /// A write or read failed; nothing of it is visible.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// Why a change was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    #[error("no such entry")]
    Gone,
    /// The entry is not in the state the change starts from.
    #[error("the entry is {0}")]
    Moved(State),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a visitor looks at: held entries of one shelf and direction within a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    pub scope: Scope,
    pub shelf: Shelf,
    pub direction: Direction,
}

/// Flags of one entry as one scope set them: IMAP system flags and keywords, sorted.
pub type Flags = Vec<String>;

/// An entry with the flags of the scope that looks.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub entry: Entry,
    pub flags: Flags,
}

/// What a listing says of an entry that is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub uid: u64,
    pub id: EntryId,
    /// Its delivery was refused.
    pub failed: bool,
    /// Its release was asked for.
    pub requested: bool,
    /// As the view's scope set them.
    pub flags: Flags,
}

/// How much is held, of all shelves and directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    pub messages: u64,
    /// The sizes of the messages; one that is held for two counts for both.
    pub octets: u64,
}

/// Something changed in what is shown. Sent after it is durable.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub id: EntryId,
    pub uid: u64,
    pub owner: Address,
    pub shelf: Shelf,
    pub direction: Direction,
    pub what: NoticeKind,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticeKind {
    /// It is shown from now on, under this uid.
    Came,
    /// It is no longer shown under this uid.
    Went,
    /// Its flags changed for this scope.
    Flags(Scope),
}

/// Mail in the quarantine.
#[async_trait]
pub trait Entries: Send + Sync {
    /// Keeps the mail's octets once and an entry for each owner; durable on return.
    ///
    /// An entry that is there already and held or leaving stays as it is (a retry
    /// stashes once); one that has left is opened anew, under a new uid. Returns the
    /// entries as they are now, with uids.
    async fn stash(
        &self,
        mail: &Mail,
        entries: Vec<Entry>,
        event: Event,
    ) -> Result<Vec<Entry>, StoreError>;
    /// An entry in any state; kept for a time after it has left.
    async fn entry(&self, id: EntryId) -> Result<Option<Entry>, StoreError>;
    /// The same for several, in the order asked; cheaper than [`Entries::rows`].
    async fn entries(&self, ids: &[EntryId]) -> Result<Vec<Option<Entry>>, StoreError>;
    /// The entries of a mail that are held or leaving.
    async fn entries_of(&self, mail: MailId) -> Result<Vec<EntryId>, StoreError>;
    /// Envelope and octets of a mail, while any entry, job or lesson needs them.
    async fn mail(&self, id: MailId) -> Result<Option<KeptMail>, StoreError>;
    /// Octets alone.
    async fn body(&self, id: MailId) -> Result<Option<Bytes>, StoreError> {
        Ok(self.mail(id).await?.map(|mail| mail.bytes))
    }
    /// The same for several mails, in the order asked.
    async fn mails(&self, ids: &[MailId]) -> Result<Vec<Option<KeptMail>>, StoreError>;
    /// How much is held for a scope.
    async fn held(&self, scope: &Scope) -> Result<Held, StoreError>;
    /// The scopes for which something is held, and how much, in the order of the store after
    /// `after`; at most `most`.
    async fn holders(
        &self,
        after: Option<&Scope>,
        most: usize,
    ) -> Result<Vec<(Scope, Held)>, StoreError>;
    /// The uids and ids of all entries in view with uids above `after`, ascending; at most `most`.
    async fn uids(
        &self,
        view: &View,
        after: u64,
        most: usize,
    ) -> Result<Vec<(u64, EntryId)>, StoreError>;
    /// The same the other way round: uids below `before`, descending; at most `most`.
    async fn newest(
        &self,
        view: &View,
        before: u64,
        most: usize,
    ) -> Result<Vec<(u64, EntryId)>, StoreError>;
    /// The same with what a listing says.
    async fn shown(&self, view: &View, after: u64, most: usize) -> Result<Vec<Shown>, StoreError>;
    /// Entries with the flags as `scope` set them, in the order asked; `None` for what is not there.
    async fn rows(&self, scope: &Scope, ids: &[EntryId]) -> Result<Vec<Option<Row>>, StoreError>;
    /// The same of entries that were read already.
    async fn flagged(&self, scope: &Scope, entries: Vec<Entry>) -> Result<Vec<Row>, StoreError>;
    /// How many entries are in view.
    async fn count(&self, view: &View) -> Result<u64, StoreError>;
    /// The highest uid given so far; 0 if none was.
    async fn last_uid(&self) -> Result<u64, StoreError>;
    /// Makes each change whole or not at all; durable on return. The results are in
    /// the order asked; changes of one call see each other. Returns the entries as they are now.
    /// An entry whose octets are gone cannot be held or leave again: [`ChangeError::Gone`].
    async fn apply(&self, changes: Vec<Change>) -> Vec<Result<Entry, ChangeError>>;
    /// Sets the flags of entries as `scope` sees them; they end with the uid they were set
    /// for. Not waited for by a power cut.
    async fn set_flags(
        &self,
        scope: &Scope,
        flags: Vec<(EntryId, Flags)>,
    ) -> Result<(), StoreError>;
    /// Held entries that expire at or before `now`, the oldest first; at most `most`.
    async fn expiring(&self, now: Timestamp, most: usize) -> Result<Vec<Entry>, StoreError>;
    /// News of what is shown.
    fn notices(&self) -> broadcast::Receiver<Notice>;
}

/// What the house owes.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Keeps the mail's octets and the jobs; durable on return. A job that is owed already stays.
    async fn owe(&self, mail: &Mail, jobs: Vec<Job>, event: Event) -> Result<(), StoreError>;
    /// Jobs due at `now`, the longest due first; none of them is given out again before `until`.
    async fn take(
        &self,
        now: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<Job>, StoreError>;
    /// Writes down how a job went: as it is now, or `None` if it is settled. Durable on return.
    /// A job that is not owed any more stays so.
    async fn settle(&self, id: EntryId, job: Option<Job>, event: Event) -> Result<(), StoreError>;
    /// All jobs, the next due first; at most `most`.
    async fn jobs(&self, most: usize) -> Result<Vec<Job>, StoreError>;
    /// Resolves when a job was owed since the last call, or may have been.
    async fn owed(&self);
}

/// Lessons, with the octets they are about.
#[async_trait]
pub trait Lessons: Send + Sync {
    /// Keeps a lesson about a mail that is not in the quarantine; durable on return.
    async fn teach(&self, mail: &Mail, lesson: Lesson, event: Event) -> Result<(), StoreError>;
    /// Lessons in the order they were taught, from the one numbered `after` + 1 on.
    async fn lessons(&self, after: u64, most: usize) -> Result<Vec<(u64, Lesson)>, StoreError>;
}

/// The log of all mail and all that was done to it.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Writes an event soon; it may be lost in a power cut, never reordered. Refused
    /// ([`StoreError::Full`]) while so many wait to be sealed that memory would run short.
    async fn write(&self, event: Event) -> Result<(), StoreError>;
    /// Events in `scope`, the newest first; at most `most`, and where to go on.
    async fn search(
        &self,
        scope: &Scope,
        query: &Query,
        most: usize,
    ) -> Result<Page<Event>, StoreError>;
    /// The events of `scope` by step, from the hour of `since` up to and with that of `until`,
    /// and the most frequent addresses. Those of the global scope are exact for what is
    /// frequent every day; those of a narrow scope are of its newest 1,000 events.
    async fn tally(
        &self,
        scope: &Scope,
        since: Timestamp,
        until: Timestamp,
        step: Step,
    ) -> Result<Tally, StoreError>;
    /// All that happened to an entry, the oldest first (XX-03).
    async fn history(&self, entry: EntryId) -> Result<Vec<Event>, StoreError>;
    /// Forgets events before `before`.
    async fn forget(&self, before: Timestamp) -> Result<(), StoreError>;
}

/// Accounts, API keys, domains, policies, lists, locks of senders, challenges, secrets. Every write is durable on return.
#[async_trait]
pub trait Settings: Send + Sync {
    async fn account(&self, scope: &Scope) -> Result<Option<Account>, StoreError>;
    async fn accounts(&self) -> Result<Vec<Account>, StoreError>;
    async fn set_account(&self, account: Account, event: Event) -> Result<(), StoreError>;
    /// Sets an account that is still as `before`; false if it is not: look again.
    async fn replace_account(
        &self,
        before: Option<&Account>,
        after: Account,
        event: Event,
    ) -> Result<bool, StoreError>;
    /// False if there was none.
    async fn remove_account(&self, scope: &Scope, event: Event) -> Result<bool, StoreError>;
    async fn domain(&self, domain: &Domain) -> Result<Option<DomainSettings>, StoreError>;
    async fn domains(&self) -> Result<Vec<DomainSettings>, StoreError>;
    async fn set_domain(&self, domain: DomainSettings, event: Event) -> Result<(), StoreError>;
    /// False if there was none.
    async fn remove_domain(&self, domain: &Domain, event: Event) -> Result<bool, StoreError>;
    async fn layer(&self, scope: &Scope) -> Result<Option<Layer>, StoreError>;
    async fn set_layer(&self, scope: &Scope, layer: Layer, event: Event) -> Result<(), StoreError>;
    /// What holds at a scope: its layer upon those of wider scopes (IW-09).
    async fn policy(&self, scope: &Scope) -> Result<Policy, StoreError> {
        let mut layers = Vec::new();
        for scope in scope.with_wider() {
            layers.extend(self.layer(&scope).await?);
        }
        Ok(Policy::stack(&layers))
    }
    /// The entries of exactly this scope.
    async fn list(&self, scope: &Scope) -> Result<Arc<Vec<ListEntry>>, StoreError>;
    /// Replaces an entry with the same scope, kind and pattern.
    async fn set_listed(&self, entry: ListEntry, event: Event) -> Result<(), StoreError>;
    /// False if there was none.
    async fn remove_listed(
        &self,
        scope: &Scope,
        kind: ListKind,
        pattern: &Pattern,
        event: Event,
    ) -> Result<bool, StoreError>;
    /// Entries of all lists in the order of their keys, `most` at a time, and where to go on.
    async fn listed_from(
        &self,
        from: Option<Vec<u8>>,
        most: usize,
    ) -> Result<(Vec<ListEntry>, Option<Vec<u8>>), StoreError>;
    /// How often the entries of exactly this scope decided.
    async fn list_uses(&self, scope: &Scope) -> Result<Vec<ListUse>, StoreError>;
    /// Adds to what was counted, for entries that are there. Not waited for by a power cut. Two
    /// calls at the same time may lose a count.
    async fn count_uses(&self, uses: Vec<ListUse>) -> Result<(), StoreError>;
    /// What a chore of the house remembers under this name. No line of the log speaks of it.
    async fn note(&self, name: &str) -> Result<Option<Value>, StoreError>;
    /// Sets it, or removes it.
    async fn set_note(&self, name: &str, value: Option<Value>) -> Result<(), StoreError>;
    /// The lock of exactly this sender.
    async fn lock(&self, sender: &Scope) -> Result<Option<SenderLock>, StoreError>;
    async fn locks(&self) -> Result<Vec<SenderLock>, StoreError>;
    async fn set_lock(&self, lock: SenderLock, event: Event) -> Result<(), StoreError>;
    /// False if there was none.
    async fn remove_lock(&self, sender: &Scope, event: Event) -> Result<bool, StoreError>;
    async fn api_key(&self, id: &str) -> Result<Option<ApiKey>, StoreError>;
    async fn api_keys(&self) -> Result<Vec<ApiKey>, StoreError>;
    /// Sets a key that is still as `before`; false if it is not.
    async fn replace_api_key(
        &self,
        before: Option<&ApiKey>,
        after: ApiKey,
        event: Event,
    ) -> Result<bool, StoreError>;
    /// False if there was none.
    async fn remove_api_key(&self, id: &str, event: Event) -> Result<bool, StoreError>;
    /// The challenge at that place: of one sender and one recipient.
    async fn challenge(&self, place: &str) -> Result<Option<Challenge>, StoreError>;
    async fn challenges(&self) -> Result<Vec<Challenge>, StoreError>;
    /// Sets a challenge that is still as `before`; false if it is not.
    async fn replace_challenge(
        &self,
        before: Option<&Challenge>,
        after: Challenge,
        event: Event,
    ) -> Result<bool, StoreError>;
    /// False if there was none.
    async fn remove_challenge(&self, place: &str, event: Event) -> Result<bool, StoreError>;
    /// A secret by name, such as a signing key; never logged.
    async fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;
    async fn set_secret(&self, name: &str, value: Vec<u8>, event: Event) -> Result<(), StoreError>;
    /// False if there was none.
    async fn remove_secret(&self, name: &str, event: Event) -> Result<bool, StoreError>;
}

/// Who is due a digest, and what the last one told. No line of the log speaks of it.
#[async_trait]
pub trait Digests: Send + Sync {
    async fn digest(&self, of: &Scope) -> Result<Option<DigestState>, StoreError>;
    /// Those to look at up to and with `now`, the earliest first; at most `most`.
    async fn digests_due(
        &self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<DigestState>, StoreError>;
    /// Those to look at after `late` only, the earliest first; at most `most`.
    async fn digests_after(
        &self,
        late: Timestamp,
        most: usize,
    ) -> Result<Vec<DigestState>, StoreError>;
    /// Sets all of them or none, and up to which uid new entries were looked at. Durable on return.
    async fn set_digests(
        &self,
        states: Vec<DigestState>,
        seen: Option<u64>,
    ) -> Result<(), StoreError>;
    /// 0 at first.
    async fn digests_seen(&self) -> Result<u64, StoreError>;
}

/// What is kept for a while only, and may be lost at a restart. Bounded: when full, the
/// entries that end first go.
#[async_trait]
pub trait Transient: Send + Sync {
    async fn put(&self, key: &str, value: Vec<u8>, until: Timestamp);
    async fn get(&self, key: &str, now: Timestamp) -> Option<Vec<u8>>;
    /// Puts `key` if it is not there; true if it was put. Atomic.
    async fn claim(&self, key: &str, now: Timestamp, until: Timestamp) -> bool;
    async fn drop_key(&self, key: &str);
    /// Counts one more of what `key` names; false if there are `most` already that have not ended.
    async fn counts(&self, key: &str, most: u32, now: Timestamp, until: Timestamp) -> bool {
        for place in 0..most {
            if self.claim(&format!("{key} {place}"), now, until).await {
                return true;
            }
        }
        false
    }
}

/// All needs together, as an engine meets them; rooms take the part they need.
#[derive(Clone)]
pub struct Store {
    pub entries: Arc<dyn Entries>,
    pub jobs: Arc<dyn Jobs>,
    pub lessons: Arc<dyn Lessons>,
    pub journal: Arc<dyn Journal>,
    pub settings: Arc<dyn Settings>,
    pub digests: Arc<dyn Digests>,
    pub transient: Arc<dyn Transient>,
}

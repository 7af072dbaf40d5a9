//! Jobs the house owes, and lessons it was taught.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::mail::{Address, Edit, EntryId, MailId};
use crate::policy::Scope;

/// What a job does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Re-inject the entry under a reinsertion token.
    Release,
    /// Pass the mail on to a recipient whose destination said "later" after
    /// others had it.
    Deliver { to: Address, edits: Vec<Edit> },
    /// The same for mail on its way out.
    Send {
        /// Boxed, because few jobs have one.
        from: Option<Box<Address>>,
        to: Address,
        edits: Vec<Edit>,
    },
    /// Bring a letter of the house; nobody is told, and nothing kept, if that is not possible.
    Letter {
        to: Address,
        /// Of no use from this time on.
        until: Timestamp,
        /// The address may be of a domain that is not ours.
        #[serde(default)]
        outside: bool,
    },
}

/// Something owed, durable until it is settled. At most one for each entry:
/// `id` is the entry's, or what the entry's would be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub id: EntryId,
    pub mail: MailId,
    pub kind: JobKind,
    /// Not before.
    pub due: Timestamp,
    /// When it was first owed.
    pub since: Timestamp,
    pub tries: u32,
    /// What was said at the last try.
    pub last: String,
    /// The next host took it, and the delivery is not confirmed yet.
    pub handed_over: bool,
}

impl Job {
    /// A new job, due at once.
    #[must_use]
    pub fn new(id: EntryId, mail: MailId, kind: JobKind, now: Timestamp) -> Self {
        Self {
            id,
            mail,
            kind,
            due: now,
            since: now,
            tries: 0,
            last: String::new(),
            handed_over: false,
        }
    }
}

/// What a mail is, by somebody's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lore {
    Spam,
    Ham,
}

/// A lesson: durable, and told who taught it, so that it can be undone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lesson {
    pub mail: MailId,
    /// The entry it was taught from; `None` for what came by APPEND.
    pub entry: Option<EntryId>,
    pub lore: Lore,
    pub who: String,
    pub scope: Scope,
    pub at: Timestamp,
}

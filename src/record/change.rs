//! A change: one atomic step in an entry's life, stored whole or not at all.

use serde::{Deserialize, Serialize};

use super::{Asked, Event, Job, Lesson, State};
use crate::clock::Timestamp;
use crate::mail::{EntryId, Reply};
use crate::policy::ListEntry;

/// What becomes of the entry's job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStep {
    /// Nothing.
    Stay,
    /// This one is owed from now on.
    Owe(Job),
    /// It is settled.
    Settle,
}

/// Compare, then set: if the entry is in state `from`, then it is in `to`, and the
/// job, the lesson and the event are kept with it. An entry that becomes `Held`
/// again gets a new uid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub entry: EntryId,
    pub from: State,
    pub to: State,
    pub job: JobStep,
    pub lesson: Option<Lesson>,
    /// What the destination said when it refused; set on the way back to `Held`.
    pub failed: Option<Reply>,
    /// Kept with it: the sender is listed.
    pub listed: Option<ListEntry>,
    /// Its release may be taken back until then.
    pub leaves: Option<Timestamp>,
    /// Its release was asked for; holds until the entry moves.
    pub requested: Option<Asked>,
    /// It is delivered marked as spam.
    pub marked: bool,
    pub event: Event,
}

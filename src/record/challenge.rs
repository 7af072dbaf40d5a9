//! A challenge: the sender of pending mail was asked to show that somebody is there (IW-06).

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::mail::{Address, EntryId};
use crate::policy::Scope;

/// One for each sender and recipient, while it is open or answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Challenge {
    /// Follows from sender and recipient and a secret of the house: the first half of the link's text.
    pub place: String,
    /// SHA-256 of the whole text, hexadecimal; the text itself is kept nowhere.
    pub hash: String,
    /// The recipient.
    pub scope: Scope,
    pub sender: Address,
    /// The first message that it is about.
    pub entry: EntryId,
    pub made: Timestamp,
    pub expires: Timestamp,
    /// Wrong answers so far.
    pub tries: u32,
    pub answered: Option<Timestamp>,
}

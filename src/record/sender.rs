//! A sender that is locked: nothing of it goes out until an administrator says so.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::policy::Scope;

/// Why and since when a sender is locked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SenderLock {
    /// The login, or the reverse path of mail from a relay.
    pub sender: Scope,
    pub since: Timestamp,
    /// Who locked it: a login, or the chore of the house.
    pub by: String,
    /// In plain words.
    pub why: String,
}

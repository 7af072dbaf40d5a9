//! How often an entry of a list decided what became of a mail, and when last.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::policy::{ListKind, Pattern, Scope};

/// The use of a list's entry. Counts are written down once in a while, so that a crash loses
/// those of the last minutes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListUse {
    pub scope: Scope,
    pub kind: ListKind,
    pub pattern: Pattern,
    /// How often it decided.
    pub times: u64,
    /// When last.
    pub last: Timestamp,
}

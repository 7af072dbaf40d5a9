//! What is known of somebody's digests: what the last one covered, and when the next one is due.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::policy::Scope;

/// The digests of one recipient, or the reports of one domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestState {
    /// A recipient or a domain.
    pub of: Scope,
    /// Entries up to this uid were told of.
    #[serde(default)]
    pub covered: u64,
    /// When the last one was due: it is not due at that time again.
    #[serde(default)]
    pub last: Option<Timestamp>,
    /// When the last one was sent.
    #[serde(default)]
    pub sent: Option<Timestamp>,
    /// When the next one is due; `None` while there is nothing to tell.
    #[serde(default)]
    pub due: Option<Timestamp>,
    /// When somebody looks at it next: not later than `due`, because a policy may change.
    #[serde(default)]
    pub look: Option<Timestamp>,
    /// Somebody asked for one now, with all that is held.
    #[serde(default)]
    pub asked: bool,
    /// The letter that says what this is was sent.
    #[serde(default)]
    pub welcomed: bool,
}

impl DigestState {
    /// Nothing was told yet.
    #[must_use]
    pub fn new(of: Scope) -> Self {
        Self {
            of,
            covered: 0,
            last: None,
            sent: None,
            due: None,
            look: None,
            asked: false,
            welcomed: false,
        }
    }
}

//! API keys: who may knock with which key, from where, until when (SE-17).

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::net::network::Network;
use crate::policy::{Rights, Role, Scope};

/// A key for programs. Only a hash of its secret is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Public; stands in the key after `qk_`.
    pub id: String,
    /// What it is for, in its maker's words.
    pub name: String,
    /// SHA-256 of the secret, in hexadecimal digits.
    pub hash: String,
    pub role: Role,
    pub scope: Scope,
    /// All it may do; never more than its maker.
    pub rights: Rights,
    /// Not taken from this time on.
    pub expires: Option<Timestamp>,
    /// Taken from clients in these networks only; empty for everywhere.
    pub networks: Vec<Network>,
    /// The login that made it.
    pub by: String,
    pub made: Timestamp,
    /// The first use of the last day (UTC) on which it was used.
    pub used: Option<Timestamp>,
}

/// Stands between the maker's login and the id in what the history shows.
const MARK: &str = " by API key qk_";

impl ApiKey {
    /// What the history shows when the key is used.
    #[must_use]
    pub fn who(&self) -> String {
        format!("{}{MARK}{}", self.by, self.id)
    }

    /// True if this is what the history shows of a key.
    #[must_use]
    pub fn is_meant_by(who: &str) -> bool {
        who.contains(MARK)
    }
}

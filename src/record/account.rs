//! Accounts: login, password hash. The login tells the scope (SE-06).

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::policy::Scope;

/// An account of the house. Login is the scope's text: `global`, a domain, an address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    pub scope: Scope,
    /// PHC string (argon2id).
    pub hash: String,
    pub made: Timestamp,
}

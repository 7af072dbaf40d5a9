//! Who acts: a login with its role and scope. Rights follow from the role.

use serde::{Deserialize, Serialize};

use super::Scope;

/// What a principal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees and acts on its own mail.
    Recipient,
    /// The same for all of a domain.
    DomainAdministrator,
    /// The same for everything.
    Administrator,
    /// The house itself: expiry, delivery.
    House,
}

/// What not everybody may do (XX-12, SE-18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// See the content of malware, and release it.
    HandleMalware,
    /// Release what was caught on its way out.
    ReleaseOutgoing,
    /// Accounts, domains, policies and lists of the scope.
    Administer,
}

/// A visitor who proved who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The login; what the history shows.
    pub who: String,
    pub role: Role,
    pub scope: Scope,
}

impl Principal {
    /// The house itself; `what` names the chore.
    #[must_use]
    pub fn house(what: &str) -> Self {
        Self {
            who: what.to_owned(),
            role: Role::House,
            scope: Scope::Global,
        }
    }

    /// The principal whose login is `scope`: `global`, a domain, or an address (SE-06).
    #[must_use]
    pub fn of(scope: Scope) -> Self {
        let role = match scope {
            Scope::Global => Role::Administrator,
            Scope::Domain(_) => Role::DomainAdministrator,
            Scope::Recipient(_) => Role::Recipient,
        };
        Self {
            who: scope.to_string(),
            role,
            scope,
        }
    }

    /// True if the role has `right` within its scope.
    #[must_use]
    pub fn has(&self, right: Right) -> bool {
        match self.role {
            Role::House | Role::Administrator => true,
            Role::DomainAdministrator => match right {
                Right::HandleMalware | Right::ReleaseOutgoing | Right::Administer => true,
            },
            Role::Recipient => false,
        }
    }
}

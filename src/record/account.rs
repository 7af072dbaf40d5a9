//! Accounts: login, password hash, second factor, grants. The login tells the scope (SE-06).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::policy::{Principal, Rights, Role, Scope};

/// An account of the house. Login is the scope's text: `global`, a domain, an address.
/// Records from before a field was there read as if it were empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    pub scope: Scope,
    /// PHC string (argon2id); empty if no password of the house holds.
    pub hash: String,
    /// When it was made, or its password changed.
    pub made: Timestamp,
    /// What it may do besides its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<SecondFactor>,
    /// Counts up when all its sessions are to end: those of an older epoch do not hold.
    #[serde(default, skip_serializing_if = "is_first")]
    pub epoch: u64,
    /// Searches of the panel that its person saved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub views: Vec<SavedView>,
}

/// A search that was saved under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedView {
    /// The page it is for: `quarantine` or `log`.
    pub page: String,
    pub name: String,
    /// What is asked for, as it stands in an address.
    pub query: String,
}

/// What somebody may do besides their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// `Recipient` to act for another address, or, with rights, in the own scope.
    pub role: Role,
    pub scope: Scope,
    /// Rights on top of what the role gives.
    #[serde(default, skip_serializing_if = "is_none")]
    pub rights: Rights,
    /// The login that gave it.
    pub by: String,
    pub at: Timestamp,
}

/// A second factor: TOTP (RFC 6238), and codes for when the device is lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecondFactor {
    pub secret: Secret,
    /// SHA-256 of each recovery code that was not used yet, in hexadecimal digits.
    pub recovery: Vec<String>,
    pub since: Timestamp,
}

/// A secret as text. Its Debug shows nothing of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

fn is_first(epoch: &u64) -> bool {
    *epoch == 0
}

fn is_none(rights: &Rights) -> bool {
    rights.is_empty()
}

impl Account {
    /// A new account.
    #[must_use]
    pub fn new(scope: Scope, hash: String, made: Timestamp) -> Self {
        Self {
            scope,
            hash,
            made,
            grants: Vec::new(),
            second: None,
            epoch: 0,
            views: Vec::new(),
        }
    }

    /// A new account where there may have been another before: its sessions do not hold for this one.
    #[must_use]
    pub fn anew(scope: Scope, hash: String, made: Timestamp) -> Self {
        Self {
            epoch: made.0,
            ..Self::new(scope, hash, made)
        }
    }

    /// What it is by its login, with what was granted there.
    #[must_use]
    pub fn own(&self) -> Principal {
        let own = Principal::of(self.scope.clone());
        let here = |grant: &&Grant| grant.scope == own.scope && grant.role == own.role;
        let more = self.grants.iter().filter(here);
        let more = more.fold(Rights::NONE, |all, grant| all.and(grant.rights));
        own.with(more)
    }

    /// All that it may act as, its own first.
    #[must_use]
    pub fn principals(&self) -> Vec<Principal> {
        let own = self.own();
        let others = self
            .grants
            .iter()
            .filter(|grant| grant.scope != own.scope || grant.role != own.role)
            .map(|grant| {
                Principal::new(&own.who, grant.role, grant.scope.clone()).with(grant.rights)
            });
        let others: Vec<Principal> = others.collect();
        std::iter::once(own).chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Right;

    #[test]
    fn se06_an_account_of_before_still_reads() {
        let old = r#"{"scope":"alice@example.org","hash":"$argon2id$x","made":5}"#;
        let account: Account = serde_json::from_str(old).expect("account");
        let new = Account::new(account.scope.clone(), "$argon2id$x".into(), Timestamp(5));
        assert_eq!(account, new);
        // And what has nothing new is written as before: an older version reads it.
        assert_eq!(serde_json::to_string(&account).expect("text"), old);
        assert_eq!(account.principals(), [Principal::of(account.scope.clone())]);
    }

    #[test]
    fn xx12_grants_make_principals_that_keep_the_login() {
        let scope = |text: &str| text.parse::<Scope>().expect("scope");
        let mut account = Account::new(scope("alice@example.org"), String::new(), Timestamp(0));
        let grant = |role, of: &str, rights: &[Right]| Grant {
            role,
            scope: scope(of),
            rights: rights.iter().copied().collect(),
            by: "global".into(),
            at: Timestamp(1),
        };
        account.grants = vec![
            grant(
                Role::Recipient,
                "alice@example.org",
                &[Right::HandleMalware],
            ),
            grant(Role::Helpdesk, "example.org", &[]),
            grant(Role::Recipient, "sales@example.org", &[]),
        ];
        let all = account.principals();
        let shown: Vec<String> = all
            .iter()
            .map(|p| format!("{} {} {}", p.who, p.role.name(), p.scope))
            .collect();
        assert_eq!(
            shown,
            [
                "alice@example.org recipient alice@example.org",
                "alice@example.org helpdesk example.org",
                "alice@example.org recipient sales@example.org",
            ]
        );
        assert!(all[0].has(Right::HandleMalware) && !all[2].has(Right::HandleMalware));
        assert!(!all[1].has(Right::SeeBodies) && all[0].is_itself() && !all[2].is_itself());
        let again: Account =
            serde_json::from_str(&serde_json::to_string(&account).expect("text")).expect("account");
        assert_eq!(again, account);
    }
}

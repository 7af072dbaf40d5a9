//! Who acts: a login with a role, a scope and rights.

use serde::{Deserialize, Serialize};

use super::{Right, Rights, Scope};

/// What a principal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees and acts on its own mail.
    Recipient,
    /// The same for all of a domain, and sets things there.
    DomainAdministrator,
    /// The same for everything.
    Administrator,
    /// The house itself: expiry, delivery.
    House,
    /// Reads entries and the log, opens nothing, acts on nothing.
    Helpdesk,
    /// Reads entries, the log and what is set; opens nothing, acts on nothing.
    Auditor,
}

impl Role {
    /// True if the role may be given within `scope` (SE-06). `House` never is.
    #[must_use]
    pub fn fits(self, scope: &Scope) -> bool {
        match self {
            Role::House => false,
            Role::Administrator => *scope == Scope::Global,
            Role::DomainAdministrator => matches!(scope, Scope::Domain(_)),
            Role::Recipient => matches!(scope, Scope::Recipient(_)),
            Role::Helpdesk | Role::Auditor => !matches!(scope, Scope::Recipient(_)),
        }
    }

    /// True if the role looks after others' mail.
    #[must_use]
    pub fn is_over_others(self) -> bool {
        self != Role::Recipient
    }

    /// The name as it is stored and typed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::Recipient => "recipient",
            Role::DomainAdministrator => "domain_administrator",
            Role::Administrator => "administrator",
            Role::House => "house",
            Role::Helpdesk => "helpdesk",
            Role::Auditor => "auditor",
        }
    }
}

/// A visitor who proved who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The login of the person, whatever it acts as; what the history shows.
    pub who: String,
    pub role: Role,
    pub scope: Scope,
    /// What the role gives, with what a grant adds, without what an API key leaves out.
    pub rights: Rights,
}

impl Principal {
    /// `who` with what `role` gives within `scope`.
    #[must_use]
    pub fn new(who: &str, role: Role, scope: Scope) -> Self {
        Self {
            who: who.to_owned(),
            role,
            scope,
            rights: Rights::of(role),
        }
    }

    /// The house itself; `what` names the chore.
    #[must_use]
    pub fn house(what: &str) -> Self {
        Self::new(what, Role::House, Scope::Global)
    }

    /// The principal whose login is `scope`: `global`, a domain, or an address (SE-06).
    #[must_use]
    pub fn of(scope: Scope) -> Self {
        let role = match scope {
            Scope::Global => Role::Administrator,
            Scope::Domain(_) => Role::DomainAdministrator,
            Scope::Recipient(_) => Role::Recipient,
        };
        Self::new(&scope.to_string(), role, scope)
    }

    /// The same with `rights` more.
    #[must_use]
    pub fn with(mut self, rights: Rights) -> Self {
        self.rights = self.rights.and(rights);
        self
    }

    /// True if it has `right` within its scope.
    #[must_use]
    pub fn has(&self, right: Right) -> bool {
        self.rights.has(right)
    }

    /// True if it acts for itself in its own scope, not for somebody else.
    #[must_use]
    pub fn is_itself(&self) -> bool {
        self.who == self.scope.to_string()
    }

    /// True if `role`, with `rights`, within `scope`, is no more than it has itself.
    #[must_use]
    pub fn covers(&self, role: Role, scope: &Scope, rights: Rights) -> bool {
        let ranks = !role.is_over_others() || self.role.is_over_others();
        ranks && self.scope.holds(scope) && self.rights.holds(rights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> Scope {
        text.parse().expect("scope")
    }

    #[test]
    fn se06_a_login_tells_the_role() {
        for (login, role) in [
            ("global", Role::Administrator),
            ("example.org", Role::DomainAdministrator),
            ("alice@example.org", Role::Recipient),
        ] {
            let principal = Principal::of(scope(login));
            assert_eq!((principal.role, principal.who.as_str()), (role, login));
            assert!(principal.is_itself());
        }
    }

    #[test]
    fn xx12_a_role_fits_its_kind_of_scope() {
        let scopes = ["global", "example.org", "alice@example.org"];
        for (role, row) in [
            (Role::Administrator, [true, false, false]),
            (Role::DomainAdministrator, [false, true, false]),
            (Role::Helpdesk, [true, true, false]),
            (Role::Auditor, [true, true, false]),
            (Role::Recipient, [false, false, true]),
            (Role::House, [false, false, false]),
        ] {
            assert_eq!(scopes.map(|of| role.fits(&scope(of))), row, "{role:?}");
            let text = serde_json::to_value(role).expect("text");
            assert_eq!(text, role.name());
        }
    }

    #[test]
    fn xx12_nobody_covers_more_than_they_have() {
        let domain = Principal::of(scope("example.org"));
        let alice = Principal::of(scope("alice@example.org"));
        let rights = Rights::of;
        for (by, role, of, want) in [
            (&domain, Role::Helpdesk, "example.org", true),
            (&domain, Role::Recipient, "alice@example.org", true),
            (&domain, Role::Helpdesk, "other.org", false),
            (&domain, Role::Administrator, "global", false),
            (&alice, Role::Recipient, "alice@example.org", true),
            (&alice, Role::Recipient, "bob@example.org", false),
            (&alice, Role::Helpdesk, "alice@example.org", false),
        ] {
            assert_eq!(
                by.covers(role, &scope(of), rights(role)),
                want,
                "{role:?} {of}"
            );
        }
        let own = scope("alice@example.org");
        assert!(!alice.covers(Role::Recipient, &own, Rights::all()));
    }
}

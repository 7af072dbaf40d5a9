//! Rights: what not everybody may do (XX-12, SE-18), and sets of them.

use serde::{Deserialize, Serialize};

use super::Role;

/// What not everybody may do within its scope. Entries and the log, without content, are
/// read by everybody who has the scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// See the content of malware, and release it.
    HandleMalware,
    /// Release what was caught on its way out.
    ReleaseOutgoing,
    /// Set accounts, policies and lists of the scope.
    Administer,
    /// Open mail. Of others' mail the policy says `admin_bodies` too.
    SeeBodies,
    /// Act on entries, teach, and set flags and the own list.
    Act,
    /// Ask that something be released.
    RequestRelease,
    /// Read accounts, domains, policies and lists of the scope, and what was set there by whom.
    ReadSettings,
    /// Add and remove domains, and say where their mail goes and who knows their users'
    /// passwords: who may do so can have mail sent elsewhere. With `Administer`, within the
    /// whole house only.
    SetRoutes,
}

impl Right {
    /// All of them.
    pub const ALL: [Right; 8] = [
        Right::HandleMalware,
        Right::ReleaseOutgoing,
        Right::Administer,
        Right::SeeBodies,
        Right::Act,
        Right::RequestRelease,
        Right::ReadSettings,
        Right::SetRoutes,
    ];

    /// The name as it is stored and typed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Right::HandleMalware => "handle_malware",
            Right::ReleaseOutgoing => "release_outgoing",
            Right::Administer => "administer",
            Right::SeeBodies => "see_bodies",
            Right::Act => "act",
            Right::RequestRelease => "request_release",
            Right::ReadSettings => "read_settings",
            Right::SetRoutes => "set_routes",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A set of rights; written as a list of their names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Right>", into = "Vec<Right>")]
pub struct Rights(u16);

impl Rights {
    pub const NONE: Rights = Rights(0);

    /// Every right there is.
    #[must_use]
    pub fn all() -> Self {
        Right::ALL.into_iter().collect()
    }

    /// What `role` gives.
    #[must_use]
    pub fn of(role: Role) -> Self {
        match role {
            Role::House | Role::Administrator => Self::all(),
            Role::DomainAdministrator => {
                Self::all().without([Right::SetRoutes].into_iter().collect())
            }
            Role::Recipient => [
                Right::SeeBodies,
                Right::Act,
                Right::RequestRelease,
                Right::ReadSettings,
            ]
            .into_iter()
            .collect(),
            Role::Auditor => [Right::ReadSettings].into_iter().collect(),
            Role::Helpdesk => Self::NONE,
        }
    }

    #[must_use]
    pub fn has(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }

    /// True if all of `other` is in `self`.
    #[must_use]
    pub fn holds(self, other: Rights) -> bool {
        self.0 & other.0 == other.0
    }

    /// What is in either.
    #[must_use]
    pub fn and(self, other: Rights) -> Rights {
        Rights(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub fn within(self, other: Rights) -> Rights {
        Rights(self.0 & other.0)
    }

    /// What is in `self` but not in `other`.
    #[must_use]
    pub fn without(self, other: Rights) -> Rights {
        Rights(self.0 & !other.0)
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Right> {
        Right::ALL.into_iter().filter(move |right| self.has(*right))
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        Rights(rights.into_iter().fold(0, |set, right| set | right.bit()))
    }
}

impl From<Vec<Right>> for Rights {
    fn from(rights: Vec<Right>) -> Self {
        rights.into_iter().collect()
    }
}

impl From<Rights> for Vec<Right> {
    fn from(rights: Rights) -> Self {
        rights.iter().collect()
    }
}

impl std::fmt::Debug for Rights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XX-12: what each role gives, right by right, in the order of [`Right::ALL`].
    #[test]
    fn xx12_the_table_of_roles_and_rights() {
        let table = [
            (Role::House, "yes yes yes yes yes yes yes yes"),
            (Role::Administrator, "yes yes yes yes yes yes yes yes"),
            (Role::DomainAdministrator, "yes yes yes yes yes yes yes no"),
            (Role::Recipient, "no no no yes yes yes yes no"),
            (Role::Auditor, "no no no no no no yes no"),
            (Role::Helpdesk, "no no no no no no no no"),
        ];
        for (role, row) in table {
            let rights = Rights::of(role);
            let found = Right::ALL.map(|right| if rights.has(right) { "yes" } else { "no" });
            assert_eq!(found.join(" "), row, "{role:?}");
        }
    }

    #[test]
    fn rights_are_typed_as_they_are_stored() {
        for right in Right::ALL {
            assert_eq!(serde_json::to_value(right).expect("text"), right.name());
        }
    }

    #[test]
    fn sets_of_rights_survive_text() {
        for role in [Role::Helpdesk, Role::Recipient, Role::Administrator] {
            let rights = Rights::of(role);
            let text = serde_json::to_string(&rights).expect("text");
            assert_eq!(serde_json::from_str::<Rights>(&text).expect("set"), rights);
        }
        let (some, one) = (Rights::of(Role::Recipient), Rights::of(Role::Auditor));
        assert!(some.holds(one) && !one.holds(some));
        assert_eq!(some.without(one).and(one), some);
        assert_eq!(some.within(one), one);
        assert!(some.without(some).is_empty());
    }
}

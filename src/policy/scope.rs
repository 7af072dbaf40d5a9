//! Scopes: everything, one domain, one recipient. Policies, lists, accounts and views have one.

use std::fmt;
use std::str::FromStr;

use crate::mail::{Address, Domain};

/// What a policy, a list entry or an account speaks of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    Global,
    Domain(Domain),
    Recipient(Address),
}

/// A text is not a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a scope: write global, a domain, or an address")]
pub struct ScopeError(String);

impl Scope {
    /// True if all of `other` lies in `self`.
    #[must_use]
    pub fn holds(&self, other: &Scope) -> bool {
        match (self, other) {
            (Scope::Global, _) => true,
            (Scope::Domain(own), Scope::Domain(domain)) => own == domain,
            (Scope::Domain(own), Scope::Recipient(address)) => own == address.domain(),
            (Scope::Recipient(own), Scope::Recipient(address)) => own == address,
            (_, Scope::Global) | (Scope::Recipient(_), Scope::Domain(_)) => false,
        }
    }

    /// True if `address` lies in `self`.
    #[must_use]
    pub fn holds_address(&self, address: &Address) -> bool {
        match self {
            Scope::Global => true,
            Scope::Domain(own) => own == address.domain(),
            Scope::Recipient(own) => own == address,
        }
    }

    /// The scopes that speak of `address`, the widest first.
    #[must_use]
    pub fn chain(address: &Address) -> [Scope; 3] {
        [
            Scope::Global,
            Scope::Domain(address.domain().clone()),
            Scope::Recipient(address.clone()),
        ]
    }

    /// The scopes whose settings hold at this one: the widest first, itself last.
    #[must_use]
    pub fn with_wider(&self) -> Vec<Scope> {
        match self {
            Scope::Global => vec![Scope::Global],
            Scope::Domain(_) => vec![Scope::Global, self.clone()],
            Scope::Recipient(address) => Scope::chain(address).into(),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Global => f.write_str("global"),
            Scope::Domain(domain) => domain.fmt(f),
            Scope::Recipient(address) => f.write_str(address.key()),
        }
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let fault = |_| ScopeError(text.chars().take(80).collect());
        if text.eq_ignore_ascii_case("global") {
            Ok(Scope::Global)
        } else if text.contains('@') {
            text.parse().map(Scope::Recipient).map_err(fault)
        } else {
            text.parse().map(Scope::Domain).map_err(fault)
        }
    }
}

crate::serde_as_text!(Scope);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se06_a_domain_never_holds_another() {
        let scope = |t: &str| t.parse::<Scope>().expect("scope");
        let all = [
            "global",
            "example.org",
            "other.org",
            "a@example.org",
            "a@other.org",
        ];
        let holds = |outer: &str| -> Vec<&str> {
            all.into_iter()
                .filter(|inner| scope(outer).holds(&scope(inner)))
                .collect()
        };
        assert_eq!(holds("global"), all);
        assert_eq!(holds("example.org"), ["example.org", "a@example.org"]);
        assert_eq!(holds("a@example.org"), ["a@example.org"]);
        assert!(!scope("example.org").holds(&scope("sub.example.org")));
    }
}

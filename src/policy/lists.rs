//! Allow and block lists at global, domain and recipient level.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Scope;
use crate::clock::Timestamp;
use crate::mail::{Address, Domain};
use crate::net::network::Network;

/// What an entry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListKind {
    Allow,
    Block,
}

impl fmt::Display for ListKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ListKind::Allow => "allow",
            ListKind::Block => "block",
        })
    }
}

/// What an entry speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// `a@example.org`
    Address(Address),
    /// `example.org`: that domain alone.
    Domain(Domain),
    /// `*.example.org`: that domain and all below it.
    Below(Domain),
    /// `news-*@example.org`: `*` stands for any run of characters, in lower case.
    Wildcard(String),
    /// `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`
    Network(Network),
}

/// A text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a pattern: write an address, a domain, *.domain, an address with *, or an IP network"
)]
pub struct PatternError(String);

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let text = text.trim();
        let fault = || PatternError(text.chars().take(80).collect());
        if let Ok(network) = text.parse() {
            return Ok(Pattern::Network(network));
        }
        if let Some(below) = text.strip_prefix("*.").or(text.strip_prefix("*@*.")) {
            return below.parse().map(Pattern::Below).map_err(|_| fault());
        }
        if let Some(domain) = text
            .strip_prefix("*@")
            .or(text.strip_prefix('@'))
            .filter(|d| !d.contains('*'))
        {
            return domain.parse().map(Pattern::Domain).map_err(|_| fault());
        }
        if text.contains('*') {
            let plain =
                text.len() <= 320 && text.contains('@') && !text.contains(char::is_whitespace);
            return if plain {
                Ok(Pattern::Wildcard(text.to_lowercase()))
            } else {
                Err(fault())
            };
        }
        if text.contains('@') {
            return text.parse().map(Pattern::Address).map_err(|_| fault());
        }
        text.parse().map(Pattern::Domain).map_err(|_| fault())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Address(address) => f.write_str(address.key()),
            Pattern::Domain(domain) => domain.fmt(f),
            Pattern::Below(domain) => write!(f, "*.{domain}"),
            Pattern::Wildcard(text) => f.write_str(text),
            Pattern::Network(network) => network.fmt(f),
        }
    }
}

crate::serde_as_text!(Pattern);

impl Pattern {
    /// True if the pattern speaks of this sender.
    #[must_use]
    pub fn matches_address(&self, sender: &Address) -> bool {
        match self {
            Pattern::Address(address) => address == sender,
            Pattern::Domain(domain) => domain == sender.domain(),
            Pattern::Below(domain) => sender.domain().is_within(domain),
            Pattern::Wildcard(text) => glob(text.as_bytes(), sender.key().as_bytes()),
            Pattern::Network(..) => false,
        }
    }

    /// True if the pattern speaks of this client.
    #[must_use]
    pub fn matches_client(&self, client: IpAddr) -> bool {
        match self {
            Pattern::Network(network) => network.holds(client),
            _ => false,
        }
    }
}

/// `*` matches any run; linear in the product of the lengths, both bounded.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            p += 1;
            t += 1;
        } else if let Some((star_p, star_t)) = star {
            star = Some((star_p, star_t + 1));
            p = star_p + 1;
            t = star_t + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

/// How an entry came into its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Somebody made it.
    #[default]
    Hand,
    /// The owner of the list wrote to that address (IW-04).
    Correspondent,
    /// The sender answered a challenge (IW-06).
    Challenge,
}

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListEntry {
    pub scope: Scope,
    pub kind: ListKind,
    pub pattern: Pattern,
    /// The login that made it.
    pub by: String,
    /// For a correspondent: when a mail last went there, to the day.
    pub made: Timestamp,
    /// Free words.
    pub note: String,
    #[serde(default)]
    pub origin: Origin,
    /// From this time on it does not count; it is removed then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

impl ListEntry {
    /// False once it expired.
    #[must_use]
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

/// What the lists say of a mail for one recipient.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    pub kind: ListKind,
    pub scope: Scope,
    pub pattern: Pattern,
}

impl Listed {
    /// In plain words.
    #[must_use]
    pub fn reason(&self) -> String {
        let verb = match self.kind {
            ListKind::Allow => "allows",
            ListKind::Block => "blocks",
        };
        format!("the {} list {verb} {}", self.scope, self.pattern)
    }
}

/// Asks the lists of all scopes of one recipient: the narrower scope wins, and
/// within one scope allow wins. Each of the `senders` comes with whether it is believed: allow entries
/// speak of those alone, block entries of all.
#[must_use]
pub fn listed<'a, 'e>(
    entries: impl IntoIterator<Item = &'e ListEntry>,
    senders: impl Iterator<Item = (&'a Address, bool)> + Clone,
    client: IpAddr,
) -> Option<Listed> {
    let rank = |entry: &ListEntry| {
        let scope = match entry.scope {
            Scope::Global => 0,
            Scope::Domain(_) => 1,
            Scope::Recipient(_) => 2,
        };
        (scope, entry.kind == ListKind::Allow)
    };
    entries
        .into_iter()
        .filter(|entry| {
            let blocks = entry.kind == ListKind::Block;
            let mut meant = senders.clone().filter(|(_, believed)| blocks || *believed);
            entry.pattern.matches_client(client)
                || meant.any(|(sender, _)| entry.pattern.matches_address(sender))
        })
        .max_by_key(|entry| rank(entry))
        .map(|entry| Listed {
            kind: entry.kind,
            scope: entry.scope.clone(),
            pattern: entry.pattern.clone(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().expect("pattern")
    }

    #[test]
    fn patterns_match_what_they_say() {
        let hit = |p: &str, a: &str| pattern(p).matches_address(&a.parse().expect("address"));
        assert!(hit("a@example.org", "A@Example.org"));
        assert!(hit("example.org", "x@example.org") && !hit("example.org", "x@sub.example.org"));
        assert!(hit("*.example.org", "x@sub.example.org") && hit("*.example.org", "x@example.org"));
        assert!(!hit("*.example.org", "x@badexample.org"));
        assert!(
            hit("news-*@*.org", "news-7@example.org") && !hit("news-*@*.org", "old-7@example.org")
        );
        let from = |p: &str, ip: &str| pattern(p).matches_client(ip.parse().expect("ip"));
        assert!(from("192.0.2.0/24", "192.0.2.77") && !from("192.0.2.0/24", "192.0.3.1"));
        assert!(from("192.0.2.1", "::ffff:192.0.2.1") && from("2001:db8::/32", "2001:db8:1::1"));
        assert!(from("0.0.0.0/0", "192.0.2.1") && !from("0.0.0.0/0", "2001:db8::1"));
        for bad in ["", "a b", "*", "1.2.3.4/33", "a@b@", "*@"] {
            assert!(bad.parse::<Pattern>().is_err(), "{bad:?}");
        }
        for text in [
            "a@example.org",
            "example.org",
            "*.example.org",
            "a*@example.org",
            "192.0.2.0/24",
        ] {
            assert_eq!(pattern(text).to_string(), text);
        }
    }

    #[test]
    fn the_narrower_scope_wins_and_a_forger_is_not_allowed() {
        let entry = |scope: &str, kind| ListEntry {
            scope: scope.parse().expect("scope"),
            kind,
            pattern: pattern("a@x.org"),
            by: String::new(),
            made: Timestamp(0),
            note: String::new(),
            origin: Origin::Hand,
            expires: None,
        };
        let ask = |entries: &[ListEntry], forged: bool| {
            let sender: Address = "a@x.org".parse().expect("address");
            let client = "192.0.2.1".parse().expect("ip");
            listed(entries, [(&sender, !forged)].into_iter(), client).map(|l| l.kind)
        };
        let block = entry("global", ListKind::Block);
        let allow = entry("b@example.org", ListKind::Allow);
        assert_eq!(
            ask(&[allow.clone(), block.clone()], false),
            Some(ListKind::Allow)
        );
        assert_eq!(ask(&[allow.clone(), block], true), Some(ListKind::Block));
        assert_eq!(
            ask(&[allow, entry("b@example.org", ListKind::Block)], false),
            Some(ListKind::Allow)
        );
        assert_eq!(ask(&[], false), None);
        // Somebody believed writes under the path of somebody who is not.
        let both = |entries: &[ListEntry]| {
            let (path, author) = ("a@x.org".parse(), "b@x.org".parse());
            let (path, author): (Address, Address) = (path.expect("a"), author.expect("b"));
            let senders = [(&path, false), (&author, true)];
            let client = "192.0.2.1".parse().expect("ip");
            listed(entries, senders.into_iter(), client).map(|l| l.kind)
        };
        let allow = entry("global", ListKind::Allow);
        let author = ListEntry {
            pattern: pattern("b@x.org"),
            ..allow.clone()
        };
        assert_eq!(both(&[allow]), None);
        assert_eq!(both(&[author]), Some(ListKind::Allow));
        let block = entry("global", ListKind::Block);
        assert_eq!(both(&[block]), Some(ListKind::Block));
    }
}

//! Mail addresses and domains as they stand in an SMTP envelope (RFC 5321, RFC 6531).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// Longest local part, in octets. RFC 5321 section 4.5.3.1.1 asks for 64, and for no limit where
/// that can be; addresses to unsubscribe at and to return mail to are often longer.
const LOCAL_LONGEST: usize = 255;

/// Why a text is not an address or a domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("an address needs one @ between local part and domain")]
    NoAt,
    #[error(
        "the local part is empty, longer than {LOCAL_LONGEST} octets, or holds a forbidden character"
    )]
    LocalPart,
    #[error("'{0}' is not a domain name")]
    Domain(String),
}

/// A domain name, lower case, in A-label form (RFC 5890), without a trailing dot;
/// or an address literal such as `[192.0.2.1]`. At most 255 octets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(String);

impl Domain {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if `self` is `other` or lies below it.
    #[must_use]
    pub fn is_within(&self, other: &Domain) -> bool {
        self.0 == other.0
            || self
                .0
                .strip_suffix(other.0.as_str())
                .is_some_and(|head| head.ends_with('.'))
    }
}

impl FromStr for Domain {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let fault = || AddressError::Domain(text.chars().take(80).collect());
        if let Some(inner) = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            let bare = inner
                .strip_prefix("IPv6:")
                .or(inner.strip_prefix("ipv6:"))
                .unwrap_or(inner);
            bare.parse::<std::net::IpAddr>().map_err(|_| fault())?;
            return Ok(Self(text.to_ascii_lowercase()));
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        let ascii = if text.is_ascii() {
            text.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii(text).map_err(|_| fault())?
        };
        let label_ok = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if ascii.is_empty() || ascii.len() > 255 || !ascii.split('.').all(label_ok) {
            return Err(fault());
        }
        Ok(Self(ascii))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A mailbox as in `RCPT TO:<local@domain>`.
///
/// The text is kept as it was given, because the destination may care; two
/// addresses are equal if they differ in case or in needless quotes only (RFC 5321
/// section 4.1.2), because a quarantine with two owners for one mailbox helps nobody.
#[derive(Clone)]
pub struct Address {
    local: String,
    domain: Domain,
    key: String,
}

impl Address {
    /// The local part as given; quoted when it was given quoted.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The canonical text by which addresses are compared and indexed.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// True if SMTPUTF8 is needed to send to or from this address (RFC 6531).
    #[must_use]
    pub fn needs_utf8(&self) -> bool {
        !self.local.is_ascii()
    }
}

/// The octets of an RFC 5321 local part: a dot-string of atext, or a quoted string.
fn local_part_ok(local: &str) -> bool {
    if local.is_empty() || local.len() > LOCAL_LONGEST {
        return false;
    }
    if let Some(inner) = local
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        let mut escaped = false;
        for c in inner.chars() {
            match c {
                _ if c.is_control() => return false,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => return false,
                _ => {}
            }
        }
        return !escaped;
    }
    // Stray dots are wrong by the grammar, but real mailboxes have them.
    let atext =
        |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    local
        .chars()
        .all(|c| atext(c) && !c.is_control() && !c.is_whitespace())
}

/// The local part without the quotes and escapes that it does not need, so that nobody gets
/// around somebody's policy, lists or lock by another spelling of the same mailbox.
fn unquoted(local: &str) -> String {
    let inner = local.strip_prefix('"').and_then(|l| l.strip_suffix('"'));
    let Some(inner) = inner else {
        return local.to_owned();
    };
    let mut bare = String::with_capacity(inner.len());
    let mut escaped = false;
    for c in inner.chars() {
        escaped = c == '\\' && !escaped;
        if !escaped {
            bare.push(c);
        }
    }
    if !bare.starts_with('"') && local_part_ok(&bare) {
        return bare;
    }
    format!("\"{}\"", bare.replace('\\', "\\\\").replace('"', "\\\""))
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (local, domain) = text.rsplit_once('@').ok_or(AddressError::NoAt)?;
        if !local_part_ok(local) {
            return Err(AddressError::LocalPart);
        }
        let domain: Domain = domain.parse()?;
        let key = format!("{}@{}", unquoted(local).to_lowercase(), domain);
        Ok(Self {
            local: local.to_owned(),
            domain,
            key,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{self}>")
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}
impl Eq for Address {}
impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}
impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Address {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

crate::serde_as_text!(Domain, Address);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_equal_but_for_case_and_keep_their_text() {
        let a: Address = "Alice@Example.ORG".parse().expect("address");
        let b: Address = "alice@example.org".parse().expect("address");
        assert_eq!(a, b);
        assert_eq!(a.to_string(), "Alice@example.org");
    }

    #[test]
    fn se06_needless_quotes_make_no_other_mailbox() {
        let key = |text: &str| text.parse::<Address>().expect("address").key().to_owned();
        for same in ["\"alice\"@example.org", "\"\\a\\l\\ice\"@example.org"] {
            assert_eq!(key(same), "alice@example.org");
        }
        for (text, want) in [
            ("\"a b\"@x.org", "\"a b\"@x.org"),
            ("\"\\a b\"@x.org", "\"a b\"@x.org"),
            ("\"a\\\"b\"@x.org", "\"a\\\"b\"@x.org"),
            ("\"a\\\\b\"@x.org", "\"a\\\\b\"@x.org"),
            ("\"\\\"a\\\"\"@x.org", "\"\\\"a\\\"\"@x.org"),
            ("\"a@y.org\"@x.org", "\"a@y.org\"@x.org"),
            ("\"\"@x.org", "\"\"@x.org"),
        ] {
            assert_eq!(key(text), want);
            assert_eq!(key(&key(text)), want, "a key is its own key");
        }
    }

    #[test]
    fn bad_addresses_are_refused() {
        for text in [
            "",
            "alice",
            "@example.org",
            "a b@example.org",
            "a@",
            "a@-x.org",
            "a\"b@x.org",
            "a@x..org",
            "\"a\"b\"@x.org",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?} was taken");
        }
        let long = format!("{}@example.org", "a".repeat(LOCAL_LONGEST + 1));
        assert_eq!(long.parse::<Address>(), Err(AddressError::LocalPart));
    }

    #[test]
    fn quoted_international_and_literal_forms_are_taken() {
        for text in [
            "\"a b\"@example.org",
            "jörg@exämple.org",
            "a@[192.0.2.1]",
            "a@[IPv6:2001:db8::1]",
            "o'neil+tag@example.org",
        ] {
            assert!(text.parse::<Address>().is_ok(), "{text:?} was refused");
        }
        let a: Address = "a@exämple.org".parse().expect("address");
        assert_eq!(a.domain().as_str(), "xn--exmple-cua.org");
    }

    #[test]
    fn within_is_by_label() {
        let d = |t: &str| t.parse::<Domain>().expect("domain");
        assert!(d("a.example.org").is_within(&d("example.org")));
        assert!(!d("badexample.org").is_within(&d("example.org")));
    }
}

//! Asking an LDAP directory for passwords: its options, and what of them can be checked before it is asked.

#[cfg(feature = "ldap")]
mod ask;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::mail::Domain;
use crate::options::Span;

#[cfg(feature = "ldap")]
pub use ask::{Ldap, OpenError};

crate::options! {
    /// A directory (LDAP version 3) that knows the passwords of people. A login that is an address of
    /// our domains is looked for there, and its entry's password decides, at every door; where a
    /// domain names its IMAP server, that one decides. Needs a build with `--features ldap`.
    pub struct Options in "ldap" {
        /// Where it is: "ldaps://host", or "ldap://host" for TLS by StartTLS. Without one no
        /// directory is asked.
        pub url: Option<Place> = None,
        /// With ldap://, speak without TLS: to this machine only.
        pub plain: bool = false,
        /// Certificates of the authority that signed the directory's own, PEM, beside the public ones.
        pub ca_file: Option<PathBuf> = None,
        /// Who we are there while we look for entries; without one, nobody.
        pub bind_dn: Option<String> = None,
        /// A file that holds the password of `bind_dn`, readable for us alone.
        pub bind_password_file: Option<PathBuf> = None,
        /// Below which entry people are looked for, as in "ou=people,dc=example,dc=org".
        pub base: String = String::new(),
        /// What finds the entry of a login (RFC 4515): {login} stands for the address, {local} and {domain}
        /// for its parts. Who matches more than one entry is not let in.
        pub filter: String = "(mail={login})".to_owned(),
        /// The domains whose people are there; without one, all of ours. Name them where the filter
        /// looks at {local} alone: or alice of one domain is let in as alice of the other.
        pub domains: Vec<Domain> = Vec::new(),
        /// How long it may take to answer, all together.
        pub time: Span = Span::seconds(10),
        /// Connections at the same time.
        pub connections: u32 = 16,
    }
}

/// What stands for the login in a filter.
const PLACEHOLDERS: [&str; 3] = ["{login}", "{local}", "{domain}"];

impl Options {
    /// What no single option can see.
    ///
    /// # Errors
    /// Names the option and the remedy.
    pub fn check(&self) -> Result<(), String> {
        let Some(place) = &self.url else {
            return Ok(());
        };
        if !cfg!(feature = "ldap") {
            return Err(
                "[ldap] url: this build has no LDAP; build it with `--features ldap`".to_owned(),
            );
        }
        if self.plain && (place.tls || !place.is_here()) {
            return Err(format!(
                "[ldap] plain: passwords travel to {place} under TLS only; plain is for ldap:// on this machine"
            ));
        }
        // The domain alone would find everybody's entry.
        let [login, local, _] = PLACEHOLDERS;
        if !self.filter.contains(login) && !self.filter.contains(local) {
            return Err(format!(
                "[ldap] filter: {login} or {local} must stand in it, as in \"(mail={login})\""
            ));
        }
        if self.bind_dn.is_some() != self.bind_password_file.is_some() {
            return Err(
                "[ldap] bind_dn and bind_password_file go together: set both, or neither"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// Where a directory is: `ldaps://host[:port]` or `ldap://host[:port]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// TLS from the first octet.
    tls: bool,
    host: String,
    port: u16,
}

/// A text is not the place of a directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a directory's place; write ldaps://host or ldap://host, and :port where it differs"
)]
pub struct PlaceError(String);

impl Place {
    const LDAPS: u16 = 636;
    const LDAP: u16 = 389;

    /// True if it is on this machine: nobody listens on the way.
    fn is_here(&self) -> bool {
        let ip = self.host.parse::<IpAddr>();
        self.host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let fault = || PlaceError(text.chars().take(80).collect());
        let (tls, rest) = match text.split_once("://") {
            Some(("ldaps", rest)) => (true, rest),
            Some(("ldap", rest)) => (false, rest),
            _ => return Err(fault()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.split_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| fault())?),
            None if tls => (rest, Self::LDAPS),
            None => (rest, Self::LDAP),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if host.is_empty() || port == 0 || !host.chars().all(plain) {
            return Err(fault());
        }
        Ok(Self {
            tls,
            host: host.to_ascii_lowercase(),
            port,
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.tls {
            ("ldaps", Self::LDAPS)
        } else {
            ("ldap", Self::LDAP)
        };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port != usual {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

crate::serde_as_text!(Place);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_as_they_are_written() {
        for text in [
            "ldaps://dc.example.org",
            "ldap://localhost:3890",
            "ldap://127.0.0.1",
        ] {
            let place = text.parse::<Place>().expect("place");
            assert_eq!(place.to_string(), text);
        }
        for bad in [
            "",
            "dc.example.org",
            "https://dc.example.org",
            "ldap://",
            "ldap://a:0",
            "ldap://a:x",
            "ldap://a/dc=x",
            "ldap://a@b",
            "ldapi:///run/x",
        ] {
            assert!(bad.parse::<Place>().is_err(), "{bad:?}");
        }
    }

    #[cfg(feature = "ldap")]
    #[test]
    fn what_would_be_unsafe_is_refused() {
        let check = |url: &str, change: &dyn Fn(&mut Options)| {
            let mut options = Options {
                url: url.parse().ok(),
                ..Options::default()
            };
            change(&mut options);
            options.check().err().unwrap_or_default()
        };
        assert_eq!(check("ldap://dc.test", &|_| ()), "");
        assert_eq!(check("ldap://localhost", &|o| o.plain = true), "");
        let far = check("ldap://dc.test", &|o| o.plain = true);
        assert!(far.contains("[ldap] plain"), "{far}");
        let all = check("ldap://dc.test", &|o| o.filter = "(o={domain})".to_owned());
        assert!(all.contains("[ldap] filter"), "{all}");
        let half = check("ldap://dc.test", &|o| o.bind_dn = Some("cn=x".to_owned()));
        assert!(half.contains("set both"), "{half}");
    }

    #[cfg(not(feature = "ldap"))]
    #[test]
    fn a_build_without_it_says_so() {
        let options = Options {
            url: "ldaps://dc.test".parse().ok(),
            ..Options::default()
        };
        assert!(options.check().expect_err("refused").contains("--features"));
    }
}

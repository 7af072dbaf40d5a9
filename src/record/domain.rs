//! Domains we protect, and the routes to their mail servers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ImapServer;
use crate::mail::Domain;

/// How much TLS a route asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RouteTls {
    /// STARTTLS where it is offered; the certificate is not checked (RFC 7435).
    #[default]
    Opportunistic,
    /// STARTTLS with a valid certificate, or the route is not used.
    Required,
    /// No TLS.
    None,
}

/// A host that takes mail: `host:port`, with `,tls=required|none` and `,priority=N`
/// behind it where asked. Lower priorities are tried first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Route {
    pub host: String,
    pub port: u16,
    pub tls: RouteTls,
    pub priority: u16,
}

/// A text is not a route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a route: write host:port, and ,tls=required|none or ,priority=N behind it where needed"
)]
pub struct RouteError(String);

impl FromStr for Route {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, RouteError> {
        let fault = || RouteError(text.chars().take(80).collect());
        let mut parts = text.split(',').map(str::trim);
        let place = parts.next().ok_or_else(fault)?;
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| fault())?),
            None => (place, 25),
        };
        let host = host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
            .unwrap_or(host);
        if host.parse::<std::net::IpAddr>().is_err() && host.parse::<Domain>().is_err() || port == 0
        {
            return Err(fault());
        }
        let mut route = Route {
            host: host.to_owned(),
            port,
            tls: RouteTls::default(),
            priority: 10,
        };
        for part in parts {
            match part.split_once('=') {
                Some(("tls", "required")) => route.tls = RouteTls::Required,
                Some(("tls", "none")) => route.tls = RouteTls::None,
                Some(("tls", "opportunistic")) => route.tls = RouteTls::Opportunistic,
                Some(("priority", n)) => route.priority = n.parse().map_err(|_| fault())?,
                _ => return Err(fault()),
            }
        }
        Ok(route)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)?;
        } else {
            write!(f, "{}:{}", self.host, self.port)?;
        }
        match self.tls {
            RouteTls::Opportunistic => {}
            RouteTls::Required => f.write_str(",tls=required")?,
            RouteTls::None => f.write_str(",tls=none")?,
        }
        if self.priority != 10 {
            write!(f, ",priority={}", self.priority)?;
        }
        Ok(())
    }
}

crate::serde_as_text!(Route);

/// A domain we protect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainSettings {
    pub domain: Domain,
    /// Where its mail goes; at least one.
    pub routes: Vec<Route>,
    /// Knows the passwords of its users; without one, the house does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imap: Option<ImapServer>,
}

impl DomainSettings {
    /// A domain with its routes, and nothing else set.
    #[must_use]
    pub fn new(domain: Domain, routes: Vec<Route>) -> Self {
        Self {
            domain,
            routes,
            imap: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_of_before_still_reads() {
        let old = r#"{"domain":"example.org","routes":["127.0.0.1:25"]}"#;
        let settings: DomainSettings = serde_json::from_str(old).expect("domain");
        assert_eq!(settings.imap, None);
        assert_eq!(serde_json::to_string(&settings).expect("text"), old);
    }

    #[test]
    fn routes_read_as_they_are_written() {
        for text in [
            "mail.example.org:25",
            "127.0.0.1:2526,tls=none",
            "[2001:db8::1]:25,tls=required,priority=20",
        ] {
            assert_eq!(text.parse::<Route>().expect("route").to_string(), text);
        }
        assert_eq!("mail.example.org".parse::<Route>().expect("route").port, 25);
        for bad in [
            "",
            ":25",
            "host:x",
            "host:0",
            "a b:25",
            "host:25,tls=maybe",
            "host:25,priority=-1",
        ] {
            assert!(bad.parse::<Route>().is_err(), "{bad:?}");
        }
    }
}

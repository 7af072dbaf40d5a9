//! The IMAP server of a domain that knows its users' passwords.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::mail::Domain;

/// How its line is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImapTls {
    /// TLS from the first octet (RFC 8314); usual on port 993.
    Implicit,
    /// STARTTLS (RFC 9051 section 6.2.1); usual on port 143.
    StartTls,
    /// No TLS; for a server on this machine only.
    None,
}

/// An IMAP server, written `host:port`, with `,tls=implicit|starttls|none` behind it where
/// the port does not tell.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImapServer {
    pub host: String,
    pub port: u16,
    pub tls: ImapTls,
}

/// A text is not an IMAP server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not an IMAP server: write host:port, and ,tls=implicit, ,tls=starttls, or, on this machine only, ,tls=none behind it"
)]
pub struct ImapServerError(String);

impl ImapServer {
    /// True if it is on this machine: nobody listens on the way.
    #[must_use]
    pub fn is_here(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self
                .host
                .parse::<IpAddr>()
                .is_ok_and(|ip| ip.to_canonical().is_loopback())
    }
}

impl FromStr for ImapServer {
    type Err = ImapServerError;

    fn from_str(text: &str) -> Result<Self, ImapServerError> {
        let fault = || ImapServerError(text.chars().take(80).collect());
        let (place, tls) = match text.split_once(",tls=") {
            Some((place, tls)) => (place, Some(tls)),
            None => (text, None),
        };
        let (host, port) = place.rsplit_once(':').ok_or_else(fault)?;
        let port: u16 = port.parse().map_err(|_| fault())?;
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        if port == 0 || host.parse::<IpAddr>().is_err() && host.parse::<Domain>().is_err() {
            return Err(fault());
        }
        let tls = match tls {
            Some("implicit") => ImapTls::Implicit,
            Some("starttls") => ImapTls::StartTls,
            Some("none") => ImapTls::None,
            None if port == 143 => ImapTls::StartTls,
            None => ImapTls::Implicit,
            Some(_) => return Err(fault()),
        };
        let server = Self {
            host: host.to_owned(),
            port,
            tls,
        };
        if tls == ImapTls::None && !server.is_here() {
            return Err(fault());
        }
        Ok(server)
    }
}

impl fmt::Display for ImapServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)?;
        } else {
            write!(f, "{}:{}", self.host, self.port)?;
        }
        f.write_str(match self.tls {
            ImapTls::Implicit => ",tls=implicit",
            ImapTls::StartTls => ",tls=starttls",
            ImapTls::None => ",tls=none",
        })
    }
}

crate::serde_as_text!(ImapServer);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_leave_this_machine_under_tls_only() {
        for (text, want) in [
            ("mail.example.org:993", "mail.example.org:993,tls=implicit"),
            ("mail.example.org:143", "mail.example.org:143,tls=starttls"),
            ("[::1]:1143,tls=none", "[::1]:1143,tls=none"),
            ("127.0.0.1:1143,tls=none", "127.0.0.1:1143,tls=none"),
            ("localhost:143,tls=none", "localhost:143,tls=none"),
            (
                "mail.example.org:1143,tls=starttls",
                "mail.example.org:1143,tls=starttls",
            ),
        ] {
            let server: ImapServer = text.parse().expect("server");
            assert_eq!(server.to_string(), want);
            assert_eq!(want.parse(), Ok(server));
        }
        for bad in [
            "",
            "mail.example.org",
            "mail.example.org:0",
            "mail.example.org:x",
            "mail.example.org:143,tls=none",
            "192.0.2.1:143,tls=none",
            "mail.example.org:993,tls=maybe",
            "a b:993",
        ] {
            assert!(bad.parse::<ImapServer>().is_err(), "{bad:?}");
        }
    }
}

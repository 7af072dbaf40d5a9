//! The envelope: who sends to whom, from which peer, in which direction.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use super::Address;

/// Which way a mail goes, seen from the domains we protect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Inbound,
    Outbound,
}

/// The BODY parameter of MAIL (RFC 6152, RFC 3030).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyType {
    #[default]
    SevenBit,
    EightBitMime,
}

/// The client that sent a mail, as the door or a listed front relay says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    pub address: IpAddr,
    /// The argument of EHLO or HELO; may be anything.
    pub helo: String,
    /// The confirmed reverse name, where known.
    pub name: Option<String>,
    /// TLS version and cipher suite, where TLS is on.
    pub tls: Option<String>,
    /// The login, where the client authenticated.
    pub login: Option<String>,
    /// True if EHLO was said (RFC 5321 section 4.1.1.1).
    pub esmtp: bool,
    /// True if the mail came by LMTP (RFC 2033).
    #[serde(default)]
    pub lmtp: bool,
}

impl Peer {
    /// A peer of which only the address is known.
    #[must_use]
    pub fn new(address: IpAddr) -> Self {
        Self {
            address,
            helo: String::new(),
            name: None,
            tls: None,
            login: None,
            esmtp: false,
            lmtp: false,
        }
    }

    /// The house itself.
    #[must_use]
    pub fn local() -> Self {
        Self::new(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}

/// RFC 5321 envelope. An empty reverse path is `from: None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    pub peer: Peer,
    pub direction: Direction,
    pub from: Option<Address>,
    pub to: Vec<Address>,
    pub body: BodyType,
    /// SMTPUTF8 was asked for (RFC 6531).
    pub smtputf8: bool,
}

impl Envelope {
    /// The reverse path as it stands between angle brackets.
    #[must_use]
    pub fn from_text(&self) -> String {
        self.from
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default()
    }
}

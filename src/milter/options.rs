//! The options of the milter door.

use std::fmt;
use std::str::FromStr;

use crate::mail::Domain;
use crate::net::network::Network;
use crate::net::socket::Socket;
use crate::options::{Octets, Span};

crate::options! {
    /// The milter: Postfix or Sendmail in front keeps the mail and asks what to do with it.
    /// Of one message there is one content only: where recipients' policies mark it in different
    /// ways, all get the strictest marks (a Subject tag over fields over none); recipients for
    /// whom it was quarantined are taken off the message.
    pub struct Options in "milter" {
        /// Where to listen, such as "127.0.0.1:6666", "[::1]:6666" or
        /// "unix:/run/quaranta/milter.sock". Who can connect is believed to be a mail server of
        /// yours: keep it on loopback or behind a firewall. Without one there is no milter.
        pub listen: Vec<Socket> = Vec::new(),
        /// Rights of Unix sockets, octal. The user of the mail server must be able to write:
        /// make it a member of our group, or let everybody on this machine in with "0666".
        pub socket_mode: Mode = Mode(0o660),
        /// What the mail server puts behind addresses that have no domain ($myorigin of
        /// Postfix). Without it, its own name or the domains above that name, whichever is served.
        pub origin: Option<Domain> = None,
        /// Clients whose mail is outgoing: addresses or networks. Mail of clients that
        /// signed in is outgoing, too.
        pub outbound_from: Vec<Network> = Vec::new(),
        /// Largest message that is taken, in octets.
        pub message_size: Octets = Octets(50 << 20),
        /// Most recipients of one message; further ones are told to come later.
        pub recipients: usize = 1000,
        /// Most connections at once.
        pub connections: usize = 500,
        /// How long a connection may be silent between two commands: a client of the
        /// mail server may be slow, and connections are kept for the next client.
        pub idle_time: Span = Span::seconds(2 * 3600),
        /// How long the mail server may take to send a command, or to take our answer.
        pub command_time: Span = Span::seconds(60),
        /// How often the mail server is told that a message is still being looked at.
        pub progress_every: Span = Span::seconds(5),
        /// How long messages that are being received may take to end when the daemon stops.
        pub grace_time: Span = Span::seconds(30),
    }
}

/// Rights of a file, written octal as for chmod(1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(pub u32);

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match u32::from_str_radix(text, 8) {
            Ok(mode @ 0..=0o777) if !text.starts_with('+') => Ok(Self(mode)),
            _ => Err(format!(
                "'{text}' is not a mode; write it octal, such as 0660"
            )),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

crate::serde_as_text!(Mode);

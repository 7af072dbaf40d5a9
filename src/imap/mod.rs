//! The IMAP door (RFC 3501): the quarantine as folders, and a drop as an action (SE-06..SE-13).

mod apart;
mod append;
mod bodies;
mod conn;
mod door;
mod fetch;
mod flags;
mod folders;
mod frame;
#[cfg(fuzzing)]
pub mod fuzzing;
mod glance;
mod grammar;
mod idle;
mod list;
mod moves;
mod places;
mod reply;
mod search;
mod select;
mod selected;
mod session;
mod stranger;
mod uids;
mod view;
mod write;

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::options::{Octets, Span};

pub use conn::Io;
pub use door::{Door, Opening};

/// A port on all addresses, IPv4 and IPv6.
const fn anywhere(port: u16) -> SocketAddr {
    SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0))
}

crate::options! {
    /// The IMAP door: the quarantine in mail clients. There is no sign-in without TLS.
    pub struct Options in "imap" {
        /// Addresses with TLS from the first octet (IMAPS).
        pub listen_tls: Vec<SocketAddr> = vec![anywhere(993)],
        /// Addresses where TLS begins with STARTTLS.
        pub listen_starttls: Vec<SocketAddr> = vec![anywhere(143)],
        /// Connections at the same time.
        pub connections: usize = 2000,
        /// Connections at the same time from one address.
        pub connections_per_address: usize = 100,
        /// Connections at the same time signed in to one account.
        pub connections_per_account: usize = 50,
        /// A session without a command for this long is ended; RFC 3501 asks for 30 minutes at least.
        pub idle_timeout: Span = Span::seconds(1800),
        /// Time for the TLS handshake and the sign-in together.
        pub login_timeout: Span = Span::seconds(60),
        /// Commands that cannot be understood before a session is ended.
        pub bad_commands: u32 = 20,
        /// The largest message taken by APPEND, in octets.
        pub append_most: Octets = Octets(50 << 20),
        /// Memory for messages that are being read by all sessions together, in octets; who comes
        /// later waits for its turn.
        pub read_memory: Octets = Octets(256 << 20),
        /// Memory for messages read lately, in octets, so that a message fetched in pieces is read once;
        /// and as much again for what listings say of messages.
        pub cache: Octets = Octets(64 << 20),
    }
}

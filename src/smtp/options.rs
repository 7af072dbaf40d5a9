//! The options of the SMTP door.

use std::net::SocketAddr;

use crate::mail::Address;
use crate::net::network::Network;
use crate::options::{Octets, Span};

crate::options! {
    /// The door for mail: SMTP as mail servers speak it (RFC 5321).
    pub struct Options in "smtp" {
        /// Addresses and ports to listen on.
        pub listen: Vec<SocketAddr> = vec![SocketAddr::from(([0, 0, 0, 0], 25))],
        /// Who gets mail for `<postmaster>` without a domain (RFC 5321 section 4.5.1), an
        /// address in one of your domains. Without one it is postmaster at our own name.
        pub postmaster: Option<Address> = None,
        /// Largest message that is taken, in octets.
        pub message_size: Octets = Octets(50 << 20),
        /// Most recipients of one message; further ones are told to come later.
        pub recipients: usize = 1000,
        /// Most refused recipients of one message; then the connection is closed.
        pub refused_recipients: usize = 100,
        /// Most wrong commands of one connection; then it is closed.
        pub errors: usize = 10,
        /// Most messages of one connection; then it is closed.
        pub transactions: usize = 1000,
        /// Most connections at once.
        pub connections: usize = 500,
        /// Most connections at once from one IPv4 address or one IPv6 /64.
        /// Networks in `xclient_from` are not counted.
        pub connections_per_client: usize = 50,
        /// How long a client may take for a command.
        pub command_time: Span = Span::seconds(300),
        /// How long a client may pause within a message.
        pub data_time: Span = Span::seconds(180),
        /// How long a connection may last.
        pub session_time: Span = Span::seconds(3600),
        /// How long messages that are being received may take to end when the daemon stops.
        pub grace_time: Span = Span::seconds(30),
        /// Front relays that speak the PROXY protocol, version 1 or 2: addresses or
        /// networks. Connections from them must begin with it.
        pub proxy_protocol_from: Vec<Network> = Vec::new(),
        /// Front relays that may name their client by XCLIENT or XFORWARD: addresses or networks.
        pub xclient_from: Vec<Network> = Vec::new(),
    }
}

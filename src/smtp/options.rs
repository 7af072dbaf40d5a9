//! The options of the SMTP door.

use std::net::SocketAddr;

use crate::mail::Address;
use crate::net::network::Network;
use crate::net::socket::Socket;
use crate::options::{Octets, Span};

/// Rights of the Unix sockets of LMTP: for everybody who may enter their folder.
pub const LMTP_SOCKET_MODE: u32 = 0o666;

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
        /// Offer PRDR (draft-hall-prdr), by which Exim takes a reply for each recipient: one
        /// message is then refused for some and delivered to others, and each sender's server knows.
        pub prdr: bool = true,
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
        /// How long the greeting is held back. A client that speaks meanwhile is told 421:
        /// mail servers wait, spam robots often do not. Relays in `xclient_from` and this
        /// machine itself are greeted at once.
        pub greet_pause: Span = Span::seconds(0),
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

crate::options! {
    /// The door for mail servers that hand mail over by LMTP (RFC 2033): each recipient gets
    /// their own reply. Limits and times are those of the section smtp.
    pub struct Lmtp in "lmtp" {
        /// Where to listen, such as ["127.0.0.1:24", "unix:/run/quaranta/lmtp.sock"]; never on
        /// port 25. Whoever may enter the folder of a Unix socket may send. Empty: off.
        pub listen: Vec<Socket> = Vec::new(),
    }
}

impl Lmtp {
    /// The options of the door: those of `smtp`, for few clients, which are our own servers.
    #[must_use]
    pub fn door(smtp: &Options) -> Options {
        Options {
            connections_per_client: smtp.connections,
            proxy_protocol_from: Vec::new(),
            ..smtp.clone()
        }
    }
}

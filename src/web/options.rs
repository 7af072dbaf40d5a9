//! The options of the panel and the API.

use std::net::SocketAddr;

use crate::net::network::Network;
use crate::options::Span;

crate::options! {
    /// The panel and the HTTP API. One listener takes HTTPS and plain HTTP, told apart by the first
    /// octet; plain HTTP is served to this machine and to listed proxies only, others are sent to HTTPS.
    pub struct Options in "web" {
        /// Addresses to listen on, as in "[::]:443".
        pub listen: Vec<SocketAddr> = Vec::new(),
        /// Where people reach the panel, as in "https://quarantine.example.org". Links in letters
        /// begin with it; without it no letter with a link is sent.
        pub url: Option<String> = None,
        /// Reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.
        pub proxies: Vec<Network> = Vec::new(),
        /// Connections at the same time.
        pub connections: usize = 1000,
        /// Connections at the same time from one address (IPv6: one /64 network).
        pub connections_per_client: usize = 50,
        /// How long a request may take to come in and be answered, and how long a client may take
        /// next to nothing of an answer before it is cut off.
        pub request_time: Span = Span::seconds(60),
        /// Requests with one API key in a minute.
        pub api_rate: u32 = 600,
        /// The time zone of those whose browser does not tell, as in "Europe/Berlin"; without one it
        /// is that of the machine.
        pub time_zone: Option<String> = None,
    }
}

//! The options of the relay.

use std::path::PathBuf;

use crate::options::Span;

crate::options! {
    /// How mail is carried on to the next hosts.
    pub struct Options in "relay" {
        /// The name said in EHLO; the daemon's hostname if not set.
        pub helo: Option<String> = None,
        /// Certificate authorities (PEM) that are trusted besides the public ones, for
        /// routes with `tls=required` and for IMAP servers of domains that know their users'
        /// passwords.
        pub ca_file: Option<PathBuf> = None,
        /// How long the connection to one address of a next host may take.
        pub connect_time: Span = Span::seconds(10),
        /// How long a next host may take for its greeting and for each command. The
        /// client in front of us waits meanwhile, for five minutes as a rule.
        pub command_time: Span = Span::seconds(60),
        /// How long a next host may pause while it takes a message.
        pub data_time: Span = Span::seconds(180),
        /// How long a next host may take for its reply to the whole message.
        pub final_time: Span = Span::seconds(300),
        /// Most connections at once to one next host.
        pub connections: usize = 100,
        /// Most unused connections that are kept open to one next host.
        pub idle_connections: usize = 8,
        /// How long an unused connection is kept open.
        pub idle_time: Span = Span::seconds(30),
        /// Most messages and questions over one connection.
        pub uses: u32 = 100,
        /// Most recipients in one transaction; more are sent in several.
        pub recipients: usize = 100,
    }
}

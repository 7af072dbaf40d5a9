//! The options of mail on its way out.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::net::network::Network;
use crate::options::Span;
use crate::record::Route;

/// Who knows the passwords of those who send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoginBy {
    /// Accounts of the house.
    #[default]
    House,
    /// The destination server of the login's domain, by its own AUTH under TLS.
    Destination,
}

crate::options! {
    /// Mail on its way out: what your users and your mail servers send is filtered too, and
    /// spam among it is refused and kept in Caught (Outgoing) of its sender. All limits of
    /// connections and messages are those of the section smtp; PROXY protocol and XCLIENT
    /// are not taken here.
    pub struct Options in "outbound" {
        /// Addresses and ports to listen on, such as ["0.0.0.0:587"]; none by default.
        /// Clients log in by AUTH (PLAIN, LOGIN) once they have said STARTTLS.
        pub listen: Vec<SocketAddr> = Vec::new(),
        /// The same where TLS begins with the connection, such as ["0.0.0.0:465"].
        pub listen_tls: Vec<SocketAddr> = Vec::new(),
        /// Who checks logins: "house" for accounts of the house, or "destination" for the
        /// mail server of the login's domain, which must offer STARTTLS and AUTH PLAIN; its
        /// certificate is checked if its route says tls=required.
        pub login: LoginBy = LoginBy::House,
        /// The reverse path must lie within the login: alice@example.org for that login,
        /// any address of the domain for the login example.org.
        pub sender_must_match: bool = true,
        /// Your own mail servers: addresses or networks that may send without a login. Their
        /// reverse paths must be in your domains, or empty. Where a proxy on this machine hands
        /// connections on, 127.0.0.1 would be everybody.
        pub relay_from: Vec<Network> = Vec::new(),
        /// Take any reverse path from `relay_from`, and from logins that need not match.
        pub any_sender: bool = false,
        /// Where mail for others goes, as host:port; several are tried by priority.
        /// Without one it goes to the hosts that the DNS names for its domain.
        pub smart_hosts: Vec<Route> = Vec::new(),
        /// The port of hosts that the DNS names.
        pub mx_port: u16 = 25,
        /// Most hosts of one domain that are tried.
        pub mx_hosts: usize = 5,
        /// Most messages of one sender in a minute; 0 for no limit. A sender is the login, or
        /// the reverse path of mail from `relay_from`. Beyond a limit of the minute the answer
        /// is 450; beyond one of the hour or the day the sender is locked: 550, until an
        /// administrator unlocks it (`quaranta senders unlock`).
        pub messages_per_minute: u32 = 30,
        /// Most messages of one sender in an hour.
        pub messages_per_hour: u32 = 300,
        /// Most messages of one sender in a day (UTC).
        pub messages_per_day: u32 = 1500,
        /// Most recipients of one sender in a minute, and of one message.
        pub recipients_per_minute: u32 = 200,
        /// Most recipients of one sender in an hour.
        pub recipients_per_hour: u32 = 1000,
        /// Most recipients of one sender in a day (UTC).
        pub recipients_per_day: u32 = 5000,
        /// Recipients outside of your domains that are kept on a sender's allow list at most;
        /// those not written to for longest go. 0 keeps none. The policy field
        /// `correspondents` switches it by scope.
        pub correspondents: usize = 2000,
        /// Days after which a correspondent to whom nobody wrote, and whose entry decided nothing,
        /// is taken off the list; 0 for never.
        pub correspondents_unused_days: u64 = 365,
        /// A program with its arguments that is run for each alert (see [alerts]), such as when a
        /// sender is locked; it gets one line of JSON on its standard input. One at a time.
        pub alert_command: Vec<String> = Vec::new(),
        /// How long that program may run.
        pub alert_time: Span = Span::seconds(30),
    }
}

//! The options of the checks that ask the network.

use super::zone::ListZone;
use crate::options::Span;

crate::options! {
    /// What the network says of clients and of the domains in a mail.
    pub struct Options in "network" {
        /// DNS lists that are asked (RFC 5782): zone, "client" or "domain", and what its answers weigh, such as
        /// ["zen.spamhaus.org client 127.0.0.2-3=4 127.0.0.4-7=3 127.0.0.10-11=1.5", "dbl.spamhaus.org domain 127.0.1.2-99=4 127.0.1.102-106=2"].
        /// An answer is an address, a range of the last octet, a bit of it (&8=2) or any (*=1). None is asked by default,
        /// because their operators have terms of use, and answer no public resolver.
        pub lists: Vec<ListZone> = Vec::new(),
        /// Look at the client's reverse name, and whether it leads back to the client (FCrDNS).
        pub client: bool = true,
        /// Time for one list, and for the names of one client; what is slower counts as unavailable, and
        /// a list that is so again and again is left alone for a while.
        pub time: Span = Span::seconds(4),
        /// Look whether the sender's domain can be answered to.
        pub sender_domain: bool = true,
    }
}

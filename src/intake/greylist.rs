//! Greylisting (RFC 6647): who is new is told to come back, because spam robots rarely do.

use std::net::IpAddr;
use std::time::Duration;

use super::Intake;
use crate::clock::Timestamp;
use crate::mail::{Address, Envelope, Mail};
use crate::net::network::{Network, is_public};
use crate::options::Span;
use crate::policy::{Deferral, Disposition, Policy};
use crate::store::Transient as _;
use crate::store::transient::Memory;

crate::options! {
    /// Greylisting, where the policy field `greylist` asks for it: mail that would be delivered, from a
    /// network that is new to sender and recipient, is answered 451, and taken when it comes again.
    /// Mail that passes DMARC, senders on an allow list, and networks that came back before need not wait.
    /// What is known is kept in memory: after a restart it is learned anew.
    pub struct Options in "greylist" {
        /// Who comes back sooner goes on waiting.
        pub wait: Span = Span::seconds(180),
        /// Who comes back later than this is new again.
        pub retry_within: Span = Span::seconds(2 * 86_400),
        /// How long who came back is known; each mail renews it.
        pub remember: Span = Span::seconds(36 * 86_400),
        /// Senders that came back from one network after which all of it is known.
        pub promote_after: u32 = 3,
        /// The prefix of an IPv4 network, because large senders come back from another host.
        pub ipv4_prefix: u8 = 24,
        /// The prefix of an IPv6 network.
        pub ipv6_prefix: u8 = 64,
    }
}

/// Triplets and networks that are kept, and their octets.
const KEYS_MOST: usize = 500_000;
const OCTETS_MOST: usize = 64 << 20;
/// The value of a triplet that came back.
const KNOWN: &[u8] = b"known";

/// What is known of networks, senders and recipients. The store's own memory is not used: a flood
/// of strangers must not push out what others keep there.
pub(super) struct Greylist {
    memory: Memory,
    options: Options,
}

impl Greylist {
    pub(super) fn new(options: Options) -> Self {
        Self {
            memory: Memory::new(KEYS_MOST, OCTETS_MOST),
            options,
        }
    }

    /// How long this sender is to wait before its mail to `to` is taken; `None` if not at all.
    pub(super) async fn wait(
        &self,
        envelope: &Envelope,
        to: &Address,
        now: Timestamp,
    ) -> Option<Duration> {
        let client = envelope.peer.address.to_canonical();
        if !is_public(client) {
            // A relay of our own: who is behind it cannot be seen.
            return None;
        }
        let network = self.network(client);
        if self.is_promoted(&network, now).await {
            return None;
        }
        let from = envelope.from.as_ref().map_or("", Address::key);
        let triplet = format!("{network} <{from}> {}", to.key());
        match self.memory.get(&triplet, now).await {
            Some(known) if known == KNOWN => {
                self.know(&triplet, now).await;
                None
            }
            Some(first) => {
                let first = first.try_into().map(u64::from_le_bytes).unwrap_or(now.0);
                let waited = now.since(Timestamp(first));
                let left = self.options.wait.0.saturating_sub(waited);
                if !left.is_zero() {
                    return Some(left);
                }
                self.know(&triplet, now).await;
                self.count(&network, now).await;
                None
            }
            None => {
                let until = now.after(self.options.retry_within.0);
                let first = now.0.to_le_bytes().to_vec();
                self.memory.put(&triplet, first, until).await;
                Some(self.options.wait.0)
            }
        }
    }

    fn network(&self, client: IpAddr) -> String {
        let options = &self.options;
        Network::around(client, options.ipv4_prefix, options.ipv6_prefix).to_string()
    }

    async fn know(&self, triplet: &str, now: Timestamp) {
        let until = now.after(self.options.remember.0);
        self.memory.put(triplet, KNOWN.to_vec(), until).await;
    }

    async fn returned(&self, network: &str, now: Timestamp) -> u32 {
        let count = self.memory.get(network, now).await;
        let count = count.and_then(|octets| octets.try_into().ok());
        count.map_or(0, u32::from_le_bytes)
    }

    async fn count(&self, network: &str, now: Timestamp) {
        let count = self.returned(network, now).await.saturating_add(1);
        let until = now.after(self.options.remember.0);
        let octets = count.to_le_bytes().to_vec();
        self.memory.put(network, octets, until).await;
    }

    async fn is_promoted(&self, network: &str, now: Timestamp) -> bool {
        let enough = self.options.promote_after;
        enough > 0 && self.returned(network, now).await >= enough
    }
}

impl Intake {
    /// The same disposition, unless the sender is new and is to come back: spam is refused
    /// at once, and who is known by a list or by DMARC need not wait.
    pub(super) async fn greylisted(
        &self,
        mail: &Mail,
        known: bool,
        to: &Address,
        policy: &Policy,
        disposition: Disposition,
    ) -> Disposition {
        let delivered = matches!(disposition, Disposition::Deliver { .. });
        if !policy.greylist || !delivered || known {
            return disposition;
        }
        let now = self.parts.clock.now();
        match self.greylist.wait(&mail.envelope, to, now).await {
            Some(wait) => Disposition::Defer(Deferral::Greylisted(wait)),
            None => disposition,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{BodyType, Direction, Peer};

    fn envelope(client: &str, from: &str) -> Envelope {
        Envelope {
            peer: Peer::new(client.parse().expect("address")),
            direction: Direction::Inbound,
            from: from.parse().ok(),
            to: Vec::new(),
            body: BodyType::SevenBit,
            smtputf8: false,
        }
    }

    async fn ask(list: &Greylist, client: &str, from: &str, second: u64) -> Option<u64> {
        let to = "alice@example.org".parse().expect("address");
        let now = Timestamp(1_000_000 + second * 1000);
        let wait = list.wait(&envelope(client, from), &to, now).await;
        wait.map(|wait| wait.as_secs())
    }

    #[tokio::test]
    async fn se04_who_is_new_comes_back_and_is_known() {
        let list = Greylist::new(Options::default());
        let from = "a@remote.test";
        assert_eq!(ask(&list, "198.51.100.1", from, 0).await, Some(180));
        assert_eq!(ask(&list, "198.51.100.1", from, 60).await, Some(120));
        assert_eq!(
            ask(&list, "198.51.100.77", from, 180).await,
            None,
            "same network"
        );
        assert_eq!(ask(&list, "198.51.100.1", from, 181).await, None);
        assert_eq!(ask(&list, "203.0.113.1", from, 181).await, Some(180));
        assert_eq!(
            ask(&list, "198.51.100.1", "", 181).await,
            Some(180),
            "null sender"
        );
        assert_eq!(
            ask(&list, "127.0.0.1", from, 0).await,
            None,
            "our own relay"
        );
        let later = 200 * 86_400;
        assert_eq!(
            ask(&list, "198.51.100.1", from, later).await,
            Some(180),
            "forgotten"
        );
    }

    #[tokio::test]
    async fn se04_a_network_that_comes_back_is_promoted() {
        let list = Greylist::new(Options::default());
        for sender in ["a@x.test", "b@x.test", "c@x.test"] {
            assert_eq!(ask(&list, "198.51.100.1", sender, 0).await, Some(180));
        }
        for sender in ["a@x.test", "b@x.test"] {
            assert_eq!(ask(&list, "198.51.100.1", sender, 300).await, None);
        }
        assert_eq!(ask(&list, "198.51.100.9", "d@x.test", 300).await, Some(180));
        assert_eq!(ask(&list, "198.51.100.1", "c@x.test", 300).await, None);
        assert_eq!(ask(&list, "198.51.100.9", "e@x.test", 300).await, None);
        assert_eq!(ask(&list, "198.51.101.9", "e@x.test", 300).await, Some(180));
    }
}

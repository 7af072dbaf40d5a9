//! How many messages each client brings in a minute; beyond that it is to come again (SE-04).

use std::collections::HashMap;
use std::net::IpAddr;

use parking_lot::Mutex;

use super::Intake;
use crate::clock::Timestamp;
use crate::mail::{Envelope, Reply};
use crate::net::network::Network;

/// Clients whose messages are counted at the same time.
pub(super) const CLIENTS_MOST: usize = 100_000;

/// What each client did in this minute. An IPv6 client is its /64. Beyond a number of clients all
/// are counted anew.
#[derive(Debug)]
pub(super) struct PerMinute {
    clients_most: usize,
    minute: Mutex<Minute>,
}

#[derive(Debug, Default)]
struct Minute {
    number: u64,
    counts: HashMap<IpAddr, u32>,
}

impl PerMinute {
    /// Counts `clients_most` clients at the same time.
    pub(super) fn new(clients_most: usize) -> Self {
        Self {
            clients_most,
            minute: Mutex::default(),
        }
    }

    /// Counts one more; false beyond `most`.
    pub(super) fn counts(&self, client: IpAddr, most: u32, now: Timestamp) -> bool {
        let mut minute = self.minute.lock();
        let number = now.0 / 60_000;
        if minute.number != number || minute.counts.len() >= self.clients_most {
            minute.number = number;
            minute.counts.clear();
        }
        let count = minute.counts.entry(Network::of_client(client)).or_default();
        *count = count.saturating_add(1);
        *count <= most
    }
}

impl Intake {
    /// May this client bring another message? Asked at MAIL.
    ///
    /// # Errors
    /// 450: not in this minute.
    pub fn admit_client(&self, envelope: &Envelope) -> Result<(), Reply> {
        let most = self.parts.options.client_messages_per_minute;
        let client = envelope.peer.address.to_canonical();
        if most == 0
            || client.is_loopback()
            || self.rate.counts(client, most, self.parts.clock.now())
        {
            return Ok(());
        }
        let text = format!("More than {most} messages in one minute; please go on in the next");
        Err(Reply::new(450, 7, 1, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se04_a_minute_has_its_limit_for_each_client() {
        let rate = PerMinute::new(CLIENTS_MOST);
        let [one, same, other] =
            ["2001:db8::1", "2001:db8::2", "192.0.2.1"].map(|text| text.parse().expect("address"));
        assert!(rate.counts(one, 2, Timestamp(0)));
        assert!(rate.counts(same, 2, Timestamp(1)));
        assert!(!rate.counts(one, 2, Timestamp(59_999)));
        assert!(rate.counts(other, 2, Timestamp(59_999)));
        assert!(rate.counts(one, 2, Timestamp(60_000)));
    }
}

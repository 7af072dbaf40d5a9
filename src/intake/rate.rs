//! How many messages each client brings in a minute; beyond that it is to come again (SE-04).

use std::collections::HashMap;
use std::net::IpAddr;

use parking_lot::Mutex;

use super::Intake;
use crate::clock::Timestamp;
use crate::mail::{Envelope, Reply};
use crate::net::network::Network;

/// Clients counted at the same time; beyond that all are counted anew.
const CLIENTS_MOST: usize = 100_000;

/// Messages of each client in this minute. An IPv6 client is its /64.
#[derive(Debug, Default)]
pub(super) struct Rate(Mutex<Minute>);

#[derive(Debug, Default)]
struct Minute {
    number: u64,
    messages: HashMap<IpAddr, u32>,
}

impl Rate {
    /// Counts one more; false beyond `most`.
    fn counts(&self, client: IpAddr, most: u32, now: Timestamp) -> bool {
        let mut minute = self.0.lock();
        let number = now.0 / 60_000;
        if minute.number != number || minute.messages.len() >= CLIENTS_MOST {
            minute.number = number;
            minute.messages.clear();
        }
        let count = minute
            .messages
            .entry(Network::of_client(client))
            .or_default();
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
        let rate = Rate::default();
        let [one, same, other] =
            ["2001:db8::1", "2001:db8::2", "192.0.2.1"].map(|text| text.parse().expect("address"));
        assert!(rate.counts(one, 2, Timestamp(0)));
        assert!(rate.counts(same, 2, Timestamp(1)));
        assert!(!rate.counts(one, 2, Timestamp(59_999)));
        assert!(rate.counts(other, 2, Timestamp(59_999)));
        assert!(rate.counts(one, 2, Timestamp(60_000)));
    }
}

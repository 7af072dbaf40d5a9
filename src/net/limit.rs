//! How many clients may be inside at once, in total and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use super::network::Network;

/// Counts the clients that are inside. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Turnstile {
    most: usize,
    most_per_client: usize,
    inside: Arc<Mutex<Inside>>,
}

#[derive(Debug, Default)]
struct Inside {
    total: usize,
    /// As many entries as there are places at most.
    clients: HashMap<IpAddr, usize>,
}

impl Turnstile {
    /// At most `most` in total, and `most_per_client` from one IPv4 address or IPv6 /64.
    #[must_use]
    pub fn new(most: usize, most_per_client: usize) -> Self {
        Self {
            most,
            most_per_client,
            inside: Arc::default(),
        }
    }

    /// A place, or `None` if all are taken.
    #[must_use]
    pub fn enter(&self) -> Option<Place> {
        let mut inside = self.inside.lock();
        if inside.total >= self.most {
            return None;
        }
        inside.total += 1;
        Some(Place {
            turnstile: self.clone(),
            client: None,
        })
    }

    /// How many are inside.
    #[must_use]
    pub fn inside(&self) -> usize {
        self.inside.lock().total
    }
}

/// A place inside, given back when dropped.
#[derive(Debug)]
pub struct Place {
    turnstile: Turnstile,
    client: Option<IpAddr>,
}

impl Place {
    /// Counts the place for the client at `address`; false if it has too many.
    /// A place is counted for one client only: the first call decides.
    #[must_use]
    pub fn belongs_to(&mut self, address: IpAddr) -> bool {
        if self.client.is_some() {
            return true;
        }
        let address = Network::of_client(address);
        let mut inside = self.turnstile.inside.lock();
        let count = inside.clients.get(&address).copied().unwrap_or(0);
        if count >= self.turnstile.most_per_client {
            return false;
        }
        inside.clients.insert(address, count + 1);
        self.client = Some(address);
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.turnstile.inside.lock();
        inside.total = inside.total.saturating_sub(1);
        if let Some(client) = self.client
            && let Some(count) = inside.clients.get_mut(&client)
        {
            *count -= 1;
            if *count == 0 {
                inside.clients.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_given_back() {
        let turnstile = Turnstile::new(3, 2);
        let client: IpAddr = "2001:db8::1".parse().expect("address");
        let neighbour: IpAddr = "2001:db8::2".parse().expect("address");
        let mut places: Vec<Place> = (0..3).filter_map(|_| turnstile.enter()).collect();
        assert!(turnstile.enter().is_none());
        assert!(places[0].belongs_to(client));
        assert!(places[1].belongs_to(neighbour));
        assert!(!places[2].belongs_to(client), "a /64 counts as one client");
        places.remove(0);
        assert!(places[1].belongs_to(client));
        drop(places);
        assert_eq!(turnstile.inside(), 0);
        assert!(turnstile.inside.lock().clients.is_empty());
    }
}

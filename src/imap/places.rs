//! Places for connections: in all, for each address, for each account.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// Whose places are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Whose {
    All,
    Address(IpAddr),
    Account(String),
}

/// Counts the places taken. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(Arc<Mutex<HashMap<Whose, usize>>>);

/// A place, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    whose: Whose,
}

impl Places {
    fn take(&self, whose: Whose, most: usize) -> Option<Place> {
        let mut taken = self.0.lock();
        let count = taken.get(&whose).copied().unwrap_or(0);
        if count >= most {
            return None;
        }
        taken.insert(whose.clone(), count + 1);
        Some(Place {
            places: self.clone(),
            whose,
        })
    }

    /// Places for a connection from `address`; `None` if there is none left.
    pub(super) fn connection(
        &self,
        address: IpAddr,
        most: usize,
        most_of_address: usize,
    ) -> Option<(Place, Place)> {
        Some((
            self.take(Whose::All, most)?,
            self.take(Whose::Address(address.to_canonical()), most_of_address)?,
        ))
    }

    /// A place for a session of an account.
    pub(super) fn account(&self, who: &str, most: usize) -> Option<Place> {
        self.take(Whose::Account(who.to_owned()), most)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock();
        if let Some(count) = taken.get_mut(&self.whose) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.whose);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_given_back() {
        let places = Places::default();
        let here = IpAddr::from([127, 0, 0, 1]);
        let one = places.connection(here, 9, 1);
        assert!(one.is_some());
        assert!(places.connection(here, 9, 1).is_none());
        assert!(
            places
                .connection(IpAddr::from([127, 0, 0, 2]), 1, 9)
                .is_none()
        );
        drop(one);
        assert!(places.connection(here, 9, 1).is_some());
        assert!(places.0.lock().is_empty());
    }
}

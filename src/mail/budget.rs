//! One budget in octets for all mail in flight, so that memory has a bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// There is no room for more mail now; the client is to come back (4xx).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the memory for mail in flight is used up")]
pub struct OverBudget;

/// The octets that all mail in flight may take together. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Budget {
    left: Arc<AtomicUsize>,
}

impl Budget {
    /// A budget of `octets` octets.
    #[must_use]
    pub fn new(octets: usize) -> Self {
        Self {
            left: Arc::new(AtomicUsize::new(octets)),
        }
    }

    /// An empty share, to be grown as octets arrive.
    #[must_use]
    pub fn share(&self) -> Share {
        Share {
            budget: self.clone(),
            held: 0,
        }
    }

    /// Octets not taken now.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
pub struct Share {
    budget: Budget,
    held: usize,
}

impl Share {
    /// Takes `octets` more.
    ///
    /// # Errors
    /// [`OverBudget`] if they are not there; what is held stays held.
    pub fn grow(&mut self, octets: usize) -> Result<(), OverBudget> {
        self.budget
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(octets)
            })
            .map_err(|_| OverBudget)?;
        self.held += octets;
        Ok(())
    }

    /// Octets held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_bounded_and_given_back() {
        let budget = Budget::new(10);
        let mut share = budget.share();
        assert_eq!(share.grow(8), Ok(()));
        assert_eq!(share.grow(3), Err(OverBudget));
        assert_eq!(budget.left(), 2);
        drop(share);
        assert_eq!(budget.left(), 10);
    }
}

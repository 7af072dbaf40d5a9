//! The door of time: what the house owes is delivered, what is over expires, lessons go on.

mod deliver;
mod digest;
mod evict;
mod expire;
mod leap;
mod learn;
mod lists;
mod nightly;
mod notices;
mod teach;
mod watch;

use std::sync::Arc;

use crate::actions::Desk;
use crate::clock::Clock;
use crate::mail::Budget;
use crate::net::listen::Closing;
use crate::options::Span;
use crate::record::Route;
use crate::relay::{Carrier, Outward};
use crate::store::{Journal, Store};

pub use digest::Herald;
pub use evict::Holding;
pub use learn::Teaching;
pub use lists::ListKeeping;
pub use nightly::Nightly;
pub use notices::Notices;
pub use teach::Tutor;
pub use watch::Watch;

crate::options! {
    /// Released mail goes back into the mail flow by SMTP, under a token that lets it
    /// through the filter once.
    pub struct Options in "reinsertion" {
        /// Where released mail is handed in, as host:port; several are tried by priority. From
        /// there it must come back to us on its way, as it does through a relay in front.
        /// Without one it is our own first SMTP listener.
        pub hosts: Vec<Route> = Vec::new(),
        /// Where mail that was caught on its way out is handed in when it is released. From there
        /// it must come back to our outbound listener, or to our milter; by default it is our own
        /// first listener of [outbound] listen, or with a milter and no such listener, `hosts`.
        pub outgoing_hosts: Vec<Route> = Vec::new(),
        /// How long a token holds; it must outlive the queue of a relay in between.
        pub token_lifetime: Span = Span::seconds(24 * 3600),
        /// How long a release that a relay took may stay unconfirmed before it returns to the quarantine.
        pub confirm_within: Span = Span::seconds(4 * 3600),
        /// The first pause after a host said "later"; it doubles with each try.
        pub first_retry: Span = Span::seconds(30),
        /// The longest pause between two tries.
        pub longest_retry: Span = Span::seconds(3600),
        /// When to give up: a release returns to the quarantine, with what was said last.
        pub give_up_after: Span = Span::seconds(5 * 86_400),
        /// Deliveries at the same time.
        pub at_once: u32 = 8,
        /// Days the log of all mail is kept.
        pub log_days: u64 = 30,
    }
}

/// What the chores need.
#[derive(Clone)]
pub struct Background {
    pub store: Store,
    pub desk: Desk,
    pub carrier: Arc<dyn Carrier>,
    pub clock: Clock,
    pub budget: Budget,
    pub options: Arc<Options>,
    pub holding: Holding,
    /// Where released mail is handed in.
    pub reinsertion: Arc<Vec<Route>>,
    pub outgoing: Option<Outgoing>,
}

/// Where mail goes that is on its way out.
#[derive(Clone)]
pub struct Outgoing {
    /// Where what was caught is handed in again; may be empty.
    pub reinsertion: Arc<Vec<Route>>,
    pub outward: Outward,
}

impl Background {
    /// Does the chores until the doors close, then lets deliveries in flight end.
    pub async fn run(self, stop: Closing) {
        let deliver = tokio::spawn(self.clone().deliver_all(stop.clone()));
        let evict = tokio::spawn(self.clone().evict_all(stop.clone()));
        let expire = tokio::spawn(self.expire_all(stop));
        for chore in [deliver, evict, expire] {
            if let Err(error) = chore.await {
                tracing::error!(%error, "a chore ended in a fault");
            }
        }
    }

    fn journal(&self) -> &dyn Journal {
        &*self.store.journal
    }
}

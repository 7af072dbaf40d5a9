//! Carries mail to the next host, and brings back a reply for each recipient.

mod answers;
mod callout;
mod client;
mod options;
mod outward;
mod pool;
mod probe;
mod route;
mod sign_in;
mod stuffing;
mod transaction;

use std::sync::Arc;

use async_trait::async_trait;

use crate::mail::{Address, Edit, Mail, Reply};
use crate::record::Route;

pub use options::Options;
pub use outward::Outward;
pub use probe::{Probe, Seen};
pub use route::Relay;
pub use sign_in::SignIn;

/// Recipients who get a mail with the same edits by the same routes.
#[derive(Debug, Clone, PartialEq)]
pub struct Parcel {
    pub to: Vec<Address>,
    pub edits: Vec<Edit>,
    pub routes: Arc<Vec<Route>>,
}

/// Carries mail on. The relay does it by SMTP; a milter lets the front relay do it.
#[async_trait]
pub trait Carrier: Send + Sync {
    /// The replies, for each parcel one for each recipient, in their order. A host
    /// that cannot be reached or talks nonsense gives a 4xx reply of our own making.
    async fn carry(&self, mail: &Mail, parcels: &[Parcel]) -> Vec<Vec<Reply>>;
}

/// Asks the next host whether it would take mail for a recipient (call-out).
#[async_trait]
pub trait Callout: Send + Sync {
    /// What the next host says to RCPT; a 4xx of our own making if it cannot be asked.
    async fn ask(&self, routes: &[Route], to: &Address, smtputf8: bool) -> Reply;
}

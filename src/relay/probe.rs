//! Looks whether a next host can be used, without sending a mail.

use async_trait::async_trait;
use tokio::time::Duration;

use super::client::Client;
use super::route::Relay;
use crate::mail::Reply;
use crate::record::Route;

/// How long QUIT may take.
const QUIT_TIME: Duration = Duration::from_secs(2);

/// What a host that can be used said of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// TLS is on.
    pub secured: bool,
    /// Its limit in octets (RFC 1870); 0 if it has none, `None` if it does not say.
    pub size: Option<u64>,
}

/// Somebody who looks at next hosts.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Connects to `route` as a delivery would, to EHLO and STARTTLS, and leaves.
    ///
    /// # Errors
    /// The reply a delivery would end with: 451, with host and cause.
    async fn probe(&self, route: &Route) -> Result<Seen, Reply>;
}

#[async_trait]
impl Probe for Relay {
    async fn probe(&self, route: &Route) -> Result<Seen, Reply> {
        let client = Box::pin(Client::open(route, self.ways())).await?;
        let seen = Seen {
            secured: client.secured,
            size: client.offers.size,
        };
        client.quit(QUIT_TIME).await;
        Ok(seen)
    }
}

//! Asks the next host whether it knows a recipient. What is learnt is kept by whoever asks.

use async_trait::async_trait;

use super::Callout;
use super::client::unusable;
use super::route::{Errand, Relay};
use crate::mail::{Address, Reply};
use crate::record::Route;

#[async_trait]
impl Callout for Relay {
    async fn ask(&self, routes: &[Route], to: &Address, smtputf8: bool) -> Reply {
        match self.at_hosts(routes, &Errand::Ask(to, smtputf8)).await {
            Ok(mut replies) => replies
                .pop()
                .unwrap_or_else(|| unusable("next host", 2, "no reply")),
            Err(reply) => reply,
        }
    }
}

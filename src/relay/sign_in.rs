//! Asks a mail server whether a name and a password belong together, by its own AUTH (RFC 4954).

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::time::Duration;

use super::client::{Client, place, unusable};
use super::route::{Relay, ordered};
use crate::mail::Reply;
use crate::record::{Route, RouteTls};

/// How long QUIT may take.
const QUIT_TIME: Duration = Duration::from_secs(2);

/// Somebody who knows passwords.
#[async_trait]
pub trait SignIn: Send + Sync {
    /// True if the first of `routes` that can be asked takes `name` and `password`.
    ///
    /// # Errors
    /// A 4xx reply of our own if nobody can be asked under TLS. Nothing secret is sent without.
    async fn sign_in(&self, routes: &[Route], name: &str, password: &str) -> Result<bool, Reply>;
}

#[async_trait]
impl SignIn for Relay {
    async fn sign_in(&self, routes: &[Route], name: &str, password: &str) -> Result<bool, Reply> {
        if name.contains('\0') || password.contains('\0') {
            return Ok(false);
        }
        let response = STANDARD.encode(format!("\0{name}\0{password}"));
        let mut last = Reply::new(454, 7, 0, "There is no host to ask");
        for route in ordered(routes, 0) {
            if route.tls == RouteTls::None {
                last = unusable(&place(route), 5, "passwords are sent under TLS only");
                continue;
            }
            match self.ask_host(route, &response).await {
                Ok(known) => return Ok(known),
                Err(reply) => {
                    tracing::warn!(host = %place(route), %reply, "a login cannot be asked for");
                    last = reply;
                }
            }
        }
        Err(last)
    }
}

impl Relay {
    /// A connection of its own: what was said over it is nobody else's.
    async fn ask_host(&self, route: &Route, response: &str) -> Result<bool, Reply> {
        let ways = self.ways();
        let mut client = Box::pin(Client::open(route, ways)).await?;
        if !client.secured || !client.offers.plain {
            let why = "it offers no AUTH PLAIN under TLS";
            let reply = unusable(&client.place, 5, why);
            client.quit(QUIT_TIME).await;
            return Err(reply);
        }
        let time = ways.options.command_time.0;
        let said = client
            .command(&format!("AUTH PLAIN {response}"), time)
            .await;
        let said = said.map_err(|broken| unusable(&client.place, 2, broken))?;
        let known = match said.code {
            235 => Ok(true),
            535 | 530 | 534 => Ok(false),
            _ => Err(unusable(&client.place, 0, format!("AUTH: {said}"))),
        };
        client.quit(QUIT_TIME).await;
        known
    }
}

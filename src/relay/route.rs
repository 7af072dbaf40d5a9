//! The relay: which host of a route gets the mail, and what is done when one fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures_util::future::join_all;

use super::client::{Client, Ways, place, unusable};
use super::pool::Pool;
use super::transaction::{Load, Lost};
use super::{Carrier, Options, Parcel};
use crate::mail::{Address, Mail, Reply, edited};
use crate::net::tls::TlsError;
use crate::net::tls_client::ClientTls;
use crate::record::Route;

/// How many parcels of one mail are on their way at once.
const PARCELS_AT_ONCE: usize = 4;

/// Carries mail by SMTP. Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct Relay {
    ways: Arc<Ways>,
    pool: Arc<Pool>,
    /// Takes hosts of equal priority in turn.
    turn: Arc<AtomicUsize>,
}

/// What is done over a connection.
pub(super) enum Errand<'e> {
    Send(&'e Load<'e>, &'e [Address]),
    Ask(&'e Address, bool),
}

impl Relay {
    /// A relay that says `hostname` in EHLO unless the options name another.
    ///
    /// # Errors
    /// [`TlsError`] if the file of certificate authorities cannot be used.
    pub fn new(options: Options, hostname: &str) -> Result<Self, TlsError> {
        let tls = ClientTls::new(options.ca_file.as_deref())?;
        let helo = options.helo.clone().unwrap_or_else(|| hostname.to_owned());
        Ok(Self {
            pool: Pool::new(&options),
            ways: Arc::new(Ways { options, helo, tls }),
            turn: Arc::default(),
        })
    }

    pub(super) fn ways(&self) -> &Ways {
        &self.ways
    }

    /// Runs the errand at the first host that can be used: with a connection that was
    /// kept, and if that turns out dead, with a new one. A host that is lost before
    /// the final dot was sent is followed by the next.
    pub(super) async fn at_hosts(
        &self,
        routes: &[Route],
        errand: &Errand<'_>,
    ) -> Result<Vec<Reply>, Reply> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut last = Reply::new(451, 4, 4, "No route to the recipient's host");
        let mut routes = ordered(routes, turn);
        routes.sort_by_cached_key(|route| self.pool.is_avoided(route));
        for route in routes {
            match self.at_host(route, errand).await {
                Ok(done) => return Ok(done),
                Err(reply) => {
                    tracing::warn!(host = %place(route), %reply, "a next host cannot be used");
                    last = reply;
                }
            }
        }
        Err(last)
    }

    async fn at_host(&self, route: &Route, errand: &Errand<'_>) -> Result<Vec<Reply>, Reply> {
        let Some(slot) = self.pool.slot(route).await else {
            return Err(unusable(&place(route), 5, "too many connections of ours"));
        };
        if let Some(mut client) = self.pool.take(&slot) {
            match self.run(errand, &mut client).await {
                Ok(done) => {
                    self.pool.give_back(slot, client);
                    return Ok(done);
                }
                Err(Lost(reply)) => {
                    tracing::debug!(%reply, "a kept connection was lost, trying a new one");
                }
            }
        }
        let opened = Box::pin(Client::open(route, &self.ways)).await;
        self.pool.note(&slot, opened.is_ok());
        let mut client = opened?;
        let done = self.run(errand, &mut client).await;
        let done = done.map_err(|Lost(reply)| reply)?;
        self.pool.give_back(slot, client);
        Ok(done)
    }

    async fn run(&self, errand: &Errand<'_>, client: &mut Client) -> Result<Vec<Reply>, Lost> {
        match errand {
            Errand::Send(load, to) => client.send(load, to, &self.ways).await,
            Errand::Ask(to, smtputf8) => {
                let reply = client.ask_for(to, *smtputf8, &self.ways).await?;
                Ok(vec![reply])
            }
        }
    }

    async fn parcel(&self, mail: &Mail, parcel: &Parcel) -> Vec<Reply> {
        let edited = edited(&mail.message, &parcel.edits);
        let load = Load::new(&mail.envelope, &edited);
        let mut replies = Vec::with_capacity(parcel.to.len());
        for to in parcel.to.chunks(self.ways.options.recipients.max(1)) {
            replies.extend(self.hand_over(&load, to, &parcel.routes).await);
        }
        replies
    }

    async fn hand_over(&self, load: &Load<'_>, to: &[Address], routes: &[Route]) -> Vec<Reply> {
        match self.at_hosts(routes, &Errand::Send(load, to)).await {
            Ok(replies) => replies,
            Err(reply) => vec![reply; to.len()],
        }
    }
}

#[async_trait]
impl Carrier for Relay {
    async fn carry(&self, mail: &Mail, parcels: &[Parcel]) -> Vec<Vec<Reply>> {
        let mut replies = Vec::with_capacity(parcels.len());
        for some in parcels.chunks(PARCELS_AT_ONCE) {
            let carried = some.iter().map(|parcel| self.parcel(mail, parcel));
            replies.extend(join_all(carried).await);
        }
        replies
    }
}

/// By priority; those of equal priority in turn.
pub(super) fn ordered(routes: &[Route], turn: usize) -> Vec<&Route> {
    let mut sorted: Vec<&Route> = routes.iter().collect();
    sorted.sort_by_key(|route| route.priority);
    for equal in sorted.chunk_by_mut(|a, b| a.priority == b.priority) {
        let by = turn % equal.len();
        equal.rotate_left(by);
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_come_by_priority_and_in_turn() {
        let routes: Vec<Route> = ["c:1,priority=20", "a:1", "b:1"]
            .iter()
            .map(|text| text.parse().expect("route"))
            .collect();
        let hosts = |turn| -> Vec<&str> {
            let sorted = ordered(&routes, turn);
            sorted.iter().map(|route| route.host.as_str()).collect()
        };
        assert_eq!(hosts(0), ["a", "b", "c"]);
        assert_eq!(hosts(1), ["b", "a", "c"]);
        assert_eq!(hosts(usize::MAX), ["b", "a", "c"]);
        assert!(ordered(&[], 3).is_empty());
    }
}

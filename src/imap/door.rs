//! The door itself: listeners, TLS, places, and one task for each session.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Options;
use super::apart::Apart;
use super::bodies::Bodies;
use super::conn::{Conn, End, Io};
use super::places::Places;
use super::session::Session;
use super::stranger::{Stranger, Welcome};
use crate::accounts::Login;
use crate::actions::Desk;
use crate::clock::Clock;
use crate::mail::Budget;
use crate::net::tls::ServerTls;

/// Time for sessions to say good-bye when the house closes.
const DRAIN: Duration = Duration::from_secs(10);

/// How a connection begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// TLS from the first octet.
    Tls,
    /// In plain text; TLS is asked for with STARTTLS.
    StartTls,
    /// The stream is protected already, such as one within the process.
    Secured,
}

/// What all sessions share.
pub(super) struct House {
    pub(super) options: Options,
    pub(super) desk: Desk,
    pub(super) login: Login,
    pub(super) tls: ServerTls,
    pub(super) clock: Clock,
    pub(super) bodies: Bodies,
    /// Looking through texts; apart from the rest, which is shorter.
    pub(super) searching: Apart,
    pub(super) showing: Apart,
    pub(super) budget: Budget,
    pub(super) places: Places,
    pub(super) hostname: String,
}

/// The IMAP door. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    house: Arc<House>,
}

impl Door {
    /// `budget` is the memory of all mail in flight: what APPEND receives is taken from it.
    #[must_use]
    pub fn new(
        options: Options,
        desk: Desk,
        login: Login,
        tls: ServerTls,
        clock: Clock,
        budget: Budget,
        hostname: &str,
    ) -> Self {
        let bodies = Bodies::new(desk.clone(), options.read_memory.get(), options.cache.get());
        let house = House {
            options,
            desk,
            login,
            tls,
            clock,
            bodies,
            searching: Apart::new(),
            showing: Apart::new(),
            budget,
            places: Places::default(),
            hostname: super::write::words(hostname),
        };
        Self {
            house: Arc::new(house),
        }
    }

    /// Serves these listeners until `shutdown` turns true (or its sender is gone); then
    /// sessions are told BYE, and it returns when they have ended, after 10 s at the latest.
    pub async fn serve(
        self,
        listeners: Vec<(TcpListener, Opening)>,
        shutdown: watch::Receiver<bool>,
    ) {
        let mut doors = JoinSet::new();
        for (listener, opening) in listeners {
            doors.spawn(self.clone().listen(listener, opening, shutdown.clone()));
        }
        while doors.join_next().await.is_some() {}
    }

    async fn listen(
        self,
        listener: TcpListener,
        opening: Opening,
        mut shutdown: watch::Receiver<bool>,
    ) {
        let mut sessions = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(ended) = sessions.join_next(), if !sessions.is_empty() => {
                    if let Err(fault) = ended {
                        // Our mistake: this session ends, the house stands.
                        tracing::error!(%fault, "an IMAP session broke");
                    }
                    continue;
                }
                _ = shutdown.wait_for(|down| *down) => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    // A reply must not wait for the acknowledgement of the one before.
                    if stream.set_nodelay(true).is_ok() {
                        let visit = self.visit(stream, peer.ip(), opening, shutdown.clone());
                        sessions.spawn(visit);
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        let ended = tokio::time::timeout(DRAIN, async {
            while sessions.join_next().await.is_some() {}
        });
        if ended.await.is_err() {
            tracing::warn!("IMAP sessions were cut off at shutdown");
        }
    }

    /// One connection, from greeting to end. The future owns all it needs.
    pub fn visit(
        &self,
        stream: impl Io + 'static,
        peer: IpAddr,
        opening: Opening,
        shutdown: watch::Receiver<bool>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let house = Arc::clone(&self.house);
        let conn = Conn::new(Box::new(stream), shutdown);
        Box::pin(visit(house, conn, peer, opening))
    }
}

async fn visit(house: Arc<House>, mut conn: Conn, peer: IpAddr, opening: Opening) {
    let options = &house.options;
    let (all, one) = (options.connections, options.connections_per_address);
    let Some(_places) = house.places.connection(peer, all, one) else {
        tracing::info!(%peer, "too many IMAP connections");
        if opening != Opening::Tls {
            conn.line("* BYE [UNAVAILABLE] Too many connections, come back later");
        }
        conn.close().await;
        return;
    };
    let until = Instant::now() + options.login_timeout.0;
    if opening == Opening::Tls {
        match handshake(&house, conn, until).await {
            Some(secured) => conn = secured,
            None => return,
        }
    }
    let stranger = Stranger::new(&house, peer, until, opening != Opening::StartTls);
    match Box::pin(stranger.welcome(conn)).await {
        Welcome::Left(conn, end) => say_bye(conn, end).await,
        Welcome::SignedIn(conn, by, _place) => {
            let who = by.who.clone();
            tracing::info!(%peer, %who, "signed in by IMAP");
            let session = Session::new(Arc::clone(&house), conn, by, peer);
            let (conn, end) = Box::pin(session.run()).await;
            tracing::info!(%peer, %who, ?end, "IMAP session ended");
            say_bye(conn, end).await;
        }
        Welcome::Broken => {}
    }
}

/// TLS on a connection; `None` if it does not come about in time.
pub(super) async fn handshake(house: &House, conn: Conn, until: Instant) -> Option<Conn> {
    let (io, shutdown) = conn.into_parts();
    let accepted = tokio::time::timeout_at(until, house.tls.acceptor().accept(io)).await;
    match accepted {
        Ok(Ok(stream)) => Some(Conn::new(Box::new(stream), shutdown)),
        Ok(Err(error)) => {
            tracing::debug!(%error, "TLS failed");
            None
        }
        Err(_) => None,
    }
}

async fn say_bye(mut conn: Conn, end: End) {
    match end {
        End::Silent => conn.line("* BYE Silent for too long"),
        End::Shutdown => conn.line("* BYE [UNAVAILABLE] The server closes, come back soon"),
        End::Closed | End::Told => {}
    }
    conn.close().await;
}

//! The door for mail: SMTP (RFC 5321) with its extensions.

mod auth;
pub mod command;
mod connection;
mod content;
mod each;
mod inbound;
mod obey;
mod options;
mod outbound;
pub mod proxy;
mod receive;
mod reception;
mod session;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use connection::{Connection, Opening, proxied};

use crate::mail::{Peer, Reply};
use crate::net::limit::{Place, Turnstile};
use crate::net::listen::{self, Closing, House, Listener};
use crate::net::network::Network;
use crate::net::socket::Bound;
use crate::net::tls::ServerTls;

pub use auth::Credentials;
pub use each::Protocol;
pub use inbound::Inbound;
pub use options::{LMTP_SOCKET_MODE, Lmtp, Options};
pub use outbound::{Outbound, Submission};
pub use reception::{Reception, Refused};
pub use session::{Event, LINE_MOST, Question, Session, Setup};

/// The SMTP door: any number of listeners for one reception. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    setup: Arc<ArcSwap<Setup>>,
    tls: Option<ServerTls>,
    reception: Arc<dyn Reception>,
    turnstile: Turnstile,
}

impl Door {
    /// A door that gives its mail to `reception`, and offers STARTTLS if there is `tls`.
    #[must_use]
    pub fn new(mut setup: Setup, tls: Option<ServerTls>, reception: Arc<dyn Reception>) -> Self {
        setup.tls = tls.is_some();
        let options = &setup.options;
        Self {
            turnstile: Turnstile::new(options.connections, options.connections_per_client),
            setup: Arc::new(ArcSwap::from_pointee(setup)),
            tls,
            reception,
        }
    }

    /// New options for connections to come; those that are open keep theirs. What
    /// to listen on and how many connections there may be needs a restart.
    pub fn set_options(&self, options: Options) {
        let setup = self.setup.load_full();
        self.setup.store(Arc::new(Setup {
            options,
            ..(*setup).clone()
        }));
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.turnstile.inside()
    }

    /// Takes connections from `listener` until the doors close and the sessions have
    /// ended. Idle sessions are told 421 then; a message that is being received may
    /// end within the grace time.
    pub async fn serve<L: Listener>(self, listener: L, closing: Closing) {
        self.serve_from(listener, closing, Opening::Plain).await;
    }

    /// The same for a socket of either kind.
    pub async fn serve_bound(self, bound: Bound, closing: Closing) {
        match bound {
            Bound::Tcp(listener) => self.serve(listener, closing).await,
            Bound::Unix(listener) => self.serve(listener, closing).await,
        }
    }

    /// The same for a listener whose clients begin with TLS (RFC 8314 section 3.3).
    pub async fn serve_tls<L: Listener>(self, listener: L, closing: Closing) {
        self.serve_from(listener, closing, Opening::Tls).await;
    }

    async fn serve_from<L: Listener>(self, listener: L, closing: Closing, opening: Opening) {
        let setup = self.setup.load_full();
        let full = format!("{} Too many connections, please come again", setup.hostname);
        let house = House {
            door: setup.protocol.door(),
            turnstile: self.turnstile.clone(),
            closing: closing.clone(),
            grace: setup.options.grace_time.0,
            full: Reply::new(421, 7, 0, full).wire(),
        };
        listen::serve(listener, house, |stream, address, place| {
            let client = (stream, address, opening);
            self.clone().visit(client, place, closing.clone())
        })
        .await;
    }

    async fn visit<S>(
        self,
        (mut stream, from, opening): (S, SocketAddr, Opening),
        mut place: Place,
        closing: Closing,
    ) where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let setup = self.setup.load_full();
        let mut address = from.ip().to_canonical();
        let mut unread = Vec::new();
        if holds(&setup.options.proxy_protocol_from, address) {
            match proxied(&mut stream).await {
                Ok((client, rest)) => {
                    address = client.unwrap_or(address).to_canonical();
                    unread = rest;
                }
                Err(error) => {
                    tracing::warn!(relay = %address, %error, "no PROXY protocol header from a front relay");
                    return;
                }
            }
        }
        let peer = Peer::new(address);
        let trusted = holds(&setup.options.xclient_from, address);
        if !trusted && !place.belongs_to(address) {
            self.turn_away(stream, peer, &setup).await;
            return;
        }
        let deadline = Instant::now() + setup.options.session_time.0;
        let mut session = Session::new(setup, peer, trusted);
        if self.reception.takes_logins() {
            session = session.taking_logins();
        }
        let mut connection = Connection {
            deadline,
            session,
            reception: self.reception.clone(),
            closing,
            unread,
        };
        if let Err(error) = connection.run(stream, self.tls.as_ref(), opening).await {
            tracing::debug!(client = %address, %error, "an SMTP connection broke");
        }
    }

    async fn turn_away<S>(&self, mut stream: S, peer: Peer, setup: &Setup)
    where
        S: AsyncWrite + Unpin,
    {
        let text = format!("{} Too many connections from you", setup.hostname);
        let reply = Reply::new(421, 7, 0, text);
        let wire = reply.wire();
        let told = timeout(setup.options.command_time.0, stream.write_all(&wire)).await;
        tracing::debug!(client = %peer.address, told = told.is_ok(), "turned away");
        let refused = Refused {
            peer,
            from: None,
            to: Vec::new(),
            reply,
        };
        self.reception.not_accepted(&refused).await;
    }
}

fn holds(networks: &[Network], address: IpAddr) -> bool {
    networks.iter().any(|network| network.holds(address))
}

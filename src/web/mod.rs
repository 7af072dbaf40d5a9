//! The door for browsers and programs: the panel, and the HTTP API under `/api/v1`.
//!
//! Pages are made here, on the server, and work without JavaScript; scripts only make them smoother.
//! What a visitor may see and do is the desk's to say; this room says it in words.

mod answer;
mod api;
mod assets;
mod client;
mod connection;
mod events;
mod form;
mod options;
mod pages;
pub mod preview;
mod reading;
mod router;
mod texts;
mod view;
mod visitor;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::accounts::Login;
use crate::actions::Desk;
use crate::inspect::Health;
use crate::net::limit::{Place, Turnstile};
use crate::net::listen::{self, Closing};
use crate::net::tls::ServerTls;
use crate::notify::Alerts;
use crate::record::Route;
use crate::relay::Probe;

pub use options::Options;

/// What the door is made of.
pub struct Setup {
    pub options: Options,
    pub desk: Desk,
    pub login: Login,
    /// Without it there is plain HTTP only.
    pub tls: Option<ServerTls>,
    pub closing: Closing,
    /// How long a reinsertion key verifies after a new one came into use.
    pub overlap: Duration,
}

/// What the page of the reinsertion shows and tries.
pub struct Reinsertion {
    /// Where released mail is handed in.
    pub hosts: Vec<Route>,
    /// The same for what was caught on its way out.
    pub outgoing: Vec<Route>,
    pub probe: Arc<dyn Probe>,
}

/// What every page and every call of the API has at hand. Cheap to clone.
#[derive(Clone)]
struct House {
    options: Arc<Options>,
    desk: Desk,
    login: Login,
    flashes: visitor::Flashes,
    readers: reading::Readers,
    reinsertion: Option<Arc<Reinsertion>>,
    watch: Option<(Alerts, Health)>,
    closing: Closing,
    overlap: Duration,
    /// Requests of the API, and what was answered to those that must not be done twice.
    rates: api::Rates,
    /// Links in letters that did not hold.
    wrong_links: api::Rates,
    answers: api::Answers,
    /// True if plain HTTP may be sent to HTTPS.
    has_tls: bool,
}

/// The door: any number of listeners. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    house: House,
    tls: Option<ServerTls>,
    turnstile: Turnstile,
}

impl Door {
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let Setup {
            options,
            desk,
            login,
            tls,
            closing,
            overlap,
        } = setup;
        let turnstile = Turnstile::new(options.connections, options.connections_per_client);
        let house = House {
            options: Arc::new(options),
            desk,
            login,
            flashes: visitor::Flashes::default(),
            readers: reading::Readers::default(),
            reinsertion: None,
            watch: None,
            closing,
            overlap,
            rates: api::Rates::default(),
            wrong_links: api::Rates::default(),
            answers: api::Answers::default(),
            has_tls: tls.is_some(),
        };
        Self {
            house,
            tls,
            turnstile,
        }
    }

    /// With what the page of the reinsertion shows; without it only its keys are shown.
    #[must_use]
    pub fn reinserting(mut self, reinsertion: Reinsertion) -> Self {
        self.house.reinsertion = Some(Arc::new(reinsertion));
        self
    }

    /// With what goes wrong and how the checks are, for the overview.
    #[must_use]
    pub fn watching(mut self, alerts: Alerts, checks: Health) -> Self {
        self.house.watch = Some((alerts, checks));
        self
    }

    /// Serves clients until the doors close.
    pub async fn serve(self, listener: TcpListener) {
        let closing = self.house.closing.clone();
        let router = router::router(self.house.clone());
        let house = listen::House {
            door: "web",
            turnstile: self.turnstile.clone(),
            closing: closing.clone(),
            grace: Duration::from_secs(5),
            full: b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 5\r\nConnection: close\r\n\r\n".to_vec(),
        };
        let proxies = self.house.options.clone();
        listen::serve(listener, house, move |stream, address, mut place: Place| {
            let (tls, router, closing) = (self.tls.clone(), router.clone(), closing.clone());
            let listed = proxies.proxies.iter().any(|p| p.holds(address.ip()));
            async move {
                // A proxy brings everybody's connections.
                if listed || place.belongs_to(address.ip()) {
                    connection::serve(stream, address, tls, router, closing).await;
                }
                drop(place);
            }
        })
        .await;
    }
}

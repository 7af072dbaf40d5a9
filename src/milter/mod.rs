//! The door for front relays that keep the mail and ask: the milter protocol, version 6, as
//! Postfix and Sendmail speak it, on TCP and on Unix sockets.
//!
//! At the end of a message the relay gets one answer, and all edits or none. Of one message there
//! is one content only, so recipients whose policies mark it in different ways get the strictest
//! marks. Recipients for whom it was stashed are taken off; others than ours are let by unseen.

mod client;
mod connection;
mod edits;
pub mod frame;
mod options;
mod receive;
mod session;
mod terms;

use std::sync::Arc;

use crate::intake::Intake;
use crate::net::limit::{Place, Turnstile};
use crate::net::listen::{self, Closing, House, Listener};
use crate::net::socket::Bound;
use connection::{Connection, Line};

pub use edits::Left;
pub use options::{Mode, Options};
pub use session::{Event, Question, Session, Setup};

/// The milter door: any number of listeners. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    setup: Arc<Setup>,
    intake: Intake,
    turnstile: Turnstile,
}

impl Door {
    /// A door to `intake`.
    #[must_use]
    pub fn new(setup: Setup, intake: &Intake) -> Self {
        let most = setup.options.connections;
        Self {
            setup: Arc::new(setup),
            intake: intake.fronted_at("milter"),
            turnstile: Turnstile::new(most, most),
        }
    }

    /// Serves front relays until the doors close and the messages that are being received have
    /// ended, or the grace time has.
    pub async fn serve(self, listener: Bound, closing: Closing) {
        match listener {
            Bound::Tcp(listener) => self.serve_on(listener, closing).await,
            Bound::Unix(listener) => self.serve_on(listener, closing).await,
        }
    }

    async fn serve_on<L>(self, listener: L, closing: Closing)
    where
        L: Listener,
        L::Stream: Line,
    {
        let house = House {
            door: "milter",
            turnstile: self.turnstile.clone(),
            closing: closing.clone(),
            grace: self.setup.options.grace_time.0,
            // The protocol has no words before the relay's first.
            full: Vec::new(),
        };
        listen::serve(listener, house, |stream, _, place| {
            self.clone().visit(stream, place, closing.clone())
        })
        .await;
    }

    /// One connection; its place is given back when it ends.
    async fn visit<S>(self, mut stream: S, _place: Place, closing: Closing)
    where
        S: Line,
    {
        let mut connection = Connection {
            session: Session::new(self.setup.clone()),
            intake: self.intake,
            closing,
            options: &self.setup.options,
        };
        if let Err(error) = connection.converse(&mut stream).await {
            tracing::info!(%error, "a connection of a mail server broke");
        }
    }
}

//! The certificate from an authority, where the configuration names one.

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::Rooms;
use crate::config::Config;
use crate::net::acme::{Renewal, Setup};
use crate::net::listen::{Closing, bind};

/// What renews the certificate, and where the authority finds it.
pub(super) struct Renewing(Option<(Renewal, Vec<TcpListener>)>);

impl Renewing {
    /// Takes the certificate that is kept into use, and binds.
    pub(super) async fn open(config: &Config, rooms: &Rooms) -> anyhow::Result<Self> {
        let renewal = Renewal::open(Setup {
            options: config.acme.clone(),
            data: config.server.data_dir.clone(),
            hostname: rooms.hostname.clone(),
            tls: rooms.tls.clone(),
            clock: rooms.clock.clone(),
        })?;
        Ok(Self(match renewal {
            Some(renewal) => Some((renewal, bind(&config.acme.listen).await?)),
            None => None,
        }))
    }

    pub(super) fn begin(self, tasks: &mut JoinSet<()>, closing: &Closing) {
        if let Some((renewal, listeners)) = self.0 {
            for listener in listeners {
                tasks.spawn(renewal.answers().serve(listener, closing.clone()));
            }
            tasks.spawn(renewal.run(closing.clone()));
        }
    }
}

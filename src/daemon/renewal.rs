//! The tasks of the house; the first of them renews its certificate, where the configuration names an authority.

use tokio::task::JoinSet;

use super::Rooms;
use crate::config::Config;
use crate::net::listen::Closing;

/// Takes the certificate that is kept into use, and binds where the authority looks for us.
#[cfg(feature = "acme")]
pub(super) async fn tasks(
    config: &Config,
    rooms: &Rooms,
    closing: &Closing,
) -> anyhow::Result<JoinSet<()>> {
    use crate::net::acme::{Renewal, Setup};
    use crate::net::listen::bind;
    let mut tasks = JoinSet::new();
    let renewal = Renewal::open(Setup {
        options: config.acme.clone(),
        data: config.server.data_dir.clone(),
        hostname: rooms.hostname.clone(),
        tls: rooms.tls.clone(),
        clock: rooms.clock.clone(),
    })?;
    if let Some(renewal) = renewal {
        for listener in bind(&config.acme.listen).await? {
            tasks.spawn(renewal.answers().serve(listener, closing.clone()));
        }
        tasks.spawn(renewal.run(closing.clone()));
    }
    Ok(tasks)
}

/// [`Config`] was refused if it names one.
#[cfg(not(feature = "acme"))]
pub(super) async fn tasks(
    _config: &Config,
    _rooms: &Rooms,
    _closing: &Closing,
) -> anyhow::Result<JoinSet<()>> {
    Ok(JoinSet::new())
}

//! Builds the rooms from the ground up, opens the doors, and drains from the top down.

mod outbound;
mod renewal;
mod rooms;
mod watching;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use parking_lot::Mutex;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::actions::{Desk, Refusal, challenge_keys, reinsertion_keys};
use crate::background::Tutor;
use crate::config::Config;
use crate::control::Control;
use crate::inspect::StandardPanel;
use crate::net::listen::{Closer, Closing, bind, closing};
use crate::net::socket::{Bound, Socket, bind_all};
use crate::net::tls::ServerTls;
use crate::policy::{Principal, Scope};
use crate::record::{Door, Route, RouteTls};
use crate::store::on_sled;
use crate::{imap, milter, smtp};
use rooms::Rooms;

/// A daemon that runs.
pub struct Daemon {
    pub desk: Desk,
    pub smtp: Vec<SocketAddr>,
    /// Where mail goes out, with STARTTLS.
    pub outbound: Vec<SocketAddr>,
    /// The same with TLS from the start.
    pub outbound_tls: Vec<SocketAddr>,
    pub milter: Vec<Socket>,
    pub imaps: Vec<SocketAddr>,
    pub imap: Vec<SocketAddr>,
    pub web: Vec<SocketAddr>,
    /// The password of `global`, if this was the first start (SY-08).
    pub first_password: Option<String>,
    config: Mutex<Config>,
    tls: ServerTls,
    panel: Arc<StandardPanel>,
    smtp_door: smtp::Door,
    outbound_door: smtp::Door,
    lmtp_door: smtp::Door,
    closer: Closer,
    tasks: JoinSet<()>,
    store: on_sled::Handle,
}

impl Daemon {
    /// Opens the store, binds everything, then lets clients in.
    ///
    /// # Errors
    /// What cannot be opened, and why; nothing stays open then.
    pub async fn open(config: Config) -> anyhow::Result<Self> {
        private_dir(&config.server.data_dir)?;
        let (rooms, handle) = Rooms::build(&config).await?;
        let first_password = first_account(&rooms).await?;
        let tutors = rooms.tutors(&config)?;
        let listeners = Listeners::bind(&config).await?;
        let (smtp, imaps, imap) = listeners.addresses();
        let (outbound, outbound_tls) = listeners.outbound.addresses();

        let (closer, closing) = closing();
        let mut tasks = renewal::tasks(&config, &rooms, &closing).await?;
        let (alerts, telling) = rooms.alerts(&config)?;
        let intake = rooms.sending(&config, rooms.intake(&config)?, &alerts);
        let uses = intake.list_uses();
        let (smtp_door, lmtp_door) = rooms.smtp_doors(&config, &intake);
        for listener in listeners.smtp {
            tasks.spawn(smtp_door.clone().serve(listener, closing.clone()));
        }
        for listener in listeners.lmtp {
            tasks.spawn(lmtp_door.clone().serve_bound(listener, closing.clone()));
        }
        let milter: Vec<Socket> = listeners.milter.iter().filter_map(Bound::at).collect();
        let door = rooms.milter_door(&config, &intake);
        open_for_relays(&door, listeners.milter, &mut tasks, &closing);
        let outbound_door = rooms.outbound_door(&config, intake);
        listeners
            .outbound
            .open(&outbound_door, &mut tasks, &closing);
        let web = addresses(&listeners.web);
        let imap_listeners = with_opening(listeners.imaps, listeners.imap);
        tasks.spawn(
            rooms
                .imap_door(&config)
                .serve(imap_listeners, closing.signal()),
        );
        let web_door = rooms.web_door(&config, (&smtp, &outbound), &alerts, &closing);
        for listener in listeners.web {
            tasks.spawn(web_door.clone().serve(listener));
        }
        let control = rooms.control(&config, &alerts);
        tasks.spawn(control.serve(listeners.control, closing.clone()));
        open_chores(&rooms, &config, tutors, &mut tasks, &closing);
        let background = rooms.background(&config, &smtp, &outbound);
        let house = (background.clone(), uses);
        rooms.watch(&config, (alerts, telling), house, &mut tasks, &closing);
        tasks.spawn(background.run(closing));
        Ok(Self {
            desk: rooms.desk,
            smtp,
            outbound,
            outbound_tls,
            milter,
            imaps,
            imap,
            web,
            first_password,
            config: Mutex::new(config),
            tls: rooms.tls,
            panel: rooms.panel,
            smtp_door,
            outbound_door,
            lmtp_door,
            closer,
            tasks,
            store: handle,
        })
    }

    /// Reads the configuration again: certificates, rules and the section smtp hold at
    /// once, what needs a restart is named in the log. A fault leaves all as it was.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn reload(&self, path: Option<&Path>) -> anyhow::Result<()> {
        let new = Config::load(path)?;
        self.tls.reload()?;
        self.panel.reload()?;
        self.smtp_door.set_options(new.smtp.clone());
        let outbound = outbound::door_options(&new.smtp);
        self.outbound_door.set_options(outbound);
        self.lmtp_door.set_options(smtp::Lmtp::door(&new.smtp));
        let old = self.config.lock().clone();
        let waiting = old.needs_restart(&new);
        if waiting.is_empty() {
            tracing::info!("the configuration was read again");
        } else {
            tracing::warn!(
                options = waiting.join(", "),
                "the configuration was read again; these need a restart"
            );
        }
        Ok(())
    }

    /// Lets nobody in any more, lets sessions and deliveries end, and closes the store.
    pub async fn drain(mut self) {
        self.closer.close();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a room ended in a fault");
            }
        }
        let store = self.store;
        match tokio::task::spawn_blocking(move || store.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "the index was not written down; the next start takes longer")
            }
            Err(error) => tracing::error!(%error, "the store ended in a fault"),
        }
    }
}

/// What is learned and taught, and who writes digests.
fn open_chores(
    rooms: &Rooms,
    config: &Config,
    tutors: Vec<Tutor>,
    tasks: &mut JoinSet<()>,
    closing: &Closing,
) {
    tasks.spawn(rooms.teaching(config).run(closing.clone()));
    for tutor in tutors {
        tasks.spawn(tutor.run(closing.clone()));
    }
    if let Some(herald) = rooms.herald(config) {
        tasks.spawn(herald.run(closing.clone()));
    }
}

/// Opens the door for relays that ask.
fn open_for_relays(
    door: &milter::Door,
    listeners: Vec<Bound>,
    tasks: &mut JoinSet<()>,
    closing: &Closing,
) {
    for listener in listeners {
        tasks.spawn(door.clone().serve(listener, closing.clone()));
    }
}

/// Everything that listens, bound before anybody is let in.
struct Listeners {
    smtp: Vec<TcpListener>,
    outbound: outbound::Listeners,
    lmtp: Vec<Bound>,
    milter: Vec<Bound>,
    imaps: Vec<TcpListener>,
    imap: Vec<TcpListener>,
    web: Vec<TcpListener>,
    control: UnixListener,
}

impl Listeners {
    async fn bind(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            smtp: bind(&config.smtp.listen).await?,
            outbound: outbound::Listeners::bind(config).await?,
            lmtp: bind_all(&config.lmtp.listen, smtp::LMTP_SOCKET_MODE).await?,
            milter: bind_all(&config.milter.listen, config.milter.socket_mode.0).await?,
            imaps: bind(&config.imap.listen_tls).await?,
            imap: bind(&config.imap.listen_starttls).await?,
            web: bind(&config.web.listen).await?,
            control: Control::bind(&config.control())
                .with_context(|| format!("the admin socket {}", config.control().display()))?,
        })
    }

    /// Of SMTP, IMAPS and IMAP; the ports are known now where they were 0.
    fn addresses(&self) -> (Vec<SocketAddr>, Vec<SocketAddr>, Vec<SocketAddr>) {
        (
            addresses(&self.smtp),
            addresses(&self.imaps),
            addresses(&self.imap),
        )
    }
}

fn addresses(listeners: &[TcpListener]) -> Vec<SocketAddr> {
    listeners
        .iter()
        .filter_map(|listener| listener.local_addr().ok())
        .collect()
}

/// Those where TLS comes first, and those with STARTTLS.
fn with_opening(
    tls: Vec<TcpListener>,
    starttls: Vec<TcpListener>,
) -> Vec<(TcpListener, imap::Opening)> {
    let with = |opening| move |listener| (listener, opening);
    let tls = tls.into_iter().map(with(imap::Opening::Tls));
    let starttls = starttls.into_iter().map(with(imap::Opening::StartTls));
    tls.chain(starttls).collect()
}

/// Makes the data directory, readable for us alone.
fn private_dir(dir: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("cannot make the data directory {}", dir.display()))
}

/// The first start makes the reinsertion keys, and the account `global` with a random password.
async fn first_account(rooms: &Rooms) -> anyhow::Result<Option<String>> {
    // Made once, before two could make them at the same time.
    reinsertion_keys(&*rooms.store.settings, rooms.clock.now()).await?;
    challenge_keys(&*rooms.store.settings, rooms.clock.now()).await?;
    let house = Principal::house("first start");
    match rooms
        .desk
        .add_account(&house, Scope::Global, None, &Door::new("background", ""))
        .await
    {
        Ok(password) => Ok(Some(password)),
        // It is there already.
        Err(Refusal::Bad(_)) => Ok(None),
        Err(refusal) => Err(refusal).context("the account global cannot be made"),
    }
}

/// Where released mail is handed in: the configured hosts, or our own first listener.
fn reinsertion_routes(config: &Config, smtp: &[SocketAddr]) -> Vec<Route> {
    if !config.reinsertion.hosts.is_empty() {
        return config.reinsertion.hosts.clone();
    }
    loopback_route(smtp)
}

/// The way to the first of our own listeners.
fn loopback_route(listening: &[SocketAddr]) -> Vec<Route> {
    listening
        .first()
        .map(|at| {
            let host = if at.ip().is_unspecified() {
                IpAddr::V4(Ipv4Addr::LOCALHOST)
            } else {
                at.ip()
            };
            vec![Route {
                host: host.to_string(),
                port: at.port(),
                tls: RouteTls::None,
                priority: 10,
            }]
        })
        .unwrap_or_default()
}

/// Log lines to standard error.
pub fn start_log(config: &Config) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.server.log)
        .with_context(|| format!("[server] log = \"{}\"", config.server.log))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if config.server.log_json {
        builder.json().init();
    } else {
        builder
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .init();
    }
    Ok(())
}

/// `quaranta serve`: runs until SIGTERM or SIGINT; SIGHUP reloads.
///
/// # Errors
/// What keeps it from starting.
pub fn serve(path: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let config = Config::load(path.as_deref())?;
    start_log(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let daemon = Daemon::open(config.clone()).await?;
        if let Some(password) = &daemon.first_password {
            show_once(&config.server.data_dir, password)?;
        }
        tracing::info!(smtp = ?daemon.smtp, outbound = ?daemon.outbound, outbound_tls = ?daemon.outbound_tls, milter = ?daemon.milter, imaps = ?daemon.imaps, imap = ?daemon.imap, web = ?daemon.web, "ready");
        notify(&[sd_notify::NotifyState::Ready]);
        let mut hangup = signal(SignalKind::hangup())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        loop {
            tokio::select! {
                _ = hangup.recv() => {
                    notify(&[sd_notify::NotifyState::Reloading]);
                    if let Err(error) = daemon.reload(path.as_deref()) {
                        tracing::error!(%error, "the configuration stays as it was");
                    }
                    notify(&[sd_notify::NotifyState::Ready]);
                }
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
            }
        }
        tracing::info!("draining");
        notify(&[sd_notify::NotifyState::Stopping]);
        daemon.drain().await;
        Ok(ExitCode::SUCCESS)
    })
}

fn notify(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd was not told");
    }
}

/// Shows the first password once: on the terminal, or, where there is none, in a file
/// for root alone, because logs are read by many.
fn show_once(dir: &Path, password: &str) -> anyhow::Result<()> {
    use std::io::{IsTerminal as _, Write as _};
    let text =
        format!("The account `global` was made. Its password, shown this once: {password}\n");
    if std::io::stderr().is_terminal() {
        std::io::stderr().write_all(text.as_bytes())?;
        return Ok(());
    }
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = dir.join("first-password");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)?;
    file.write_all(format!("{password}\n").as_bytes())?;
    tracing::warn!(
        "the account `global` was made; its password lies in {}: read it, then remove the file",
        path.display()
    );
    Ok(())
}

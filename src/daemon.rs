//! Builds the rooms from the ground up, opens the doors, and drains from the top down.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use parking_lot::Mutex;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::accounts::Login;
use crate::actions::{Desk, Refusal, reinsertion_keys};
use crate::background::{Background, Teaching};
use crate::clock::Clock;
use crate::config::Config;
use crate::control::Control;
use crate::inspect::{Learner, StandardPanel};
use crate::intake::{self, Intake};
use crate::mail::{Budget, Direction};
use crate::net::dns::Dns;
use crate::net::listen::{Closer, bind, closing};
use crate::net::tls::ServerTls;
use crate::policy::{Principal, Scope};
use crate::record::{Door, Route, RouteTls};
use crate::relay::Relay;
use crate::store::{Store, on_sled};
use crate::{imap, smtp};

/// A daemon that runs.
pub struct Daemon {
    pub desk: Desk,
    pub smtp: Vec<SocketAddr>,
    pub imaps: Vec<SocketAddr>,
    pub imap: Vec<SocketAddr>,
    /// The password of `global`, if this was the first start (SY-08).
    pub first_password: Option<String>,
    config: Mutex<Config>,
    tls: ServerTls,
    panel: Arc<StandardPanel>,
    smtp_door: smtp::Door,
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
        let first_password = first_account(&rooms.desk).await?;
        // Made once, before two could make them at the same time.
        reinsertion_keys(&*rooms.store.settings, rooms.clock.now()).await?;
        let listeners = Listeners::bind(&config).await?;
        let (smtp, imaps, imap) = listeners.addresses();

        let (closer, closing) = closing();
        let mut tasks = JoinSet::new();
        let smtp_door = rooms.smtp_door(&config);
        for listener in listeners.smtp {
            tasks.spawn(smtp_door.clone().serve(listener, closing.clone()));
        }
        let with = |opening| move |listener| (listener, opening);
        let imap_listeners = listeners
            .imaps
            .into_iter()
            .map(with(imap::Opening::Tls))
            .chain(
                listeners
                    .imap
                    .into_iter()
                    .map(with(imap::Opening::StartTls)),
            )
            .collect();
        tasks.spawn(
            rooms
                .imap_door(&config)
                .serve(imap_listeners, closing.signal()),
        );
        let overlap = config.reinsertion.token_lifetime.0;
        let control = Control::new(rooms.desk.clone(), overlap).teaching(rooms.learner.clone());
        tasks.spawn(control.serve(listeners.control, closing.clone()));
        tasks.spawn(rooms.teaching(&config).run(closing.clone()));
        tasks.spawn(rooms.background(&config, &smtp).run(closing));
        Ok(Self {
            desk: rooms.desk,
            smtp,
            imaps,
            imap,
            first_password,
            config: Mutex::new(config),
            tls: rooms.tls,
            panel: rooms.panel,
            smtp_door,
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

/// The rooms below the doors.
struct Rooms {
    clock: Clock,
    hostname: String,
    tls: ServerTls,
    store: Store,
    desk: Desk,
    panel: Arc<StandardPanel>,
    learner: Arc<Learner>,
    relay: Arc<Relay>,
    budget: Budget,
}

impl Rooms {
    async fn build(config: &Config) -> anyhow::Result<(Self, on_sled::Handle)> {
        let clock = Clock::system();
        let hostname = config.hostname();
        let tls = ServerTls::open(&config.tls, &config.server.data_dir, &hostname)?;
        let dns = Arc::new(Dns::open(&config.dns).context("[dns] servers")?);
        let panel = StandardPanel::open(&config.inspect, dns, clock.clone())?;
        let learner = Arc::new(open_learner(config).await?);
        let panel = Arc::new(panel.learning(learner.clone()));
        let relay = Arc::new(Relay::new(config.relay.clone(), &hostname)?);
        let (store, handle) = open_store(config, clock.clone()).await?;
        let rooms = Self {
            desk: Desk::new(store.clone(), clock.clone()),
            budget: Budget::new(config.intake.mail_memory.get()),
            clock,
            hostname,
            tls,
            store,
            panel,
            learner,
            relay,
        };
        Ok((rooms, handle))
    }

    fn smtp_door(&self, config: &Config) -> smtp::Door {
        let intake = Intake::new(intake::Parts {
            store: self.store.clone(),
            desk: self.desk.clone(),
            panel: self.panel.clone(),
            callout: self.relay.clone(),
            clock: self.clock.clone(),
            hostname: self.hostname.clone(),
            options: config.intake.clone(),
        });
        let setup = smtp::Setup {
            hostname: self.hostname.clone(),
            direction: Direction::Inbound,
            options: config.smtp.clone(),
            tls: true,
            budget: self.budget.clone(),
            clock: self.clock.clone(),
        };
        let reception = Arc::new(smtp::Inbound::new(intake, self.relay.clone()));
        smtp::Door::new(setup, Some(self.tls.clone()), reception)
    }

    fn imap_door(&self, config: &Config) -> imap::Door {
        let login = Login::new(
            self.store.settings.clone(),
            self.store.journal.clone(),
            self.clock.clone(),
            config.login.clone(),
        );
        imap::Door::new(
            config.imap.clone(),
            self.desk.clone(),
            login,
            self.tls.clone(),
            self.clock.clone(),
            self.budget.clone(),
            &self.hostname,
        )
    }

    fn teaching(&self, config: &Config) -> Teaching {
        Teaching {
            store: self.store.clone(),
            learner: self.learner.clone(),
            text_most: config.inspect.text_most.get(),
            clock: self.clock.clone(),
        }
    }

    fn background(&self, config: &Config, smtp: &[SocketAddr]) -> Background {
        Background {
            store: self.store.clone(),
            desk: self.desk.clone(),
            carrier: self.relay.clone(),
            clock: self.clock.clone(),
            budget: self.budget.clone(),
            options: Arc::new(config.reinsertion.clone()),
            reinsertion: Arc::new(reinsertion_routes(config, smtp)),
        }
    }
}

/// Everything that listens, bound before anybody is let in.
struct Listeners {
    smtp: Vec<TcpListener>,
    imaps: Vec<TcpListener>,
    imap: Vec<TcpListener>,
    control: UnixListener,
}

impl Listeners {
    async fn bind(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            smtp: bind(&config.smtp.listen).await?,
            imaps: bind(&config.imap.listen_tls).await?,
            imap: bind(&config.imap.listen_starttls).await?,
            control: Control::bind(&config.control())
                .with_context(|| format!("the admin socket {}", config.control().display()))?,
        })
    }

    /// Of SMTP, IMAPS and IMAP; the ports are known now where they were 0.
    fn addresses(&self) -> (Vec<SocketAddr>, Vec<SocketAddr>, Vec<SocketAddr>) {
        let of = |listeners: &[TcpListener]| {
            listeners
                .iter()
                .filter_map(|listener| listener.local_addr().ok())
                .collect()
        };
        (of(&self.smtp), of(&self.imaps), of(&self.imap))
    }
}

/// Opening may take a while after a crash, so it is not done on a thread that serves others.
async fn open_store(config: &Config, clock: Clock) -> anyhow::Result<(Store, on_sled::Handle)> {
    let (dir, options) = (config.server.data_dir.join("store"), config.store.clone());
    Ok(tokio::task::spawn_blocking(move || on_sled::open(&dir, &options, clock)).await??)
}

/// Many lessons take a while to read.
async fn open_learner(config: &Config) -> anyhow::Result<Learner> {
    let dir = config.server.data_dir.join("learned");
    let open =
        move || Learner::open(&dir).with_context(|| format!("the lessons in {}", dir.display()));
    tokio::task::spawn_blocking(open).await?
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

/// The first start makes the account `global` with a random password.
async fn first_account(desk: &Desk) -> anyhow::Result<Option<String>> {
    let house = Principal::house("first start");
    match desk
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
    smtp.first()
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
        tracing::info!(smtp = ?daemon.smtp, imaps = ?daemon.imaps, imap = ?daemon.imap, "ready");
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

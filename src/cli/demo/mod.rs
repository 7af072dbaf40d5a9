//! The demo: the whole product on loopback, with a destination server and sample mail of its own.

mod destination;
mod samples;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::args::DemoArgs;
use super::say;
use crate::actions::{Desk, NewKey, Refusal};
use crate::clock::Clock;
use crate::config::Config;
use crate::daemon::{self, Daemon};
use crate::mail::{Budget, Direction, Domain};
use crate::net::listen::{bind, closing};
use crate::net::socket::Socket;
use crate::policy::{Mode, Principal, Rights, Role, Scope};
use crate::record::{DomainSettings, Door, Route, RouteTls};
use crate::smtp;

/// The domains of the demo; the second gets spam with Subject notation, and in the third mail from
/// unknown senders is pending.
const DOMAINS: [&str; 3] = ["example.org", "tag.example.org", "pending.example.org"];
/// The accounts, besides `global`.
const ACCOUNTS: [&str; 4] = [
    "example.org",
    "alice@example.org",
    "bob@example.org",
    "alice@pending.example.org",
];

/// Names the API key among the secrets.
const API_KEY: &str = "api_key";
/// Enough for programs that try out all of the API.
const API_RATE: u32 = 100_000;

/// Where everything listens.
struct Ports {
    smtp: SocketAddr,
    milter: SocketAddr,
    destination: SocketAddr,
    imaps: SocketAddr,
    imap: SocketAddr,
    outbound: SocketAddr,
    lmtp: SocketAddr,
    web: SocketAddr,
}

impl Ports {
    fn new(base: Option<u16>) -> Self {
        let [smtp, destination, imaps, imap, web, outbound, milter, lmtp] = match base {
            Some(base) => [
                base,
                base + 1,
                base + 2,
                base + 3,
                base + 4,
                base + 5,
                base + 6,
                base + 7,
            ],
            None => [2525, 2526, 2993, 2143, 2080, 2587, 2666, 2524],
        };
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self {
            smtp: at(smtp),
            milter: at(milter),
            destination: at(destination),
            imaps: at(imaps),
            imap: at(imap),
            outbound: at(outbound),
            lmtp: at(lmtp),
            web: at(web),
        }
    }
}

/// Runs the demo until Ctrl-C.
pub(super) fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let (dir, kept) = match &args.dir {
        Some(dir) => (dir.clone(), true),
        None => (
            std::env::temp_dir().join(format!("quaranta-demo-{}", std::process::id())),
            false,
        ),
    };
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let dir = dir.canonicalize()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(demo(args, &dir));
    if !kept && let Err(error) = std::fs::remove_dir_all(&dir) {
        tracing::warn!(%error, dir = %dir.display(), "the demo's directory stays");
    }
    result
}

async fn demo(args: &DemoArgs, dir: &Path) -> anyhow::Result<ExitCode> {
    let ports = Ports::new(args.port_base);
    let config = config(dir, &ports);
    daemon::start_log(&config)?;

    let (closer, closing) = closing();
    let delivered = dir.join("delivered");
    let destination = smtp::Door::new(
        smtp::Setup {
            hostname: "mail.example.org".to_owned(),
            direction: Direction::Inbound,
            protocol: smtp::Protocol::Smtp,
            options: smtp::Options::default(),
            tls: false,
            budget: Budget::new(256 << 20),
            clock: Clock::system(),
        },
        None,
        Arc::new(destination::Maildirs::new(delivered.clone(), &DOMAINS)?),
    );
    let listener = bind(&[ports.destination])
        .await?
        .pop()
        .ok_or_else(|| anyhow!("no listener"))?;
    let destination = tokio::spawn(destination.serve(listener, closing));

    let daemon = Daemon::open(config).await?;
    let secrets = secrets(dir, &daemon).await?;
    serve_domains(&daemon.desk, ports.destination).await?;
    let seeded = dir.join("samples-sent");
    let samples = if args.no_samples || seeded.exists() {
        Vec::new()
    } else {
        let sent = samples::send(ports.smtp).await?;
        std::fs::write(&seeded, "")?;
        sent
    };
    if args.json {
        say(&format!(
            "{}\n",
            ready_json(dir, &ports, &delivered, &secrets)
        ))?;
    } else {
        say(&ready_text(dir, &ports, &delivered, &secrets, &samples))?;
    }

    let mut terminate = signal(SignalKind::terminate())?;
    // The terminal was closed.
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result?,
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    daemon.drain().await;
    closer.close();
    destination.await?;
    Ok(ExitCode::SUCCESS)
}

fn config(dir: &Path, ports: &Ports) -> Config {
    let mut config = Config::default();
    config.server.hostname = Some("mx.example.org".to_owned());
    config.server.data_dir = dir.to_owned();
    config.server.log = "warn".to_owned();
    config.smtp.listen = vec![ports.smtp];
    config.lmtp.listen = vec![Socket::Tcp(ports.lmtp)];
    config.milter.listen = vec![Socket::Tcp(ports.milter)];
    config.imap.listen_tls = vec![ports.imaps];
    config.imap.listen_starttls = vec![ports.imap];
    config.web.listen = vec![ports.web];
    config.web.url = Some(format!("http://{}", ports.web));
    config.web.api_rate = API_RATE;
    config.outbound.listen = vec![ports.outbound];
    config.outbound.smart_hosts = vec![route(ports.destination)];
    config
}

fn door() -> Door {
    Door::new("demo", "")
}

/// What lets people and programs in.
struct Secrets {
    /// Login and password of every account, `global` first.
    accounts: Vec<(String, String)>,
    /// A key of the account `global` with all its rights.
    api_key: String,
}

/// The secrets are kept in the demo's directory, so that the next start can show them again; a
/// real house does not do that.
async fn secrets(dir: &Path, daemon: &Daemon) -> anyhow::Result<Secrets> {
    let file = dir.join("demo-passwords.json");
    let house = Principal::house("demo");
    let mut known: BTreeMap<String, String> = match std::fs::read(&file) {
        Ok(text) => serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged", file.display()))?,
        Err(_) => BTreeMap::new(),
    };
    if let Some(password) = &daemon.first_password {
        known.insert("global".to_owned(), password.clone());
    }
    let mut accounts = Vec::new();
    for login in std::iter::once("global").chain(ACCOUNTS) {
        let scope: Scope = login.parse()?;
        if !known.contains_key(login) {
            let password = match daemon
                .desk
                .add_account(&house, scope.clone(), None, &door())
                .await
            {
                Err(Refusal::Bad(_)) => {
                    daemon
                        .desk
                        .set_password(&house, scope, None, &door())
                        .await?
                }
                made => made?,
            };
            known.insert(login.to_owned(), password);
        }
        accounts.push((
            login.to_owned(),
            known.get(login).cloned().unwrap_or_default(),
        ));
    }
    let api_key = match known.get(API_KEY) {
        Some(key) => key.clone(),
        None => api_key(&daemon.desk).await?,
    };
    known.insert(API_KEY.to_owned(), api_key.clone());
    write_private(&file, &serde_json::to_vec_pretty(&known)?)?;
    Ok(Secrets { accounts, api_key })
}

async fn api_key(desk: &Desk) -> anyhow::Result<String> {
    let key = NewKey {
        name: "demo".to_owned(),
        role: Role::Administrator,
        scope: Scope::Global,
        rights: Rights::all(),
        expires: None,
        networks: Vec::new(),
    };
    let global = Principal::of(Scope::Global);
    let (_, text) = desk.add_api_key(&global, key, &door()).await?;
    Ok(text)
}

fn write_private(path: &PathBuf, text: &[u8]) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    Ok(file.write_all(text)?)
}

fn route(destination: SocketAddr) -> Route {
    Route {
        host: destination.ip().to_string(),
        port: destination.port(),
        tls: RouteTls::Opportunistic,
        priority: 10,
    }
}

async fn serve_domains(desk: &Desk, destination: SocketAddr) -> anyhow::Result<()> {
    let house = Principal::house("demo");
    for name in DOMAINS {
        let domain: Domain = name.parse()?;
        desk.set_domain(
            &house,
            DomainSettings {
                domain: domain.clone(),
                routes: vec![route(destination)],
                imap: None,
            },
            &door(),
        )
        .await?;
        let scope = Scope::Domain(domain);
        let mut layer = desk.layer(&house, &scope).await?;
        match name {
            "tag.example.org" => layer.mode = Some(Mode::Tag),
            "pending.example.org" => layer.pend_unknown = Some(true),
            _ => continue,
        }
        desk.set_layer(&house, scope, layer, &door()).await?;
    }
    Ok(())
}

fn ready_json(dir: &Path, ports: &Ports, delivered: &Path, secrets: &Secrets) -> serde_json::Value {
    let accounts: Vec<_> = secrets
        .accounts
        .iter()
        .map(|(login, password)| json!({ "login": login, "password": password }))
        .collect();
    json!({
        "smtp": ports.smtp.to_string(),
        "milter": ports.milter.to_string(),
        "imaps": ports.imaps.to_string(),
        "imap": ports.imap.to_string(),
        "outbound": ports.outbound.to_string(),
        "lmtp": ports.lmtp.to_string(),
        "web": format!("http://{}", ports.web),
        "delivered": delivered,
        "ca": dir.join("ca.pem"),
        "control": dir.join("control.sock"),
        "accounts": accounts,
        "api_key": secrets.api_key,
    })
}

fn ready_text(
    dir: &Path,
    ports: &Ports,
    delivered: &Path,
    secrets: &Secrets,
    samples: &[samples::Sent],
) -> String {
    let mut text = String::from(
        "\nQuaranta is ready. Everything is on this machine alone; Ctrl-C ends it.\n\n",
    );
    if !samples.is_empty() {
        let rows: Vec<Vec<String>> = samples
            .iter()
            .map(|s| vec![s.what.to_owned(), s.to.clone(), s.said.clone()])
            .collect();
        text.push_str(&super::show::table(&["SAMPLE MAIL", "TO", "ANSWER"], &rows));
        text.push('\n');
    }
    let rows: Vec<Vec<String>> = secrets
        .accounts
        .iter()
        .map(|(l, p)| vec![l.clone(), p.clone()])
        .collect();
    text.push_str(&super::show::table(&["LOGIN", "PASSWORD"], &rows));
    let path = |path: &Path| path.display().to_string();
    text.push_str(&format!(
        "\n\
         Panel         http://{}\n\
         API           curl -H 'Authorization: Bearer {}' http://{}/api/v1/status; described at http://{}/api/v1/\n\
         Send mail     swaks --server {} --from you@remote.test --to alice@example.org --body 'hello'\n\
         Send as Alice swaks --server {} -tls -a PLAIN -au alice@example.org -ap PASSWORD --from alice@example.org --to carol@remote.test --body 'hello'\n\
         Milter        smtpd_milters = inet:{} in main.cf of Postfix\n\
         Quarantine    IMAP in a mail client: {} with TLS, or {} with STARTTLS; trust {}\n\
         Release       drag a message from Caught to Release\n\
         Delivered     {}/ADDRESS/new/\n\
         Command line  quaranta quarantine list --control {}\n\n",
        ports.web,
        secrets.api_key,
        ports.web,
        ports.web,
        ports.smtp,
        ports.outbound,
        ports.milter,
        ports.imaps,
        ports.imap,
        path(&dir.join("ca.pem")),
        path(delivered),
        path(&dir.join("control.sock")),
    ));
    text
}

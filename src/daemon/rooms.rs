//! Builds the rooms below the doors, from the ground up, and the doors on them.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;

use super::reinsertion_routes;
use crate::accounts::{ImapAsk, Login};
use crate::actions::{Desk, link_keys};
use crate::background::{Background, Herald, Nightly, Teaching, Tutor};
use crate::clock::Clock;
use crate::config::Config;
use crate::inspect::scanners::{Clamd, Rspamd, Spamd};
use crate::inspect::{Inspector, Learner, StandardPanel};
use crate::intake::{self, Challenger, Intake};
use crate::mail::{Budget, Direction};
use crate::net::dns::Dns;
use crate::net::listen::Closing;
use crate::net::tls::ServerTls;
use crate::net::tls_client::ClientTls;
use crate::notify::{Alerts, Forms, Post, Scribe};
use crate::relay::Relay;
use crate::store::{Store, on_sled};
use crate::{imap, milter, smtp, web};

/// The rooms below the doors.
pub(super) struct Rooms {
    pub(super) clock: Clock,
    pub(super) hostname: String,
    pub(super) tls: ServerTls,
    pub(super) store: Store,
    pub(super) desk: Desk,
    pub(super) login: Login,
    /// Takes letters.
    pub(super) post: Post,
    pub(super) dns: Arc<Dns>,
    pub(super) panel: Arc<StandardPanel>,
    pub(super) learner: Arc<Learner>,
    pub(super) relay: Arc<Relay>,
    /// `None` where nobody reaches the panel, so that no link can lead there.
    scribe: Option<Arc<Scribe>>,
    pub(super) budget: Budget,
}

impl Rooms {
    pub(super) async fn build(config: &Config) -> anyhow::Result<(Self, on_sled::Handle)> {
        let clock = Clock::system();
        let hostname = config.hostname();
        let tls = ServerTls::open(&config.tls, &config.server.data_dir, &hostname)?;
        let dns = Arc::new(Dns::open(&config.dns).context("[dns] servers")?);
        let mut panel = StandardPanel::open(&config.inspect, dns.clone(), clock.clone())?
            .asking(&config.network, dns.clone());
        for scanner in scanners(config) {
            panel = panel.with(scanner);
        }
        let learner = Arc::new(open_learner(config).await?);
        let panel = Arc::new(panel.learning(learner.clone()));
        let relay = Arc::new(Relay::new(config.relay.clone(), &hostname)?);
        let (store, handle) = open_store(config, clock.clone()).await?;
        let key = config.letters.key(&hostname, clock.now());
        let post = Post::new(
            store.jobs.clone(),
            clock.clone(),
            &hostname,
            &config.letters,
        )
        .signing(key.map_err(anyhow::Error::msg)?)
        .marking(
            link_keys(&*store.settings, clock.now())
                .await?
                .current()
                .cloned(),
        );
        let login = Login::new(
            store.settings.clone(),
            store.journal.clone(),
            clock.clone(),
            config.login.clone(),
        )
        .asking(ImapAsk::new(ClientTls::new(
            config.relay.ca_file.as_deref(),
        )?))
        .writing(post.clone());
        // One for all doors: who guesses at one waits at all.
        let login = with_provider(with_directory(login, config)?, config)?;
        let forms =
            Forms::open(config.letters.templates.as_deref()).context("[letters] templates")?;
        let url = config.web.url.as_deref();
        let rooms = Self {
            post,
            scribe: url.map(|url| Arc::new(Scribe::new(forms, &hostname, url))),
            login,
            dns,
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

    /// The intake, which asks senders where policy says so.
    pub(super) fn intake(&self, config: &Config) -> anyhow::Result<Intake> {
        let web = config.web.url.as_deref();
        let challenger = Challenger::open(&config.challenge, web, self.post.clone());
        let challenger = challenger
            .map_err(anyhow::Error::msg)
            .context("[challenge]")?;
        let intake = Intake::new(intake::Parts {
            store: self.store.clone(),
            desk: self.desk.clone(),
            panel: self.panel.clone(),
            callout: self.relay.clone(),
            clock: self.clock.clone(),
            hostname: self.hostname.clone(),
            options: config.intake.clone(),
            greylist: config.greylist.clone(),
        });
        Ok(intake.challenging(challenger))
    }

    pub(super) fn milter_door(&self, config: &Config, intake: &Intake) -> milter::Door {
        let setup = milter::Setup {
            options: config.milter.clone(),
            budget: self.budget.clone(),
            clock: self.clock.clone(),
        };
        milter::Door::new(setup, intake)
    }

    /// The doors for SMTP and LMTP, with one intake behind them.
    pub(super) fn smtp_doors(&self, config: &Config, intake: &Intake) -> (smtp::Door, smtp::Door) {
        let door = |protocol, options, intake| {
            let setup = smtp::Setup {
                hostname: self.hostname.clone(),
                direction: Direction::Inbound,
                protocol,
                options,
                tls: true,
                budget: self.budget.clone(),
                clock: self.clock.clone(),
            };
            let reception = Arc::new(smtp::Inbound::new(intake, self.relay.clone()));
            smtp::Door::new(setup, Some(self.tls.clone()), reception)
        };
        let lmtp = smtp::Lmtp::door(&config.smtp);
        (
            door(smtp::Protocol::Smtp, config.smtp.clone(), intake.clone()),
            door(smtp::Protocol::Lmtp, lmtp, intake.at("lmtp")),
        )
    }

    pub(super) fn imap_door(&self, config: &Config) -> imap::Door {
        imap::Door::new(
            config.imap.clone(),
            self.desk.clone(),
            self.login.clone(),
            self.tls.clone(),
            self.clock.clone(),
            self.budget.clone(),
            &self.hostname,
        )
    }

    /// `smtp` and `outbound` are the listeners at which released mail may come back.
    pub(super) fn web_door(
        &self,
        config: &Config,
        (smtp, outbound): (&[SocketAddr], &[SocketAddr]),
        alerts: &Alerts,
        closing: &Closing,
    ) -> web::Door {
        let door = web::Door::new(web::Setup {
            options: config.web.clone(),
            desk: self.desk.clone(),
            login: self.login.clone(),
            tls: Some(self.tls.clone()),
            closing: closing.clone(),
            overlap: config.reinsertion.token_lifetime.0,
        });
        let door = door.watching(alerts.clone(), self.panel.health());
        door.reinserting(web::Reinsertion {
            hosts: reinsertion_routes(config, smtp),
            outgoing: self.outgoing(config, outbound).reinsertion.to_vec(),
            probe: self.relay.clone(),
        })
    }

    pub(super) fn teaching(&self, config: &Config) -> Teaching {
        Teaching {
            store: self.store.clone(),
            learner: self.learner.clone(),
            text_most: config.inspect.text_most.get(),
            nightly: Nightly::open(&config.inspect),
            clock: self.clock.clone(),
        }
    }

    /// One for each scanner that is taught.
    pub(super) fn tutors(&self, config: &Config) -> anyhow::Result<Vec<Tutor>> {
        let rspamd = Rspamd::pupil(&config.rspamd).map_err(anyhow::Error::msg)?;
        let pupils = rspamd.into_iter().chain(Spamd::pupil(&config.spamd));
        let dir = &config.server.data_dir;
        Ok(pupils
            .map(|pupil| Tutor::new(self.store.clone(), self.learner.clone(), pupil, dir))
            .collect())
    }

    /// Who writes digests; nobody where no link could lead to the panel.
    pub(super) fn herald(&self, config: &Config) -> Option<Herald> {
        Some(Herald {
            store: self.store.clone(),
            desk: self.desk.clone(),
            clock: self.clock.clone(),
            post: self.post.clone(),
            scribe: self.scribe.clone()?,
            lines: config.letters.lines(),
        })
    }

    pub(super) fn background(
        &self,
        config: &Config,
        smtp: &[SocketAddr],
        outbound: &[SocketAddr],
    ) -> Background {
        Background {
            store: self.store.clone(),
            desk: self.desk.clone(),
            carrier: self.relay.clone(),
            clock: self.clock.clone(),
            budget: self.budget.clone(),
            options: Arc::new(config.reinsertion.clone()),
            holding: config.quarantine.clone(),
            reinsertion: Arc::new(reinsertion_routes(config, smtp)),
            outgoing: Some(self.outgoing(config, outbound)),
        }
    }
}

/// With the directory of the configuration, if it names one.
#[cfg(feature = "ldap")]
fn with_directory(login: Login, config: &Config) -> anyhow::Result<Login> {
    let directory = crate::accounts::ldap::Ldap::open(&config.ldap)?;
    Ok(match directory {
        Some(directory) => login.knowing(Arc::new(directory)),
        None => login,
    })
}

/// [`Config`] was refused if it names one.
#[cfg(not(feature = "ldap"))]
fn with_directory(login: Login, _config: &Config) -> anyhow::Result<Login> {
    Ok(login)
}

/// With the OpenID Connect provider of the configuration, if it names one.
#[cfg(feature = "oidc")]
fn with_provider(login: Login, config: &Config) -> anyhow::Result<Login> {
    let url = config.web.url.as_deref().unwrap_or_default();
    let provider = crate::accounts::oidc::Oidc::open(&config.oidc, url)?;
    Ok(match provider {
        Some(provider) => login.trusting(Arc::new(provider)),
        None => login,
    })
}

/// [`Config`] was refused if it names one.
#[cfg(not(feature = "oidc"))]
fn with_provider(login: Login, _config: &Config) -> anyhow::Result<Login> {
    Ok(login)
}

/// The scanners that are asked, in the order of the file.
fn scanners(config: &Config) -> impl Iterator<Item = Arc<dyn Inspector>> {
    [
        Clamd::open(&config.clamd),
        Rspamd::open(&config.rspamd),
        Spamd::open(&config.spamd),
    ]
    .into_iter()
    .flatten()
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

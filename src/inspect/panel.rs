//! All checks of a mail side by side, within one time budget.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use crate::clock::Clock;
use crate::mail::{Envelope, Mail};
use crate::net::dns::Dns;
use crate::policy::{Finding, Findings, OwnFinding};

use super::auth::cover::unchecked;
use super::auth::{self, Authenticator, Identity};
use super::health::Health;
use super::learned::{LEARNED, Learner};
use super::local::{Local, Seen};
use super::network::{self, Network};
use super::options::{Options, Then};
use super::rules::{Explained, RulesError};
use super::{Inspector, Panel, gap, scanners};

/// From this size on, in octets, a mail is looked at on a thread of its own, so
/// that the others do not wait.
const LARGE: u64 = 64 << 10;
/// Time that is left to say what could not be done in time.
const GRACE: Duration = Duration::from_millis(200);
/// The name of the local checks, where they could not run.
const LOCAL: &str = "RULES";

/// The names of all checks that may be unavailable.
fn checks() -> impl Iterator<Item = &'static str> {
    auth::NAMES
        .into_iter()
        .chain([LOCAL])
        .chain(scanners::NAMES)
        .chain(network::NAMES)
}

/// Which of the further checks are asked.
#[derive(Clone, Copy, PartialEq)]
enum Which {
    All,
    Malware,
}

/// The checks of the house.
pub struct StandardPanel {
    local: Local,
    authenticator: Option<Authenticator>,
    network: Option<Network>,
    more: Vec<Arc<dyn Inspector>>,
    budget: Duration,
    scores: BTreeMap<String, f32>,
    unavailable: BTreeMap<String, Then>,
    /// How much what was learned counts.
    learned: f32,
    health: Health,
}

impl StandardPanel {
    /// Loads the rules and opens the checks that the options ask for.
    ///
    /// # Errors
    /// [`RulesError`] says where a rule is wrong, or which option names no rule or check.
    pub fn open(options: &Options, dns: Arc<Dns>, clock: Clock) -> Result<Self, RulesError> {
        let local = Local::open(options, clock.clone())?;
        if let Some(name) = options
            .unavailable
            .keys()
            .find(|name| !checks().any(|check| check == name.as_str()))
        {
            return Err(RulesError::new(
                "inspect.unavailable",
                0,
                format!("there is no check {name}"),
                format!("the checks are {}", checks().collect::<Vec<_>>().join(", ")),
            ));
        }
        Ok(Self {
            local,
            network: None,
            authenticator: options
                .authentication
                .then(|| Authenticator::new(options, dns)),
            more: Vec::new(),
            budget: options.time_budget.0,
            scores: options.scores.clone(),
            unavailable: options.unavailable.clone(),
            learned: options.learned,
            health: Health::new(clock),
        })
    }

    /// With one more check, run beside the others.
    #[must_use]
    pub fn with(mut self, inspector: Arc<dyn Inspector>) -> Self {
        self.more.push(inspector);
        self
    }

    /// With the checks that ask the network about clients and domains.
    #[must_use]
    pub fn asking(mut self, options: &network::Options, dns: Arc<Dns>) -> Self {
        self.network = Some(Network::new(options, dns));
        self
    }

    /// With a learner, whose finding stands beside the others.
    #[must_use]
    pub fn learning(mut self, learner: Arc<Learner>) -> Self {
        self.local.ask(learner);
        self
    }

    /// How the checks are.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// What the local checks find: nothing is asked of the network, nothing waits.
    #[must_use]
    pub fn inspect_locally(&self, mail: &Mail) -> Findings {
        let seen = self.local.inspect(mail.message.bytes(), &mail.envelope);
        Findings {
            found: self.settled(seen.found),
            own: self.settled_own(seen.own),
            authors: seen.authors,
            author_name: seen.author_name,
            subject: seen.subject,
            ..Findings::default()
        }
    }

    /// Loads the rules anew, and says how many there are.
    ///
    /// # Errors
    /// [`RulesError`]; the rules that were there stay.
    pub fn reload(&self) -> Result<usize, RulesError> {
        self.local.reload()
    }

    /// Which rules fire on these octets, and on what. For people and tests: nothing
    /// is asked of the network, and the mail may be of any length.
    #[must_use]
    pub fn explain(&self, message: &[u8], envelope: &Envelope) -> Vec<Explained> {
        let mut fired = self.local.explain(message, envelope);
        for rule in &mut fired {
            if let Some(score) = self.scores.get(&rule.name) {
                rule.score = *score;
            }
        }
        fired.retain(|rule| rule.score != 0.0);
        fired
    }

    async fn look(&self, mail: &Mail) -> Result<Seen, &'static str> {
        let large = mail.message.size() >= LARGE;
        let (local, message, envelope) = (
            self.local.clone(),
            mail.message.bytes().clone(),
            &mail.envelope,
        );
        if !large {
            return Ok(local.inspect(&message, envelope));
        }
        let envelope = envelope.clone();
        let look = tokio::task::spawn_blocking(move || local.inspect(&message, &envelope));
        look.await.map_err(|_| "it failed; this is a fault of ours")
    }

    async fn authenticate(&self, mail: &Mail, deadline: Instant) -> Identity {
        let Some(authenticator) = &self.authenticator else {
            return Identity::default();
        };
        if mail.message.size() < LARGE {
            return Box::pin(authenticator.check(mail.message.bytes(), &mail.envelope, deadline))
                .await;
        }
        // Hashing a large body takes its time too.
        let (own, runtime) = (authenticator.clone(), tokio::runtime::Handle::current());
        let (message, envelope) = (mail.message.bytes().clone(), mail.envelope.clone());
        let check = tokio::task::spawn_blocking(move || {
            runtime.block_on(Box::pin(own.check(&message, &envelope, deadline)))
        });
        match timeout_at(deadline + GRACE, check).await {
            Ok(Ok(identity)) => identity,
            Ok(Err(_)) => auth::unavailable("it failed; this is a fault of ours"),
            Err(_) => auth::unavailable("it did not finish in time"),
        }
    }

    async fn others(&self, mail: &Mail, deadline: Instant, which: Which) -> Vec<Finding> {
        let asked = self
            .more
            .iter()
            .filter(|inspector| which == Which::All || inspector.finds_malware());
        let all = asked.map(|inspector| async move {
            in_time(deadline, inspector.inspect(mail))
                .await
                .unwrap_or_else(|why| {
                    vec![Finding::Unavailable {
                        name: inspector.name().to_owned(),
                        why: why.to_owned(),
                        then: inspector.when_unavailable(),
                    }]
                })
        });
        join_all(all).await.concat()
    }

    /// Weights and consequences as the options say.
    fn settled(&self, found: Vec<Finding>) -> Vec<Finding> {
        let settle = |finding| match finding {
            Finding::Seen {
                name,
                weight,
                reason,
            } => {
                let weight = match self.scores.get(&name) {
                    // It has a score of its own for each mail; an option of its own scales it.
                    _ if name == LEARNED => weight * self.learned,
                    Some(score) => *score,
                    None => weight,
                };
                (weight != 0.0).then_some(Finding::Seen {
                    name,
                    weight,
                    reason,
                })
            }
            Finding::Unavailable { name, why, then } => {
                let then = self.unavailable.get(&name).map_or(then, |then| then.0);
                Some(Finding::Unavailable { name, why, then })
            }
            malware @ Finding::Malware { .. } => Some(malware),
        };
        found.into_iter().filter_map(settle).collect()
    }

    fn settled_own(&self, own: Vec<OwnFinding>) -> Vec<OwnFinding> {
        let settle = |own: OwnFinding| OwnFinding {
            finding: self.settled(own.finding.into_iter().collect()).pop(),
            ..own
        };
        own.into_iter().map(settle).collect()
    }
}

#[async_trait]
impl Panel for StandardPanel {
    async fn inspect(&self, mail: &Mail) -> Findings {
        let deadline = Instant::now() + self.budget;
        let ((seen, domains), identity, client, more) = tokio::join!(
            async {
                let seen = match in_time(deadline, self.look(mail)).await {
                    Ok(Ok(seen)) => seen,
                    Ok(Err(why)) | Err(why) => Seen {
                        found: vec![gap(LOCAL, why)],
                        ..self.local.read(mail.message.bytes())
                    },
                };
                let domains = match &self.network {
                    Some(network) => {
                        Box::pin(network.domains(&mail.envelope, &seen.domains, deadline)).await
                    }
                    None => Vec::new(),
                };
                (seen, domains)
            },
            self.authenticate(mail, deadline),
            async {
                match &self.network {
                    Some(network) => Box::pin(network.client(&mail.envelope, deadline)).await,
                    None => Vec::new(),
                }
            },
            self.others(mail, deadline, Which::All),
        );
        let identity = identity.of(&seen.authors);
        let found = [seen.found, identity.found, client, domains, more].concat();
        let own = self.authenticator.as_ref().map(|_| auth::NAMES);
        let network = self.network.iter().flat_map(|n| n.asked(&mail.envelope));
        let scanners = self.more.iter().map(|inspector| inspector.name());
        let asked = own.into_iter().flatten().chain([LOCAL]).chain(network);
        self.health.note(asked.chain(scanners), &found);
        let cover = identity
            .cover
            .unwrap_or_else(|| unchecked(mail.message.bytes()));
        Findings {
            found: self.settled(found),
            own: self.settled_own(seen.own),
            authors: seen.authors,
            author_name: seen.author_name,
            forged: identity.forged,
            aligned: identity.aligned,
            path: identity.path,
            authentication: identity.field,
            subject_signed: cover.subject_signed,
            chain: cover.chain,
            subject: seen.subject,
        }
    }

    async fn inspect_released(&self, mail: &Mail) -> Findings {
        let deadline = Instant::now() + self.budget;
        let found = self.others(mail, deadline, Which::Malware).await;
        let seen = self.local.read(mail.message.bytes());
        Findings {
            found: self.settled(found),
            authors: seen.authors,
            author_name: seen.author_name,
            subject: seen.subject,
            ..Findings::default()
        }
    }
}

async fn in_time<T>(deadline: Instant, check: impl Future<Output = T>) -> Result<T, &'static str> {
    timeout_at(deadline, check)
        .await
        .map_err(|_| "it did not finish in time")
}

//! Mail on its way out (SE-18): whose it is, how much of it there may be, and where it goes.

mod correspondents;
mod limits;
mod options;

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;

use super::Intake;
use super::weigh::{Decision, TurnedAway};
use crate::mail::{Address, Direction, Domain, Mail, Peer, Reply};
use crate::notify::{Alert, AlertKind, Alerts};
use crate::policy::{Disposition, Findings, Scope, dispose, judge, not_now};
use crate::record::{Door, Event, Route, SenderLock, Status};
use crate::relay::Outward;
use crate::store::StoreError;
use limits::{Counted, Limits};

pub(super) use correspondents::accepted;

pub use options::{LoginBy, Options};

/// Domains whose hosts are asked for at the same time.
const LOOKUPS_AT_ONCE: usize = 16;

/// What intake needs for mail on its way out.
pub struct Outbound {
    pub(super) outward: Outward,
    pub(super) options: Options,
    alerts: Option<Alerts>,
    limits: Limits,
}

impl Outbound {
    /// Mail goes out by `outward`; `alerts` are told of senders that are locked.
    #[must_use]
    pub fn new(outward: Outward, options: Options, alerts: Option<Alerts>) -> Self {
        Self {
            limits: Limits::new(&options),
            outward,
            options,
            alerts,
        }
    }
}

/// Where mail for a domain goes, or what its sender is told.
pub(super) type Way = Result<Arc<Vec<Route>>, Reply>;

/// Whose mail it is, for limits and locks: the login's, or the reverse path's.
fn sender(peer: &Peer, from: Option<&Address>) -> Option<Scope> {
    match &peer.login {
        Some(login) => login.parse().ok(),
        None => from.cloned().map(Scope::Recipient),
    }
}

impl Intake {
    /// The same intake for mail on its way out as well.
    #[must_use]
    pub fn sending(mut self, outbound: Outbound) -> Self {
        self.outbound = Some(Arc::new(outbound));
        self
    }

    /// The same intake for a door whose mail goes out.
    #[must_use]
    pub fn outgoing(&self) -> Self {
        Self {
            facing: Direction::Outbound,
            ..self.clone()
        }
    }

    /// May mail on its way out go to `to`? Asked at RCPT.
    ///
    /// # Errors
    /// The reply for the client, where it is known already that the mail can never arrive.
    pub async fn admit_outgoing(&self, to: &Address, smtputf8: bool) -> Result<(), Reply> {
        if self.is_ours(to.domain()).await.map_err(unreadable)? {
            return self.admit_recipient(to, smtputf8).await;
        }
        match self.way_out(to.domain()).await {
            Err(reply) if reply.is_permanent() => Err(reply),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Is `domain` one of ours?
    pub(super) async fn is_ours(&self, domain: &Domain) -> Result<bool, StoreError> {
        Ok(self.routes(domain).await?.is_some())
    }

    /// The routes of `domain`, if it is one of ours.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn routes(&self, domain: &Domain) -> Result<Option<Vec<Route>>, StoreError> {
        let domain = self.parts.store.settings.domain(domain).await?;
        Ok(domain.map(|domain| domain.routes))
    }

    /// Is a sender locked? Both the login and the reverse path count.
    ///
    /// # Errors
    /// 550 5.7.1 with the reason, or 451.
    pub async fn check_lock(&self, peer: &Peer, from: Option<&Address>) -> Result<(), Reply> {
        let mut senders = vec![sender(peer, from)];
        senders.push(from.cloned().map(Scope::Recipient));
        senders.dedup();
        for sender in senders.into_iter().flatten() {
            let lock = self.parts.store.settings.lock(&sender).await;
            if let Some(lock) = lock.map_err(unreadable)? {
                return Err(locked(&lock));
            }
        }
        Ok(())
    }

    /// Locks and limits, at the end of DATA.
    pub(super) async fn check_sender(&self, mail: &Mail) -> Result<(), TurnedAway> {
        let (peer, from) = (&mail.envelope.peer, mail.envelope.from.as_ref());
        let refuse = |reply| TurnedAway { reply };
        self.check_lock(peer, from).await.map_err(refuse)?;
        let (Some(outbound), Some(sender)) = (&self.outbound, sender(peer, from)) else {
            return Ok(());
        };
        let now = self.parts.clock.now();
        let counted = outbound.limits.count(&sender, mail.envelope.to.len(), now);
        match counted {
            Counted::Within => Ok(()),
            Counted::TooMany(words) => Err(refuse(Reply::new(550, 5, 3, words))),
            Counted::Later(words) => Err(refuse(Reply::new(450, 7, 1, words))),
            Counted::Tripped(why) => {
                let lock = SenderLock {
                    sender,
                    since: now,
                    by: "limits".to_owned(),
                    why,
                };
                Err(refuse(self.lock_sender(mail, outbound, lock).await?))
            }
        }
    }

    async fn lock_sender(
        &self,
        mail: &Mail,
        outbound: &Outbound,
        lock: SenderLock,
    ) -> Result<Reply, StoreError> {
        let client = mail.envelope.peer.address;
        let words = format!("sender {} was locked: {}", lock.sender, lock.why);
        tracing::warn!(sender = %lock.sender, %client, why = lock.why, "a sender was locked");
        let door = Door::new(self.door, client);
        let mut event = Event::new(lock.since, Status::Changed, &lock.by, door)
            .about(&lock.sender)
            .saying(words);
        event.direction = Some(Direction::Outbound);
        event.from.clone_from(&mail.envelope.from);
        let settings = &self.parts.store.settings;
        settings.set_lock(lock.clone(), event).await?;
        if let Some(alerts) = &outbound.alerts {
            let words = format!("{} sent {} and was locked", lock.sender, lock.why);
            let alert = Alert::new(AlertKind::SenderLocked, lock.sender.to_string(), words)
                .with("sender", lock.sender.to_string())
                .with("why", lock.why.as_str())
                .with("client", client.to_string());
            alerts.raise(alert);
        }
        Ok(locked(&lock))
    }

    /// What is decided for mail on its way out: one verdict for all its recipients, by the
    /// policy and the lists of its sender.
    pub(super) async fn weigh_outgoing(
        &self,
        mail: &Mail,
        findings: &Findings,
    ) -> Result<Vec<Decision>, TurnedAway> {
        let owner = self.own_sender(mail).await?;
        let scope = owner.map_or(Scope::Global, |owner| Scope::Recipient(owner.clone()));
        let policy = self.parts.store.settings.policy(&scope).await?.outgoing();
        let listed = self.listed(mail, findings, &scope.with_wider()).await?;
        let verdict = judge(findings.found.clone(), listed.as_ref(), &policy);
        let mut disposition = dispose(&verdict, &policy);
        if owner.is_none() && disposition == Disposition::Stash {
            disposition = Disposition::Refuse;
        }
        let decision = |to: &Address| Decision {
            to: to.clone(),
            policy: policy.clone(),
            verdict: verdict.clone(),
            disposition: disposition.clone(),
        };
        Ok(mail.envelope.to.iter().map(decision).collect())
    }

    /// The reverse path, if it is of a domain of ours.
    async fn own_sender<'m>(&self, mail: &'m Mail) -> Result<Option<&'m Address>, StoreError> {
        match &mail.envelope.from {
            Some(from) if self.is_ours(from.domain()).await? => Ok(Some(from)),
            _ => Ok(None),
        }
    }

    /// Where mail for each domain goes: to its routes if it is ours, else out, if the mail may.
    pub(super) async fn ways(&self, mail: &Mail, domains: Vec<Domain>) -> HashMap<Domain, Way> {
        let mut ways = HashMap::with_capacity(domains.len());
        for some in domains.chunks(LOOKUPS_AT_ONCE) {
            let asked = some.iter().map(|domain| self.way(mail, domain));
            let found = join_all(asked).await;
            ways.extend(some.iter().cloned().zip(found));
        }
        ways
    }

    async fn way(&self, mail: &Mail, domain: &Domain) -> Way {
        if self.fronted {
            // The relay in front knows the way.
            return Ok(Arc::default());
        }
        match self.parts.store.settings.domain(domain).await {
            Ok(Some(domain)) => Ok(Arc::new(domain.routes)),
            Ok(None) if mail.envelope.direction == Direction::Outbound => {
                self.way_out(domain).await
            }
            Ok(None) => Err(denied(domain)),
            Err(error) => {
                tracing::error!(%error, "the domains cannot be read");
                Err(not_now("The destination cannot be found now"))
            }
        }
    }

    /// Where no door of ours lets mail out, a front relay asks us as its milter, and knows the
    /// way itself.
    async fn way_out(&self, domain: &Domain) -> Way {
        match (&self.outbound, self.facing) {
            (Some(outbound), Direction::Outbound) => outbound.outward.routes(domain).await,
            (None, _) | (_, Direction::Inbound) => Ok(Arc::default()),
        }
    }
}

fn denied(domain: &Domain) -> Reply {
    Reply::new(550, 7, 1, format!("{domain}: relaying denied"))
}

fn locked(lock: &SenderLock) -> Reply {
    let SenderLock { sender, why, .. } = lock;
    let text = format!("The sender {sender} is locked ({why}); ask your administrator");
    Reply::new(550, 7, 1, text)
}

fn unreadable(error: StoreError) -> Reply {
    tracing::error!(%error, "the settings cannot be read");
    not_now("The sender cannot be checked now")
}

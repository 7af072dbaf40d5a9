//! Deliveries the house owes: released mail under its token, and mail whose destination said "later".

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Background;
use crate::actions::{Action, Outcome, Refusal, reinsertion_keys};
use crate::intake::passed_mark;
use crate::mail::{Address, Direction, Edit, Envelope, Mail, Message, Peer, Reply};
use crate::net::listen::Closing;
use crate::policy::{Principal, Scope};
use crate::record::{Door, Entry, Event, Job, JobKind, KeptMail, Route, State, Status};
use crate::relay::Parcel;
use crate::store::StoreError;
use crate::token;

/// Nobody else is given a job for this long.
const LEASE: Duration = Duration::from_secs(600);
/// How often jobs that are due later are looked for.
const EVERY: Duration = Duration::from_secs(1);

impl Background {
    pub(super) async fn deliver_all(self, mut stop: Closing) {
        let turns = Arc::new(Semaphore::new(self.options.at_once.max(1) as usize));
        let mut running = JoinSet::new();
        loop {
            let free = turns.available_permits();
            let now = self.clock.now();
            let jobs = if free == 0 {
                Vec::new()
            } else {
                self.store
                    .jobs
                    .take(now, now.after(LEASE), free)
                    .await
                    .unwrap_or_else(|error| {
                        tracing::error!(%error, "owed deliveries cannot be read");
                        Vec::new()
                    })
            };
            let none = jobs.is_empty();
            for job in jobs {
                let Ok(turn) = turns.clone().acquire_owned().await else {
                    return;
                };
                let background = self.clone();
                running.spawn(async move {
                    background.deliver(job).await;
                    drop(turn);
                });
            }
            tokio::select! {
                () = stop.wait() => break,
                Some(ended) = running.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a delivery ended in a fault");
                    }
                }
                () = self.store.jobs.owed(), if none => {}
                () = tokio::time::sleep(EVERY), if none => {}
                () = std::future::ready(()), if !none && turns.available_permits() > 0 => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    /// Tries one delivery and writes down how it went.
    pub async fn deliver(&self, job: Job) {
        let (id, mail) = (job.id, job.mail);
        let result = match job.kind.clone() {
            JobKind::Release => self.release(job).await,
            JobKind::Deliver { to, edits } | JobKind::Send { to, edits, .. } => {
                self.pass_on(job, &to, edits).await
            }
            JobKind::Letter { until, .. } if until <= self.clock.now() => {
                self.close(&job, Status::ReleaseFailed, "it came too late to be of use")
                    .await
            }
            JobKind::Letter { to, .. } => self.pass_on(job, &to, Vec::new()).await,
        };
        if let Err(error) = result {
            // The lease ends by itself, and the job is tried again.
            tracing::error!(%error, entry = %id, %mail, "a delivery could not be settled");
        }
    }

    async fn release(&self, job: Job) -> Result<(), StoreError> {
        let Some(entry) = self
            .store
            .entries
            .entry(job.id)
            .await?
            .filter(|e| e.state == State::Leaving)
        else {
            return self.close(&job, Status::Delivered, "settled before").await;
        };
        if job.handed_over && self.has_passed(&job).await {
            let said = job.last.strip_prefix("250 ").unwrap_or(&job.last);
            return self.delivered(&job, Reply::plain(250, said)).await;
        }
        if job.handed_over {
            let words = format!(
                "a relay took it, but it did not come back to be delivered; it had said: {}",
                job.last
            );
            return self.give_back(&job, Reply::new(554, 4, 7, words)).await;
        }
        let Some(kept) = self.store.entries.mail(entry.mail).await? else {
            return self
                .give_back(&job, Reply::new(554, 3, 0, "the stored message is gone"))
                .await;
        };
        let Some(to) = entry.to.first() else {
            return self
                .give_back(&job, Reply::new(554, 1, 3, "the entry has no recipient"))
                .await;
        };
        let Some(hosts) = self.hosts(&entry) else {
            let words = "there is no outbound listener to hand it in at: set [outbound] listen, or \
                         [reinsertion] outgoing_hosts";
            return self.give_back(&job, Reply::new(554, 3, 5, words)).await;
        };
        // What an earlier try left says nothing of this one.
        self.store.transient.drop_key(&passed_mark(job.id)).await;
        let now = self.clock.now();
        let ring = reinsertion_keys(&*self.store.settings, now).await?;
        let fault = |e: &dyn std::fmt::Display| StoreError::Failed(e.to_string());
        let key = ring.current().ok_or_else(|| fault(&"no reinsertion key"))?;
        let expires = now.after(self.options.token_lifetime.0);
        let value = token::mint(key, entry.id, to, &kept.bytes, expires).map_err(|e| fault(&e))?;
        let name = token::FIELD.to_owned();
        let edits = vec![
            Edit::Remove { name: name.clone() },
            Edit::Add { name, value },
        ];
        let reply = self.send(kept, to, edits, hosts).await;
        self.end_release(job, reply).await
    }

    /// Where a released entry is handed in.
    fn hosts(&self, entry: &Entry) -> Option<Arc<Vec<Route>>> {
        match (entry.direction, &self.outgoing) {
            (Direction::Inbound, _) => Some(self.reinsertion.clone()),
            (Direction::Outbound, Some(out)) if !out.reinsertion.is_empty() => {
                Some(out.reinsertion.clone())
            }
            (Direction::Outbound, _) => None,
        }
    }

    async fn end_release(&self, mut job: Job, reply: Reply) -> Result<(), StoreError> {
        if reply.is_permanent() {
            return self.give_back(&job, reply).await;
        }
        if reply.is_transient() || !reply.is_positive() {
            return self.later(job, reply).await;
        }
        let state = self
            .store
            .entries
            .entry(job.id)
            .await?
            .map(|entry| entry.state);
        if state != Some(State::Leaving) {
            // Our own intake delivered it, or returned it, and settled the job with that.
            return Ok(());
        }
        if self.has_passed(&job).await {
            return self.delivered(&job, reply).await;
        }
        job.handed_over = true;
        job.last = reply.to_string();
        job.due = self.clock.now().after(self.options.confirm_within.0);
        let event = self.event(
            &job,
            Status::DeliveryDeferred,
            &format!("handed to the relay: {reply}"),
        );
        self.store.jobs.settle(job.id, Some(job), event).await
    }

    /// Did the released mail pass the filter at a front relay, since it was handed in?
    async fn has_passed(&self, job: &Job) -> bool {
        let mark = passed_mark(job.id);
        let now = self.clock.now();
        self.store.transient.get(&mark, now).await.is_some()
    }

    /// The mail passed, and a relay has it, which said this.
    async fn delivered(&self, job: &Job, said: Reply) -> Result<(), StoreError> {
        let house = Principal::house("delivery");
        let action = Action::Delivered(said);
        match self.desk.perform(&house, &action, job.id, &door()).await {
            Ok(_) => {
                let mark = passed_mark(job.id);
                self.store.transient.drop_key(&mark).await;
                Ok(())
            }
            Err(refusal) => Err(StoreError::Failed(refusal.to_string())),
        }
    }

    /// The entry goes back to where it was, with what was said.
    async fn give_back(&self, job: &Job, reply: Reply) -> Result<(), StoreError> {
        let house = Principal::house("delivery");
        match self
            .desk
            .perform(&house, &Action::Returned(reply), job.id, &door())
            .await
        {
            Ok(Outcome::Done(_)) => Ok(()),
            Ok(Outcome::Already(_)) | Err(Refusal::NotPossible(_) | Refusal::NotYours) => {
                self.close(job, Status::ReleaseFailed, "settled before")
                    .await
            }
            Err(other) => Err(StoreError::Failed(other.to_string())),
        }
    }

    /// Tries again after a pause, or gives up.
    async fn later(&self, mut job: Job, reply: Reply) -> Result<(), StoreError> {
        let now = self.clock.now();
        job.tries = job.tries.saturating_add(1);
        job.last = reply.to_string();
        if now.since(job.since) >= self.options.give_up_after.0 {
            let words = format!(
                "given up after {} tries; the last answer was: {reply}",
                job.tries
            );
            let reply = Reply::new(554, 4, 7, words);
            return match job.kind.clone() {
                JobKind::Release => self.give_back(&job, reply).await,
                JobKind::Deliver { to, .. }
                | JobKind::Send { to, .. }
                | JobKind::Letter { to, .. } => self.strand(&job, to, reply).await,
            };
        }
        job.due = now.after(self.pause(job.tries));
        let event = self.event(&job, Status::DeliveryDeferred, &job.last);
        self.store.jobs.settle(job.id, Some(job), event).await
    }

    /// The job is settled, and this is what the history says of it.
    async fn close(&self, job: &Job, status: Status, words: &str) -> Result<(), StoreError> {
        let event = self.event(job, status, words);
        self.store.jobs.settle(job.id, None, event).await
    }

    fn pause(&self, tries: u32) -> Duration {
        let factor = 1_u32 << tries.saturating_sub(1).min(16);
        self.options
            .first_retry
            .0
            .saturating_mul(factor)
            .min(self.options.longest_retry.0)
    }

    async fn pass_on(&self, job: Job, to: &Address, edits: Vec<Edit>) -> Result<(), StoreError> {
        let Some(kept) = self.store.entries.mail(job.mail).await? else {
            tracing::error!(mail = %job.mail, "an owed message is gone");
            return self
                .close(&job, Status::ReleaseFailed, "the message is gone")
                .await;
        };
        let login = kept.envelope.peer.login.as_deref();
        let reply = match self.routes(&job, to, login).await? {
            Ok(routes) => self.send(kept, to, edits, routes).await,
            Err(reply) => reply,
        };
        if reply.is_positive() {
            self.close(&job, Status::Delivered, &reply.to_string())
                .await
        } else if reply.is_permanent() {
            self.strand(&job, to.clone(), reply).await
        } else {
            self.later(job, reply).await
        }
    }

    /// Where owed mail goes that came under `login`, or why it goes nowhere.
    async fn routes(
        &self,
        job: &Job,
        to: &Address,
        login: Option<&str>,
    ) -> Result<Result<Arc<Vec<Route>>, Reply>, StoreError> {
        if let JobKind::Send { from, .. } = &job.kind {
            let login = login.and_then(|login| login.parse().ok());
            let from = from.as_deref().cloned().map(Scope::Recipient);
            for sender in login.into_iter().chain(from) {
                if self.store.settings.lock(&sender).await?.is_some() {
                    // Nothing of it goes out; once it is unlocked, what is owed goes on.
                    return Ok(Err(Reply::new(451, 7, 1, format!("{sender} is locked"))));
                }
            }
        }
        if let Some(domain) = self.store.settings.domain(to.domain()).await? {
            return Ok(Ok(Arc::new(domain.routes)));
        }
        Ok(match (&job.kind, &self.outgoing) {
            (JobKind::Send { .. } | JobKind::Letter { outside: true, .. }, Some(out)) => {
                out.outward.routes(to.domain()).await
            }
            _ => {
                let words = "the domain is not served here any more";
                Err(Reply::new(550, 1, 2, words))
            }
        })
    }

    /// Owed mail that its destination will not take goes to the recipient's quarantine,
    /// because the sender was told that we have it; mail on its way out to the sender's.
    async fn strand(&self, job: &Job, to: Address, reply: Reply) -> Result<(), StoreError> {
        if let JobKind::Letter { .. } = job.kind {
            // It may hold a link to sign in with: nobody else is to find it.
            return self
                .close(job, Status::ReleaseFailed, &reply.to_string())
                .await;
        }
        let Some(kept) = self.store.entries.mail(job.mail).await? else {
            return self
                .close(job, Status::ReleaseFailed, "the message is gone")
                .await;
        };
        let event = self.event(job, Status::ReleaseFailed, &reply.to_string());
        let entry = Entry::stranded(&kept, to, reply, direction(job), self.clock.now());
        let mail = match self.mail(kept) {
            Ok(mail) => mail,
            Err(later) => return self.later_by_us(job.clone(), later).await,
        };
        self.store
            .entries
            .stash(&mail, vec![entry], event.clone())
            .await?;
        self.store.jobs.settle(job.id, None, event).await
    }

    async fn later_by_us(&self, mut job: Job, why: Reply) -> Result<(), StoreError> {
        job.last = why.to_string();
        job.due = self.clock.now().after(self.options.first_retry.0);
        let event = self.event(&job, Status::DeliveryDeferred, &job.last);
        self.store.jobs.settle(job.id, Some(job), event).await
    }

    async fn send(
        &self,
        kept: KeptMail,
        to: &Address,
        edits: Vec<Edit>,
        routes: Arc<Vec<Route>>,
    ) -> Reply {
        let mut mail = match self.mail(kept) {
            Ok(mail) => mail,
            Err(reply) => return reply,
        };
        mail.envelope.to = vec![to.clone()];
        let parcel = Parcel {
            to: vec![to.clone()],
            edits,
            routes,
        };
        let replies = self
            .carrier
            .carry(&mail, std::slice::from_ref(&parcel))
            .await;
        replies
            .into_iter()
            .flatten()
            .next()
            .unwrap_or_else(|| Reply::new(451, 4, 0, "the next host gave no reply"))
    }

    /// The kept mail in hand again, its octets counted in the budget.
    fn mail(&self, kept: KeptMail) -> Result<Mail, Reply> {
        let mut share = self.budget.share();
        share
            .grow(kept.bytes.len())
            .map_err(|over| Reply::new(452, 3, 1, over.to_string()))?;
        let message = Message::new(kept.bytes, Some(share))
            .map_err(|e| Reply::new(554, 6, 0, e.to_string()))?;
        let envelope = Envelope {
            peer: Peer::local(),
            ..kept.envelope
        };
        Ok(Mail {
            id: kept.id,
            envelope,
            message,
        })
    }

    fn event(&self, job: &Job, status: Status, words: &str) -> Event {
        let mut event = Event::new(self.clock.now(), status, "delivery", door()).saying(words);
        event.entry = Some(job.id);
        event.mail = Some(job.mail);
        match &job.kind {
            JobKind::Release => {}
            JobKind::Deliver { to, .. } | JobKind::Letter { to, .. } => {
                event.to = vec![to.clone()];
            }
            JobKind::Send { from, to, .. } => {
                event.direction = Some(Direction::Outbound);
                event.from = from.as_deref().cloned();
                event.to = vec![to.clone()];
            }
        }
        event
    }
}

fn door() -> Door {
    Door::new("background", "")
}

/// Which way owed mail goes.
fn direction(job: &Job) -> Direction {
    match job.kind {
        JobKind::Send { .. } => Direction::Outbound,
        JobKind::Release | JobKind::Deliver { .. } | JobKind::Letter { .. } => Direction::Inbound,
    }
}

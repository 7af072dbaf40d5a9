//! Keep, then carry, then answer. The reply is true for everyone it covers.

use std::collections::BTreeSet;

use super::outbound::accepted;
use super::weigh::{Judged, Released};
use super::{Intake, same};
use crate::actions::Action;
use crate::mail::{Address, Direction, Domain, Edit, EntryId, Mail, Reply};
use crate::policy::{
    Answer, DeliverStep, Disposition, Ending, Plan, Principal, Replies, StashStep, not_now,
};
use crate::record::{Door, Entry, Event, Job, JobKind, Shelf, Status};
use crate::relay::{Carrier, Parcel};
use crate::store::StoreError;

impl Intake {
    /// An event about a mail, for these recipients.
    pub(super) fn event(
        &self,
        mail: &Mail,
        status: Status,
        to: &[Address],
        words: String,
    ) -> Event {
        let envelope = &mail.envelope;
        let door = Door::new(self.door, envelope.peer.address);
        let who = match (envelope.direction, &envelope.peer.login) {
            (Direction::Outbound, Some(login)) => login,
            _ => "intake",
        };
        let mut event = Event::new(self.parts.clock.now(), status, who, door).saying(words);
        event.mail = Some(mail.id);
        event.direction = Some(envelope.direction);
        event.from.clone_from(&envelope.from);
        event.to = to.to_vec();
        event.size = mail.message.size();
        event.client = Some(envelope.peer.address);
        event
    }

    fn judged_event(
        &self,
        mail: &Mail,
        judged: &Judged,
        status: Status,
        to: &[Address],
        words: String,
    ) -> Event {
        let mut event = self.event(mail, status, to, words);
        event.subject.clone_from(&judged.findings.subject);
        if let Some(decision) = to.first().and_then(|to| judged.of(to)) {
            event.class = Some(decision.verdict.class);
            event.score = Some(decision.verdict.score);
            let because = decision.verdict.in_a_line();
            if !because.is_empty() {
                event.words = format!("{} [{because}]", event.words);
            }
        }
        event
    }

    /// Stash; then carry; then settle what the next hosts said.
    pub(super) async fn execute(
        &self,
        mail: &Mail,
        plan: Plan,
        judged: &Judged,
        carrier: &dyn Carrier,
    ) -> Answer {
        let refusal = judged.refusal(mail);
        if let Err(error) = self.stash_all(mail, judged, &plan, &refusal).await {
            tracing::error!(%error, mail = %mail.id, "a mail cannot be stashed");
            let answer = plan.unstashed();
            self.note(self.event(mail, Status::Deferred, &mail.envelope.to, error.to_string()))
                .await;
            return answer;
        }
        let said = self.carry(mail, judged, &plan.deliver, carrier).await;
        let delivered = plan.deliver.clone();
        let one = plan.end(&said, &refusal);
        if let Err(error) = self.owe_and_strand(mail, judged, &one).await {
            tracing::error!(%error, mail = %mail.id, "what is owed cannot be written down");
            return Answer::One(not_now("The message cannot be stored now"));
        }
        self.note_delivered(mail, judged, &delivered, &said).await;
        self.note_others(mail, judged, &one.answer).await;
        if mail.envelope.direction == Direction::Outbound {
            let to = accepted(&delivered, &said, &one.answer);
            self.keep_correspondents(mail, judged, &to).await;
        }
        one.answer
    }

    /// What is caught and what is pending, each with the words that its senders hear.
    async fn stash_all(
        &self,
        mail: &Mail,
        judged: &Judged,
        plan: &Plan,
        refusal: &Reply,
    ) -> Result<(), StoreError> {
        let (pending, caught): (Vec<_>, Vec<_>) =
            plan.stash.iter().cloned().partition(|step| step.pending);
        if !caught.is_empty() {
            self.stash(mail, judged, &caught, refusal.to_string())
                .await?;
        }
        if !pending.is_empty() {
            let words = "accepted; it waits to be authorised";
            self.stash(mail, judged, &pending, words.to_owned()).await?;
        }
        Ok(())
    }

    async fn stash(
        &self,
        mail: &Mail,
        judged: &Judged,
        steps: &[StashStep],
        words: String,
    ) -> Result<(), StoreError> {
        let entries: Vec<Entry> = steps
            .iter()
            .filter_map(|step| {
                let decision = judged.of(&step.to)?;
                Some(Entry {
                    failed: step.failed.clone(),
                    ..self.entry(mail, &judged.findings, decision)
                })
            })
            .collect();
        let to: Vec<Address> = steps.iter().map(|step| step.to.clone()).collect();
        let status = if steps.iter().any(|step| step.pending) {
            Status::Pending
        } else {
            Status::Quarantined
        };
        let event = self.judged_event(mail, judged, status, &to, words);
        self.parts
            .store
            .entries
            .stash(mail, entries, event)
            .await
            .map(|_| ())
    }

    /// Passes the mail on. The replies are in the order of `steps`.
    async fn carry(
        &self,
        mail: &Mail,
        judged: &Judged,
        steps: &[DeliverStep],
        carrier: &dyn Carrier,
    ) -> Vec<Reply> {
        if steps.is_empty() {
            return Vec::new();
        }
        let mut said = vec![not_now("The destination cannot be found now"); steps.len()];
        let mut parcels: Vec<Parcel> = Vec::new();
        let mut places: Vec<Vec<usize>> = Vec::new();
        let mut sealers: Vec<Option<Domain>> = Vec::new();
        let domains: BTreeSet<&Domain> = steps.iter().map(|step| step.to.domain()).collect();
        let ways = self
            .ways(mail, domains.into_iter().cloned().collect())
            .await;
        for (i, step) in steps.iter().enumerate() {
            let routes = match ways.get(step.to.domain()) {
                Some(Ok(routes)) => routes,
                Some(Err(reply)) => {
                    said[i] = reply.clone();
                    continue;
                }
                None => continue,
            };
            let sealer = judged.sealed_by(&step.to, &step.edits);
            let same = |(p, s): (&Parcel, &Option<Domain>)| {
                p.routes == *routes && p.edits == step.edits && *s == sealer
            };
            match parcels.iter().zip(&sealers).position(same) {
                Some(at) => {
                    parcels[at].to.push(step.to.clone());
                    places[at].push(i);
                }
                None => {
                    parcels.push(Parcel {
                        to: vec![step.to.clone()],
                        edits: step.edits.clone(),
                        routes: routes.clone(),
                    });
                    places.push(vec![i]);
                    sealers.push(sealer);
                }
            }
        }
        for (parcel, sealer) in parcels.iter_mut().zip(&sealers) {
            let (to, edits, findings) = (&parcel.to, &parcel.edits, &judged.findings);
            parcel.edits = self
                .leaving(mail, findings, to, edits, sealer.as_ref())
                .await;
        }
        let replies = carrier.carry(mail, &parcels).await;
        for (places, replies) in places.into_iter().zip(replies) {
            for (place, reply) in places.into_iter().zip(replies) {
                said[place] = reply;
            }
        }
        said
    }

    async fn owe_and_strand(
        &self,
        mail: &Mail,
        judged: &Judged,
        ending: &Ending,
    ) -> Result<(), StoreError> {
        let now = self.parts.clock.now();
        if !ending.owe.is_empty() {
            let to: Vec<Address> = ending.owe.iter().map(|(step, _)| step.to.clone()).collect();
            let words = ending
                .owe
                .first()
                .map(|(_, reply)| reply.to_string())
                .unwrap_or_default();
            let mut jobs = Vec::new();
            for (step, reply) in &ending.owe {
                let to = std::slice::from_ref(&step.to);
                let sealer = judged.sealed_by(&step.to, &step.edits);
                let edits = self
                    .leaving(mail, &judged.findings, to, &step.edits, sealer.as_ref())
                    .await;
                let to = step.to.clone();
                let kind = match mail.envelope.direction {
                    Direction::Inbound => JobKind::Deliver { to, edits },
                    Direction::Outbound => JobKind::Send {
                        from: mail.envelope.from.clone().map(Box::new),
                        to,
                        edits,
                    },
                };
                let id = EntryId::going(mail.envelope.direction, mail.id, &step.to);
                jobs.push(Job {
                    last: reply.to_string(),
                    ..Job::new(id, mail.id, kind, now)
                });
            }
            let event = self.judged_event(mail, judged, Status::DeliveryDeferred, &to, words);
            self.parts.store.jobs.owe(mail, jobs, event).await?;
        }
        if !ending.strand.is_empty() {
            let words = ending
                .strand
                .first()
                .and_then(|s| s.failed.as_ref())
                .map(ToString::to_string);
            self.stash(mail, judged, &ending.strand, words.unwrap_or_default())
                .await?;
        }
        Ok(())
    }

    /// The log of what the next hosts said, recipients with the same words together.
    async fn note_delivered(
        &self,
        mail: &Mail,
        judged: &Judged,
        steps: &[DeliverStep],
        said: &[Reply],
    ) {
        let mut groups: Vec<(Status, &Reply, bool, Vec<Address>)> = Vec::new();
        for (step, reply) in steps.iter().zip(said) {
            let tagged = step
                .edits
                .iter()
                .any(|edit| matches!(edit, Edit::TagSubject(_) | Edit::Add { .. }));
            let status = match () {
                () if reply.is_positive() && tagged => Status::Tagged,
                () if reply.is_positive() => Status::Accepted,
                () if reply.is_permanent() => Status::Refused,
                () => Status::Deferred,
            };
            let copy = step.copy && reply.is_positive();
            match groups
                .iter_mut()
                .find(|(s, r, c, _)| *s == status && *r == reply && *c == copy)
            {
                Some((.., to)) => to.push(step.to.clone()),
                None => groups.push((status, reply, copy, vec![step.to.clone()])),
            }
        }
        for (status, reply, copy, to) in groups {
            let event = self.judged_event(mail, judged, status, &to, reply.to_string());
            if copy {
                self.keep_copies(mail, judged, &to, event).await;
            } else {
                self.note(event).await;
            }
        }
    }

    /// Copies of delivered, unsure mail, where the option is on (SE-09).
    async fn keep_copies(&self, mail: &Mail, judged: &Judged, to: &[Address], event: Event) {
        let now = self.parts.clock.now();
        let entries = to
            .iter()
            .filter_map(|to| judged.of(to))
            .map(|decision| Entry {
                shelf: Shelf::TrainingRequested,
                expires: now.after_days(decision.policy.training_days),
                ..self.entry(mail, &judged.findings, decision)
            })
            .collect();
        if let Err(error) = self
            .parts
            .store
            .entries
            .stash(mail, entries, event.clone())
            .await
        {
            tracing::warn!(%error, mail = %mail.id, "no copy for Training Requested");
            self.note(event).await;
        }
    }

    /// The log of those for whom nothing was carried or kept: refused, or deferred (SE-04).
    async fn note_others(&self, mail: &Mail, judged: &Judged, answer: &Answer) {
        let reply = |at: usize| match answer {
            Answer::One(reply) => reply.to_string(),
            Answer::Each(replies) => replies.get(at).map(ToString::to_string).unwrap_or_default(),
        };
        let deferred_all = matches!(answer, Answer::One(reply) if reply.is_transient())
            && judged
                .each
                .iter()
                .any(|d| matches!(d.disposition, Disposition::Defer(_)));
        for (at, decision) in judged.each.iter().enumerate() {
            let status = match &decision.disposition {
                Disposition::Defer(_) => Status::Deferred,
                _ if deferred_all => Status::Deferred,
                Disposition::Refuse if !kept_instead(judged, answer) => Status::Refused,
                _ => continue,
            };
            let to = std::slice::from_ref(&decision.to);
            self.note(self.judged_event(mail, judged, status, to, reply(at)))
                .await;
        }
    }

    /// A mail under a token that holds goes past the antispam engines, straight on.
    pub(super) async fn pass_released(
        &self,
        mail: &Mail,
        released: Released,
        replies: Replies,
        carrier: &dyn Carrier,
    ) -> Answer {
        let step = match mail.envelope.to.first() {
            Some(to) => DeliverStep {
                to: to.clone(),
                edits: released.edits.clone(),
                copy: false,
            },
            None => return same(not_now("No recipient"), mail, replies),
        };
        let said = match released.objection() {
            Some(reply) => reply,
            None => {
                let judged = Judged {
                    findings: released.findings,
                    each: Vec::new(),
                };
                self.carry(mail, &judged, std::slice::from_ref(&step), carrier)
                    .await
                    .pop()
                    .unwrap_or_else(|| not_now("The next host gave no reply"))
            }
        };
        same(
            self.end_released(mail, released.entry, &released.claim, said)
                .await,
            mail,
            replies,
        )
    }

    async fn end_released(&self, mail: &Mail, entry: EntryId, claim: &str, said: Reply) -> Reply {
        let house = Principal::house("reinsertion");
        let door = Door::new(self.door, mail.envelope.peer.address);
        if said.is_positive() && self.fronted {
            // Not the destination's word: whoever handed the mail in hears that one.
            self.has_passed(entry, claim).await;
            return said;
        }
        if said.is_positive() {
            // The destination has it: whatever our books say, the answer must be yes.
            let action = Action::Delivered(said.clone());
            if let Err(refusal) = self.parts.desk.perform(&house, &action, entry, &door).await {
                tracing::error!(%refusal, %entry, "a delivery cannot be written down");
            }
            return said;
        }
        if said.is_permanent() {
            let action = Action::Returned(said.clone());
            match self.parts.desk.perform(&house, &action, entry, &door).await {
                // It is in the quarantine again, so the relay in between must not bounce it (SE-02).
                Ok(_) => {
                    return Reply::new(250, 0, 0, format!("Returned to the quarantine: {said}"));
                }
                Err(refusal) => tracing::error!(%refusal, %entry, "an entry cannot be returned"),
            }
            self.parts.store.transient.drop_key(claim).await;
            return not_now("The message cannot be returned to the quarantine now");
        }
        self.parts.store.transient.drop_key(claim).await;
        said
    }
}

/// In a transaction with one positive reply, mail of mode `refuse` was stashed instead.
fn kept_instead(judged: &Judged, answer: &Answer) -> bool {
    matches!(answer, Answer::One(_))
        && judged
            .each
            .iter()
            .any(|d| matches!(d.disposition, Disposition::Deliver { .. }))
}

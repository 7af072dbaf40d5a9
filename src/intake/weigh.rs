//! Weigh: inspect, judge, dispose. What comes out is a decision for each recipient.

use crate::actions::{link_keys, reinsertion_keys};
use crate::clock::Timestamp;
use crate::mail::{Address, Direction, Edit, EntryId, Mail, Reply, headers};
use crate::policy::{
    Class, Disposition, Finding, Findings, LIST_BLOCKED, ListKind, Policy, Scope, Step, Verdict,
    WhenUnavailable, deliver_marked, dispose, judge, not_now, writable,
};
use crate::record::{Entry, SUBJECT_LONGEST, Shelf, State, Status};
use crate::store::StoreError;
use crate::token;

use super::{Intake, replies};

/// A mail that was weighed.
pub(super) enum Weighed {
    Judged(Judged),
    Released(Released),
}

/// What was decided for each recipient.
pub(super) struct Judged {
    pub(super) findings: Findings,
    pub(super) each: Vec<Decision>,
}

/// What was decided for one recipient.
pub(super) struct Decision {
    pub(super) to: Address,
    pub(super) policy: Policy,
    pub(super) verdict: Verdict,
    pub(super) disposition: Disposition,
}

/// A mail that comes back under a token that holds.
pub(super) struct Released {
    pub(super) entry: EntryId,
    /// The key under which the token is claimed while it is in use.
    pub(super) claim: String,
    pub(super) findings: Findings,
    /// How it is marked, if it waited in vain.
    pub(super) edits: Vec<Edit>,
    /// Malware that whoever released it knew of: that was shown with the entry, and took
    /// a right of its own (XX-12).
    known: Vec<Finding>,
}

impl Released {
    /// Why it does not go on: malware that nobody knew of, or a scan that must run and could not.
    pub(super) fn objection(&self) -> Option<Reply> {
        let new = |found: &&Finding| {
            matches!(found, Finding::Malware { .. }) && !self.known.contains(found)
        };
        if let Some(found) = self.findings.found.iter().find(new) {
            let words = format!("Malware was found: {}", found.reason());
            return Some(Reply::new(554, 7, 1, words));
        }
        let must_run = |found: &&Finding| {
            matches!(
                found,
                Finding::Unavailable {
                    then: WhenUnavailable::Defer,
                    ..
                }
            )
        };
        self.findings
            .found
            .iter()
            .find(must_run)
            .map(|gap| not_now(&format!("The check {} cannot run now", gap.name())))
    }
}

/// The mark of a letter of the house, if there is one and no more.
fn house_mark(mail: &Mail) -> Option<String> {
    let fields = headers::fields(mail.message.bytes());
    let mut marks = fields.filter(|field| field.is(token::notice::MARK_FIELD));
    match (marks.next(), marks.next()) {
        (Some(mark), None) => Some(mark.text()),
        _ => None,
    }
}

/// What counts of a letter of the house: malware, which may be in what it encloses.
fn of_the_house(mut found: Vec<Finding>) -> Vec<Finding> {
    found.retain(|found| matches!(found, Finding::Malware { .. }));
    let reason = "a letter that this house wrote to its recipient";
    found.push(Finding::seen("HOUSE_LETTER", 0.0, reason));
    found
}

/// The malware that an entry was kept for.
fn known(entry: &Entry) -> Vec<Finding> {
    let because = entry.verdict.because.iter();
    because
        .filter(|found| matches!(found, Finding::Malware { .. }))
        .cloned()
        .collect()
}

/// The mail cannot be weighed; everybody is told this.
pub(super) struct TurnedAway {
    pub(super) reply: Reply,
}

impl From<StoreError> for TurnedAway {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a mail cannot be weighed");
        Self {
            reply: not_now("The message cannot be checked now"),
        }
    }
}

impl Judged {
    pub(super) fn steps(&self) -> Vec<Step> {
        self.each
            .iter()
            .map(|decision| Step {
                to: decision.to.clone(),
                disposition: decision.disposition.clone(),
            })
            .collect()
    }

    /// The decision for `to`.
    pub(super) fn of(&self, to: &Address) -> Option<&Decision> {
        self.each.iter().find(|decision| decision.to == *to)
    }

    /// What a refused sender is told: the class in plain words and a reference.
    pub(super) fn refusal(&self, mail: &Mail) -> Reply {
        let listed = |decision: &Decision| {
            let mut because = decision.verdict.because.iter();
            because.any(|finding| finding.name() == LIST_BLOCKED)
        };
        let of = |class| self.each.iter().filter(move |d| d.verdict.class == class);
        let what = if of(Class::Malware).next().is_some() {
            "carries malware"
        } else if of(Class::Spam).all(listed) {
            match mail.envelope.direction {
                Direction::Inbound => "is not wanted by its recipient",
                Direction::Outbound => "is not allowed by a block list",
            }
        } else {
            "looks like spam"
        };
        let reference = &mail.id.to_string()[..8];
        Reply::new(
            550,
            7,
            1,
            format!("The message {what} and was refused; reference {reference}"),
        )
    }
}

impl Intake {
    pub(super) async fn weigh(&self, mail: &Mail) -> Result<Weighed, TurnedAway> {
        if let Some(released) = self.weigh_released(mail).await? {
            return Ok(Weighed::Released(released));
        }
        let outbound = mail.envelope.direction == Direction::Outbound;
        if outbound {
            self.check_sender(mail).await?;
        }
        let findings = self.parts.panel.inspect(mail).await;
        if outbound {
            let each = self.weigh_outgoing(mail, &findings).await?;
            return Ok(Weighed::Judged(Judged { findings, each }));
        }
        let answered = replies::answered(mail);
        let seen = (&findings, &answered[..]);
        let mark = house_mark(mail);
        let mut each = Vec::with_capacity(mail.envelope.to.len());
        for to in &mail.envelope.to {
            if self.lets_by(mail, to).await? {
                each.push(Decision::to_let_by(to));
                continue;
            }
            let policy = self.policy(to).await?;
            let own = self.is_own_letter(mail, mark.as_deref(), to).await?;
            let listed = match own {
                true => None,
                false => self.listed(mail, &findings, &Scope::chain(to)).await?,
            };
            let found = findings.found_for(to);
            let found = if own { of_the_house(found) } else { found };
            let verdict = judge(found, listed.as_ref(), &policy);
            let disposition = dispose(&verdict, &policy);
            let disposition = self.spare(disposition, &findings, &policy, to).await?;
            let known = own || listed.is_some() || findings.aligned;
            let disposition = self.greylisted(mail, known, to, &policy, disposition).await;
            let known = own || listed.is_some_and(|listed| listed.kind == ListKind::Allow);
            let pending = disposition.clone().pending(known, &policy);
            let decision = Decision {
                to: to.clone(),
                policy,
                verdict,
                disposition: pending,
            };
            each.push(self.let_replies_in(mail, seen, decision, disposition).await);
        }
        Ok(Weighed::Judged(Judged { findings, each }))
    }

    /// True for a letter that this house wrote to `to`, and that passes here on its way: its mark
    /// holds.
    async fn is_own_letter(
        &self,
        mail: &Mail,
        mark: Option<&str>,
        to: &Address,
    ) -> Result<bool, StoreError> {
        let Some(mark) = mark else {
            return Ok(false);
        };
        let now = self.parts.clock.now();
        let ring = link_keys(&*self.parts.store.settings, now).await?;
        let message = mail.message.bytes();
        Ok(token::notice::holds(&ring, mark, to, message, now))
    }

    /// What comes back under a token that holds.
    pub(super) async fn weigh_released(&self, mail: &Mail) -> Result<Option<Released>, TurnedAway> {
        self.check_loop(mail)?;
        self.released(mail).await
    }

    fn check_loop(&self, mail: &Mail) -> Result<(), TurnedAway> {
        let hops = headers::fields(mail.message.bytes())
            .filter(|field| field.is("Received"))
            .count();
        if hops > self.parts.options.hops_most as usize {
            let reply = Reply::new(
                554,
                4,
                6,
                format!("The message has passed {hops} servers: this is a loop"),
            );
            return Err(TurnedAway { reply });
        }
        Ok(())
    }

    /// A reinsertion token that holds: genuine, for this mail and recipient, for an
    /// entry that is leaving, and not in use or used up (SY-01, SY-02).
    async fn released(&self, mail: &Mail) -> Result<Option<Released>, TurnedAway> {
        let mut tokens =
            headers::fields(mail.message.bytes()).filter(|field| field.is(token::FIELD));
        let (Some(field), another) = (tokens.next(), tokens.next()) else {
            return Ok(None);
        };
        let fault = match (&mail.envelope.to[..], another) {
            ([to], None) => match self.claim(&field.text(), to, mail).await? {
                Ok((entry, claim)) => {
                    let findings = self.parts.panel.inspect_released(mail).await;
                    let edits = self.marks(&entry, &findings, to).await?;
                    return Ok(Some(Released {
                        entry: entry.id,
                        edits,
                        claim,
                        findings,
                        known: known(&entry),
                    }));
                }
                Err(fault) => fault,
            },
            _ => "one token and one recipient belong together".to_owned(),
        };
        tracing::warn!(mail = %mail.id, peer = %mail.envelope.peer.address, %fault, "a reinsertion token does not hold");
        self.note(self.event(mail, Status::TokenRefused, &mail.envelope.to, fault))
            .await;
        Ok(None)
    }

    async fn claim(
        &self,
        value: &str,
        to: &Address,
        mail: &Mail,
    ) -> Result<Result<(Entry, String), String>, TurnedAway> {
        let now = self.parts.clock.now();
        let ring = reinsertion_keys(&*self.parts.store.settings, now).await?;
        let claim = match token::verify(&ring, value, to, mail.message.bytes(), now) {
            Ok(claim) => claim,
            Err(fault) => return Ok(Err(fault.to_string())),
        };
        let entry = match self.parts.store.entries.entry(claim.entry).await? {
            Some(entry) if entry.state == State::Leaving && entry.to.contains(to) => entry,
            _ => return Ok(Err("the token was used already".to_owned())),
        };
        let key = format!("token {}", claim.nonce);
        if self
            .parts
            .store
            .transient
            .claim(&key, now, claim.expires)
            .await
        {
            Ok(Ok((entry, key)))
        } else {
            Ok(Err("the token is in use or was used already".to_owned()))
        }
    }

    /// The marks of mail that waited in vain and is delivered after all (IW-05).
    async fn marks(
        &self,
        entry: &Entry,
        findings: &Findings,
        to: &Address,
    ) -> Result<Vec<Edit>, StoreError> {
        if !entry.marked {
            return Ok(Vec::new());
        }
        let policy = self.policy(to).await?;
        let marked = deliver_marked(&entry.verdict, &policy);
        match self.spare(marked, findings, &policy, to).await? {
            Disposition::Deliver { edits, .. } => Ok(edits),
            _ => Ok(Vec::new()),
        }
    }

    /// A new entry for a recipient; of outgoing mail it is the sender's.
    pub(super) fn entry(&self, mail: &Mail, findings: &Findings, decision: &Decision) -> Entry {
        let now: Timestamp = self.parts.clock.now();
        let (from, author) = (mail.envelope.from.as_ref(), findings.authors.first());
        let octets = mail.message.bytes();
        let inbound = mail.envelope.direction == Direction::Inbound;
        let author_text = author.map(ToString::to_string);
        let envelope = &mail.envelope;
        let owner = match envelope.direction {
            Direction::Inbound => &decision.to,
            // Without a sender it is nobody's, and administrators of the house see it.
            Direction::Outbound => envelope.from.as_ref().unwrap_or(&decision.to),
        };
        let (shelf, days) = match decision.disposition {
            Disposition::Pend => (Shelf::Pending, decision.policy.pend_days),
            _ if decision.verdict.class == Class::Malware => {
                (Shelf::Caught, decision.policy.malware_days)
            }
            _ => (Shelf::Caught, decision.policy.keep_days),
        };
        Entry {
            id: EntryId::going(envelope.direction, mail.id, &decision.to),
            mail: mail.id,
            owner: owner.clone(),
            to: vec![decision.to.clone()],
            from: mail.envelope.from.clone(),
            direction: mail.envelope.direction,
            shelf,
            state: State::Held,
            verdict: decision.verdict.clone(),
            arrived: now,
            expires: now.after_days(days),
            uid: 0,
            size: mail.message.size(),
            subject: findings.subject.chars().take(SUBJECT_LONGEST).collect(),
            author: author_text.unwrap_or_else(|| mail.envelope.from_text()),
            author_name: findings.author_name.clone(),
            client: mail.envelope.peer.address.to_string(),
            failed: None,
            leaves: None,
            requested: None,
            aligned: findings.aligned,
            writable: inbound
                && writable((from, findings.path), author, findings.aligned, octets).is_ok(),
            marked: false,
        }
    }
}

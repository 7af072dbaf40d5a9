//! Who is asked, and who may appeal: senders of pending mail get one letter with a link (IW-06), the
//! refusal of spam names a page (XX-07). Nothing here holds a mail up or fails it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::Intake;
use super::weigh::{Decision, Judged};
use crate::actions::Refusal;
use crate::clock::Timestamp;
use crate::inspect::organisation;
use crate::mail::{Address, Direction, Mail, Reply};
use crate::notify::{
    About, ChallengeOptions, ChallengeTemplate, Hourly, PagesAt, Post, PostError, message_id,
};
use crate::policy::{Class, Disposition, LIST_BLOCKED, Mode, StashStep, writable};
use crate::record::{Entry, State};

/// Letters that are written at the same time; a sender whose turn is not there is asked with the
/// next mail.
const WRITERS: usize = 8;
/// How long a sender is not looked at again after a try, whatever came of it.
const IN_HAND: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
/// A refusal with a link is at most so long: one line of a reply (RFC 5321 section 4.5.3.1.5) with
/// its codes.
const LINE_MOST: usize = 470;

/// Asks senders.
pub struct Challenger {
    post: Post,
    letter: ChallengeTemplate,
    /// Without it nobody is asked, and no appeal is offered.
    pages: Option<PagesAt>,
    options: ChallengeOptions,
    hourly: Hourly,
    turns: Arc<Semaphore>,
}

impl Challenger {
    /// `web` is where the panel is reached. Blocks on the template's file.
    ///
    /// # Errors
    /// Words for the administrator.
    pub fn open(options: &ChallengeOptions, web: Option<&str>, post: Post) -> Result<Self, String> {
        Ok(Self {
            post,
            letter: options.letter()?,
            pages: options.pages(web)?,
            options: options.clone(),
            hourly: Hourly::default(),
            turns: Arc::new(Semaphore::new(WRITERS)),
        })
    }

    /// True if the house may write once more in this hour, and to this domain.
    fn counts(&self, to: &Address, now: Timestamp) -> bool {
        // Who has a domain makes as many below it as they like.
        let domain = format!("@{}", organisation(to.domain()));
        let most = self.options.per_domain_an_hour;
        self.hourly.counts(&domain, most, now) && self.hourly.counts("", self.options.per_hour, now)
    }
}

/// A mail whose sender is to be asked.
struct Question {
    entry: Entry,
    /// Where the letter goes.
    to: Address,
    /// Who is allowed by the answer.
    sender: Address,
    answers: Option<String>,
}

/// Why a letter was not written.
#[derive(Debug, thiserror::Error)]
enum Unasked {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Post(#[from] PostError),
}

impl Intake {
    /// The same, and senders are asked where policy says so.
    #[must_use]
    pub fn challenging(self, challenger: Challenger) -> Self {
        Self {
            challenger: Some(Arc::new(challenger)),
            ..self
        }
    }

    /// Asks the sender of what is pending now, if that cannot hit a bystander. The letter is written
    /// beside the mail's path.
    pub(super) async fn challenge(&self, mail: &Mail, judged: &Judged, kept: &[StashStep]) {
        let Some(challenger) = self.challenger.as_ref().filter(|c| c.pages.is_some()) else {
            return;
        };
        for step in kept.iter().filter(|step| step.pending) {
            let decision = judged.of(&step.to).filter(|d| d.policy.challenge);
            let Some(question) = decision.and_then(|d| self.question(mail, judged, d)) else {
                continue;
            };
            match self.is_to_be_asked(&question).await {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) => {
                    tracing::warn!(%error, "a sender is not asked");
                    continue;
                }
            }
            let Ok(turn) = Arc::clone(&challenger.turns).try_acquire_owned() else {
                tracing::debug!(
                    "many senders are asked at the same time; one waits for the next mail"
                );
                continue;
            };
            let (intake, challenger) = (self.clone(), challenger.clone());
            tokio::spawn(async move {
                if let Err(error) = intake.ask(&challenger, question).await {
                    tracing::warn!(%error, "a sender could not be asked");
                }
                drop(turn);
            });
        }
    }

    /// The rule of whom the house may ask (RFC 3834, and none but who is vouched for).
    fn question(&self, mail: &Mail, judged: &Judged, decision: &Decision) -> Option<Question> {
        if !matches!(decision.verdict.class, Class::Clean | Class::Unsure) {
            return None;
        }
        let findings = &judged.findings;
        let author = findings.authors.first()?;
        let from = mail.envelope.from.as_ref();
        let message = mail.message.bytes();
        let from = (from, findings.path);
        let to = writable(from, Some(author), findings.aligned, message).ok()?;
        // What is vouched for is the author's domain; the letter goes nowhere else.
        (to.domain() == author.domain()).then(|| Question {
            entry: self.entry(mail, findings, decision),
            to: to.clone(),
            sender: author.clone(),
            answers: message_id(message),
        })
    }

    async fn is_to_be_asked(&self, question: &Question) -> Result<bool, Refusal> {
        let settings = &self.parts.store.settings;
        if settings.domain(question.sender.domain()).await?.is_some() {
            // One of ours, or a house of ours in between.
            return Ok(false);
        }
        // The same message may have come before from somebody whom nobody vouches for: an answer
        // would not let that one in.
        let kept = self.parts.store.entries.entry(question.entry.id).await?;
        if !kept.is_some_and(|kept| kept.aligned && kept.state == State::Held) {
            return Ok(false);
        }
        let known = self.parts.desk.challenge_of(&question.entry).await?;
        if known.is_some() {
            return Ok(false);
        }
        // Of many messages at the same time one is in hand.
        let now = self.parts.clock.now();
        let (owner, sender) = (question.entry.owner.key(), question.sender.key());
        let key = format!("challenge in hand {owner} {sender}");
        let transient = &self.parts.store.transient;
        Ok(transient.claim(&key, now, now.after(IN_HAND)).await)
    }

    async fn ask(&self, challenger: &Challenger, question: Question) -> Result<(), Unasked> {
        let now = self.parts.clock.now();
        let Some(pages) = &challenger.pages else {
            return Ok(());
        };
        let Question {
            entry,
            to,
            sender,
            answers,
        } = question;
        let lifetime = challenger
            .options
            .lifetime
            .map(|lifetime| now.after(lifetime.0));
        let expires = lifetime.map_or(entry.expires, |end| end.min(entry.expires));
        if !self.may_write(challenger, &to, now).await {
            tracing::debug!("a sender is not asked: the limit of letters is reached");
            return Ok(());
        }
        let desk = &self.parts.desk;
        let Some(text) = desk.open_challenge(&entry, expires).await? else {
            return Ok(());
        };
        let link = pages.at(entry.owner.domain(), &format!("/c/{text}"));
        let about = About {
            to,
            sender,
            recipient: entry.owner,
            subject: entry.subject,
            answers,
            expires,
        };
        let mut letter = challenger.letter.letter(&about, &link);
        letter
            .sender
            .clone_from(&challenger.options.envelope_sender);
        if let Err(error) = challenger.post.send(letter).await {
            desk.drop_challenge(&text).await?;
            return Err(error.into());
        }
        Ok(())
    }

    /// Counts one more letter to `to`.
    async fn may_write(&self, challenger: &Challenger, to: &Address, now: Timestamp) -> bool {
        let key = format!("challenge {}", to.key());
        let most = challenger.options.per_sender_a_day;
        let transient = &self.parts.store.transient;
        transient.counts(&key, most, now, now.after(DAY)).await && challenger.counts(to, now)
    }

    /// The refusal with the page where its sender can appeal, if that is offered to them. Not for
    /// malware, nor where the recipient's own list blocks the sender.
    pub(super) async fn with_appeal(&self, refusal: Reply, mail: &Mail, judged: &Judged) -> Reply {
        let pages = self.challenger.as_ref().and_then(|c| c.pages.as_ref());
        let (Some(pages), Direction::Inbound) = (pages, mail.envelope.direction) else {
            return refusal;
        };
        if judged
            .each
            .iter()
            .any(|d| d.verdict.class == Class::Malware)
        {
            return refusal;
        }
        let Some(decision) = judged.each.iter().find(|d| may_appeal(d)) else {
            return refusal;
        };
        let text = match self.parts.desk.appeal_text(mail.id).await {
            Ok(Some(text)) => text,
            Ok(None) => return refusal,
            Err(error) => {
                tracing::warn!(%error, "no appeal is offered");
                return refusal;
            }
        };
        let link = pages.at(decision.to.domain(), &format!("/a/{text}"));
        let words = format!("{}; see {link}", refusal.text);
        if words.len() > LINE_MOST {
            return refusal;
        }
        Reply {
            text: words,
            ..refusal
        }
    }
}

/// True if this recipient's refused spam can be asked for.
fn may_appeal(decision: &Decision) -> bool {
    let mut because = decision.verdict.because.iter();
    decision.policy.appeal
        && decision.policy.mode == Mode::Quarantine
        && decision.verdict.class == Class::Spam
        && decision.disposition == Disposition::Stash
        && !because.any(|finding| finding.name() == LIST_BLOCKED)
}

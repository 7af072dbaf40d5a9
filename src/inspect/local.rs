//! The checks that need nothing but the mail itself: GTUBE, structure, rules.

use std::borrow::Cow;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;

use crate::clock::{Clock, Timestamp};
use crate::mail::{Address, Direction, Envelope};
use crate::policy::{Finding, OwnFinding};

use super::content::{Content, SUBJECT_MOST};
use super::learned::Learner;
use super::measure;
use super::options::Options;
use super::rules::{Explained, RuleSet, RulesError};

/// The test string for unsolicited bulk mail: a mail that holds it is spam by agreement.
const GTUBE: &[u8; 68] = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";
/// Its weight is beyond every threshold.
const GTUBE_WEIGHT: f32 = 1000.0;
/// Weight of a message that no honest program builds.
const BOMB_WEIGHT: f32 = 3.0;

/// All local checks. Cheap to clone; clones share the rules.
#[derive(Clone)]
pub(super) struct Local {
    rules: Arc<ArcSwap<RuleSet>>,
    learner: Option<Arc<Learner>>,
    sources: Arc<Vec<String>>,
    text_most: usize,
    /// Learn what is far from the threshold.
    by_itself: bool,
    clock: Clock,
}

/// What the local checks say.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub found: Vec<Finding>,
    pub own: Vec<OwnFinding>,
    pub authors: Vec<Address>,
    pub author_name: String,
    pub subject: String,
    /// Domains of authors and hosts of links, as they stand.
    pub domains: Vec<String>,
}

impl Local {
    pub(super) fn open(options: &Options, clock: Clock) -> Result<Self, RulesError> {
        Ok(Self {
            learner: None,
            rules: Arc::new(ArcSwap::from_pointee(RuleSet::open(&options.rules)?)),
            sources: Arc::new(options.rules.clone()),
            text_most: options.text_most.get(),
            by_itself: options.learn_by_itself,
            clock,
        })
    }

    /// Asks this learner too.
    pub(super) fn ask(&mut self, learner: Arc<Learner>) {
        self.learner = Some(learner);
    }

    /// Loads the rules anew; on error the old ones stay.
    pub(super) fn reload(&self) -> Result<usize, RulesError> {
        let rules = RuleSet::open(&self.sources)?;
        let count = rules.len();
        self.rules.store(Arc::new(rules));
        Ok(count)
    }

    pub(super) fn inspect(&self, message: &Bytes, envelope: &Envelope) -> Seen {
        let envelope = &*as_judged(envelope);
        let rules = self.rules.load();
        let learner = self.learner.as_ref().filter(|learner| !learner.is_empty());
        let content = if rules.is_empty() && learner.is_none() && !self.by_itself {
            Content::structured(message, self.text_most)
        } else {
            Content::read(message, envelope, self.text_most, self.now())
        };
        let mut found = own(&content);
        found.extend(rules.findings(&content, envelope));
        let opinion = learner.map(|learner| learner.opinion(&content, envelope));
        let opinion = opinion.unwrap_or_default();
        found.extend(opinion.found);
        if let Some(learner) = self.learner.as_ref().filter(|_| self.by_itself) {
            let score = found.iter().map(Finding::weight).sum();
            learner.overhear(&content, envelope, score);
        }
        Seen {
            found,
            own: opinion.own,
            authors: content.author_addresses(),
            author_name: content.author_name(),
            subject: cut(&content.subject),
            domains: named(&content),
        }
    }

    /// Subject and authors, no checks.
    pub(super) fn read(&self, message: &Bytes) -> Seen {
        let content = Content::fields_only(message, self.text_most);
        Seen {
            found: Vec::new(),
            own: Vec::new(),
            authors: content.author_addresses(),
            author_name: content.author_name(),
            subject: cut(&content.subject),
            domains: Vec::new(),
        }
    }

    pub(super) fn explain(&self, message: &[u8], envelope: &Envelope) -> Vec<Explained> {
        let content = Content::read(message, envelope, self.text_most, self.now());
        let mut all: Vec<Explained> = own(&content)
            .into_iter()
            .map(|finding| Explained {
                name: finding.name().to_owned(),
                score: finding.weight(),
                description: finding.reason(),
                matched: None,
            })
            .collect();
        all.extend(self.rules.load().explained(&content, envelope));
        all
    }

    /// The time of arrival; a clock at zero is one that nobody set.
    fn now(&self) -> Option<Timestamp> {
        Some(self.clock.now()).filter(|now| *now != Timestamp::default())
    }
}

/// The findings that are not rules, because nobody may switch them off by a typing error.
fn own(content: &Content<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    if content.holds_anywhere(GTUBE) {
        found.push(Finding::seen(
            "GTUBE",
            GTUBE_WEIGHT,
            "It holds the test string for spam filters (GTUBE).",
        ));
    }
    if content.structure.too_deep {
        found.push(Finding::seen("MIME_TOO_DEEP", BOMB_WEIGHT, "Its parts are nested deeper than any mail program does it; the deepest were not taken apart."));
    }
    if content.structure.too_many {
        found.push(Finding::seen(
            "MIME_TOO_MANY_PARTS",
            BOMB_WEIGHT,
            "It has more than a thousand parts; the last were not taken apart.",
        ));
    }
    found
}

/// Our own users' clients greet as they like and sit on dial-up lines: that says nothing of them.
fn as_judged(envelope: &Envelope) -> Cow<'_, Envelope> {
    if envelope.direction == Direction::Inbound {
        return Cow::Borrowed(envelope);
    }
    let mut envelope = envelope.clone();
    envelope.peer.helo.clear();
    envelope.peer.name = None;
    Cow::Owned(envelope)
}

fn named(content: &Content<'_>) -> Vec<String> {
    let authors = content.authors.iter().map(|author| author.domain());
    let hosts = content.links.iter().map(|link| measure::host(link));
    let all = authors.chain(hosts).filter(|name| !name.is_empty());
    all.map(str::to_owned).collect()
}

fn cut(subject: &str) -> String {
    subject.chars().take(SUBJECT_MOST).collect()
}

//! Policies in layers: global, domain, recipient. The narrower wins, field by field.

use serde::{Deserialize, Serialize};

use super::schedule::{Rhythm, Schedule, Weekdays, Zone};
use crate::mail::{Address, Addresses};

/// Largest quota, in messages or megabytes.
pub const QUOTA_MOST: u64 = 1_000_000_000;

/// What happens to spam.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// 5xx, and a copy in the quarantine.
    #[default]
    Quarantine,
    /// Delivered with Subject notation and X-Spam fields.
    Tag,
    /// Delivered with X-Spam fields only.
    Headers,
    /// 5xx, no copy.
    Refuse,
    /// Everything is delivered as it is.
    Off,
}

/// What a Subject tag does to mail whose Subject a valid signature covers (XX-14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TagSigned {
    /// The tag is put all the same, and breaks the signature.
    Tag,
    /// X-Spam fields only; the signature stays valid.
    #[default]
    HeaderOnly,
    /// The tag is put, and the message sealed after (RFC 8617) with the key of the
    /// recipient's domain; without a key, as `HeaderOnly`.
    TagAndArcSeal,
}

/// The language of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    En,
    De,
}

impl Language {
    /// As it is written.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::De => "de",
        }
    }
}

/// What becomes of pending mail that nobody authorised in time (IW-05).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PendEnd {
    /// It is removed.
    #[default]
    Remove,
    /// It is delivered, marked as spam.
    DeliverMarked,
}

/// What one scope sets; what it leaves out, it inherits.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Layer {
    /// What happens to spam.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// From this score on a mail is spam.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spam_from: Option<f32>,
    /// From this score on a mail is unsure: delivered with X-Spam fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsure_from: Option<f32>,
    /// The Subject notation of spam in mode `tag`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spam_tag: Option<String>,
    /// The Subject notation of unsure mail; empty for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsure_tag: Option<String>,
    /// Days until quarantined mail expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_days: Option<u64>,
    /// Days until quarantined malware expires; without it as `keep_days`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malware_days: Option<u64>,
    /// Days until copies in `Training Requested` expire; without it as `keep_days`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training_days: Option<u64>,
    /// Most messages that are held for each recipient; 0 for no limit. The oldest go first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota_messages: Option<u64>,
    /// The same in megabytes (10^6 octets).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota_megabytes: Option<u64>,
    /// Most messages that are held for a domain as a whole; 0 for no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_quota_messages: Option<u64>,
    /// The same in megabytes (10^6 octets).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_quota_megabytes: Option<u64>,
    /// Mail from senders who are on no allow list is accepted with 250 and waits until its
    /// recipient authorises it (IW-01, IW-09). Not in mode `off`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pend_unknown: Option<bool>,
    /// Days that pending mail waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pend_days: Option<u64>,
    /// What becomes of it then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pend_end: Option<PendEnd>,
    /// Ask senders of pending mail, by a letter with a link, to show that somebody is there; who does
    /// is put on the recipient's allow list (IW-06). Only senders for whom SPF or DKIM vouches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<bool>,
    /// The refusal of spam tells the sender a link to a page where to ask its recipient for the
    /// message all the same (XX-07).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appeal: Option<bool>,
    /// Seconds in which a release can be taken back; it leaves after them (XX-13).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo_seconds: Option<u64>,
    /// Keep copies of delivered unsure mail in `Training Requested`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training_requested: Option<bool>,
    /// What happens to spam on its way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbound_mode: Option<Mode>,
    /// From this score on a mail on its way out is spam.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbound_spam_from: Option<f32>,
    /// Put those whom a user writes to on the user's allow list (IW-04).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correspondents: Option<bool>,
    /// Tell who is new to come back (greylisting).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub greylist: Option<bool>,
    /// Tell a sender with one reply for all to come again with recipients whose policies
    /// would answer differently.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<bool>,
    /// What a Subject tag does to signed mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag_signed: Option<TagSigned>,
    /// Administrators and others who look after the scope may open its mail in the panel and by
    /// the API (XX-12); its owner sees who did. By IMAP the accounts `global` and of a domain see
    /// the mail either way (SE-06). Only an administrator of the whole house may allow it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_bodies: Option<bool>,
    /// Who looks after others' mail needs a second factor to sign in to the panel. What a wider
    /// scope asks for, a narrower one cannot take back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_second_factor: Option<bool>,
    /// Who is written to when somebody asks for a release, at most 10 addresses (XX-12). Without
    /// one it is whoever administers the domain or the house under a login that is an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_to: Option<Addresses>,
    /// Who gets a copy of what was released as wrongly held, at most 10 addresses (SY-05).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub false_positives_to: Option<Addresses>,
    /// Tell the sender of a refused message when it is delivered after all (XX-08); only where
    /// DMARC passed, and never a list, a program, or the null sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tell_sender: Option<bool>,
    /// How often recipients are told what is held for them: `never`, `hourly`, `daily` (7:00), `weekly`
    /// (Monday 7:00, or the first of `digest_days`), or hours of the day as in `7,12,17`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Rhythm>,
    /// On which days: `all`, or as in `mon,tue,wed,thu,fri`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest_days: Option<Weekdays>,
    /// The time zone of those hours and of the times in digests, as in `Europe/Berlin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest_zone: Option<Zone>,
    /// The language of letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest_language: Option<Language>,
    /// Digests tell what was caught.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest_caught: Option<bool>,
    /// Digests tell what waits because its sender is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest_pending: Option<bool>,
    /// Who gets the digests instead of the recipient: for distribution lists and shared mailboxes. An
    /// address of the same domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest_to: Option<Address>,
    /// Who gets a report about the whole domain, at the times of `digest`, or daily.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_to: Option<Address>,
}

impl Layer {
    /// What `self` sets, and for the rest what `before` had set.
    #[must_use]
    pub fn over(self, before: Layer) -> Layer {
        Layer {
            mode: self.mode.or(before.mode),
            spam_from: self.spam_from.or(before.spam_from),
            unsure_from: self.unsure_from.or(before.unsure_from),
            spam_tag: self.spam_tag.or(before.spam_tag),
            unsure_tag: self.unsure_tag.or(before.unsure_tag),
            keep_days: self.keep_days.or(before.keep_days),
            malware_days: self.malware_days.or(before.malware_days),
            training_days: self.training_days.or(before.training_days),
            quota_messages: self.quota_messages.or(before.quota_messages),
            quota_megabytes: self.quota_megabytes.or(before.quota_megabytes),
            domain_quota_messages: self.domain_quota_messages.or(before.domain_quota_messages),
            domain_quota_megabytes: self
                .domain_quota_megabytes
                .or(before.domain_quota_megabytes),
            pend_unknown: self.pend_unknown.or(before.pend_unknown),
            pend_days: self.pend_days.or(before.pend_days),
            pend_end: self.pend_end.or(before.pend_end),
            challenge: self.challenge.or(before.challenge),
            appeal: self.appeal.or(before.appeal),
            undo_seconds: self.undo_seconds.or(before.undo_seconds),
            training_requested: self.training_requested.or(before.training_requested),
            outbound_mode: self.outbound_mode.or(before.outbound_mode),
            outbound_spam_from: self.outbound_spam_from.or(before.outbound_spam_from),
            correspondents: self.correspondents.or(before.correspondents),
            greylist: self.greylist.or(before.greylist),
            split: self.split.or(before.split),
            tag_signed: self.tag_signed.or(before.tag_signed),
            admin_bodies: self.admin_bodies.or(before.admin_bodies),
            admin_second_factor: self.admin_second_factor.or(before.admin_second_factor),
            requests_to: self.requests_to.or(before.requests_to),
            false_positives_to: self.false_positives_to.or(before.false_positives_to),
            tell_sender: self.tell_sender.or(before.tell_sender),
            digest: self.digest.or(before.digest),
            digest_days: self.digest_days.or(before.digest_days),
            digest_zone: self.digest_zone.or(before.digest_zone),
            digest_language: self.digest_language.or(before.digest_language),
            digest_caught: self.digest_caught.or(before.digest_caught),
            digest_pending: self.digest_pending.or(before.digest_pending),
            digest_to: self.digest_to.or(before.digest_to),
            report_to: self.report_to.or(before.report_to),
        }
    }
}

/// The layers stacked: what holds for one recipient.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Policy {
    pub mode: Mode,
    pub spam_from: f32,
    pub unsure_from: f32,
    pub spam_tag: String,
    pub unsure_tag: String,
    pub keep_days: u64,
    pub malware_days: u64,
    pub training_days: u64,
    pub quota_messages: u64,
    pub quota_megabytes: u64,
    pub domain_quota_messages: u64,
    pub domain_quota_megabytes: u64,
    pub pend_unknown: bool,
    pub pend_days: u64,
    pub pend_end: PendEnd,
    pub challenge: bool,
    pub appeal: bool,
    pub undo_seconds: u64,
    pub training_requested: bool,
    pub outbound_mode: Mode,
    pub outbound_spam_from: f32,
    pub correspondents: bool,
    pub greylist: bool,
    pub split: bool,
    pub tag_signed: TagSigned,
    pub admin_bodies: bool,
    pub admin_second_factor: bool,
    pub requests_to: Addresses,
    pub false_positives_to: Addresses,
    pub tell_sender: bool,
    pub digest: Rhythm,
    pub digest_days: Weekdays,
    pub digest_zone: Zone,
    pub digest_language: Language,
    pub digest_caught: bool,
    pub digest_pending: bool,
    pub digest_to: Option<Address>,
    pub report_to: Option<Address>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: Mode::Quarantine,
            spam_from: 6.0,
            unsure_from: 4.0,
            spam_tag: "[SPAM]".to_owned(),
            unsure_tag: String::new(),
            keep_days: 14,
            malware_days: 14,
            training_days: 14,
            quota_messages: 0,
            quota_megabytes: 0,
            domain_quota_messages: 0,
            domain_quota_megabytes: 0,
            pend_unknown: false,
            pend_days: 14,
            pend_end: PendEnd::Remove,
            challenge: false,
            appeal: false,
            undo_seconds: 0,
            training_requested: false,
            outbound_mode: Mode::Quarantine,
            outbound_spam_from: 6.0,
            correspondents: true,
            greylist: false,
            split: false,
            tag_signed: TagSigned::HeaderOnly,
            admin_bodies: false,
            admin_second_factor: false,
            requests_to: Addresses::default(),
            false_positives_to: Addresses::default(),
            tell_sender: false,
            digest: Rhythm::Never,
            digest_days: Weekdays::ALL,
            digest_zone: Zone::default(),
            digest_language: Language::En,
            digest_caught: true,
            digest_pending: true,
            digest_to: None,
            report_to: None,
        }
    }
}

impl Policy {
    /// Stacks `layers`, the widest first, on the defaults of the house.
    #[must_use]
    pub fn stack(layers: &[Layer]) -> Policy {
        let layer = layers
            .iter()
            .fold(Layer::default(), |wide, narrow| narrow.clone().over(wide));
        let house = Policy::default();
        Policy {
            mode: layer.mode.unwrap_or(house.mode),
            spam_from: layer.spam_from.unwrap_or(house.spam_from),
            unsure_from: layer.unsure_from.unwrap_or(house.unsure_from),
            spam_tag: layer.spam_tag.unwrap_or(house.spam_tag),
            unsure_tag: layer.unsure_tag.unwrap_or(house.unsure_tag),
            keep_days: layer.keep_days.unwrap_or(house.keep_days),
            malware_days: layer
                .malware_days
                .or(layer.keep_days)
                .unwrap_or(house.malware_days),
            training_days: layer
                .training_days
                .or(layer.keep_days)
                .unwrap_or(house.training_days),
            quota_messages: layer.quota_messages.unwrap_or(house.quota_messages),
            quota_megabytes: layer.quota_megabytes.unwrap_or(house.quota_megabytes),
            domain_quota_messages: layer
                .domain_quota_messages
                .unwrap_or(house.domain_quota_messages),
            domain_quota_megabytes: layer
                .domain_quota_megabytes
                .unwrap_or(house.domain_quota_megabytes),
            pend_unknown: layer.pend_unknown.unwrap_or(house.pend_unknown),
            pend_days: layer.pend_days.unwrap_or(house.pend_days),
            pend_end: layer.pend_end.unwrap_or(house.pend_end),
            challenge: layer.challenge.unwrap_or(house.challenge),
            appeal: layer.appeal.unwrap_or(house.appeal),
            undo_seconds: layer.undo_seconds.unwrap_or(house.undo_seconds),
            training_requested: layer.training_requested.unwrap_or(house.training_requested),
            outbound_mode: layer.outbound_mode.unwrap_or(house.outbound_mode),
            outbound_spam_from: layer.outbound_spam_from.unwrap_or(house.outbound_spam_from),
            correspondents: layer.correspondents.unwrap_or(house.correspondents),
            greylist: layer.greylist.unwrap_or(house.greylist),
            split: layer.split.unwrap_or(house.split),
            tag_signed: layer.tag_signed.unwrap_or(house.tag_signed),
            admin_bodies: layer.admin_bodies.unwrap_or(house.admin_bodies),
            admin_second_factor: layers
                .iter()
                .any(|layer| layer.admin_second_factor == Some(true)),
            requests_to: layer.requests_to.unwrap_or(house.requests_to),
            false_positives_to: layer.false_positives_to.unwrap_or(house.false_positives_to),
            tell_sender: layer.tell_sender.unwrap_or(house.tell_sender),
            digest: layer.digest.unwrap_or(house.digest),
            digest_days: layer.digest_days.unwrap_or(house.digest_days),
            digest_zone: layer.digest_zone.unwrap_or(house.digest_zone),
            digest_language: layer.digest_language.unwrap_or(house.digest_language),
            digest_caught: layer.digest_caught.unwrap_or(house.digest_caught),
            digest_pending: layer.digest_pending.unwrap_or(house.digest_pending),
            digest_to: layer.digest_to,
            report_to: layer.report_to,
        }
    }

    /// The same for mail on its way out (SE-18): with its own mode and threshold. Nothing
    /// is unsure there: a stranger's mail server has no use for our doubts.
    #[must_use]
    pub fn outgoing(self) -> Policy {
        Policy {
            mode: self.outbound_mode,
            spam_from: self.outbound_spam_from,
            unsure_from: f32::INFINITY,
            training_requested: false,
            pend_unknown: false,
            ..self
        }
    }
}

impl Policy {
    /// When digests are due.
    #[must_use]
    pub fn digests(&self) -> Schedule {
        Schedule {
            rhythm: self.digest.clone(),
            days: self.digest_days,
            zone: self.digest_zone.clone(),
        }
    }

    /// The same with the defaults for all that is about digests.
    fn without_digests(self) -> Policy {
        let house = Policy::default();
        Policy {
            digest: house.digest,
            digest_days: house.digest_days,
            digest_zone: house.digest_zone,
            digest_language: house.digest_language,
            digest_caught: house.digest_caught,
            digest_pending: house.digest_pending,
            digest_to: house.digest_to,
            report_to: house.report_to,
            ..self
        }
    }

    /// True if `other` may make another answer, or another message, of the same mail.
    #[must_use]
    pub fn differs(&self, other: &Policy) -> bool {
        let answering = |policy: &Policy| Policy {
            // What is kept afterwards, and for how long, no sender sees.
            keep_days: 0,
            malware_days: 0,
            training_days: 0,
            quota_messages: 0,
            quota_megabytes: 0,
            domain_quota_messages: 0,
            domain_quota_megabytes: 0,
            pend_days: 0,
            pend_end: PendEnd::Remove,
            challenge: false,
            // A link more in the words of a refusal is no other answer.
            appeal: false,
            undo_seconds: 0,
            training_requested: false,
            split: false,
            admin_bodies: false,
            admin_second_factor: false,
            requests_to: Addresses::default(),
            false_positives_to: Addresses::default(),
            tell_sender: false,
            ..policy.clone().without_digests()
        };
        answering(self) != answering(other)
    }
}

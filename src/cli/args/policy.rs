//! The command line's words for policies.

use clap::{Args, ValueEnum};

use crate::mail::Address;
use crate::policy::{Language, Layer, Mode, PendEnd, Rhythm, TagSigned, Weekdays, Zone};

/// How a mode is written.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ModeArg {
    /// Refuse with 5xx and keep a copy
    Quarantine,
    /// Deliver with Subject notation and X-Spam fields
    Tag,
    /// Deliver with X-Spam fields
    Headers,
    /// Refuse with 5xx, keep no copy
    Refuse,
    /// Deliver as it is
    Off,
}

impl ModeArg {
    fn mode(self) -> Mode {
        match self {
            ModeArg::Quarantine => Mode::Quarantine,
            ModeArg::Tag => Mode::Tag,
            ModeArg::Headers => Mode::Headers,
            ModeArg::Refuse => Mode::Refuse,
            ModeArg::Off => Mode::Off,
        }
    }
}

/// How `tag_signed` is written.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum TagSignedArg {
    /// Put the tag, and break the signature
    Tag,
    /// X-Spam fields only
    HeaderOnly,
    /// Put the tag, then ARC-seal with the key of the recipient's domain
    TagAndArcSeal,
}

impl TagSignedArg {
    fn what(self) -> TagSigned {
        match self {
            TagSignedArg::Tag => TagSigned::Tag,
            TagSignedArg::HeaderOnly => TagSigned::HeaderOnly,
            TagSignedArg::TagAndArcSeal => TagSigned::TagAndArcSeal,
        }
    }
}

/// How a language is written.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LanguageArg {
    En,
    De,
}

impl LanguageArg {
    fn language(self) -> Language {
        match self {
            LanguageArg::En => Language::En,
            LanguageArg::De => Language::De,
        }
    }
}

/// How `pend_end` is written.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum PendEndArg {
    /// Remove it
    Remove,
    /// Deliver it, marked as spam
    DeliverMarked,
}

impl PendEndArg {
    fn what(self) -> PendEnd {
        match self {
            PendEndArg::Remove => PendEnd::Remove,
            PendEndArg::DeliverMarked => PendEnd::DeliverMarked,
        }
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct PolicyArgs {
    /// What happens to spam
    #[arg(long)]
    mode: Option<ModeArg>,
    /// From this score on a mail is spam
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    spam_from: Option<f32>,
    /// From this score on a mail is unsure
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    unsure_from: Option<f32>,
    /// Subject notation of spam in mode tag
    #[arg(long, value_name = "TEXT")]
    spam_tag: Option<String>,
    /// Subject notation of unsure mail; empty for none
    #[arg(long, value_name = "TEXT")]
    unsure_tag: Option<String>,
    /// Days until caught mail expires
    #[arg(long, value_name = "DAYS")]
    keep_days: Option<u64>,
    /// Days until caught malware expires
    #[arg(long, value_name = "DAYS")]
    malware_days: Option<u64>,
    /// Days until copies in Training Requested expire
    #[arg(long, value_name = "DAYS")]
    training_days: Option<u64>,
    /// Most messages held for each recipient; 0 for no limit
    #[arg(long, value_name = "COUNT")]
    quota_messages: Option<u64>,
    /// The same in megabytes
    #[arg(long, value_name = "MB")]
    quota_megabytes: Option<u64>,
    /// Most messages held for a domain; 0 for no limit
    #[arg(long, value_name = "COUNT")]
    domain_quota_messages: Option<u64>,
    /// The same in megabytes
    #[arg(long, value_name = "MB")]
    domain_quota_megabytes: Option<u64>,
    /// Mail from senders on no allow list waits until its recipient authorises it
    #[arg(long, value_name = "true|false")]
    pend_unknown: Option<bool>,
    /// Days that pending mail waits
    #[arg(long, value_name = "DAYS")]
    pend_days: Option<u64>,
    /// What becomes of pending mail that nobody authorised in time
    #[arg(long, value_name = "WHAT")]
    pend_end: Option<PendEndArg>,
    /// Seconds in which a release can be taken back
    #[arg(long, value_name = "SECONDS")]
    undo_seconds: Option<u64>,
    /// Keep copies of delivered unsure mail in Training Requested
    #[arg(long, value_name = "true|false")]
    training_requested: Option<bool>,
    /// What happens to spam on its way out
    #[arg(long)]
    outbound_mode: Option<ModeArg>,
    /// From this score on a mail on its way out is spam
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    outbound_spam_from: Option<f32>,
    /// Put those whom a user writes to on the user's allow list
    #[arg(long, value_name = "true|false")]
    correspondents: Option<bool>,
    /// Tell senders who are new to come back (greylisting)
    #[arg(long, value_name = "true|false")]
    greylist: Option<bool>,
    /// Have senders send apart to recipients whose policies would answer differently,
    /// where one reply must do for all
    #[arg(long, value_name = "true|false")]
    split: Option<bool>,
    /// What a Subject tag does to mail whose Subject a valid signature covers
    #[arg(long, value_name = "WHAT")]
    tag_signed: Option<TagSignedArg>,
    /// Administrators may open others' mail in the panel and by the API; its owner sees who did
    #[arg(long, value_name = "true|false")]
    admin_bodies: Option<bool>,
    /// Who looks after others' mail needs a second factor in the panel
    #[arg(long, value_name = "true|false")]
    admin_second_factor: Option<bool>,
    /// How often recipients are told what is held: never, hourly, daily, weekly, or hours as in 7,12,17
    #[arg(long, value_name = "RHYTHM")]
    digest: Option<Rhythm>,
    /// On which days: all, or as in mon,tue,wed,thu,fri
    #[arg(long, value_name = "DAYS")]
    digest_days: Option<Weekdays>,
    /// Time zone of those hours, as in Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    digest_zone: Option<Zone>,
    /// Language of letters
    #[arg(long)]
    digest_language: Option<LanguageArg>,
    /// Digests tell what was caught
    #[arg(long, value_name = "true|false")]
    digest_caught: Option<bool>,
    /// Digests tell what waits because its sender is not known
    #[arg(long, value_name = "true|false")]
    digest_pending: Option<bool>,
    /// Who gets the digests instead of the recipient; an address of the same domain
    #[arg(long, value_name = "ADDRESS")]
    digest_to: Option<Address>,
    /// Who gets a report about the whole domain
    #[arg(long, value_name = "ADDRESS")]
    report_to: Option<Address>,
}

impl PolicyArgs {
    pub(crate) fn layer(&self) -> Layer {
        Layer {
            mode: self.mode.map(ModeArg::mode),
            spam_from: self.spam_from,
            unsure_from: self.unsure_from,
            spam_tag: self.spam_tag.clone(),
            unsure_tag: self.unsure_tag.clone(),
            keep_days: self.keep_days,
            malware_days: self.malware_days,
            training_days: self.training_days,
            quota_messages: self.quota_messages,
            quota_megabytes: self.quota_megabytes,
            domain_quota_messages: self.domain_quota_messages,
            domain_quota_megabytes: self.domain_quota_megabytes,
            pend_unknown: self.pend_unknown,
            pend_days: self.pend_days,
            pend_end: self.pend_end.map(PendEndArg::what),
            undo_seconds: self.undo_seconds,
            training_requested: self.training_requested,
            outbound_mode: self.outbound_mode.map(ModeArg::mode),
            outbound_spam_from: self.outbound_spam_from,
            correspondents: self.correspondents,
            greylist: self.greylist,
            split: self.split,
            tag_signed: self.tag_signed.map(TagSignedArg::what),
            admin_bodies: self.admin_bodies,
            admin_second_factor: self.admin_second_factor,
            digest: self.digest.clone(),
            digest_days: self.digest_days,
            digest_zone: self.digest_zone.clone(),
            digest_language: self.digest_language.map(LanguageArg::language),
            digest_caught: self.digest_caught,
            digest_pending: self.digest_pending,
            digest_to: self.digest_to.clone(),
            report_to: self.report_to.clone(),
        }
    }
}

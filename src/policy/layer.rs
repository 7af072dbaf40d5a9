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

/// Makes [`Layer`] and [`Policy`] of one table: of `all` each has a value, of `some` only if a
/// layer sets one.
macro_rules! policy {
    (
        all { $($(#[$doc:meta])* $field:ident: $type:ty = $default:expr,)* }
        some { $($(#[$some_doc:meta])* $some:ident: $some_type:ty,)* }
    ) => {
        /// What one scope sets; what it leaves out, it inherits.
        #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Layer {
            $(
                $(#[$doc])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $field: Option<$type>,
            )*
            $(
                $(#[$some_doc])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $some: Option<$some_type>,
            )*
        }

        /// The layers stacked: what holds for one recipient.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        pub struct Policy {
            $($(#[$doc])* pub $field: $type,)*
            $($(#[$some_doc])* pub $some: Option<$some_type>,)*
        }

        impl Default for Policy {
            fn default() -> Self {
                Self {
                    $($field: $default,)*
                    $($some: None,)*
                }
            }
        }

        impl Layer {
            /// What `self` sets, and for the rest what `before` had set.
            #[must_use]
            pub fn over(self, before: Layer) -> Layer {
                Layer {
                    $($field: self.$field.or(before.$field),)*
                    $($some: self.$some.or(before.$some),)*
                }
            }

            /// The policy where nothing else is set.
            fn settled(self) -> Policy {
                let house = Policy::default();
                Policy {
                    $($field: self.$field.unwrap_or(house.$field),)*
                    $($some: self.$some,)*
                }
            }
        }
    };
}

policy! {
    all {
        /// What happens to spam.
        mode: Mode = Mode::Quarantine,
        /// From this score on a mail is spam.
        spam_from: f32 = 6.0,
        /// From this score on a mail is unsure: delivered with X-Spam fields.
        unsure_from: f32 = 4.0,
        /// The Subject notation of spam in mode `tag`.
        spam_tag: String = "[SPAM]".to_owned(),
        /// The Subject notation of unsure mail; empty for none.
        unsure_tag: String = String::new(),
        /// Days until quarantined mail expires.
        keep_days: u64 = 14,
        /// Days until quarantined malware expires; without it as `keep_days`.
        malware_days: u64 = 14,
        /// Days until copies in `Training Requested` expire; without it as `keep_days`.
        training_days: u64 = 14,
        /// Most messages that are held for each recipient; 0 for no limit. The oldest go first.
        quota_messages: u64 = 0,
        /// The same in megabytes (10^6 octets).
        quota_megabytes: u64 = 0,
        /// Most messages that are held for a domain as a whole; 0 for no limit.
        domain_quota_messages: u64 = 0,
        /// The same in megabytes (10^6 octets).
        domain_quota_megabytes: u64 = 0,
        /// Mail from senders who are on no allow list is accepted with 250 and waits until its
        /// recipient authorises it (IW-01, IW-09). Not in mode `off`.
        pend_unknown: bool = false,
        /// Days that pending mail waits.
        pend_days: u64 = 14,
        /// What becomes of it then.
        pend_end: PendEnd = PendEnd::Remove,
        /// Ask senders of pending mail, by a letter with a link, to show that somebody is there; who does
        /// is put on the recipient's allow list (IW-06). Only senders for whom SPF or DKIM vouches.
        challenge: bool = false,
        /// The refusal of spam tells the sender a link to a page where to ask its recipient for the
        /// message all the same (XX-07).
        appeal: bool = false,
        /// Seconds in which a release can be taken back; it leaves after them (XX-13).
        undo_seconds: u64 = 0,
        /// Keep copies of delivered unsure mail in `Training Requested`.
        training_requested: bool = false,
        /// What happens to spam on its way out.
        outbound_mode: Mode = Mode::Quarantine,
        /// From this score on a mail on its way out is spam.
        outbound_spam_from: f32 = 6.0,
        /// Put those whom a user writes to on the user's allow list (IW-04).
        correspondents: bool = true,
        /// Tell who is new to come back (greylisting).
        greylist: bool = false,
        /// Tell a sender with one reply for all to come again with recipients whose policies
        /// would answer differently.
        split: bool = false,
        /// What a Subject tag does to signed mail.
        tag_signed: TagSigned = TagSigned::HeaderOnly,
        /// Administrators and others who look after the scope may open its mail in the panel and by
        /// the API (XX-12); its owner sees who did. By IMAP the accounts `global` and of a domain see
        /// the mail either way (SE-06). Only an administrator of the whole house may allow it.
        admin_bodies: bool = false,
        /// Who looks after others' mail needs a second factor to sign in to the panel. What a wider
        /// scope asks for, a narrower one cannot take back.
        admin_second_factor: bool = false,
        /// Who is written to when somebody asks for a release, at most 10 addresses (XX-12). Without
        /// one it is whoever administers the domain or the house under a login that is an address.
        requests_to: Addresses = Addresses::default(),
        /// Who gets a copy of what was released as wrongly held, at most 10 addresses (SY-05).
        false_positives_to: Addresses = Addresses::default(),
        /// Tell the sender of a refused message when it is delivered after all (XX-08); only where
        /// DMARC passed, and never a list, a program, or the null sender.
        tell_sender: bool = false,
        /// How often recipients are told what is held for them: `never`, `hourly`, `daily` (7:00), `weekly`
        /// (Monday 7:00, or the first of `digest_days`), or hours of the day as in `7,12,17`.
        digest: Rhythm = Rhythm::Never,
        /// On which days: `all`, or as in `mon,tue,wed,thu,fri`.
        digest_days: Weekdays = Weekdays::ALL,
        /// The time zone of those hours and of the times in digests, as in `Europe/Berlin`.
        digest_zone: Zone = Zone::default(),
        /// The language of letters.
        digest_language: Language = Language::En,
        /// Digests tell what was caught.
        digest_caught: bool = true,
        /// Digests tell what waits because its sender is not known.
        digest_pending: bool = true,
    }
    some {
        /// Who gets the digests instead of the recipient: for distribution lists and shared mailboxes. An
        /// address of the same domain.
        digest_to: Address,
        /// Who gets a report about the whole domain, at the times of `digest`, or daily.
        report_to: Address,
    }
}

impl Policy {
    /// Stacks `layers`, the widest first, on the defaults of the house.
    #[must_use]
    pub fn stack(layers: &[Layer]) -> Policy {
        let mut layer = layers
            .iter()
            .fold(Layer::default(), |wide, narrow| narrow.clone().over(wide));
        layer.malware_days = layer.malware_days.or(layer.keep_days);
        layer.training_days = layer.training_days.or(layer.keep_days);
        // What a wider scope asks for, a narrower one does not take back.
        let asked = |layer: &Layer| layer.admin_second_factor == Some(true);
        layer.admin_second_factor = Some(layers.iter().any(asked));
        layer.settled()
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

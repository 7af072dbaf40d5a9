//! What inspectors state of a mail. They state; policy decides.

use serde::{Deserialize, Serialize};

use crate::mail::Address;

/// What policy does when a check could not run (XX-06).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenUnavailable {
    /// Judge by the other findings; the gap is shown.
    #[default]
    Ignore,
    /// Answer 451, so that the sender comes back.
    Defer,
    /// Add this weight to the score.
    Count(f32),
}

/// One thing seen in a mail, in words that an administrator learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Something that speaks for (weight above 0) or against spam.
    Seen {
        name: String,
        weight: f32,
        reason: String,
    },
    /// A class of its own, whatever the score and the lists say.
    Malware { name: String, reason: String },
    /// The check did not run. That is not "clean".
    Unavailable {
        name: String,
        why: String,
        then: WhenUnavailable,
    },
}

impl Finding {
    #[must_use]
    pub fn seen(name: impl Into<String>, weight: f32, reason: impl Into<String>) -> Self {
        Self::Seen {
            name: name.into(),
            weight,
            reason: reason.into(),
        }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Seen { name, .. }
            | Self::Malware { name, .. }
            | Self::Unavailable { name, .. } => name,
        }
    }

    /// What it adds to the score.
    #[must_use]
    pub fn weight(&self) -> f32 {
        match self {
            Self::Seen { weight, .. } => *weight,
            Self::Unavailable {
                then: WhenUnavailable::Count(weight),
                ..
            } => *weight,
            Self::Malware { .. } | Self::Unavailable { .. } => 0.0,
        }
    }

    /// The plain words for people.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Seen { reason, .. } | Self::Malware { reason, .. } => reason.clone(),
            Self::Unavailable { why, .. } => format!("this check could not run: {why}"),
        }
    }
}

/// The ARC chain of a mail as it came (RFC 8617 section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Chain {
    #[default]
    None,
    Pass,
    /// It fails now; the last to seal it did not say so.
    Fail,
    /// It was failed before, or is as long as one may be: nobody seals it again.
    Closed,
    /// It could not be checked.
    Unchecked,
}

impl Chain {
    /// True if a seal on it says that the mail came with these results.
    #[must_use]
    pub fn vouches(self) -> bool {
        matches!(self, Self::None | Self::Pass)
    }
}

/// All that was found in one mail.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Findings {
    pub found: Vec<Finding>,
    /// The addresses of the From field (RFC 5322 section 3.6.2), for lists.
    pub authors: Vec<Address>,
    /// DMARC failed and its policy asks for quarantine or reject: an allow entry
    /// would let a forger in, so it does not count.
    pub forged: bool,
    /// DMARC passed: the author is who the mail says.
    pub aligned: bool,
    /// The value of our Authentication-Results field (RFC 8601) behind the
    /// authserv-id, such as `spf=pass smtp.mailfrom=a@example.org`; empty if nothing was checked.
    pub authentication: String,
    /// A valid signature covers the Subject, or one that could not be checked (XX-14).
    pub subject_signed: bool,
    pub chain: Chain,
    /// The decoded Subject, for lists of mail; at most 256 characters.
    pub subject: String,
}

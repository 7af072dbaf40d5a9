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

/// What stands for one recipient in place of a finding that others have.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnFinding {
    pub to: Address,
    /// The name of the finding it replaces.
    pub name: String,
    /// `None` if nothing is found for this recipient.
    pub finding: Option<Finding>,
}

/// What SPF says of the reverse path, whoever the author is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReversePath {
    /// Its domain sends by this client.
    Proven,
    #[default]
    Unknown,
    /// Its domain says that it does not: somebody passes the mail on, or pretends.
    Denied,
}

/// All that was found in one mail.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Findings {
    pub found: Vec<Finding>,
    /// What differs for some recipients, such as those who taught the filter themselves.
    pub own: Vec<OwnFinding>,
    /// The addresses of the From field (RFC 5322 section 3.6.2), for lists.
    pub authors: Vec<Address>,
    /// The name beside the first of them, decoded; at most 256 characters.
    pub author_name: String,
    /// DMARC failed and its policy asks for quarantine or reject, or the From field names several
    /// domains, of which DMARC proves none: an allow entry would let a forger in, so it does not count.
    pub forged: bool,
    /// DMARC passed for the domain of all `authors`: they are who the mail says.
    pub aligned: bool,
    /// Not of null reverse paths.
    pub path: ReversePath,
    /// The value of our Authentication-Results field (RFC 8601) behind the
    /// authserv-id, such as `spf=pass smtp.mailfrom=a@example.org`; empty if nothing was checked.
    pub authentication: String,
    /// A valid signature covers the Subject, or one that could not be checked (XX-14).
    pub subject_signed: bool,
    pub chain: Chain,
    /// The decoded Subject, for lists of mail; at most 256 characters.
    pub subject: String,
}

impl Findings {
    /// The findings as they are for `to`.
    #[must_use]
    pub fn found_for(&self, to: &Address) -> Vec<Finding> {
        let own = || self.own.iter().filter(|own| own.to == *to);
        let general = self
            .found
            .iter()
            .filter(|finding| own().all(|own| own.name != finding.name()));
        general
            .cloned()
            .chain(own().filter_map(|own| own.finding.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ones_own_takes_the_place_of_the_general() {
        let address = |text: &str| text.parse::<Address>().expect("address");
        let (a, b, c) = (
            address("a@x.example"),
            address("b@x.example"),
            address("c@x.example"),
        );
        let own = |to: &Address, finding| OwnFinding {
            to: to.clone(),
            name: "N".into(),
            finding,
        };
        let findings = Findings {
            found: vec![Finding::seen("M", 1.0, ""), Finding::seen("N", 2.0, "")],
            own: vec![own(&a, Some(Finding::seen("N", -3.0, ""))), own(&b, None)],
            ..Findings::default()
        };
        let sum = |to| {
            findings
                .found_for(to)
                .iter()
                .map(Finding::weight)
                .sum::<f32>()
        };
        assert_eq!([sum(&a), sum(&b), sum(&c)], [-2.0, 1.0, 3.0]);
    }
}

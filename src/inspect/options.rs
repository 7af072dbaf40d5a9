//! The options of the room: which rules, how long, and what to do when a check cannot run.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::mail::Domain;
use crate::options::{Octets, Span};
use crate::policy::WhenUnavailable;

use super::rules::BUILT_IN;

crate::options! {
    /// What is looked for in a mail.
    pub struct Options in "inspect" {
        /// Time for all checks of one mail together.
        /// A check that is not done by then counts as unavailable.
        pub time_budget: Span = Span::seconds(8),
        /// Sources of the rules: "builtin" for those of the house, or the path of a file, whose name may hold a *.
        /// A rule takes the place of a rule of the same name from a source before it.
        pub rules: Vec<String> = vec![BUILT_IN.to_owned()],
        /// Scores by name of rule or finding, in place of their own, such as { SPF_FAIL = 2.0 }.
        /// 0 switches a rule off.
        pub scores: BTreeMap<String, f32> = BTreeMap::new(),
        /// What to do when a check could not run, by its name, such as { DMARC = "defer", SPF = "count 1.5" }.
        /// "ignore" judges by the others, "defer" answers 451 so that the sender comes back, and "count N" adds N to the score; the default is "ignore".
        pub unavailable: BTreeMap<String, Then> = BTreeMap::new(),
        /// Octets of decoded text that the rules read in one mail.
        pub text_most: Octets = Octets(128 << 10),
        /// How much what was learned counts: 1 as it is, 0.5 half of it, 0 not at all.
        pub learned: f32 = 1.0,
        /// Learn from mail whose score is far from the threshold without being told: from 15 on as spam, from -6 down as wanted.
        /// Mistakes feed themselves that way; leave it off where people use the training folders.
        pub learn_by_itself: bool = false,
        /// A folder for an export of all lessons each day, to be kept elsewhere; `quaranta lessons import` takes one back.
        /// None is written if not set.
        pub learned_export_dir: Option<PathBuf> = None,
        /// The hour of the day, 0 to 23 (UTC), from which on it is written.
        pub learned_export_hour: u32 = 3,
        /// Exports that stay in the folder, the newest; at least 1.
        pub learned_export_keep: u32 = 7,
        /// Verify SPF, DKIM, DMARC and ARC of mail from outside.
        pub authentication: bool = true,
        /// What a DMARC failure under p=quarantine or p=reject does: "score" adds its weight, "enforce" makes it spam whatever
        /// the score, as the author's domain asks. A record's sp, np and t hold; pct is no part of DMARC any more (RFC 9989).
        pub dmarc: DmarcUse = DmarcUse::Score,
        /// Mailing lists and forwarders, by the domain (d=) they seal with, whose word is taken: where the ARC chain passes, one
        /// of them sealed last, and it says that DMARC passed there for this author, a DMARC failure here does not count.
        pub trusted_forwarders: Vec<Domain> = Vec::new(),
    }
}

/// What a DMARC failure does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DmarcUse {
    /// It weighs.
    Score,
    /// It is spam, whatever else is found.
    Enforce,
}

/// What to do when a check could not run, as it is written: `ignore`, `defer`, `count 1.5`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Then(pub WhenUnavailable);

impl FromStr for Then {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let count = |text: &str| text.strip_prefix("count ")?.trim().parse::<f32>().ok();
        match text {
            "ignore" => Ok(Self(WhenUnavailable::Ignore)),
            "defer" => Ok(Self(WhenUnavailable::Defer)),
            _ => count(text)
                .filter(|n| n.is_finite())
                .map(|n| Self(WhenUnavailable::Count(n)))
                .ok_or_else(|| {
                    format!(
                        "'{text}' is not known; write ignore, defer or count N, such as count 1.5"
                    )
                }),
        }
    }
}

impl fmt::Display for Then {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            WhenUnavailable::Ignore => f.write_str("ignore"),
            WhenUnavailable::Defer => f.write_str("defer"),
            WhenUnavailable::Count(n) => write!(f, "count {n}"),
        }
    }
}

crate::serde_as_text!(Then);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_read_from_toml() {
        let options: Options = toml::from_str(
            "scores = { A = 1.5 }\nunavailable = { DMARC = \"defer\", SPF = \"count 1.5\" }\n",
        )
        .expect("options");
        assert_eq!(options.unavailable["DMARC"].0, WhenUnavailable::Defer);
        assert_eq!(options.unavailable["SPF"].0, WhenUnavailable::Count(1.5));
        assert_eq!(options.time_budget, Span::seconds(8));
        assert!(toml::from_str::<Options>("unavailable = { SPF = \"perhaps\" }").is_err());
    }
}

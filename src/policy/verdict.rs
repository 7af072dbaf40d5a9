//! The verdict on a mail for one recipient: class, score, and because of what.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Finding, ListKind, Listed, Policy};

/// What a mail is, for one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    Clean,
    /// Between the thresholds: delivered, perhaps marked.
    Unsure,
    Spam,
    Malware,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Clean => "clean",
            Class::Unsure => "unsure",
            Class::Spam => "spam",
            Class::Malware => "malware",
        })
    }
}

/// The finding that a block list makes.
pub const LIST_BLOCKED: &str = "LIST_BLOCKED";

/// Octets of findings in one line of the log.
const LINE_MOST: usize = 400;

/// Class and score with the findings that made them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub class: Class,
    /// The sum of the weights.
    pub score: f32,
    /// The heaviest first.
    pub because: Vec<Finding>,
}

impl Verdict {
    /// `NAME (1.5), OTHER (-0.2)`: names and weights on one line.
    #[must_use]
    pub fn names(&self) -> String {
        let names: Vec<String> = self.because.iter().map(named).collect();
        names.join(", ")
    }

    /// The same for the log: what could not run comes first, and the lightest are left out where
    /// the line would grow long.
    #[must_use]
    pub fn in_a_line(&self) -> String {
        let gap = |finding: &&Finding| matches!(finding, Finding::Unavailable { .. });
        let gaps = self.because.iter().filter(gap);
        let others = self.because.iter().filter(|finding| !gap(finding));
        let mut line = String::new();
        for name in gaps.chain(others).map(named) {
            if line.len() + name.len() > LINE_MOST {
                line.push_str(", ...");
                break;
            }
            if !line.is_empty() {
                line.push_str(", ");
            }
            line.push_str(&name);
        }
        line
    }
}

fn named(finding: &Finding) -> String {
    match finding {
        Finding::Unavailable { name, .. } => format!("{name} (unavailable)"),
        other => format!("{} ({:.1})", other.name(), other.weight()),
    }
}

/// Judges what was `found` for a recipient with this `policy`, whose lists say `listed`.
///
/// Malware outranks everything, then the lists, then the score.
#[must_use]
pub fn judge(found: Vec<Finding>, listed: Option<&Listed>, policy: &Policy) -> Verdict {
    let mut because = found;
    let score: f32 = because.iter().map(Finding::weight).sum();
    let mut class = if score >= policy.spam_from {
        Class::Spam
    } else if score >= policy.unsure_from {
        Class::Unsure
    } else {
        Class::Clean
    };
    if let Some(listed) = listed {
        let (name, by_list) = match listed.kind {
            ListKind::Allow => ("LIST_ALLOWED", Class::Clean),
            ListKind::Block => (LIST_BLOCKED, Class::Spam),
        };
        because.push(Finding::seen(name, 0.0, listed.reason()));
        class = by_list;
    }
    if because
        .iter()
        .any(|finding| matches!(finding, Finding::Malware { .. }))
    {
        class = Class::Malware;
    }
    because.sort_by(|a, b| b.weight().abs().total_cmp(&a.weight().abs()));
    Verdict {
        class,
        score,
        because,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Pattern, Scope};

    fn class(found: Vec<Finding>, list: Option<ListKind>) -> Class {
        let listed = list.map(|kind| Listed {
            kind,
            scope: Scope::Global,
            pattern: "a@example.org".parse::<Pattern>().expect("pattern"),
        });
        judge(found, listed.as_ref(), &Policy::default()).class
    }

    #[test]
    fn malware_then_lists_then_score() {
        let seen = |weight| Finding::seen("X", weight, "x");
        let malware = || Finding::Malware {
            name: "M".into(),
            reason: "m".into(),
        };
        let gap = |then| Finding::Unavailable {
            name: "U".into(),
            why: "u".into(),
            then,
        };
        let policy = Policy::default();
        assert_eq!(class(vec![], None), Class::Clean);
        assert_eq!(class(vec![seen(policy.unsure_from)], None), Class::Unsure);
        assert_eq!(class(vec![seen(policy.spam_from)], None), Class::Spam);
        assert_eq!(class(vec![seen(99.0)], Some(ListKind::Allow)), Class::Clean);
        assert_eq!(class(vec![], Some(ListKind::Block)), Class::Spam);
        assert_eq!(
            class(vec![malware()], Some(ListKind::Allow)),
            Class::Malware
        );
        assert_eq!(
            class(vec![gap(WhenUnavailable::Ignore)], None),
            Class::Clean
        );
        assert_eq!(
            class(vec![gap(WhenUnavailable::Count(99.0))], None),
            Class::Spam
        );
    }

    #[test]
    fn xx06_the_line_for_the_log_names_gaps_first_and_stays_short() {
        let mut because: Vec<Finding> = (0..40)
            .map(|n| Finding::seen(format!("RULE_NUMBER_{n}"), 1.0, "x"))
            .collect();
        because.push(Finding::Unavailable {
            name: "CLAMAV".into(),
            why: "down".into(),
            then: WhenUnavailable::Ignore,
        });
        let verdict = Verdict {
            class: Class::Clean,
            score: 0.0,
            because,
        };
        let line = verdict.in_a_line();
        assert!(line.starts_with("CLAMAV (unavailable), RULE_NUMBER_0 (1.0), "));
        assert!(line.ends_with(", ...") && line.len() < 420, "{line}");
    }

    use crate::policy::WhenUnavailable;
}

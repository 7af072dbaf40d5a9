//! The disposition: what is done with a mail for one recipient.

use std::time::Duration;

use super::{Class, Finding, Mode, Policy, TagSigned, Verdict, WhenUnavailable};
use crate::mail::Edit;

/// What is done with a mail for one recipient.
#[derive(Debug, Clone, PartialEq)]
pub enum Disposition {
    /// Pass it on with these edits; `copy`: keep a copy in `Training Requested`.
    Deliver { edits: Vec<Edit>, copy: bool },
    /// 250, and it waits until somebody authorises it (IW-01).
    Pend,
    /// 5xx, and a copy in the quarantine.
    Stash,
    /// 5xx, no copy.
    Refuse,
    /// 451: the sender is to come back.
    Defer(Deferral),
}

/// Why a sender is to come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deferral {
    /// This check, which policy asks for, could not run (XX-06).
    Unavailable(String),
    /// It is seen for the first time: who comes back after this time is no spam robot (SE-04).
    Greylisted(Duration),
}

impl Disposition {
    /// True if the Subject gets a tag.
    #[must_use]
    pub fn tags(&self) -> bool {
        matches!(self, Self::Deliver { edits, .. } if edits.iter().any(is_tag))
    }

    /// The same for a sender who is not `known` to the recipient: what would be delivered waits,
    /// where policy says so.
    #[must_use]
    pub fn pending(self, known: bool, policy: &Policy) -> Self {
        match self {
            Self::Deliver { .. } if policy.pend_unknown && !known && policy.mode != Mode::Off => {
                Self::Pend
            }
            other => other,
        }
    }

    /// The same without the tag where it would break a signature (XX-14): `signed` says
    /// that one covers the Subject, `vouched` that a seal can take its place. The fields stay.
    #[must_use]
    pub fn sparing(mut self, signed: bool, vouched: bool, policy: &Policy) -> Self {
        let tag = match policy.tag_signed {
            TagSigned::Tag => true,
            TagSigned::HeaderOnly => !signed,
            TagSigned::TagAndArcSeal => !signed || vouched,
        };
        if let (Self::Deliver { edits, .. }, false) = (&mut self, tag) {
            edits.retain(|edit| !is_tag(edit));
        }
        self
    }
}

fn is_tag(edit: &Edit) -> bool {
    matches!(edit, Edit::TagSubject(_))
}

/// The fields by which a filter speaks to the mail server behind it. Those that
/// come from outside are lies and go.
const SPAM_FIELDS: [&str; 4] = [
    "X-Spam-Flag",
    "X-Spam-Score",
    "X-Spam-Level",
    "X-Spam-Status",
];

/// Decides by `verdict` and `policy`.
#[must_use]
pub fn dispose(verdict: &Verdict, policy: &Policy) -> Disposition {
    if policy.mode == Mode::Off && verdict.class != Class::Malware {
        return Disposition::Deliver {
            edits: Vec::new(),
            copy: false,
        };
    }
    if let Some(Finding::Unavailable { name, .. }) = verdict.because.iter().find(|finding| {
        matches!(
            finding,
            Finding::Unavailable {
                then: WhenUnavailable::Defer,
                ..
            }
        )
    }) {
        return Disposition::Defer(Deferral::Unavailable(name.clone()));
    }
    match (verdict.class, policy.mode) {
        // Malware is never delivered marked: a tag does not disarm it.
        (Class::Malware, Mode::Refuse) | (Class::Spam, Mode::Refuse) => Disposition::Refuse,
        (Class::Malware, _) | (Class::Spam, Mode::Quarantine) => Disposition::Stash,
        (Class::Spam, Mode::Tag) => deliver(verdict, policy, Some(&policy.spam_tag), false),
        (Class::Spam, _) => deliver(verdict, policy, None, false),
        (Class::Unsure, Mode::Headers) => deliver(verdict, policy, None, policy.training_requested),
        (Class::Unsure, _) => deliver(
            verdict,
            policy,
            Some(&policy.unsure_tag),
            policy.training_requested,
        ),
        (Class::Clean, _) => deliver(verdict, policy, None, false),
    }
}

/// Delivered as spam, whatever the verdict: for mail that waited in vain (IW-05).
#[must_use]
pub fn deliver_marked(verdict: &Verdict, policy: &Policy) -> Disposition {
    let spam = Verdict {
        class: Class::Spam,
        ..verdict.clone()
    };
    deliver(&spam, policy, Some(&policy.spam_tag), false)
}

fn deliver(verdict: &Verdict, policy: &Policy, tag: Option<&str>, copy: bool) -> Disposition {
    let mut edits: Vec<Edit> = SPAM_FIELDS
        .iter()
        .map(|name| Edit::Remove {
            name: (*name).to_owned(),
        })
        .collect();
    if verdict.class != Class::Clean || policy.mode == Mode::Headers {
        let spam = verdict.class == Class::Spam;
        let mut add = |name: &str, value: String| {
            edits.push(Edit::Add {
                name: name.to_owned(),
                value,
            })
        };
        if spam {
            add("X-Spam-Flag", "YES".to_owned());
        }
        add("X-Spam-Score", format!("{:.1}", verdict.score));
        add("X-Spam-Status", status(verdict, policy, spam));
    }
    if let Some(tag) = tag.filter(|tag| !tag.trim().is_empty()) {
        edits.push(Edit::TagSubject(tag.to_owned()));
    }
    Disposition::Deliver { edits, copy }
}

/// `Yes, score=7.1 required=6.0 tests=A,B`, folded between the names.
fn status(verdict: &Verdict, policy: &Policy, spam: bool) -> String {
    let word = if spam { "Yes" } else { "No" };
    let names: Vec<&str> = verdict.because.iter().map(Finding::name).collect();
    format!(
        "{word}, score={:.1} required={:.1}\r\n\ttests={}",
        verdict.score,
        policy.spam_from,
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(",\r\n\t")
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(class: Class, mode: Mode) -> &'static str {
        let verdict = Verdict {
            class,
            score: 7.0,
            because: Vec::new(),
        };
        match dispose(
            &verdict,
            &Policy {
                mode,
                ..Policy::default()
            },
        ) {
            Disposition::Deliver { edits, .. } => {
                let tag = edits.iter().any(|edit| matches!(edit, Edit::TagSubject(_)));
                let fields = edits.iter().any(|edit| matches!(edit, Edit::Add { .. }));
                match (tag, fields) {
                    (true, _) => "tag",
                    (false, true) => "fields",
                    (false, false) => "plain",
                }
            }
            Disposition::Pend => "pend",
            Disposition::Stash => "stash",
            Disposition::Refuse => "refuse",
            Disposition::Defer(_) => "defer",
        }
    }

    #[test]
    fn iw01_what_would_be_delivered_from_the_unknown_waits() {
        let deliver = || Disposition::Deliver {
            edits: Vec::new(),
            copy: false,
        };
        let with = |pend_unknown, mode| Policy {
            pend_unknown,
            mode,
            ..Policy::default()
        };
        let pends = with(true, Mode::Quarantine);
        assert_eq!(deliver().pending(false, &pends), Disposition::Pend);
        assert_eq!(deliver().pending(true, &pends), deliver());
        assert_eq!(
            Disposition::Stash.pending(false, &pends),
            Disposition::Stash
        );
        for other in [with(false, Mode::Quarantine), with(true, Mode::Off)] {
            assert_eq!(deliver().pending(false, &other), deliver());
        }
    }

    #[test]
    fn every_class_in_every_mode() {
        use Class::{Clean, Malware, Spam, Unsure};
        use Mode::{Headers, Off, Quarantine, Refuse, Tag};
        let table = [
            (Clean, ["plain", "plain", "fields", "plain", "plain"]),
            (Unsure, ["fields", "fields", "fields", "fields", "plain"]),
            (Spam, ["stash", "tag", "fields", "refuse", "plain"]),
            (Malware, ["stash", "stash", "stash", "refuse", "stash"]),
        ];
        for (class, row) in table {
            for (mode, want) in [Quarantine, Tag, Headers, Refuse, Off].into_iter().zip(row) {
                assert_eq!(kind(class, mode), want, "{class:?} {mode:?}");
            }
        }
    }

    #[test]
    fn xx14_a_tag_spares_what_is_signed() {
        use TagSigned::{HeaderOnly, Tag, TagAndArcSeal};
        let verdict = Verdict {
            class: Class::Spam,
            score: 7.0,
            because: Vec::new(),
        };
        // Unsigned; signed; signed, and a seal can be put.
        let table = [
            (Tag, [true, true, true]),
            (HeaderOnly, [true, false, false]),
            (TagAndArcSeal, [true, false, true]),
        ];
        for (tag_signed, row) in table {
            let policy = Policy {
                mode: Mode::Tag,
                tag_signed,
                ..Policy::default()
            };
            for ((signed, vouched), want) in [(false, false), (true, false), (true, true)]
                .into_iter()
                .zip(row)
            {
                let spared = dispose(&verdict, &policy).sparing(signed, vouched, &policy);
                assert_eq!(spared.tags(), want, "{tag_signed:?} {signed} {vouched}");
                let Disposition::Deliver { edits, .. } = spared else {
                    panic!("it is delivered")
                };
                let flag = |e: &Edit| matches!(e, Edit::Add { name, .. } if name == "X-Spam-Flag");
                assert!(edits.iter().any(flag), "the fields stay");
            }
        }
    }

    #[test]
    fn xx06_a_check_that_must_run_defers() {
        let gap = Finding::Unavailable {
            name: "DMARC".into(),
            why: "DNS".into(),
            then: WhenUnavailable::Defer,
        };
        let verdict = Verdict {
            class: Class::Clean,
            score: 0.0,
            because: vec![gap],
        };
        assert_eq!(
            dispose(&verdict, &Policy::default()),
            Disposition::Defer(Deferral::Unavailable("DMARC".into()))
        );
    }
}

//! The multi-recipient rule, in one place: from each recipient's disposition to one
//! plan, and from what the next hosts said to the true reply.
//!
//! With one reply for all ([`Replies::One`], plain SMTP):
//! * a check that must run could not: nobody gets it, 451;
//! * everybody's copy is stashed or refused: 5xx;
//! * for somebody it is pending: 250;
//! * some want it, some do not: it is delivered to those who want it and stashed for
//!   the rest (also where their mode is `refuse`: a 250 must never cover a loss), 250;
//! * the next host says "later" or "no" for some after somebody has it: "later" is
//!   owed by a durable job, "no" goes to the quarantine with the host's words, 250;
//! * nobody has it yet: the next host's word goes back to the sender; but where the client
//!   is a person's ([`Plan::for_a_person`]), "later" is owed as well, 250.
//!
//! With a reply for each ([`Replies::Each`], LMTP and PRDR) each gets their own. Where one
//! reply must do, a policy may ask that those who would be answered differently come
//! apart (`split`): they are told 452 at RCPT, before there is anything to settle.

use super::{Deferral, Disposition};
use crate::mail::{Address, Edit, Reply};

/// How many replies the client takes at the end of DATA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replies {
    One,
    Each,
}

/// A recipient and what is to be done for them.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub to: Address,
    pub disposition: Disposition,
}

/// Somebody to pass the mail on to.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliverStep {
    pub to: Address,
    pub edits: Vec<Edit>,
    /// Keep a copy in `Training Requested` once it is delivered.
    pub copy: bool,
}

/// A copy to be kept, and why it could not be delivered, where that was tried.
#[derive(Debug, Clone, PartialEq)]
pub struct StashStep {
    pub to: Address,
    pub failed: Option<Reply>,
    /// It waits to be authorised, and its sender was not refused.
    pub pending: bool,
}

impl StashStep {
    fn new(to: Address, pending: bool) -> Self {
        Self {
            to,
            failed: None,
            pending,
        }
    }
}

/// What is said at the end of DATA.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    One(Reply),
    /// In the order of the recipients.
    Each(Vec<Reply>),
}

/// What is to be done for all recipients together.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    replies: Replies,
    /// The client does not come again.
    once: bool,
    fates: Vec<Fate>,
    pub deliver: Vec<DeliverStep>,
    /// To be durable before anything is passed on.
    pub stash: Vec<StashStep>,
}

#[derive(Debug, Clone, PartialEq)]
enum Fate {
    /// Index into `deliver`.
    Deliver(usize),
    Kept,
    Pending,
    Refused,
    Deferred(Deferral),
}

/// What remains to be done once the next hosts have spoken.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    pub answer: Answer,
    /// To be owed by durable jobs before the answer is given, with what was said.
    pub owe: Vec<(DeliverStep, Reply)>,
    /// To be stashed before the answer is given.
    pub strand: Vec<StashStep>,
}

/// Makes one plan of all dispositions.
#[must_use]
pub fn settle(steps: Vec<Step>, replies: Replies) -> Plan {
    let one = replies == Replies::One;
    let deferred = steps.iter().find_map(|step| match &step.disposition {
        Disposition::Defer(why) => Some(why.clone()),
        _ => None,
    });
    let mixed = steps.iter().any(|step| {
        matches!(
            step.disposition,
            Disposition::Deliver { .. } | Disposition::Pend
        )
    });
    let mut plan = Plan {
        replies,
        once: false,
        fates: Vec::new(),
        deliver: Vec::new(),
        stash: Vec::new(),
    };
    for Step { to, disposition } in steps {
        if let (true, Some(why)) = (one, &deferred) {
            plan.fates.push(Fate::Deferred(why.clone()));
            continue;
        }
        let fate = match disposition {
            Disposition::Deliver { edits, copy } => {
                plan.deliver.push(DeliverStep { to, edits, copy });
                Fate::Deliver(plan.deliver.len() - 1)
            }
            Disposition::Refuse if !(one && mixed) => Fate::Refused,
            Disposition::Stash | Disposition::Refuse => {
                plan.stash.push(StashStep::new(to, false));
                Fate::Kept
            }
            Disposition::Pend => {
                plan.stash.push(StashStep::new(to, true));
                Fate::Pending
            }
            Disposition::Defer(why) => Fate::Deferred(why),
        };
        plan.fates.push(fate);
    }
    plan
}

/// 451: our own hands failed; nothing is lost, the sender comes back.
#[must_use]
pub fn not_now(why: &str) -> Reply {
    Reply::new(451, 3, 0, format!("{why}; please try again later"))
}

impl Plan {
    /// The same for a client that does not come again: mail clients show their user an
    /// error where a mail server would wait and retry.
    #[must_use]
    pub fn for_a_person(self) -> Self {
        Self { once: true, ..self }
    }

    /// The reply for everybody when the stash could not be made durable.
    #[must_use]
    pub fn unstashed(&self) -> Answer {
        self.same(not_now("The message cannot be stored now"))
    }

    fn same(&self, reply: Reply) -> Answer {
        match self.replies {
            Replies::One => Answer::One(reply),
            Replies::Each => Answer::Each(vec![reply; self.fates.len()]),
        }
    }

    /// Forms the answer. `said` holds the next hosts' replies in the order of
    /// `self.deliver`; `refusal` is what spam is told.
    #[must_use]
    pub fn end(self, said: &[Reply], refusal: &Reply) -> Ending {
        match self.replies {
            Replies::Each => self.end_each(said, refusal),
            Replies::One => self.end_one(said, refusal),
        }
    }

    fn end_each(self, said: &[Reply], refusal: &Reply) -> Ending {
        let reply = |fate: &Fate| match fate {
            Fate::Deliver(i) => said.get(*i).cloned().unwrap_or_else(no_word),
            Fate::Kept | Fate::Refused => refusal.clone(),
            Fate::Pending => accepted(),
            Fate::Deferred(why) => deferral(why),
        };
        let answer = Answer::Each(self.fates.iter().map(reply).collect());
        Ending {
            answer,
            owe: Vec::new(),
            strand: Vec::new(),
        }
    }

    fn end_one(self, said: &[Reply], refusal: &Reply) -> Ending {
        if let Some(Fate::Deferred(why)) = self.fates.first() {
            return Ending {
                answer: Answer::One(deferral(why)),
                owe: Vec::new(),
                strand: Vec::new(),
            };
        }
        let pending = self.fates.contains(&Fate::Pending);
        if self.deliver.is_empty() {
            let reply = if pending { accepted() } else { refusal.clone() };
            return Ending {
                answer: Answer::One(reply),
                owe: Vec::new(),
                strand: Vec::new(),
            };
        }
        let said: Vec<Reply> = (0..self.deliver.len())
            .map(|i| said.get(i).cloned().unwrap_or_else(no_word))
            .collect();
        let good = said.iter().find(|reply| reply.is_positive());
        let later = said
            .iter()
            .find(|reply| !reply.is_positive() && !reply.is_permanent());
        let ours = self.once && later.is_some();
        if good.is_none() && self.stash.is_empty() && !ours {
            // Nobody has it: the sender keeps it. "Later" outranks "no", or a retry would be lost.
            let word = later.or(said.first()).cloned().unwrap_or_else(no_word);
            return Ending {
                answer: Answer::One(word),
                owe: Vec::new(),
                strand: Vec::new(),
            };
        }
        let answer = match (good, later) {
            (Some(reply), _) => reply.clone(),
            (None, Some(_)) => accepted(),
            (None, None) if pending => accepted(),
            (None, None) => refusal.clone(),
        };
        let (mut owe, mut strand) = (Vec::new(), Vec::new());
        for (step, reply) in self.deliver.into_iter().zip(said) {
            if reply.is_permanent() {
                strand.push(StashStep {
                    failed: Some(reply),
                    ..StashStep::new(step.to, false)
                });
            } else if !reply.is_positive() {
                owe.push((step, reply));
            }
        }
        Ending {
            answer: Answer::One(answer),
            owe,
            strand,
        }
    }
}

/// We have it.
fn accepted() -> Reply {
    Reply::new(250, 0, 0, "Accepted")
}

fn no_word() -> Reply {
    Reply::new(451, 4, 0, "The next host gave no reply")
}

fn deferral(why: &Deferral) -> Reply {
    match why {
        Deferral::Unavailable(check) => {
            let text = format!("The check {check} cannot run now; please try again later");
            Reply::new(451, 7, 0, text)
        }
        Deferral::Greylisted(wait) => {
            let text = format!(
                "Greylisted: you are new here, please try again in {} seconds",
                wait.as_secs().max(1)
            );
            Reply::new(451, 7, 1, text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YES: u16 = 250;
    const LATER: u16 = 451;
    const NO: u16 = 550;

    /// Fates, what the next hosts say; the code, and how many are owed, stranded, stashed.
    type Row = (&'static str, &'static [u16], u16, usize, usize, usize);

    /// `d` deliver, `s` stash, `r` refuse, `w` wait; returns code, owed, stranded, stashed.
    fn run(fates: &str, said: &[u16], replies: Replies) -> (Vec<u16>, usize, usize, usize) {
        let steps = fates
            .chars()
            .enumerate()
            .map(|(i, c)| Step {
                to: format!("{i}@example.org").parse().expect("address"),
                disposition: match c {
                    'd' => Disposition::Deliver {
                        edits: Vec::new(),
                        copy: false,
                    },
                    's' => Disposition::Stash,
                    'r' => Disposition::Refuse,
                    'p' => Disposition::Pend,
                    _ => Disposition::Defer(Deferral::Unavailable("X".into())),
                },
            })
            .collect();
        let said: Vec<Reply> = said.iter().map(|code| Reply::plain(*code, "x")).collect();
        let plan = settle(steps, replies);
        let stashed = plan.stash.len();
        let ending = plan.end(&said, &Reply::new(550, 7, 1, "spam"));
        let codes = match ending.answer {
            Answer::One(reply) => vec![reply.code],
            Answer::Each(replies) => replies.iter().map(|r| r.code).collect(),
        };
        (codes, ending.owe.len(), ending.strand.len(), stashed)
    }

    #[test]
    fn one_reply_covers_all_truly() {
        let table: &[Row] = &[
            ("d", &[YES], 250, 0, 0, 0),
            ("d", &[LATER], 451, 0, 0, 0),
            ("d", &[NO], 550, 0, 0, 0),
            ("dd", &[NO, LATER], 451, 0, 0, 0),
            ("dd", &[YES, LATER], 250, 1, 0, 0),
            ("dd", &[YES, NO], 250, 0, 1, 0),
            ("s", &[], 550, 0, 0, 1),
            ("r", &[], 550, 0, 0, 0),
            ("sr", &[], 550, 0, 0, 1),
            ("ds", &[YES], 250, 0, 0, 1),
            ("dr", &[YES], 250, 0, 0, 1),
            ("ds", &[LATER], 250, 1, 0, 1),
            ("ds", &[NO], 550, 0, 1, 1),
            ("dsw", &[YES], 451, 0, 0, 0),
        ];
        for &(fates, said, code, owed, stranded, stashed) in table {
            assert_eq!(
                run(fates, said, Replies::One),
                (vec![code], owed, stranded, stashed),
                "{fates} {said:?}"
            );
        }
    }

    #[test]
    fn se18_later_is_owed_where_the_client_does_not_come_again() {
        let table: &[(&[u16], u16, usize, usize)] = &[
            (&[LATER], 250, 1, 0),
            (&[NO], 550, 0, 0),
            (&[NO, LATER], 250, 1, 1),
            (&[YES, LATER], 250, 1, 0),
        ];
        for (said, code, owed, stranded) in table {
            let steps = (0..said.len())
                .map(|i| Step {
                    to: format!("{i}@example.org").parse().expect("address"),
                    disposition: Disposition::Deliver {
                        edits: Vec::new(),
                        copy: false,
                    },
                })
                .collect();
            let said: Vec<Reply> = said.iter().map(|code| Reply::plain(*code, "x")).collect();
            let plan = settle(steps, Replies::One).for_a_person();
            let ending = plan.end(&said, &Reply::new(550, 7, 1, "spam"));
            assert!(
                matches!(&ending.answer, Answer::One(reply) if reply.code == *code),
                "{said:?}"
            );
            assert_eq!((ending.owe.len(), ending.strand.len()), (*owed, *stranded));
        }
    }

    #[test]
    fn xx02_each_recipient_gets_their_own_reply() {
        let (codes, owed, stranded, stashed) = run("dsrwd", &[YES, LATER], Replies::Each);
        assert_eq!(codes, [250, 550, 550, 451, 451]);
        assert_eq!((owed, stranded, stashed), (0, 0, 1));
    }

    #[test]
    fn a_silent_next_host_is_not_a_yes() {
        assert_eq!(run("d", &[], Replies::One).0, [451]);
    }
}

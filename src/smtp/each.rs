//! A reply for each recipient: LMTP (RFC 2033), and PRDR as Exim speaks it (draft-hall-prdr).
//!
//! PRDR answers the end of the message, by DATA or by BDAT LAST, with 353, then with a
//! reply for each RCPT that was taken, then with one for the whole. The last one binds:
//! Exim takes a 5xx there for all recipients, whatever was said of each, and a 4xx for those
//! that were taken. So it is 2xx if anybody has the mail, and 4xx if somebody is to
//! come again. A message with one recipient is answered as ever.

use super::session::{Session, Transaction, coded};
use crate::mail::{Direction, Reply};
use crate::policy::{Answer, Replies};

/// What is spoken at a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    #[default]
    Smtp,
    /// LHLO takes the place of EHLO, and each recipient gets their own reply (RFC 2033).
    Lmtp,
}

impl Protocol {
    /// As the greeting shows it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Smtp => "ESMTP",
            Self::Lmtp => "LMTP",
        }
    }

    /// The door's name in the log.
    pub(super) fn door(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Lmtp => "lmtp",
        }
    }

    /// The command a client begins with.
    pub(super) fn greeting(self) -> &'static str {
        match self {
            Self::Smtp => "EHLO",
            Self::Lmtp => "LHLO",
        }
    }

    /// The message comes, and nobody is there for it.
    pub(super) fn no_recipients(self) -> Reply {
        let code = match self {
            Self::Smtp => 554,
            // RFC 2033 section 4.2.
            Self::Lmtp => 503,
        };
        Reply::new(code, 5, 1, "No valid recipients")
    }
}

/// The commands by which a client greets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Greeting {
    Helo,
    Ehlo,
    Lhlo,
}

/// How the end of a message is answered. The numbers are the recipients' places in the
/// envelope, one for each RCPT that was taken: a recipient that was named twice gets
/// two replies (RFC 2033 section 4.2).
#[derive(Debug)]
pub(super) enum Form {
    One,
    Lmtp(Vec<usize>),
    Prdr(Vec<usize>),
}

impl Form {
    /// What is asked of the reception.
    pub(super) fn replies(&self) -> Replies {
        match self {
            Self::One => Replies::One,
            Self::Lmtp(_) | Self::Prdr(_) => Replies::Each,
        }
    }

    /// How often the door says its own refusal. A client that asked for PRDR knows by a
    /// reply other than 353 that there is one for all.
    pub(super) fn refusals(&self) -> usize {
        match self {
            Self::One | Self::Prdr(_) => 1,
            Self::Lmtp(taken) => taken.len(),
        }
    }
}

impl Session {
    pub(super) fn offers_prdr(&self) -> bool {
        self.setup.options.prdr
            && self.setup.protocol == Protocol::Smtp
            && self.setup.direction == Direction::Inbound
    }

    /// True if one reply must do for all recipients of the open transaction.
    #[must_use]
    pub fn has_one_reply(&self) -> bool {
        let prdr = self.transaction.as_ref().is_some_and(|open| open.prdr);
        self.setup.protocol == Protocol::Smtp && !prdr
    }

    /// HELO, EHLO or LHLO: each protocol has its own, and refuses the other's.
    pub(super) fn greet(&mut self, greeting: Greeting, name: String) {
        match (self.setup.protocol, greeting) {
            (Protocol::Smtp, Greeting::Lhlo) => {
                self.wrong(&Reply::new(500, 5, 1, "This is SMTP: say EHLO"));
            }
            (Protocol::Lmtp, Greeting::Helo | Greeting::Ehlo) => {
                self.wrong(&Reply::new(500, 5, 1, "This is LMTP: say LHLO"));
            }
            (Protocol::Smtp, _) => self.helo(name, greeting == Greeting::Ehlo),
            (Protocol::Lmtp, Greeting::Lhlo) => {
                self.peer.lmtp = true;
                self.helo(name, true);
            }
        }
    }

    /// True if a message that cannot be taken ends with the chunk that showed it. A client
    /// of LMTP counts on a reply for each recipient behind the last chunk (RFC 2033 section 4.3).
    pub(super) fn ends_early(&self) -> bool {
        self.setup.protocol == Protocol::Smtp
    }

    /// How the end of this transaction is answered, if it ends whole; a chunk of BDAT
    /// that is not the last always has one reply.
    pub(super) fn form_of(&self, open: &Transaction, whole: bool) -> Form {
        match self.setup.protocol {
            Protocol::Lmtp if whole => Form::Lmtp(open.taken.clone()),
            Protocol::Smtp if whole && open.prdr && open.taken.len() > 1 => {
                Form::Prdr(open.taken.clone())
            }
            _ => Form::One,
        }
    }

    /// Says the reception's answer.
    pub(super) fn say_answer(&mut self, form: &Form, answer: Answer) {
        match (form, answer) {
            (Form::One | Form::Prdr(_), Answer::One(reply)) => self.say(&coded(reply)),
            (Form::One, Answer::Each(each)) => self.say(&overall(&each)),
            (Form::Lmtp(taken), answer) => {
                for reply in in_order(taken, answer) {
                    self.say(&reply);
                }
            }
            (Form::Prdr(taken), answer) => {
                let each = in_order(taken, answer);
                self.say(&Reply::plain(353, "A reply for each recipient follows"));
                for reply in &each {
                    self.say(reply);
                }
                self.say(&overall(&each));
            }
        }
    }
}

/// The replies as the client waits for them.
fn in_order(taken: &[usize], answer: Answer) -> Vec<Reply> {
    let missing = || Reply::new(451, 3, 0, "The message was not taken for this recipient");
    let each = |place: &usize| match &answer {
        Answer::One(reply) => reply.clone(),
        Answer::Each(replies) => replies.get(*place).cloned().unwrap_or_else(missing),
    };
    taken.iter().map(each).map(among_others).collect()
}

/// A reply that stands between others must not end the connection.
fn among_others(reply: Reply) -> Reply {
    coded(match reply.code {
        421 => Reply { code: 451, ..reply },
        _ => reply,
    })
}

/// One reply that is true beside those of each recipient.
fn overall(each: &[Reply]) -> Reply {
    let taken = each.iter().filter(|reply| reply.is_positive()).count();
    let reply = if taken > 0 && taken == each.len() {
        Reply::new(250, 0, 0, "Taken for all recipients")
    } else if taken > 0 {
        let text = format!("Taken for {taken} of {} recipients", each.len());
        Reply::new(250, 0, 0, text)
    } else {
        // "Later" outranks "no"; a reply of theirs has the true words.
        let later = each.iter().find(|reply| !reply.is_permanent());
        let none = || Reply::new(451, 3, 0, "The message was not taken");
        later.or(each.first()).cloned().unwrap_or_else(none)
    };
    among_others(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xx02_the_overall_reply_contradicts_nobodys_own() {
        let table: &[(&[u16], u16)] = &[
            (&[250, 250], 250),
            (&[250, 550], 250),
            (&[451, 250], 250),
            (&[550, 550], 550),
            (&[550, 451], 451),
            (&[550, 421], 451),
            (&[], 451),
        ];
        for (codes, want) in table {
            let each: Vec<Reply> = codes.iter().map(|c| Reply::plain(*c, "x")).collect();
            assert_eq!(overall(&each).code, *want, "{codes:?}");
        }
    }
}

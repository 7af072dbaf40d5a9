//! What each SMTP command does to the session.

use super::auth;
use super::command::{self, Command, MailFrom, Recipient};
use super::each::Greeting;
use super::session::{Asked, Event, Phase, Question, Session, Transaction};
use crate::mail::{Envelope, Reply, no_room, too_big};

/// 553 5.6.7 (RFC 6531 section 3.5): an international address without SMTPUTF8.
fn needs_utf8() -> Reply {
    Reply::new(553, 6, 7, "This address needs SMTPUTF8")
}

impl Session {
    pub(super) fn obey(&mut self, command: Command, more: bool) -> Option<Event> {
        match command {
            Command::Helo(name) => self.greet(Greeting::Helo, name),
            Command::Ehlo(name) => self.greet(Greeting::Ehlo, name),
            Command::Lhlo(name) => self.greet(Greeting::Lhlo, name),
            Command::Mail(mail) => return self.mail(mail),
            Command::Rcpt(recipient) => return self.rcpt(recipient),
            Command::Data => self.data(),
            Command::Bdat { size, last } => self.bdat(size, last),
            Command::Rset => {
                self.transaction = None;
                self.say(&Reply::new(250, 0, 0, "Ok"));
            }
            Command::Noop => self.say(&Reply::new(250, 0, 0, "Ok")),
            Command::Quit => self.close(&Reply::new(221, 0, 0, "Goodbye")),
            Command::Vrfy => {
                let text = "Cannot verify, but will take mail for known recipients";
                self.say(&Reply::new(252, 0, 0, text));
            }
            Command::Help => {
                let text = "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP STARTTLS QUIT";
                self.say(&Reply::new(214, 0, 0, text));
            }
            Command::StartTls => self.starttls(more),
            Command::Auth(mechanism, initial) => {
                return self.auth(&mechanism, initial.as_deref());
            }
            Command::Xclient(attributes) => self.xclient(attributes),
            Command::Xforward(attributes) => self.xforward(attributes),
        }
        None
    }

    pub(super) fn helo(&mut self, name: String, extended: bool) {
        self.transaction = None;
        self.greeted = true;
        self.peer.helo = self.told_helo.clone().unwrap_or(name);
        self.peer.esmtp = extended;
        let mut text = self.setup.hostname.clone();
        if extended {
            text.push_str("\nPIPELINING\nSIZE ");
            text.push_str(&self.setup.options.message_size.0.to_string());
            text.push_str("\n8BITMIME\nSMTPUTF8\nENHANCEDSTATUSCODES\nCHUNKING");
            if self.offers_prdr() {
                text.push_str("\nPRDR");
            }
            if self.setup.tls && self.peer.tls.is_none() {
                text.push_str("\nSTARTTLS");
            }
            if self.failed_logins.is_some() && self.peer.tls.is_some() {
                text.push('\n');
                text.push_str(auth::OFFER);
            }
            if self.trusted {
                text.push_str("\nXCLIENT ");
                text.push_str(&command::XCLIENT_NAMES.join(" "));
                text.push_str("\nXFORWARD ");
                text.push_str(&command::XFORWARD_NAMES.join(" "));
            }
        }
        self.say(&Reply::plain(250, text));
    }

    fn starttls(&mut self, more: bool) {
        if !self.setup.tls {
            self.wrong(&Reply::new(502, 5, 1, "STARTTLS is not offered here"));
        } else if self.peer.tls.is_some() {
            self.out_of_order("TLS is on already");
        } else if more {
            // Somebody may have put these octets in front of the client's own (RFC 3207 section 6).
            self.close(&Reply::new(554, 5, 1, "Octets behind STARTTLS"));
        } else {
            self.say(&Reply::new(220, 0, 0, "Ready for TLS"));
            self.phase = Phase::Handshake;
        }
    }

    /// The client is another one from here on: it is greeted again.
    fn xclient(&mut self, attributes: Vec<(String, Option<String>)>) {
        if self.takes_told("XCLIENT", attributes) {
            self.forget();
            self.phase = Phase::Start;
        }
    }

    /// The mail comes from this client, who spoke to a proxy in front of us.
    fn xforward(&mut self, attributes: Vec<(String, Option<String>)>) {
        if self.takes_told("XFORWARD", attributes) {
            if let Some(helo) = &self.told_helo {
                self.peer.helo.clone_from(helo);
            }
            self.say(&Reply::new(250, 0, 0, "Ok"));
        }
    }

    /// Takes what a front relay tells of its client; false if it was refused.
    fn takes_told(&mut self, verb: &str, attributes: Vec<(String, Option<String>)>) -> bool {
        if !self.trusted {
            self.wrong(&Reply::new(550, 7, 0, format!("{verb} is not for you")));
            return false;
        }
        if self.transaction.is_some() {
            self.out_of_order("A transaction is open");
            return false;
        }
        let mut peer = self.peer.clone();
        let mut helo = self.told_helo.clone();
        if attributes.iter().any(|(name, _)| name == "ADDR") {
            // Another client: what was told of the last one is not true of this one.
            (peer.name, peer.login, helo) = (None, None, None);
        }
        for (name, value) in attributes {
            match (name.as_str(), value) {
                ("ADDR", Some(text)) => {
                    let upper = text.to_ascii_uppercase();
                    let bare = upper.strip_prefix("IPV6:").unwrap_or(&upper);
                    let Ok(address) = bare.parse::<std::net::IpAddr>() else {
                        self.wrong(&Reply::new(501, 5, 4, format!("Bad {verb} ADDR")));
                        return false;
                    };
                    peer.address = address.to_canonical();
                }
                ("NAME", value) => peer.name = value,
                // Where logins let mail out, they are proved by AUTH alone.
                ("LOGIN", value) if self.failed_logins.is_none() => peer.login = value,
                ("HELO", value) => helo = value,
                _ => {}
            }
        }
        self.peer = peer;
        self.told_helo = helo;
        true
    }

    fn mail(&mut self, mail: MailFrom) -> Option<Event> {
        let options = &self.setup.options;
        let most = options.message_size.get();
        if !self.greeted {
            let greeting = self.setup.protocol.greeting();
            self.out_of_order(&format!("Say {greeting} first"));
        } else if self.transaction.is_some() {
            self.out_of_order("A transaction is open");
        } else if self.transactions >= options.transactions {
            self.close(&Reply::new(
                421,
                7,
                0,
                "Too many messages in one connection",
            ));
        } else if mail.auth && self.failed_logins.is_none() {
            self.wrong(&Reply::new(555, 5, 4, "Parameter not known: AUTH"));
        } else if mail.prdr && !self.offers_prdr() {
            self.wrong(&command::unknown("PRDR"));
        } else if mail.international && !mail.smtputf8 {
            self.wrong(&needs_utf8());
        } else if mail.size.is_some_and(|size| size > most as u64) {
            self.refuse(Some(mail.from), Vec::new(), too_big(most));
        } else if mail
            .size
            .is_some_and(|size| size > self.setup.budget.left() as u64)
        {
            self.refuse(Some(mail.from), Vec::new(), no_room());
        } else {
            self.transactions += 1;
            self.transaction = Some(Transaction {
                envelope: Envelope {
                    peer: self.peer.clone(),
                    direction: self.setup.direction,
                    from: mail.from,
                    to: Vec::new(),
                    body: mail.body,
                    smtputf8: mail.smtputf8,
                },
                refused: 0,
                taken: Vec::new(),
                prdr: mail.prdr,
                content: None,
            });
            return Some(self.ask(Asked::Sender, Question::Sender(mail.size)));
        }
        None
    }

    fn rcpt(&mut self, recipient: Recipient) -> Option<Event> {
        let Some(open) = self.transaction.as_ref().filter(|t| t.content.is_none()) else {
            self.out_of_order("RCPT comes after MAIL and before DATA");
            return None;
        };
        let to = match recipient {
            Recipient::Mailbox(_, true) if !open.envelope.smtputf8 => {
                self.wrong(&needs_utf8());
                return None;
            }
            Recipient::Mailbox(to, _) => to,
            Recipient::Postmaster => {
                let own = || format!("postmaster@{}", self.setup.hostname).parse().ok();
                let Some(to) = self.setup.options.postmaster.clone().or_else(own) else {
                    self.say(&Reply::new(550, 1, 1, "No postmaster without a domain"));
                    return None;
                };
                to
            }
        };
        let full = open.taken.len() >= self.setup.options.recipients;
        let place = open.envelope.to.iter().position(|other| *other == to);
        if let (Some(place), false) = (place, full) {
            if let Some(open) = &mut self.transaction {
                open.taken.push(place);
            }
            self.say(&Reply::new(250, 1, 5, "Recipient ok, as before"));
            return None;
        }
        if full {
            let from = Some(open.envelope.from.clone());
            self.refuse(from, vec![to], Reply::new(452, 5, 3, "Too many recipients"));
            return None;
        }
        Some(self.ask(Asked::Recipient(to.clone()), Question::Recipient(to)))
    }

    pub(super) fn count_refused_recipient(&mut self) {
        if let Some(open) = &mut self.transaction {
            open.refused += 1;
            if open.refused >= self.setup.options.refused_recipients {
                self.close(&Reply::new(421, 7, 0, "Too many refused recipients"));
            }
        }
    }
}

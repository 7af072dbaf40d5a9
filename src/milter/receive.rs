//! Receiving a message: MAIL, RCPT, header fields, body, and its end.

use std::collections::HashSet;

use super::session::{Question, Session};
use super::{client, frame, terms};
use crate::mail::{Address, BodyType, Content, Direction, Domain, Envelope, Mail, Peer, Reply};
use crate::token;

/// Longest address of a recipient, in octets; RFC 5321 section 4.5.3.1.3 asks for 256.
const PATH_LONGEST: usize = 1000;

/// A recipient as the client wrote it, and who that is as far as we know.
#[derive(Debug)]
pub(super) struct Recipient {
    pub(super) written: Vec<u8>,
    pub(super) address: Address,
    pub(super) ours: bool,
}

/// From MAIL to the end of the message.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) envelope: Envelope,
    pub(super) recipients: Vec<Recipient>,
    /// Nothing is collected of what does not concern us.
    pub(super) content: Option<Content>,
    pub(super) size: u64,
    pub(super) part: Part,
    /// It bears a reinsertion token: outgoing mail that was released is for nobody of ours.
    pub(super) token: bool,
}

impl Transaction {
    fn concerns_us(&self) -> bool {
        let outgoing = self.envelope.direction == Direction::Outbound;
        outgoing || self.token || self.recipients.iter().any(|to| to.ours)
    }
}

/// How far a message is. Nothing goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Envelope,
    Header,
    Body,
}

impl Session {
    pub(super) fn mail(&mut self, data: &[u8]) {
        let mut texts = frame::texts(data);
        let path = texts.next().and_then(client::path).unwrap_or_default();
        let origins = self.origins();
        let from = client::mailbox(path, origins.first());
        if from.is_none() && !path.is_empty() {
            tracing::debug!("a reverse path cannot be read and is taken for empty");
        }
        let mut peer = self.peer.clone().unwrap_or_else(Peer::local);
        peer.login = self.macros.get("auth_authen").map(str::to_owned);
        peer.tls = self.macros.get("tls_version").map(|version| {
            let cipher = self.macros.get("cipher").unwrap_or("unknown");
            format!("{version} with cipher {cipher}")
        });
        let options = &self.setup.options;
        let outgoing = options.outbound_from.iter().any(|n| n.holds(peer.address));
        let mut envelope = Envelope {
            direction: if outgoing || peer.login.is_some() {
                Direction::Outbound
            } else {
                Direction::Inbound
            },
            peer,
            from,
            to: Vec::new(),
            body: BodyType::SevenBit,
            smtputf8: false,
        };
        for parameter in texts {
            envelope.smtputf8 |= parameter.eq_ignore_ascii_case(b"SMTPUTF8");
            if parameter.eq_ignore_ascii_case(b"BODY=8BITMIME") {
                envelope.body = BodyType::EightBitMime;
            }
        }
        self.open = Some(Transaction {
            envelope,
            recipients: Vec::new(),
            content: None,
            size: 0,
            part: Part::Envelope,
            token: false,
        });
        self.go_on_unless(terms::NO_MAIL_REPLY);
    }

    fn origins(&self) -> Vec<Domain> {
        client::origins(self.setup.options.origin.as_ref(), self.macros.get("j"))
    }

    pub(super) fn rcpt(&mut self, data: &[u8]) -> Result<Option<Question>, String> {
        let origins = self.origins();
        let open = self.open.as_mut().ok_or("RCPT without MAIL")?;
        let most = self.setup.options.recipients;
        if open.recipients.len() >= most {
            let text = format!("At most {most} recipients at once");
            self.reply(&Reply::new(452, 5, 3, text));
            return Ok(None);
        }
        let written = frame::texts(data).next().unwrap_or_default();
        if written.len() > PATH_LONGEST {
            self.reply(&Reply::new(
                550,
                1,
                3,
                "The recipient's address is too long",
            ));
            return Ok(None);
        }
        let host = self.macros.get("j");
        let meanings = |path| client::meanings(path, &origins, host);
        let may_be = client::path(written).map(meanings).unwrap_or_default();
        let Some(address) = may_be.first().cloned() else {
            // The mail server may read it in a way of its own; nobody gets around the filter so.
            let text = "The recipient's address cannot be read";
            self.reply(&Reply::new(550, 1, 3, text));
            return Ok(None);
        };
        let recipient = Recipient {
            written: written.to_vec(),
            address,
            ours: false,
        };
        self.asked = vec![recipient];
        Ok(Some(Question::Recipient(may_be)))
    }

    /// A field: its name and all that follows the colon, with folds as LF.
    pub(super) fn header(&mut self, data: &[u8]) -> Result<(), String> {
        let fault = || "a header field without name and value".to_owned();
        let end = data
            .iter()
            .position(|octet| *octet == 0)
            .ok_or_else(fault)?;
        let (name, value) = (&data[..end], data.get(end + 1..).ok_or_else(fault)?);
        let value = value.strip_suffix(b"\0").unwrap_or(value);
        let colon: &[u8] = if self.keeps_leading_space() {
            b":"
        } else {
            b": "
        };
        self.reach(Part::Header);
        if let Some(open) = &mut self.open {
            open.token |= name.eq_ignore_ascii_case(token::FIELD.as_bytes());
        }
        let field = [name, colon, &crlf(value), b"\r\n"].concat();
        self.collect(&field);
        self.go_on_unless(terms::NO_HEADER_REPLY);
        Ok(())
    }

    pub(super) fn body(&mut self, data: &[u8]) {
        if self.reach(Part::Body) != Some(Part::Body) {
            self.collect(b"\r\n");
        }
        self.collect(data);
    }

    /// The part in which the message was before.
    fn reach(&mut self, part: Part) -> Option<Part> {
        let open = self.open.as_mut()?;
        Some(std::mem::replace(&mut open.part, part))
    }

    fn collect(&mut self, octets: &[u8]) {
        let Some(open) = &mut self.open else {
            return;
        };
        open.size += octets.len() as u64;
        // A token may come with the last field.
        if open.part <= Part::Header || open.concerns_us() {
            let most = self.setup.options.message_size.get();
            let budget = &self.setup.budget;
            let content = open
                .content
                .get_or_insert_with(|| Content::new(budget, most));
            content.push(octets);
        } else {
            open.content = None;
        }
    }

    pub(super) fn end(&mut self) -> Option<Question> {
        let open = self.open.take()?;
        let concerns_us = open.concerns_us();
        let [queue, daemon] =
            ["i", "daemon_name"].map(|name| self.macros.get(name).unwrap_or_default().to_owned());
        self.macros.end_message();
        let Transaction {
            mut envelope,
            recipients,
            content,
            size,
            ..
        } = open;
        let mut known = HashSet::new();
        let to = recipients.iter().map(|to| to.address.clone());
        envelope.to = to.filter(|to| known.insert(to.clone())).collect();
        self.asked = recipients;
        let content = match content {
            Some(content) if concerns_us && !envelope.to.is_empty() => content,
            _ => return Some(Question::LetBy(Box::new(envelope), size)),
        };
        match content.finish() {
            Ok(message) => {
                let mail = Mail::new(envelope, message, self.setup.clock.now().day());
                tracing::info!(mail = %mail.id, queue, daemon, "a message of the front relay");
                Some(Question::Message(Box::new(mail)))
            }
            Err(reply) => Some(Question::Refused(Box::new(envelope), reply)),
        }
    }
}

/// Folds with CRLF, and a space where one is missing: what is within a field stays within it.
fn crlf(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 8);
    for (at, octet) in value.iter().enumerate() {
        if *octet == b'\n' && out.last() != Some(&b'\r') {
            out.push(b'\r');
        }
        out.push(*octet);
        if *octet == b'\n' && !matches!(value.get(at + 1), Some(b' ' | b'\t')) {
            out.push(b' ');
        }
    }
    out
}

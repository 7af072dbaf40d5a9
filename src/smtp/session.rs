//! The SMTP dialogue without I/O: octets go in; replies, questions and events come out.
//!
//! [`Session::advance`] takes octets until it needs something: more octets, the
//! word of the reception, or the handshake of TLS. What it says meanwhile is
//! gathered in its output, so that the replies to pipelined commands leave in one write.

use std::sync::Arc;
use std::time::Duration;

use super::auth::{Credentials, Exchange};
use super::command;
use super::content::DotReader;
use super::each::{Form, Protocol};
use super::options::Options;
use super::reception::Refused;
use crate::clock::Clock;
use crate::mail::{Address, Budget, Content, Direction, Envelope, Mail, Peer, Reply};
use crate::net::lines::{LineFault, Lines};
use crate::policy::{Answer, Replies};

/// Longest command line without its CRLF. RFC 5321 section 4.5.3.1.4 asks for 512
/// octets with the CRLF; parameters, UTF-8 and XCLIENT need more.
pub const LINE_MOST: usize = 2046;
/// The output is to be written when it has grown beyond this, in octets.
const OUTPUT_MOST: usize = 16 * 1024;

/// What all sessions of a door share.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Our name in the greeting.
    pub hostname: String,
    pub direction: Direction,
    pub protocol: Protocol,
    pub options: Options,
    /// STARTTLS is offered; a [`super::Door`] sets it if it has a certificate.
    pub tls: bool,
    pub budget: Budget,
    pub clock: Clock,
}

/// What the session needs next.
#[derive(Debug)]
pub enum Event {
    /// Write the output, then read octets.
    More,
    /// Write the output, then go on.
    Flush,
    /// Ask the reception; then give its word to [`Session::word`], or to
    /// [`Session::answered`] for a message.
    Ask(Question),
    /// Tell the reception.
    Refused(Refused),
    /// Write the output, shake hands, then call [`Session::tls_started`].
    StartTls,
    /// Write the output, then close the connection.
    Close,
}

/// A question to the reception.
#[derive(Debug)]
pub enum Question {
    Connect,
    /// About [`Session::envelope`], with the size that the client declared.
    Sender(Option<u64>),
    Recipient(Address),
    /// About [`Session::peer`], under TLS.
    Login(Credentials),
    Message(Box<Mail>, Replies),
}

#[derive(Debug)]
pub(super) enum Phase {
    Start,
    Command,
    /// The reception has been asked.
    Asked(Asked),
    /// Within AUTH.
    Auth(Exchange),
    Data(DotReader),
    Chunk(Chunk),
    Handshake,
    Closed,
}

#[derive(Debug)]
pub(super) enum Asked {
    Connect,
    Sender,
    Recipient(Address),
    /// With the name that was given.
    Login(String),
    Message(Form),
}

#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) size: u64,
    pub(super) left: u64,
    pub(super) last: bool,
    /// Why the octets are thrown away.
    pub(super) refusal: Option<Reply>,
}

/// What grows from MAIL on, and is given away at the end of the message.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) envelope: Envelope,
    pub(super) refused: usize,
    /// For each RCPT that was taken, the place of its recipient in the envelope.
    pub(super) taken: Vec<usize>,
    /// The client takes a reply for each recipient.
    pub(super) prdr: bool,
    /// There once DATA or BDAT has been said.
    pub(super) content: Option<Content>,
}

/// One connection's dialogue.
#[derive(Debug)]
pub struct Session {
    pub(super) setup: Arc<Setup>,
    pub(super) peer: Peer,
    /// The peer may name its client.
    pub(super) trusted: bool,
    /// What XCLIENT said of HELO; it outlives the front relay's own EHLO.
    pub(super) told_helo: Option<String>,
    pub(super) greeted: bool,
    pub(super) phase: Phase,
    pub(super) lines: Lines,
    pub(super) transaction: Option<Transaction>,
    pub(super) errors: usize,
    pub(super) transactions: usize,
    /// `None`: AUTH is not offered.
    pub(super) failed_logins: Option<usize>,
    pub(super) refused: Option<Refused>,
    pub(super) output: Vec<u8>,
}

impl Session {
    /// A dialogue with `peer`, who may use XCLIENT if it is `trusted`.
    #[must_use]
    pub fn new(setup: Arc<Setup>, peer: Peer, trusted: bool) -> Self {
        Self {
            setup,
            peer,
            trusted,
            told_helo: None,
            greeted: false,
            phase: Phase::Start,
            lines: Lines::new(LINE_MOST),
            transaction: None,
            errors: 0,
            transactions: 0,
            failed_logins: None,
            refused: None,
            output: Vec::new(),
        }
    }

    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The envelope of the open transaction.
    #[must_use]
    pub fn envelope(&self) -> Option<&Envelope> {
        self.transaction.as_ref().map(|open| &open.envelope)
    }

    /// Takes what is to be written.
    #[must_use]
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// True while a message is being received.
    #[must_use]
    pub fn is_receiving(&self) -> bool {
        matches!(self.phase, Phase::Data(_) | Phase::Chunk(_))
    }

    /// True once the session has said its last word.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// How long the client may now take.
    #[must_use]
    pub fn patience(&self) -> Duration {
        if self.is_receiving() {
            self.setup.options.data_time.0
        } else {
            self.setup.options.command_time.0
        }
    }

    /// How long a client may be left without the greeting: none where a front relay, which
    /// was greeted for it, brings it.
    pub(super) fn greet_pause(&self) -> Duration {
        if self.trusted || self.peer.address.is_loopback() {
            Duration::ZERO
        } else {
            self.setup.options.greet_pause.0
        }
    }

    /// The client spoke before it was greeted.
    pub(super) fn talked_early(&mut self) {
        let text = format!(
            "{} You speak before the greeting; please come again",
            self.setup.hostname
        );
        self.refuse(None, Vec::new(), Reply::new(421, 7, 0, text));
    }

    /// Takes octets from the front of `input` until something is needed.
    pub fn advance(&mut self, input: &mut &[u8]) -> Event {
        loop {
            if let Some(refused) = self.refused.take() {
                return Event::Refused(refused);
            }
            if self.output.len() > OUTPUT_MOST {
                return Event::Flush;
            }
            let starved = input.is_empty() && !self.is_chunk_done();
            match &mut self.phase {
                Phase::Closed => return Event::Close,
                Phase::Asked(_) => return Event::More,
                Phase::Handshake => return Event::StartTls,
                Phase::Start => return self.ask(Asked::Connect, Question::Connect),
                _ if starved => return Event::More,
                Phase::Command => {
                    if let Some(line) = self.lines.next(input)
                        && let Some(event) = self.line(line, !input.is_empty())
                    {
                        return event;
                    }
                }
                Phase::Auth(_) => {
                    if let Some(line) = self.lines.next(input)
                        && let Some(event) = self.auth_line(line)
                    {
                        return event;
                    }
                }
                Phase::Data(reader) => {
                    let content = self.transaction.as_mut().and_then(|t| t.content.as_mut());
                    if content.is_none_or(|content| reader.take(input, content))
                        && let Some(event) = self.end_of_message(true)
                    {
                        return event;
                    }
                }
                Phase::Chunk(_) => {
                    if let Some(event) = self.chunk(input) {
                        return event;
                    }
                }
            }
        }
    }

    /// The reception's word on the last question but for a message.
    pub fn word(&mut self, word: Result<(), Reply>) {
        let Phase::Asked(asked) = std::mem::replace(&mut self.phase, Phase::Command) else {
            return;
        };
        let refusal = word.err().map(coded);
        match (asked, refusal) {
            (Asked::Connect, None) => {
                let (host, protocol) = (&self.setup.hostname, self.setup.protocol);
                let greeting = format!("{host} {} Quaranta", protocol.name());
                self.say(&Reply::plain(220, greeting));
            }
            (Asked::Connect, Some(refusal)) => self.close(&refusal),
            (Asked::Sender, None) => self.say(&Reply::new(250, 1, 0, "Sender ok")),
            (Asked::Sender, Some(refusal)) => {
                self.transaction = None;
                self.say(&refusal);
            }
            (Asked::Recipient(to), None) => {
                if let Some(open) = &mut self.transaction {
                    open.taken.push(open.envelope.to.len());
                    open.envelope.to.push(to);
                }
                self.say(&Reply::new(250, 1, 5, "Recipient ok"));
            }
            (Asked::Recipient(_), Some(refusal)) => {
                self.say(&refusal);
                // 452 asks to come again with this one; nobody is being guessed at.
                if refusal.code != 452 {
                    self.count_refused_recipient();
                }
            }
            (Asked::Login(name), refusal) => self.logged_in(name, refusal),
            (Asked::Message(form), refusal) => {
                // Only an answer can say that the mail was taken.
                let unanswered = || Reply::new(451, 3, 0, "The message was not taken");
                let reply = refusal.unwrap_or_else(unanswered);
                self.say_answer(&form, Answer::One(reply));
            }
        }
    }

    /// The reception's answer to a message: one reply for all, or as it was asked
    /// for, one for each recipient in their order (LMTP, PRDR).
    pub fn answered(&mut self, answer: Answer) {
        let phase = std::mem::replace(&mut self.phase, Phase::Command);
        match phase {
            Phase::Asked(Asked::Message(form)) => self.say_answer(&form, answer),
            other => self.phase = other,
        }
    }

    /// The connection was under TLS before its first octet (RFC 8314 section 3.3).
    pub fn over_tls(&mut self, tls: Option<String>) {
        self.peer.tls = Some(tls.unwrap_or_else(|| "TLS".to_owned()));
    }

    /// TLS is on; `tls` tells its version and cipher suite. Everything said before is forgotten.
    pub fn tls_started(&mut self, tls: Option<String>) {
        self.over_tls(tls);
        self.forget();
        self.lines = Lines::new(LINE_MOST);
        self.phase = Phase::Command;
    }

    /// The client took too long.
    pub fn timed_out(&mut self) {
        let text = format!("{} Timeout, closing connection", self.setup.hostname);
        self.close(&Reply::new(421, 4, 2, text));
    }

    /// The daemon stops: says so and closes, unless a message is being received.
    pub fn stop(&mut self) {
        if !self.is_receiving() {
            let text = format!("{} Service closing, please come again", self.setup.hostname);
            self.close(&Reply::new(421, 3, 2, text));
        }
    }

    pub(super) fn say(&mut self, reply: &Reply) {
        self.output.extend_from_slice(&reply.wire());
        if reply.code == 421 {
            self.phase = Phase::Closed;
            self.transaction = None;
        }
    }

    pub(super) fn close(&mut self, reply: &Reply) {
        self.say(reply);
        self.phase = Phase::Closed;
        self.transaction = None;
    }

    pub(super) fn ask(&mut self, asked: Asked, question: Question) -> Event {
        self.phase = Phase::Asked(asked);
        Event::Ask(question)
    }

    /// A wrong command: told, and counted.
    pub(super) fn wrong(&mut self, reply: &Reply) {
        self.errors += 1;
        if self.errors >= self.setup.options.errors {
            self.close(&Reply::new(421, 7, 0, "Too many errors"));
        } else {
            self.say(reply);
        }
    }

    pub(super) fn out_of_order(&mut self, text: &str) {
        self.wrong(&Reply::new(503, 5, 1, text));
    }

    /// A refusal of the door's own, to be told to the reception as well.
    pub(super) fn refuse(&mut self, from: Option<Option<Address>>, to: Vec<Address>, reply: Reply) {
        self.say(&reply);
        self.refused = Some(Refused {
            peer: self.peer.clone(),
            from,
            to,
            reply,
        });
    }

    pub(super) fn forget(&mut self) {
        self.greeted = false;
        self.peer.helo.clear();
        self.peer.esmtp = false;
        self.transaction = None;
    }

    fn line(&mut self, line: Result<Vec<u8>, LineFault>, more: bool) -> Option<Event> {
        let line = match line {
            Ok(line) => line,
            Err(fault) => {
                let text = format!("Cannot read: {fault}");
                self.wrong(&match fault {
                    LineFault::TooLong(_) => Reply::new(500, 5, 2, text),
                    LineFault::BareLineEnd => Reply::new(550, 6, 11, text),
                });
                return None;
            }
        };
        match command::parse(&line) {
            Ok(command) => self.obey(command, more),
            Err(reply) if command::is_bdat(&line) => {
                self.close(&reply);
                None
            }
            Err(reply) => {
                self.wrong(&reply);
                None
            }
        }
    }
}

/// A next host's reply may have no enhanced code; where they are offered, every
/// reply must have one (RFC 2034 section 3).
pub(super) fn coded(reply: Reply) -> Reply {
    match reply.enhanced {
        Some(_) => reply,
        None => Reply::new(reply.code, 0, 0, reply.text),
    }
}

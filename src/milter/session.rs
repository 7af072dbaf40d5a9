//! The milter dialogue without I/O: octets in, questions out, frames to send kept until taken.
//! Protocol versions 2 to 6, as Postfix and Sendmail speak them.

use std::sync::Arc;

use super::client::{self, Macros};
use super::edits::Left;
use super::frame::{self, Frame, Frames};
use super::options::Options;
use super::receive::{Part, Recipient, Transaction};
use super::terms::{self, Terms};
use crate::clock::Clock;
use crate::mail::{Address, Budget, Envelope, Mail, Peer, Reply};

const ACCEPT: u8 = b'a';
const CONTINUE: u8 = b'c';
const DISCARD: u8 = b'd';
const PROGRESS: u8 = b'p';
const REPLY: u8 = b'y';
const REMOVE_RECIPIENT: u8 = b'-';

/// What a session needs to know.
#[derive(Debug, Clone)]
pub struct Setup {
    pub options: Options,
    pub budget: Budget,
    pub clock: Clock,
}

/// What the driver is to do.
#[derive(Debug)]
pub enum Event {
    /// Send what there is to send, and bring more octets.
    More,
    /// Answer, by the function that the question names.
    Ask(Question),
    /// Send what there is to send, and close. The text says what was wrong, if anything was.
    Close(Option<String>),
}

/// What the session asks.
#[derive(Debug)]
pub enum Question {
    /// Is this recipient ours? One without a domain may be any of these; there is one at least.
    /// Answered by [`Session::recipient`].
    Recipient(Vec<Address>),
    /// A message for us. Answered by [`Session::message`].
    Message(Box<Mail>),
    /// A message for us that cannot be taken, for the journal. Answered by [`Session::message`].
    Refused(Box<Envelope>, Reply),
    /// A message of so many octets for nobody of ours, for the journal. Answered by
    /// [`Session::let_by`].
    LetBy(Box<Envelope>, u64),
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Negotiation.
    New,
    /// A client.
    Ready,
    /// A message of the client.
    Connected,
    Closed,
}

/// One connection of a front relay, with any number of clients one after another.
#[derive(Debug)]
pub struct Session {
    pub(super) setup: Arc<Setup>,
    frames: Frames,
    output: Vec<u8>,
    phase: Phase,
    terms: Terms,
    pub(super) macros: Macros,
    pub(super) peer: Option<Peer>,
    pub(super) open: Option<Transaction>,
    /// The recipients of the message that is being asked about, or the one that is.
    pub(super) asked: Vec<Recipient>,
}

impl Session {
    #[must_use]
    pub fn new(setup: Arc<Setup>) -> Self {
        Self {
            setup,
            frames: Frames::default(),
            output: Vec::new(),
            phase: Phase::New,
            terms: Terms::default(),
            macros: Macros::default(),
            peer: None,
            open: None,
            asked: Vec::new(),
        }
    }

    /// Takes octets from the front of `input` until something is to be done.
    pub fn advance(&mut self, input: &mut &[u8]) -> Event {
        loop {
            if self.phase == Phase::Closed {
                return Event::Close(None);
            }
            let obeyed = match self.frames.next(input) {
                Ok(None) => return Event::More,
                Ok(Some(frame)) => self.obey(&frame),
                Err(fault) => Err(fault.to_string()),
            };
            match obeyed {
                Ok(None) => {}
                Ok(Some(question)) => return Event::Ask(question),
                Err(fault) => {
                    self.phase = Phase::Closed;
                    self.open = None;
                    return Event::Close(Some(fault));
                }
            }
        }
    }

    /// The octets to send.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// True from MAIL to the end of the message.
    #[must_use]
    pub fn is_receiving(&self) -> bool {
        self.open.is_some()
    }

    /// True if no command has begun.
    #[must_use]
    pub fn is_between_commands(&self) -> bool {
        self.frames.is_between()
    }

    /// Are values of fields sent as they are, with the space after the colon?
    #[must_use]
    pub fn keeps_leading_space(&self) -> bool {
        self.terms.holds(terms::LEADING_SPACE)
    }

    /// The frame that asks the relay for patience.
    #[must_use]
    pub fn progress() -> Vec<u8> {
        let mut out = Vec::new();
        frame::write(&mut out, PROGRESS, &[]);
        out
    }

    /// The recipient as one of ours, if it is; an error is its reply.
    pub fn recipient(&mut self, ours: Result<Option<Address>, Reply>) {
        let (Some(mut recipient), Some(open)) = (self.asked.pop(), self.open.as_mut()) else {
            return;
        };
        match ours {
            Ok(ours) => {
                recipient.ours = ours.is_some();
                recipient.address = ours.unwrap_or(recipient.address);
                open.recipients.push(recipient);
                self.say(CONTINUE);
            }
            Err(reply) => self.reply(&reply),
        }
    }

    /// What becomes of the message: the answer, and what is left to the relay. If the answer is
    /// positive and nothing is left, the mail is ours and the relay throws its copy away.
    pub fn message(&mut self, reply: &Reply, left: Option<Left>) {
        let asked = std::mem::take(&mut self.asked);
        match left {
            _ if !reply.is_positive() => self.reply(reply),
            None => self.say(DISCARD),
            Some(mut left) => {
                self.output.append(&mut left.frames);
                for recipient in asked {
                    if !left.to.contains(&recipient.address) {
                        let pieces = [&recipient.written[..], b"\0"];
                        frame::write(&mut self.output, REMOVE_RECIPIENT, &pieces);
                    }
                }
                self.say(ACCEPT);
            }
        }
    }

    /// The message for others was written down.
    pub fn let_by(&mut self) {
        self.say(ACCEPT);
    }

    pub(super) fn say(&mut self, code: u8) {
        frame::write(&mut self.output, code, &[]);
    }

    pub(super) fn go_on_unless(&mut self, no_reply: u32) {
        if !self.terms.holds(no_reply) {
            self.say(CONTINUE);
        }
    }

    /// 421 would close the client's connection, which is not ours to do.
    pub(super) fn reply(&mut self, reply: &Reply) {
        let mut reply = reply.clone();
        if reply.code == 421 || !(reply.is_transient() || reply.is_permanent()) {
            reply.code = 451;
        }
        let wire = reply.wire();
        let text = wire.strip_suffix(b"\r\n").unwrap_or(&wire);
        // Sendmail takes the text for a format, and Postfix undoes what is done for that.
        let text = text.split(|octet| *octet == b'%').collect::<Vec<_>>();
        frame::write(&mut self.output, REPLY, &[&text.join(&b"%%"[..]), b"\0"]);
    }

    /// One command. An error closes the connection: nothing can be trusted after it.
    fn obey(&mut self, frame: &Frame<'_>) -> Result<Option<Question>, String> {
        let (code, data) = (frame.code, &frame.data[..]);
        let part = self.open.as_ref().map(|open| open.part);
        match (code, self.phase, part) {
            (b'Q', ..) => self.phase = Phase::Closed,
            (terms::NEGOTIATE, Phase::New | Phase::Ready, _) => {
                self.terms = Terms::agree(data, &mut self.output)?;
                self.phase = Phase::Ready;
            }
            (_, Phase::New, _) | (terms::NEGOTIATE, ..) => {
                return Err(wrong(code, "comes out of order"));
            }
            (b'D', ..) => self.macros.define(data),
            (b'A', ..) => self.end_message(),
            (b'K', ..) => {
                self.end_message();
                self.macros = Macros::default();
                self.peer = None;
                self.phase = Phase::Ready;
            }
            (b'C', Phase::Ready, _) => self.connect(data)?,
            (b'U', Phase::Connected, _) => self.say(CONTINUE),
            (b'H', Phase::Connected, _) => self.hello(data),
            (b'M', Phase::Connected, None) => self.mail(data),
            (b'R', Phase::Connected, Some(Part::Envelope)) => return self.rcpt(data),
            (b'T' | b'N', Phase::Connected, Some(_)) => self.say(CONTINUE),
            (b'L', Phase::Connected, Some(Part::Envelope | Part::Header)) => self.header(data)?,
            (b'B', Phase::Connected, Some(_)) => {
                self.body(data);
                self.go_on_unless(terms::NO_BODY_REPLY);
            }
            (b'E', Phase::Connected, Some(_)) => {
                self.body(data);
                return Ok(self.end());
            }
            (b'C' | b'H' | b'M' | b'R' | b'T' | b'L' | b'N' | b'B' | b'E' | b'U', ..) => {
                return Err(wrong(code, "comes out of order"));
            }
            _ => return Err(wrong(code, "is not known")),
        }
        Ok(None)
    }

    fn connect(&mut self, data: &[u8]) -> Result<(), String> {
        let peer = client::connected(data, &self.macros);
        self.peer = Some(peer.ok_or("the client's address cannot be read")?);
        self.phase = Phase::Connected;
        self.go_on_unless(terms::NO_CONNECT_REPLY);
        Ok(())
    }

    /// HELO ends a message that is open (RFC 5321 section 4.1.4).
    fn hello(&mut self, data: &[u8]) {
        self.open = None;
        if let Some(peer) = &mut self.peer {
            peer.helo = client::helo(data);
        }
        self.go_on_unless(terms::NO_HELO_REPLY);
    }

    fn end_message(&mut self) {
        self.open = None;
        self.macros.end_message();
    }
}

fn wrong(code: u8, what: &str) -> String {
    format!("the command {} {what}", code.escape_ascii())
}

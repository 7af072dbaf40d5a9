//! Letters that the house writes to people: marked as what they are (RFC 3834), signed where there is
//! a key, owed as durable jobs to the recipient's own mail server.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use super::compose::{self, Head};
use super::hourly::Hourly;
use crate::clock::{Clock, Timestamp};
use crate::inspect::{organisation, sign};
use crate::mail::{Address, BodyType, Direction, Domain, EntryId, Envelope, Mail, Message, Peer};
use crate::record::{Door, Event, Job, JobKind, Status};
use crate::store::{Jobs, StoreError};
use crate::token::{Key, SealingKey, Selector, notice};

/// Messages that a digest may list.
const LINES_MOST: u32 = 500;

crate::options! {
    /// Letters that the house writes to its users.
    pub struct LetterOptions in "letters" {
        /// The address in their From field; without one it is `postmaster` at our name.
        pub from: Option<Address> = None,
        /// The name beside it, in ASCII.
        pub name: String = "Mail quarantine".to_owned(),
        /// A file with the private key that signs them (DKIM, RFC 6376), in PEM: RSA of at least 2048
        /// bits, or Ed25519. Without one they are not signed.
        pub dkim_key: Option<PathBuf> = None,
        /// Where its public key is published: this name below `_domainkey` of the domain.
        pub dkim_selector: Option<Selector> = None,
        /// The domain that signs; without one it is the domain of the From field.
        pub dkim_domain: Option<Domain> = None,
        /// Letters in an hour that may go to addresses outside of your domains (alerts, notices to
        /// senders), and half as many to one domain; three quarters of them for what strangers
        /// bring about. They go out as [outbound] says.
        pub outside_per_hour: u32 = 200,
        /// A directory with templates of your own for digests and other letters; what is not there
        /// stays as it is built in. Those built in lie in `conf/letters`, with a README.
        pub templates: Option<PathBuf> = None,
        /// Messages that a digest lists at most, between 1 and 500; of more it tells the number.
        pub digest_lines: u32 = 100,
    }
}

impl LetterOptions {
    fn address(&self, hostname: &str) -> String {
        match &self.from {
            Some(address) => address.to_string(),
            None => format!("postmaster@{hostname}"),
        }
    }

    /// Messages that a digest lists at most.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.digest_lines.clamp(1, LINES_MOST) as usize
    }

    /// The key that signs letters of a house with this name; blocks on the file.
    ///
    /// # Errors
    /// Words for the administrator.
    pub fn key(&self, hostname: &str, now: Timestamp) -> Result<Option<SealingKey>, String> {
        let (path, selector) = match (&self.dkim_key, &self.dkim_selector) {
            (Some(path), Some(selector)) => (path, selector.clone()),
            (None, None) if self.dkim_domain.is_none() => return Ok(None),
            _ => return Err("[letters] dkim_key and dkim_selector go together".to_owned()),
        };
        let fault =
            |e: &dyn std::fmt::Display| format!("[letters] dkim_key {}: {e}", path.display());
        let domain = match &self.dkim_domain {
            Some(domain) => domain.clone(),
            None => {
                let address = self.address(hostname);
                let (_, domain) = address.rsplit_once('@').unwrap_or_default();
                domain.parse().map_err(|e| fault(&e))?
            }
        };
        let pem = std::fs::read_to_string(path).map_err(|e| fault(&e))?;
        let key = SealingKey::read(domain, selector, &pem, now).map_err(|e| fault(&e))?;
        Ok(Some(key))
    }
}

/// A letter to one person.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    pub to: Address,
    /// What it is, in one word of ASCII; stands in the field `X-Quaranta-Notice`.
    pub kind: &'static str,
    /// One line; what is not ASCII is encoded (RFC 2047).
    pub subject: String,
    /// Lines that end in LF.
    pub text: String,
    /// The same in HTML, lines that end in LF.
    pub html: Option<String>,
    /// A message that goes along as message/rfc822.
    pub attached: Option<Bytes>,
    /// More header fields: names and values, without line ends.
    pub fields: Vec<(&'static str, String)>,
    /// The value of its From field, where it is not that of all letters of the house.
    pub from: Option<String>,
    /// The reverse path; null without one, so that nobody answers by a program.
    pub sender: Option<Address>,
    /// It may go to an address that is not of a domain of ours.
    pub outside: bool,
    /// A stranger brought it about, who may bring about many.
    pub by_stranger: bool,
    /// Of no use from this time on.
    pub until: Timestamp,
}

impl Letter {
    /// A letter of plain text with a null reverse path.
    #[must_use]
    pub fn new(
        to: Address,
        kind: &'static str,
        subject: impl Into<String>,
        text: String,
        until: Timestamp,
    ) -> Self {
        Self {
            to,
            kind,
            subject: subject.into(),
            text,
            html: None,
            attached: None,
            fields: Vec::new(),
            from: None,
            sender: None,
            outside: false,
            by_stranger: false,
            until,
        }
    }

    /// The same, also to an address that is not of a domain of ours. There are bounds to those:
    /// see [`Post::send`].
    #[must_use]
    pub fn going_out(mut self) -> Self {
        self.outside = true;
        self
    }

    /// The same, and a stranger brought it about: however many there are, they leave room for others.
    #[must_use]
    pub fn by_stranger(mut self) -> Self {
        self.by_stranger = true;
        self
    }
}

/// Why a letter is not sent.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the letter cannot be written: {0}")]
    Bad(String),
    #[error("too many letters went outside in this hour")]
    TooMany,
}

/// Takes letters. Cheap to clone.
#[derive(Clone)]
pub struct Post {
    jobs: Arc<dyn Jobs>,
    clock: Clock,
    hostname: Arc<str>,
    from: Arc<str>,
    key: Option<Arc<SealingKey>>,
    mark: Option<Arc<Key>>,
    outside: Arc<Hourly>,
    outside_most: u32,
}

impl Post {
    /// `hostname` is our name, in Message-ID fields and where no From address is set.
    #[must_use]
    pub fn new(jobs: Arc<dyn Jobs>, clock: Clock, hostname: &str, options: &LetterOptions) -> Self {
        let address = options.address(hostname);
        let plain = |c: &char| c.is_ascii() && !c.is_control() && !matches!(c, '"' | '\\');
        let name: String = options.name.chars().filter(plain).collect();
        Self {
            jobs,
            clock,
            hostname: hostname.into(),
            from: format!("\"{name}\" <{address}>").into(),
            key: None,
            mark: None,
            outside: Arc::default(),
            outside_most: options.outside_per_hour,
        }
    }

    /// The same, and letters are signed with `key`, if there is one.
    #[must_use]
    pub fn signing(mut self, key: Option<SealingKey>) -> Self {
        self.key = key.map(Arc::new);
        self
    }

    /// The same, and letters bear a mark made with `key`, by which our own filter knows them.
    #[must_use]
    pub fn marking(mut self, key: Option<Key>) -> Self {
        self.mark = key.map(Arc::new);
        self
    }

    /// Takes a letter; it is durable on return, and brought by the deliveries. Nobody hears of it
    /// if that is not possible, and it is not kept (the reverse path is null).
    ///
    /// # Errors
    /// [`PostError`]; [`PostError::TooMany`] for letters that may go outside.
    pub async fn send(&self, letter: Letter) -> Result<(), PostError> {
        let now = self.clock.now();
        if letter.outside {
            let (to, most) = (organisation(letter.to.domain()), self.outside_most);
            let counts = |key, most| self.outside.counts(key, most, now);
            // The narrow limits first: what they turn away does not count against everybody.
            let within = counts(&to, most.div_ceil(2))
                && (!letter.by_stranger || counts("by strangers", most - most / 4))
                && counts("", most);
            if !within {
                return Err(PostError::TooMany);
            }
        }
        let octets = self.compose(&letter, now)?;
        let is_ascii = octets.is_ascii();
        let message = Message::new(octets, None).map_err(|e| PostError::Bad(e.to_string()))?;
        let envelope = Envelope {
            peer: Peer::local(),
            direction: Direction::Inbound,
            smtputf8: letter.to.needs_utf8()
                || letter.sender.as_ref().is_some_and(Address::needs_utf8),
            from: letter.sender,
            to: vec![letter.to.clone()],
            body: if is_ascii {
                BodyType::SevenBit
            } else {
                BodyType::EightBitMime
            },
        };
        let mail = Mail::new(envelope, message, now.day());
        let kind = JobKind::Letter {
            to: letter.to.clone(),
            until: letter.until,
            outside: letter.outside,
        };
        let job = Job::new(EntryId::of(mail.id, &letter.to), mail.id, kind, now);
        let door = Door::new("background", "");
        let mut event = Event::new(now, Status::Told, "letters", door);
        event = event.saying(format!("a letter of the house: {}", letter.kind));
        event.mail = Some(mail.id);
        event.direction = Some(Direction::Inbound);
        event.to = vec![letter.to];
        event.subject = letter.subject;
        event.size = mail.message.size();
        Ok(self.jobs.owe(&mail, vec![job], event).await?)
    }

    fn compose(&self, letter: &Letter, now: Timestamp) -> Result<Vec<u8>, PostError> {
        let fault = |e: &dyn std::fmt::Display| PostError::Bad(e.to_string());
        let head = Head {
            from: &self.from,
            hostname: &self.hostname,
            now,
            signed: self.key.is_some(),
        };
        let (header, body) = compose::compose(letter, &head).map_err(|e| fault(&e))?;
        let mut octets = match &self.key {
            Some(key) => sign(&header, &body, key, now)
                .map_err(|e| fault(&e))?
                .into_bytes(),
            None => Vec::new(),
        };
        let message = [&header[..], b"\r\n", &body].concat();
        if let Some(key) = &self.mark {
            let mark = notice::mark(key, &letter.to, &message, letter.until);
            octets.extend_from_slice(format!("{}: {mark}\r\n", notice::MARK_FIELD).as_bytes());
        }
        octets.extend_from_slice(&message);
        Ok(octets)
    }
}

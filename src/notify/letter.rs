//! Letters that the house writes to people: plain text, marked as what they are (RFC 3834), owed as
//! durable jobs to the recipient's own mail server.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::{Clock, Timestamp};
use crate::mail::{
    Address, BodyType, Direction, EntryId, Envelope, Mail, Message, NOTICE_FIELD, Peer,
};
use crate::record::{Door, Event, Job, JobKind, Status};
use crate::store::{Jobs, StoreError};
use crate::token::random;

crate::options! {
    /// Letters that the house writes to its users.
    pub struct LetterOptions in "letters" {
        /// The address in their From field; without one it is `postmaster` at our name.
        pub from: Option<Address> = None,
        /// The name beside it, in ASCII.
        pub name: String = "Mail quarantine".to_owned(),
    }
}

/// A letter to one person.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    pub to: Address,
    /// What it is, in one word of ASCII; stands in the field `X-Quaranta-Notice`.
    pub kind: &'static str,
    /// ASCII.
    pub subject: &'static str,
    /// Lines that end in LF.
    pub text: String,
    /// Of no use from this time on.
    pub until: Timestamp,
}

/// Why a letter is not sent.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the letter cannot be written: {0}")]
    Bad(String),
}

/// Takes letters. Cheap to clone.
#[derive(Clone)]
pub struct Post {
    jobs: Arc<dyn Jobs>,
    clock: Clock,
    hostname: Arc<str>,
    from: Arc<str>,
}

impl Post {
    /// `hostname` is our name, in Message-ID fields and where no From address is set.
    #[must_use]
    pub fn new(jobs: Arc<dyn Jobs>, clock: Clock, hostname: &str, options: &LetterOptions) -> Self {
        let address = match &options.from {
            Some(address) => address.to_string(),
            None => format!("postmaster@{hostname}"),
        };
        let plain = |c: &char| c.is_ascii() && !c.is_control() && !matches!(c, '"' | '\\');
        let name: String = options.name.chars().filter(plain).collect();
        Self {
            jobs,
            clock,
            hostname: hostname.into(),
            from: format!("\"{name}\" <{address}>").into(),
        }
    }

    /// Takes a letter; it is durable on return, and brought by the deliveries. Nobody hears of it
    /// if that is not possible, and it is not kept (the reverse path is null).
    ///
    /// # Errors
    /// [`PostError`].
    pub async fn send(&self, letter: Letter) -> Result<(), PostError> {
        let now = self.clock.now();
        let octets = self.compose(&letter, now)?;
        let is_ascii = octets.is_ascii();
        let message = Message::new(octets, None).map_err(|e| PostError::Bad(e.to_string()))?;
        let envelope = Envelope {
            peer: Peer::local(),
            direction: Direction::Inbound,
            from: None,
            to: vec![letter.to.clone()],
            body: if is_ascii {
                BodyType::SevenBit
            } else {
                BodyType::EightBitMime
            },
            smtputf8: letter.to.needs_utf8(),
        };
        let mail = Mail::new(envelope, message, now.day());
        let kind = JobKind::Letter {
            to: letter.to.clone(),
            until: letter.until,
        };
        let job = Job::new(EntryId::of(mail.id, &letter.to), mail.id, kind, now);
        let door = Door::new("background", "");
        let mut event = Event::new(now, Status::Accepted, "letters", door);
        event = event.saying(format!("a letter of the house: {}", letter.kind));
        event.mail = Some(mail.id);
        event.direction = Some(Direction::Inbound);
        event.to = vec![letter.to];
        event.subject = letter.subject.to_owned();
        event.size = mail.message.size();
        Ok(self.jobs.owe(&mail, vec![job], event).await?)
    }

    fn compose(&self, letter: &Letter, now: Timestamp) -> Result<Vec<u8>, PostError> {
        let random = random::<18>().map_err(|e| PostError::Bad(e.to_string()))?;
        let id = URL_SAFE_NO_PAD.encode(random);
        let text = letter.text.replace('\n', "\r\n");
        let encoding = if text.is_ascii() { "7bit" } else { "8bit" };
        let fields = [
            ("From", self.from.to_string()),
            ("To", format!("<{}>", letter.to)),
            ("Subject", letter.subject.to_owned()),
            ("Date", now.rfc5322()),
            ("Message-ID", format!("<{id}@{}>", self.hostname)),
            ("Auto-Submitted", "auto-generated".to_owned()),
            (NOTICE_FIELD, letter.kind.to_owned()),
            ("MIME-Version", "1.0".to_owned()),
            ("Content-Type", "text/plain; charset=utf-8".to_owned()),
            ("Content-Transfer-Encoding", encoding.to_owned()),
        ];
        let mut out = String::new();
        for (name, value) in fields {
            if value.chars().any(char::is_control) {
                return Err(PostError::Bad(format!("a control character in {name}")));
            }
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        out.push_str("\r\n");
        out.push_str(&text);
        Ok(out.into_bytes())
    }
}

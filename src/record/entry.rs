//! An entry: what one recipient has of one mail in the quarantine (XX-01).

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::mail::{Address, Direction, EntryId, Envelope, MailId, Reply, headers, subject};
use crate::policy::{Class, Verdict};

/// Which shelf an entry lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shelf {
    Caught,
    /// Accepted mail from unknown senders, until somebody authorises it (IW-01).
    Pending,
    /// Copies of delivered, unsure mail (SE-09).
    TrainingRequested,
}

/// Where an entry is in its life. Only `Held` entries are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Held,
    /// A job to deliver it is owed.
    Leaving,
    Released,
    Removed,
    Expired,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Held => "held",
            State::Leaving => "leaving",
            State::Released => "released",
            State::Removed => "removed",
            State::Expired => "expired",
        })
    }
}

/// Longest [`Entry::subject`], in characters.
pub const SUBJECT_LONGEST: usize = 256;

/// Days a released mail is kept at least that the destination refused.
pub const RETURNED_DAYS: u64 = 3;

/// Days a mail is kept that the destination refused after others had it.
const STRANDED_DAYS: u64 = 14;

/// What one recipient has of one mail. Its fields are kept by their place: a new one comes last, and
/// has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub id: EntryId,
    pub mail: MailId,
    /// The recipient; for outgoing mail the sender.
    pub owner: Address,
    /// The envelope recipient a release goes to, as written in RCPT: one, also for outgoing
    /// mail, of which the sender has an entry for each recipient (XX-01).
    pub to: Vec<Address>,
    /// The reverse path; `None` for the null sender.
    pub from: Option<Address>,
    pub direction: Direction,
    pub shelf: Shelf,
    pub state: State,
    pub verdict: Verdict,
    pub arrived: Timestamp,
    pub expires: Timestamp,
    /// Place in the one ever-growing sequence; given by the store when the entry
    /// becomes visible, and anew when it becomes visible again.
    pub uid: u64,
    /// Octets of the message.
    pub size: u64,
    /// Decoded Subject, at most [`SUBJECT_LONGEST`] characters.
    pub subject: String,
    /// The From field's first address, or else the reverse path, as text.
    pub author: String,
    /// The client's address.
    pub client: String,
    /// What the destination said when delivery was refused; shown as `$ReleaseFailed`.
    pub failed: Option<Reply>,
    /// While it is leaving: its job is not tried before, and until then the release may be
    /// taken back (XX-13).
    #[serde(default)]
    pub leaves: Option<Timestamp>,
    /// Somebody without the right asked for its release (XX-12).
    #[serde(default)]
    pub requested: Option<Asked>,
    /// SPF or DKIM vouched for the author when it came.
    #[serde(default)]
    pub aligned: bool,
    /// The house may write to its sender: see [`crate::policy::writable`].
    #[serde(default)]
    pub writable: bool,
    /// It waited in vain and is delivered marked as spam (IW-05).
    #[serde(default)]
    pub marked: bool,
    /// The name beside the author's address; empty if there is none.
    #[serde(default)]
    pub author_name: String,
}

impl Entry {
    /// An entry for owed mail that its destination did not take: it goes to the quarantine of the
    /// recipient, because the sender was told that we have it; mail on its way out to the
    /// sender's.
    #[must_use]
    pub fn stranded(
        kept: &KeptMail,
        to: Address,
        reply: Reply,
        direction: Direction,
        now: Timestamp,
    ) -> Self {
        let subject = headers::first(&kept.bytes, "Subject").map(|field| {
            subject::decoded(field.value)
                .chars()
                .take(SUBJECT_LONGEST)
                .collect()
        });
        let mail = kept.id;
        let owner = match (direction, &kept.envelope.from) {
            (Direction::Outbound, Some(from)) => from.clone(),
            (Direction::Outbound, None) | (Direction::Inbound, _) => to.clone(),
        };
        Self {
            id: EntryId::going(direction, mail, &to),
            mail,
            to: vec![to],
            owner,
            from: kept.envelope.from.clone(),
            direction,
            shelf: Shelf::Caught,
            state: State::Held,
            verdict: Verdict {
                class: Class::Clean,
                score: 0.0,
                because: Vec::new(),
            },
            arrived: now,
            expires: now.after_days(STRANDED_DAYS),
            uid: 0,
            size: kept.bytes.len() as u64,
            subject: subject.unwrap_or_default(),
            author: kept.envelope.from_text(),
            author_name: String::new(),
            client: kept.envelope.peer.address.to_string(),
            failed: Some(reply),
            leaves: None,
            requested: None,
            aligned: false,
            writable: false,
            marked: false,
        }
    }
}

/// How the name of a sender who appeals begins; no login does.
pub const APPELLANT: &str = "sender <";

/// Who asked for a release, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The login; of a sender who appeals `sender <ADDRESS>`.
    pub who: String,
    pub at: Timestamp,
    /// What they say to it, in plain words on one line; may be empty.
    #[serde(default)]
    pub words: String,
}

/// A mail as it was received: its envelope and its untouched octets.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptMail {
    pub id: MailId,
    pub envelope: Envelope,
    pub bytes: Bytes,
}

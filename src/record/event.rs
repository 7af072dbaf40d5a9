//! Events: what happened to a mail, when, by whom, through which door (SE-16, XX-03).

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Entry;
use crate::clock::Timestamp;
use crate::mail::{Address, Direction, EntryId, MailId};
use crate::policy::{Class, Scope};

/// The vocabulary of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Delivered as it was.
    Accepted,
    /// Delivered with a mark.
    Tagged,
    /// Refused with 5xx, and stashed.
    Quarantined,
    /// Accepted with 250; waits until somebody authorises it (IW-01).
    Pending,
    /// The sender of pending mail was asked to show that somebody is there, or failed to (IW-06).
    Challenged,
    /// 4xx; never listed in the quarantine: deferred, not blocked (SE-04).
    Deferred,
    /// Refused with 5xx, no copy.
    Refused,
    /// Refused before DATA.
    NotAccepted,
    /// Somebody asked for the release.
    Released,
    /// Somebody without the right asked for it (XX-12).
    Requested,
    /// A release that was asked for was not granted (XX-12).
    Denied,
    /// The house wrote to somebody about a mail.
    Told,
    /// A release was taken back before it left (XX-13).
    TakenBack,
    ReleasedAndTrained,
    /// The destination took a released or owed mail.
    Delivered,
    /// The destination has not taken it yet; it is tried again.
    DeliveryDeferred,
    /// The destination refused it for good.
    ReleaseFailed,
    Removed,
    Expired,
    TrainedSpam,
    TrainedHam,
    /// A reinsertion token did not hold: forged, expired, replayed or altered (SY-03).
    TokenRefused,
    /// Something was set: an account, a domain, a list, a key.
    Changed,
    /// Somebody signed in, or failed to.
    SignedIn,
    SignInFailed,
    /// Somebody opened mail that is not their own.
    Opened,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Accepted => "accepted",
            Status::Tagged => "tagged",
            Status::Quarantined => "quarantined",
            Status::Pending => "pending",
            Status::Challenged => "challenged",
            Status::Deferred => "deferred",
            Status::Refused => "refused",
            Status::NotAccepted => "not-accepted",
            Status::Released => "released",
            Status::Requested => "requested",
            Status::Denied => "denied",
            Status::Told => "told",
            Status::TakenBack => "taken-back",
            Status::ReleasedAndTrained => "released-and-trained",
            Status::Delivered => "delivered",
            Status::DeliveryDeferred => "delivery-deferred",
            Status::ReleaseFailed => "release-failed",
            Status::Removed => "removed",
            Status::Expired => "expired",
            Status::TrainedSpam => "trained-spam",
            Status::TrainedHam => "trained-ham",
            Status::TokenRefused => "token-refused",
            Status::Changed => "changed",
            Status::SignedIn => "signed-in",
            Status::SignInFailed => "sign-in-failed",
            Status::Opened => "opened",
        })
    }
}

/// The door through which something was asked, and from where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Door {
    /// `smtp`, `imap`, `control`, `background`, ...
    pub name: String,
    /// The visitor's address, where there is one.
    pub peer: String,
}

impl Door {
    #[must_use]
    pub fn new(name: &str, peer: impl fmt::Display) -> Self {
        Self {
            name: name.to_owned(),
            peer: peer.to_string(),
        }
    }
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub at: Timestamp,
    pub status: Status,
    pub mail: Option<MailId>,
    pub entry: Option<EntryId>,
    pub direction: Option<Direction>,
    pub from: Option<Address>,
    pub to: Vec<Address>,
    pub subject: String,
    /// Octets of the message.
    pub size: u64,
    pub class: Option<Class>,
    pub score: Option<f32>,
    /// Who did it: a login, or the chore of the house.
    pub who: String,
    pub door: Door,
    /// What was answered, or said by the next host, or set.
    pub words: String,
    /// The client that the mail came from, where it is known.
    #[serde(default)]
    pub client: Option<IpAddr>,
    /// What was set is set for this scope, or concerns the account of this login.
    #[serde(default)]
    pub about: Option<Scope>,
}

impl Event {
    /// An event that speaks of no mail yet.
    #[must_use]
    pub fn new(at: Timestamp, status: Status, who: &str, door: Door) -> Self {
        Self {
            at,
            status,
            mail: None,
            entry: None,
            direction: None,
            from: None,
            to: Vec::new(),
            subject: String::new(),
            size: 0,
            class: None,
            score: None,
            who: who.to_owned(),
            door,
            words: String::new(),
            client: None,
            about: None,
        }
    }

    /// The addresses on our side of the house: who the event belongs to.
    #[must_use]
    pub fn ours(&self) -> &[Address] {
        match self.direction {
            Some(Direction::Outbound) => self.from.as_slice(),
            Some(Direction::Inbound) | None => &self.to,
        }
    }

    /// True if it belongs to somebody in `scope`.
    #[must_use]
    pub fn is_in(&self, scope: &Scope) -> bool {
        let mut ours = self.ours().iter();
        *scope == Scope::Global || ours.any(|address| scope.holds_address(address))
    }

    /// True if `to` is a recipient that `scope` may know of: who else got an inbound mail may
    /// be a secret (Bcc). What went out is its sender's own.
    #[must_use]
    pub fn shows(&self, to: &Address, scope: &Scope) -> bool {
        self.direction == Some(Direction::Outbound) || scope.holds_address(to)
    }

    /// The entries that it is part of the history of.
    #[must_use]
    pub fn entries(&self) -> Vec<EntryId> {
        let direction = self.direction.unwrap_or(Direction::Inbound);
        match (self.entry, self.mail) {
            (Some(entry), _) => vec![entry],
            // An event about the whole mail is part of the history of each of its entries.
            (None, Some(mail)) => self
                .to
                .iter()
                .map(|to| EntryId::going(direction, mail, to))
                .collect(),
            (None, None) => Vec::new(),
        }
    }

    /// The same, about an entry.
    #[must_use]
    pub fn of(mut self, entry: &Entry) -> Self {
        self.mail = Some(entry.mail);
        self.entry = Some(entry.id);
        self.direction = Some(entry.direction);
        self.from.clone_from(&entry.from);
        self.to.clone_from(&entry.to);
        self.subject.clone_from(&entry.subject);
        self.size = entry.size;
        self.class = Some(entry.verdict.class);
        self.score = Some(entry.verdict.score);
        self
    }

    /// The same, about what is set for `scope`.
    #[must_use]
    pub fn about(mut self, scope: &Scope) -> Self {
        self.about = Some(scope.clone());
        self
    }

    /// The same, saying `words`.
    #[must_use]
    pub fn saying(mut self, words: impl Into<String>) -> Self {
        self.words = words.into();
        self
    }
}

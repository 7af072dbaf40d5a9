//! What is asked of the log of all mail, and what it answers.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::mail::{Address, Direction, Domain, EntryId, MailId};
use crate::net::network::Network;
use crate::policy::Class;
use crate::record::Status;

/// The place of an event in the log: its time, then its number, which no two share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub at: Timestamp,
    pub number: u64,
}

/// A text is not a place in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a place in the log: it is written as two numbers with a hyphen between them")]
pub struct PlaceError;

impl fmt::Display for Place {
    /// Milliseconds and number, such as `1700000000000-17`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.at.0, self.number)
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let (at, number) = text.split_once('-').ok_or(PlaceError)?;
        Ok(Self {
            at: Timestamp(at.parse().map_err(|_| PlaceError)?),
            number: number.parse().map_err(|_| PlaceError)?,
        })
    }
}

crate::serde_as_text!(Place);

/// A sender or recipient as people look for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Party {
    Address(Address),
    /// Exactly this domain.
    Domain(Domain),
    /// Beginnings of words of the address; all must be there.
    Part(String),
}

/// A text cannot be an address, a domain, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no address, no @domain, and no part of an address")]
pub struct PartyError(String);

impl FromStr for Party {
    type Err = PartyError;

    /// `local@domain`, `@domain`, or else a part.
    fn from_str(text: &str) -> Result<Self, PartyError> {
        let fault = || PartyError(text.chars().take(80).collect());
        let text = text.trim();
        if let Some(domain) = text.strip_prefix('@') {
            return domain.parse().map(Party::Domain).map_err(|_| fault());
        }
        if let Ok(address) = text.parse() {
            return Ok(Party::Address(address));
        }
        if text.chars().any(char::is_alphanumeric) {
            Ok(Party::Part(text.to_owned()))
        } else {
            Err(fault())
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Party::Address(address) => f.write_str(address.key()),
            Party::Domain(domain) => write!(f, "@{domain}"),
            Party::Part(part) => f.write_str(part),
        }
    }
}

crate::serde_as_text!(Party);

/// What to look for in the log. All that is set must hold. What the looking scope may not
/// see is not looked at either.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Query {
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Up to and with this time.
    pub until: Option<Timestamp>,
    /// One of these; empty for any.
    pub statuses: Vec<Status>,
    pub direction: Option<Direction>,
    /// One of these; empty for any.
    pub classes: Vec<Class>,
    /// This score or a higher one.
    pub score_from: Option<f32>,
    /// This score or a lower one.
    pub score_to: Option<f32>,
    pub from: Option<Party>,
    pub to: Option<Party>,
    /// The sender or a recipient.
    pub address: Option<Party>,
    /// The client's address or network.
    pub client: Option<Network>,
    /// Words of the subject. A word that ends in `*` stands for all that begin so.
    pub subject: Option<String>,
    /// Words of addresses, subject, answer or who did it; or the client's address.
    pub text: Option<String>,
    pub mail: Option<MailId>,
    /// What belongs to this entry's history.
    pub entry: Option<EntryId>,
    /// Older than this place: where the page before ended.
    pub before: Option<Place>,
}

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The newest first.
    pub rows: Vec<T>,
    /// Ask on with this as [`Query::before`]; `None` at the end. A search that had to look
    /// at very much may stop with few rows, and go on from here.
    pub next: Option<Place>,
}

/// The length of a step of a tally. Days are those of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    Hour,
    Day,
}

impl Step {
    /// Hours in it.
    #[must_use]
    pub fn hours(self) -> u64 {
        match self {
            Step::Hour => 1,
            Step::Day => 24,
        }
    }
}

/// So many events of one kind in one step of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// The start of the step.
    pub at: Timestamp,
    pub status: Status,
    pub class: Option<Class>,
    pub direction: Option<Direction>,
    pub events: u64,
}

/// How often an address was there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Top<T> {
    pub what: T,
    pub events: u64,
}

/// An overview of a range of time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// By time, then as they come.
    pub counts: Vec<Count>,
    /// The most frequent first. See [`crate::store::Journal::tally`] for how exact they are.
    pub senders: Vec<Top<String>>,
    pub recipients: Vec<Top<String>>,
    pub clients: Vec<Top<IpAddr>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_parties_survive_text() {
        let place = Place {
            at: Timestamp(1_700_000_000_000),
            number: 17,
        };
        assert_eq!(place.to_string().parse(), Ok(place));
        for text in ["", "-", "1", "1-", "a-1", "1-1-1", "-1-1"] {
            assert_eq!(text.parse::<Place>(), Err(PlaceError), "{text}");
        }
        let table = [
            ("Jane@Far.example", "jane@far.example"),
            ("@FAR.example", "@far.example"),
            (" jane ", "jane"),
            ("far.example", "far.example"),
        ];
        for (text, shown) in table {
            let party: Party = text.parse().expect("party");
            assert_eq!(party.to_string(), shown);
            assert_eq!(shown.parse::<Party>(), Ok(party));
        }
        assert!(matches!("far.example".parse(), Ok(Party::Part(_))));
        for text in ["", "@", "@a b", "--"] {
            assert!(text.parse::<Party>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_query_survives_json_and_may_be_short() {
        let query: Query = serde_json::from_str(
            r#"{"statuses":["quarantined"],"from":"@far.example","before":"5-6","client":"192.0.2.0/24"}"#,
        )
        .expect("read");
        assert_eq!(query.statuses, [Status::Quarantined]);
        let text = serde_json::to_string(&query).expect("written");
        assert_eq!(serde_json::from_str::<Query>(&text).expect("read"), query);
    }
}

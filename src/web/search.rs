//! A search of the log as the panel and the API ask for it: the texts are read in one place.

use std::fmt::Display;
use std::str::FromStr;

use crate::actions::{Place, Query};
use crate::clock::Timestamp;
use crate::mail::Direction;
use crate::policy::Class;
use crate::record::Status;

/// What to look for; texts as they were typed.
#[derive(Default)]
pub(super) struct Search<'a> {
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    pub(super) statuses: Vec<Status>,
    pub(super) direction: Option<Direction>,
    pub(super) classes: Vec<Class>,
    pub(super) score_from: Option<f32>,
    pub(super) score_to: Option<f32>,
    pub(super) from: Option<&'a str>,
    pub(super) to: Option<&'a str>,
    pub(super) address: Option<&'a str>,
    pub(super) client: Option<&'a str>,
    pub(super) subject: Option<&'a str>,
    pub(super) text: Option<&'a str>,
    pub(super) mail: Option<&'a str>,
    pub(super) entry: Option<&'a str>,
    pub(super) before: Option<Place>,
}

impl Search<'_> {
    /// The query. `fault` hears of each text that cannot be read: its name, and why.
    pub(super) fn query(self, fault: &mut dyn FnMut(&'static str, String)) -> Query {
        Query {
            since: self.since,
            until: self.until,
            statuses: self.statuses,
            direction: self.direction,
            classes: self.classes,
            score_from: self.score_from,
            score_to: self.score_to,
            from: read("from", self.from, fault),
            to: read("to", self.to, fault),
            address: read("address", self.address, fault),
            client: read("client", self.client, fault),
            subject: self.subject.map(str::to_owned),
            text: self.text.map(str::to_owned),
            mail: read("mail", self.mail, fault),
            entry: read("entry", self.entry, fault),
            before: self.before,
        }
    }
}

fn read<T>(
    name: &'static str,
    text: Option<&str>,
    fault: &mut dyn FnMut(&'static str, String),
) -> Option<T>
where
    T: FromStr,
    T::Err: Display,
{
    let parsed = text?.parse();
    parsed
        .map_err(|error: T::Err| fault(name, error.to_string()))
        .ok()
}

//! The command line's words for the log of all mail.

use clap::Args;

use super::Common;
use crate::actions::{Party, Place, Query};
use crate::clock::Timestamp;
use crate::mail::{Direction, EntryId, MailId};
use crate::net::network::Network;
use crate::policy::{Class, Scope};
use crate::record::Status;

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// Only this scope: `global`, a domain, or an address
    #[arg(default_value = "global")]
    pub(crate) scope: Scope,
    /// Only this status, such as quarantined or delivered; several may be given
    #[arg(long, value_parser = named::<Status>)]
    status: Vec<Status>,
    /// Only mail that goes this way: inbound or outbound
    #[arg(long, value_parser = named::<Direction>)]
    direction: Option<Direction>,
    /// Only this class: clean, unsure, spam or malware; several may be given
    #[arg(long, value_parser = named::<Class>)]
    class: Vec<Class>,
    /// Only this score or a higher one
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    score_from: Option<f32>,
    /// Only this score or a lower one
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    score_to: Option<f32>,
    /// Only mail from this sender: an address, @domain, or the beginning of a word of an address
    #[arg(long, value_name = "WHO")]
    from: Option<Party>,
    /// Only mail to this recipient, written in the same way
    #[arg(long, value_name = "WHO")]
    to: Option<Party>,
    /// Only mail from or to somebody, written in the same way
    #[arg(long, value_name = "WHO")]
    address: Option<Party>,
    /// Only mail from this client: an address or a network
    #[arg(long, value_name = "NETWORK")]
    client: Option<Network>,
    /// Only lines with these words in the subject; `invoi*` stands for all words that begin so
    #[arg(long, value_name = "WORDS")]
    subject: Option<String>,
    /// Only lines with these words in addresses, subject or answer, or from this client
    #[arg(long, value_name = "WORDS")]
    text: Option<String>,
    /// Only this mail
    #[arg(long, value_name = "ID")]
    mail: Option<MailId>,
    /// Only the history of this entry of the quarantine
    #[arg(long, value_name = "ID")]
    entry: Option<EntryId>,
    /// Only the last hours
    #[arg(long, value_name = "N")]
    hours: Option<u64>,
    /// Only lines since this time, such as 2026-11-21 or 2026-11-21T14:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "hours")]
    since: Option<Timestamp>,
    /// Only lines before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// Only lines older than this place; the last line of an answer names it
    #[arg(long, value_name = "PLACE")]
    before: Option<Place>,
    /// At most this many
    #[arg(long, short = 'n', default_value_t = 50)]
    pub(crate) most: usize,
    #[command(flatten)]
    pub(crate) common: Common,
}

impl LogArgs {
    /// What is looked for, at the time `now`.
    pub(crate) fn query(&self, now: Timestamp) -> Query {
        let ago = |hours: u64| Timestamp(now.0.saturating_sub(hours.saturating_mul(3_600_000)));
        Query {
            since: self.since.or(self.hours.map(ago)),
            until: self.until.map(|until| Timestamp(until.0.saturating_sub(1))),
            statuses: self.status.clone(),
            direction: self.direction,
            classes: self.class.clone(),
            score_from: self.score_from,
            score_to: self.score_to,
            from: self.from.clone(),
            to: self.to.clone(),
            address: self.address.clone(),
            client: self.client,
            subject: self.subject.clone(),
            text: self.text.clone(),
            mail: self.mail,
            entry: self.entry,
            before: self.before,
        }
    }
}

/// A word of the house's vocabulary.
fn named<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::from(text)).map_err(|e| e.to_string())
}

/// A day or a time; UTC where it does not say otherwise.
fn time(text: &str) -> Result<Timestamp, String> {
    let fault = || format!("'{text}' is no time: write 2026-11-21 or 2026-11-21T14:00:00Z");
    let at = match text.parse::<jiff::Timestamp>() {
        Ok(at) => at,
        Err(_) => {
            let day: jiff::civil::DateTime = text.parse().map_err(|_| fault())?;
            let at = day.to_zoned(jiff::tz::TimeZone::UTC);
            at.map_err(|_| fault())?.timestamp()
        }
    };
    u64::try_from(at.as_millisecond())
        .map(Timestamp)
        .map_err(|_| fault())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let table = [
            ("1970-01-02", Some(86_400_000)),
            ("1970-01-01T01:00", Some(3_600_000)),
            ("1970-01-01T01:00:00Z", Some(3_600_000)),
            ("1970-01-01T01:00:00+01:00", Some(0)),
            ("1969-01-01", None),
            ("yesterday", None),
        ];
        for (text, at) in table {
            assert_eq!(time(text).ok(), at.map(Timestamp), "{text}");
        }
    }
}

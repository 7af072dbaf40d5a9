//! The values of the index: each row carries where it lies in the log, and a version.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::mail::Envelope;
use crate::record::{Entry, Lesson};
use crate::store::{Held, StoreError};

/// The version of the encoding of values. Fields may be added at the end of a
/// struct with `#[serde(default)]` without a new version.
const VERSION: u8 = 1;

/// Where the latest image of a row lies in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Home {
    /// The segment.
    pub(crate) segment: u64,
    /// Where the record starts in it.
    pub(crate) offset: u64,
    /// The octets of the log that live and die with this row.
    pub(crate) weight: u32,
}

const HOME: usize = 20;

impl Home {
    /// The row as it is kept: home and value.
    pub(crate) fn row(self, value: &[u8]) -> Vec<u8> {
        let mut row = Vec::with_capacity(HOME + value.len());
        row.extend_from_slice(&self.segment.to_be_bytes());
        row.extend_from_slice(&self.offset.to_be_bytes());
        row.extend_from_slice(&self.weight.to_be_bytes());
        row.extend_from_slice(value);
        row
    }

    /// Home and value of a row.
    pub(crate) fn split(row: &[u8]) -> Result<(Home, &[u8]), StoreError> {
        let short = || StoreError::Failed("a row of the index is cut short".into());
        let (segment, rest) = row.split_first_chunk().ok_or_else(short)?;
        let (offset, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (weight, value) = rest.split_first_chunk().ok_or_else(short)?;
        let home = Home {
            segment: u64::from_be_bytes(*segment),
            offset: u64::from_be_bytes(*offset),
            weight: u32::from_be_bytes(*weight),
        };
        Ok((home, value))
    }
}

/// What is known of a mail besides its octets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MailRow {
    pub(crate) envelope: Envelope,
    /// Octets of the message.
    pub(crate) size: u64,
}

/// An entry and when it came into its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EntryRow {
    pub(crate) entry: Entry,
    pub(crate) since: Timestamp,
}

/// A lesson, and whether the octets are still kept for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LessonRow {
    pub(crate) lesson: Lesson,
    pub(crate) holds: bool,
}

/// Flags, and the uid they were set for: under another uid it is another message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FlagsRow {
    pub(crate) uid: u64,
    pub(crate) flags: Vec<String>,
}

/// Encodes a value: version, then fields in their order, without names.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    let mut out = vec![VERSION];
    value
        .serialize(&mut rmp_serde::Serializer::new(&mut out))
        .map_err(|error| StoreError::Failed(format!("cannot encode: {error}")))?;
    Ok(out)
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode<T: DeserializeOwned>(value: &[u8]) -> Result<T, StoreError> {
    match value.split_first() {
        Some((&VERSION, rest)) => rmp_serde::from_slice(rest)
            .map_err(|error| StoreError::Failed(format!("cannot decode a row: {error}"))),
        Some((other, _)) => Err(StoreError::Failed(format!(
            "a row has the encoding {other}, which this version does not know"
        ))),
        None => Err(StoreError::Failed("a row is empty".into())),
    }
}

/// Encodes a setting: JSON, because settings have names, are few and are read by people.
pub(crate) fn encode_setting<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value)
        .map_err(|error| StoreError::Failed(format!("cannot encode a setting: {error}")))
}

pub(crate) fn decode_setting<T: DeserializeOwned>(value: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(value)
        .map_err(|error| StoreError::Failed(format!("cannot decode a setting: {error}")))
}

/// A number as it is kept.
pub(crate) fn number(value: Option<&[u8]>) -> u64 {
    value
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |octets| u64::from_be_bytes(*octets))
}

/// What is held, as it is kept.
pub(crate) fn held(value: Option<&[u8]>) -> Held {
    Held {
        messages: number(value),
        octets: number(value.and_then(|value| value.get(8..))),
    }
}

pub(crate) fn held_row(held: Held) -> Vec<u8> {
    [held.messages.to_be_bytes(), held.octets.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Old {
        a: u32,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct New {
        a: u32,
        #[serde(default)]
        b: Vec<String>,
    }

    #[test]
    fn fields_may_be_added() {
        let old = encode(&Old { a: 7 }).expect("encoded");
        let new: New = decode(&old).expect("read");
        assert_eq!(new, New { a: 7, b: vec![] });
        assert!(decode::<Old>(&[9, 1, 2]).is_err());
        assert!(decode::<Old>(&[]).is_err());
    }

    #[test]
    fn a_row_knows_its_home() {
        let home = Home {
            segment: 3,
            offset: 4,
            weight: 5,
        };
        let row = home.row(b"x");
        assert_eq!(Home::split(&row), Ok((home, b"x".as_slice())));
        assert!(Home::split(&row[..19]).is_err());
    }
}

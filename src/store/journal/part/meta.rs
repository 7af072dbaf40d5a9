//! What is known of a part without reading its lists and rows: where all lies, and sums.

use serde::{Deserialize, Serialize};

use super::glance::{Glance, Scores};
use crate::mail::Direction;
use crate::policy::Class;
use crate::record::{Event, Status};

/// Rows in one block of rows.
pub(super) const ROWS: u32 = 64;
/// Rows of one part at most; the lists of ids have 24 bits for a row.
pub(crate) const ROWS_MOST: usize = 1 << 19;
/// Milliseconds of an hour.
pub(crate) const HOUR: u64 = 3_600_000;
/// The most frequent addresses that a part tells of.
pub(super) const TOPS: usize = 100;

/// What an overview tells apart; a row's column holds its place in a table of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Kind {
    pub(crate) status: Status,
    pub(crate) class: Option<Class>,
    pub(crate) direction: Option<Direction>,
}

impl Kind {
    pub(crate) fn of(event: &Event) -> Self {
        Self {
            status: event.status,
            class: event.class,
            direction: event.direction,
        }
    }
}

/// A block of rows, and its first row's time and number.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Block {
    pub(super) offset: u64,
    pub(super) length: u32,
    pub(super) at: u64,
    pub(super) number: u64,
}

/// A block of terms, and its first term.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Fence {
    pub(super) term: Box<[u8]>,
    pub(super) offset: u64,
    pub(super) length: u32,
}

/// Ids in order, in blocks of [`IDS`]: the high 40 bits are the id's, the low 24 the row.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Ids {
    pub(super) offset: u64,
    pub(super) count: u64,
    /// The first of each block.
    pub(super) fences: Vec<u64>,
}

/// Ids in a block.
pub(super) const IDS: usize = 512;

/// An id with its row as a list of ids has it.
pub(super) fn id(id: [u8; 16], row: u32) -> u64 {
    id_start(id) | u64::from(row)
}

/// The same with row 0.
pub(super) fn id_start(id: [u8; 16]) -> u64 {
    let [a, b, c, d, e, ..] = id;
    u64::from_be_bytes([a, b, c, d, e, 0, 0, 0])
}

/// The row of an id in a list.
pub(super) fn row_of(id: u64) -> u32 {
    (id & 0xff_ffff) as u32
}

/// What is known of a part.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Meta {
    pub(super) rows: u32,
    /// Time and number of the first and the last row.
    pub(super) low: (u64, u64),
    pub(super) high: (u64, u64),
    pub(super) kinds: Vec<Kind>,
    pub(super) blocks: Vec<Block>,
    pub(super) fences: Vec<Fence>,
    /// Where the columns lie: kinds (2 octets a row), scores (4), hours (4).
    pub(super) columns: [u64; 3],
    pub(super) mails: Ids,
    pub(super) entries: Ids,
    /// Hour since 1970, kind, rows.
    pub(super) counts: Vec<(u32, u16, u32)>,
    /// The most frequent senders, recipients, clients: term and rows.
    pub(super) tops: [Vec<(Box<[u8]>, u32)>; 3],
    /// The scores of each kind, and what each block of rows holds; none in a part that was
    /// sealed before these were kept.
    #[serde(default)]
    pub(super) scores: Vec<Scores>,
    #[serde(default)]
    pub(super) glances: Vec<Glance>,
}

/// The hour of a time in milliseconds.
pub(super) fn hour(at: u64) -> u32 {
    u32::try_from(at / HOUR).unwrap_or(u32::MAX)
}

//! The sealed parts of the log of all mail: files of our own that do not change any more.
//!
//! A file holds, each stretch with its checksum: blocks of rows (the encoded events, zstd), by
//! time and number; columns (kind, score, hour); the ids of mails and entries, sorted; terms in
//! front-coded blocks, with lists of rows as distances; and in the end what is known of all
//! that (also which kinds and scores each block of rows has), which is kept in memory. It is written aside, synced, and then gets its name,
//! which says the numbers that it covers: once it has its name, it counts.

mod build;
mod find;
mod glance;
mod lists;
mod meta;
mod octets;
mod read;
mod tally;
mod verify;
mod write;

pub(crate) use build::{build, merge, numbers};
pub(crate) use find::Line;
pub(crate) use meta::{HOUR, Kind, ROWS_MOST};
pub(crate) use read::Part;
pub(crate) use tally::{Hours, Terms};

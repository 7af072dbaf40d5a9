//! The grammar of commands (RFC 3501 section 9 and the extensions we advertise), pure and bounded.
//!
//! It is our own because the codec at hand knows no LIST-EXTENDED, fixes the order of
//! literals and continuation in its flow, and is an alpha where strangers knock. Tests use
//! that codec as a second opinion.

mod command;
mod cursor;
mod fetch;
mod list;
mod search;
#[cfg(test)]
mod second_opinion;
mod set;

pub(super) use command::{Command, StoreMode, Target, append_head, parse, tag_of};
pub(super) use fetch::{Item, Partial, Section, Words};
pub(super) use list::{ListWish, StatusItem};
pub(super) use search::{DateOf, DateOrder, Key};
pub(super) use set::SequenceSet;

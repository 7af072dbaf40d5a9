//! Verb 2: somebody does something with an entry. `desk` asks, `plan` decides, the store keeps.

mod action;
mod desk;
mod log;
mod plan;
mod sealing;
mod senders;
mod settings;

pub use action::{Action, Outcome, Refusal};
pub use desk::{Desk, Status};
pub use plan::plan;
pub use sealing::sealing_key;
pub use settings::reinsertion_keys;

/// What people's doors need of the store's words; the store itself stays behind the desk.
pub use crate::store::{
    Count, Flags, Notice, NoticeKind, Page, Party, Place, Query, Row, Shown, Step, Tally, Top,
};

//! Verb 2: somebody does something with an entry. `desk` asks, `plan` decides, the store keeps.

mod accounts;
mod action;
mod api_keys;
mod desk;
mod grants;
mod log;
mod opened;
mod plan;
mod sealing;
mod senders;
mod settings;

pub use accounts::ShownAccount;
pub use action::{Action, Outcome, Refusal};
pub use api_keys::{NewKey, ShownKey};
pub use desk::{Desk, Status};
pub use grants::Given;
pub use plan::plan;
pub use sealing::sealing_key;
pub use settings::reinsertion_keys;

/// What people's doors need of the store's words; the store itself stays behind the desk.
pub use crate::store::{Flags, Notice, NoticeKind, Query, Row, Shown};

//! Verb 2: somebody does something with an entry. `desk` asks, `plan` decides, the store keeps.

mod accounts;
mod action;
mod api_keys;
mod appeal;
mod audit;
mod bounds;
mod browse;
mod bulk;
mod challenge;
mod desk;
mod digests;
mod grants;
mod jobs;
mod layers;
mod links;
mod listing;
mod log;
mod opened;
mod pending;
mod plan;
#[cfg(test)]
mod plan_tests;
mod room;
mod sealing;
mod senders;
mod settings;
mod verb;
mod views;

pub use accounts::ShownAccount;
pub use action::{Action, Outcome, Reach, Refusal};
pub use api_keys::{NewKey, ShownKey};
pub use appeal::Appealed;
pub use audit::AuditQuery;
pub use browse::{Order, Sheet, Sieve};
pub use challenge::{Challenged, OpenChallenge, challenge_keys};
pub use desk::{Desk, Status};
pub use digests::{DIGEST_SHELVES, DigestWish, LOOK_AGAIN, digest_tells, due_at};
pub use grants::Given;
pub use jobs::{OwedJob, OwedKind};
pub use links::{Followed, action_of, link_keys};
pub use log::{Later, Line};
pub use plan::{Terms, plan};
pub use sealing::sealing_key;
pub use settings::reinsertion_keys;
pub use verb::Verb;

/// What people's doors need of the store's words; the store itself stays behind the desk.
pub use crate::store::{
    Count, Flags, Notice, NoticeKind, Page, Party, Place, Query, Row, Shown, Step, Tally, Top,
};

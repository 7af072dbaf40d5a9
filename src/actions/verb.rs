//! The words for actions at the doors where people type or press them.

use serde::{Deserialize, Serialize};

use super::{Action, Reach};

/// What somebody does with an entry, as the admin socket, the API and the panel spell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    Release,
    ReleaseAndTrain,
    ReleaseAndAllow,
    RequestRelease,
    DenyRequest,
    TakeBack,
    Remove,
    RemoveAndBlock,
    TrainSpam,
    TrainHam,
    RemoveAsSpam,
    RemoveAsHam,
}

impl Verb {
    /// The same with a reason, where a denial can have one.
    #[must_use]
    pub fn because(self, reach: Reach, why: &str) -> Action {
        match self {
            Verb::DenyRequest => Action::DenyRequest(why.to_owned()),
            other => other.action(reach),
        }
    }

    /// The action; `reach` is that of a list entry which is made with it.
    #[must_use]
    pub fn action(self, reach: Reach) -> Action {
        match self {
            Verb::Release => Action::Release,
            Verb::ReleaseAndTrain => Action::ReleaseAndTrain,
            Verb::ReleaseAndAllow => Action::ReleaseAndAllow(reach),
            Verb::RequestRelease => Action::RequestRelease,
            Verb::DenyRequest => Action::DenyRequest(String::new()),
            Verb::TakeBack => Action::TakeBack,
            Verb::Remove => Action::Remove,
            Verb::RemoveAndBlock => Action::RemoveAndBlock(reach),
            Verb::TrainSpam => Action::TrainSpam,
            Verb::TrainHam => Action::TrainHam,
            Verb::RemoveAsSpam => Action::RemoveAsSpam,
            Verb::RemoveAsHam => Action::RemoveAsHam,
        }
    }
}

//! What can be wished, and what comes of it.

use serde::{Deserialize, Serialize};

use crate::mail::{EntryId, Reply};
use crate::policy::Right;
use crate::record::State;

/// A wish. One means the same at every door.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Deliver to the original envelope recipient, nothing else (SE-10).
    Release,
    /// Deliver, and report as a false positive.
    ReleaseAndTrain,
    /// Deliver, and put the sender on the allow list (SE-14, IW-02).
    ReleaseAndAllow(Reach),
    /// Ask those who may release it to do so (XX-12). The entry stays.
    RequestRelease,
    /// Take a release back that has not left yet (XX-13).
    TakeBack,
    /// Remove. Trains nothing (XX-04).
    Remove,
    /// Remove, and put the sender on the block list (SE-14). Trains nothing.
    RemoveAndBlock(Reach),
    /// Report as spam; the entry stays.
    TrainSpam,
    /// Report as a false positive; the entry stays, nothing is delivered.
    TrainHam,
    /// Report as spam and remove.
    RemoveAsSpam,
    /// Report as a false positive and remove; nothing is delivered.
    RemoveAsHam,
    /// Its time is over. Only the house wishes that.
    Expire,
    /// There is no room for it: its owner's quarantine is over its quota. Only the house wishes that.
    Evict,
    /// The destination took it, saying this. Only the house wishes that.
    Delivered(Reply),
    /// The destination refused it for good, saying this: back to where it was.
    /// Only the house wishes that.
    Returned(Reply),
}

/// How far a list entry reaches that is made with an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// The owner of the entry alone.
    #[default]
    Recipient,
    /// All of the owner's domain.
    Domain,
    Everybody,
}

/// What came of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Done(EntryId),
    /// It had been done before; to ask twice is no fault.
    Already(State),
}

/// Why a wish is not granted; shown to the visitor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Also for another's entry: a stranger learns nothing.
    #[error("no such message")]
    NotYours,
    #[error("not possible: the message is {0}")]
    NotPossible(State),
    #[error("not possible: the message was delivered when it arrived, this is a copy")]
    WasDelivered,
    #[error("not possible: the message is on its way")]
    TooLate,
    #[error("{}", needs(*.0))]
    NeedsRight(Right),
    /// There is no such account, domain or list entry.
    #[error("there is no {0}")]
    Unknown(String),
    /// What was given cannot be taken.
    #[error("{0}")]
    Bad(String),
    #[error("not possible now: {0}")]
    Failed(String),
}

fn needs(right: Right) -> &'static str {
    match right {
        Right::ReleaseOutgoing => {
            "your account has not the right to release outgoing mail; ask your administrator"
        }
        Right::HandleMalware => {
            "your account has not the right to open or release malware; ask your administrator"
        }
        Right::Administer => "your account has not the right to do this",
        Right::SeeBodies => "the content of this mail is not shown to you",
        Right::Act => "your account may look, but not act",
        Right::RequestRelease => "your account may not ask for a release",
        Right::ReadSettings => "your account may not see what is set here",
    }
}

//! A lesson as the learner keeps it: who taught what, when, and which steps it made.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::mail::MailId;
use crate::policy::Scope;
use crate::record::Lore;

use super::model::Step;
use super::struck::Struck;
use super::vector::Vector;

/// Something to be learned.
#[derive(Debug, Clone)]
pub struct Taught {
    pub mail: MailId,
    pub lore: Lore,
    /// Who says so, as the log names them.
    pub who: String,
    /// For whom: their own layer learns it in full.
    pub scope: Scope,
    pub at: Timestamp,
    /// Its number among the lessons of the store; 0 if it does not come from there.
    pub number: u64,
    /// One of many mails, for everybody; else somebody's word about this mail.
    pub bulk: bool,
    pub vector: Vector,
}

/// A lesson that was learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// Its number among all that was learned, from 1.
    pub number: u64,
    pub mail: MailId,
    pub lore: Lore,
    pub who: String,
    pub scope: Scope,
    pub at: Timestamp,
    pub bulk: bool,
}

impl Learned {
    /// True if `who` taught it: by the name in the log, or by their scope.
    fn is_by(&self, who: &str) -> bool {
        self.who == who || self.scope != Scope::Global && self.scope.to_string() == who
    }
}

/// Which lessons are meant. All that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Which {
    /// These numbers; all, if there are none.
    pub numbers: Vec<u64>,
    /// Taught by this one, by the name in the log or by scope.
    pub who: Option<String>,
    pub since: Option<Timestamp>,
    pub before: Option<Timestamp>,
}

impl Which {
    pub(super) fn holds(&self, lesson: &Learned) -> bool {
        (self.numbers.is_empty() || self.numbers.contains(&lesson.number))
            && self.who.as_ref().is_none_or(|who| lesson.is_by(who))
            && self.since.is_none_or(|since| lesson.at >= since)
            && self.before.is_none_or(|before| lesson.at < before)
    }
}

/// What is written of a lesson.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) lesson: Learned,
    /// Its number among the lessons of the store, or 0.
    pub(super) stored: u64,
    pub(super) steps: Vec<(Scope, Step)>,
    /// The packed vector; empty if no step moved anything.
    pub(super) vector: Vec<u8>,
}

/// One record of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Record {
    Lesson(Row),
    /// A further pass moved the model on for the same mail.
    More {
        number: u64,
        step: Step,
        vector: Vec<u8>,
    },
    /// A lesson was taken back, with all its steps.
    Undone {
        number: u64,
        vector: Vec<u8>,
        who: String,
        at: Timestamp,
    },
    /// Lessons of the store up to this one were looked at.
    Seen {
        stored: u64,
    },
    /// What lessons that cannot be taken back any more have left in a layer.
    Base(Base),
    /// A lesson was taken back before the journal was written anew.
    Struck(Struck),
}

/// A layer as it is kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Base {
    pub(super) scope: Option<Scope>,
    pub(super) common: i32,
    pub(super) spam: u32,
    pub(super) ham: u32,
    pub(super) slots: Vec<(u32, i32)>,
    /// Mails by slot, and all mails: wanted, spam. For everybody's layer only.
    pub(super) seen: Vec<(u32, [u32; 2])>,
    pub(super) mails: [u32; 2],
    /// The last numbers given.
    pub(super) number: u64,
    pub(super) stored: u64,
}

impl Record {
    /// The packed vector it is about; empty if there is none.
    pub(super) fn vector(&self) -> &[u8] {
        match self {
            Self::Lesson(Row { vector, .. })
            | Self::More { vector, .. }
            | Self::Undone { vector, .. } => vector,
            Self::Seen { .. } | Self::Base(_) | Self::Struck(_) => &[],
        }
    }

    /// True if it moves a weight.
    pub(super) fn moves(&self) -> bool {
        match self {
            Self::Lesson(row) => row.steps.iter().any(|(_, step)| *step != 0),
            Self::More { step, .. } => *step != 0,
            Self::Seen { .. } | Self::Struck(_) => false,
            Self::Undone { .. } | Self::Base(_) => true,
        }
    }
}

/// Octets as base64 text.
pub(super) mod base64 {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(in super::super) fn serialize<S: Serializer>(
        octets: &[u8],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(octets))
    }

    pub(in super::super) fn deserialize<'d, D: Deserializer<'d>>(
        from: D,
    ) -> Result<Vec<u8>, D::Error> {
        STANDARD
            .decode(String::deserialize(from)?)
            .map_err(D::Error::custom)
    }
}

//! What do we see in this mail? Inspectors state; policy decides.

mod auth;
#[cfg(test)]
mod auth_tests;
mod breaker;
mod content;
pub(crate) mod decode;
mod facts;
mod health;
mod html;
mod learned;
mod local;
mod measure;
pub(crate) mod mime;
pub mod network;
mod options;
mod panel;
#[cfg(test)]
mod panel_tests;
pub mod rules;
pub mod scanners;

use async_trait::async_trait;

use crate::mail::Mail;
use crate::policy::{Finding, Findings, WhenUnavailable};

pub use auth::seal::{Set, seal};
pub use auth::sign::sign;
pub use health::{CheckHealth, Health};
pub use learned::{Bulk, Export, Held, LEARNED, Learned, Learner, PASSES, Piece, Struck};
pub use learned::{Taught, Vector, Which, check_export, vector, vector_of};
pub use measure::organisation;
pub use options::{DmarcUse, Options, Then};
pub use panel::StandardPanel;

/// One check of a mail.
#[async_trait]
pub trait Inspector: Send + Sync {
    /// The name shown where the check could not run.
    fn name(&self) -> &'static str;

    /// True if it looks for malware: then it is asked about released mail too (SY-01).
    fn finds_malware(&self) -> bool {
        false
    }

    /// What policy does when it does not answer in time, unless the options say otherwise.
    fn when_unavailable(&self) -> WhenUnavailable {
        WhenUnavailable::Ignore
    }

    async fn inspect(&self, mail: &Mail) -> Vec<Finding>;
}

/// All checks of a mail, as intake asks for them.
#[async_trait]
pub trait Panel: Send + Sync {
    /// Everything: for mail from outside.
    async fn inspect(&self, mail: &Mail) -> Findings;
    /// Malware alone: for mail under a valid reinsertion token (SY-01).
    async fn inspect_released(&self, mail: &Mail) -> Findings;
}

/// A check that could not run, and is left out of the verdict unless the options say otherwise.
fn gap(name: &str, why: impl Into<String>) -> Finding {
    Finding::Unavailable {
        name: name.to_owned(),
        why: why.into(),
        then: WhenUnavailable::Ignore,
    }
}

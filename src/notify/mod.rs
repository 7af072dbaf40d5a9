//! What the house tells by itself: alerts to a program of the administrator's, letters to people.

mod alerts;
mod challenge;
mod compose;
mod digest;
#[cfg(test)]
mod digest_tests;
mod forms;
mod hook;
mod hourly;
mod letter;
pub mod notice;
mod template;
mod words;

pub use alerts::{Alert, AlertKind, AlertOptions, AlertState, Alerts, OpenAlert};
pub use alerts::{Ways, WebAddress, Webhook, WebhookRunner};
pub use challenge::{About, ChallengeOptions, ChallengeTemplate, PagesAt, message_id};
pub use digest::{Digest, Item, Likelihood, Reader, Report, Scribe, offers};
pub use forms::Forms;
pub use hook::{Hook, Runner};
pub use hourly::Hourly;
pub use letter::{Letter, LetterOptions, Post, PostError};
pub use notice::Request;
pub use template::{Template, TemplateFault, Variable};

//! What the house tells by itself: alerts to a program of the administrator's, letters to people.

mod challenge;
mod compose;
mod hook;
mod hourly;
mod letter;
mod template;

pub use challenge::{About, ChallengeOptions, ChallengeTemplate, PagesAt, message_id};
pub use hook::{Hook, Runner};
pub use hourly::Hourly;
pub use letter::{Letter, LetterOptions, Post, PostError};
pub use template::{Template, TemplateFault, Variable};

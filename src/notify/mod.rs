//! What the house tells by itself: alerts to a program of the administrator's, letters to people.

mod compose;
mod digest;
#[cfg(test)]
mod digest_tests;
mod forms;
mod hook;
mod letter;
mod template;
mod words;

pub use digest::{Digest, Item, Likelihood, Reader, Report, Scribe, offers};
pub use forms::Forms;
pub use hook::{Hook, Runner};
pub use letter::{Letter, LetterOptions, Post, PostError};
pub use template::{Template, TemplateFault, Variable};

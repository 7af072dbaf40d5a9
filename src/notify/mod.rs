//! What the house tells by itself: alerts to a program of the administrator's, letters to people.

mod compose;
mod hook;
mod letter;

pub use hook::{Hook, Runner};
pub use letter::{Letter, LetterOptions, Post, PostError};

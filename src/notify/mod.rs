//! What the house tells by itself: alerts to a program of the administrator's.

mod hook;

pub use hook::{Hook, Runner};

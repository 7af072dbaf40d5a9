//! What the house tells by itself: alerts to a program of the administrator's, letters to people.

mod alerts;
mod compose;
mod hook;
mod hourly;
mod letter;
pub mod notice;

pub use alerts::{Alert, AlertKind, AlertOptions, AlertState, Alerts, OpenAlert};
pub use alerts::{Ways, WebAddress, Webhook, WebhookRunner};
pub use hook::{Hook, Runner};
pub use hourly::Hourly;
pub use letter::{Letter, LetterOptions, Post, PostError};
pub use notice::Request;

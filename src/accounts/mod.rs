//! A name and a secret become a principal, or a wait.

mod credential;
mod login;

pub use credential::{CredentialError, hash_password, new_password};
pub use login::{Login, LoginRefusal, Options};

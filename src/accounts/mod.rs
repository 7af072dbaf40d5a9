//! A name and a secret become a principal, or a wait.

mod api_key;
mod book;
mod credential;
mod elsewhere;
mod guesses;
mod imap_ask;
pub mod ldap;
mod link;
mod login;
pub mod oidc;
mod options;
mod second;
mod session;
mod tickets;
mod totp;

pub use api_key::{KeyText, hash_of};
pub use book::change_account;
pub use credential::{CredentialError, hash_password, new_password};
pub use elsewhere::{Directory, DirectoryError};
pub use imap_ask::ImapAsk;
pub use login::{Login, LoginRefusal};
pub use options::Options;
pub use second::{Enrolment, Pending, SignedIn, Step};
pub use session::{Entered, Session};

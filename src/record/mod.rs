//! The words of what is kept: entries, changes, events, jobs, lessons, accounts, keys, domains, locks.

mod account;
mod api_key;
mod challenge;
mod change;
mod digest;
mod domain;
mod entry;
mod event;
mod imap_server;
mod job;
mod list_use;
mod sender;

pub use account::{Account, Grant, SavedView, SecondFactor, Secret};
pub use api_key::ApiKey;
pub use challenge::Challenge;
pub use change::{Change, JobStep};
pub use digest::DigestState;
pub use domain::{DomainSettings, Route, RouteError, RouteTls};
pub use entry::{APPELLANT, Asked, Entry, KeptMail, RETURNED_DAYS, SUBJECT_LONGEST, Shelf, State};
pub use event::{Door, Event, Status};
pub use imap_server::{ImapServer, ImapServerError, ImapTls};
pub use job::{Job, JobKind, Lesson, Lore};
pub use list_use::ListUse;
pub use sender::SenderLock;

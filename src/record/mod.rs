//! The words of what is kept: entries, changes, events, jobs, lessons, accounts, domains, locks.

mod account;
mod change;
mod domain;
mod entry;
mod event;
mod job;
mod sender;

pub use account::Account;
pub use change::{Change, JobStep};
pub use domain::{DomainSettings, Route, RouteError, RouteTls};
pub use entry::{Asked, Entry, KeptMail, SUBJECT_LONGEST, Shelf, State};
pub use event::{Door, Event, Status};
pub use job::{Job, JobKind, Lesson, Lore};
pub use sender::SenderLock;

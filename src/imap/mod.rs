//! The IMAP door (RFC 3501): the quarantine as folders, and a drop as an action.

mod folders;
mod frame;
mod grammar;
mod view;
mod write;

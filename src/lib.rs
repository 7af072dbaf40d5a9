//! Quaranta: a spam filter for mail servers with a quarantine that people can live with.
//! `ARCHITECTURE.md` is the plan of this house.

pub mod accounts;
pub mod actions;
pub mod background;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod daemon;
pub mod imap;
pub mod inspect;
pub mod intake;
pub mod mail;
pub mod milter;
pub mod net;
pub mod notify;
pub mod options;
pub mod policy;
pub mod record;
pub mod relay;
pub mod smtp;
pub mod store;
pub mod token;
pub mod web;

//! Quaranta: a spam filter for mail servers with a quarantine that people can live with.
//! `ARCHITECTURE.md` is the plan of this house.

pub mod mail;

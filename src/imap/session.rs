//! A session that has signed in: takes commands one after the other and says how each ended.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::time::Instant;

use super::conn::{Conn, End};
use super::door::House;
use super::frame::{Frame, Limits};
use super::grammar::{Command, parse, tag_of};
use super::reply::Done;
use super::selected::Selected;
use super::stranger::CAPABILITIES;
use crate::policy::Principal;
use crate::record::Door;

const LIMITS: Limits = Limits {
    literal: 16 * 1024,
    command: 128 * 1024,
    append: true,
};

pub(super) struct Session {
    pub(super) house: Arc<House>,
    pub(super) conn: Conn,
    pub(super) by: Principal,
    pub(super) peer: IpAddr,
    /// What the history names.
    pub(super) door: Door,
    pub(super) selected: Option<Selected>,
    bad: u32,
}

impl Session {
    pub(super) fn new(house: Arc<House>, conn: Conn, by: Principal, peer: IpAddr) -> Self {
        Self {
            house,
            conn,
            by,
            peer,
            door: Door::new("imap", peer),
            selected: None,
            bad: 0,
        }
    }

    /// Speaks until the end.
    pub(super) async fn run(mut self) -> (Conn, End) {
        loop {
            if let Err(end) = self.one().await {
                return (self.conn, end);
            }
        }
    }

    /// When a silent client is given up.
    pub(super) fn silence(&self) -> Instant {
        Instant::now() + self.house.options.idle_timeout.0
    }

    async fn one(&mut self) -> Result<(), End> {
        let until = self.silence();
        match self.conn.frame(LIMITS, until).await? {
            Frame::Command(octets) => {
                let Some(tag) = tag_of(&octets) else {
                    self.conn.line("* BAD A command begins with a tag");
                    return self.count_bad();
                };
                match parse(&octets, &tag) {
                    Ok(Command::Logout) => {
                        self.conn.line("* BYE Until next time");
                        self.conn.line(&Done::ok("LOGOUT done").line(&tag));
                        Err(End::Told)
                    }
                    Ok(command) => {
                        drop(octets);
                        let expunge = lets_expunge(&command);
                        let done = Box::pin(self.command(command)).await?;
                        self.finish(&tag, &done, expunge).await
                    }
                    Err(why) => self.finish(&tag, &Done::bad(why), false).await,
                }
            }
            Frame::Append {
                tag,
                mailbox,
                size,
                sync,
            } => {
                let done = Box::pin(self.append(&mailbox, size, sync)).await?;
                self.finish(&tag, &done, true).await
            }
            Frame::TooLong { tag: Some(tag) } => {
                let done = Done::bad("Too long");
                self.finish(&tag, &done, false).await
            }
            Frame::TooLong { tag: None } | Frame::More | Frame::Continue => {
                self.conn.line("* BAD A command begins with a tag");
                self.count_bad()
            }
        }
    }

    /// News of the folder, then the end of the command.
    async fn finish(&mut self, tag: &str, done: &Done, expunge: bool) -> Result<(), End> {
        if let Some(selected) = &mut self.selected {
            let desk = &self.house.desk;
            let sync = selected.sync(desk, &self.by, &mut self.conn, expunge);
            Box::pin(sync).await?;
        }
        self.conn.line(&done.line(tag));
        if done.is_bad() {
            return self.count_bad();
        }
        Ok(())
    }

    fn count_bad(&mut self) -> Result<(), End> {
        self.bad += 1;
        if self.bad >= self.house.options.bad_commands {
            self.conn.line("* BYE Too many bad commands");
            return Err(End::Told);
        }
        Ok(())
    }

    async fn command(&mut self, command: Command) -> Result<Done, End> {
        match command {
            Command::Fetch(target, items) => self.fetch(&target, items).await,
            Command::Search {
                uid,
                charset_known,
                key,
            } => self.search(uid, charset_known, &key).await,
            Command::Store {
                target,
                mode,
                silent,
                flags,
            } => self.store(&target, mode, silent, &flags).await,
            Command::Copy {
                target,
                mailbox,
                moved,
            } => self.copy(&target, &mailbox, moved).await,
            Command::Expunge(set) => self.expunge(set).await,
            Command::Select { mailbox, read_only } => self.select(&mailbox, read_only).await,
            Command::Status(mailbox, items) => self.status(&mailbox, &items).await,
            Command::List(wish) => self.list(&wish).await,
            Command::Lsub(wish) => Ok(self.lsub(&wish).await),
            Command::Idle => self.idle().await,
            Command::Close => self.close().await,
            other => Ok(self.simple(&other)),
        }
    }

    /// Commands that need no waiting.
    fn simple(&mut self, command: &Command) -> Done {
        match command {
            Command::Capability => {
                self.conn.line(&format!("* CAPABILITY {CAPABILITIES}"));
                Done::ok("CAPABILITY done")
            }
            Command::Noop => Done::ok("NOOP done"),
            Command::Check if self.selected.is_some() => Done::ok("CHECK done"),
            Command::Unselect if self.selected.is_some() => {
                self.selected = None;
                Done::ok("UNSELECT done")
            }
            Command::Check | Command::Unselect => Done::bad("No folder is open"),
            Command::Id => {
                self.conn.line("* ID (\"name\" \"Quaranta\")");
                Done::ok("ID done")
            }
            Command::Enable => {
                // Nothing that we advertise has to be switched on.
                self.conn.line("* ENABLED");
                Done::ok("ENABLE done")
            }
            Command::Namespace => {
                self.conn.line("* NAMESPACE ((\"\" \"/\")) NIL NIL");
                Done::ok("NAMESPACE done")
            }
            Command::Subscribe(name) => Self::subscribe(name, true),
            Command::Unsubscribe(name) => Self::subscribe(name, false),
            Command::Create(name) => Self::create(name),
            Command::Delete(name) | Command::Rename(name) => Self::change(name),
            _ => Done::bad("You are signed in already"),
        }
    }
}

/// EXPUNGE must not be told while commands run that speak of sequence numbers (RFC 3501
/// section 7.4.1). COPY by number is treated alike: scripts that copy, then mark the same
/// number as \Deleted, would mark the message behind it.
fn lets_expunge(command: &Command) -> bool {
    match command {
        Command::Fetch(target, _) | Command::Store { target, .. } => target.uid,
        Command::Copy { target, moved, .. } => target.uid || *moved,
        Command::Search { uid, .. } => *uid,
        _ => true,
    }
}

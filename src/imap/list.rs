//! LIST, LSUB, and what cannot be done with folders: they are fixed.

use super::conn::End;
use super::folders::{FOLDERS, Folder, PENDING, find, matches};
use super::grammar::ListWish;
use super::reply::Done;
use super::session::Session;
use super::write;
use crate::mail::Direction;
use crate::record::Shelf;

impl Session {
    /// LIST with RETURN SUBSCRIBED, CHILDREN, SPECIAL-USE, STATUS (RFC 5258, RFC 6154, RFC 5819).
    /// No folder is \Junk: clients that are told so do not guess by name, and do not file junk
    /// into `Spam` by themselves.
    pub(super) async fn list(&mut self, wish: &ListWish) -> Result<Done, End> {
        if wish.patterns.iter().any(Vec::is_empty) {
            // RFC 3501 section 6.3.8: a question for the delimiter.
            self.conn.line("* LIST (\\Noselect) \"/\" \"\"");
            return Ok(Done::ok("LIST done"));
        }
        for folder in self.chosen(wish).await {
            self.list_one("LIST", folder, wish.show_subscribed);
            if !wish.status.is_empty() {
                match self.status_of(folder, &wish.status).await {
                    Ok(line) => self.conn.line(&line),
                    Err(refusal) => return Ok(Done::refused(&refusal)),
                }
            }
            self.conn.flush_if_much().await?;
        }
        Ok(Done::ok("LIST done"))
    }

    pub(super) async fn lsub(&mut self, wish: &ListWish) -> Done {
        for folder in self.chosen(wish).await {
            self.list_one("LSUB", folder, false);
        }
        Done::ok("LSUB done")
    }

    /// The folders that are spoken of. `Pending` is among them where mail may be pending.
    async fn chosen(&self, wish: &ListWish) -> Vec<&'static Folder> {
        let mut folders = chosen(wish);
        if folders.iter().any(|folder| folder.name == PENDING) {
            let desk = &self.house.desk;
            let empty = desk
                .count(&self.by, Shelf::Pending, Direction::Inbound)
                .await;
            // If that cannot be known, a folder too many does no harm.
            if empty == Ok(0) && desk.pends(&self.by).await == Ok(false) {
                folders.retain(|folder| folder.name != PENDING);
            }
        }
        folders
    }

    fn list_one(&mut self, word: &str, folder: &Folder, subscribed: bool) {
        let children = if folder.has_children() {
            "\\HasChildren"
        } else {
            "\\HasNoChildren"
        };
        let subscribed = if subscribed { " \\Subscribed" } else { "" };
        let special = folder.special.map(|s| format!(" {s}")).unwrap_or_default();
        let out = self.conn.out();
        let head = format!("* {word} ({children}{subscribed}{special}) \"/\" ");
        out.extend_from_slice(head.as_bytes());
        write::mailbox(out, folder.wire);
        out.extend_from_slice(b"\r\n");
    }

    /// All folders are subscribed, always: an OK to UNSUBSCRIBE would not be true.
    pub(super) fn subscribe(name: &[u8], wanted: bool) -> Done {
        match find(name) {
            None => no_folder(),
            Some(_) if wanted => Done::ok("SUBSCRIBE done"),
            Some(_) => Done::no("[CANNOT]", "All folders are always subscribed"),
        }
    }

    pub(super) fn create(name: &[u8]) -> Done {
        let name = name.strip_suffix(b"/").unwrap_or(name);
        match find(name) {
            Some(_) => Done::no("[ALREADYEXISTS]", "There is such a folder"),
            None => Done::no("[CANNOT]", "The folders of the quarantine are fixed"),
        }
    }

    /// DELETE and RENAME.
    pub(super) fn change(name: &[u8]) -> Done {
        match find(name) {
            Some(_) => Done::no("[CANNOT]", "The folders of the quarantine are fixed"),
            None => no_folder(),
        }
    }
}

pub(super) fn no_folder() -> Done {
    Done::no("[NONEXISTENT]", "There is no such folder")
}

/// The folders a LIST speaks of, in their order.
fn chosen(wish: &ListWish) -> Vec<&'static Folder> {
    let patterns: Vec<Vec<u8>> = wish
        .patterns
        .iter()
        .map(|pattern| [wish.reference.as_slice(), pattern].concat())
        .collect();
    FOLDERS
        .iter()
        .filter(|folder| !wish.only_special || folder.special.is_some())
        .filter(|folder| {
            patterns
                .iter()
                .any(|pattern| matches(pattern, folder.wire.as_bytes()))
        })
        .collect()
}

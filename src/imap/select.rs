//! SELECT, EXAMINE, CLOSE and STATUS.
//!
//! No message is ever \Recent: several sessions and scopes look at one quarantine, and
//! RFC 9051 has dropped the flag.

use super::bodies::size_of;
use super::conn::End;
use super::folders::{Folder, find};
use super::grammar::StatusItem;
use super::list::no_folder;
use super::reply::Done;
use super::selected::{CHUNK, Selected, shown_flags};
use super::session::Session;
use super::uids::{EMPTY_VALIDITY, Era};
use super::view::stub_size;
use super::write;
use crate::actions::{Refusal, Shown};
use crate::policy::Class;

/// Messages looked at for the first one that is not seen; RFC 3501 lets us say nothing.
const UNSEEN_LOOK: usize = 2000;

/// Uids asked for at once.
const PAGE: usize = 1000;

impl Session {
    pub(super) async fn select(&mut self, name: &[u8], read_only: bool) -> Result<Done, End> {
        self.selected = None;
        let Some(folder) = find(name) else {
            return Ok(no_folder());
        };
        let opened = Selected::open(&self.house.desk, &self.by, folder, read_only).await;
        let (selected, next) = match opened {
            Ok(opened) => opened,
            Err(refusal) => return Ok(Done::refused(&refusal)),
        };
        let unseen = match self.first_unseen(&selected).await {
            Ok(unseen) => unseen,
            Err(refusal) => return Ok(Done::refused(&refusal)),
        };
        let flags = "\\Answered \\Flagged \\Deleted \\Seen \\Draft";
        let ours = "$ReleaseFailed $ReleaseRequested";
        self.conn.line(&format!("* FLAGS ({flags} {ours})"));
        let permanent = if read_only {
            String::new()
        } else {
            format!("{flags} \\*")
        };
        self.conn.line(&format!(
            "* OK [PERMANENTFLAGS ({permanent})] What can be set"
        ));
        self.conn.line(&format!("* {} EXISTS", selected.rows.len()));
        self.conn.line("* 0 RECENT");
        if let Some(number) = unseen {
            self.conn.line(&format!("* OK [UNSEEN {number}] The first"));
        }
        let validity = selected.validity();
        self.conn
            .line(&format!("* OK [UIDVALIDITY {validity}] Valid"));
        let next = if folder.shows().is_some() { next } else { 1 };
        self.conn.line(&format!("* OK [UIDNEXT {next}] The next"));
        self.selected = Some(selected);
        Ok(if read_only {
            Done::ok_with("[READ-ONLY]", "EXAMINE done")
        } else {
            Done::ok_with("[READ-WRITE]", "SELECT done")
        })
    }

    async fn first_unseen(&self, selected: &Selected) -> Result<Option<usize>, Refusal> {
        let most = u32::try_from(selected.rows.len().min(UNSEEN_LOOK)).unwrap_or(0);
        let places: Vec<u32> = (0..most).collect();
        for chunk in places.chunks(CHUNK) {
            let shown = selected.shown(&self.house.desk, &self.by, chunk).await?;
            for (place, shown) in chunk.iter().zip(shown) {
                if shown.is_some_and(|shown| !shown.flags.iter().any(|flag| flag == "\\Seen")) {
                    return Ok(Some(*place as usize + 1));
                }
            }
        }
        Ok(None)
    }

    /// Expunges without a word, unless the folder was opened by EXAMINE.
    pub(super) async fn close(&mut self) -> Result<Done, End> {
        let Some(selected) = &self.selected else {
            return Ok(Done::bad("No folder is open"));
        };
        let done = if selected.read_only {
            Done::ok("CLOSE done")
        } else {
            self.remove_deleted(None, false).await?
        };
        self.selected = None;
        Ok(done)
    }

    pub(super) async fn status(&mut self, name: &[u8], items: &[StatusItem]) -> Result<Done, End> {
        let Some(folder) = find(name) else {
            return Ok(no_folder());
        };
        Ok(match self.status_of(folder, items).await {
            Ok(line) => {
                self.conn.line(&line);
                Done::ok("STATUS done")
            }
            Err(refusal) => Done::refused(&refusal),
        })
    }

    /// The STATUS response of a folder.
    pub(super) async fn status_of(
        &self,
        folder: &Folder,
        items: &[StatusItem],
    ) -> Result<String, Refusal> {
        let desk = &self.house.desk;
        let last = desk.last_uid().await?;
        let era = Era::of_next(last);
        let (mut messages, mut unseen, mut size) = (0, 0, 0);
        if let Some((shelf, direction)) = folder.shows() {
            messages = desk.count(&self.by, shelf, direction).await?;
            if items.contains(&StatusItem::Size) {
                (unseen, size) = self.tally(folder, era).await?;
            } else if items.contains(&StatusItem::Unseen) {
                unseen = self.unseen(folder, era).await?;
            }
        }
        let shows = folder.shows().is_some();
        let told: Vec<String> = items
            .iter()
            .map(|item| match item {
                StatusItem::Messages => format!("MESSAGES {messages}"),
                StatusItem::Recent => "RECENT 0".to_owned(),
                StatusItem::UidNext if shows => format!("UIDNEXT {}", era.next(last)),
                StatusItem::UidNext => "UIDNEXT 1".to_owned(),
                StatusItem::UidValidity if shows => format!("UIDVALIDITY {}", era.validity()),
                StatusItem::UidValidity => format!("UIDVALIDITY {EMPTY_VALIDITY}"),
                StatusItem::Unseen => format!("UNSEEN {unseen}"),
                StatusItem::Size => format!("SIZE {size}"),
            })
            .collect();
        let mut name = Vec::new();
        write::mailbox(&mut name, folder.wire);
        let name = String::from_utf8_lossy(&name);
        Ok(format!("* STATUS {name} ({})", told.join(" ")))
    }

    /// How many are not seen.
    async fn unseen(&self, folder: &Folder, era: Era) -> Result<u64, Refusal> {
        let desk = &self.house.desk;
        let Some((shelf, direction)) = folder.shows() else {
            return Ok(0);
        };
        let (mut unseen, mut after) = (0, era.whole(0));
        loop {
            let page = desk.shown(&self.by, shelf, direction, after, PAGE).await?;
            let seen = |shown: &Shown| shown.flags.iter().any(|flag| flag == "\\Seen");
            unseen += page.iter().filter(|shown| !seen(shown)).count() as u64;
            match page.last() {
                Some(last) if page.len() == PAGE => after = last.uid,
                _ => return Ok(unseen),
            }
        }
    }

    /// How many are not seen, and the octets of all.
    async fn tally(&self, folder: &Folder, era: Era) -> Result<(u64, u64), Refusal> {
        let desk = &self.house.desk;
        let Some((shelf, direction)) = folder.shows() else {
            return Ok((0, 0));
        };
        let (mut unseen, mut size) = (0, 0);
        let mut after = era.whole(0);
        loop {
            let page = desk.uids(&self.by, shelf, direction, after, PAGE).await?;
            let ids: Vec<_> = page.iter().map(|(_, id)| *id).collect();
            for row in desk.rows(&self.by, &ids).await?.into_iter().flatten() {
                unseen += u64::from(!shown_flags(&row).iter().any(|flag| flag == "\\Seen"));
                let shown = size_of(&row.entry);
                // RFC 8438: never less than the sum of RFC822.SIZE.
                size += if row.entry.verdict.class == Class::Malware {
                    shown.max(stub_size(&row.entry))
                } else {
                    shown
                };
            }
            match page.last() {
                Some((uid, _)) if page.len() == PAGE => after = *uid,
                _ => return Ok((unseen, size)),
            }
        }
    }
}

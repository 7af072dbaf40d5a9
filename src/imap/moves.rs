//! COPY, MOVE and EXPUNGE: a drop into a folder is an action; the table in `folders` says which.

use super::conn::End;
use super::folders::find;
use super::grammar::{SequenceSet, Target};
use super::list::no_folder;
use super::reply::{Done, code_of};
use super::selected::CHUNK;
use super::session::Session;
use crate::actions::{Action, Refusal};

/// What became of many.
#[derive(Default)]
pub(super) struct Tally {
    asked: usize,
    refused: usize,
    first: Option<Refusal>,
}

impl Tally {
    pub(super) fn done(self, what: &str) -> Done {
        match self.first {
            None => Done::ok(what),
            Some(first) => Done::no(
                code_of(&first),
                format!("{} of {} messages: {first}", self.refused, self.asked),
            ),
        }
    }
}

impl Session {
    /// COPY and MOVE are one: what is dropped is acted upon, and the table knows the
    /// difference. There is no COPYUID, as what is dropped cannot be read there (RFC 4315).
    pub(super) async fn copy(
        &mut self,
        target: &Target,
        mailbox: &[u8],
        moved: bool,
    ) -> Result<Done, End> {
        let Some(selected) = &self.selected else {
            return Ok(Done::bad("No folder is open"));
        };
        let places = match selected.places(target) {
            Ok(places) => places,
            Err(why) => return Ok(Done::bad(why)),
        };
        let Some(folder) = find(mailbox) else {
            return Ok(no_folder());
        };
        let action = match folder.drop_means(moved) {
            Ok(action) => action,
            Err(why) => return Ok(Done::no("[CANNOT]", why)),
        };
        if selected.read_only && takes_away(action) {
            return Ok(Done::no("[CANNOT]", "The folder was opened by EXAMINE"));
        }
        let tell = target.uid || moved;
        let tally = self.act(&places, action, tell).await?;
        Ok(tally.done(if moved { "MOVE done" } else { "COPY done" }))
    }

    /// Performs `action` on these, in batches; what goes away is told as it goes if `tell`.
    pub(super) async fn act(
        &mut self,
        places: &[u32],
        action: &Action,
        tell: bool,
    ) -> Result<Tally, End> {
        let mut tally = Tally {
            asked: places.len(),
            ..Tally::default()
        };
        let Some(selected) = &self.selected else {
            return Ok(tally);
        };
        // Told expunges move the places, so the entries are looked up before.
        let uids: Vec<u32> = places
            .iter()
            .map(|place| selected.rows[*place as usize].uid)
            .collect();
        for uids in uids.chunks(CHUNK) {
            let Some(selected) = &mut self.selected else {
                break;
            };
            let places = selected.places_of(uids);
            let ids: Vec<_> = places
                .iter()
                .map(|place| selected.rows[*place as usize].id)
                .collect();
            let desk = &self.house.desk;
            let results = desk.perform_all(&self.by, action, &ids, &self.door).await;
            for (place, result) in places.iter().zip(results) {
                match result {
                    Ok(_) if takes_away(action) => selected.take_away(*place),
                    Ok(_) => {}
                    Err(refusal) => {
                        tally.refused += 1;
                        tally.first.get_or_insert(refusal);
                    }
                }
            }
            // Our own doings come back as news: they are taken in before they are too many.
            selected.drain(&self.by);
            if tell {
                selected.tell_gone(&mut self.conn);
                self.conn.flush_if_much().await?;
            }
        }
        Ok(tally)
    }

    /// EXPUNGE, or UID EXPUNGE of a set (RFC 4315).
    pub(super) async fn expunge(&mut self, set: Option<SequenceSet>) -> Result<Done, End> {
        match &self.selected {
            None => Ok(Done::bad("No folder is open")),
            Some(selected) if selected.read_only => {
                Ok(Done::no("[CANNOT]", "The folder was opened by EXAMINE"))
            }
            Some(_) => self.remove_deleted(set, true).await,
        }
    }

    /// Removes what is marked \Deleted; CLOSE does not tell what goes. That teaches nothing (XX-04).
    pub(super) async fn remove_deleted(
        &mut self,
        set: Option<SequenceSet>,
        tell: bool,
    ) -> Result<Done, End> {
        let Some(selected) = &self.selected else {
            return Ok(Done::bad("No folder is open"));
        };
        let count = u32::try_from(selected.rows.len()).unwrap_or(u32::MAX);
        let candidates = match set {
            Some(set) => selected
                .places(&Target { uid: true, set })
                .unwrap_or_default(),
            None => (0..count).collect(),
        };
        let mut deleted = Vec::new();
        for chunk in candidates.chunks(CHUNK) {
            let rows = match selected.read(&self.house.desk, &self.by, chunk).await {
                Ok(rows) => rows,
                Err(refusal) => return Ok(Done::refused(&refusal)),
            };
            let marked = chunk.iter().zip(rows).filter(|(_, row)| {
                row.as_ref()
                    .is_some_and(|row| row.flags.iter().any(|flag| flag == "\\Deleted"))
            });
            deleted.extend(marked.map(|(place, _)| *place));
        }
        let tally = self.act(&deleted, &Action::Remove, tell).await?;
        Ok(tally.done(if tell { "EXPUNGE done" } else { "CLOSE done" }))
    }
}

/// True if what it is done to leaves the folder.
fn takes_away(action: &Action) -> bool {
    !matches!(action, Action::TrainHam | Action::TrainSpam)
}

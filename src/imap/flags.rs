//! STORE (RFC 3501 section 6.4.6): flags and keywords, kept for each scope apart.

use super::conn::End;
use super::grammar::{StoreMode, Target};
use super::reply::Done;
use super::selected::{CHUNK, RELEASE_FAILED, RELEASE_REQUESTED, shown_flags, told};
use super::session::Session;
use crate::actions::{Action, Flags, Refusal, Row};
use crate::policy::Right;

/// An administrator who sets one of these on mail with `$ReleaseRequested` answers the request
/// (XX-12). They are never kept, and do nothing to other mail.
const APPROVE: &str = "$Approve";
const DENY: &str = "$Deny";

/// Most flags and keywords on one message.
const FLAGS_MOST: usize = 50;

impl Session {
    pub(super) async fn store(
        &mut self,
        target: &Target,
        mode: StoreMode,
        silent: bool,
        flags: &[String],
    ) -> Result<Done, End> {
        let Some(selected) = &self.selected else {
            return Ok(Done::bad("No folder is open"));
        };
        if selected.read_only {
            return Ok(Done::no("[CANNOT]", "The folder was opened by EXAMINE"));
        }
        let places = match selected.places(target) {
            Ok(places) => places,
            Err(why) => return Ok(Done::bad(why)),
        };
        for (keyword, action) in [
            (APPROVE, Action::Release),
            (DENY, Action::DenyRequest(String::new())),
        ] {
            let set = flags.iter().any(|flag| flag.eq_ignore_ascii_case(keyword));
            if set && mode != StoreMode::Remove {
                let answered = self.answer_requests(&places, &action).await?;
                if !answered.is_ok() {
                    return Ok(answered);
                }
            }
        }
        for chunk in places.chunks(CHUNK) {
            let rows = match self.change_flags(chunk, mode, flags).await {
                Ok(Some(rows)) => rows,
                Ok(None) => return Ok(Done::no("[LIMIT]", "Too many keywords on one message")),
                Err(refusal) => return Ok(Done::refused(&refusal)),
            };
            self.tell_stored(chunk, &rows, target.uid, silent);
            self.conn.flush_if_much().await?;
        }
        Ok(Done::ok("STORE done"))
    }

    /// Does `action` with those whose release was asked for.
    async fn answer_requests(&mut self, places: &[u32], action: &Action) -> Result<Done, End> {
        if !self.by.has(Right::Administer) {
            return Ok(Done::refused(&Refusal::NeedsRight(Right::Administer)));
        }
        let Some(selected) = &self.selected else {
            return Ok(Done::bad("No folder is open"));
        };
        let mut asked = Vec::new();
        for chunk in places.chunks(CHUNK) {
            let rows = match selected.read(&self.house.desk, &self.by, chunk).await {
                Ok(rows) => rows,
                Err(refusal) => return Ok(Done::refused(&refusal)),
            };
            let requested =
                |row: &Option<Row>| row.as_ref().is_some_and(|r| r.entry.requested.is_some());
            let each = chunk.iter().zip(&rows);
            asked.extend(each.filter(|(_, row)| requested(row)).map(|(at, _)| *at));
        }
        // What goes away must not be told before the command is over (RFC 3501 section 7.4.1).
        Ok(self.act(&asked, action, false).await?.done("STORE done"))
    }

    /// Changes the flags of these; nothing is changed if one would have too many.
    async fn change_flags(
        &self,
        chunk: &[u32],
        mode: StoreMode,
        flags: &[String],
    ) -> Result<Option<Vec<Option<Row>>>, Refusal> {
        let Some(selected) = &self.selected else {
            return Ok(None);
        };
        let mut rows = selected.read(&self.house.desk, &self.by, chunk).await?;
        let mut changes = Vec::new();
        for row in rows.iter_mut().flatten() {
            let new = changed(&row.flags, mode, flags);
            if new.len() > FLAGS_MOST {
                return Ok(None);
            }
            if new != row.flags {
                row.flags.clone_from(&new);
                changes.push((row.entry.id, new));
            }
        }
        if !changes.is_empty() {
            self.house.desk.set_flags(&self.by, changes).await?;
        }
        Ok(Some(rows))
    }

    fn tell_stored(&mut self, chunk: &[u32], rows: &[Option<Row>], uid: bool, silent: bool) {
        let Some(selected) = &mut self.selected else {
            return;
        };
        for (place, row) in chunk.iter().zip(rows) {
            let Some(row) = row else { continue };
            let flags = shown_flags(row);
            let known = &mut selected.rows[*place as usize];
            known.told = told(&flags);
            if silent {
                continue;
            }
            let uid = if uid {
                format!("UID {} ", known.uid)
            } else {
                String::new()
            };
            let (number, flags) = (place + 1, flags.join(" "));
            self.conn
                .line(&format!("* {number} FETCH ({uid}FLAGS ({flags}))"));
        }
    }
}

/// Keywords that clients cannot set: what the house shows, and what is done at once.
const NOT_SET: [&str; 4] = [RELEASE_FAILED, RELEASE_REQUESTED, APPROVE, DENY];

/// The flags after a STORE, sorted. \Recent and what the house itself shows are not set by clients.
fn changed(old: &Flags, mode: StoreMode, given: &[String]) -> Flags {
    let given = given.iter().filter(|flag| {
        *flag != "\\Recent" && !NOT_SET.iter().any(|not| flag.eq_ignore_ascii_case(not))
    });
    let mut new = match mode {
        StoreMode::Replace => Flags::new(),
        StoreMode::Add | StoreMode::Remove => old.clone(),
    };
    for flag in given {
        let place = new.iter().position(|one| one.eq_ignore_ascii_case(flag));
        match (mode, place) {
            (StoreMode::Remove, Some(place)) => {
                new.remove(place);
            }
            (StoreMode::Replace | StoreMode::Add, None) => new.push(flag.clone()),
            _ => {}
        }
    }
    new.sort();
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_changed() {
        let flags = |text: &str| -> Flags { text.split_whitespace().map(str::to_owned).collect() };
        let old = flags("$a \\Seen");
        for (mode, given, want) in [
            (
                StoreMode::Add,
                "$B $A \\Recent $ReleaseFailed $approve $ReleaseRequested",
                "$B $a \\Seen",
            ),
            (StoreMode::Remove, "$A $x", "\\Seen"),
            (StoreMode::Replace, "\\Deleted", "\\Deleted"),
            (StoreMode::Replace, "", ""),
        ] {
            assert_eq!(changed(&old, mode, &flags(given)), flags(want), "{given}");
        }
    }
}

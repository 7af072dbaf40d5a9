//! FETCH (RFC 3501 section 6.4.5): one response at a time, at the pace of the client.

use super::bodies::Held;
use super::conn::End;
use super::grammar::{Item, Target};
use super::reply::Done;
use super::selected::{CHUNK, shown_flags, told};
use super::session::Session;
use super::view::{Content, content, envelope, structure};
use super::write;
use crate::actions::{Refusal, Row};
use crate::clock::Timestamp;

/// What a FETCH found on its way.
#[derive(Default)]
pub(super) struct Course {
    /// Messages that are gone.
    pub(super) missing: usize,
    /// The first failure of the house.
    pub(super) failure: Option<Refusal>,
}

/// A message ready to be told.
struct Ready {
    row: Row,
    held: Option<Held>,
    size: u64,
    /// FLAGS changed by this very command.
    flags_changed: bool,
}

impl Session {
    pub(super) async fn fetch(
        &mut self,
        target: &Target,
        mut items: Vec<Item>,
    ) -> Result<Done, End> {
        let Some(selected) = &self.selected else {
            return Ok(Done::bad("No folder is open"));
        };
        let places = match selected.places(target) {
            Ok(places) => places,
            Err(why) => return Ok(Done::bad(why)),
        };
        if target.uid && !items.contains(&Item::Uid) {
            items.insert(0, Item::Uid);
        }
        let marks = |item: &Item| matches!(item, Item::Section { peek: false, .. });
        let mark = !selected.read_only && items.iter().any(marks);
        let mut course = Course::default();
        let listed = items.iter().all(Item::is_listed);
        for chunk in places.chunks(CHUNK) {
            if listed {
                self.list_chunk(chunk, &items, &mut course).await?;
            } else {
                self.fetch_chunk(chunk, &items, mark, &mut course).await?;
            }
        }
        Ok(match course {
            Course {
                failure: Some(refusal),
                ..
            } => Done::refused(&refusal),
            Course { missing, .. } if missing > 0 && !target.uid => Done::no(
                "[EXPUNGEISSUED]",
                format!("{missing} of the messages are gone"),
            ),
            _ => Done::ok("FETCH done"),
        })
    }

    pub(super) async fn fetch_chunk(
        &mut self,
        chunk: &[u32],
        items: &[Item],
        mark: bool,
        course: &mut Course,
    ) -> Result<(), End> {
        let Some(selected) = &self.selected else {
            return Ok(());
        };
        let mut rows = match selected.read(&self.house.desk, &self.by, chunk).await {
            Ok(rows) => rows,
            Err(refusal) => {
                course.failure.get_or_insert(refusal);
                return Ok(());
            }
        };
        let changed = if mark {
            self.mark_seen(&mut rows, course).await
        } else {
            Vec::new()
        };
        let ahead = items.iter().any(Item::needs_message);
        let mut read = 0;
        for (at, place) in chunk.iter().enumerate() {
            if ahead && at >= read {
                let (bodies, by) = (&self.house.bodies, &self.by);
                read = at + bodies.read_ahead(by, &rows[at..]).await;
            }
            let Some(row) = rows[at].take() else {
                course.missing += 1;
                continue;
            };
            let flags_changed = changed.get(at).copied().unwrap_or(false);
            match self.ready(row, items, flags_changed).await {
                Ok(ready) => self.tell(*place, &ready, items).await?,
                Err(Refusal::NotYours) => course.missing += 1,
                Err(refusal) => {
                    course.failure.get_or_insert(refusal);
                }
            }
            self.conn.flush_if_much().await?;
        }
        Ok(())
    }

    /// Sets \Seen where it is not; tells which rows changed.
    async fn mark_seen(&self, rows: &mut [Option<Row>], course: &mut Course) -> Vec<bool> {
        let mut changes = Vec::new();
        let mut changed = vec![false; rows.len()];
        for (row, changed) in rows.iter_mut().zip(&mut changed) {
            if let Some(row) = row
                && !row.flags.iter().any(|flag| flag == "\\Seen")
            {
                row.flags.push("\\Seen".to_owned());
                row.flags.sort();
                changes.push((row.entry.id, row.flags.clone()));
                *changed = true;
            }
        }
        if !changes.is_empty()
            && let Err(refusal) = self.house.desk.set_flags(&self.by, changes).await
        {
            course.failure.get_or_insert(refusal);
        }
        changed
    }

    /// Reads what the items need, so that a response is never broken off.
    async fn ready(&self, row: Row, items: &[Item], flags_changed: bool) -> Result<Ready, Refusal> {
        let bodies = &self.house.bodies;
        let held = if items.iter().any(Item::needs_message) {
            let held = bodies.open(&self.by, &row.entry).await?;
            if items.iter().any(needs_parts) {
                let message = &held.message;
                let find = || message.find_parts();
                self.house.showing.think(message.size(), find).await;
            }
            Some(held)
        } else {
            None
        };
        let size = match &held {
            Some(held) => held.message.size(),
            None if items.contains(&Item::Size) => bodies.size(&self.by, &row.entry).await?,
            None => 0,
        };
        Ok(Ready {
            row,
            held,
            size,
            flags_changed,
        })
    }

    /// One FETCH response.
    async fn tell(&mut self, place: u32, ready: &Ready, items: &[Item]) -> Result<(), End> {
        let Some(selected) = &mut self.selected else {
            return Ok(());
        };
        let known = &mut selected.rows[place as usize];
        let conn = &mut self.conn;
        conn.out()
            .extend_from_slice(format!("* {} FETCH (", place + 1).as_bytes());
        let tell_flags = ready.flags_changed && !items.contains(&Item::Flags);
        let flags_item = tell_flags.then_some(&Item::Flags);
        for (at, item) in items.iter().chain(flags_item).enumerate() {
            if at > 0 {
                conn.out().push(b' ');
            }
            let message = ready.held.as_ref().map(|held| held.message.as_ref());
            match (item, message) {
                (Item::Flags, _) => {
                    let flags = shown_flags(&ready.row);
                    known.told = told(&flags);
                    let text = format!("FLAGS ({})", flags.join(" "));
                    conn.out().extend_from_slice(text.as_bytes());
                }
                (Item::Uid, _) => {
                    let text = format!("UID {}", known.uid);
                    conn.out().extend_from_slice(text.as_bytes());
                }
                (Item::InternalDate, _) => {
                    let text = format!("INTERNALDATE {}", internal_date(ready.row.entry.arrived));
                    conn.out().extend_from_slice(text.as_bytes());
                }
                (Item::Size, _) => {
                    let text = format!("RFC822.SIZE {}", ready.size);
                    conn.out().extend_from_slice(text.as_bytes());
                }
                (Item::Envelope, Some(message)) => {
                    conn.out().extend_from_slice(b"ENVELOPE ");
                    envelope(conn.out(), message.header());
                }
                (Item::Body, Some(message)) => {
                    conn.out().extend_from_slice(b"BODY ");
                    structure(conn.out(), message, false);
                }
                (Item::BodyStructure, Some(message)) => {
                    conn.out().extend_from_slice(b"BODYSTRUCTURE ");
                    structure(conn.out(), message, true);
                }
                (
                    Item::Section {
                        section,
                        partial,
                        label,
                        ..
                    },
                    Some(message),
                ) => {
                    let found = content(message, section).map(|c| c.partial(*partial));
                    conn.out().extend_from_slice(label.as_bytes());
                    conn.out().push(b' ');
                    send(conn, found).await?;
                }
                // `ready` has read the message for these.
                (_, None) => conn.out().extend_from_slice(b"UID 0"),
            }
        }
        conn.out().extend_from_slice(b")\r\n");
        Ok(())
    }
}

/// True if the parts of the message have to be found for the item.
fn needs_parts(item: &Item) -> bool {
    match item {
        Item::Body | Item::BodyStructure => true,
        Item::Section { section, .. } => !section.path.is_empty(),
        _ => false,
    }
}

async fn send(conn: &mut super::conn::Conn, found: Option<Content>) -> Result<(), End> {
    match found {
        None => {
            conn.out().extend_from_slice(b"NIL");
            Ok(())
        }
        Some(content) => {
            write::literal_head(conn.out(), content.len());
            conn.literal(&content.head).await?;
            conn.literal(&content.tail).await
        }
    }
}

/// date-time of RFC 3501, in UTC.
pub(super) fn internal_date(at: Timestamp) -> String {
    let at = at.utc();
    // The day has two places, filled with a space.
    format!(
        "\"{:>2}-{}\"",
        at.day(),
        at.strftime("%b-%Y %H:%M:%S +0000")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_the_rfc_says() {
        assert_eq!(
            internal_date(Timestamp(1_000_000_000_000)),
            "\" 9-Sep-2001 01:46:40 +0000\""
        );
    }
}

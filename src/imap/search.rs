//! SEARCH (RFC 3501 section 6.4.4): what can be told without the message is told first.

use mail_parser::DateTime;

use super::bodies::{Held, size_of};
use super::conn::End;
use super::grammar::{DateOf, DateOrder, Key};
use super::reply::Done;
use super::selected::{CHUNK, shown_flags};
use super::session::Session;
use super::view::{Exposed, body_holds, header_holds, text_holds};
use crate::actions::{Refusal, Row};
use crate::mail::headers;
use crate::policy::Class;

/// What is known of a message while it is judged.
struct Seen<'s> {
    number: u32,
    uid: u32,
    row: Option<&'s Row>,
    message: Option<&'s Exposed>,
    /// The last sequence number and UID, for `*`.
    last: (u32, u32),
}

impl Session {
    pub(super) async fn search(
        &mut self,
        uid: bool,
        charset_known: bool,
        key: &Key,
    ) -> Result<Done, End> {
        let Some(selected) = &self.selected else {
            return Ok(Done::bad("No folder is open"));
        };
        if !charset_known {
            return Ok(Done::no(
                "[BADCHARSET (US-ASCII UTF-8)]",
                "These character sets are known",
            ));
        }
        let count = u32::try_from(selected.rows.len()).unwrap_or(u32::MAX);
        let places: Vec<u32> = (0..count).collect();
        let mut found = Vec::new();
        for chunk in places.chunks(CHUNK) {
            match self.search_chunk(chunk, key).await {
                Ok(more) => found.extend(more),
                Err(refusal) => return Ok(Done::refused(&refusal)),
            }
        }
        let Some(selected) = &self.selected else {
            return Ok(Done::bad("No folder is open"));
        };
        let out = self.conn.out();
        out.extend_from_slice(b"* SEARCH");
        for place in found {
            let number = if uid {
                selected.rows[place as usize].uid
            } else {
                place + 1
            };
            out.extend_from_slice(format!(" {number}").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        Ok(Done::ok("SEARCH done"))
    }

    /// The places among these that match.
    async fn search_chunk(&self, chunk: &[u32], key: &Key) -> Result<Vec<u32>, Refusal> {
        let Some(selected) = &self.selected else {
            return Ok(Vec::new());
        };
        let count = u32::try_from(selected.rows.len()).unwrap_or(u32::MAX);
        let last = (count, selected.rows.last().map_or(0, |row| row.uid));
        let seen = |place: u32| Seen {
            number: place + 1,
            uid: selected.rows[place as usize].uid,
            row: None,
            message: None,
            last,
        };
        let mut found = Vec::new();
        let mut open = Vec::new();
        for &place in chunk {
            match judge(key, &seen(place)) {
                Some(true) if !selected.is_gone(place) => found.push(place),
                None => open.push(place),
                _ => {}
            }
        }
        if open.is_empty() {
            return Ok(found);
        }
        let rows = selected.read(&self.house.desk, &self.by, &open).await?;
        for (place, row) in open.into_iter().zip(rows) {
            let Some(row) = row else { continue };
            let with_row = Seen {
                row: Some(&row),
                ..seen(place)
            };
            let matched = match judge(key, &with_row) {
                Some(matched) => matched,
                None => match self.house.bodies.open(&self.by, &row.entry).await {
                    Ok(held) => self.look_through(key, with_row, &held).await,
                    Err(Refusal::NotYours) => false,
                    Err(refusal) => return Err(refusal),
                },
            };
            if matched {
                found.push(place);
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    async fn look_through(&self, key: &Key, seen: Seen<'_>, held: &Held) -> bool {
        // Others are to have their turn between messages.
        tokio::task::yield_now().await;
        let whole = Seen {
            message: Some(&held.message),
            ..seen
        };
        let octets = held.message.size().saturating_mul(key.texts() as u64);
        let judge = || judge(key, &whole).unwrap_or(false);
        self.house.searching.think(octets, judge).await
    }
}

/// True or false, or nothing if more has to be read. The depth is bounded by the grammar.
fn judge(key: &Key, seen: &Seen<'_>) -> Option<bool> {
    match key {
        Key::All => Some(true),
        Key::Never => Some(false),
        Key::And(keys) => {
            let mut all = Some(true);
            for key in keys {
                match judge(key, seen) {
                    Some(false) => return Some(false),
                    Some(true) => {}
                    None => all = None,
                }
            }
            all
        }
        Key::Or(one, other) => match (judge(one, seen), judge(other, seen)) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        },
        Key::Not(key) => judge(key, seen).map(|matched| !matched),
        Key::Numbers(set) => Some(set.holds(seen.number, seen.last.0)),
        Key::Uids(set) => Some(set.holds(seen.uid, seen.last.1)),
        Key::Flag(flag) => {
            let flags = shown_flags(seen.row?);
            Some(flags.iter().any(|other| other.eq_ignore_ascii_case(flag)))
        }
        Key::Date(DateOf::Arrival, order, date) => {
            let day = seen.row?.entry.arrived.utc().date();
            Some(in_order(day, *order, *date))
        }
        Key::Date(DateOf::Sent, order, date) => {
            let field = headers::first(seen.message?.header(), "Date");
            let sent = field.and_then(|field| DateTime::parse_rfc822(&field.text()));
            let day = sent.and_then(|sent| {
                let (month, day) = (i8::try_from(sent.month), i8::try_from(sent.day));
                let year = i16::try_from(sent.year).ok()?;
                jiff::civil::Date::new(year, month.ok()?, day.ok()?).ok()
            });
            Some(day.is_some_and(|day| in_order(day, *order, *date)))
        }
        Key::Larger(size) => Some(known_size(seen)? > u64::from(*size)),
        Key::Smaller(size) => Some(known_size(seen)? < u64::from(*size)),
        Key::Header(name, text) => Some(header_holds(seen.message?, name, text)),
        Key::Body(text) => Some(body_holds(seen.message?, text)),
        Key::Text(text) => Some(text_holds(seen.message?, text)),
    }
}

fn known_size(seen: &Seen<'_>) -> Option<u64> {
    match seen.message {
        Some(message) => Some(message.size()),
        // Of malware only the message tells what is shown.
        None => seen
            .row
            .filter(|row| row.entry.verdict.class != Class::Malware)
            .map(|row| size_of(&row.entry)),
    }
}

fn in_order(day: jiff::civil::Date, order: DateOrder, date: jiff::civil::Date) -> bool {
    match order {
        DateOrder::Before => day < date,
        DateOrder::On => day == date,
        DateOrder::Since => day >= date,
    }
}

//! A draft: rows of the log are posted to it, and all that follows from them is worked out.
//!
//! A row's posting says what the row is from now on, never how it changed. So a
//! posting read twice, or read again after later ones, ends in the same state.

use std::collections::BTreeSet;

use super::index::{Index, Overlay};
use super::keys::{self, Kind};
use super::rows::{EntryRow, Home, LessonRow, decode, decode_setting, held, held_row, number};
use crate::clock::Timestamp;
use crate::mail::{EntryId, MailId};
use crate::policy::Scope;
use crate::record::{DigestState, Entry, Event, Job, State};
use crate::store::{Held, Notice, NoticeKind, Place as EventPlace, StoreError, View};

/// What one row of the log is from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Posting {
    Put {
        key: Vec<u8>,
        value: Vec<u8>,
    },
    /// The row is gone. Images of it lie in segments up to `born` only: when all
    /// those are gone too, this posting has done its work.
    Delete {
        key: Vec<u8>,
        born: u64,
    },
}

impl Posting {
    /// The mail, if the posting puts one.
    pub(crate) fn mail(&self) -> Option<MailId> {
        match self {
            Posting::Put { key, .. } if Kind::of(key) == Some(Kind::Mail) => keys::mail_of(key),
            _ => None,
        }
    }
}

/// Where a record lies, and the octets of each of its postings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    /// As many as there are postings.
    pub(crate) weights: &'a [u32],
}

/// What follows from a row.
enum Derived {
    Row(Vec<u8>, Vec<u8>),
    /// One more of these.
    Count(Vec<u8>),
    /// An entry of so many octets is held.
    Held(Vec<u8>, u64),
    /// Numbers up to this one are given.
    AtLeast(&'static [u8], u64),
}

/// Changes of the index that are not made yet, and what is to be told once they are.
pub(crate) struct Draft<'a> {
    pub(crate) overlay: Overlay<'a>,
    pub(crate) notices: Vec<Notice>,
    /// Events that came.
    pub(crate) events: Vec<(EventPlace, Event)>,
    /// A job came.
    pub(crate) owed: bool,
    /// The keys of lists that changed.
    pub(crate) listed: BTreeSet<Vec<u8>>,
    /// Mails whose octets nobody needs any more.
    pub(crate) dropped: Vec<MailId>,
    /// The segment that new records go to.
    pub(crate) segment: u64,
    /// Set while the log is read back: mails whose needs are to be looked at in the
    /// end. Until then the row that needs a mail may not have been read.
    pub(crate) unsettled: Option<BTreeSet<MailId>>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(index: &'a dyn Index, segment: u64) -> Self {
        Self {
            overlay: Overlay::new(index),
            notices: Vec::new(),
            events: Vec::new(),
            owed: false,
            listed: BTreeSet::new(),
            dropped: Vec::new(),
            segment,
            unsettled: None,
        }
    }

    /// The value of a row, without its home.
    pub(crate) fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.overlay
            .get(key)?
            .map(|row| Home::split(&row).map(|(_, value)| value.to_vec()))
            .transpose()
    }

    /// A mark's number; 0 if it was never set.
    pub(crate) fn mark(&self, key: &[u8]) -> Result<u64, StoreError> {
        Ok(number(self.overlay.get(key)?.as_deref()))
    }

    /// Posts one record.
    pub(crate) fn post(&mut self, postings: &[Posting], at: Place<'_>) -> Result<(), StoreError> {
        let mut touched = BTreeSet::new();
        for (posting, weight) in postings.iter().zip(at.weights) {
            let home = Home {
                segment: at.segment,
                offset: at.offset,
                weight: *weight,
            };
            let (Posting::Put { key, .. } | Posting::Delete { key, .. }) = posting;
            self.listed.extend(keys::list_of(key).map(<[u8]>::to_vec));
            match posting {
                Posting::Put { key, value } => self.put(key, value, home, &mut touched)?,
                Posting::Delete { key, .. } => self.delete(key, &mut touched)?,
            }
        }
        if let Some(unsettled) = &mut self.unsettled {
            unsettled.append(&mut touched);
        }
        for mail in touched {
            self.drop_unneeded(mail)?;
        }
        Ok(())
    }

    fn put(
        &mut self,
        key: &[u8],
        value: &[u8],
        home: Home,
        touched: &mut BTreeSet<MailId>,
    ) -> Result<(), StoreError> {
        match Kind::of(key) {
            // A later version's row, or damage that the checksum did not see.
            None => return Err(StoreError::Failed("a record speaks of no known row".into())),
            Some(Kind::Mark) => return self.put_mark(key, number(Some(value))),
            Some(Kind::Event) if self.is_past(key)? => return Ok(()),
            Some(_) => {}
        }
        let old = self.unlink(key, touched)?;
        self.weigh(home, true)?;
        self.overlay.put(key.to_vec(), home.row(value));
        for derived in derive(key, value, touched)? {
            match derived {
                Derived::Row(key, value) => self.overlay.put(key, value),
                Derived::Count(key) => self.count(key, true)?,
                Derived::Held(key, octets) => self.hold(key, octets, true)?,
                Derived::AtLeast(key, number) => self.put_mark(key, number)?,
            }
        }
        match Kind::of(key) {
            Some(Kind::Entry) => self.entry_moved(old.as_deref(), value)?,
            Some(Kind::Job) => self.owed = true,
            Some(Kind::Event) if self.unsettled.is_none() => {
                if let Some((at, number)) = keys::event_place(key) {
                    self.events
                        .push((EventPlace { at, number }, decode(value)?));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn delete(&mut self, key: &[u8], touched: &mut BTreeSet<MailId>) -> Result<(), StoreError> {
        if self.unlink(key, touched)?.is_some() {
            self.overlay.remove(key.to_vec());
        }
        match keys::last_entry(key) {
            Some(id) if Kind::of(key) == Some(Kind::Entry) => self.drop_flags(id),
            _ => Ok(()),
        }
    }

    /// Takes away all that follows from the row as it was, and returns its value.
    fn unlink(
        &mut self,
        key: &[u8],
        touched: &mut BTreeSet<MailId>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(row) = self.overlay.get(key)? else {
            return Ok(None);
        };
        let (home, value) = Home::split(&row)?;
        self.weigh(home, false)?;
        for derived in derive(key, value, touched)? {
            match derived {
                Derived::Row(key, _) => self.overlay.remove(key),
                Derived::Count(key) => self.count(key, false)?,
                Derived::Held(key, octets) => self.hold(key, octets, false)?,
                Derived::AtLeast(..) => {}
            }
        }
        Ok(Some(value.to_vec()))
    }

    fn put_mark(&mut self, key: &[u8], value: u64) -> Result<(), StoreError> {
        if value <= self.mark(key)? {
            return Ok(());
        }
        self.overlay.put(key.to_vec(), value.to_be_bytes().to_vec());
        if key == keys::JOURNAL_EDGE {
            let end = keys::event(Timestamp(value), 0);
            let events = self.overlay.range(keys::EVENTS, &end, usize::MAX)?;
            for (key, _) in events {
                self.delete(&key, &mut BTreeSet::new())?;
            }
        }
        if key == keys::SEALED {
            // Their numbers are never given again, whatever of the log was lost.
            self.put_mark(keys::LAST_EVENT, value)?;
            let end = keys::event_number(value.saturating_add(1));
            let events = self.overlay.range(keys::EVENT_NUMBERS, &end, usize::MAX)?;
            for (key, at) in events {
                if let Some((_, sealed)) = keys::last_number(&key) {
                    let key = keys::event(Timestamp(number(Some(&at))), sealed);
                    self.delete(&key, &mut BTreeSet::new())?;
                }
            }
        }
        Ok(())
    }

    /// True for an event that is forgotten, or sealed elsewhere.
    fn is_past(&self, key: &[u8]) -> Result<bool, StoreError> {
        let (edge, sealed) = (self.mark(keys::JOURNAL_EDGE)?, self.mark(keys::SEALED)?);
        let past = |(at, number): (Timestamp, u64)| at.0 < edge || number <= sealed;
        Ok(keys::event_place(key).is_some_and(past))
    }

    fn count(&mut self, key: Vec<u8>, up: bool) -> Result<(), StoreError> {
        let now = self.mark(&key)?;
        let then = if up { now + 1 } else { now.saturating_sub(1) };
        self.set_number(key, then);
        Ok(())
    }

    /// Counts an entry and its octets among what is held for a scope.
    fn hold(&mut self, key: Vec<u8>, octets: u64, up: bool) -> Result<(), StoreError> {
        let before = held(self.overlay.get(&key)?.as_deref());
        let after = if up {
            Held {
                messages: before.messages + 1,
                octets: before.octets + octets,
            }
        } else {
            Held {
                messages: before.messages.saturating_sub(1),
                octets: before.octets.saturating_sub(octets),
            }
        };
        if after.messages == 0 {
            self.overlay.remove(key);
        } else {
            self.overlay.put(key, held_row(after));
        }
        Ok(())
    }

    /// Counts the octets that live in a segment.
    fn weigh(&mut self, home: Home, up: bool) -> Result<(), StoreError> {
        let key = keys::live(home.segment);
        let now = self.mark(&key)?;
        let weight = u64::from(home.weight);
        let then = if up {
            now + weight
        } else {
            now.saturating_sub(weight)
        };
        self.set_number(key, then);
        Ok(())
    }

    fn set_number(&mut self, key: Vec<u8>, value: u64) {
        if value == 0 {
            self.overlay.remove(key);
        } else {
            self.overlay.put(key, value.to_be_bytes().to_vec());
        }
    }

    /// Tells of an entry that came or went; the flags of one that ended go.
    fn entry_moved(&mut self, old: Option<&[u8]>, new: &[u8]) -> Result<(), StoreError> {
        let old = old
            .map(decode::<EntryRow>)
            .transpose()?
            .map(|row| row.entry);
        let new = decode::<EntryRow>(new)?.entry;
        let was = old.filter(|entry| entry.state == State::Held);
        let same = was.as_ref().is_some_and(|entry| entry.uid == new.uid);
        if let Some(was) = was
            && !(same && new.state == State::Held)
        {
            self.notices.push(notice(&was, NoticeKind::Went));
        }
        if new.state == State::Held && !same {
            self.notices.push(notice(&new, NoticeKind::Came));
        }
        if !matches!(new.state, State::Held | State::Leaving) {
            self.drop_flags(new.id)?;
        }
        Ok(())
    }

    fn drop_flags(&mut self, id: EntryId) -> Result<(), StoreError> {
        let all = keys::all_flags(id);
        let rows = self.overlay.range(&all, &keys::end_of(&all), usize::MAX)?;
        for (key, _) in rows {
            self.delete(&key, &mut BTreeSet::new())?;
        }
        Ok(())
    }

    /// Drops the mail if nobody needs its octets.
    pub(crate) fn drop_unneeded(&mut self, mail: MailId) -> Result<(), StoreError> {
        let needs = keys::needs(mail);
        let needed = !self
            .overlay
            .range(&needs, &keys::end_of(&needs), 1)?
            .is_empty();
        let key = keys::mail(mail);
        if !needed && self.unlink(&key, &mut BTreeSet::new())?.is_some() {
            self.overlay.remove(key);
            self.dropped.push(mail);
        }
        Ok(())
    }
}

/// A notice about `entry` as it is shown.
pub(crate) fn notice(entry: &Entry, what: NoticeKind) -> Notice {
    Notice {
        id: entry.id,
        uid: entry.uid,
        owner: entry.owner.clone(),
        shelf: entry.shelf,
        direction: entry.direction,
        what,
    }
}

/// All that follows from a row; the mails that it speaks of are noted.
fn derive(
    key: &[u8],
    value: &[u8],
    touched: &mut BTreeSet<MailId>,
) -> Result<Vec<Derived>, StoreError> {
    let mut out = Vec::new();
    match Kind::of(key) {
        Some(Kind::Mail) => touched.extend(keys::mail_of(key)),
        Some(Kind::Entry) => {
            let row: EntryRow = decode(value)?;
            touched.insert(row.entry.mail);
            derive_entry(key, &row, &mut out);
        }
        Some(Kind::Job) => {
            let job: Job = decode(value)?;
            touched.insert(job.mail);
            out.push(Derived::Row(keys::due(job.due, job.id), Vec::new()));
            out.push(Derived::Row(keys::need(job.mail, key), Vec::new()));
        }
        Some(Kind::Lesson) => {
            let row: LessonRow = decode(value)?;
            touched.insert(row.lesson.mail);
            let number = keys::last_number(key).map_or(0, |(_, number)| number);
            let age = keys::lesson_age(row.holds, row.lesson.at, number);
            out.push(Derived::Row(age, Vec::new()));
            out.push(Derived::AtLeast(keys::LAST_LESSON, number));
            if row.holds {
                out.push(Derived::Row(keys::need(row.lesson.mail, key), Vec::new()));
            }
        }
        Some(Kind::Event) => derive_event(key, &mut out),
        Some(Kind::Digest) if key != keys::DIGESTS_SEEN => {
            let state: DigestState = decode_setting(value)?;
            let due = state.look.map(|look| keys::digest_due(look, key));
            out.extend(due.map(|due| Derived::Row(due, Vec::new())));
        }
        Some(Kind::Digest | Kind::Flags | Kind::Setting | Kind::Mark) | None => {}
    }
    Ok(out)
}

fn derive_entry(key: &[u8], row: &EntryRow, out: &mut Vec<Derived>) {
    let entry = &row.entry;
    out.push(Derived::AtLeast(keys::LAST_UID, entry.uid));
    if entry.state == State::Held {
        for scope in Scope::chain(&entry.owner) {
            let view = View {
                scope,
                shelf: entry.shelf,
                direction: entry.direction,
            };
            let shown = keys::shown(&view, entry.uid);
            let value = keys::shown_value(entry.failed.is_some(), entry.id);
            out.push(Derived::Row(shown, value));
            out.push(Derived::Count(keys::count(&view)));
            out.push(Derived::Held(keys::held(&view.scope), entry.size));
        }
        out.push(Derived::Row(
            keys::expiring(entry.expires, entry.id),
            Vec::new(),
        ));
    }
    out.push(match entry.state {
        State::Held | State::Leaving => Derived::Row(keys::need(entry.mail, key), Vec::new()),
        State::Released | State::Removed | State::Expired => {
            Derived::Row(keys::ended(row.since, entry.id), Vec::new())
        }
    });
}

fn derive_event(key: &[u8], out: &mut Vec<Derived>) {
    if let Some((at, number)) = keys::event_place(key) {
        out.push(Derived::AtLeast(keys::LAST_EVENT, number));
        let at = at.0.to_be_bytes().to_vec();
        out.push(Derived::Row(keys::event_number(number), at));
    }
}

//! What the house asks of the ledger by itself: forgetting, sweeping, moving rows out of old segments.

use std::collections::BTreeMap;

use super::draft::{Draft, Posting};
use super::keys::{self, Kind};
use super::ops::{Answer, Decision, LESSON_DAYS, Packed, SWEEP};
use super::rows::{Home, LessonRow, decode};
use crate::clock::Timestamp;
use crate::store::StoreError;

pub(super) fn forget(draft: &Draft<'_>, before: Timestamp) -> Result<Decision, StoreError> {
    let end = keys::event(before, 0);
    let old = draft.overlay.range(keys::EVENTS, &end, SWEEP + 1)?;
    let more = old.len() > SWEEP;
    let mut edge = before;
    if more && let (Some(first), Some(last)) = (old.first(), old.last()) {
        let time = |key: &[u8]| keys::event_place(key).map_or(0, |(at, _)| at.0);
        // More in one millisecond than a sweep holds: they go together.
        edge = Timestamp(time(&last.0).max(time(&first.0) + 1));
    }
    let mut decision = Decision::new(Answer::Yes(more));
    if draft.mark(keys::JOURNAL_EDGE)? < edge.0 {
        decision.put(keys::JOURNAL_EDGE.to_vec(), edge.0.to_be_bytes().to_vec());
    }
    Ok(decision)
}

pub(super) fn sealed(draft: &Draft<'_>, number: u64) -> Result<Decision, StoreError> {
    let end = keys::event_number(number.saturating_add(1));
    let there = draft.overlay.range(keys::EVENT_NUMBERS, &end, SWEEP + 1)?;
    let more = there.get(SWEEP - 1).filter(|_| there.len() > SWEEP);
    let upto = more.and_then(|(key, _)| keys::last_number(key));
    let upto = upto.map_or(number, |(_, upto)| upto);
    let mut decision = Decision::new(Answer::Yes(more.is_some()));
    if draft.mark(keys::SEALED)? < upto {
        decision.put(keys::SEALED.to_vec(), upto.to_be_bytes().to_vec());
    }
    Ok(decision)
}

pub(super) fn sweep(
    draft: &Draft<'_>,
    now: Timestamp,
    history_days: u64,
) -> Result<Decision, StoreError> {
    let ago = |days| Timestamp(now.0.saturating_sub(Timestamp(0).after_days(days).0));
    let mut decision = Decision::new(Answer::Done);
    let taught = keys::lessons_by_age(true);
    let end = keys::after_time(taught, ago(LESSON_DAYS));
    for (key, _) in draft.overlay.range(taught, &end, SWEEP)? {
        let number = keys::last_number(&key).map_or(0, |(_, number)| number);
        if let Some(value) = draft.value(&keys::lesson(number))? {
            let row: LessonRow = decode(&value)?;
            decision.lesson(number, row.lesson, false)?;
        }
    }
    let past = keys::lessons_by_age(false);
    let end = keys::after_time(past, ago(history_days.max(LESSON_DAYS)));
    for (key, _) in draft.overlay.range(past, &end, SWEEP)? {
        if let Some((_, number)) = keys::last_number(&key) {
            decision.delete(keys::lesson(number), draft);
        }
    }
    let end = keys::after_time(keys::ENDED, ago(history_days));
    for (key, _) in draft.overlay.range(keys::ENDED, &end, SWEEP)? {
        if let Some(id) = keys::last_entry(&key) {
            decision.delete(keys::entry(id), draft);
        }
    }
    decision.answer = Answer::Yes(!decision.postings.is_empty());
    Ok(decision)
}

/// Rows that moved on since they were looked up are left alone. With a mail go all rows
/// that need it: whoever reads the log from its start must not find it unneeded.
pub(super) fn move_rows(
    draft: &Draft<'_>,
    segment: u64,
    keys: &[Vec<u8>],
    gone: Vec<(Vec<u8>, u64)>,
    body: Option<Packed>,
) -> Result<Decision, StoreError> {
    let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut decision = Decision::new(Answer::Done);
    for key in keys {
        let Some(row) = draft.overlay.get(key)? else {
            continue;
        };
        let (home, value) = Home::split(&row)?;
        if home.segment != segment {
            continue;
        }
        if Kind::of(key) == Some(Kind::Mail) {
            let Some(body) = &body else { continue };
            decision.body = Some(body.clone());
            decision.put(key.clone(), value.to_vec());
            let needs = [b"n", &key[1..]].concat();
            let end = keys::end_of(&needs);
            for (need, _) in draft.overlay.range(&needs, &end, usize::MAX)? {
                let by = keys::needed_by(&need).to_vec();
                if let Some(value) = draft.value(&by)? {
                    rows.insert(by, value);
                }
            }
        } else {
            rows.insert(key.clone(), value.to_vec());
        }
    }
    for (key, value) in rows {
        decision.put(key, value);
    }
    for (key, born) in gone {
        if draft.overlay.get(&key)?.is_none() {
            decision.postings.push(Posting::Delete { key, born });
        }
    }
    Ok(decision)
}

//! The undo of the index: what the keys held before the changes that are being made.
//!
//! sled comes back after a crash as it was at some moment, never with a later write
//! and without an earlier one. So: first the old values are written down, then the
//! part 0 that makes the undo count, then the changes, then part 0 goes. Whoever
//! finds part 0 puts the old values back, and reads the log again from there.

use crate::store::ledger::index::Changes;
use crate::store::ledger::keys;

/// Octets in one part: beyond 128K sled would make a file for each value.
const PART: usize = 32 << 10;

/// Writes down what the keys of `changes` hold; returns how many parts there are besides part 0.
pub(super) fn prepare(db: &sled::Db, changes: &Changes) -> sled::Result<u32> {
    let undo = parts(db)?;
    let (mut part, mut number) = (Vec::new(), 0);
    for key in changes.keys() {
        let old = db.get(key)?;
        part.push(u8::from(old.is_some()));
        push(&mut part, key);
        push(&mut part, old.as_deref().unwrap_or_default());
        if part.len() >= PART {
            number += 1;
            undo.insert(keys::undo(number), std::mem::take(&mut part))?;
        }
    }
    // The last part is part 0, which is written last.
    undo.insert(keys::undo(0), part)?;
    Ok(number)
}

/// The changes are made: the undo of so many parts no longer counts.
pub(super) fn done(db: &sled::Db, number: u32) -> sled::Result<()> {
    let undo = parts(db)?;
    for part in 0..=number {
        undo.remove(keys::undo(part))?;
    }
    Ok(())
}

/// Puts back what a crash interrupted.
pub(super) fn take_back(db: &sled::Db) -> sled::Result<()> {
    let undo = parts(db)?;
    if undo.contains_key(keys::undo(0))? {
        tracing::info!("an interrupted change of the index is taken back");
        // Taking back may be interrupted, too: then it is done again.
        for item in undo.iter() {
            let (_, part) = item?;
            let mut rest: &[u8] = &part;
            while let Some((key, old)) = next(&mut rest) {
                match old {
                    Some(old) => db.insert(key, old)?,
                    None => db.remove(key)?,
                };
            }
        }
        undo.remove(keys::undo(0))?;
    }
    clear(&undo)
}

/// A tree of its own: in sled neighbours are written together, and parts are large.
fn parts(db: &sled::Db) -> sled::Result<sled::Tree> {
    db.open_tree(keys::UNDO)
}

fn clear(undo: &sled::Tree) -> sled::Result<()> {
    for item in undo.iter() {
        undo.remove(item?.0)?;
    }
    Ok(())
}

fn push(part: &mut Vec<u8>, octets: &[u8]) {
    // No value of the index comes near 4 GiB; records are limited to that.
    let length = u32::try_from(octets.len()).unwrap_or(u32::MAX);
    part.extend_from_slice(&length.to_be_bytes());
    part.extend_from_slice(octets);
}

/// Key and old value of the next change.
fn next<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], Option<&'a [u8]>)> {
    let (&was, after) = rest.split_first()?;
    *rest = after;
    let key = take(rest)?;
    let old = take(rest)?;
    Some((key, (was == 1).then_some(old)))
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (octets, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(db: &sled::Db) -> Vec<(Vec<u8>, Vec<u8>)> {
        db.iter()
            .map(|item| item.expect("item"))
            .map(|(key, value)| (key.to_vec(), value.to_vec()))
            .collect()
    }

    #[test]
    fn an_interrupted_change_is_taken_back_whole() {
        let db = sled::Config::new().temporary(true).open().expect("opened");
        for n in 0..2000u32 {
            let value = vec![1; (n % 90) as usize];
            db.insert(n.to_be_bytes(), value).expect("put");
        }
        let before = all(&db);
        let changes: Changes = (1000..3000u32)
            .map(|n| (n.to_be_bytes().to_vec(), (n % 3 > 0).then(|| vec![2; 50])))
            .collect();
        for made in [0, 1, 999, 2000] {
            prepare(&db, &changes).expect("prepared");
            for (key, value) in changes.iter().take(made) {
                match value {
                    Some(value) => db.insert(key, value.as_slice()).expect("put"),
                    None => db.remove(key).expect("removed"),
                };
            }
            take_back(&db).expect("taken back");
            assert!(all(&db) == before, "{made} changes");
        }
        let number = prepare(&db, &changes).expect("prepared");
        assert!(number > 0, "more than one part");
        done(&db, number).expect("done");
        assert!(parts(&db).expect("parts").is_empty());
        take_back(&db).expect("nothing to do");
        assert!(all(&db) == before);
    }
}

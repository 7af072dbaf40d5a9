//! Entries as the rooms above see them.

use async_trait::async_trait;
use tokio::sync::broadcast;

use super::index::Index;
use super::ops::{Answer, Op};
use super::rows::{EntryRow, FlagsRow, Home, MailRow, decode, held, number};
use super::{Engine, Rooms, keys, value};
use crate::clock::Timestamp;
use crate::mail::{EntryId, Mail, MailId};
use crate::policy::Scope;
use crate::record::{Change, Entry, Event, KeptMail};
use crate::store::{ChangeError, Entries, Flags, Held, Notice, Row, Shown, StoreError, View};

/// Rows looked up at once without leaving the caller's thread.
const FEW: usize = 16;
/// Rows looked at that need the octets of one mail: entries and jobs of its recipients.
const NEEDS_MOST: usize = 20_000;

#[async_trait]
impl<E: Engine> Entries for Rooms<E> {
    async fn stash(
        &self,
        mail: &Mail,
        entries: Vec<Entry>,
        event: Event,
    ) -> Result<Vec<Entry>, StoreError> {
        let keep = self.keep(mail).await?;
        match self.submit(Op::Stash(keep, entries, event)).await? {
            Answer::Entries(entries) => Ok(entries),
            other => Err(odd(&other)),
        }
    }

    async fn entry(&self, id: EntryId) -> Result<Option<Entry>, StoreError> {
        entry(self.0.index(), id)
    }

    async fn entries(&self, ids: &[EntryId]) -> Result<Vec<Option<Entry>>, StoreError> {
        if ids.len() <= FEW {
            return entries(self.0.index(), ids);
        }
        let ids = ids.to_vec();
        self.read(move |engine| entries(engine.index(), &ids)).await
    }

    async fn entries_of(&self, mail: MailId) -> Result<Vec<EntryId>, StoreError> {
        let needs = keys::needs(mail);
        let end = keys::end_of(&needs);
        let pairs = self.0.index().range(&needs, &end, NEEDS_MOST)?;
        let by = pairs.iter().map(|(key, _)| keys::needed_by(key));
        let entries = by.filter(|by| keys::Kind::of(by) == Some(keys::Kind::Entry));
        Ok(entries.filter_map(keys::last_entry).collect())
    }

    async fn mail(&self, id: MailId) -> Result<Option<KeptMail>, StoreError> {
        self.read(move |engine| kept_mail(engine, id)).await
    }

    async fn mails(&self, ids: &[MailId]) -> Result<Vec<Option<KeptMail>>, StoreError> {
        let ids = ids.to_vec();
        self.read(move |engine| ids.iter().map(|id| kept_mail(engine, *id)).collect())
            .await
    }

    async fn uids(
        &self,
        view: &View,
        after: u64,
        most: usize,
    ) -> Result<Vec<(u64, EntryId)>, StoreError> {
        let Some(first) = after.checked_add(1) else {
            return Ok(Vec::new());
        };
        let (from, to) = (keys::shown(view, first), keys::end_of(&keys::view(view)));
        self.read(move |engine| {
            let pairs = engine.index().range(&from, &to, most)?;
            Ok(pairs.iter().filter_map(shown).collect())
        })
        .await
    }

    async fn newest(
        &self,
        view: &View,
        before: u64,
        most: usize,
    ) -> Result<Vec<(u64, EntryId)>, StoreError> {
        let (from, to) = (keys::view(view), keys::shown(view, before));
        self.read(move |engine| {
            let pairs = engine.index().range_back(&from, &to, most)?;
            Ok(pairs.iter().filter_map(shown).collect())
        })
        .await
    }

    async fn shown(&self, view: &View, after: u64, most: usize) -> Result<Vec<Shown>, StoreError> {
        let Some(first) = after.checked_add(1) else {
            return Ok(Vec::new());
        };
        let (from, to) = (keys::shown(view, first), keys::end_of(&keys::view(view)));
        let scope = view.scope.clone();
        self.read(move |engine| listing(engine.index(), &scope, &from, &to, most))
            .await
    }

    async fn rows(&self, scope: &Scope, ids: &[EntryId]) -> Result<Vec<Option<Row>>, StoreError> {
        if ids.len() <= FEW {
            return rows(self.0.index(), scope, ids);
        }
        let (scope, ids) = (scope.clone(), ids.to_vec());
        self.read(move |engine| rows(engine.index(), &scope, &ids))
            .await
    }

    async fn flagged(&self, scope: &Scope, entries: Vec<Entry>) -> Result<Vec<Row>, StoreError> {
        let scope = scope.clone();
        self.read(move |engine| {
            let rows = entries.into_iter();
            let rows = rows.map(|entry| flagged(engine.index(), &scope, entry));
            rows.collect()
        })
        .await
    }

    async fn count(&self, view: &View) -> Result<u64, StoreError> {
        Ok(number(self.0.index().get(&keys::count(view))?.as_deref()))
    }

    async fn held(&self, scope: &Scope) -> Result<Held, StoreError> {
        Ok(held(self.0.index().get(&keys::held(scope))?.as_deref()))
    }

    async fn holders(
        &self,
        after: Option<&Scope>,
        most: usize,
    ) -> Result<Vec<(Scope, Held)>, StoreError> {
        let from = match after {
            Some(scope) => [keys::held(scope), vec![0]].concat(),
            None => keys::HELD.to_vec(),
        };
        self.read(move |engine| {
            let rows = engine
                .index()
                .range(&from, &keys::end_of(keys::HELD), most)?;
            let holder =
                |(key, value): &(Vec<u8>, Vec<u8>)| Some((keys::held_by(key)?, held(Some(value))));
            Ok(rows.iter().filter_map(holder).collect())
        })
        .await
    }

    async fn last_uid(&self) -> Result<u64, StoreError> {
        Ok(number(self.0.index().get(keys::LAST_UID)?.as_deref()))
    }

    async fn apply(&self, changes: Vec<Change>) -> Vec<Result<Entry, ChangeError>> {
        let ops = changes.into_iter().map(Box::new).map(Op::Change).collect();
        let answers = self.0.submit(ops).await;
        answers
            .into_iter()
            .map(|answer| match answer? {
                Answer::Changed(entry) => Ok(*entry),
                Answer::Refused(why) => Err(why),
                other => Err(ChangeError::Store(odd(&other))),
            })
            .collect()
    }

    async fn set_flags(
        &self,
        scope: &Scope,
        flags: Vec<(EntryId, Flags)>,
    ) -> Result<(), StoreError> {
        self.submit(Op::Flags(scope.clone(), flags)).await?;
        Ok(())
    }

    async fn expiring(&self, now: Timestamp, most: usize) -> Result<Vec<Entry>, StoreError> {
        let end = keys::after_time(keys::EXPIRING, now);
        self.read(move |engine| {
            let index = engine.index();
            let pairs = index.range(keys::EXPIRING, &end, most)?;
            let ids = pairs.iter().filter_map(|(key, _)| keys::last_entry(key));
            let entries: Vec<Option<Entry>> =
                ids.map(|id| entry(index, id)).collect::<Result<_, _>>()?;
            Ok(entries.into_iter().flatten().collect())
        })
        .await
    }

    fn notices(&self) -> broadcast::Receiver<Notice> {
        self.0.news().notices.subscribe()
    }
}

/// An engine answered what was not asked: a fault of ours.
fn odd(answer: &Answer) -> StoreError {
    StoreError::Failed(format!("the store gave an odd answer: {answer:?}"))
}

fn shown((key, value): &(Vec<u8>, Vec<u8>)) -> Option<(u64, EntryId)> {
    Some((keys::last_number(key)?.1, keys::last_entry(value)?))
}

fn entry(index: &dyn Index, id: EntryId) -> Result<Option<Entry>, StoreError> {
    let row = value(index, &keys::entry(id))?;
    row.map(|row| decode::<EntryRow>(&row).map(|row| row.entry))
        .transpose()
}

fn entries(index: &dyn Index, ids: &[EntryId]) -> Result<Vec<Option<Entry>>, StoreError> {
    ids.iter().map(|id| entry(index, *id)).collect()
}

fn rows(index: &dyn Index, scope: &Scope, ids: &[EntryId]) -> Result<Vec<Option<Row>>, StoreError> {
    ids.iter()
        .map(|id| {
            let entry = entry(index, *id)?;
            entry.map(|entry| flagged(index, scope, entry)).transpose()
        })
        .collect()
}

fn flagged(index: &dyn Index, scope: &Scope, entry: Entry) -> Result<Row, StoreError> {
    let flags = flags(index, entry.id, scope, entry.uid)?;
    Ok(Row { entry, flags })
}

fn flags(index: &dyn Index, id: EntryId, scope: &Scope, uid: u64) -> Result<Flags, StoreError> {
    let set = value(index, &keys::flags(id, scope))?
        .map(|row| decode::<FlagsRow>(&row))
        .transpose()?;
    Ok(set
        .filter(|set| set.uid == uid)
        .map(|set| set.flags)
        .unwrap_or_default())
}

fn listing(
    index: &dyn Index,
    scope: &Scope,
    from: &[u8],
    to: &[u8],
    most: usize,
) -> Result<Vec<Shown>, StoreError> {
    let mut all = Vec::new();
    for pair in index.range(from, to, most)? {
        let Some((uid, id)) = shown(&pair) else {
            continue;
        };
        let (failed, requested) = match keys::shown_marks(&pair.1) {
            Some(marks) => marks,
            None => entry(index, id)?.map_or((false, false), |entry| {
                (entry.failed.is_some(), entry.requested.is_some())
            }),
        };
        let flags = flags(index, id, scope, uid)?;
        all.push(Shown {
            uid,
            id,
            failed,
            requested,
            flags,
        });
    }
    Ok(all)
}

fn kept_mail<E: Engine>(engine: &E, id: MailId) -> Result<Option<KeptMail>, StoreError> {
    let mut failed = None;
    // Between the look at the index and the read, the octets may be moved. Then the
    // index knows the new place.
    for _ in 0..2 {
        let Some(row) = engine.index().get(&keys::mail(id))? else {
            return Ok(None);
        };
        let (home, value) = Home::split(&row)?;
        let row: MailRow = decode(value)?;
        match engine.octets(id, home, row.size) {
            Ok(bytes) => {
                return Ok(Some(KeptMail {
                    id,
                    envelope: row.envelope,
                    bytes,
                }));
            }
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(None), Err)
}

//! The journal as the rooms above see it.

use async_trait::async_trait;

use super::index::Index;
use super::ops::{Answer, Op};
use super::rows::{decode, number};
use super::{Engine, Rooms, keys, value};
use crate::clock::Timestamp;
use crate::mail::EntryId;
use crate::policy::Scope;
use crate::record::Event;
use crate::store::journal::{Book, Wish};
use crate::store::{Journal, Page, Place, Query, Step, StoreError, Tally};

/// Events read in one piece.
const PIECE: usize = 1000;

#[async_trait]
impl<E: Engine> Journal for Rooms<E> {
    async fn write(&self, event: Event) -> Result<(), StoreError> {
        if self.0.book().is_full() {
            return Err(StoreError::Full);
        }
        self.submit(Op::Write(event)).await?;
        Ok(())
    }

    async fn search(
        &self,
        scope: &Scope,
        query: &Query,
        most: usize,
    ) -> Result<Page<Event>, StoreError> {
        let (scope, query) = (scope.clone(), query.clone());
        self.read(move |engine| {
            let wish = Wish::new(&scope, &query, edge(engine.index())?);
            engine.book().search(wish, most)
        })
        .await
    }

    async fn tally(
        &self,
        scope: &Scope,
        since: Timestamp,
        until: Timestamp,
        step: Step,
    ) -> Result<Tally, StoreError> {
        let scope = scope.clone();
        self.read(move |engine| {
            let since = since.max(edge(engine.index())?);
            engine.book().tally(&scope, (since, until), step)
        })
        .await
    }

    async fn history(&self, entry: EntryId) -> Result<Vec<Event>, StoreError> {
        self.read(move |engine| engine.book().history(entry, edge(engine.index())?))
            .await
    }

    async fn forget(&self, before: Timestamp) -> Result<(), StoreError> {
        while self.submit(Op::Forget(before)).await? == Answer::Yes(true) {}
        self.0.book().forget(before);
        Ok(())
    }
}

/// Events before this are forgotten.
fn edge(index: &dyn Index) -> Result<Timestamp, StoreError> {
    let edge = index.get(keys::JOURNAL_EDGE)?;
    Ok(Timestamp(number(edge.as_deref())))
}

/// Fills the log's memory with the events that are not sealed.
pub(crate) fn fill(book: &Book, index: &dyn Index) -> Result<(), StoreError> {
    book.start_over(number(index.get(keys::SEALED)?.as_deref()));
    let (mut from, to) = (
        keys::event_number(book.sealed() + 1),
        keys::end_of(keys::EVENT_NUMBERS),
    );
    loop {
        let piece = index.range(&from, &to, PIECE)?;
        let Some((last, _)) = piece.last() else {
            return Ok(());
        };
        from = [last.as_slice(), &[0]].concat();
        let mut events = Vec::with_capacity(piece.len());
        for (key, at) in &piece {
            let Some((_, own)) = keys::last_number(key) else {
                continue;
            };
            let place = Place {
                at: Timestamp(number(Some(at))),
                number: own,
            };
            if let Some(row) = value(index, &keys::event(place.at, place.number))? {
                events.push((place, decode::<Event>(&row)?));
            }
        }
        book.add(events);
    }
}

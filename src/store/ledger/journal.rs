//! The journal as the rooms above see it.

use async_trait::async_trait;

use super::draft::ours;
use super::index::Index;
use super::ops::{Answer, Op};
use super::rows::{Home, decode};
use super::{Engine, Rooms, keys, value};
use crate::clock::Timestamp;
use crate::mail::EntryId;
use crate::policy::Scope;
use crate::record::Event;
use crate::store::{Journal, Query, StoreError};

/// Events looked at in one search; older ones are found by a narrower time.
const SEARCHED: usize = 500_000;

/// Events looked at in one piece.
const PIECE: usize = 1000;

/// Events of one entry that are shown.
const HISTORY: usize = 10_000;

#[async_trait]
impl<E: Engine> Journal for Rooms<E> {
    async fn write(&self, event: Event) -> Result<(), StoreError> {
        self.submit(Op::Write(event)).await?;
        Ok(())
    }

    async fn search(
        &self,
        scope: &Scope,
        query: &Query,
        most: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let (scope, query) = (scope.clone(), query.clone());
        self.read(move |engine| search(engine.index(), &scope, &query, most))
            .await
    }

    async fn history(&self, entry: EntryId) -> Result<Vec<Event>, StoreError> {
        self.read(move |engine| {
            let index = engine.index();
            let from = keys::events_of_entry(entry);
            let mut pairs = index.range(&from, &keys::end_of(&from), HISTORY)?;
            // Numbers are given in the order of writing, whatever the clock did.
            pairs.sort_by_key(|(key, _)| keys::last_number(key).map(|(_, number)| number));
            let events = pairs.iter().map(|(key, _)| event(index, key));
            let events: Vec<Option<Event>> = events.collect::<Result<_, _>>()?;
            Ok(events.into_iter().flatten().collect())
        })
        .await
    }

    async fn forget(&self, before: Timestamp) -> Result<(), StoreError> {
        while self.submit(Op::Forget(before)).await? == Answer::Yes(true) {}
        Ok(())
    }
}

/// The event that a key speaks of.
fn event(index: &dyn Index, key: &[u8]) -> Result<Option<Event>, StoreError> {
    let Some((at, number)) = keys::event_place(key) else {
        return Ok(None);
    };
    let row = value(index, &keys::event(at, number))?;
    row.map(|row| decode(&row)).transpose()
}

fn search(
    index: &dyn Index,
    scope: &Scope,
    query: &Query,
    most: usize,
) -> Result<Vec<Event>, StoreError> {
    let prefix = match query.mail {
        Some(mail) => keys::events_of_mail(mail),
        None => keys::events(scope),
    };
    let is_row = prefix == keys::EVENTS;
    let from = keys::event_under(&prefix, query.since.unwrap_or_default(), 0);
    let mut to = match query.until {
        Some(until) => keys::after_time(&prefix, until),
        None => keys::end_of(&prefix),
    };
    let mut found = Vec::new();
    let mut looked = 0;
    while found.len() < most && looked < SEARCHED {
        let piece = index.range_back(&from, &to, PIECE)?;
        let Some((last, _)) = piece.last() else { break };
        to = last.clone();
        looked += piece.len();
        for (key, row) in &piece {
            let event = if is_row {
                Some(decode(Home::split(row)?.1)?)
            } else {
                event(index, key)?
            };
            found.extend(event.filter(|event| fits(event, scope, query)));
            if found.len() == most {
                break;
            }
        }
    }
    Ok(found)
}

fn fits(event: &Event, scope: &Scope, query: &Query) -> bool {
    let addresses = || event.from.iter().chain(&event.to);
    let in_scope = *scope == Scope::Global
        || ours(event)
            .iter()
            .any(|address| scope.holds_address(address));
    in_scope
        && query.status.is_none_or(|status| status == event.status)
        && query.mail.is_none_or(|mail| event.mail == Some(mail))
        && query
            .address
            .as_ref()
            .is_none_or(|wanted| addresses().any(|address| address == wanted))
        && query.text.as_ref().is_none_or(|text| {
            text.split_whitespace().all(|word| {
                addresses().any(|address| address.key().contains(word))
                    || event.subject.to_lowercase().contains(word)
                    || event.words.to_lowercase().contains(word)
            })
        })
}

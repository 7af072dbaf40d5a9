//! The overview of a range of time.

use std::collections::{BTreeMap, HashMap};

use super::part::{HOUR, Hours, Kind, Terms};
use super::{Book, Wish};
use crate::clock::Timestamp;
use crate::policy::Scope;
use crate::record::Event;
use crate::store::{Count, Place, Query, Step, StoreError, Tally, Top};

/// Addresses of each sort that are told.
const TOLD: usize = 20;
/// Events of a narrow scope that are looked at for the most frequent addresses.
const SAMPLE: usize = 1000;
/// Steps of one tally.
const STEPS_MOST: u64 = 24 * 400;

fn hour(at: Timestamp) -> u32 {
    u32::try_from(at.0 / HOUR).unwrap_or(u32::MAX)
}

impl Book {
    /// Counts the events of `scope` by step, and tells the most frequent addresses.
    pub(crate) fn tally(
        &self,
        scope: &Scope,
        (since, until): (Timestamp, Timestamp),
        step: Step,
    ) -> Result<Tally, StoreError> {
        let hours = step.hours();
        let most = hour(until).saturating_add(1);
        let least = u64::from(most).saturating_sub(STEPS_MOST * hours);
        let from = hour(since).max(u32::try_from(least).unwrap_or(u32::MAX));
        let (tail, parts) = self.look();
        let mut counts = Hours::new();
        for part in &parts {
            self.heed(part, part.count(scope, (from, most), &mut counts))?;
        }
        for line in &tail {
            let at = hour(line.place.at);
            if (from..most).contains(&at) && line.event.is_in(scope) {
                *counts.entry((at, Kind::of(&line.event))).or_default() += 1;
            }
        }
        let mut steps: BTreeMap<u64, Vec<(Kind, u64)>> = BTreeMap::new();
        for ((at, kind), events) in counts {
            let all = steps.entry(u64::from(at) / hours * hours).or_default();
            match all.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, sum)) => *sum += events,
                None => all.push((kind, events)),
            }
        }
        let mut tally = Tally::default();
        for (at, mut kinds) in steps {
            kinds.sort_by_key(|(kind, events)| (std::cmp::Reverse(*events), format!("{kind:?}")));
            tally
                .counts
                .extend(kinds.into_iter().map(|(kind, events)| Count {
                    at: Timestamp(at * HOUR),
                    status: kind.status,
                    class: kind.class,
                    direction: kind.direction,
                    events,
                }));
        }
        self.tops(scope, (since, until), &mut tally)?;
        Ok(tally)
    }

    fn tops(
        &self,
        scope: &Scope,
        (since, until): (Timestamp, Timestamp),
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        let mut terms = Terms::default();
        if *scope == Scope::Global {
            let low = Place {
                at: since,
                number: 0,
            };
            let high = Place {
                at: Timestamp(until.0.saturating_add(1)),
                number: 0,
            };
            let (tail, parts) = self.look();
            for part in &parts {
                self.heed(part, part.top(low, high, &mut terms))?;
            }
            for line in &tail {
                if (low..high).contains(&line.place) {
                    see(&line.event, scope, &mut terms);
                }
            }
        } else {
            let query = Query {
                since: Some(since),
                until: Some(until),
                ..Query::default()
            };
            let wish = Wish::new(scope, &query, since);
            for event in self.search(wish, SAMPLE)?.rows {
                see(&event, scope, &mut terms);
            }
        }
        let [senders, recipients, clients] = terms;
        let text = |term: &[u8]| Some(String::from_utf8_lossy(term.get(1..)?).into_owned());
        tally.senders = most(senders, text);
        tally.recipients = most(recipients, text);
        tally.clients = most(clients, super::terms::client_of);
        Ok(())
    }
}

/// Counts the addresses of an event that `scope` may see.
fn see(event: &Event, scope: &Scope, into: &mut Terms) {
    for (terms, into) in super::terms::parties(event, scope).into_iter().zip(into) {
        for term in terms {
            *into.entry(term).or_default() += 1;
        }
    }
}

fn most<T>(all: HashMap<Vec<u8>, u64>, read: impl Fn(&[u8]) -> Option<T>) -> Vec<Top<T>> {
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_unstable_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    all.truncate(TOLD);
    let top = |(term, events): (Vec<u8>, u64)| {
        let what = read(&term)?;
        Some(Top { what, events })
    };
    all.into_iter().filter_map(top).collect()
}

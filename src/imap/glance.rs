//! Listings: what many clients ask of each message of a folder, told without reading it again.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::Arc;

use parking_lot::Mutex;

use super::bodies::size_of;
use super::conn::End;
use super::fetch::{Course, internal_date};
use super::grammar::Item;
use super::selected::{flags_of, told};
use super::session::Session;
use super::view::envelope;
use crate::actions::{Refusal, Shown};
use crate::mail::EntryId;
use crate::policy::Class;

/// Octets that a glance takes besides its envelope.
const BESIDES: usize = 192;

/// What a listing says of one message, as it is written. It never changes under one uid.
pub(super) struct Glance {
    size: u64,
    date: String,
    /// Missing as long as it was not asked for: it needs the message.
    envelope: Option<Box<[u8]>>,
}

type Generation = HashMap<(EntryId, u64), Arc<Glance>>;

/// Glances kept for all sessions in bounded memory: when the young ones fill half of it,
/// the old ones go.
pub(super) struct Glances {
    generations: Mutex<(Generation, usize, Generation)>,
    most: usize,
}

impl Glances {
    pub(super) fn new(most: usize) -> Self {
        Self {
            generations: Mutex::default(),
            most,
        }
    }

    fn get(&self, shown: &Shown, envelope: bool) -> Option<Arc<Glance>> {
        let key = (shown.id, shown.uid);
        let generations = self.generations.lock();
        let (young, _, old) = &*generations;
        let found = young.get(&key).or_else(|| old.get(&key));
        found.filter(|g| !envelope || g.envelope.is_some()).cloned()
    }

    fn put(&self, key: (EntryId, u64), glance: &Arc<Glance>) {
        let mut generations = self.generations.lock();
        let (young, octets, old) = &mut *generations;
        *octets += glance.envelope.as_ref().map_or(0, |e| e.len()) + BESIDES;
        young.insert(key, Arc::clone(glance));
        if *octets > self.most / 2 {
            *old = std::mem::take(young);
            *octets = 0;
        }
    }
}

impl Item {
    /// True if a listing can tell it.
    pub(super) fn is_listed(&self) -> bool {
        matches!(
            self,
            Item::Flags | Item::Uid | Item::InternalDate | Item::Size | Item::Envelope
        )
    }

    /// True if the message itself is needed for it.
    pub(super) fn needs_message(&self) -> bool {
        matches!(
            self,
            Item::Envelope | Item::Body | Item::BodyStructure | Item::Section { .. }
        )
    }
}

impl Session {
    /// FETCH of what listings say, for places in ascending order.
    pub(super) async fn list_chunk(
        &mut self,
        chunk: &[u32],
        items: &[Item],
        course: &mut Course,
    ) -> Result<(), End> {
        let Some(selected) = &self.selected else {
            return Ok(());
        };
        let shown = match selected.shown(&self.house.desk, &self.by, chunk).await {
            Ok(shown) => shown,
            Err(refusal) => {
                course.failure.get_or_insert(refusal);
                return Ok(());
            }
        };
        let quick = items.iter().all(|i| matches!(i, Item::Flags | Item::Uid));
        let envelope = items.contains(&Item::Envelope);
        let glances = if quick {
            vec![None; chunk.len()]
        } else {
            match self.glances(chunk, &shown, envelope).await {
                Ok(glances) => glances,
                Err(refusal) => {
                    course.failure.get_or_insert(refusal);
                    return Ok(());
                }
            }
        };
        for ((place, shown), glance) in chunk.iter().zip(shown).zip(glances) {
            match (shown, glance) {
                (None, _) => course.missing += 1,
                (Some(_), None) if !quick => {
                    let one = std::slice::from_ref(place);
                    self.fetch_chunk(one, items, false, course).await?;
                }
                (Some(shown), glance) => {
                    self.tell_listed(*place, &shown, glance.as_deref(), items);
                    self.conn.flush_if_much().await?;
                }
            }
        }
        Ok(())
    }

    /// Glances at these, from memory or from the messages; `None` for what has to be
    /// looked at anew each time, or is gone.
    async fn glances(
        &self,
        chunk: &[u32],
        shown: &[Option<Shown>],
        with_envelope: bool,
    ) -> Result<Vec<Option<Arc<Glance>>>, Refusal> {
        let bodies = &self.house.bodies;
        let kept = &bodies.glances;
        let mut glances: Vec<_> = shown
            .iter()
            .map(|shown| {
                shown
                    .as_ref()
                    .and_then(|shown| kept.get(shown, with_envelope))
            })
            .collect();
        let new: Vec<usize> = (0..chunk.len())
            .filter(|at| shown[*at].is_some() && glances[*at].is_none())
            .collect();
        let Some(selected) = self.selected.as_ref().filter(|_| !new.is_empty()) else {
            return Ok(glances);
        };
        let places: Vec<u32> = new.iter().map(|at| chunk[*at]).collect();
        let rows = selected.read(&self.house.desk, &self.by, &places).await?;
        let mut read = 0;
        for (i, (at, row)) in new.into_iter().zip(&rows).enumerate() {
            if with_envelope && i >= read {
                read = i + bodies.read_ahead(&self.by, &rows[i..]).await;
            }
            // Of malware everyone sees what their rights let them see.
            let Some(row) = row
                .as_ref()
                .filter(|r| r.entry.verdict.class != Class::Malware)
            else {
                continue;
            };
            let (size, envelope) = if with_envelope {
                let message = match bodies.open(&self.by, &row.entry).await {
                    Ok(held) => held.message,
                    Err(Refusal::NotYours) => continue,
                    Err(refusal) => return Err(refusal),
                };
                let mut words = Vec::with_capacity(512);
                envelope(&mut words, message.header());
                (message.size(), Some(words.into_boxed_slice()))
            } else {
                (size_of(&row.entry), None)
            };
            let glance = Arc::new(Glance {
                size,
                date: internal_date(row.entry.arrived),
                envelope,
            });
            kept.put((row.entry.id, row.entry.uid), &glance);
            glances[at] = Some(glance);
        }
        Ok(glances)
    }

    /// One FETCH response; without a glance of flags and uid alone.
    fn tell_listed(&mut self, place: u32, shown: &Shown, glance: Option<&Glance>, items: &[Item]) {
        let Some(selected) = &mut self.selected else {
            return;
        };
        let known = &mut selected.rows[place as usize];
        let out = self.conn.out();
        // Writing to memory does not fail.
        let _ = write!(out, "* {} FETCH (", place + 1);
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.push(b' ');
            }
            match (item, glance) {
                (Item::Flags, _) => {
                    let flags = flags_of(&shown.flags, shown.failed, shown.requested);
                    known.told = told(&flags);
                    let _ = write!(out, "FLAGS ({})", flags.join(" "));
                }
                (Item::Size, Some(glance)) => {
                    let _ = write!(out, "RFC822.SIZE {}", glance.size);
                }
                (Item::InternalDate, Some(glance)) => {
                    let _ = write!(out, "INTERNALDATE {}", glance.date);
                }
                (Item::Envelope, Some(glance)) => {
                    out.extend_from_slice(b"ENVELOPE ");
                    let envelope = glance.envelope.as_deref();
                    out.extend_from_slice(envelope.unwrap_or(b"NIL"));
                }
                _ => {
                    let _ = write!(out, "UID {}", known.uid);
                }
            }
        }
        out.extend_from_slice(b")\r\n");
    }
}

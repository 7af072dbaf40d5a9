//! The folder a session has open: a compact list of what it was told, and the news it was not told yet.

use std::collections::BTreeSet;
use std::hash::{Hash as _, Hasher as _};

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use super::conn::{Conn, End};
use super::folders::Folder;
use super::grammar::Target;
use super::uids::Era;
use crate::actions::{Desk, Flags, Notice, NoticeKind, Refusal, Row, Shown};
use crate::mail::{Direction, EntryId};
use crate::policy::Principal;
use crate::record::{Shelf, State};

/// Uids asked for at once.
const PAGE: usize = 5000;
/// Rows asked for at once.
pub(super) const CHUNK: usize = 500;
/// A listing is read whole where at least one of so many is asked for.
const SPARSE: usize = 4;
/// The keyword of entries whose release was refused by the destination.
pub(super) const RELEASE_FAILED: &str = "$ReleaseFailed";
/// The keyword of entries whose release somebody without the right asked for.
pub(super) const RELEASE_REQUESTED: &str = "$ReleaseRequested";

/// A message as the session knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) uid: u32,
    pub(super) id: EntryId,
    /// A hash of the flags last told; 0 if none were.
    pub(super) told: u32,
}

pub(super) struct Selected {
    pub(super) read_only: bool,
    era: Era,
    view: Option<(Shelf, Direction)>,
    /// Ascending uids; the place is the sequence number less one.
    pub(super) rows: Vec<Known>,
    /// Gone, but the client was not told.
    went: BTreeSet<u32>,
    /// Flags may have changed.
    dirty: BTreeSet<u32>,
    /// Some may have come.
    came: bool,
    /// News were lost: all is to be listed anew.
    lagged: bool,
    told_count: usize,
    pub(super) notices: Receiver<Notice>,
}

/// The flags as they are shown: those set, and what the entry itself says.
pub(super) fn shown_flags(row: &Row) -> Vec<String> {
    let entry = &row.entry;
    flags_of(
        &row.flags,
        entry.failed.is_some(),
        entry.requested.is_some(),
    )
}

/// The flags as they are shown, of those set, whether a delivery was refused, and whether a
/// release was asked for.
pub(super) fn flags_of(set: &Flags, failed: bool, requested: bool) -> Vec<String> {
    let mut flags: Vec<String> = set
        .iter()
        .filter(|flag| *flag != RELEASE_FAILED && *flag != RELEASE_REQUESTED)
        .cloned()
        .collect();
    if failed {
        flags.push(RELEASE_FAILED.to_owned());
    }
    if requested {
        flags.push(RELEASE_REQUESTED.to_owned());
    }
    flags.sort();
    flags
}

fn shown_of(row: Row) -> Shown {
    Shown {
        uid: row.entry.uid,
        id: row.entry.id,
        failed: row.entry.failed.is_some(),
        requested: row.entry.requested.is_some(),
        flags: row.flags,
    }
}

/// A hash of shown flags, never 0.
pub(super) fn told(flags: &[String]) -> u32 {
    let mut hash = std::hash::DefaultHasher::new();
    flags.hash(&mut hash);
    u32::try_from(hash.finish() >> 32).unwrap_or(1).max(1)
}

impl Selected {
    /// Opens a folder; returns it with UIDNEXT.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub(super) async fn open(
        desk: &Desk,
        by: &Principal,
        folder: &'static Folder,
        read_only: bool,
    ) -> Result<(Self, u32), Refusal> {
        // First listen, then look: what comes between is seen twice, never missed. UIDNEXT is
        // read before the list, so that nothing that comes later lies below it.
        let notices = desk.notices();
        let last = desk.last_uid().await?;
        let era = Era::of_next(last);
        let mut selected = Self {
            read_only,
            era,
            view: folder.shows(),
            rows: Vec::new(),
            went: BTreeSet::new(),
            dirty: BTreeSet::new(),
            came: false,
            lagged: false,
            told_count: 0,
            notices,
        };
        selected.read_new(desk, by).await?;
        selected.told_count = selected.rows.len();
        let highest = selected.rows.last().map_or(0, |row| era.whole(row.uid));
        Ok((selected, era.next(last.max(highest))))
    }

    pub(super) fn validity(&self) -> u32 {
        match self.view {
            Some(_) => self.era.validity(),
            None => super::uids::EMPTY_VALIDITY,
        }
    }

    /// The places in `rows` that a command speaks of, ascending.
    ///
    /// # Errors
    /// Words for the client.
    pub(super) fn places(&self, target: &Target) -> Result<Vec<u32>, &'static str> {
        if target.uid {
            return Ok(target.set.by_uid(&self.rows, |row| row.uid));
        }
        let count = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        target.set.by_number(count)
    }

    /// The places of UIDs that are known, ascending.
    pub(super) fn places_of(&self, uids: &[u32]) -> Vec<u32> {
        uids.iter()
            .filter_map(|uid| self.rows.binary_search_by_key(uid, |row| row.uid).ok())
            .filter_map(|place| u32::try_from(place).ok())
            .collect()
    }

    /// Rows at places of the list; `None` for what is gone.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub(super) async fn read(
        &self,
        desk: &Desk,
        by: &Principal,
        places: &[u32],
    ) -> Result<Vec<Option<Row>>, Refusal> {
        let known: Vec<Known> = places.iter().map(|at| self.rows[*at as usize]).collect();
        let ids: Vec<EntryId> = known.iter().map(|row| row.id).collect();
        let mut rows = desk.rows(by, &ids).await?;
        for (row, known) in rows.iter_mut().zip(&known) {
            // An entry that came back has another uid: under this one it is gone.
            let here = |row: &Row| {
                row.entry.state == State::Held && self.era.uid(row.entry.uid) == Some(known.uid)
            };
            if !row.as_ref().is_some_and(here) {
                *row = None;
            }
        }
        Ok(rows)
    }

    /// What a listing says of places in ascending order; `None` for what is gone.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub(super) async fn shown(
        &self,
        desk: &Desk,
        by: &Principal,
        places: &[u32],
    ) -> Result<Vec<Option<Shown>>, Refusal> {
        let (Some((shelf, direction)), Some(first), Some(last)) =
            (self.view, places.first(), places.last())
        else {
            return Ok(vec![None; places.len()]);
        };
        let span = (last - first) as usize + 1;
        if span > places.len() * SPARSE {
            let rows = self.read(desk, by, places).await?.into_iter();
            return Ok(rows.map(|row| row.map(shown_of)).collect());
        }
        // Nothing comes in between, as uids ascend.
        let after = self.era.whole(self.rows[*first as usize].uid) - 1;
        let listed = desk.shown(by, shelf, direction, after, span).await?;
        let mut listed = listed.into_iter().peekable();
        let mut found = Vec::with_capacity(places.len());
        for place in places {
            let known = self.rows[*place as usize];
            let uid = self.era.whole(known.uid);
            while listed.next_if(|shown| shown.uid < uid).is_some() {}
            found.push(listed.next_if(|shown| shown.uid == uid && shown.id == known.id));
        }
        Ok(found)
    }

    /// True if the client is still to be told that this one is gone.
    pub(super) fn is_gone(&self, place: u32) -> bool {
        self.went.contains(&self.rows[place as usize].uid)
    }

    /// The session itself took this one away.
    pub(super) fn take_away(&mut self, place: u32) {
        self.went.insert(self.rows[place as usize].uid);
    }

    /// Takes in all news that wait.
    pub(super) fn drain(&mut self, by: &Principal) {
        loop {
            match self.notices.try_recv() {
                Ok(notice) => self.note(by, &notice),
                Err(TryRecvError::Lagged(_)) => self.lagged = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    /// News were lost.
    pub(super) fn lag(&mut self) {
        self.lagged = true;
    }

    /// Takes in one piece of news, if it is about this folder.
    pub(super) fn note(&mut self, by: &Principal, notice: &Notice) {
        if self.view != Some((notice.shelf, notice.direction))
            || !by.scope.holds_address(&notice.owner)
        {
            return;
        }
        let Some(uid) = self.era.uid(notice.uid) else {
            return;
        };
        let known = self.rows.binary_search_by_key(&uid, |row| row.uid).is_ok();
        match &notice.what {
            NoticeKind::Came => self.came |= !known,
            NoticeKind::Went if known => {
                self.went.insert(uid);
            }
            NoticeKind::Flags(scope) if known && *scope == by.scope => {
                self.dirty.insert(uid);
            }
            NoticeKind::Went | NoticeKind::Flags(_) => {}
        }
    }

    /// Adds what came after the last one known.
    async fn read_new(&mut self, desk: &Desk, by: &Principal) -> Result<(), Refusal> {
        let Some((shelf, direction)) = self.view else {
            return Ok(());
        };
        loop {
            let last = self.rows.last().map_or(0, |row| row.uid);
            let after = self.era.whole(last);
            let page = desk.uids(by, shelf, direction, after, PAGE).await?;
            let full = page.len() == PAGE;
            let before = self.rows.len();
            self.rows.extend(page.into_iter().filter_map(|(uid, id)| {
                let uid = self.era.uid(uid)?;
                Some(Known { uid, id, told: 0 })
            }));
            if !full || self.rows.len() == before {
                return Ok(());
            }
        }
    }

    /// Compares with the store after news were lost.
    async fn relist(&mut self, desk: &Desk, by: &Principal) -> Result<(), Refusal> {
        let Some((shelf, direction)) = self.view else {
            return Ok(());
        };
        let mut present = BTreeSet::new();
        let mut after = self.era.whole(0);
        loop {
            let page = desk.uids(by, shelf, direction, after, PAGE).await?;
            present.extend(page.iter().filter_map(|(uid, _)| self.era.uid(*uid)));
            match page.last() {
                Some((uid, _)) if page.len() == PAGE => after = *uid,
                _ => break,
            }
        }
        let gone = self.rows.iter().filter(|row| !present.contains(&row.uid));
        self.went.extend(gone.map(|row| row.uid));
        self.came = true;
        Ok(())
    }

    /// Tells the client what changed. EXPUNGE is told only where the command allows it
    /// (RFC 3501 section 7.4.1).
    ///
    /// # Errors
    /// [`End`]; a failure of the store is logged and tried again at the next command.
    pub(super) async fn sync(
        &mut self,
        desk: &Desk,
        by: &Principal,
        conn: &mut Conn,
        expunge: bool,
    ) -> Result<(), End> {
        self.drain(by);
        if let Err(error) = self.look(desk, by).await {
            tracing::warn!(%error, "news of a folder could not be read");
            return Ok(());
        }
        if expunge {
            self.tell_gone(conn);
        }
        if self.rows.len() != self.told_count {
            self.told_count = self.rows.len();
            conn.line(&format!("* {} EXISTS", self.told_count));
        }
        conn.flush_if_much().await?;
        self.tell_flags(desk, by, conn).await
    }

    async fn look(&mut self, desk: &Desk, by: &Principal) -> Result<(), Refusal> {
        if self.lagged {
            self.relist(desk, by).await?;
            self.lagged = false;
        }
        if self.came {
            self.read_new(desk, by).await?;
            self.came = false;
        }
        Ok(())
    }

    /// Writes EXPUNGE for all that is gone.
    pub(super) fn tell_gone(&mut self, conn: &mut Conn) {
        if self.went.is_empty() {
            return;
        }
        let went = std::mem::take(&mut self.went);
        let mut number = 1_usize;
        let mut told = self.told_count;
        self.rows.retain(|row| {
            let gone = went.contains(&row.uid);
            if gone {
                // What the client was not told of has to be there before it goes.
                if number > told {
                    told = number;
                    conn.line(&format!("* {told} EXISTS"));
                }
                conn.line(&format!("* {number} EXPUNGE"));
                told -= 1;
            } else {
                number += 1;
            }
            !gone
        });
        self.told_count = told;
        self.dirty.retain(|uid| !went.contains(uid));
    }

    async fn tell_flags(
        &mut self,
        desk: &Desk,
        by: &Principal,
        conn: &mut Conn,
    ) -> Result<(), End> {
        let dirty = std::mem::take(&mut self.dirty);
        let dirty: Vec<u32> = dirty.into_iter().collect();
        let places = self.places_of(&dirty);
        for chunk in places.chunks(CHUNK) {
            let Ok(rows) = self.read(desk, by, chunk).await else {
                return Ok(());
            };
            for (place, row) in chunk.iter().zip(rows) {
                let Some(row) = row else { continue };
                let flags = shown_flags(&row);
                let known = &mut self.rows[*place as usize];
                if known.told != told(&flags) {
                    known.told = told(&flags);
                    let (uid, flags) = (known.uid, flags.join(" "));
                    let number = place + 1;
                    conn.line(&format!("* {number} FETCH (UID {uid} FLAGS ({flags}))"));
                }
            }
            conn.flush_if_much().await?;
        }
        Ok(())
    }
}

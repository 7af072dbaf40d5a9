//! What blocks of rows can hold, kept in memory: a search passes by those that cannot fit.

use serde::{Deserialize, Serialize};

use super::meta::ROWS;
use super::read::Part;
use crate::store::journal::wish::Wish;

/// Kinds that have a bit of their own; all others share the last one.
const BITS: usize = u32::BITS as usize;

/// The smallest and the largest score of some rows; without one, nothing is in between.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Scores {
    pub(super) least: f32,
    pub(super) most: f32,
}

impl Default for Scores {
    fn default() -> Self {
        Self {
            least: f32::INFINITY,
            most: f32::NEG_INFINITY,
        }
    }
}

impl Scores {
    /// A row without a score (not a number) changes nothing.
    pub(super) fn see(&mut self, score: f32) {
        self.least = self.least.min(score);
        self.most = self.most.max(score);
    }
}

/// What a block of rows holds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Glance {
    /// A bit for each kind that is there.
    kinds: u32,
    scores: Scores,
}

impl Glance {
    pub(super) fn see(&mut self, kind: u16, score: f32) {
        self.kinds |= bit(usize::from(kind));
        self.scores.see(score);
    }
}

fn bit(kind: usize) -> u32 {
    1 << kind.min(BITS - 1)
}

/// Rows that may fit, as far as it is known without reading anything.
pub(super) struct Promise {
    /// By its place in the part's table: true for a kind that is looked for.
    pub(super) kinds: Vec<bool>,
    /// From the first to before the second.
    pub(super) span: (u32, u32),
    /// By block of the part: true if a row of it may fit. Empty for a part that does not
    /// tell: then each may.
    blocks: Vec<bool>,
    /// Rows in such blocks.
    pub(super) rows: usize,
}

impl Promise {
    pub(super) fn may(&self, row: u32) -> bool {
        let block = self.blocks.get((row / ROWS) as usize);
        *block.unwrap_or(&true)
    }
}

impl Part {
    /// What of the part may fit `wish`; `None` for nothing.
    pub(super) fn promise(&self, wish: &Wish) -> Option<Promise> {
        let meta = &self.meta;
        let scored = |kind: usize| {
            let scores = meta.scores.get(kind);
            scores.is_none_or(|scores| wish.may_score(scores.least, scores.most))
        };
        let each = meta.kinds.iter().enumerate();
        let kinds: Vec<bool> = each
            .map(|(at, kind)| wish.wants(kind) && scored(at))
            .collect();
        let span = self.span(wish.low, wish.high);
        if span.0 == span.1 || !kinds.contains(&true) {
            return None;
        }
        let each = kinds.iter().enumerate();
        let wanted = each
            .filter(|(_, wanted)| **wanted)
            .fold(0, |all, (kind, _)| all | bit(kind));
        let may = |glance: &Glance| {
            glance.kinds & wanted != 0 && wish.may_score(glance.scores.least, glance.scores.most)
        };
        let blocks: Vec<bool> = meta.glances.iter().map(may).collect();
        let mut rows = (span.1 - span.0) as usize;
        if !blocks.is_empty() {
            let of_span = blocks
                .iter()
                .take(span.1.div_ceil(ROWS) as usize)
                .skip((span.0 / ROWS) as usize);
            rows = rows.min(of_span.filter(|may| **may).count() * ROWS as usize);
        }
        (rows > 0).then_some(Promise {
            kinds,
            span,
            blocks,
            rows,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::octets::push_sum;
    use super::super::write::{END, NAME};
    use crate::clock::Timestamp;
    use crate::policy::{Class, Scope};
    use crate::record::{Door, Event, Status};
    use crate::store::journal::{Book, Shelf, Wish};
    use crate::store::on_sled::{Disk, DiskFile, RealDisk};
    use crate::store::{Place, Query};

    /// The real disk, and how often a file was opened.
    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Disk for Counted {
        fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            RealDisk.open(path, create)
        }
        fn sync_dir(&self, path: &Path) -> io::Result<()> {
            RealDisk.sync_dir(path)
        }
        fn remove(&self, path: &Path) -> io::Result<()> {
            RealDisk.remove(path)
        }
        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            RealDisk.rename(from, to)
        }
        fn free(&self, path: &Path) -> io::Result<u64> {
            RealDisk.free(path)
        }
    }

    fn on(dir: &Path) -> (Book, Arc<Counted>) {
        let disk = Arc::new(Counted::default());
        let shelf = Shelf::new(Arc::clone(&disk) as Arc<dyn Disk>, dir);
        (Book::on(shelf.expect("shelf")).expect("book"), disk)
    }

    /// Parts of 200 rows; in part `n` spam has the scores from 10 n on, and in the third part
    /// one row tells of malware.
    fn filled(dir: &Path) -> (Book, Arc<Counted>) {
        let (book, disk) = on(dir);
        let mut number = 0;
        for part in 0..4_u16 {
            for row in 0..200_u16 {
                number += 1;
                let (status, class, score) = match (part, row % 4) {
                    (2, _) if row == 90 => (Status::Quarantined, Some(Class::Malware), Some(50.0)),
                    (_, 0) => (Status::NotAccepted, None, None),
                    (_, 1) => (Status::Accepted, Some(Class::Clean), Some(-1.0)),
                    _ => {
                        let score = f32::from(part) * 10.0 + f32::from(row) / 50.0;
                        (Status::Quarantined, Some(Class::Spam), Some(score))
                    }
                };
                let at = Timestamp(1_700_000_000_000 + number);
                let mut event = Event::new(at, status, "intake", Door::new("smtp", "192.0.2.1"));
                event.subject = "an offer".into();
                (event.class, event.score) = (class, score);
                book.add([(Place { at, number }, event)]);
            }
            let ripe = book.ripe(0, true).expect("ripe");
            book.seal(&ripe).expect("sealed");
        }
        (book, disk)
    }

    /// How many rows a query finds, and how many parts it looked into.
    fn ask(book: &Book, disk: &Counted, query: &Query) -> (usize, usize) {
        let before = disk.0.load(Ordering::Relaxed);
        let wish = Wish::new(&Scope::Global, query, Timestamp(0));
        let found = book.search(wish, 1000).expect("searched").rows.len();
        (found, disk.0.load(Ordering::Relaxed) - before)
    }

    fn score(from: Option<f32>, to: Option<f32>) -> Query {
        Query {
            score_from: from,
            score_to: to,
            ..Query::default()
        }
    }

    fn queries() -> Vec<(Query, (usize, usize))> {
        let words = |mut query: Query| {
            query.text = Some("offer".into());
            query
        };
        let of = |mut query: Query, class| {
            query.classes = vec![class];
            query
        };
        vec![
            (score(Some(60.0), None), (0, 0)),
            (words(score(Some(60.0), None)), (0, 0)),
            (score(None, Some(-2.0)), (0, 0)),
            (score(Some(50.0), None), (1, 1)),
            (score(Some(15.0), Some(19.0)), (0, 0)),
            (score(Some(25.0), None), (101, 2)),
            // One kind has such scores in a part and another has not.
            (of(score(Some(1.0), None), Class::Clean), (0, 0)),
            (of(score(Some(45.0), None), Class::Malware), (1, 1)),
            (of(Query::default(), Class::Malware), (1, 1)),
            (words(of(Query::default(), Class::Malware)), (1, 1)),
            (words(score(Some(-1.0), Some(-1.0))), (200, 4)),
            (words(Query::default()), (800, 4)),
        ]
    }

    #[test]
    fn se16_a_search_passes_by_parts_that_cannot_fit() {
        let dir = tempfile::tempdir().expect("directory");
        let (book, disk) = filled(dir.path());
        for (query, want) in queries() {
            assert_eq!(ask(&book, &disk, &query), want, "{query:?}");
        }
        drop(book);
        let (book, disk) = on(dir.path());
        for (query, want) in queries() {
            assert_eq!(ask(&book, &disk, &query), want, "opened anew: {query:?}");
        }
    }

    #[test]
    fn a_block_that_cannot_fit_is_not_looked_at() {
        let dir = tempfile::tempdir().expect("directory");
        let (book, _) = filled(dir.path());
        let (_, parts) = book.look();
        let rare = Query {
            classes: vec![Class::Malware],
            ..Query::default()
        };
        for (query, want) in [(rare, 64), (score(Some(49.0), None), 64)] {
            let wish = Wish::new(&Scope::Global, &query, Timestamp(0));
            let promises = parts.iter().filter_map(|part| part.promise(&wish));
            let rows: Vec<usize> = promises.map(|promise| promise.rows).collect();
            assert_eq!(rows, [want], "{query:?}");
        }
    }

    /// The file as it was sealed before scores and blocks were told of.
    fn make_old(path: &PathBuf) {
        let octets = std::fs::read(path).expect("read");
        let end = octets.split_at(octets.len() - END).1;
        let at = u64::from_be_bytes(*end.first_chunk().expect("place")) as usize;
        let packed = &octets[at + 4..octets.len() - END - 4];
        let mut meta = zstd::bulk::decompress(packed, 1 << 20).expect("unpacked");
        let mut known: super::super::meta::Meta = rmp_serde::from_slice(&meta).expect("known");
        known.scores.clear();
        known.glances.clear();
        meta = rmp_serde::to_vec(&known).expect("encoded");
        // An array of 13 that ends with two that are empty becomes one of 11.
        assert!(meta[0] == 0x9d && meta.ends_with(&[0x90, 0x90]));
        meta[0] = 0x9b;
        meta.truncate(meta.len() - 2);
        let mut old = octets[..at].to_vec();
        let mut stretch = (meta.len() as u32).to_be_bytes().to_vec();
        stretch.extend(zstd::bulk::compress(&meta, 3).expect("packed"));
        let length = stretch.len() as u32;
        push_sum(&mut stretch, 0);
        old.extend(stretch);
        let mut end = (at as u64).to_be_bytes().to_vec();
        end.extend(length.to_be_bytes());
        push_sum(&mut end, 0);
        old.extend(end);
        old.extend(NAME);
        std::fs::write(path, old).expect("written");
    }

    #[test]
    fn parts_that_do_not_tell_are_searched_and_made_new() {
        let dir = tempfile::tempdir().expect("directory");
        drop(filled(dir.path()));
        for item in std::fs::read_dir(dir.path()).expect("listed") {
            make_old(&item.expect("item").path());
        }
        let (book, disk) = on(dir.path());
        assert_eq!(book.files().0, 4, "all are taken");
        for (query, (found, _)) in queries() {
            assert_eq!(ask(&book, &disk, &query).0, found, "{query:?}");
        }
        assert_eq!(ask(&book, &disk, &score(Some(60.0), None)), (0, 4));
        let (_, parts) = book.look();
        let real: Arc<dyn Disk> = Arc::new(RealDisk);
        super::super::merge(&real, dir.path(), &parts).expect("merged");
        let (book, disk) = on(dir.path());
        assert_eq!((book.files().0, book.rows()), (1, 800));
        for (query, (found, _)) in queries() {
            assert_eq!(ask(&book, &disk, &query).0, found, "{query:?}");
        }
        assert_eq!(ask(&book, &disk, &score(Some(60.0), None)), (0, 0));
    }
}

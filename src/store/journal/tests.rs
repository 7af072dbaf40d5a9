//! What sealed parts find is what a look at every event finds; damage is found out.

use std::path::Path;
use std::sync::Arc;

use super::{Book, Shelf, Wish};
use crate::clock::Timestamp;
use crate::mail::{Address, Direction, EntryId, MailId};
use crate::policy::{Class, Scope};
use crate::record::{Door, Event, Status};
use crate::store::on_sled::{Disk, RealDisk};
use crate::store::{Page, Place, Query, Step};

const START: u64 = 1_700_000_000_000;
const MINUTE: u64 = 60_000;

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % sides
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len() as u64) as usize].clone()
    }

    fn word(&mut self) -> String {
        // Some are common and some are rare; some are the beginning of others.
        let n = match self.roll(3) {
            0 => self.roll(3),
            1 => self.roll(30),
            _ => self.roll(600),
        };
        format!("{}{n}", ["invoice", "in", "Größe"][n as usize % 3])
    }

    fn address(&mut self, ours: bool) -> Address {
        let domain = if ours {
            format!("own{}.example", self.roll(3))
        } else {
            format!("far{}.example", self.roll(40))
        };
        let text = format!("{}.x{}@{domain}", self.word(), self.roll(4));
        text.parse().expect("address")
    }

    fn event(&mut self, n: u64) -> Event {
        let statuses = [
            Status::Accepted,
            Status::Accepted,
            Status::Quarantined,
            Status::NotAccepted,
            Status::Removed,
        ];
        // The clock is not always in the order of writing.
        let at = START + n * 3 * MINUTE - self.roll(10) * MINUTE;
        let door = Door::new("smtp", "192.0.2.1");
        let mut event = Event::new(Timestamp(at), self.pick(&statuses), "intake", door);
        let outbound = self.roll(5) == 0;
        event.direction = (self.roll(10) > 0)
            .then_some([Direction::Inbound, Direction::Outbound][usize::from(outbound)]);
        event.from = (self.roll(10) > 0).then(|| self.address(outbound));
        let own = !outbound;
        event.to = (0..=self.roll(3)).map(|_| self.address(own)).collect();
        event.subject = format!("{} {}: {}", self.word(), self.word(), self.word());
        event.words = format!("250 queued as {:x}", self.roll(1 << 40));
        event.mail = (self.roll(5) > 0).then(|| mail(self.roll(300)));
        if self.roll(4) == 0 {
            event.entry = Some(EntryId(mail(self.roll(300)).0));
        }
        let classes = [Class::Clean, Class::Spam, Class::Unsure];
        event.class = (self.roll(4) > 0).then(|| self.pick(&classes));
        event.score = event.class.map(|_| self.roll(200) as f32 / 10.0 - 5.0);
        let client = match self.roll(3) {
            0 => format!("2001:db8::{:x}", self.roll(500)),
            _ => format!("192.0.{}.{}", self.roll(4), self.roll(200)),
        };
        event.client = (self.roll(9) > 0).then(|| client.parse().expect("client"));
        event
    }

    fn scope(&mut self) -> Scope {
        match self.roll(3) {
            0 => Scope::Global,
            1 => Scope::Domain(self.address(true).domain().clone()),
            _ => Scope::Recipient(self.address(true)),
        }
    }

    fn query(&mut self, like: &Event, last: u64) -> Query {
        let mut query = Query::default();
        for _ in 0..=self.roll(3) {
            match self.roll(14) {
                0 => query.since = Some(Timestamp(START + self.roll(last) * 3 * MINUTE)),
                1 => query.until = Some(Timestamp(START + self.roll(last) * 3 * MINUTE)),
                2 => query.statuses = vec![like.status, Status::Removed],
                3 => query.direction = like.direction,
                4 => query.classes.extend(like.class),
                5 => query.score_from = like.score,
                6 => query.score_to = like.score,
                7 => query.from = like.from.as_ref().map(|from| self.party(from)),
                8 => query.to = like.to.last().map(|to| self.party(to)),
                9 => query.address = like.to.first().map(|to| self.party(to)),
                10 => {
                    let bits = ["/16", "/26", ""][self.roll(3) as usize];
                    query.client = like.client.map(|client| {
                        let text = format!("{client}{bits}");
                        text.parse().expect("network")
                    });
                }
                11 => query.subject = Some(self.words(&like.subject)),
                12 => query.text = Some(self.words(&format!("{} {}", like.subject, like.words))),
                _ => match self.roll(3) {
                    0 => query.mail = like.mail,
                    1 => query.entry = like.entries().last().copied(),
                    _ => query.text = like.client.map(|client| client.to_string()),
                },
            }
        }
        query
    }

    fn party(&mut self, address: &Address) -> crate::store::Party {
        let text = match self.roll(3) {
            0 => address.to_string(),
            1 => format!("@{}", address.domain()),
            _ => address.local().chars().take(3).collect(),
        };
        text.parse().expect("party")
    }

    fn words(&mut self, text: &str) -> String {
        let all: Vec<&str> = text
            .split([' ', ':'])
            .filter(|word| !word.is_empty())
            .collect();
        let word = self.pick(&all);
        match self.roll(3) {
            0 => word.to_uppercase(),
            1 => format!("{}*", word.chars().take(2).collect::<String>()),
            _ => format!("{word} {}", self.pick(&all)),
        }
    }
}

fn mail(n: u64) -> MailId {
    MailId(
        [n.to_be_bytes(), (n * 7).to_le_bytes()]
            .concat()
            .try_into()
            .expect("id"),
    )
}

fn open(dir: &Path) -> Book {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    Book::on(Shelf::new(disk, dir).expect("shelf")).expect("book")
}

fn seal(book: &Book) {
    while let Some(ripe) = book.ripe(0, true) {
        book.seal(&ripe).expect("sealed");
    }
}

/// All pages of an answer.
fn all(book: &Book, scope: &Scope, query: &Query, most: usize) -> Vec<Event> {
    let (mut query, mut found) = (query.clone(), Vec::new());
    loop {
        let wish = Wish::new(scope, &query, Timestamp(START));
        let Page { rows, next } = book.search(wish, most).expect("searched");
        assert!(rows.len() <= most);
        found.extend(rows);
        match next {
            Some(next) => query.before = Some(next),
            None => return found,
        }
    }
}

/// Two logs with the same events: one in memory, one sealed in pieces and made few again.
fn books(dir: &Path, seed: u64, events: u64) -> (Book, Book, Vec<Event>) {
    let mut dice = Dice(seed);
    let (plain, sealed) = (Book::default(), open(dir));
    let mut made = Vec::new();
    for number in 1..=events {
        let event = dice.event(number);
        let place = Place {
            at: event.at,
            number,
        };
        plain.add([(place, event.clone())]);
        sealed.add([(place, event.clone())]);
        made.push(event);
        if dice.roll(150) == 0 {
            seal(&sealed);
            while dice.roll(2) == 0 && sealed.tidy().expect("tidied") {}
        }
    }
    (plain, sealed, made)
}

#[test]
fn se16_sealed_parts_find_what_a_look_at_every_event_finds() {
    let dir = tempfile::tempdir().expect("directory");
    for seed in 1..=3 {
        let dir = dir.path().join(seed.to_string());
        let (plain, mut sealed, made) = books(&dir, seed, 1200);
        let mut dice = Dice(seed * 77);
        let mut found = 0;
        for round in 0..150 {
            if round == 75 {
                while sealed.tidy().expect("tidied") {}
                let (lines, _) = sealed.look();
                drop(sealed);
                sealed = open(&dir);
                let lines = lines.iter().map(|line| (line.place, line.event.clone()));
                sealed.add(lines);
            }
            let (scope, like) = (dice.scope(), dice.pick(&made));
            let query = dice.query(&like, 1200);
            let most = [40, 5000, 5000][dice.roll(3) as usize];
            let (want, got) = (
                all(&plain, &scope, &query, 5000),
                all(&sealed, &scope, &query, most),
            );
            assert!(
                want == got,
                "{scope} {query:?}: {} {}",
                want.len(),
                got.len()
            );
            found += usize::from(!want.is_empty());
            let entry = query.entry.unwrap_or(EntryId(mail(dice.roll(300)).0));
            let history = |book: &Book| book.history(entry, Timestamp(START)).expect("read");
            assert_eq!(history(&plain), history(&sealed));
        }
        assert!(found > 60, "only {found} searches found anything");
    }
}

#[test]
fn se16_sums_are_those_of_all_events() {
    let dir = tempfile::tempdir().expect("directory");
    let (plain, sealed, _) = books(dir.path(), 5, 2000);
    let mut dice = Dice(9);
    for _ in 0..60 {
        let scope = dice.scope();
        let since = START + dice.roll(2000) * 3 * MINUTE;
        let range = (Timestamp(since), Timestamp(since + dice.roll(90_000_000)));
        for step in [Step::Hour, Step::Day] {
            let tally = |book: &Book| book.tally(&scope, range, step).expect("tally");
            let (want, got) = (tally(&plain), tally(&sealed));
            assert_eq!(want.counts, got.counts, "{scope}");
            let sum: u64 = want.counts.iter().map(|count| count.events).sum();
            let query = Query {
                since: Some(Timestamp(range.0.0 / 3_600_000 * 3_600_000)),
                until: Some(Timestamp((range.1.0 / 3_600_000 + 1) * 3_600_000 - 1)),
                ..Query::default()
            };
            assert_eq!(sum as usize, all(&plain, &scope, &query, 5000).len());
            if scope != Scope::Global {
                assert_eq!(want, got);
            }
        }
    }
}

#[test]
fn parts_are_few_and_go_when_they_are_old() {
    let dir = tempfile::tempdir().expect("directory");
    let (_, sealed, made) = books(dir.path(), 6, 3000);
    seal(&sealed);
    while sealed.tidy().expect("tidied") {}
    let days: std::collections::BTreeSet<u64> = made.iter().map(|e| e.at.day()).collect();
    let (parts, octets) = sealed.files();
    assert!(
        parts as usize <= days.len() + 8,
        "{parts} of {} days",
        days.len()
    );
    assert_eq!(sealed.rows(), 3000);
    let files = || std::fs::read_dir(dir.path()).expect("listed").count() as u64;
    assert_eq!(files(), parts, "those that were replaced are gone");
    let half = Timestamp(START + 1500 * 3 * MINUTE);
    sealed.forget(half);
    assert!(files() < parts && files() > 0 && octets > sealed.files().1);
    assert_eq!(files(), sealed.files().0);
    let wish = Wish::new(&Scope::Global, &Query::default(), half);
    let left = sealed.search(wish, 5000).expect("searched").rows;
    let want = made.iter().filter(|event| event.at >= half).count();
    assert_eq!(left.len(), want, "no event younger than that is gone");
}

/// Every part of a file is guarded: what is read is what was written, or nothing of it.
#[test]
fn a_damaged_part_is_moved_aside() {
    let dir = tempfile::tempdir().expect("directory");
    let (_, sealed, made) = books(dir.path(), 8, 400);
    seal(&sealed);
    while sealed.tidy().expect("tidied") {}
    drop(sealed);
    let mut files: Vec<_> = std::fs::read_dir(dir.path())
        .expect("listed")
        .map(|item| item.expect("item").path())
        .collect();
    files.sort();
    let path = files.pop().expect("one");
    let whole = std::fs::read(&path).expect("read");
    let shelf = || Shelf::new(Arc::new(RealDisk), dir.path()).expect("shelf");
    assert_eq!(shelf().verify().expect("verified").1, 0);
    let mut dice = Dice(4);
    for round in 0..150 {
        let at = dice.roll(whole.len() as u64) as usize;
        let mut octets = whole.clone();
        octets[at] ^= 1 << dice.roll(8);
        if round % 9 == 0 {
            octets.truncate(at);
        }
        std::fs::write(&path, &octets).expect("written");
        let damaged = shelf().verify().expect("verified").1;
        // The first octets are for people, and not read.
        assert!(damaged == 1 || at < 8, "octet {at}");
        let book = open(dir.path());
        for _ in 0..4 {
            let like = dice.pick(&made);
            let query = dice.query(&like, 400);
            for event in all(&book, &Scope::Global, &query, 9) {
                assert!(made.contains(&event));
            }
        }
        drop(book);
        let _ = std::fs::remove_file(path.with_extension("damaged"));
    }
}

#[test]
fn xx03_a_narrow_scope_cannot_search_for_what_it_may_not_see() {
    let dir = tempfile::tempdir().expect("directory");
    let book = open(dir.path());
    let mut event = Dice(1).event(1);
    event.direction = Some(Direction::Inbound);
    event.to = ["alice@own.example", "secret@own.example"]
        .map(|to| to.parse().expect("address"))
        .to_vec();
    let place = Place {
        at: event.at.max(Timestamp(START)),
        number: 1,
    };
    book.add([(place, event)]);
    for _ in 0..2 {
        for (scope, found) in [("alice@own.example", 0), ("own.example", 1), ("global", 1)] {
            let scope: Scope = scope.parse().expect("scope");
            let by_text = Query {
                text: Some("secret".into()),
                ..Query::default()
            };
            let by_address = Query {
                to: Some("secret@own.example".parse().expect("party")),
                ..Query::default()
            };
            for query in [by_text, by_address] {
                assert_eq!(
                    all(&book, &scope, &query, 9).len(),
                    found,
                    "{scope} {query:?}"
                );
            }
            let range = (place.at, place.at);
            let tally = book.tally(&scope, range, Step::Day).expect("tally");
            let named = |top: &&crate::store::Top<String>| top.what.starts_with("secret");
            assert_eq!(tally.recipients.iter().filter(named).count(), found);
        }
        seal(&book);
    }
}

/// Events that were written before they knew their client.
#[test]
fn old_events_are_read() {
    let mut event = Dice(3).event(7);
    event.client = None;
    let e = &event;
    let old = (
        (e.at, e.status, e.mail, e.entry, e.direction, &e.from, &e.to),
        (
            &e.subject, e.size, e.class, e.score, &e.who, &e.door, &e.words,
        ),
    );
    let (a, b) = (
        crate::store::ledger::rows::encode(&old.0).expect("encoded"),
        crate::store::ledger::rows::encode(&old.1).expect("encoded"),
    );
    // One array of fourteen, of two of seven: a version and a head stand before each.
    let octets = [&[a[0], 0x9e], &a[2..], &b[2..]].concat();
    let read: Event = crate::store::ledger::rows::decode(&octets).expect("read");
    assert_eq!(read, event);
}

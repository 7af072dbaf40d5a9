//! Space is won back, what is too old goes, and nothing comes back from the dead.

use std::path::Path;
use std::time::Duration;

use quaranta::clock::Clock;
use quaranta::mail::{EntryId, Mail};
use quaranta::options::{Octets, Span};
use quaranta::record::{State, Status};
use quaranta::store::on_sled::{self, Handle};
use quaranta::store::{Options, Query, Store};

use super::faults::copy;
use super::life::Life;
use super::world::*;

fn quick() -> Options {
    Options {
        segment_size: Octets(64 << 10),
        compact_rate: Octets(1 << 30),
        checkpoint_every: Span(Duration::from_secs(3600)),
        ..options()
    }
}

fn open_at(dir: &Path, clock: &Clock) -> (Store, Handle) {
    on_sled::open(dir, &quick(), clock.clone()).expect("opened")
}

async fn held(store: &Store, n: u64, size: usize) -> EntryId {
    let mail = mail(n, size);
    let entries = vec![entry(&mail, "alice@example.org")];
    let event = event(Status::Quarantined);
    let stash = store.entries.stash(&mail, entries, event);
    stash.await.expect("stashed")[0].id
}

async fn remove(store: &Store, id: EntryId) {
    let entry = store.entries.entry(id).await.expect("read").expect("there");
    let gone = change(&entry, State::Held, State::Removed);
    assert!(store.entries.apply(vec![gone]).await[0].is_ok());
}

/// Lives go on over many files while space is won back; then the index is lost.
#[tokio::test]
async fn nothing_is_lost_when_space_is_won_back() {
    let dir = tempfile::tempdir().expect("directory");
    let clock = Clock::by_hand(START);
    let mut life = Life::new(3);
    for round in 0..6 {
        let (store, handle) = open_at(dir.path(), &clock);
        for step in 0..120 {
            let step_now = life.plan();
            life.perform(&step_now, &store).await.expect("done");
            life.note(&step_now);
            if step % 40 == 39 {
                handle.seal().expect("sealed");
                handle.tidy().expect("tidied");
                assert_eq!(life.check(&store, false).await, Ok(()), "round {round}");
            }
        }
        drop((store, handle));
        if round % 2 == 1 {
            std::fs::remove_dir_all(dir.path().join("index")).expect("removed");
        }
        let (store, handle) = open_at(dir.path(), &clock);
        assert_eq!(
            life.check(&store, false).await,
            Ok(()),
            "round {round}, opened again"
        );
        drop((store, handle));
    }
}

#[tokio::test]
async fn disk_use_stays_in_proportion_to_what_lives() {
    let dir = tempfile::tempdir().expect("directory");
    let clock = Clock::by_hand(START);
    let (store, handle) = open_at(dir.path(), &clock);
    let mut all = Vec::new();
    for n in 0..400u64 {
        let id = held(&store, n, 10_000).await;
        // One in ten stays, and so keeps its file from being quite empty.
        if n % 10 != 0 {
            all.push(id);
        }
        if all.len() > 20 {
            let at = (n as usize * 7919) % all.len();
            remove(&store, all.swap_remove(at)).await;
        }
        if n % 50 == 49 {
            handle.tidy().expect("tidied");
        }
    }
    handle.close().expect("closed");
    drop(store);
    let stats = on_sled::stats(dir.path(), &quick()).expect("counted");
    assert_eq!((stats.mails, stats.entries), (60, 400));
    let most = stats.live * 13 / 10 + quick().segment_size.0;
    assert!(stats.log <= most, "{stats:?}");
    let verified = on_sled::verify(dir.path()).expect("verified");
    assert_eq!(verified.damages, 0);
}

/// What [`what_is_too_old_goes_for_good`] looks at.
struct Old {
    keeper: EntryId,
    gone: EntryId,
    released: EntryId,
    taught: Mail,
}

/// Entries in several states, and a lesson; what ends them lies in other files.
async fn old_things(store: &Store) -> Old {
    let keeper = held(store, 1, 500).await;
    let gone = held(store, 2, 500).await;
    let flags = vec![(gone, vec!["\\Seen".to_owned()])];
    let admin = scope("global");
    store.entries.set_flags(&admin, flags).await.expect("set");
    let released = held(store, 3, 500).await;
    let taught = mail(4, 500);
    let lesson = lesson(&entry(&taught, "alice@example.org"));
    let teach = store
        .lessons
        .teach(&taught, lesson, event(Status::TrainedSpam));
    teach.await.expect("taught");
    let entry = store.entries.entry(released).await.expect("read");
    let entry = entry.expect("there");
    for (from, to) in [
        (State::Held, State::Leaving),
        (State::Leaving, State::Released),
    ] {
        let result = store.entries.apply(vec![change(&entry, from, to)]).await;
        assert!(result[0].is_ok());
    }
    for n in 10..60 {
        held(store, n, 8000).await;
    }
    remove(store, gone).await;
    Old {
        keeper,
        gone,
        released,
        taught,
    }
}

/// Entries, lessons and events that were let go stay gone, also after a rebuild.
#[tokio::test]
async fn what_is_too_old_goes_for_good() {
    let dir = tempfile::tempdir().expect("directory");
    let clock = Clock::by_hand(START);
    let (store, handle) = open_at(dir.path(), &clock);
    let old = old_things(&store).await;
    let last = store.entries.last_uid().await.expect("uid");
    clock.forward(Duration::from_secs(86_400 * 15));
    handle.tidy().expect("tidied");
    let body = store.entries.body(old.taught.id).await;
    assert_eq!(body, Ok(None), "a lesson of 15 days");
    let lessons = store.lessons.lessons(0, 9).await;
    assert_eq!(lessons.map(|all| all.len()), Ok(1));
    let gone = store.entries.entry(old.gone).await;
    assert!(gone.expect("read").is_some());
    clock.forward(Duration::from_secs(86_400 * 30));
    let forget = store.journal.forget(clock.now());
    forget.await.expect("forgotten");
    for n in 10..60 {
        remove(&store, entry_id(n)).await;
    }
    for _ in 0..3 {
        handle.tidy().expect("tidied");
    }
    check_gone(&store, &old, last).await;
    handle.close().expect("closed");
    drop(store);
    let before = on_sled::stats(dir.path(), &quick()).expect("counted");
    let after = on_sled::rebuild(dir.path(), &quick()).expect("made anew");
    assert_eq!(
        (before.mails, before.entries, before.jobs, before.events),
        (after.mails, after.entries, after.jobs, after.events),
    );
    assert_eq!(before.live, after.live, "the same rows in the same places");
    let (store, _handle) = open_at(dir.path(), &clock);
    check_gone(&store, &old, last).await;
}

async fn check_gone(store: &Store, old: &Old, last: u64) {
    for id in [old.gone, old.released] {
        assert_eq!(store.entries.entry(id).await, Ok(None));
    }
    assert_eq!(store.jobs.jobs(9).await, Ok(vec![]));
    assert_eq!(store.lessons.lessons(0, 9).await, Ok(vec![]));
    let body = store.entries.body(mail(1, 500).id).await;
    assert!(body.expect("read").is_some());
    assert_eq!(store.entries.count(&view("global")).await, Ok(1));
    let keeper = store.entries.entry(old.keeper).await;
    assert!(keeper.expect("read").is_some());
    let uid = store.entries.last_uid().await;
    assert_eq!(uid, Ok(last), "uids are never given twice");
    let everything = Query::default();
    let events = store
        .journal
        .search(&scope("global"), &everything, 99)
        .await;
    assert_eq!(events.map(|page| page.rows.len()), Ok(0));
}

/// An index from before files of the log were removed knows places that are no more.
#[tokio::test]
async fn an_index_older_than_its_checkpoint_is_not_trusted() {
    let dir = tempfile::tempdir().expect("directory");
    let (index, aside) = (dir.path().join("index"), dir.path().join("aside"));
    let clock = Clock::by_hand(START);
    let mut life = Life::new(4);
    for round in 0..2 {
        let (store, handle) = open_at(dir.path(), &clock);
        for _ in 0..150 {
            let step = life.plan();
            life.perform(&step, &store).await.expect("done");
            life.note(&step);
        }
        handle.tidy().expect("tidied");
        handle.close().expect("closed");
        drop(store);
        if round == 0 {
            copy(&index, &aside);
        }
    }
    copy(&aside, &index);
    let (store, _handle) = open_at(dir.path(), &clock);
    assert_eq!(life.check(&store, false).await, Ok(()));
    assert!(dir.path().join("index.damaged").exists());
}

/// After a power cut the index may know of records that the log has lost.
#[tokio::test]
async fn an_index_ahead_of_the_log_is_not_trusted() {
    let dir = tempfile::tempdir().expect("directory");
    let clock = Clock::by_hand(START);
    let (store, handle) = open_at(dir.path(), &clock);
    let first = held(&store, 1, 5000).await;
    let second = held(&store, 2, 5000).await;
    handle.close().expect("closed");
    drop(store);
    let segments = dir.path().join("segments");
    let item = std::fs::read_dir(segments).expect("listed").next();
    let path = item.expect("one").expect("item").path();
    let file = std::fs::OpenOptions::new().write(true).open(path);
    let file = file.expect("opened");
    let length = file.metadata().expect("metadata").len();
    file.set_len(length - 100).expect("cut");
    let (store, _handle) = open_at(dir.path(), &clock);
    assert!(store.entries.entry(first).await.expect("read").is_some());
    assert_eq!(store.entries.entry(second).await, Ok(None));
    assert_eq!(store.entries.count(&view("global")).await, Ok(1));
}

fn entry_id(n: u64) -> EntryId {
    entry(&mail(n, 8000), "alice@example.org").id
}

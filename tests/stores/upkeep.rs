//! Space is won back, what is too old goes, and nothing comes back from the dead.

use std::path::Path;
use std::time::Duration;

use quaranta::clock::Clock;
use quaranta::mail::EntryId;
use quaranta::options::{Octets, Span};
use quaranta::record::{State, Status};
use quaranta::store::on_sled::{self, Handle};
use quaranta::store::{Options, Query, Store};

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
        all.push(held(&store, n, 10_000).await);
        if all.len() > 60 {
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
    let most = stats.live * 13 / 10 + 2 * quick().segment_size.0;
    assert!(stats.log <= most, "{stats:?}");
    let verified = on_sled::verify(dir.path()).expect("verified");
    assert_eq!(verified.damages, 0);
}

/// Entries, lessons and events that were let go stay gone, also after a rebuild.
#[tokio::test]
async fn what_is_too_old_goes_for_good() {
    let dir = tempfile::tempdir().expect("directory");
    let clock = Clock::by_hand(START);
    let (store, handle) = open_at(dir.path(), &clock);
    let keeper = held(&store, 1, 500).await;
    let gone = held(&store, 2, 500).await;
    let job = held(&store, 3, 500).await;
    let taught = mail(4, 500);
    let lesson = lesson(&entry(&taught, "alice@example.org"));
    let teach = store
        .lessons
        .teach(&taught, lesson, event(Status::TrainedSpam));
    teach.await.expect("taught");
    let entry = store
        .entries
        .entry(job)
        .await
        .expect("read")
        .expect("there");
    for (from, to) in [
        (State::Held, State::Leaving),
        (State::Leaving, State::Released),
    ] {
        let result = store.entries.apply(vec![change(&entry, from, to)]).await;
        assert!(result[0].is_ok());
    }
    // What follows lies in other files than what came before.
    for n in 10..60 {
        held(&store, n, 8000).await;
    }
    remove(&store, gone).await;
    let last = store.entries.last_uid().await.expect("uid");
    clock.forward(Duration::from_secs(86_400 * 15));
    handle.tidy().expect("tidied");
    assert_eq!(
        store.entries.body(taught.id).await,
        Ok(None),
        "a lesson of 15 days"
    );
    assert_eq!(
        store.lessons.lessons(0, 9).await.map(|all| all.len()),
        Ok(1)
    );
    assert!(store.entries.entry(gone).await.expect("read").is_some());
    clock.forward(Duration::from_secs(86_400 * 30));
    store.journal.forget(clock.now()).await.expect("forgotten");
    for n in 10..60 {
        let id = entry_id(n);
        remove(&store, id).await;
    }
    for _ in 0..3 {
        handle.tidy().expect("tidied");
    }
    for id in [gone, job] {
        assert_eq!(store.entries.entry(id).await, Ok(None));
    }
    handle.close().expect("closed");
    drop(store);
    let before = on_sled::stats(dir.path(), &quick()).expect("counted");
    let after = on_sled::rebuild(dir.path(), &quick()).expect("made anew");
    assert_eq!(
        (
            before.mails,
            before.entries,
            before.jobs,
            before.lessons,
            before.events
        ),
        (
            after.mails,
            after.entries,
            after.jobs,
            after.lessons,
            after.events
        ),
    );
    let (store, _handle) = open_at(dir.path(), &clock);
    for id in [gone, job] {
        assert_eq!(
            store.entries.entry(id).await,
            Ok(None),
            "back from the dead"
        );
    }
    assert_eq!(store.jobs.jobs(9).await, Ok(vec![]));
    assert_eq!(store.lessons.lessons(0, 9).await, Ok(vec![]));
    assert!(
        store
            .entries
            .body(mail(1, 500).id)
            .await
            .expect("read")
            .is_some()
    );
    assert_eq!(store.entries.count(&view("global")).await, Ok(1));
    assert!(store.entries.entry(keeper).await.expect("read").is_some());
    assert_eq!(
        store.entries.last_uid().await,
        Ok(last),
        "uids are never given twice"
    );
    let events = store
        .journal
        .search(&scope("global"), &Query::default(), 99)
        .await;
    assert_eq!(events.map(|all| all.len()), Ok(0));
}

fn entry_id(n: u64) -> EntryId {
    entry(&mail(n, 8000), "alice@example.org").id
}

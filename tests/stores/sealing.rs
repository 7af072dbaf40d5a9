//! Sealing the log of all mail may be interrupted anywhere; a damaged part costs what lies in it only.

use std::path::{Path, PathBuf};

use quaranta::mail::EntryId;
use quaranta::record::{State, Status};
use quaranta::store::on_sled;
use quaranta::store::{Query, Store};

use super::faults::copy;
use super::world::*;

async fn live(store: &Store, from: u64, to: u64) {
    for n in from..to {
        let mail = mail(n, 300);
        let entry = entry(&mail, "alice@example.org");
        let event = event_of(&entry, Status::Quarantined);
        let stash = store.entries.stash(&mail, vec![entry.clone()], event);
        stash.await.expect("stashed");
        let gone = change(&entry, State::Held, State::Removed);
        assert!(store.entries.apply(vec![gone]).await[0].is_ok());
    }
}

fn id(n: u64) -> EntryId {
    entry(&mail(n, 300), "alice@example.org").id
}

/// How many events there are of each entry, and in all.
async fn told(store: &Store, to: u64) -> (Vec<usize>, usize) {
    let mut each = Vec::new();
    for n in 0..to {
        each.push(store.journal.history(id(n)).await.expect("read").len());
    }
    let (global, everything) = (scope("global"), Query::default());
    let all = store.journal.search(&global, &everything, 9999).await;
    (each, all.expect("searched").rows.len())
}

fn parts(dir: &Path) -> Vec<PathBuf> {
    let items = std::fs::read_dir(dir.join("journal")).expect("listed");
    let mut all: Vec<_> = items.map(|item| item.expect("item").path()).collect();
    all.sort();
    all
}

/// A store with 20 entries; a copy of it from before its log of all mail was sealed.
async fn sealed_and_before(dir: &Path, before: &Path) {
    let (store, handle) = open(dir);
    live(&store, 0, 20).await;
    handle.close().expect("closed");
    drop(store);
    copy(dir, before);
    let (store, handle) = open(dir);
    handle.seal().expect("sealed");
    assert_eq!(told(&store, 20).await, (vec![2; 20], 40));
    handle.close().expect("closed");
}

/// The power was cut when the part had its name, and the log did not know of it yet.
#[tokio::test]
async fn xx03_a_part_counts_once_it_has_its_name() {
    let dir = tempfile::tempdir().expect("directory");
    let (own, before) = (dir.path().join("own"), dir.path().join("before"));
    sealed_and_before(&own, &before).await;
    for part in parts(&own) {
        let name = part.file_name().expect("name");
        std::fs::copy(&part, before.join("journal").join(name)).expect("copied");
    }
    std::fs::write(before.join("journal").join("1-2.new"), b"half").expect("written");
    let (store, handle) = open(&before);
    assert_eq!(told(&store, 20).await, (vec![2; 20], 40), "none twice");
    live(&store, 20, 25).await;
    assert_eq!(
        told(&store, 25).await,
        (vec![2; 25], 50),
        "none is taken for another"
    );
    handle.seal().expect("sealed");
    assert_eq!(told(&store, 25).await, (vec![2; 25], 50));
    assert_eq!(parts(&before).len(), 2, "what was half is gone");
    handle.close().expect("closed");
    drop(store);
    let stats = on_sled::stats(&before, &options()).expect("counted");
    assert_eq!((stats.events, stats.parts), (50, 2));
    let stats = on_sled::rebuild(&before, &options()).expect("made anew");
    assert_eq!(stats.events, 50);
    let (store, _handle) = open(&before);
    assert_eq!(told(&store, 25).await, (vec![2; 25], 50));
}

#[tokio::test]
async fn a_damaged_part_costs_what_lies_in_it_only() {
    let dir = tempfile::tempdir().expect("directory");
    let (own, before) = (dir.path().join("own"), dir.path().join("before"));
    sealed_and_before(&own, &before).await;
    let (store, handle) = open(&own);
    live(&store, 20, 25).await;
    handle.seal().expect("sealed");
    handle.close().expect("closed");
    drop(store);
    let first = parts(&own).remove(0);
    let mut octets = std::fs::read(&first).expect("read");
    let last = octets.len() - 30;
    octets[last] ^= 1;
    std::fs::write(&first, &octets).expect("written");
    let verified = on_sled::verify(&own).expect("verified");
    assert_eq!((verified.parts, verified.damaged_parts), (2, 1));
    let (store, _handle) = open(&own);
    let expected = [vec![0; 20], vec![2; 5]].concat();
    assert_eq!(told(&store, 25).await, (expected, 10));
    assert!(first.with_extension("damaged").exists() && !first.exists());
    let kept = store.entries.entry(id(3)).await.expect("read");
    assert!(kept.is_some(), "the quarantine does not hang on it");
    live(&store, 25, 26).await;
    assert_eq!(store.journal.history(id(25)).await.map(|h| h.len()), Ok(2));
    // While the log still has the events, nothing is lost at all.
    let name = first.file_name().expect("name");
    std::fs::write(before.join("journal").join(name), &octets).expect("written");
    let (store, handle) = open(&before);
    assert_eq!(told(&store, 20).await, (vec![2; 20], 40));
    handle.seal().expect("sealed");
    assert_eq!(told(&store, 20).await, (vec![2; 20], 40));
}

/// An index from before it had a layout of its own.
#[tokio::test]
async fn an_index_of_another_layout_is_made_anew() {
    let dir = tempfile::tempdir().expect("directory");
    let (store, handle) = open(dir.path());
    live(&store, 0, 5).await;
    handle.close().expect("closed");
    drop(store);
    let index = sled::open(dir.path().join("index")).expect("opened");
    let applied = index.get(b"!a").expect("read").expect("there");
    index.insert(b"!a", &applied[..16]).expect("written");
    drop(index);
    let (store, _handle) = open(dir.path());
    assert_eq!(told(&store, 5).await, (vec![2; 5], 10));
    assert!(dir.path().join("index.damaged").exists());
}

//! Failing disks and power cuts: what was acknowledged is there, what failed is not, nothing is half.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use quaranta::clock::Clock;
use quaranta::options::{Octets, Span};
use quaranta::store::on_sled::{self, FaultyDisk, Handle, OpenError};
use quaranta::store::{Options, Store};

use super::life::Life;
use super::world::{START, open, options};

fn small() -> Options {
    Options {
        segment_size: Octets(64 << 10),
        checkpoint_every: Span(Duration::from_secs(3600)),
        ..options()
    }
}

fn open_on(disk: &FaultyDisk, dir: &Path) -> Result<(Store, Handle), OpenError> {
    let disk = Arc::new(disk.clone());
    on_sled::open_on(disk, dir, &small(), Clock::by_hand(START))
}

/// The n-th write, sync or allocation fails, for n = 0, 1, 2, ... until none is left to fail.
#[tokio::test]
async fn the_nth_operation_fails() {
    each_operation_fails(true).await;
}

/// The same, and the failure is the last thing that happens.
#[tokio::test]
async fn the_nth_operation_fails_and_all_ends() {
    each_operation_fails(false).await;
}

async fn each_operation_fails(go_on: bool) {
    const STEPS: usize = 30;
    for n in 0.. {
        let dir = tempfile::tempdir().expect("directory");
        let disk = FaultyDisk::default();
        disk.fail_after(n);
        let mut life = Life::new(n);
        if let Ok((store, handle)) = open_on(&disk, dir.path()) {
            let mut failed = 0;
            for at in 0..STEPS {
                let step = life.plan();
                match life.perform(&step, &store).await {
                    Ok(()) => life.note(&step),
                    Err(_) => failed += 1,
                }
                // The log of all mail is sealed, and its parts are made one.
                let every = if go_on { 15 } else { 3 };
                if at % every == every - 1 && handle.seal().is_err() {
                    failed += 1;
                }
                if failed > 0 && !go_on {
                    break;
                }
            }
            assert!(failed <= 1, "{n}: one fault, {failed} failures");
            let seen = life.check(&store, false).await;
            assert_eq!(seen, Ok(()), "{n}: while it runs");
            // As a process leaves it that is killed now.
            let killed = tempfile::tempdir().expect("directory");
            copy(dir.path(), killed.path());
            drop((store, handle));
            let (store, _handle) = open(killed.path());
            let seen = life.check(&store, false).await;
            assert_eq!(seen, Ok(()), "{n}: after it was killed");
        }
        let never = disk.is_waiting();
        let (store, handle) = open(dir.path());
        let seen = life.check(&store, false).await;
        assert_eq!(seen, Ok(()), "{n}: after it was opened again");
        drop((store, handle));
        // The log alone must say the same.
        std::fs::remove_dir_all(dir.path().join("index")).expect("removed");
        let (store, _handle) = open(dir.path());
        let seen = life.check(&store, false).await;
        assert_eq!(seen, Ok(()), "{n}: after the index was lost");
        if never {
            assert!(n > 30, "only {n} operations were seen");
            break;
        }
    }
}

/// What a life did until the disk was gone: as it was before its last request, or after.
async fn check_either(store: &Store, name: u64, done: u64, what: &str) -> Life {
    let before = Life::after(name, done);
    let Err(first) = before.check(store, true).await else {
        return before;
    };
    let after = Life::after(name, done + 1);
    let second = after.check(store, true).await;
    assert_eq!(
        second,
        Ok(()),
        "{what}, life {name}, {done} done; or {first}"
    );
    after
}

async fn live_until_dead(mut life: Life, store: Store) -> (u64, u64) {
    loop {
        let step = life.plan();
        if life.perform(&step, &store).await.is_err() {
            return (life.done, life.done);
        }
        life.note(&step);
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir_all(to).expect("made");
    for item in std::fs::read_dir(from).expect("listed") {
        let item = item.expect("item");
        let place = to.join(item.file_name());
        if item.file_type().expect("type").is_dir() {
            copy(&item.path(), &place);
        } else {
            std::fs::copy(item.path(), place).expect("copied");
        }
    }
}

/// The power is cut while lives go on; then the index is as it was at the cut, as at the
/// last check-point, or gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn se01_the_power_is_cut() {
    const LIVES: u64 = 6;
    for round in 0..18u64 {
        let dir = tempfile::tempdir().expect("directory");
        let disk = FaultyDisk::default();
        let (store, handle) = open_on(&disk, dir.path()).expect("opened");
        let mut lives: Vec<Life> = (0..LIVES).map(|i| Life::new(round * 100 + i)).collect();
        for life in &mut lives {
            for _ in 0..(round % 5) * 4 {
                let step = life.plan();
                life.perform(&step, &store).await.expect("done");
                life.note(&step);
            }
        }
        handle.checkpoint().expect("check-point");
        let (index, aside) = (dir.path().join("index"), dir.path().join("aside"));
        copy(&index, &aside);
        let names: Vec<u64> = (0..LIVES).map(|i| round * 100 + i).collect();
        let tasks: Vec<_> = lives
            .into_iter()
            .map(|life| tokio::spawn(live_until_dead(life, store.clone())))
            .collect();
        let until = tokio::time::Instant::now() + Duration::from_millis(5 + round * 7 % 60);
        while tokio::time::Instant::now() < until {
            handle.seal().expect("sealed");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        disk.cut(round * 7919 + 1).expect("cut");
        let mut done = Vec::new();
        for task in tasks {
            done.push(task.await.expect("joined").0);
        }
        drop((store, handle));
        match round % 3 {
            0 => {}
            1 => copy(&aside, &index),
            _ => std::fs::remove_dir_all(&index).expect("removed"),
        }
        let (store, handle) = open(dir.path());
        let mut held = Vec::new();
        for (name, done) in names.iter().zip(done) {
            held.push(check_either(&store, *name, done, &format!("round {round}")).await);
        }
        // And it lives on.
        for life in &mut held {
            for _ in 0..3 {
                let step = life.plan();
                life.perform(&step, &store).await.expect("done");
                life.note(&step);
            }
        }
        handle.close().expect("closed");
        drop(store);
        let (store, _handle) = open(dir.path());
        for life in &held {
            assert_eq!(
                life.check(&store, true).await,
                Ok(()),
                "round {round}, later"
            );
        }
    }
}

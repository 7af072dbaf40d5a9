//! What is refused with a clear text and without damage; what is repaired; a full disk.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use quaranta::clock::Clock;
use quaranta::options::Octets;
use quaranta::record::{State, Status};
use quaranta::store::on_sled::{self, FaultyDisk, OpenError};
use quaranta::store::{Options, Store, StoreError};

use super::life::Life;
use super::world::*;

fn refusal(dir: &Path) -> OpenError {
    match on_sled::open(dir, &options(), Clock::by_hand(START)) {
        Ok(_) => panic!("{} was opened", dir.display()),
        Err(error) => error,
    }
}

/// Names, sizes and times of all files below `dir`.
fn look(dir: &Path) -> Vec<(PathBuf, u64, i64, i64)> {
    let mut seen = Vec::new();
    for item in fs::read_dir(dir).expect("listed") {
        let path = item.expect("item").path();
        if path.is_dir() {
            seen.extend(look(&path));
        } else {
            let found = path.metadata().expect("metadata");
            seen.push((path, found.len(), found.mtime(), found.mtime_nsec()));
        }
    }
    seen.sort();
    seen
}

async fn live(store: &Store, life: &mut Life, steps: usize) {
    for _ in 0..steps {
        let step = life.plan();
        life.perform(&step, store).await.expect("done");
        life.note(&step);
    }
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = fs::read_dir(dir.join("segments"))
        .expect("listed")
        .map(|item| item.expect("item").path())
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn a_store_in_use_is_refused() {
    let dir = tempfile::tempdir().expect("directory");
    let (store, handle) = open(dir.path());
    let error = refusal(dir.path());
    let pid = std::process::id().to_string();
    assert!(error.to_string().contains(&pid), "{error}");
    assert!(matches!(error, OpenError::Locked { .. }));
    drop((store, handle));
    open(dir.path());
}

#[tokio::test]
async fn a_newer_format_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().expect("directory");
    let (store, handle) = open(dir.path());
    handle.close().expect("closed");
    drop(store);
    fs::write(dir.path().join("VERSION"), "2\n").expect("written");
    let before = look(dir.path());
    let error = refusal(dir.path());
    assert!(error.to_string().contains("format 2"), "{error}");
    assert_eq!(look(dir.path()), before);
}

#[test]
fn what_is_no_directory_is_refused() {
    let dir = tempfile::tempdir().expect("directory");
    let file = dir.path().join("file");
    fs::write(&file, "mine").expect("written");
    assert!(matches!(refusal(&file), OpenError::NotADirectory(_)));
    assert!(matches!(
        refusal(&file.join("below")),
        OpenError::NotADirectory(_)
    ));
    assert_eq!(fs::read(&file).expect("read"), b"mine");
    let error = refusal(Path::new("/proc/1/quaranta"));
    assert!(error.to_string().contains("/proc/1/quaranta"), "{error}");
}

#[tokio::test]
async fn only_the_owner_may_read_it() {
    let dir = tempfile::tempdir().expect("directory");
    let place = dir.path().join("store");
    let (store, handle) = open(&place);
    let set = store
        .settings
        .set_secret("key", vec![7; 32], event(Status::Changed));
    set.await.expect("set");
    handle.close().expect("closed");
    assert_eq!(place.metadata().expect("metadata").mode() & 0o777, 0o700);
    let copy = place.join("settings.json");
    assert_eq!(copy.metadata().expect("metadata").mode() & 0o777, 0o600);
    let text = fs::read_to_string(copy).expect("read");
    let all: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert!(all["secrets"]["key"].is_string(), "{text}");
}

/// Whatever is done to the index: the log makes it anew.
#[tokio::test]
async fn a_damaged_index_is_made_anew() {
    let dir = tempfile::tempdir().expect("directory");
    let mut life = Life::new(1);
    for damage in 0..6u64 {
        let (store, handle) = open(dir.path());
        live(&store, &mut life, 40).await;
        handle.close().expect("closed");
        drop(store);
        let index = dir.path().join("index");
        let db = index.join("db");
        match damage {
            0 => fs::write(&db, b"nonsense").expect("written"),
            1 => fs::write(index.join("conf"), b"nonsense").expect("written"),
            2 => fs::remove_file(&db).expect("removed"),
            3 => fs::write(dir.path().join("checkpoint"), "99999999\n").expect("written"),
            _ => {
                let mut file = fs::OpenOptions::new()
                    .write(true)
                    .open(&db)
                    .expect("opened");
                let length = file.metadata().expect("metadata").len();
                for part in 0..16 {
                    let at = length * part / 16 + damage * 100;
                    file.seek(SeekFrom::Start(at)).expect("there");
                    file.write_all(&[0xa5; 200]).expect("written");
                }
            }
        }
        let (store, handle) = open(dir.path());
        assert_eq!(life.check(&store, false).await, Ok(()), "damage {damage}");
        handle.close().expect("closed");
    }
}

#[tokio::test]
async fn damage_in_the_middle_costs_what_lies_there_only() {
    let dir = tempfile::tempdir().expect("directory");
    let mut mails = Vec::new();
    let (store, handle) = open(dir.path());
    for n in 0..40 {
        let mail = mail(n, 3000);
        let entries = vec![entry(&mail, "alice@example.org")];
        let stash = store
            .entries
            .stash(&mail, entries, event(Status::Quarantined));
        stash.await.expect("stashed");
        mails.push(mail);
    }
    handle.close().expect("closed");
    drop(store);
    let sound = on_sled::verify(dir.path()).expect("verified");
    assert_eq!((sound.damages, sound.records), (0, 41));
    let path = &segments(dir.path())[0];
    let mut file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .expect("opened");
    let length = file.metadata().expect("metadata").len();
    file.seek(SeekFrom::Start(length / 2)).expect("there");
    let mut octets = [0; 100];
    file.read_exact(&mut octets).expect("read");
    file.seek(SeekFrom::Start(length / 2)).expect("there");
    file.write_all(&octets.map(|octet| octet ^ 0x55))
        .expect("written");
    drop(file);
    let damaged = on_sled::verify(dir.path()).expect("verified");
    assert_eq!(damaged.damages, 1);
    assert!(damaged.records >= 38 && damaged.records < 41, "{damaged:?}");
    let stats = on_sled::rebuild(dir.path(), &options()).expect("made anew");
    assert_eq!(stats.mails, damaged.records - 1);
    let (store, _handle) = open(dir.path());
    let mut there = 0;
    for mail in &mails {
        let body = store.entries.body(mail.id).await.expect("no failure");
        if let Some(body) = body {
            assert_eq!(&body, mail.message.bytes());
            there += 1;
        }
    }
    assert_eq!(there, stats.mails);
}

/// Octets of a mail that are damaged are never given out.
#[tokio::test]
async fn damaged_octets_are_a_failure() {
    let dir = tempfile::tempdir().expect("directory");
    let (store, handle) = open(dir.path());
    let mail = mail(1, 3000);
    let stash = store.entries.stash(
        &mail,
        vec![entry(&mail, "alice@example.org")],
        event(Status::Quarantined),
    );
    stash.await.expect("stashed");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .open(&segments(dir.path())[0])
        .expect("opened");
    file.seek(SeekFrom::Start(1500)).expect("there");
    file.write_all(&[0x55; 64]).expect("written");
    let body = store.entries.body(mail.id).await;
    assert!(matches!(body, Err(StoreError::Failed(_))), "{body:?}");
    drop((store, handle));
}

#[tokio::test]
async fn below_the_floor_no_mail_is_taken_and_all_else_goes_on() {
    let dir = tempfile::tempdir().expect("directory");
    let disk = FaultyDisk::default();
    let clock = Clock::by_hand(START);
    let (store, _handle) =
        on_sled::open_on(Arc::new(disk.clone()), dir.path(), &options(), clock).expect("opened");
    let stash = async |n| {
        let mail = mail(n, 500);
        let entries = vec![entry(&mail, "alice@example.org")];
        let event = event(Status::Quarantined);
        store.entries.stash(&mail, entries, event).await
    };
    let kept = stash(1).await.expect("stashed").remove(0);
    disk.say_free(Some(1000));
    assert_eq!(stash(2).await, Err(StoreError::Full));
    let removed = change(&kept, State::Held, State::Removed);
    assert!(store.entries.apply(vec![removed]).await[0].is_ok());
    assert_eq!(store.entries.count(&view("global")).await, Ok(0));
    disk.say_free(None);
    assert!(stash(2).await.is_ok());
    assert_eq!(store.entries.count(&view("global")).await, Ok(1));
}

/// A file system of its own, ended with the test.
struct Tiny(tempfile::TempDir);

impl Tiny {
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().expect("directory");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=12m", "tmpfs"])
            .arg(dir.path())
            .output()
            .is_ok_and(|done| done.status.success());
        mounted.then_some(Self(dir))
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).output();
    }
}

/// A disk that others fill to the last octet: 451, nothing lost, and it goes on by itself.
#[tokio::test]
async fn a_full_disk_loses_nothing_and_goes_on_when_there_is_room() {
    let Some(tiny) = Tiny::mount() else {
        let _ = writeln!(
            std::io::stderr(),
            "skipped: a file system cannot be mounted here"
        );
        return;
    };
    let dir = tiny.0.path().join("store");
    let options = Options {
        min_free: Octets(0),
        ..options()
    };
    let (store, handle) = on_sled::open(&dir, &options, Clock::by_hand(START)).expect("opened");
    let mut life = Life::new(1);
    live(&store, &mut life, 20).await;
    let ballast = tiny.0.path().join("ballast");
    let mut failed = 0;
    for round in 0..3 {
        let mut file = fs::File::create(&ballast).expect("made");
        while file.write_all(&[0; 4096]).is_ok() {}
        drop(file);
        for _ in 0..300 {
            let step = life.plan();
            match life.perform(&step, &store).await {
                Ok(()) => life.note(&step),
                Err(_) => failed += 1,
            }
        }
        assert!(failed > 0, "the disk was never full");
        fs::remove_file(&ballast).expect("removed");
        let mut tries = 0;
        loop {
            let step = life.plan();
            if life.perform(&step, &store).await.is_ok() {
                life.note(&step);
                break;
            }
            tries += 1;
            assert!(tries < 100, "it does not go on by itself");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        assert_eq!(life.check(&store, false).await, Ok(()), "round {round}");
    }
    drop((store, handle));
    let (store, handle) = on_sled::open(&dir, &options, Clock::by_hand(START)).expect("opened");
    assert_eq!(life.check(&store, false).await, Ok(()), "opened again");
    drop((store, handle));
}

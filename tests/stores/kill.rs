//! `kill -9` at any moment: a child process lives, is killed, and what it was told is there.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::life::Life;
use super::world::open;

const LIVES: usize = 5;
const DIR: &str = "QUARANTA_STORE_CHILD";
const DONE: &str = "QUARANTA_STORE_DONE";

/// The child: lives on in the directory it is given, and says after each request that
/// it was done. Without a directory there is nothing to do.
#[test]
fn child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let done = std::env::var(DONE).expect("counts");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("runtime");
    runtime.block_on(async {
        let (store, handle) = open(Path::new(&dir));
        tokio::task::spawn_blocking(move || {
            loop {
                handle.seal().expect("sealed");
                std::thread::yield_now();
            }
        });
        let mut tasks = Vec::new();
        for (name, done) in done.split(',').enumerate() {
            let mut life = Life::after(name as u64, done.parse().expect("count"));
            let store = store.clone();
            tasks.push(tokio::spawn(async move {
                loop {
                    let step = life.plan();
                    life.perform(&step, &store).await.expect("done");
                    life.note(&step);
                    let line = format!("\nack {name} {}\n", life.done);
                    let mut out = std::io::stdout().lock();
                    out.write_all(line.as_bytes()).expect("written");
                    out.flush().expect("written");
                }
            }));
        }
        // None of them ends; if one panics, this does too.
        let (ended, _, _) = futures_util::future::select_all(tasks).await;
        ended.expect("joined");
    });
}

/// Runs the child until it has said `enough` words, kills it, and returns how far each life came.
fn run_and_kill(dir: &Path, done: &[u64; LIVES], enough: usize) -> [u64; LIVES] {
    let counts = done.map(|n| n.to_string()).join(",");
    let mut child = Command::new(std::env::current_exe().expect("own path"))
        .args(["--exact", "kill::child", "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .env(DONE, counts)
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let mut done = *done;
    let out = BufReader::new(child.stdout.take().expect("output"));
    let mut said = 0;
    for line in out.lines() {
        // The last line may be cut in the middle of a word.
        let Ok(line) = line else { break };
        let mut words = line.split(' ');
        if words.next() != Some("ack") {
            continue;
        }
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
        if let (Some(life), Some(count)) = (number(), number())
            && let Some(known) = done.get_mut(life as usize)
        {
            // A number that was cut is smaller than the true one.
            *known = (*known).max(count);
        }
        said += 1;
        if said == enough {
            child.kill().expect("killed");
        }
    }
    child.wait().expect("ended");
    assert!(said >= enough, "the child ended by itself");
    done
}

#[tokio::test]
async fn se01_a_killed_store_keeps_its_word() {
    let dir = tempfile::tempdir().expect("directory");
    let mut done = [0; LIVES];
    for round in 0..10 {
        done = run_and_kill(dir.path(), &done, 3 + round * 37 % 150);
        if round == 7 {
            std::fs::remove_dir_all(dir.path().join("index")).expect("removed");
        }
        let (store, handle) = open(dir.path());
        for (name, done) in done.iter_mut().enumerate() {
            let before = Life::after(name as u64, *done).check(&store, false).await;
            if let Err(first) = before {
                *done += 1;
                let after = Life::after(name as u64, *done).check(&store, false).await;
                assert_eq!(after, Ok(()), "round {round}, life {name}; or {first}");
            }
        }
        drop((store, handle));
    }
}

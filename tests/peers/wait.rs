//! Waiting for things of other processes, and finding free ports.

use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `done` says so.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

static NEXT: AtomicU16 = AtomicU16::new(21_000);

/// The first of sixteen ports below the ephemeral range that nobody listens on.
pub(crate) fn free_ports() -> u16 {
    loop {
        let base = NEXT.fetch_add(16, Ordering::Relaxed);
        assert!(base < 32_000, "no ports are left");
        let free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
        if (base..base + 16).all(free) {
            return base;
        }
    }
}

pub(crate) fn free_port() -> u16 {
    free_ports()
}

#[allow(dead_code, reason = "tests/scanners.rs does without")]
/// The contents of the files in a folder, in the order of their names.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned())
        .collect()
}

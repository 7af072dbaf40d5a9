//! Trains and tests: the filter as a whole, what was learned alone, and bogofilter on the same mail.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use quaranta::clock::{Clock, Timestamp};
use quaranta::inspect::{Bulk, LEARNED, Learner, Options, StandardPanel, vector_of};
use quaranta::net::dns::Dns;
use quaranta::policy::{Finding, Policy};
use quaranta::record::Lore;

use super::{area, caught, mail, sorted};

/// Files with what they are, in the order in which they are learned.
pub(super) type Sorted = Vec<(Lore, PathBuf)>;

/// All of a corpus, the kinds interleaved.
pub(super) fn all(folder: &str) -> io::Result<Sorted> {
    let (ham, spam) = kinds(folder)?;
    Ok(interleaved(&ham, &spam))
}

/// The first and the second half of each kind, interleaved.
pub(super) fn halves(folder: &str) -> io::Result<(Sorted, Sorted)> {
    let (ham, spam) = kinds(folder)?;
    let (a, b) = (ham.len() / 2, spam.len() / 2);
    Ok((
        interleaved(&ham[..a], &spam[..b]),
        interleaved(&ham[a..], &spam[b..]),
    ))
}

fn kinds(folder: &str) -> io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let folder = Path::new(folder);
    Ok((sorted(&folder.join("ham"))?, sorted(&folder.join("spam"))?))
}

fn interleaved(ham: &[PathBuf], spam: &[PathBuf]) -> Sorted {
    let placed = |lore: Lore, all: &[PathBuf]| -> Vec<(f64, Lore, PathBuf)> {
        let place = |(n, path): (usize, &PathBuf)| {
            ((n as f64 + 0.5) / all.len() as f64, lore, path.clone())
        };
        all.iter().enumerate().map(place).collect()
    };
    let mut both = [placed(Lore::Ham, ham), placed(Lore::Spam, spam)].concat();
    both.sort_by(|a, b| a.0.total_cmp(&b.0));
    both.into_iter()
        .map(|(_, lore, path)| (lore, path))
        .collect()
}

/// Trains on one, tests on the other, and prints a line for each filter.
pub(super) fn compare(title: &str, train: &Sorted, test: &Sorted) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{title}: {} to learn, {} to test",
        train.len(),
        test.len()
    )?;
    ours(train, test)?;
    match bogofilter(train, test) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            writeln!(out, "  bogofilter is not installed")
        }
        Err(error) => Err(error),
    }
}

fn ours(train: &Sorted, test: &Sorted) -> io::Result<()> {
    let options = Options {
        authentication: false,
        ..Options::default()
    };
    let learner = Arc::new(Learner::in_memory());
    let dns = Arc::new(Dns::off("measured without"));
    let panel = StandardPanel::open(&options, dns, Clock::by_hand(Timestamp::default()));
    let panel = panel.map_err(io::Error::other)?.learning(learner.clone());
    let start = Instant::now();
    let mut lessons = Vec::new();
    for (lore, path) in train {
        let mail = mail(path)?;
        let vector = vector_of(
            mail.message.bytes(),
            &mail.envelope,
            options.text_most.get(),
        );
        lessons.extend(vector.map(|v| Bulk {
            mail: mail.id,
            lore: *lore,
            vector: v.packed(),
        }));
    }
    learner.train(&lessons, "bench", Timestamp::default())?;
    let learned = start.elapsed();
    let mut blend: [Vec<f32>; 2] = Default::default();
    let mut alone: [Vec<f32>; 2] = Default::default();
    let mut took = [Duration::ZERO; 2];
    for (lore, path) in test {
        let kind = usize::from(*lore == Lore::Spam);
        let mail = mail(path)?;
        let start = Instant::now();
        let found = panel.inspect_locally(&mail).found;
        took[kind] += start.elapsed();
        blend[kind].push(found.iter().map(Finding::weight).sum());
        let own = found.iter().find(|finding| finding.name() == LEARNED);
        alone[kind].push(own.map_or(0.0, Finding::weight));
    }
    line("all checks", &blend)?;
    line("learned alone", &alone)?;
    let mut out = io::stdout().lock();
    let from = Policy::default().spam_from;
    let share = |of: &[f32]| {
        of.iter().filter(|s| **s >= from).count() as f64 * 100.0 / of.len().max(1) as f64
    };
    writeln!(
        out,
        "  at the threshold {from}: {:.2}% of ham lost, {:.1}% of spam caught",
        share(&blend[0]),
        share(&blend[1])
    )?;
    let each = |kind: usize| took[kind].as_secs_f64() * 1e3 / blend[kind].len().max(1) as f64;
    let (learning, memory) = (
        learned.as_secs_f64() * 1e3 / train.len().max(1) as f64,
        memory(),
    );
    writeln!(
        out,
        "  time: ham {:.3} ms, spam {:.3} ms, learning {learning:.3} ms a message; memory at most {memory}",
        each(0),
        each(1)
    )
}

fn line(name: &str, [ham, spam]: &[Vec<f32>; 2]) -> io::Result<()> {
    let lost = (1.0 - area(ham, spam)) * 100.0;
    let at = |loss| caught(ham, spam, loss);
    writeln!(
        io::stdout().lock(),
        "  {name:<14} 1-ROCA% {lost:>8.4}   caught at 0.01 / 0.1 / 0.5 / 1% of ham lost: {:>5.1} {:>5.1} {:>5.1} {:>5.1}",
        at(0.01),
        at(0.1),
        at(0.5),
        at(1.0)
    )
}

/// The most memory this process had, as Linux says it.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("unknown", str::trim).to_owned()
}

fn bogofilter(train: &Sorted, test: &Sorted) -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    let run = |how: &str, path: &Path| {
        Command::new("bogofilter")
            .arg("-d")
            .arg(dir.path())
            .arg(how)
            .arg("-I")
            .arg(path)
            .stderr(Stdio::null())
            .output()
    };
    let start = Instant::now();
    for (lore, path) in train {
        run(if *lore == Lore::Ham { "-n" } else { "-s" }, path)?;
    }
    let learned = start.elapsed();
    let mut scores: [Vec<f32>; 2] = Default::default();
    let start = Instant::now();
    for (lore, path) in test {
        let said = run("-T", path)?.stdout;
        let text = String::from_utf8_lossy(&said);
        let score = text.split_whitespace().nth(1).and_then(|n| n.parse().ok());
        // The check for ties is coarser than the steps between its scores.
        scores[usize::from(*lore == Lore::Spam)].push(score.unwrap_or(0.5_f32) * 1000.0);
    }
    line("bogofilter", &scores)?;
    writeln!(
        io::stdout().lock(),
        "  time: {:.3} ms, learning {:.3} ms a message, the start of the program included",
        start.elapsed().as_secs_f64() * 1e3 / test.len().max(1) as f64,
        learned.as_secs_f64() * 1e3 / train.len().max(1) as f64
    )
}

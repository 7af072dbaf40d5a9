//! Trains and tests: the filter as a whole, what was learned alone, and others on the same mail.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use nix::time::{ClockId, clock_gettime};
use quaranta::clock::{Clock, Timestamp};
use quaranta::inspect::{Bulk, LEARNED, Learner, Options, StandardPanel, vector_of};
use quaranta::net::dns::Dns;
use quaranta::policy::{Finding, Policy};
use quaranta::record::Lore;

use super::{area, caught, mail, others, sorted};

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

/// What is measured, and with whom.
#[derive(Clone, Copy)]
pub(super) struct How {
    /// Others than bogofilter too; they are slow.
    pub(super) scanners: bool,
    /// Messages that are tested at most, evenly taken from all.
    pub(super) most: usize,
}

/// Trains on one, tests on the other, and prints a line for each filter.
pub(super) fn compare(title: &str, train: &Sorted, test: &Sorted, how: How) -> io::Result<()> {
    let every = test.len().div_ceil(how.most.max(1)).max(1);
    let test: Sorted = test.iter().step_by(every).cloned().collect();
    writeln!(
        io::stdout().lock(),
        "{title}: {} to learn, {} to test",
        train.len(),
        test.len()
    )?;
    ours(&Sorted::new(), &test)?;
    ours(train, &test)?;
    others::compare(train, &test, how.scanners)
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
    learner.train(&lessons(train, &options)?, "bench", Timestamp::default())?;
    let learned = start.elapsed();
    let mut blend: [Vec<f32>; 2] = Default::default();
    let mut alone: [Vec<f32>; 2] = Default::default();
    let mut took = [0.0; 2];
    for (lore, path) in test {
        let kind = usize::from(*lore == Lore::Spam);
        let mail = mail(path)?;
        let before = cpu_ms()?;
        let found = panel.inspect_locally(&mail).found;
        took[kind] += cpu_ms()? - before;
        blend[kind].push(found.iter().map(Finding::weight).sum());
        let own = found.iter().find(|finding| finding.name() == LEARNED);
        alone[kind].push(own.map_or(0.0, Finding::weight));
    }
    if train.is_empty() {
        line("untrained", &blend)?;
    } else {
        line("all checks", &blend)?;
        line("learned alone", &alone)?;
    }
    let from = Policy::default().spam_from;
    let share = |of: &[f32]| {
        of.iter().filter(|s| **s >= from).count() as f64 * 100.0 / of.len().max(1) as f64
    };
    let each = |kind: usize| took[kind] / blend[kind].len().max(1) as f64;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "  at the threshold {from}: {:.2}% of ham lost, {:.1}% of spam caught",
        share(&blend[0]),
        share(&blend[1])
    )?;
    writeln!(
        out,
        "  our CPU: {:.3} ms a message (ham {:.3}, spam {:.3}); learning {:.3} ms a message; memory at most {}",
        (took[0] + took[1]) / test.len().max(1) as f64,
        each(0),
        each(1),
        learned.as_secs_f64() * 1e3 / train.len().max(1) as f64,
        memory()
    )
}

fn lessons(train: &Sorted, options: &Options) -> io::Result<Vec<Bulk>> {
    let mut lessons = Vec::new();
    for (lore, path) in train {
        let mail = mail(path)?;
        let most = options.text_most.get();
        let vector = vector_of(mail.message.bytes(), &mail.envelope, most);
        lessons.extend(vector.map(|v| Bulk {
            mail: mail.id,
            lore: *lore,
            vector: v.packed(),
        }));
    }
    Ok(lessons)
}

/// CPU time of this thread, in milliseconds.
fn cpu_ms() -> io::Result<f64> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    Ok(time.tv_sec() as f64 * 1e3 + time.tv_nsec() as f64 / 1e6)
}

/// Prints how well a filter tells them apart.
pub(super) fn line(name: &str, [ham, spam]: &[Vec<f32>; 2]) -> io::Result<()> {
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

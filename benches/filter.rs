//! Measures the filter on a corpus: folders `ham` and `spam` of raw messages, one a file.
//!
//! `cargo bench --bench filter -- DIR [DIR...] [--rules] [--scores] [--misjudged] [--learn] [--across]
//! [--scanners] [--most=N] [--only-trained]`
//! prints for each corpus AUC, 1-ROCA%, the spam caught at a given loss of ham, what the default
//! thresholds do, and the time for a message, untrained. `--learn` adds what the filter is worth on
//! the second half of each corpus when it learned the first, `--across` what it is worth on each corpus when it
//! learned those before it; both with bogofilter beside, where it is installed, and with `--scanners` rspamd and
//! SpamAssassin too (rules as installed, Bayes taught the same mail, no network), which take long: `--most=N` tests
//! N messages at most, evenly taken, the same for all. `--only-trained` leaves the first report out. `--rules` adds how often each rule fires, `--scores` each file with its
//! score and rules, `--misjudged` the files on the wrong side of the threshold.
//! `QUARANTA_RULES` may name a file of rules to try besides.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use quaranta::clock::{Clock, Timestamp};
use quaranta::inspect::{Options, Panel, StandardPanel};
use quaranta::mail::{BodyType, Direction, Envelope, Mail, Message, Peer, headers};
use quaranta::net::dns::Dns;
use quaranta::policy::{Finding, Policy};

#[path = "filter/learn.rs"]
mod learn;
#[path = "filter/others.rs"]
mod others;
#[path = "filter/programs.rs"]
mod programs;

// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A message's score, with what made it.
struct Scored {
    path: PathBuf,
    score: f32,
    names: Vec<String>,
    took: Duration,
    size: usize,
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let (flags, folders): (Vec<_>, Vec<_>) =
        arguments.into_iter().partition(|a| a.starts_with("--"));
    if folders.is_empty() {
        return writeln!(io::stdout(), "name a folder that holds ham and spam");
    }
    let mut options = Options {
        authentication: false,
        ..Options::default()
    };
    options.rules.extend(std::env::var("QUARANTA_RULES"));
    let panel = StandardPanel::open(
        &options,
        Arc::new(Dns::off("measured without")),
        Clock::by_hand(Timestamp::default()),
    )
    .map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let flag = |name: &str| flags.iter().any(|flag| flag == name);
    let most = flags
        .iter()
        .find_map(|flag| flag.strip_prefix("--most=")?.parse().ok());
    let how = learn::How {
        scanners: flag("--scanners"),
        most: most.unwrap_or(usize::MAX),
    };
    for folder in folders.iter().filter(|_| !flag("--only-trained")) {
        let ham = score(&runtime, &panel, &Path::new(folder).join("ham"))?;
        let spam = score(&runtime, &panel, &Path::new(folder).join("spam"))?;
        report(folder, &ham, &spam)?;
        if flag("--rules") {
            rules(&ham, &spam)?;
        }
        if flag("--scores") {
            scores(&ham, "ham")?;
            scores(&spam, "spam")?;
        }
        if flag("--misjudged") {
            misjudged(&ham, &spam)?;
        }
    }
    if flag("--learn") {
        for folder in &folders {
            let (first, second) = learn::halves(folder)?;
            learn::compare(&format!("{folder}, half and half"), &first, &second, how)?;
        }
    }
    if flag("--across") {
        let mut before = Vec::new();
        for folder in &folders {
            let all = learn::all(folder)?;
            if !before.is_empty() {
                learn::compare(
                    &format!("{folder}, trained on those before"),
                    &before,
                    &all,
                    how,
                )?;
            }
            before.extend(all);
        }
    }
    Ok(())
}

fn score(
    runtime: &tokio::runtime::Runtime,
    panel: &StandardPanel,
    folder: &Path,
) -> io::Result<Vec<Scored>> {
    let paths = sorted(folder)?;
    let mut all = Vec::with_capacity(paths.len());
    for path in paths {
        let mail = mail(&path)?;
        let start = Instant::now();
        let findings = runtime.block_on(panel.inspect(&mail));
        let took = start.elapsed();
        all.push(Scored {
            score: findings.found.iter().map(Finding::weight).sum(),
            names: findings.found.iter().map(|f| f.name().to_owned()).collect(),
            size: mail.message.bytes().len(),
            path,
            took,
        });
    }
    Ok(all)
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)?
        .filter_map(|e| Some(e.ok()?.path()))
        .collect();
    paths.sort();
    Ok(paths)
}

fn mail(path: &Path) -> io::Result<Mail> {
    let message = Message::new(with_crlf(&std::fs::read(path)?), None).map_err(io::Error::other)?;
    Ok(Mail::new(envelope(message.bytes()), message, 0))
}

/// Files have the line ends of this system; a mail has CRLF.
fn with_crlf(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() + octets.len() / 40);
    for line in octets.split_inclusive(|b| *b == b'\n') {
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        out.extend(bare.iter().filter(|b| **b != b'\r'));
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// The envelope as far as the message tells it.
fn envelope(message: &[u8]) -> Envelope {
    let address = |name| {
        headers::first(message, name).and_then(|f| {
            let text = f.text();
            let inner = text
                .rsplit_once('<')
                .map_or(text.as_str(), |(_, rest)| rest);
            inner.trim_end_matches('>').trim().parse().ok()
        })
    };
    let from = address("Return-Path").or_else(|| address("From"));
    Envelope {
        peer: Peer::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
        direction: Direction::Inbound,
        from,
        to: Vec::new(),
        body: BodyType::EightBitMime,
        smtputf8: false,
    }
}

fn report(folder: &str, ham: &[Scored], spam: &[Scored]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let numbers = |of: &[Scored]| of.iter().map(|s| s.score).collect::<Vec<f32>>();
    let (of_ham, of_spam) = (numbers(ham), numbers(spam));
    let area = area(&of_ham, &of_spam);
    writeln!(out, "{folder}: {} ham, {} spam", ham.len(), spam.len())?;
    writeln!(out, "  AUC {area:.5}   1-ROCA% {:.3}", (1.0 - area) * 100.0)?;
    for loss in [0.1, 0.5, 1.0] {
        writeln!(
            out,
            "  spam caught at {loss}% of ham lost: {:.1}%",
            caught(&of_ham, &of_spam, loss)
        )?;
    }
    let policy = Policy::default();
    for (word, from) in [
        ("spam", policy.spam_from),
        ("unsure or spam", policy.unsure_from),
    ] {
        let share = |of: &[Scored]| {
            of.iter().filter(|s| s.score >= from).count() as f64 * 100.0 / of.len().max(1) as f64
        };
        writeln!(
            out,
            "  {word} (from {from}): {:.3}% of ham, {:.1}% of spam",
            share(ham),
            share(spam)
        )?;
    }
    let total: Duration = ham.iter().chain(spam).map(|s| s.took).sum();
    let count = (ham.len() + spam.len()).max(1);
    let mut times: Vec<Duration> = ham.iter().chain(spam).map(|s| s.took).collect();
    times.sort();
    let octets: usize = ham.iter().chain(spam).map(|s| s.size).sum();
    writeln!(
        out,
        "  time for a message: mean {:.3} ms, median {:.3} ms, slowest {:.1} ms; mean size {} octets; {:.1} ns an octet",
        total.as_secs_f64() * 1e3 / count as f64,
        times[count / 2].as_secs_f64() * 1e3,
        times[count - 1].as_secs_f64() * 1e3,
        octets / count,
        total.as_nanos() as f64 / octets.max(1) as f64
    )
}

/// Area under the ROC curve: how often a spam scores above a ham, ties counted half.
fn area(ham: &[f32], spam: &[f32]) -> f64 {
    let mut scores = ham.to_vec();
    scores.sort_by(f32::total_cmp);
    let wins: f64 = spam
        .iter()
        .map(|s| {
            let below = scores.partition_point(|h| *h < s - 1e-4);
            let level = scores.partition_point(|h| *h <= s + 1e-4) - below;
            below as f64 + level as f64 / 2.0
        })
        .sum();
    wins / (ham.len().max(1) as f64 * spam.len().max(1) as f64)
}

/// Percentage of spam above the lowest threshold that loses at most `loss` percent of ham.
fn caught(ham: &[f32], spam: &[f32], loss: f64) -> f64 {
    let mut scores = ham.to_vec();
    scores.sort_by(|a, b| b.total_cmp(a));
    let may_lose = (ham.len() as f64 * loss / 100.0).floor() as usize;
    let threshold = scores.get(may_lose).copied().unwrap_or(f32::MIN);
    spam.iter().filter(|s| **s > threshold + 1e-4).count() as f64 * 100.0 / spam.len().max(1) as f64
}

fn rules(ham: &[Scored], spam: &[Scored]) -> io::Result<()> {
    let mut fired: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for (class, of) in [(0, ham), (1, spam)] {
        for name in of.iter().flat_map(|s| &s.names) {
            fired.entry(name).or_default()[class] += 1;
        }
    }
    let mut out = io::stdout().lock();
    writeln!(out, "  {:<32} {:>8} {:>8}", "rule", "% ham", "% spam")?;
    for (name, [of_ham, of_spam]) in fired {
        let share = |n: usize, of: &[Scored]| n as f64 * 100.0 / of.len().max(1) as f64;
        writeln!(
            out,
            "  {name:<32} {:>8.3} {:>8.2}",
            share(of_ham, ham),
            share(of_spam, spam)
        )?;
    }
    Ok(())
}

/// Label, score, path and names, with tabs between.
fn scores(of: &[Scored], label: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for s in of {
        writeln!(
            out,
            "{label}\t{:.2}\t{}\t{}",
            s.score,
            s.path.display(),
            s.names.join(" ")
        )?;
    }
    Ok(())
}

fn misjudged(ham: &[Scored], spam: &[Scored]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let policy = Policy::default();
    for s in ham.iter().filter(|s| s.score >= policy.unsure_from) {
        writeln!(
            out,
            "  ham  {:>5.1} {} {}",
            s.score,
            s.path.display(),
            s.names.join(" ")
        )?;
    }
    for s in spam.iter().filter(|s| s.score < policy.unsure_from) {
        writeln!(
            out,
            "  spam {:>5.1} {} {}",
            s.score,
            s.path.display(),
            s.names.join(" ")
        )?;
    }
    Ok(())
}

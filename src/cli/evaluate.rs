//! `quaranta evaluate`: what the filter would do with mail that is sorted already.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use super::corpus::{bulk, each_mail, interleaved};
use super::learning::EvaluateArgs;
use super::say;
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::inspect::{Bulk, Learner, StandardPanel};
use crate::net::dns::Dns;
use crate::policy::{Policy, judge};
use crate::record::Lore;

/// Shares of ham above the threshold at which the spam above it is told, in percent.
const LOSSES: [(&str, f64); 3] = [("0.1", 0.1), ("0.5", 0.5), ("1", 1.0)];

/// One message of the test.
struct Scored {
    lore: Lore,
    score: f32,
    path: PathBuf,
}

/// What was measured.
struct Measured {
    scored: Vec<Scored>,
    /// CPU time of all checks, in milliseconds.
    cpu_ms: f64,
    /// Files to learn that are no mail.
    passed_over: usize,
}

pub(super) fn run(args: &EvaluateArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(args.config.as_deref())?;
    let learner = Arc::new(Learner::in_memory());
    let dns = Arc::new(Dns::off("measured without"));
    // A clock that nobody set: mail of other years is not late for that.
    let clock = Clock::by_hand(Timestamp::default());
    let panel = StandardPanel::open(&config.inspect, dns, clock)?.learning(learner.clone());
    let (trained, passed_over) = train(&learner, args, config.inspect.text_most.get())?;
    let mut measured = Measured {
        scored: Vec::new(),
        cpu_ms: 0.0,
        passed_over,
    };
    score(&panel, Lore::Ham, &args.test_ham, &mut measured)?;
    score(&panel, Lore::Spam, &args.test_spam, &mut measured)?;
    let (ham, spam) = split(&measured.scored);
    if ham.is_empty() || spam.is_empty() {
        bail!(
            "both kinds of test mail are needed: there are {} wanted messages and {} spams",
            ham.len(),
            spam.len()
        );
    }
    if let Some(path) = &args.scores {
        write_scores(path, &measured.scored)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let report = report(&measured, &ham, &spam, trained);
    say(&if args.json {
        format!("{report}\n")
    } else {
        table(&report)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Trains with both kinds interleaved; says how many mails there were, and how many files or
/// messages are no mail.
fn train(
    learner: &Learner,
    args: &EvaluateArgs,
    text_most: usize,
) -> anyhow::Result<(usize, usize)> {
    let mut no_mail = 0;
    let mut kinds: Vec<Vec<Bulk>> = Vec::new();
    for (lore, paths) in [(Lore::Ham, &args.train_ham), (Lore::Spam, &args.train_spam)] {
        let mut all = Vec::new();
        no_mail += each_mail(paths, false, |_, mail| {
            all.extend(bulk(&mail, lore, text_most));
        })?;
        kinds.push(all);
    }
    let spam = kinds.pop().unwrap_or_default();
    let ham = kinds.pop().unwrap_or_default();
    let all = interleaved(ham, spam);
    learner.train(&all, "evaluate", Timestamp::default())?;
    Ok((all.len(), no_mail))
}

fn score(
    panel: &StandardPanel,
    lore: Lore,
    paths: &[PathBuf],
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let mut failed = None;
    let policy = Policy::default();
    each_mail(paths, true, |path, mail| {
        let before = cpu_ms();
        let score = judge(panel.inspect_locally(&mail).found, None, &policy).score;
        match (before, cpu_ms()) {
            (Ok(before), Ok(after)) => measured.cpu_ms += after - before,
            (Err(error), _) | (_, Err(error)) => failed = Some(error),
        }
        measured.scored.push(Scored {
            lore,
            score,
            path: path.to_owned(),
        });
    })?;
    failed.map_or(Ok(()), |error| {
        Err(error).context("the CPU time is not known")
    })
}

/// CPU time of this thread in milliseconds.
fn cpu_ms() -> nix::Result<f64> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    Ok(time.tv_sec() as f64 * 1e3 + time.tv_nsec() as f64 / 1e6)
}

/// The scores of each kind, ascending.
fn split(scored: &[Scored]) -> (Vec<f32>, Vec<f32>) {
    let of = |lore| {
        let mut scores: Vec<f32> = scored
            .iter()
            .filter(|s| s.lore == lore)
            .map(|s| s.score)
            .collect();
        scores.sort_by(f32::total_cmp);
        scores
    };
    (of(Lore::Ham), of(Lore::Spam))
}

/// Area under the ROC curve: how often a spam scores above a ham, ties counted half.
fn area(ham: &[f32], spam: &[f32]) -> f64 {
    let wins: f64 = spam
        .iter()
        .map(|s| {
            let below = ham.partition_point(|h| h < s);
            let level = ham.partition_point(|h| h <= s) - below;
            below as f64 + level as f64 / 2.0
        })
        .sum();
    wins / (ham.len() as f64 * spam.len() as f64)
}

/// Percentage of the spam above the lowest threshold that loses at most `loss` percent of ham.
fn caught(ham: &[f32], spam: &[f32], loss: f64) -> f64 {
    let may_lose = (ham.len() as f64 * loss / 100.0).floor() as usize;
    let threshold = ham.iter().rev().nth(may_lose).copied().unwrap_or(f32::MIN);
    above(spam, |score| score > threshold)
}

fn above(scores: &[f32], is: impl Fn(f32) -> bool) -> f64 {
    scores.iter().filter(|score| is(**score)).count() as f64 * 100.0 / scores.len() as f64
}

fn rounded(n: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (n * scale).round() / scale
}

fn report(measured: &Measured, ham: &[f32], spam: &[f32], trained: usize) -> Value {
    let area = area(ham, spam);
    let policy = Policy::default();
    let catch: serde_json::Map<String, Value> = LOSSES
        .iter()
        .map(|(name, loss)| {
            (
                (*name).to_owned(),
                rounded(caught(ham, spam, *loss), 3).into(),
            )
        })
        .collect();
    json!({
        "auc": rounded(area, 7),
        "one_minus_roca_percent": rounded((1.0 - area) * 100.0, 5),
        "catch_at_ham_loss": catch,
        "ham_lost": rounded(above(ham, |score| score >= policy.spam_from), 4),
        "spam_caught": rounded(above(spam, |score| score >= policy.spam_from), 4),
        "cpu_ms_per_message": rounded(measured.cpu_ms / measured.scored.len() as f64, 4),
        "ham": ham.len(),
        "spam": spam.len(),
        "trained": trained,
        "no_mail": measured.passed_over,
    })
}

fn table(report: &Value) -> String {
    let policy = Policy::default();
    let number = |name: &str| report[name].to_string();
    let mut text = format!(
        "{} wanted messages and {} spams, {} messages trained with\n",
        number("ham"),
        number("spam"),
        number("trained")
    );
    let mut line = |name: &str, value: String| {
        let _never = writeln!(text, "  {name:<44} {value}");
    };
    line("AUC", number("auc"));
    line("1-ROCA%", number("one_minus_roca_percent"));
    for (name, _) in LOSSES {
        let caught = &report["catch_at_ham_loss"][name];
        line(
            &format!("spam caught at {name}% of wanted mail lost"),
            format!("{caught}%"),
        );
    }
    line(
        &format!("wanted mail lost from score {} on", policy.spam_from),
        format!("{}%", number("ham_lost")),
    );
    line(
        &format!("spam caught from score {} on", policy.spam_from),
        format!("{}%", number("spam_caught")),
    );
    line(
        "CPU for a message",
        format!("{} ms", number("cpu_ms_per_message")),
    );
    if measured_no_mail(report) {
        line("passed over, because they are no mail", number("no_mail"));
    }
    text
}

fn measured_no_mail(report: &Value) -> bool {
    report["no_mail"].as_u64().is_some_and(|count| count > 0)
}

fn write_scores(path: &Path, scored: &[Scored]) -> std::io::Result<()> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    for s in scored {
        let label = match s.lore {
            Lore::Ham => "ham",
            Lore::Spam => "spam",
        };
        writeln!(file, "{label}\t{:.5}\t{}", s.score, s.path.display())?;
    }
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_a_small_test() {
        let (ham, spam) = ([0.0, 1.0, 2.0, 5.0], [1.0, 3.0, 6.0, 7.0]);
        // Of 16 pairs the spam is above in 12, level in one.
        assert!((area(&ham, &spam) - 12.5 / 16.0).abs() < 1e-9);
        assert!((caught(&ham, &spam, 0.1) - 50.0).abs() < 1e-9);
        assert!((caught(&ham, &spam, 25.0) - 75.0).abs() < 1e-9);
        assert!((above(&ham, |score| score >= 2.0) - 50.0).abs() < 1e-9);
    }
}

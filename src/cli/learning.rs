//! Commands about the learner: measure what the filter would do, teach it, look at its lessons.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::evaluate;

#[derive(Debug, Subcommand)]
pub(crate) enum Learning {
    /// Measure what the filter would do with mail that is sorted already
    ///
    /// Trains a model in memory, messages of both kinds interleaved in the order of their
    /// names, and scores the test mail with all local checks: nothing is asked of the network,
    /// and the installation is not touched. Without --train-ham and --train-spam it
    /// measures the filter as it is before anybody taught it.
    Evaluate(EvaluateArgs),
}

#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// Wanted mail to train with: a folder of messages, a Maildir, an mbox
    #[arg(long, value_name = "DIR", requires = "train_spam")]
    pub(crate) train_ham: Vec<PathBuf>,
    /// Spam to train with
    #[arg(long, value_name = "DIR", requires = "train_ham")]
    pub(crate) train_spam: Vec<PathBuf>,
    /// Wanted mail to score
    #[arg(long, value_name = "DIR", required = true)]
    pub(crate) test_ham: Vec<PathBuf>,
    /// Spam to score
    #[arg(long, value_name = "DIR", required = true)]
    pub(crate) test_spam: Vec<PathBuf>,
    /// Write a line for each message here: label, score and path, with tabs between
    #[arg(long, value_name = "FILE")]
    pub(crate) scores: Option<PathBuf>,
    /// Configuration file, for rules and scores [default: /etc/quaranta/quaranta.toml, where it exists]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Answer with one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) fn run(command: Learning) -> anyhow::Result<ExitCode> {
    match command {
        Learning::Evaluate(args) => evaluate::run(&args),
    }
}

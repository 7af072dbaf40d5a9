//! Commands about the learner: measure what the filter would do, teach it, look at its lessons.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::args::Common;
use super::corpus::{bulk, each_mail, interleaved};
use super::{ask, evaluate, lessons, say, show, tell};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::control::{self, Request};
use crate::inspect::{Bulk, PASSES, Which};
use crate::record::Lore;

#[derive(Debug, Subcommand)]
pub(crate) enum Learning {
    /// Measure what the filter would do with mail that is sorted already
    ///
    /// Trains a model in memory, messages of both kinds interleaved in the order of their
    /// names, and scores the test mail with all local checks: nothing is asked of the network,
    /// and the installation is not touched. Without --train-ham and --train-spam it
    /// measures the filter as it is before anybody taught it.
    Evaluate(EvaluateArgs),
    /// Teach the running daemon mail that is sorted already, for everybody
    ///
    /// Give both kinds at once where you have them: they are learned interleaved, in several
    /// passes. What is learned can be taken back with `quaranta lessons undo`.
    Train(TrainArgs),
    /// What the filter was taught, by whom, and taking it back
    #[command(subcommand)]
    Lessons(OnLessons),
}

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// Spam: a folder of messages, a Maildir, an mbox, a message
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(crate) spam: Vec<PathBuf>,
    /// Wanted mail
    #[arg(long, value_name = "PATH", num_args = 1.., required_unless_present = "spam")]
    pub(crate) ham: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OnLessons {
    /// List lessons that can be taken back, the newest first
    List {
        #[command(flatten)]
        which: WhichArgs,
        /// At most this many
        #[arg(long, short = 'n', default_value_t = 50)]
        most: usize,
        #[command(flatten)]
        common: Common,
    },
    /// Write all that was learned to a file, while the daemon runs
    ///
    /// The file holds every lesson, so that any can still be taken back where it is imported, and the
    /// addresses of those who taught: keep it as you keep mail.
    Export {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        common: Common,
    },
    /// Put what was exported in the place of all that was learned
    ///
    /// Whole or not at all: a file that is damaged, cut off or of another version is refused. What
    /// people taught since the export is learned anew, as far as the mail is still kept.
    Import {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        common: Common,
    },
    /// Take lessons back: the filter is as if they had never been
    #[command(group(clap::ArgGroup::new("meant").required(true).multiple(true).args(["numbers", "by", "on", "since"])))]
    Undo {
        #[command(flatten)]
        which: WhichArgs,
        #[command(flatten)]
        common: Common,
    },
}

/// Which lessons: all that is given must hold.
#[derive(Debug, Args)]
pub(crate) struct WhichArgs {
    /// These numbers
    #[arg(id = "numbers", value_name = "NUMBER")]
    numbers: Vec<u64>,
    /// Taught by this one: a login, or the name that the list shows
    #[arg(long, id = "by", value_name = "WHO")]
    by: Option<String>,
    /// Taught on this day (UTC), such as 2026-11-21
    #[arg(long, id = "on", value_name = "DATE", conflicts_with = "since")]
    on: Option<jiff::civil::Date>,
    /// Taught on this day (UTC) or later
    #[arg(long, id = "since", value_name = "DATE")]
    since: Option<jiff::civil::Date>,
}

impl WhichArgs {
    fn which(&self) -> Which {
        let start = |date: jiff::civil::Date| {
            let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
            u64::try_from(zoned.timestamp().as_millisecond())
                .ok()
                .map(Timestamp)
        };
        let first = self.on.or(self.since).and_then(start);
        Which {
            numbers: self.numbers.clone(),
            who: self.by.clone(),
            since: first,
            before: self.on.and(first).map(|first| first.after_days(1)),
        }
    }
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
        Learning::Train(args) => train(&args),
        Learning::Lessons(OnLessons::List {
            which,
            most,
            common,
        }) => {
            let which = which.which();
            tell(&common, &Request::Lessons { which, most }, list)
        }
        Learning::Lessons(OnLessons::Export { file, common }) => lessons::export(&common, &file),
        Learning::Lessons(OnLessons::Import { file, common }) => lessons::import(&common, &file),
        Learning::Lessons(OnLessons::Undo { which, common }) => {
            let which = which.which();
            tell(&common, &Request::LessonsUndo { which }, |answer| {
                format!("{} lessons were taken back\n", answer["undone"])
            })
        }
    }
}

fn list(answer: &Value) -> String {
    let mut text = String::new();
    for lesson in answer.as_array().into_iter().flatten() {
        let at = lesson["at"].as_u64().map(|at| Timestamp(at).utc());
        let at = at.map(|at| at.strftime("%Y-%m-%d %H:%M").to_string());
        text.push_str(&format!(
            "{:>8}  {}  {:<4}  {:<30}  {:<30}  {}\n",
            lesson["number"],
            at.unwrap_or_default(),
            show::text(lesson, "lore"),
            show::text(lesson, "who"),
            show::text(lesson, "scope"),
            show::text(lesson, "mail"),
        ));
    }
    text
}

/// Reads the mail, then teaches it in batches and passes.
fn train(args: &TrainArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(args.common.config.as_deref())?;
    let text_most = config.inspect.text_most.get();
    let mut kinds: Vec<Vec<Bulk>> = Vec::new();
    let mut no_mail = 0;
    for (lore, paths, what) in [
        (Lore::Ham, &args.ham, "reading wanted mail"),
        (Lore::Spam, &args.spam, "reading spam"),
    ] {
        let mut progress = Progress::new(what, None);
        let mut all = Vec::new();
        no_mail += each_mail(paths, false, |_, mail| {
            all.extend(bulk(&mail, lore, text_most));
            progress.step(1);
        })?;
        kinds.push(all);
    }
    let (ham, spam) = (kinds[0].len(), kinds[1].len());
    let spams = kinds.pop().unwrap_or_default();
    let all = interleaved(kinds.pop().unwrap_or_default(), spams);
    let mut progress = Progress::new("learning", Some(all.len() * PASSES as usize));
    for _ in 0..PASSES {
        for mails in batches(&all) {
            ask(
                &args.common,
                &Request::Train {
                    mails: mails.to_vec(),
                },
            )?;
            progress.step(mails.len());
        }
    }
    drop(progress);
    say(&if args.common.json {
        format!(
            "{}\n",
            json!({ "ham": ham, "spam": spam, "no_mail": no_mail })
        )
    } else {
        let passed = match no_mail {
            0 => String::new(),
            some => {
                format!("; {some} files or messages were passed over, because they are no mail")
            }
        };
        format!("learned {ham} wanted messages and {spam} spams{passed}\n")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Runs of mails that fit into one request each.
fn batches(all: &[Bulk]) -> impl Iterator<Item = &[Bulk]> {
    // base64 makes four of three; the rest is for ids and punctuation.
    let most = control::REQUEST_LONGEST as usize / 2;
    let mut rest = all;
    std::iter::from_fn(move || {
        let mut octets = 0;
        let fits = rest.iter().take_while(|bulk| {
            octets += bulk.vector.len() + 100;
            octets <= most
        });
        let count = fits.count().max(1).min(rest.len());
        let (batch, after) = rest.split_at(count);
        rest = after;
        (!batch.is_empty()).then_some(batch)
    })
}

/// How far something is, on a terminal.
struct Progress {
    what: &'static str,
    whole: Option<usize>,
    done: usize,
    shown: bool,
}

impl Progress {
    /// Steps between two looks at the bar.
    const EVERY: usize = 100;
    const WIDTH: usize = 40;

    fn new(what: &'static str, whole: Option<usize>) -> Self {
        let shown = std::io::stderr().is_terminal();
        Self {
            what,
            whole,
            done: 0,
            shown,
        }
    }

    fn step(&mut self, by: usize) {
        let before = self.done / Self::EVERY;
        self.done += by;
        if self.shown && self.done / Self::EVERY > before {
            let bar = self.whole.map_or(String::new(), |whole| {
                let full = (self.done * Self::WIDTH / whole.max(1)).min(Self::WIDTH);
                format!("[{}{}] ", "#".repeat(full), " ".repeat(Self::WIDTH - full))
            });
            let _gone = write!(std::io::stderr(), "\r{} {bar}{}", self.what, self.done);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown && self.done >= Self::EVERY {
            let _gone = writeln!(std::io::stderr());
        }
    }
}

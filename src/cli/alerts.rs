//! `quaranta alerts`: what goes wrong now, and whether alerts arrive.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::Value;

use super::args::Common;
use super::{ask, say, show, tell};
use crate::control::Request;

#[derive(Debug, Subcommand)]
pub(crate) enum OnAlerts {
    /// List what is wrong now, the oldest first
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Send a test by every way: letters, webhook, program
    Test {
        #[command(flatten)]
        common: Common,
    },
}

pub(super) fn run(command: OnAlerts) -> anyhow::Result<ExitCode> {
    match command {
        OnAlerts::List { common } => tell(&common, &Request::AlertList, open),
        OnAlerts::Test { common } => test(&common),
    }
}

/// The exit code says whether it went by all ways.
fn test(common: &Common) -> anyhow::Result<ExitCode> {
    let answer = ask(common, &Request::AlertTest)?;
    let ways: Vec<&Value> = answer.as_array().into_iter().flatten().collect();
    let text = if common.json {
        format!("{answer}\n")
    } else if ways.is_empty() {
        "no way is set: see [alerts] in the configuration\n".to_owned()
    } else {
        let row = |way: &&Value| {
            let why = show::text(way, "failed");
            let came = if why.is_empty() { "sent" } else { &why };
            vec![show::text(way, "way"), show::cell(came, 100)]
        };
        let rows: Vec<Vec<String>> = ways.iter().map(row).collect();
        show::table(&["WAY", "RESULT"], &rows)
    };
    say(&text)?;
    let good = !ways.is_empty() && ways.iter().all(|way| way["failed"].is_null());
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn open(answer: &Value) -> String {
    let row = |alert: &Value| {
        vec![
            show::text(alert, "kind"),
            show::cell(&show::text(alert, "subject"), 40),
            show::time(alert, "since"),
            show::cell(&show::text(alert, "words"), 160),
        ]
    };
    let rows: Vec<Vec<String>> = answer.as_array().into_iter().flatten().map(row).collect();
    if rows.is_empty() {
        return "nothing is wrong\n".to_owned();
    }
    show::table(&["ALERT", "ABOUT", "SINCE", "WHAT"], &rows)
}

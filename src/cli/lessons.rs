//! `quaranta lessons export` and `import`: all that the filter learned, as one file.

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::args::Common;
use super::{ask, say};
use crate::control::{PIECE, Request};
use crate::inspect::{Export, check_export};

/// Asks for the lessons piece by piece, and puts them together.
pub(super) fn export(common: &Common, to: &Path) -> anyhow::Result<ExitCode> {
    let failed = || format!("cannot write {}", to.display());
    let mut export = Export::begin(to).with_context(failed)?;
    let mut at = 0;
    // What is learned meanwhile comes after the length that was said first.
    let mut first: Option<(Value, u64)> = None;
    loop {
        let answer = ask(common, &Request::LessonsExport { at })?;
        let said = (
            answer["mark"].clone(),
            answer["length"].as_u64().unwrap_or(0),
        );
        let (mark, length) = first.get_or_insert(said.clone());
        if *mark != said.0 {
            bail!("the lessons were written anew meanwhile; ask again");
        }
        let text = answer["octets"].as_str().unwrap_or_default();
        let mut octets = STANDARD
            .decode(text)
            .context("the daemon's answer is damaged")?;
        let left = length.saturating_sub(at);
        octets.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        if octets.is_empty() && left > 0 {
            bail!("the daemon sent less than it has");
        }
        export.add(&octets).with_context(failed)?;
        at += octets.len() as u64;
        if at >= *length {
            break;
        }
    }
    let held = export.end().with_context(failed)?;
    done(common, &json!(held), "exported")
}

/// Looks whether the file is sound, sends it, and has it put in the place of what was learned.
pub(super) fn import(common: &Common, from: &Path) -> anyhow::Result<ExitCode> {
    check_export(from)?;
    let mut file = std::fs::File::open(from)?;
    let mut at = 0;
    loop {
        let mut octets = Vec::new();
        (&mut file).take(PIECE).read_to_end(&mut octets)?;
        if octets.is_empty() {
            break;
        }
        let sent = Request::LessonsSend {
            at,
            octets: STANDARD.encode(&octets),
        };
        ask(common, &sent)?;
        at += octets.len() as u64;
    }
    let held = ask(common, &Request::LessonsImport)?;
    done(
        common,
        &held,
        "imported, in the place of all that were there",
    )
}

fn done(common: &Common, held: &Value, what: &str) -> anyhow::Result<ExitCode> {
    say(&if common.json {
        format!("{held}\n")
    } else {
        let (lessons, octets) = (&held["lessons"], &held["octets"]);
        format!("{lessons} lessons, {octets} octets {what}\n")
    })?;
    Ok(ExitCode::SUCCESS)
}

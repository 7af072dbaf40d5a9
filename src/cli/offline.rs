//! Commands that need no daemon: check the configuration, look after the store, write the documentation.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::CommandFactory as _;

use super::args::{Cli, Docs, OnStore};
use super::say;
use crate::clock::Clock;
use crate::config::{self, Config, DEFAULT_PATH};
use crate::inspect::StandardPanel;
use crate::net::dns::Dns;
use crate::net::tls_client::ClientTls;
use crate::notify::{Forms, Webhook};
use crate::store::on_sled;

/// Reads the configuration and says what holds.
pub(super) fn check_config(path: Option<PathBuf>, example: bool) -> anyhow::Result<ExitCode> {
    if example {
        say(&config::example())?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = Config::load(path.as_deref())?;
    let path = path.unwrap_or_else(|| PathBuf::from(DEFAULT_PATH));
    if !path.exists() {
        say(&format!(
            "{} is not there: the defaults hold\n",
            path.display()
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    let dns = Arc::new(Dns::open(&config.dns).context("[dns] servers")?);
    StandardPanel::open(&config.inspect, dns, Clock::system())?;
    check_files(&config)?;
    let default = toml_of(&Config::default())?;
    let set: Vec<String> = toml_of(&config)?
        .into_iter()
        .filter(|line| !default.contains(line))
        .collect();
    say(&format!("{}: good\n", path.display()))?;
    for line in set {
        say(&format!("  {line}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads what the daemon would read at its start: templates and keys of letters.
fn check_files(config: &Config) -> anyhow::Result<()> {
    let clock = Clock::system();
    Forms::open(config.letters.templates.as_deref()).context("[letters] templates")?;
    let key = config.letters.key(&config.hostname(), clock.now());
    key.map_err(anyhow::Error::msg)?;
    let challenge = config.challenge.letter();
    challenge
        .map_err(anyhow::Error::msg)
        .context("[challenge]")?;
    let pages = config.challenge.pages(config.web.url.as_deref());
    pages.map_err(anyhow::Error::msg).context("[challenge]")?;
    let tls = ClientTls::new(config.relay.ca_file.as_deref())?;
    Webhook::open(&config.alerts, tls, clock).map_err(anyhow::Error::msg)?;
    Ok(())
}

/// Every option as `[section] option = value`.
fn toml_of(config: &Config) -> anyhow::Result<Vec<String>> {
    let tree = serde_json::to_value(config)?;
    let mut lines = Vec::new();
    for (section, options) in tree.as_object().context("sections")? {
        for (option, value) in options.as_object().context("options")? {
            lines.push(format!("[{section}] {option} = {value}"));
        }
    }
    Ok(lines)
}

/// Looks after the store in the data directory.
pub(super) fn store(command: &OnStore) -> anyhow::Result<ExitCode> {
    let (OnStore::Verify { common } | OnStore::Rebuild { common } | OnStore::Stats { common }) =
        command;
    let config = Config::load(common.config.as_deref())?;
    crate::daemon::start_log(&config)?;
    let dir = common
        .dir
        .clone()
        .unwrap_or_else(|| config.server.data_dir.clone())
        .join("store");
    if let OnStore::Verify { .. } = command {
        let found = on_sled::verify(&dir)?;
        let rows = [
            ("files", found.segments),
            ("sound records", found.records),
            ("octets in them", found.octets),
            ("damaged stretches", found.damages),
            ("damaged octets", found.damaged),
            ("parts of the log of all mail", found.parts),
            ("damaged parts", found.damaged_parts),
        ];
        say(&numbers(common.json, &rows))?;
        return Ok(if found.damages == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    let stats = match command {
        OnStore::Rebuild { .. } => on_sled::rebuild(&dir, &config.store)?,
        _ => on_sled::stats(&dir, &config.store)?,
    };
    let rows = [
        ("mails", stats.mails),
        ("entries", stats.entries),
        ("owed deliveries", stats.jobs),
        ("lessons", stats.lessons),
        ("lines of the log of all mail", stats.events),
        ("settings", stats.settings),
        ("highest uid", stats.last_uid),
        ("files", stats.segments),
        ("octets in them", stats.log),
        ("octets in them that are needed", stats.live),
        ("octets of the index", stats.index),
        ("parts of the log of all mail", stats.parts),
        ("octets in those parts", stats.parts_size),
    ];
    say(&numbers(common.json, &rows))?;
    Ok(ExitCode::SUCCESS)
}

fn numbers(as_json: bool, rows: &[(&str, u64)]) -> String {
    if as_json {
        let members: serde_json::Map<String, serde_json::Value> = rows
            .iter()
            .map(|(name, n)| (name.replace(' ', "_"), (*n).into()))
            .collect();
        return format!("{}\n", serde_json::Value::Object(members));
    }
    rows.iter()
        .map(|(name, n)| format!("{name:<32} {n}\n"))
        .collect()
}

/// Writes man pages, or prints completion.
pub(super) fn docs(command: Docs) -> anyhow::Result<ExitCode> {
    match command {
        Docs::Man { dir } => {
            std::fs::create_dir_all(&dir)?;
            let write = |name: &str, text: &[u8]| {
                let path = dir.join(name);
                std::fs::write(&path, text)
                    .with_context(|| format!("cannot write {}", path.display()))
            };
            write("quaranta.1", &super::man_page()?)?;
            write("quaranta.toml.5", config::man_page().as_bytes())?;
        }
        Docs::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "quaranta", &mut script);
            say(&String::from_utf8_lossy(&script))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

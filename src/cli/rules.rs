//! The command `rules`: what the rules make of a message, without a daemon.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::json;

use super::say;
use super::show::misleads;
use crate::clock::Clock;
use crate::config::Config;
use crate::inspect::StandardPanel;
use crate::mail::{Address, BodyType, Direction, Envelope, Peer, headers};
use crate::net::dns::Dns;

/// Octets of one message that are read.
const MESSAGE_MOST: u64 = 64 << 20;

#[derive(Debug, Subcommand)]
pub(crate) enum OnRules {
    /// Show which rules fire on messages, on what, and why; nothing is asked of the network
    Test(TestArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Messages as files; - for standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The reverse path [default: that of the Return-Path field, or the author]
    #[arg(long, value_name = "ADDRESS")]
    from: Option<Address>,
    /// A recipient
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<Address>,
    /// The address of the client
    #[arg(long, value_name = "IP", default_value = "192.0.2.1")]
    client: std::net::IpAddr,
    /// What the client says in EHLO
    #[arg(long, default_value = "mail.example.net")]
    helo: String,
    /// Configuration file [default: /etc/quaranta/quaranta.toml, where it exists]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Answer in JSON, a line for each message
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(command: &OnRules) -> anyhow::Result<ExitCode> {
    let OnRules::Test(args) = command;
    let config = Config::load(args.config.as_deref())?;
    let dns = Arc::new(Dns::off("not asked here"));
    let panel = StandardPanel::open(&config.inspect, dns, Clock::system())?;
    let mut peer = Peer::new(args.client);
    peer.helo.clone_from(&args.helo);
    peer.esmtp = true;
    let mut envelope = Envelope {
        peer,
        direction: Direction::Inbound,
        from: args.from.clone(),
        to: args.to.clone(),
        body: BodyType::EightBitMime,
        smtputf8: false,
    };
    for path in &args.files {
        let message = read(path).with_context(|| path.display().to_string())?;
        if args.from.is_none() {
            envelope.from = sender(&message);
        }
        let mut fired = panel.explain(&message, &envelope);
        fired.sort_by(|a, b| b.score.abs().total_cmp(&a.score.abs()));
        let sum: f32 = fired.iter().map(|rule| rule.score).sum();
        if args.json {
            let rules: Vec<_> = fired
                .iter()
                .map(|rule| {
                    json!({"name": rule.name, "score": rule.score,
                        "description": rule.description, "matched": rule.matched})
                })
                .collect();
            let line = json!({"file": path, "score": sum, "rules": rules});
            say(&format!("{line}\n"))?;
            continue;
        }
        say(&format!("{}: {sum:.1}\n", path.display()))?;
        for rule in &fired {
            let matched = rule.matched.as_deref().unwrap_or_default();
            let matched: String = matched.chars().filter(|c| !misleads(*c)).collect();
            let on = if matched.is_empty() {
                String::new()
            } else {
                format!("\n          on: {matched}")
            };
            let words = &rule.description;
            say(&format!(
                "  {:>6.1}  {}  {words}{on}\n",
                rule.score, rule.name
            ))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Who sent it, as far as the message tells.
fn sender(message: &[u8]) -> Option<Address> {
    let field =
        headers::first(message, "Return-Path").or_else(|| headers::first(message, "From"))?;
    let text = field.text();
    let address = match text.rsplit_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or_default(),
        None => text.trim(),
    };
    address.parse().ok()
}

/// The message with CRLF line ends, as the door would have it.
fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut octets = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin()
            .take(MESSAGE_MOST)
            .read_to_end(&mut octets)?;
    } else {
        std::fs::File::open(path)?
            .take(MESSAGE_MOST)
            .read_to_end(&mut octets)?;
    }
    let mut message = Vec::with_capacity(octets.len() + octets.len() / 32);
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        message.extend_from_slice(bare.strip_suffix(b"\r").unwrap_or(bare));
        message.extend_from_slice(b"\r\n");
    }
    Ok(message)
}

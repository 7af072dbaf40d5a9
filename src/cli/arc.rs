//! `quaranta keys arc`: the keys with which domains seal mail that we changed (RFC 8617).

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use serde_json::Value;

use super::args::Common;
use super::{show, tell};
use crate::control::{Pem, Request};
use crate::mail::Domain;
use crate::token::{Algorithm, Selector};

/// Largest file with a key, in octets.
const FILE_MOST: u64 = 64 << 10;

#[derive(Debug, Subcommand)]
pub(crate) enum OnArc {
    /// Give a domain a key, made or read, and print the DNS record to publish
    Add {
        domain: Domain,
        /// Where the key is published: SELECTOR._domainkey.DOMAIN
        #[arg(long)]
        selector: Selector,
        /// A private key in PEM, RSA or Ed25519 [default: a new RSA key of 2048 bits]
        #[arg(long, value_name = "PEM")]
        key_file: Option<PathBuf>,
        /// Make an Ed25519 key; many verifiers do not know it
        #[arg(long, conflicts_with = "key_file")]
        ed25519: bool,
        #[command(flatten)]
        common: Common,
    },
    /// List keys, with the DNS records to publish
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Remove the key of a domain
    Remove {
        domain: Domain,
        #[command(flatten)]
        common: Common,
    },
}

pub(super) fn run(command: OnArc) -> anyhow::Result<ExitCode> {
    match command {
        OnArc::Add {
            domain,
            selector,
            key_file,
            ed25519,
            common,
        } => {
            let pem = key_file.as_deref().map(read).transpose()?;
            let algorithm = if ed25519 {
                Algorithm::Ed25519
            } else {
                Algorithm::Rsa
            };
            let request = Request::ArcKeyAdd {
                domain,
                selector,
                pem,
                algorithm,
            };
            tell(&common, &request, |key| {
                format!("Publish this record:\n\n{}", record(key))
            })
        }
        OnArc::List { common } => tell(&common, &Request::ArcKeyList, list),
        OnArc::Remove { domain, common } => {
            let request = Request::ArcKeyRemove {
                domain: domain.clone(),
            };
            tell(&common, &request, |_| {
                format!("the key of {domain} was removed\n")
            })
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Pem> {
    let mut text = String::new();
    let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
    file.take(FILE_MOST + 1)
        .read_to_string(&mut text)
        .with_context(|| path.display().to_string())?;
    if text.len() as u64 > FILE_MOST {
        bail!("{} is too large for a key", path.display());
    }
    Ok(Pem(text))
}

fn list(answer: &Value) -> String {
    let keys = answer.as_array().map_or(&[][..], Vec::as_slice);
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|key| {
            let of = |name| show::text(key, name);
            vec![
                of("domain"),
                of("selector"),
                of("algorithm"),
                show::time(key, "made"),
            ]
        })
        .collect();
    let mut text = show::table(&["DOMAIN", "SELECTOR", "KEY", "MADE"], &rows);
    for key in keys {
        text.push('\n');
        text.push_str(&record(key));
    }
    text
}

/// As a line of a zone file; the strings of a TXT record have 255 octets at most.
fn record(key: &Value) -> String {
    let text = show::text(key, "record");
    let pieces: Vec<String> = text
        .as_bytes()
        .chunks(255)
        .map(|piece| format!("\"{}\"", String::from_utf8_lossy(piece)))
        .collect();
    format!(
        "{}. IN TXT ( {} )\n",
        show::text(key, "name"),
        pieces.join(" ")
    )
}

//! `quaranta digest`: a digest of held mail, sent now.

use std::process::ExitCode;

use clap::Subcommand;

use super::args::Common;
use super::tell;
use crate::control::Request;
use crate::mail::Address;

#[derive(Debug, Subcommand)]
pub(crate) enum OnDigest {
    /// Send a digest of all that is held for an address, once in ten minutes at most
    Send {
        address: Address,
        #[command(flatten)]
        common: Common,
    },
}

pub(super) fn run(command: OnDigest) -> anyhow::Result<ExitCode> {
    let OnDigest::Send { address, common } = command;
    let request = Request::DigestSend {
        address: address.clone(),
    };
    tell(&common, &request, |_| {
        format!("a digest goes to {address}\n")
    })
}

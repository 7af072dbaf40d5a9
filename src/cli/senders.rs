//! `quaranta senders`: who may not send, and until when.

use std::process::ExitCode;

use serde_json::Value;

use super::args::OnSenders;
use super::{show, tell};
use crate::control::Request;

pub(super) fn run(command: OnSenders) -> anyhow::Result<ExitCode> {
    match command {
        OnSenders::List { common } => tell(&common, &Request::SenderList, table),
        OnSenders::Unlock { sender, common } => {
            let request = Request::SenderUnlock {
                sender: sender.clone(),
            };
            tell(&common, &request, |_| {
                format!("sender {sender} may send again\n")
            })
        }
        OnSenders::Lock {
            sender,
            why,
            common,
        } => {
            let request = Request::SenderLock {
                sender: sender.clone(),
                why,
            };
            tell(&common, &request, |_| {
                format!("sender {sender} is locked\n")
            })
        }
    }
}

fn table(answer: &Value) -> String {
    let rows: Vec<Vec<String>> = answer
        .as_array()
        .into_iter()
        .flatten()
        .map(|lock| {
            vec![
                show::text(lock, "sender"),
                show::time(lock, "since"),
                show::cell(&show::text(lock, "by"), 40),
                show::cell(&show::text(lock, "why"), 100),
            ]
        })
        .collect();
    show::table(&["LOCKED SENDER", "SINCE", "BY", "WHY"], &rows)
}

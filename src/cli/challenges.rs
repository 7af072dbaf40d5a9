//! `quaranta challenges`: which senders were asked to show that somebody is there.

use std::process::ExitCode;

use serde_json::Value;

use super::args::OnChallenges;
use super::{show, tell};
use crate::control::Request;

pub(super) fn run(command: &OnChallenges) -> anyhow::Result<ExitCode> {
    let OnChallenges::List {
        scope,
        most,
        common,
    } = command;
    let request = Request::ChallengeList {
        scope: scope.clone(),
        most: *most,
    };
    tell(common, &request, table)
}

fn table(answer: &Value) -> String {
    let row = |one: &Value| {
        let state = match one.get("answered") {
            None | Some(Value::Null) => format!("open until {}", show::time(one, "expires")),
            Some(_) => format!("answered {}", show::time(one, "answered")),
        };
        vec![
            show::cell(&show::text(one, "recipient"), 40),
            show::cell(&show::text(one, "sender"), 40),
            show::time(one, "made"),
            state,
            show::text(one, "tries"),
        ]
    };
    let rows: Vec<Vec<String>> = answer.as_array().into_iter().flatten().map(row).collect();
    show::table(
        &["RECIPIENT", "ASKED SENDER", "ON", "STATE", "FAILED"],
        &rows,
    )
}

//! schemathesis (PyPI) holds the API to its own document.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::quaranta::Quaranta;
use crate::{GTUBE, folder, message, swaks};

/// Seconds for all of it.
const TIME: &str = "300";

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn must(command: &mut Command, what: &str) {
    let output = command.output().expect("it runs");
    let (said, wrong) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{what}\n{said}\n{wrong}");
}

/// schemathesis as tests/peers/schemathesis.txt pins it, in a folder of its own below target.
fn schemathesis() -> PathBuf {
    let pins = here().join("tests/peers/schemathesis.txt");
    let text = std::fs::read_to_string(&pins).expect("pins");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let dir = target.join("schemathesis");
    let done = dir.join("done");
    if std::fs::read_to_string(&done).ok().as_ref() != Some(&text) {
        let mut venv = Command::new("python3");
        let venv = venv.args(["-m", "venv", "--clear"]).arg(&dir);
        must(venv, "python3-venv is needed: tests/run installs it");
        let mut pip = Command::new(dir.join("bin/pip"));
        let pip = pip.args(["install", "--quiet", "--requirement"]).arg(&pins);
        must(
            pip,
            "schemathesis is needed, and PyPI must be reachable for that",
        );
        std::fs::write(&done, &text).expect("a file");
    }
    dir.join("bin/schemathesis")
}

#[test]
fn se17_the_api_keeps_to_its_document() {
    let program = schemathesis();
    let dir = folder();
    let demo = Quaranta::demo(dir.path());
    for number in 0..3 {
        let spam = message(&format!("gtube{number}"), GTUBE);
        swaks(demo.smtp, "alice@example.org", &spam, dir.path());
    }
    let output = Command::new("timeout")
        .args([TIME])
        .arg(program)
        .arg("--config-file")
        .arg(here().join("tests/peers/schemathesis.toml"))
        .args(["run", &format!("{}/api/v1/openapi.json", demo.web)])
        .args([
            "--header",
            &format!("Authorization: Bearer {}", demo.api_key),
        ])
        // It does not end, see tests/api.rs.
        .args(["--exclude-path", "/events"])
        .args([
            "--max-examples",
            "3",
            "--seed",
            "17",
            "--no-shrink",
            // Two threads of it stumble over each other in Python's own parser.
            "--workers",
            "1",
        ])
        .args(["--phases", "examples,coverage,fuzzing"])
        .args([
            "--generation-database",
            "none",
            "--output-truncate",
            "false",
        ])
        .current_dir(dir.path())
        .output()
        .expect("timeout runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{wrong}");
}

//! The panel in a real browser: Debian's Chromium, driven by playwright-core.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::quaranta::Quaranta;
use crate::wait::until;
use crate::{GTUBE, folder};

/// Sends a message that is caught.
fn caught(demo: &Quaranta, to: &str, subject: &str) {
    let body = format!(
        "<html><body><p>Hello from the preview.</p><p>{GTUBE}</p><script>alert(1)</script></body></html>"
    );
    let output = Command::new("swaks")
        .args(["--server", "127.0.0.1", "--port", &demo.smtp.to_string()])
        .args(["--from", "eve@spam.example", "--to", to])
        .args(["--header", &format!("Subject: {subject}")])
        .args(["--add-header", "MIME-Version: 1.0"])
        .args(["--add-header", "Content-Type: text/html; charset=utf-8"])
        .args(["--body", &body])
        .output()
        .expect("swaks runs");
    assert!(!output.status.success(), "the message was not refused");
}

/// SE-14, SE-15, SE-16, XX-12: every role signs in, searches and acts; a release arrives at the
/// destination; others' mail is not there; forged forms do nothing; axe-core finds nothing serious.
#[test]
fn se_14_se_15_xx_12_people_use_the_panel() {
    let dir = folder();
    let demo = Quaranta::demo(dir.path());
    for (to, subject) in [
        ("alice@example.org", "Panel one"),
        ("alice@example.org", "Panel two"),
        ("alice@example.org", "Panel three"),
        ("bob@example.org", "Panel for bob"),
    ] {
        caught(&demo, to, subject);
    }
    until("all is caught", || demo.caught("example.org").len() == 4);
    let mut accounts: serde_json::Map<String, Value> = demo
        .accounts
        .iter()
        .map(|(login, password)| (login.clone(), json!(password)))
        .collect();
    for (login, role) in [
        ("carol@example.org", "helpdesk"),
        ("dave@example.org", "auditor"),
    ] {
        let made = demo.must(&["users", "add", login, "--json"]);
        let made: Value = serde_json::from_str(&made).expect("JSON");
        accounts.insert(login.to_owned(), made["password"].clone());
        demo.must(&[
            "accounts",
            "grant",
            login,
            "--role",
            role,
            "--scope",
            "example.org",
        ]);
    }
    let hers = demo.caught("alice@example.org").remove(0);
    let house = json!({
        "web": demo.web,
        "accounts": accounts,
        "delivered": dir.path().join("delivered"),
        "bobs": demo.caught("bob@example.org").remove(0),
        "pages": {
            "alice@example.org": [
                "/quarantine", "/log", "/overview", format!("/entries/{hers}"),
                format!("/entries/{hers}?tab=history"), "/lists", "/policy", "/jobs", "/account",
            ],
            "example.org": ["/people", "/policy", "/audit"],
            "global": [
                "/quarantine", "/log?q=panel", "/overview?range=week", "/lists", "/policy", "/people",
                "/people/account?login=carol@example.org", "/jobs", "/keys", "/api-keys", "/audit",
                "/account/second-factor", "/api/v1/",
            ],
        },
    });
    let file = dir.path().join("house.json");
    std::fs::write(&file, house.to_string()).expect("a file");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/web/panel.mjs");
    let output = Command::new("timeout")
        .args(["400", "node"])
        .arg(script)
        .arg(&file)
        .output()
        .expect("node runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    let faults: Vec<String> =
        serde_json::from_str(&said).unwrap_or_else(|_| panic!("no report: {said}\n{wrong}"));
    assert!(faults.is_empty(), "{faults:#?}");
}

//! Who is told what, with ordinary tools: swaks sends, a drag or a request decides, Postfix carries the
//! letters out, curl follows their links.

use std::path::Path;
use std::process::Command;

use crate::names::{CLIENT, name_server};
use crate::postfix::Postfix;
use crate::quaranta::Quaranta;
use crate::wait::{free_ports, until};
use crate::{GTUBE, curl, folder, imap, swaks_with, uids};

const ALICE: &str = "alice@example.org";

/// The daemon with a panel and a way out by Postfix, alice's account, and example.org at the demo.
pub(crate) struct House {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) there: Quaranta,
    pub(crate) out: Postfix,
    pub(crate) here: Quaranta,
    pub(crate) url: String,
}

pub(crate) fn house() -> House {
    let dir = folder();
    let there = Quaranta::demo(&dir.path().join("there"));
    let out = Postfix::smart_host(&dir.path().join("out"));
    let base = free_ports();
    let url = format!("http://127.0.0.1:{}", base + 4);
    let sections = format!(
        "[smtp]\nlisten = [\"127.0.0.1:{base}\"]\nxclient_from = [\"127.0.0.1\"]\n\
         [dns]\nservers = [\"127.0.0.1:{}\"]\n\
         [web]\nlisten = [\"127.0.0.1:{}\"]\nurl = \"{url}\"\n\
         [outbound]\nlisten = [\"127.0.0.1:{}\"]\nsmart_hosts = [\"127.0.0.1:{}\"]\n",
        name_server(),
        base + 4,
        base + 5,
        out.port,
    );
    let mut here = Quaranta::serve_with(&dir.path().join("here"), base, there.smtp + 1, &sections);
    let added = here.must(&["users", "add", ALICE, "--json"]);
    let added: serde_json::Value = serde_json::from_str(&added).expect("JSON");
    let password = added["password"].as_str().expect("password").to_owned();
    here.accounts.push((ALICE.to_owned(), password));
    House {
        dir,
        there,
        out,
        here,
        url,
    }
}

/// The API with a key.
pub(crate) struct Api {
    url: String,
    key: String,
}

impl Api {
    pub(crate) fn of(daemon: &Quaranta, url: &str, role: &str, scope: &str) -> Self {
        let words = ["api-keys", "add", "test", "--role", role, "--scope", scope];
        let made = daemon.must(&[&words[..], &["--json"]].concat());
        let made: serde_json::Value = serde_json::from_str(&made).expect("JSON");
        let key = made["key"].as_str().expect("a key");
        Self {
            url: format!("{url}/api/v1"),
            key: format!("Authorization: Bearer {key}"),
        }
    }

    /// What it answers to a GET, or to a POST of `body`.
    pub(crate) fn ask(&self, path: &str, body: Option<&str>) -> serde_json::Value {
        let url = format!("{}{path}", self.url);
        let mut words = vec!["-H", &self.key, &url];
        if let Some(body) = body {
            words.extend(["-H", "Content-Type: application/json", "-d", body]);
        }
        let said = curl(&words);
        serde_json::from_str(&said).expect("JSON")
    }

    pub(crate) fn act(&self, id: &str, action: &str) -> serde_json::Value {
        let body = format!("{{\"action\":\"{action}\"}}");
        self.ask(&format!("/entries/{id}/actions"), Some(&body))
    }
}

fn spam(from: &str, to: &str, subject: &str) -> String {
    format!(
        "From: Sender <{from}>\r\nTo: {to}\r\nSubject: {subject}\r\n\
         Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{subject}@remote.test>\r\n\r\n\
         {GTUBE}\r\n"
    )
}

/// The message that `letter` carries along, as Python's parser reads it.
fn attached(letter: &str, dir: &Path) -> String {
    let script = "import email, email.policy, sys\n\
        mail = email.message_from_file(open(sys.argv[1]), policy=email.policy.SMTP)\n\
        found = [p for p in mail.walk() if p.get_content_type() == 'message/rfc822']\n\
        [one] = found\n\
        sys.stdout.write(one.get_content().as_string())\n";
    let file = dir.join("letter");
    std::fs::write(&file, letter).expect("a file");
    let output = Command::new("python3")
        .args(["-c", script])
        .arg(&file)
        .output();
    let output = output.expect("python3 runs");
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{wrong}\n{letter}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// XX-08, SY-05: of two senders of refused mail the one whom SPF vouches for hears that it was delivered
/// after all; what was reported as wrongly held goes to operations as it came.
#[test]
fn xx08_sy05_a_sender_is_told_and_operations_get_a_copy() {
    let House {
        dir,
        there,
        out,
        here,
        ..
    } = house();
    here.must(&[
        "policy",
        "set",
        "example.org",
        "--tell-sender",
        "true",
        "--false-positives-to",
        "ops@remote.test",
    ]);
    for (client, subject) in [("203.0.113.66", "forged"), (CLIENT, "honest")] {
        let how = ["--from", "carol@remote.test", "--xclient"];
        let client = format!("ADDR={client}");
        let mail = spam("carol@remote.test", ALICE, subject);
        let (said, accepted) = swaks_with(
            &[&how[..], &[&client]].concat(),
            here.smtp,
            ALICE,
            &mail,
            dir.path(),
        );
        assert!(!accepted && said.contains("550 5.7.1"), "{said}");
    }
    let caught = uids(&here, ALICE);
    assert_eq!(caught.len(), 2);
    imap(&here, ALICE, &["move", "Caught", &caught[0], "Release"]).expect("the drag");
    until("the forged one is there", || {
        there.delivered(ALICE).len() == 1
    });
    imap(
        &here,
        ALICE,
        &["move", "Caught", &caught[1], "Release & Train"],
    )
    .expect("the drag");
    until("both are there", || there.delivered(ALICE).len() == 2);

    until("carol is told", || !out.delivered("carol").is_empty());
    until("operations have it", || !out.delivered("ops").is_empty());
    let letters = out.delivered("carol");
    assert_eq!(letters.len(), 1, "{letters:#?}");
    let told = &letters[0];
    assert!(told.starts_with("Return-Path: <>\n"), "{told}");
    assert!(told.contains("\nAuto-Submitted: auto-"), "{told}");
    assert!(
        told.contains("honest") && !told.contains("forged"),
        "{told}"
    );
    let letters = out.delivered("ops");
    assert_eq!(letters.len(), 1, "only what was reported: {letters:#?}");
    assert_eq!(
        attached(&letters[0], dir.path()).replace("\r\n", "\n"),
        spam("carol@remote.test", ALICE, "honest").replace("\r\n", "\n")
    );
}

/// XX-12: alice may not send it out, and asks; the page of the letter's link does nothing until its button
/// is pressed, and then alice hears of it.
#[test]
fn xx12_a_request_is_granted_by_the_letters_link() {
    let House {
        dir,
        there,
        out,
        here,
        url,
    } = house();
    here.must(&[
        "policy",
        "set",
        "example.org",
        "--requests-to",
        "ops@remote.test",
    ]);
    let password = here.password(ALICE).to_owned();
    let how = [
        ["--from", ALICE],
        ["--auth-user", ALICE],
        ["--auth-password", &password],
    ];
    let how = [&["-tls", "--auth", "PLAIN"][..], how.as_flattened()].concat();
    let mail = spam(ALICE, "carol@remote.test", "offer");
    let (said, accepted) = swaks_with(&how, here.outbound, "carol@remote.test", &mail, dir.path());
    assert!(!accepted && said.contains("550 5.7.1"), "{said}");

    let api = Api::of(&here, &url, "recipient", ALICE);
    let list = api.ask("/entries?shelf=outgoing", None);
    let id = list["items"][0]["id"].as_str().expect("an entry");
    assert_eq!(api.act(id, "release")["status"], 403);
    api.act(id, "request_release");

    until("the request is there", || !out.delivered("ops").is_empty());
    let letter = out.delivered("ops").remove(0).replace("=\n", "");
    let (_, rest) = letter.split_once("Approve:  ").expect("a link");
    let link = rest.lines().next().expect("a line");
    assert!(link.starts_with(&url), "{letter}");
    for how in [&["--head"][..], &[], &["--head"], &[]] {
        curl(&[how, &[link]].concat());
    }
    let history = || here.must(&["quarantine", "history", id]);
    assert!(!history().contains("released"), "{}", history());
    assert!(out.delivered("carol").is_empty());
    curl(&["--request", "POST", link]);
    until("carol has it", || !out.delivered("carol").is_empty());
    until("alice is told", || !there.delivered(ALICE).is_empty());
    let told = there.delivered(ALICE).remove(0);
    assert!(told.contains("Subject: Your request was granted"), "{told}");
    assert!(!told.contains("way to you"), "it goes to carol: {told}");
}

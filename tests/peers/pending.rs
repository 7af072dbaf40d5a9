//! Pending mail with ordinary tools: swaks sends, Python's imaplib drags, the demo delivers. And what
//! the sender of refused mail does in a browser.

use std::path::Path;
use std::process::Command;

use crate::quaranta::Quaranta;
use crate::wait::until;
use crate::{GTUBE, folder, imap, message, original, swaks};

const ALICE: &str = "alice@pending.example.org";

/// Subjects and uids of what waits, the oldest first.
fn waiting(demo: &Quaranta) -> Vec<(String, String)> {
    let text = imap(demo, ALICE, &["list", "Pending"]).expect("list");
    let line = |line: &str| {
        let (uid, subject) = line.split_once(" Subject: ")?;
        Some((uid.to_owned(), subject.to_owned()))
    };
    text.lines().filter_map(line).collect()
}

#[test]
fn iw01_iw02_iw08_mail_waits_and_a_drag_decides() {
    let dir = folder();
    let demo = Quaranta::demo(dir.path());
    let folders = imap(&demo, ALICE, &["folders"]).expect("folders");
    assert!(folders.contains(" Pending\n"), "{folders}");
    let others = imap(&demo, "alice@example.org", &["folders"]).expect("folders");
    assert!(!others.contains(" Pending\n"), "{others}");

    let daves = message("dave", "hello").replace("<sender@", "<dave@");
    for (subject, mail) in ["", "one", "two", "three"].map(|s| (s, message(s, "hello"))) {
        let mail = if subject.is_empty() { &daves } else { &mail };
        let (said, accepted) = swaks(demo.smtp, ALICE, mail, dir.path());
        assert!(accepted, "{said}");
    }
    let (said, accepted) = swaks(demo.smtp, ALICE, &message("spam", GTUBE), dir.path());
    assert!(!accepted && said.contains("550 5.7.1"), "{said}");
    let mut list = waiting(&demo);
    let subjects: Vec<&str> = list.iter().map(|(_, subject)| subject.as_str()).collect();
    assert_eq!(subjects, ["dave", "one", "two", "three"]);
    assert!(demo.delivered(ALICE).is_empty());
    let shown = demo.must(&["quarantine", "list", ALICE, "--pending"]);
    assert!(shown.contains("4 of 4"), "{shown}");

    // Deliver: that one alone.
    let (uid, _) = list.remove(1);
    imap(&demo, ALICE, &["move", "Pending", &uid, "Release"]).expect("moved");
    until("it is delivered", || demo.delivered(ALICE).len() == 1);
    assert_eq!(original(&demo.delivered(ALICE)[0]), message("one", "hello"));
    assert_eq!(waiting(&demo).len(), 3);

    // Blacklist: Dave is refused from now on.
    let (uid, _) = list.remove(0);
    imap(&demo, ALICE, &["move", "Pending", &uid, "Spam"]).expect("moved");
    let blocked = demo.must(&["lists", "show", ALICE]);
    assert!(blocked.contains("dave@remote.test"), "{blocked}");

    // Authorize: everything of that sender, now and later.
    let (uid, _) = list.remove(0);
    imap(&demo, ALICE, &["move", "Pending", &uid, "Release & Train"]).expect("moved");
    until("both are delivered", || demo.delivered(ALICE).len() == 3);
    assert!(waiting(&demo).is_empty());
    let (said, accepted) = swaks(demo.smtp, ALICE, &message("four", "hello"), dir.path());
    assert!(accepted, "{said}");
    assert_eq!(demo.delivered(ALICE).len(), 4);
}

/// XX-07: the refusal that a sender's server hears names a page; in a browser, without seeing the
/// picture, the sender asks there, and the recipient sees it.
#[test]
fn xx07_a_refused_sender_asks_in_a_browser() {
    let dir = folder();
    let demo = Quaranta::demo(dir.path());
    let (said, accepted) = swaks(demo.smtp, ALICE, &message("spam", GTUBE), dir.path());
    let link = said.split("; see ").nth(1);
    let link = link.and_then(|rest| rest.split_whitespace().next());
    let link = link.filter(|_| !accepted).expect("a link in the refusal");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/web/appeal.mjs");
    let output = Command::new("timeout")
        .args(["300", "node"])
        .arg(script)
        .arg(link)
        .output()
        .expect("node runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "[]", "{wrong}");
    let id = demo.caught(ALICE).remove(0);
    let history = demo.must(&["quarantine", "history", &id]);
    let asked = history.lines().find(|line| line.contains("requested"));
    let asked = asked.expect("a request");
    assert!(asked.contains("sender <sender@remote.test>"), "{asked}");
    assert!(asked.contains("it is our invoice"), "{asked}");
}

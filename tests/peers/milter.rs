//! Postfix and Sendmail in front, with the snippets of `contrib/`: by milter, and by before-queue proxy.

use std::path::Path;
use std::process::Command;

use crate::contrib::snippet;
use crate::postfix::Postfix;
use crate::quaranta::Quaranta;
use crate::sendmail::Sendmail;
use crate::wait::{free_ports, until};
use crate::{GTUBE, folder, message, original, swaks, swaks_with, uids};

const TOKEN: &str = "X-Quaranta-Reinsertion";

/// A message as a destination has it, with the line ends of the wire.
fn on_the_wire(delivered: &str) -> String {
    original(delivered).replace('\n', "\r\n")
}

/// The daemon as a milter, with the ports of the test in the snippet `file`.
fn daemon(dir: &Path, file: &str, base: u16, front: u16, destination: u16, more: &str) -> Quaranta {
    let sections = snippet(
        file,
        &[
            (
                "127.0.0.1:6666\"",
                &format!("127.0.0.1:{}\"{more}", base + 6),
            ),
            ("127.0.0.1:2525", &format!("127.0.0.1:{base}")),
            ("127.0.0.1:25\"", &format!("127.0.0.1:{front}\"")),
        ],
    );
    let daemon = Quaranta::serve_with(dir, base, destination, &sections);
    for login in ["alice@example.org", "bob@example.org"] {
        daemon.must(&["users", "add", login]);
    }
    daemon
}

/// What every mail server with our milter must show. `front` is its port.
fn all_ways_by_milter(front: u16, daemon: &Quaranta, destination: &Postfix, dir: &Path) {
    let clean = message("clean", "hello");
    let (said, accepted) = swaks(front, "alice@example.org", &clean, dir);
    assert!(accepted, "{said}");
    until("alice has it", || destination.delivered("alice").len() == 1);
    let delivered = &destination.delivered("alice")[0];
    assert_eq!(on_the_wire(delivered), clean, "byte-identical");
    assert!(delivered.contains("Authentication-Results: mx.example.org"));
    let ours = delivered.matches("(Quaranta)").count();
    assert_eq!(ours, 0, "the front relay's Received field is enough");

    let spam = message("gtube", GTUBE);
    let both = "alice@example.org,bob@example.org";
    let (said, accepted) = swaks(front, both, &spam, dir);
    assert!(!accepted, "SE-01: {said}");
    assert!(
        said.contains("<** 550 5.7.1 The message looks like spam and was refused; reference "),
        "{said}"
    );
    assert_eq!(uids(daemon, "global").len(), 2, "{}", daemon.must(&["log"]));
    assert_eq!(daemon.caught("alice@example.org").len(), 1);

    // One recipient wants a tag, the other the quarantine, a third is none of ours.
    daemon.must(&["policy", "set", "bob@example.org", "--mode", "tag"]);
    let mixed = message("mixed", GTUBE);
    let three = "alice@example.org,bob@example.org,eve@elsewhere.test";
    let (said, accepted) = swaks(front, three, &mixed, dir);
    assert!(accepted, "{said}");
    until("bob has it", || destination.delivered("bob").len() == 1);
    until("eve has it", || destination.delivered("eve").len() == 1);
    let tagged = &destination.delivered("bob")[0];
    assert!(
        tagged.contains("\nSubject: [SPAM] mixed\n"),
        "SE-03: {tagged}"
    );
    assert!(tagged.contains("X-Spam-Flag: YES\n"), "{tagged}");
    let untagged = on_the_wire(tagged).replace("[SPAM] ", "");
    assert_eq!(untagged, mixed, "only the Subject is changed");
    assert_eq!(daemon.caught("alice@example.org").len(), 2);
    assert_eq!(destination.delivered("alice").len(), 1);

    let (said, accepted) = swaks(front, "eve@elsewhere.test", &spam, dir);
    assert!(accepted, "others' mail is let by: {said}");
    until("eve has it", || destination.delivered("eve").len() == 2);

    release(daemon, destination, &spam);
}

/// Alice's GTUBE is released by way of the front relay.
fn release(daemon: &Quaranta, destination: &Postfix, spam: &str) {
    let rows = daemon.must(&["quarantine", "list", "alice@example.org"]);
    let row = rows.lines().find(|row| row.ends_with(" gtube"));
    let id = row.and_then(|row| row.split(' ').next()).expect("an id");
    let before = destination.delivered("alice").len();
    daemon.must(&["quarantine", "release", id]);
    until("it is written down", || {
        daemon
            .must(&["quarantine", "history", id])
            .contains("delivered  ")
    });
    until("alice has it", || {
        destination.delivered("alice").len() > before
    });
    let all = destination.delivered("alice");
    let mut released = all.iter().filter(|text| text.contains(GTUBE));
    let delivered = released.next().expect("it is there");
    assert_eq!(on_the_wire(delivered), spam, "SY-01: byte-identical");
    assert!(!delivered.contains(TOKEN), "SY-04: {delivered}");
    assert!(delivered.contains("by front.example.org"), "{delivered}");
    assert!(released.next().is_none(), "once");
    assert_eq!(daemon.caught("bob@example.org").len(), 1, "XX-01");
}

#[test]
fn se01_se03_sy04_postfix_with_our_milter() {
    let dir = folder();
    let destination = Postfix::destination(&dir.path().join("destination"));
    let base = free_ports();
    let socket = format!("inet:127.0.0.1:{}", base + 6);
    let front = Postfix::with_milter(&dir.path().join("front"), &socket, destination.port);
    // While nobody answers, nothing comes in.
    let clean = message("early", "hello");
    let (said, accepted) = swaks(front.port, "alice@example.org", &clean, dir.path());
    assert!(!accepted && said.contains("451 4.7.1"), "{said}");
    let home = dir.path().join("quaranta");
    let (port, next) = (front.port, destination.port);
    let daemon = daemon(&home, "postfix/milter.toml", base, port, next, "");
    all_ways_by_milter(front.port, &daemon, &destination, dir.path());
    // Nobody gets around the filter by leaving the domain out.
    let (said, accepted) = swaks(front.port, "alice", &message("short", GTUBE), dir.path());
    assert!(!accepted && said.contains("550 5.7.1"), "{said}");
}

#[test]
fn se01_sy04_postfix_with_our_milter_on_a_unix_socket() {
    let dir = folder();
    let destination = Postfix::destination(&dir.path().join("destination"));
    let base = free_ports();
    let path = dir.path().join("milter.sock");
    let socket = format!("unix:{}", path.display());
    let front = Postfix::with_milter(&dir.path().join("front"), &socket, destination.port);
    let more = format!(", \"{socket}\"]\nsocket_mode = \"0666\"\norigin = \"example.org\"\n#");
    let home = dir.path().join("quaranta");
    let (port, next) = (front.port, destination.port);
    let daemon = daemon(&home, "postfix/milter.toml", base, port, next, &more);
    let spam = message("gtube", GTUBE);
    // Nobody gets around the filter by leaving the domain out.
    for to in ["alice@example.org,bob@example.org", "alice"] {
        let (said, accepted) = swaks(front.port, to, &spam, dir.path());
        assert!(!accepted && said.contains("550 5.7.1"), "{said}");
    }
    assert_eq!(daemon.caught("example.org").len(), 2);
    release(&daemon, &destination, &spam);
    assert!(daemon.terminate().success());
}

#[test]
fn se01_se03_sy04_sendmail_with_our_milter() {
    let dir = folder();
    let destination = Postfix::destination(&dir.path().join("destination"));
    let base = free_ports();
    let front = Sendmail::with_milter(&dir.path().join("front"), base + 6, destination.port);
    let clean = message("early", "hello");
    let (said, accepted) = swaks(front.port, "alice@example.org", &clean, dir.path());
    assert!(!accepted && said.contains("451 4.3.2"), "{said}");
    let home = dir.path().join("quaranta");
    let (port, next) = (front.port, destination.port);
    let daemon = daemon(&home, "sendmail/quaranta.toml", base, port, next, "");
    all_ways_by_milter(front.port, &daemon, &destination, dir.path());
}

#[test]
fn se01_sy01_postfix_with_us_as_before_queue_proxy() {
    let dir = folder();
    let destination = Postfix::destination(&dir.path().join("destination"));
    let base = free_ports();
    let back = base + 7;
    let front_dir = dir.path().join("front");
    let front = Postfix::with_proxy(&front_dir, base, back, destination.port);
    let port = format!("127.0.0.1:{base}");
    let sections = snippet(
        "postfix/before-queue.toml",
        &[("127.0.0.1:2525\"", &(port + "\""))],
    );
    let home = dir.path().join("quaranta");
    let daemon = Quaranta::serve_with(&home, base, back, &sections);
    daemon.must(&["users", "add", "alice@example.org"]);
    let clean = message("clean", "hello");
    let (said, accepted) = swaks(front.port, "alice@example.org", &clean, dir.path());
    assert!(accepted, "{said}");
    until("alice has it", || destination.delivered("alice").len() == 1);
    assert_eq!(on_the_wire(&destination.delivered("alice")[0]), clean);
    let spam = message("gtube", GTUBE);
    let both = "alice@example.org,bob@example.org";
    // As from a client outside: Postfix passes on by XFORWARD who that is.
    let client = ["--xclient", "ADDR=192.0.2.9"];
    let (said, accepted) = swaks_with(&client, front.port, both, &spam, dir.path());
    assert!(
        !accepted && said.contains("550 5.7.1 The message looks like spam"),
        "{said}"
    );
    let ids = daemon.caught("example.org");
    assert_eq!(ids.len(), 2);
    let shown = daemon.must(&["quarantine", "show", &ids[0]]);
    assert!(shown.contains("192.0.2.9"), "{shown}");
    let (said, accepted) = swaks(front.port, "x@other.test", &clean, dir.path());
    assert!(!accepted && said.contains("relaying denied"), "{said}");
    release(&daemon, &destination, &spam);
}

#[test]
fn se01_sy04_miltertest_scripts() {
    let dir = folder();
    let demo = Quaranta::demo(dir.path());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/miltertest");
    let mut count = 0;
    for script in std::fs::read_dir(folder).expect("scripts") {
        let script = script.expect("a script").path();
        let output = Command::new("miltertest")
            .arg("-D")
            .arg(format!("socket=inet:{}@127.0.0.1", demo.milter))
            .arg("-s")
            .arg(&script)
            .output()
            .expect("miltertest runs");
        assert!(
            output.status.success(),
            "{}: {}{}",
            script.display(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        count += 1;
    }
    assert!(count >= 2, "scripts are missing");
    assert_eq!(demo.caught("alice@example.org").len(), 1);
}

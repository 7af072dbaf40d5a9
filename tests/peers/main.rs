//! The product as its users meet it: the real binary with real mail servers and clients, on loopback.

mod arc;
mod challenge;
mod contrib;
mod digest;
mod each;
mod exim;
mod kill;
mod learning;
mod milter;
mod names;
mod notices;
mod outbound;
mod panel;
mod pending;
mod postfix;
mod programs;
mod quaranta;
mod scanners;
mod schemathesis;
mod sendmail;
mod users;
mod wait;

use std::path::Path;
use std::process::Command;

use postfix::Postfix;
use quaranta::Quaranta;
use wait::{free_ports, until};

const GTUBE: &str = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";

/// A folder that other users may look into, because mail servers drop their rights.
fn folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).expect("rights");
    dir
}

fn message(subject: &str, body: &str) -> String {
    format!(
        "From: Sender <sender@remote.test>\r\nTo: someone@example.org\r\nSubject: {subject}\r\n\
         Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{subject}@remote.test>\r\n\
         X-Odd:   spaces \t and a fold\r\n\there\r\n\r\n{body}\r\n.leading dot\r\n..two\r\n\r\nlast line\r\n"
    )
}

/// Sends with swaks; returns the transcript and whether it was accepted.
fn swaks(port: u16, to: &str, message: &str, dir: &Path) -> (String, bool) {
    swaks_with(&[], port, to, message, dir)
}

/// The same with more options.
fn swaks_with(more: &[&str], port: u16, to: &str, message: &str, dir: &Path) -> (String, bool) {
    let file = dir.join("swaks-data");
    // swaks makes CRLF itself, also at the end.
    let text = message.replace("\r\n", "\n");
    std::fs::write(&file, text.strip_suffix('\n').unwrap_or(&text)).expect("a file");
    let output = Command::new("swaks")
        .args([
            "--server",
            &format!("127.0.0.1:{port}"),
            "--from",
            "sender@remote.test",
            "--to",
            to,
        ])
        .args(more)
        .args(["--helo", "remote.test", "--data"])
        .arg(format!("@{}", file.display()))
        .output()
        .expect("swaks runs");
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        output.status.success(),
    )
}

/// What curl prints.
fn curl(args: &[&str]) -> String {
    let output = Command::new("curl").args(["-sS"]).args(args).output();
    String::from_utf8_lossy(&output.expect("curl runs").stdout).into_owned()
}

fn imap(daemon: &Quaranta, login: &str, args: &[&str]) -> Result<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/imap.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(daemon.imaps.to_string())
        .arg(daemon.dir.join("ca.pem"))
        .args([login, daemon.password(login)])
        .args(args)
        .output()
        .expect("python3 runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        Err(text + &String::from_utf8_lossy(&output.stderr))
    }
}

/// Uids of what `login` sees in Caught.
fn uids(daemon: &Quaranta, login: &str) -> Vec<String> {
    let text = imap(daemon, login, &["list", "Caught"]).expect("list");
    text.lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

/// The original below the fields that were added on the way.
fn original(delivered: &str) -> &str {
    delivered
        .find("From: Sender")
        .map_or("", |at| &delivered[at..])
}

#[test]
fn se01_se10_the_main_job_with_ordinary_tools() {
    let dir = folder();
    let demo = Quaranta::demo(dir.path());
    let clean = message("clean", "hello");
    let (said, accepted) = swaks(demo.smtp, "alice@example.org", &clean, dir.path());
    assert!(accepted, "{said}");
    assert_eq!(
        original(&demo.delivered("alice@example.org")[0]),
        clean,
        "byte-identical but for added fields"
    );

    let spam = message("gtube", GTUBE);
    let (said, accepted) = swaks(
        demo.smtp,
        "alice@example.org,bob@example.org",
        &spam,
        dir.path(),
    );
    assert!(!accepted && said.contains("550 5.7.1"), "{said}");
    for (login, count) in [
        ("alice@example.org", 1),
        ("bob@example.org", 1),
        ("example.org", 2),
        ("global", 2),
    ] {
        assert_eq!(uids(&demo, login).len(), count, "{login}");
    }
    let (said, accepted) = swaks(demo.smtp, "nobody@example.org", &clean, dir.path());
    assert!(!accepted && said.contains("550 5.1.1"), "{said}");
    let (said, accepted) = swaks(demo.smtp, "x@elsewhere.test", &clean, dir.path());
    assert!(!accepted && said.contains("550 5.7.1"), "{said}");

    let uid = uids(&demo, "alice@example.org").remove(0);
    imap(
        &demo,
        "alice@example.org",
        &["move", "Caught", &uid, "Release"],
    )
    .expect("the drag");
    until("alice has it", || {
        demo.delivered("alice@example.org").len() == 2
    });
    assert_eq!(
        original(&demo.delivered("alice@example.org")[1]),
        spam,
        "the untouched original"
    );
    let left = imap(&demo, "alice@example.org", &["list", "Caught"]).expect("list");
    assert_eq!(left, "", "it has left: {}", demo.must(&["log"]));
    assert_eq!(
        uids(&demo, "bob@example.org").len(),
        1,
        "XX-01: bob's copy stays"
    );
    assert!(demo.delivered("bob@example.org").is_empty());

    let uid = uids(&demo, "bob@example.org").remove(0);
    imap(
        &demo,
        "bob@example.org",
        &["copy", "Caught", &uid, "Release & Train"],
    )
    .expect("the copy");
    until("bob has it", || {
        demo.delivered("bob@example.org").len() == 1
    });
    assert_eq!(
        demo.delivered("alice@example.org").len(),
        2,
        "once, and to bob alone"
    );
    for delivered in demo.delivered("bob@example.org") {
        assert!(!delivered.contains("X-Quaranta-Reinsertion"), "SY-04");
    }
}

#[test]
fn the_same_by_the_command_line_and_restarted() {
    let dir = folder();
    let base = free_ports();
    let demo = Quaranta::demo_at(dir.path(), base);
    swaks(
        demo.smtp,
        "alice@example.org",
        &message("gtube", GTUBE),
        dir.path(),
    );
    let password = demo.password("global").to_owned();
    assert!(demo.terminate().success());
    let demo = Quaranta::demo_at(dir.path(), base);
    assert_eq!(demo.password("global"), password, "it goes on where it was");
    let id = demo.caught("alice@example.org").remove(0);
    assert!(demo.must(&["quarantine", "show", &id]).contains("GTUBE"));
    assert_eq!(
        demo.must(&["quarantine", "show", &id, "--raw"]),
        message("gtube", GTUBE)
    );
    assert!(demo.must(&["quarantine", "release", &id]).contains("done"));
    until("alice has it", || {
        demo.delivered("alice@example.org").len() == 1
    });
    until("it is written down", || {
        demo.must(&["quarantine", "history", &id])
            .contains("delivered")
    });
    assert!(
        demo.must(&["quarantine", "release", &id])
            .contains("released already"),
        "XX-03"
    );
    let nobody = "00".repeat(16);
    assert!(
        !demo
            .cli(&["quarantine", "release", &nobody])
            .status
            .success()
    );
}

#[test]
fn sy03_a_forged_token_is_scanned_and_caught_again() {
    let dir = folder();
    let demo = Quaranta::demo(dir.path());
    let forged = format!(
        "X-Quaranta-Reinsertion: v=1; k=1; e={}; x=9999999999999; n={}; f=3; h=AAAA\r\n{}",
        "0".repeat(32),
        "0".repeat(24),
        message("gtube", GTUBE)
    );
    let (said, accepted) = swaks(demo.smtp, "alice@example.org", &forged, dir.path());
    assert!(!accepted && said.contains("550 5.7.1"), "{said}");
    assert_eq!(demo.caught("alice@example.org").len(), 1);
    assert!(demo.must(&["log"]).contains("token-refused"));
}

#[test]
fn sy07_a_failed_release_returns_with_the_servers_words() {
    let dir = folder();
    let demo = Quaranta::demo(dir.path());
    swaks(
        demo.smtp,
        "alice@example.org",
        &message("gtube", GTUBE),
        dir.path(),
    );
    // The domain moves to a destination that knows nobody: our own listener without the domain's mailbox.
    let mailbox = dir.path().join("delivered/alice@example.org");
    std::fs::rename(&mailbox, dir.path().join("away")).expect("moved");
    let id = demo.caught("alice@example.org").remove(0);
    demo.must(&["quarantine", "release", &id]);
    until("it is tried", || {
        demo.must(&["quarantine", "history", &id])
            .contains("delivery-deferred")
    });
    std::fs::rename(dir.path().join("away"), &mailbox).expect("moved back");
    demo.must(&[
        "domains",
        "set",
        "tag.example.org",
        "--route",
        "127.0.0.1:1",
    ]);
    assert!(
        demo.must(&["quarantine", "history", &id])
            .contains("The mailbox cannot be written")
    );
}

#[test]
fn kill_9_loses_nothing() {
    let dir = folder();
    let base = free_ports();
    for round in 0..3 {
        let demo = Quaranta::demo_at(dir.path(), base);
        let (said, accepted) = swaks(
            demo.smtp,
            "alice@example.org",
            &message(&format!("gtube{round}"), GTUBE),
            dir.path(),
        );
        assert!(!accepted && said.contains("550 5.7.1"), "{said}");
        demo.kill();
        let demo = Quaranta::demo_at(dir.path(), base);
        let id = demo.caught("alice@example.org").remove(0);
        demo.must(&["quarantine", "release", &id]);
        demo.kill();
        let demo = Quaranta::demo_at(dir.path(), base);
        until("alice has it", || {
            demo.delivered("alice@example.org").len() > round
        });
        until("it is written down", || {
            demo.must(&["quarantine", "history", &id])
                .contains("delivered")
        });
        assert!(demo.caught("alice@example.org").is_empty());
    }
}

#[test]
fn postfix_as_front_relay_and_as_destination() {
    let dir = folder();
    let destination = Postfix::destination(&dir.path().join("destination"));
    let base = free_ports();
    let front = Postfix::front(&dir.path().join("front"), base);
    let daemon = Quaranta::serve(
        &dir.path().join("quaranta"),
        base,
        destination.port,
        front.port,
    );
    daemon.must(&["users", "add", "alice@example.org"]);

    let clean = message("clean", "hello");
    let (said, accepted) = swaks(front.port, "alice@example.org", &clean, dir.path());
    assert!(accepted, "{said}");
    until("alice has it", || destination.delivered("alice").len() == 1);
    assert_eq!(
        original(&destination.delivered("alice")[0]).replace('\n', "\r\n"),
        clean
    );

    let spam = message("gtube", GTUBE);
    let (said, accepted) = swaks(
        front.port,
        "alice@example.org,bob@example.org",
        &spam,
        dir.path(),
    );
    assert!(accepted, "{said}");
    until("it is caught", || daemon.caught("example.org").len() == 2);
    until("the relay heard the refusal", || {
        front.log().contains("550 5.7.1")
    });
    let (said, accepted) = swaks(daemon.smtp, "nobody@example.org", &clean, dir.path());
    assert!(
        !accepted && said.contains("550 5.1.1"),
        "Postfix's own word about an unknown user: {said}"
    );

    let id = daemon.caught("alice@example.org").remove(0);
    daemon.must(&["quarantine", "release", &id]);
    until("alice has it by way of the front relay", || {
        destination.delivered("alice").len() == 2
    });
    let all = destination.delivered("alice");
    let delivered = all
        .iter()
        .find(|text| text.contains("Subject: gtube"))
        .expect("it is there");
    assert!(delivered.contains("by front.example.org"), "{delivered}");
    assert_eq!(original(delivered).replace('\n', "\r\n"), spam);
    assert!(!delivered.contains("X-Quaranta-Reinsertion"), "SY-04");
    until("it is written down", || {
        daemon
            .must(&["quarantine", "history", &id])
            .contains("delivered  ")
    });
    assert!(destination.delivered("bob").is_empty(), "XX-01");
    assert_eq!(daemon.caught("bob@example.org").len(), 1);
}

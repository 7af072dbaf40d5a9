//! Scanners of others beside the real binary: malware, scanners that stop in mid-traffic, and teaching.

use std::path::Path;
use std::process::Command;

use crate::postfix::Postfix;
use crate::programs::{start_clamd, start_rspamd, start_spamd};
use crate::quaranta::Quaranta;
use crate::wait::{free_port, free_ports, until};
use crate::{GTUBE, folder, imap, message, swaks, uids};

const MALWARE: &str = "QUARANTA-TEST-MALWARE";
const LATER: &str = "QUARANTA-UNKNOWN-UNTIL-LATER";
const ALICE: &str = "alice@example.org";

/// The daemon with these sections; released mail comes back at once.
fn serve(dir: &Path, destination: u16, sections: &str) -> Quaranta {
    let base = free_ports();
    let text = format!(
        "[smtp]\nlisten = [\"127.0.0.1:{base}\"]\n[reinsertion]\nfirst_retry = \"1s\"\n\
         longest_retry = \"2s\"\n{sections}"
    );
    let mut daemon = Quaranta::serve_with(dir, base, destination, &text);
    let said = daemon.must(&["users", "add", ALICE, "--json"]);
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let password = said["password"].as_str().expect("password").to_owned();
    daemon.accounts.push((ALICE.to_owned(), password));
    daemon
}

#[test]
fn xx12_sy01_malware_is_refused_kept_and_scanned_again_on_release() {
    let dir = folder();
    let destination = Postfix::destination(&dir.path().join("destination"));
    let (port, scanner) = (free_port(), dir.path().join("clamd"));
    let clamd = start_clamd(&scanner, port, &[MALWARE]);
    let sections = format!("[clamd]\naddress = \"127.0.0.1:{port}\"\n");
    let daemon = serve(&dir.path().join("quaranta"), destination.port, &sections);

    let (said, accepted) = swaks(daemon.smtp, ALICE, &message("bad", MALWARE), dir.path());
    assert!(
        !accepted && said.contains("550 5.7.1") && said.contains("carries malware"),
        "{said}"
    );
    let id = daemon.caught(ALICE).remove(0);
    let shown = daemon.must(&["quarantine", "show", &id]);
    assert!(shown.contains("ClamAV finds Quaranta.Test0"), "{shown}");
    let uid = uids(&daemon, ALICE).remove(0);
    let stub = imap(&daemon, ALICE, &["raw", "Caught", &uid]).expect("a stub");
    assert!(!stub.contains(MALWARE), "XX-12: {stub}");
    let refused = imap(&daemon, ALICE, &["move", "Caught", &uid, "Release"]);
    assert!(refused.is_err(), "XX-12: a user cannot release it");
    let whole = imap(&daemon, "global", &["raw", "Caught", &uid]).expect("the message");
    assert!(whole.contains(MALWARE), "an administrator sees it");

    // It is scanned on its way: while that cannot be, it waits.
    drop(clamd);
    daemon.must(&["quarantine", "release", &id]);
    until("SY-01: it waits for the scan", || {
        daemon
            .must(&["quarantine", "history", &id])
            .contains("CLAMAV")
    });
    assert!(destination.delivered("alice").is_empty());
    let clamd = start_clamd(&scanner, port, &[MALWARE]);
    until("the administrator's word counts", || {
        destination.delivered("alice").len() == 1
    });
    assert!(destination.delivered("alice")[0].contains(MALWARE));

    // What was no malware when it was caught, and is when it leaves, comes back.
    let spam = message("late", &format!("{GTUBE}\r\n{LATER}"));
    let (said, accepted) = swaks(daemon.smtp, ALICE, &spam, dir.path());
    assert!(!accepted && said.contains("looks like spam"), "{said}");
    let id = daemon.caught(ALICE).remove(0);
    drop(clamd);
    let _clamd = start_clamd(&scanner, port, &[MALWARE, LATER]);
    daemon.must(&["quarantine", "release", &id]);
    until("SY-01: it comes back", || {
        let history = daemon.must(&["quarantine", "history", &id]);
        history.contains("release-failed") && history.contains("Malware was found")
    });
    assert_eq!(daemon.caught(ALICE), [id]);
    assert_eq!(destination.delivered("alice").len(), 1);
}

#[test]
fn xx06_clamd_stopped_in_mid_traffic_loses_nothing_and_calls_nothing_clean() {
    let dir = folder();
    let destination = Postfix::destination(&dir.path().join("destination"));
    let (port, scanner) = (free_port(), dir.path().join("clamd"));
    let mut clamd = Some(start_clamd(&scanner, port, &[MALWARE]));
    let sections = format!("[clamd]\naddress = \"127.0.0.1:{port}\"\n");
    let daemon = serve(&dir.path().join("quaranta"), destination.port, &sections);
    let send = |subject: &str, body: &str| {
        let both = format!("{ALICE},bob@example.org");
        swaks(daemon.smtp, &both, &message(subject, body), dir.path())
    };
    let mut taken = 0;
    for number in 0..12 {
        if number == 4 {
            clamd = None;
        }
        // Every third is malware: it must never come through, whatever is up.
        let body = if number % 3 == 2 { MALWARE } else { "hello" };
        let (said, accepted) = send(&format!("m{number}"), body);
        assert_eq!(accepted, number < 4 && body == "hello", "{number}: {said}");
        taken += usize::from(accepted);
        if number >= 4 {
            assert!(said.contains("451 4.") && said.contains("CLAMAV"), "{said}");
        }
    }
    assert!(clamd.is_none());
    let log = daemon.must(&["log", "--status", "deferred"]);
    assert!(
        log.contains("deferred, not blocked") && log.contains("CLAMAV (unavailable)"),
        "SE-04, XX-06: {log}"
    );
    let _clamd = start_clamd(&scanner, port, &[MALWARE]);
    let mut said = String::new();
    until("mail flows again", || {
        let (words, accepted) = send("m10", "hello");
        said = words;
        taken += usize::from(accepted);
        accepted
    });
    let (words, accepted) = send("again", MALWARE);
    assert!(!accepted && words.contains("550 5.7.1"), "{words}");
    for name in ["alice", "bob"] {
        until("what was taken is delivered", || {
            destination.delivered(name).len() == taken
        });
        let all = destination.delivered(name).concat();
        assert!(!all.contains(MALWARE), "nothing unscanned came through");
    }
    let log = daemon.must(&["log", "--status", "deferred"]);
    let retried = log.lines().find(|line| line.contains(" m10 "));
    assert!(
        retried.is_some_and(|line| line.contains("; then accepted ")),
        "SE-04: {log}"
    );
}

#[test]
fn xx06_without_spamd_and_rspamd_mail_flows_and_the_gap_is_named() {
    let dir = folder();
    let destination = Postfix::destination(&dir.path().join("destination"));
    let (port, scanner) = (free_ports(), dir.path().join("spamd"));
    let spamd = start_spamd(&scanner, port + 4);
    let sections = format!(
        "[spamd]\naddress = \"127.0.0.1:{}\"\n[rspamd]\naddress = \"127.0.0.1:{port}\"\n",
        port + 4
    );
    let daemon = serve(&dir.path().join("quaranta"), destination.port, &sections);
    let offer = message("offer", "a remarkable offer");
    let (said, accepted) = swaks(daemon.smtp, ALICE, &offer, dir.path());
    assert!(accepted, "{said}");
    let log = daemon.must(&["log", "--json"]);
    assert!(
        log.contains("RSPAMD (unavailable)") && log.contains("SPAMASSASSIN (4.5)"),
        "{log}"
    );
    drop(spamd);
    let (said, accepted) = swaks(daemon.smtp, ALICE, &message("clean", "x"), dir.path());
    assert!(accepted, "{said}");
    let log = daemon.must(&["log", "--json"]);
    assert!(
        log.contains("RSPAMD (unavailable), SPAMASSASSIN (unavailable)"),
        "{log}"
    );
    swaks(daemon.smtp, ALICE, &message("gtube", GTUBE), dir.path());
    let id = daemon.caught(ALICE).remove(0);
    let shown = daemon.must(&["quarantine", "show", &id]);
    let gaps = shown.lines().filter(|line| line.contains("did not run"));
    assert!(gaps.count() >= 2, "the verdict names them: {shown}");
    drop(daemon);

    let defer = format!("{sections}[inspect]\nunavailable = {{ SPAMASSASSIN = \"defer\" }}\n");
    let daemon = serve(&dir.path().join("strict"), destination.port, &defer);
    let (said, accepted) = swaks(daemon.smtp, ALICE, &offer, dir.path());
    assert!(
        !accepted && said.contains("451 4.") && said.contains("SPAMASSASSIN"),
        "{said}"
    );
}

/// What rspamd has learned, by its controller: spam and ham.
fn learned_by_rspamd(controller: u16) -> [u64; 2] {
    let output = Command::new("curl")
        .args(["-s", "-H", "Password: sesame"])
        .arg(format!("http://127.0.0.1:{controller}/stat"))
        .output()
        .expect("curl runs");
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    ["BAYES_SPAM", "BAYES_HAM"].map(|symbol| {
        let files = said["statfiles"].as_array().into_iter().flatten();
        let mut of = files.filter(|file| file["symbol"] == symbol);
        of.find_map(|file| file["revision"].as_u64()).unwrap_or(0)
    })
}

/// What SpamAssassin has learned: spam and ham.
fn learned_by_spamd(dir: &Path) -> [u64; 2] {
    let rules = dir.join("rules");
    let output = Command::new("sa-learn")
        .args(["--dump", "magic", "--siteconfigpath"])
        .arg(&rules)
        .arg("--configpath")
        .arg(&rules)
        .output()
        .expect("sa-learn runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ["nspam", "nham"].map(|what| {
        let mut lines = text.lines().filter(|line| line.ends_with(what));
        let number = lines.next().and_then(|l| l.split_ascii_whitespace().nth(2));
        number.and_then(|n| n.parse().ok()).unwrap_or(0)
    })
}

#[test]
fn se11_what_users_teach_goes_on_to_rspamd_and_spamassassin() {
    let dir = folder();
    let destination = Postfix::destination(&dir.path().join("destination"));
    let port = free_ports();
    let (of_rspamd, of_spamd) = (dir.path().join("rspamd"), dir.path().join("spamd"));
    let sections = format!(
        "[spamd]\naddress = \"127.0.0.1:{}\"\nteach = true\n[rspamd]\n\
         controller = \"127.0.0.1:{}\"\npassword_file = \"{}/password\"\n",
        port + 4,
        port + 1,
        of_rspamd.display()
    );
    std::fs::create_dir_all(&of_rspamd).expect("folder");
    std::fs::write(of_rspamd.join("password"), "sesame\n").expect("file");
    let home = dir.path().join("quaranta");
    let daemon = serve(&home, destination.port, &sections);
    let words = "many words of no great worth to be learned by others here and now";
    // Not by GTUBE: rspamd does not learn what holds it.
    daemon.must(&["lists", "add", "block", "sender@remote.test"]);
    for subject in ["first", "second"] {
        let text = message(subject, &format!("{words} {subject}"));
        swaks(daemon.smtp, ALICE, &text, dir.path());
    }
    let caught = uids(&daemon, ALICE);
    imap(
        &daemon,
        ALICE,
        &["move", "Caught", &caught[0], "Release & Train"],
    )
    .expect("the drag");
    imap(&daemon, ALICE, &["move", "Caught", &caught[1], "Spam"]).expect("the drag");
    let file = dir.path().join("appended");
    std::fs::write(&file, message("third", &format!("{words} third"))).expect("file");
    let name = file.to_str().expect("text");
    imap(&daemon, ALICE, &["append", "Spam", name]).expect("the append");
    until("a click does not wait for who is away", || {
        destination.delivered("alice").len() == 1
    });
    let _rspamd = start_rspamd(&of_rspamd, port);
    let _spamd = start_spamd(&of_spamd, port + 4);
    let mut last = ([0; 2], [0; 2]);
    let start = std::time::Instant::now();
    while last != ([2, 1], [2, 1]) && start.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(500));
        last = (learned_by_rspamd(port + 1), learned_by_spamd(&of_spamd));
    }
    assert_eq!(last, ([2, 1], [2, 1]), "spam and ham that each has learned");
    let kept = |name: &str| std::fs::read_to_string(home.join(name)).unwrap_or_default();
    until("where they stand is kept", || {
        kept("taught-rspamd") == kept("taught-spamassassin") && kept("taught-rspamd") == "3 0\n"
    });
}

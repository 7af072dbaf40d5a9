//! XX-02 with real mail servers: Exim by PRDR and LMTP, swaks by LMTP, Postfix by transactions apart.

use std::path::Path;

use crate::exim::Exim;
use crate::postfix::Postfix;
use crate::quaranta::Quaranta;
use crate::wait::{free_ports, until};
use crate::{GTUBE, folder, message, original, swaks};

/// Quarantined, tagged, unknown.
const THREE: &str = "alice@example.org,alice@tag.example.org,nobody@example.org";

/// The lines of Exim's log that begin so and speak of `to`.
fn lines(exim: &Exim, mark: &str, to: &str) -> Vec<String> {
    let log = exim.log();
    log.lines()
        .filter(|line| line.contains(&format!(" {mark} {to} ")))
        .map(str::to_owned)
        .collect()
}

#[test]
fn xx02_exim_hears_the_truth_about_each_recipient() {
    let dir = folder();
    let demo = Quaranta::demo(dir.path());
    let ways: [(&str, u16, &[&str], &str); 3] = [
        (
            "bdat",
            demo.smtp,
            &["QUEUED = yes"],
            "PRDR error after BDAT",
        ),
        (
            "data",
            demo.smtp,
            &["QUEUED = yes", "NO_CHUNKING = yes"],
            "PRDR error after DATA",
        ),
        (
            "lmtp",
            demo.lmtp,
            &["QUEUED = yes", "BY_LMTP = yes"],
            "LMTP error after",
        ),
    ];
    for (count, (way, port, macros, words)) in ways.into_iter().enumerate() {
        let place = dir.path().join(way);
        std::fs::create_dir(&place).expect("folder");
        let exim = Exim::front(&place, port, macros);
        let spam = message(&format!("gtube-{way}"), GTUBE);
        let (said, accepted) = swaks(exim.port, THREE, &spam, dir.path());
        assert!(accepted, "{said}");
        until("all three are settled", || exim.log().contains("Completed"));
        let refused = lines(&exim, "**", "alice@example.org");
        assert_eq!(refused.len(), 1, "{}", exim.log());
        let line = &refused[0];
        assert!(
            line.contains(words) && line.contains("550 5.7.1"),
            "{way}: {line}"
        );
        assert!(line.contains("looks like spam"), "{way}: {line}");
        let taken = lines(&exim, "=>", "alice@tag.example.org");
        assert_eq!(taken.len(), 1, "{}", exim.log());
        assert_eq!(
            taken[0].contains(" PRDR "),
            way != "lmtp",
            "{way}: {taken:?}"
        );
        let unknown = lines(&exim, "**", "nobody@example.org");
        assert!(unknown[0].contains("550 5.1.1"), "{way}: {unknown:?}");

        assert_eq!(demo.caught("alice@example.org").len(), count + 1, "{way}");
        let tagged = demo.delivered("alice@tag.example.org");
        assert_eq!(tagged.len(), count + 1, "{way}");
        let subject = format!("Subject: [SPAM] gtube-{way}");
        assert!(tagged.iter().any(|text| text.contains(&subject)), "{way}");
        let protocol = if way == "lmtp" {
            "with LMTPS id"
        } else {
            "with ESMTPS id"
        };
        assert!(
            tagged.iter().any(|text| text.contains(protocol)),
            "{tagged:?}"
        );
    }
}

#[test]
fn xx02_exim_by_a_unix_socket() {
    let dir = folder();
    let (front, destination) = (dir.path().join("front"), dir.path().join("destination"));
    let destination = Postfix::destination(&destination);
    let own = dir.path().join("quaranta");
    let daemon = Quaranta::serve(&own, free_ports(), destination.port, 1);
    daemon.must(&["policy", "set", "bob@example.org", "--mode", "tag"]);
    std::fs::create_dir(&front).expect("folder");
    let socket = format!("QUARANTA_SOCKET = {}/lmtp.sock", own.display());
    let exim = Exim::front(&front, 1, &["QUEUED = yes", &socket]);
    let to = "alice@example.org,bob@example.org,nobody@example.org";
    let (said, accepted) = swaks(exim.port, to, &message("gtube", GTUBE), dir.path());
    assert!(accepted, "{said}");
    until("all three are settled", || exim.log().contains("Completed"));
    let refused = lines(&exim, "**", "alice@example.org");
    assert!(refused[0].contains("550 5.7.1"), "{}", exim.log());
    assert_eq!(
        lines(&exim, "=>", "bob@example.org").len(),
        1,
        "{}",
        exim.log()
    );
    let unknown = lines(&exim, "**", "nobody@example.org");
    assert!(unknown[0].contains("550 5.1.1"), "{unknown:?}");
    assert_eq!(daemon.caught("example.org").len(), 1);
    until("bob has it", || destination.delivered("bob").len() == 1);
    assert!(
        destination.delivered("bob")[0].contains("with LMTP id"),
        "no TLS there"
    );
}

#[test]
fn exim_as_front_relay_and_as_destination() {
    let dir = folder();
    let place = |name: &str| {
        let place = dir.path().join(name);
        std::fs::create_dir(&place).expect("folder");
        place
    };
    let destination = Exim::destination(&place("destination"));
    let base = free_ports();
    let front = Exim::front(&place("front"), base, &[]);
    let daemon = Quaranta::serve(
        &dir.path().join("quaranta"),
        base,
        destination.port,
        front.port,
    );
    let clean = message("clean", "hello");
    let (said, accepted) = swaks(
        front.port,
        "alice@example.org,bob@example.org",
        &clean,
        dir.path(),
    );
    assert!(accepted, "{said}");
    for who in ["alice", "bob"] {
        until("they have it", || destination.delivered(who).len() == 1);
        let got = destination.delivered(who).remove(0);
        assert_eq!(original(&got).replace('\n', "\r\n"), clean);
    }
    let (said, accepted) = swaks(front.port, "nobody@example.org", &clean, dir.path());
    assert!(
        !accepted && said.contains("no such user"),
        "the destination's word: {said}"
    );

    let spam = message("gtube", GTUBE);
    let (said, accepted) = swaks(front.port, "alice@example.org", &spam, dir.path());
    assert!(
        !accepted && said.contains("550 5.7.1"),
        "the client hears it: {said}"
    );
    assert!(said.contains("looks like spam"), "{said}");
    let id = daemon.caught("alice@example.org").remove(0);
    daemon.must(&["quarantine", "release", &id]);
    until("alice has it by way of the front relay", || {
        destination.delivered("alice").len() == 2
    });
    let all = destination.delivered("alice");
    let released = all.iter().find(|text| text.contains("Subject: gtube"));
    let released = released.expect("it is there");
    assert_eq!(original(released).replace('\n', "\r\n"), spam);
    assert!(!released.contains("X-Quaranta-Reinsertion"), "SY-04");
    until("it is written down", || {
        daemon
            .must(&["quarantine", "history", &id])
            .contains("delivered  ")
    });
    assert!(
        !front.log().contains("Mail delivery failed"),
        "SE-02: no bounce"
    );
}

#[test]
fn xx02_swaks_hears_a_reply_for_each_by_lmtp() {
    let dir = folder();
    let demo = Quaranta::demo(dir.path());
    let spam = message("gtube", GTUBE).replace("\r\n", "\n");
    let file = dir.path().join("data");
    std::fs::write(&file, spam).expect("a file");
    let output = std::process::Command::new("swaks")
        .args([
            "--protocol",
            "LMTP",
            "--server",
            &format!("127.0.0.1:{}", demo.lmtp),
        ])
        .args(["--from", "sender@remote.test", "--to", THREE, "--data"])
        .arg(format!("@{}", file.display()))
        .output()
        .expect("swaks runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let after = said.split(" -> .\n").nth(1).expect("the end of data");
    let replies: Vec<&str> = after
        .lines()
        .map(|l| l.trim_start_matches(['<', '-', '*', ' ']))
        .collect();
    assert!(said.contains("550 5.1.1"), "{said}");
    assert!(replies[0].starts_with("550 5.7.1"), "{said}");
    assert!(replies[1].starts_with("250 "), "{said}");
    assert_eq!(demo.caught("alice@example.org").len(), 1);
    assert_eq!(demo.delivered("alice@tag.example.org").len(), 1);
}

#[test]
fn xx02_postfix_sends_apart_where_policies_differ() {
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
    daemon.must(&["policy", "set", "example.org", "--split", "true"]);
    daemon.must(&["policy", "set", "bob@example.org", "--mode", "tag"]);
    let spam = message("gtube", GTUBE);
    let to = "alice@example.org,bob@example.org";
    let (said, accepted) = swaks(front.port, to, &spam, Path::new(dir.path()));
    assert!(accepted, "{said}");
    until("the first is refused", || front.log().contains("550 5.7.1"));
    until("bob has it, tagged", || {
        destination.delivered("bob").len() == 1
    });
    assert!(front.log().contains("452 4.5.3"), "{}", front.log());
    assert!(destination.delivered("bob")[0].contains("Subject: [SPAM] gtube"));
    assert_eq!(
        daemon.caught("example.org").len(),
        1,
        "bob's is not kept as well"
    );
    assert_eq!(daemon.caught("alice@example.org").len(), 1);
    assert!(destination.delivered("alice").is_empty());
}

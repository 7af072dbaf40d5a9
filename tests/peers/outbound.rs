//! Mail on its way out as people and mail servers send it: swaks with AUTH over TLS, a mail
//! client's drag, and Postfix as smart host.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use crate::postfix::Postfix;
use crate::quaranta::Quaranta;
use crate::wait::{free_ports, until};
use crate::{GTUBE, folder, imap, original};

/// A message of alice's.
fn letter(subject: &str, body: &str) -> String {
    format!(
        "From: Sender <alice@example.org>\r\nTo: carol@remote.test\r\nSubject: {subject}\r\n\
         Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{subject}@example.org>\r\n\r\n{body}\r\n"
    )
}

/// Sends as alice with swaks; `how` are its words for TLS and AUTH.
fn send(port: u16, how: &[&str], message: &str, dir: &Path) -> (String, bool) {
    let file = dir.join("swaks-letter");
    let text = message.replace("\r\n", "\n");
    std::fs::write(&file, text.strip_suffix('\n').unwrap_or(&text)).expect("a file");
    let output = Command::new("swaks")
        .args(["--server", &format!("127.0.0.1:{port}"), "--helo", "client"])
        .args(["--from", "alice@example.org", "--to", "carol@remote.test"])
        .args(how)
        .arg("--data")
        .arg(format!("@{}", file.display()))
        .output()
        .expect("swaks runs");
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        output.status.success(),
    )
}

fn login<'a>(tls: &'a str, mechanism: &'a str, password: &'a str) -> Vec<&'a str> {
    let user = "alice@example.org";
    let mut how = vec![tls, "--auth", mechanism, "--auth-user", user];
    how.extend(["--auth-password", password]);
    how
}

#[test]
fn se18_a_user_sends_and_an_administrator_releases() {
    let dir = folder();
    let base = free_ports();
    let demo = Quaranta::demo_at(dir.path(), base);
    let password = demo.password("alice@example.org").to_owned();
    let clean = letter("clean", "hello");
    for mechanism in ["PLAIN", "LOGIN"] {
        let how = login("-tls", mechanism, &password);
        let (said, accepted) = send(demo.outbound, &how, &clean, dir.path());
        assert!(accepted, "{said}");
    }
    let got = demo.delivered("carol@remote.test");
    assert_eq!(got.len(), 2);
    assert!(got[0].contains(" with ESMTPSA id "), "{}", got[0]);
    assert_eq!(original(&got[0]), clean);

    let (said, accepted) = send(
        demo.outbound,
        &login("-tls", "PLAIN", "guess"),
        &clean,
        dir.path(),
    );
    assert!(!accepted && said.contains("535 5.7.8"), "{said}");
    let (said, accepted) = send(demo.outbound, &[], &clean, dir.path());
    assert!(
        !accepted && said.contains("550 5.7.1 Relaying denied"),
        "{said}"
    );

    let how = login("-tls", "PLAIN", &password);
    let spam = letter("gtube", GTUBE);
    let (said, accepted) = send(demo.outbound, &how, &spam, dir.path());
    assert!(!accepted && said.contains("550 5.7.1"), "{said}");
    let seen = |who: &str| imap(&demo, who, &["list", "Caught (Outgoing)"]).expect("list");
    assert!(seen("bob@example.org").is_empty());
    let uid = |who: &str| seen(who).split(' ').next().unwrap_or_default().to_owned();
    for folder in ["Release", "Release & Train"] {
        for verb in ["move", "copy"] {
            let own = uid("alice@example.org");
            let drag = [verb, "Caught (Outgoing)", &own, folder];
            let refused = imap(&demo, "alice@example.org", &drag).expect_err("no right");
            assert!(refused.contains("release outgoing mail"), "{refused}");
        }
    }
    assert_eq!(seen("alice@example.org").lines().count(), 1, "it stays");
    let theirs = uid("example.org");
    let drag = ["move", "Caught (Outgoing)", &theirs, "Release"];
    imap(&demo, "example.org", &drag).expect("the drag");
    until("carol has it", || {
        demo.delivered("carol@remote.test").len() == 3
    });
    let got = demo.delivered("carol@remote.test");
    let released = got.iter().find(|text| text.contains("Subject: gtube"));
    let released = released.expect("it is there");
    assert_eq!(original(released), spam);
    assert!(!released.contains("X-Quaranta-Reinsertion"), "SY-04");
    assert!(seen("alice@example.org").is_empty());
    assert!(
        demo.must(&["lists", "show", "alice@example.org"])
            .contains("carol@remote.test"),
        "IW-04"
    );

    demo.must(&["senders", "lock", "alice@example.org", "--why", "a test"]);
    assert!(demo.terminate().success());
    let demo = Quaranta::demo_at(dir.path(), base);
    let (said, accepted) = send(demo.outbound, &how, &clean, dir.path());
    assert!(!accepted && said.contains("is locked (a test)"), "{said}");
    assert!(
        demo.must(&["senders", "list"])
            .contains("alice@example.org")
    );
    demo.must(&["senders", "unlock", "alice@example.org"]);
    let (said, accepted) = send(demo.outbound, &how, &clean, dir.path());
    assert!(accepted, "{said}");
}

#[test]
fn se18_postfix_as_smart_host_with_limits_and_an_alert() {
    let dir = folder();
    let smart = Postfix::smart_host(&dir.path().join("smart"));
    let base = free_ports();
    let alerts = dir.path().join("alerts");
    let more = format!(
        "[outbound]\nlisten = [\"127.0.0.1:{}\"]\nlisten_tls = [\"127.0.0.1:{}\"]\n\
         smart_hosts = [\"127.0.0.1:{}\"]\nmessages_per_hour = 3\n\
         alert_command = [\"/bin/sh\", \"-c\", \"cat >> {}\"]\n\
         [alerts]\nto = [\"ops@remote.test\"]\ndisk_free = \"0\"\ndisk_free_percent = 0\n",
        base + 5,
        base + 6,
        smart.port,
        alerts.display(),
    );
    let daemon = Quaranta::serve_and(&dir.path().join("quaranta"), base, 1, base, &more);
    let added = daemon.must(&["users", "add", "alice@example.org", "--json"]);
    let added: serde_json::Value = serde_json::from_str(&added).expect("JSON");
    let password = added["password"].as_str().expect("password").to_owned();
    let starttls = login("-tls", "PLAIN", &password);
    let tls = login("-tlsc", "LOGIN", &password);

    let clean = letter("clean", "hello");
    let (said, accepted) = send(daemon.outbound + 1, &tls, &clean, dir.path());
    assert!(accepted, "{said}");
    until("carol has it", || smart.delivered("carol").len() == 1);
    let got = smart.delivered("carol");
    assert_eq!(original(&got[0]).replace('\n', "\r\n"), clean);

    let spam = letter("gtube", GTUBE);
    let (said, accepted) = send(daemon.outbound, &starttls, &spam, dir.path());
    assert!(!accepted && said.contains("550 5.7.1"), "{said}");
    let listed = daemon.must(&[
        "quarantine",
        "list",
        "alice@example.org",
        "--outgoing",
        "--json",
    ]);
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    let id = listed["entries"][0]["id"].as_str().expect("id");
    daemon.must(&["quarantine", "release", id]);
    until("carol has it", || smart.delivered("carol").len() == 2);
    until("it is written down", || {
        daemon
            .must(&["quarantine", "history", id])
            .contains("delivered  ")
    });
    for text in smart.delivered("carol") {
        assert!(!text.contains("X-Quaranta-Reinsertion"), "SY-04");
    }

    let (said, accepted) = send(daemon.outbound, &starttls, &clean, dir.path());
    assert!(accepted, "what was released does not count: {said}");
    let (said, accepted) = send(daemon.outbound, &starttls, &clean, dir.path());
    assert!(!accepted && said.contains("is locked"), "{said}");
    let told = || std::fs::read_to_string(&alerts).unwrap_or_default();
    until("the alert", || told().ends_with('\n'));
    let alert: serde_json::Value = serde_json::from_str(&told()).expect("one line of JSON");
    assert_eq!(alert["sender"], "alice@example.org");
    assert_eq!(alert["why"], "more than 3 messages in one hour");
    assert_eq!(
        (&alert["alert"], &alert["state"]),
        (&"sender-locked".into(), &"started".into())
    );
    // SY-06: by letter too, out of the house.
    until("the letter", || smart.delivered("ops").len() == 1);
    assert!(smart.delivered("ops")[0].contains("sender-locked: alice@example.org (started)"));
    assert!(daemon.must(&["alerts", "list"]).contains("sender-locked"));
    assert!(
        daemon
            .must(&["alerts", "test"])
            .contains("mail to ops@remote.test")
    );
    until("the test", || smart.delivered("ops").len() == 2);
    until("the command", || told().lines().count() == 2);
    assert!(told().contains("\"alert\":\"test\""));
}

/// What the server says to each line, its last line of each reply.
fn talk(port: u16, lines: &[&str]) -> Vec<String> {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("connection");
    let mut heard = BufReader::new(stream.try_clone().expect("stream")).lines();
    let mut reply = || loop {
        match heard.next() {
            Some(Ok(line)) if line.as_bytes().get(3) == Some(&b'-') => {}
            Some(Ok(line)) => return line,
            Some(Err(_)) | None => return "closed".to_owned(),
        }
    };
    let mut said = vec![reply()];
    for line in lines {
        // The other side may have closed.
        let _gone = (&stream).write_all(format!("{line}\r\n").as_bytes());
        said.push(reply());
    }
    said
}

#[test]
fn se18_nobody_becomes_a_relay_by_a_forged_address() {
    let dir = folder();
    let base = free_ports();
    let more = format!(
        "[outbound]\nlisten = [\"127.0.0.1:{}\"]\nsmart_hosts = [\"127.0.0.1:1\"]\n\
         relay_from = [\"198.51.100.0/24\"]\n",
        base + 5
    );
    let daemon = Quaranta::serve_and(&dir.path().join("quaranta"), base, 1, base, &more);
    let config = dir.path().join("quaranta/quaranta.toml");
    let text = std::fs::read_to_string(&config).expect("configuration");
    let trusting = text.replace("[smtp]\n", "[smtp]\nxclient_from = [\"127.0.0.1\"]\n");
    std::fs::write(&config, trusting).expect("configuration");
    drop(daemon);
    let daemon = Quaranta::serve_again(&dir.path().join("quaranta"), base);
    let rest = [
        "EHLO relay.test",
        "MAIL FROM:<alice@example.org>",
        "RCPT TO:<carol@remote.test>",
        "DATA",
        "Subject: x\r\n\r\nx\r\n.",
    ];
    let ends = |first: &str, port: u16| -> Vec<String> {
        let lines: Vec<&str> = std::iter::once(first).chain(rest).collect();
        talk(port, &lines)
    };
    for first in [
        "XCLIENT ADDR=198.51.100.7 LOGIN=alice@example.org",
        "PROXY TCP4 198.51.100.7 127.0.0.1 4000 587",
    ] {
        let said = ends(first, daemon.outbound);
        assert!(said[1].starts_with('5'), "{said:?}");
        let last = said.last().expect("a reply");
        assert!(last.contains("Relaying denied"), "{said:?}");
    }
    // The inbound door believes it, and lets nothing out for it.
    let said = ends(
        "XCLIENT ADDR=198.51.100.7 LOGIN=alice@example.org",
        daemon.smtp,
    );
    assert!(said[1].starts_with("220"), "{said:?}");
    assert!(said[4].contains("relaying denied"), "{said:?}");
    let list = daemon.must(&["quarantine", "list", "--outgoing"]);
    assert!(list.contains("0 of 0"), "{list}");
}

#[test]
fn se18_passwords_may_be_those_of_the_destination() {
    let dir = folder();
    let there = Quaranta::demo(&dir.path().join("there"));
    let base = free_ports();
    let more = format!(
        "[outbound]\nlisten = [\"127.0.0.1:{}\"]\nlogin = \"destination\"\n\
         smart_hosts = [\"127.0.0.1:{}\"]\n",
        base + 5,
        there.smtp + 1,
    );
    let here = dir.path().join("here");
    // The mail server of example.org is one that takes logins, under TLS.
    let daemon = Quaranta::serve_and(&here, base, there.outbound, base, &more);
    let password = there.password("alice@example.org");
    let clean = letter("clean", "hello");
    for (password, right) in [("guess", false), (password, true)] {
        let how = login("-tls", "PLAIN", password);
        let (said, accepted) = send(daemon.outbound, &how, &clean, dir.path());
        assert_eq!(accepted, right, "{said}");
        assert_eq!(said.contains("535 5.7.8"), !right, "{said}");
    }
    assert_eq!(there.delivered("carol@remote.test").len(), 1);
    let log = daemon.must(&["log"]);
    assert!(
        log.contains("sign-in-failed") && log.contains("signed-in"),
        "{log}"
    );
}

/// Postfix asks us as a milter about what our own machine sends.
#[test]
fn se18_outgoing_mail_by_a_milter_is_caught_and_released() {
    let dir = folder();
    let next = Postfix::smart_host(&dir.path().join("next"));
    let base = free_ports();
    let socket = format!("inet:127.0.0.1:{}", base + 6);
    let front = Postfix::sending(&dir.path().join("front"), &socket, next.port);
    let sections = format!(
        "[smtp]\nlisten = [\"127.0.0.1:{base}\"]\n\
         [milter]\nlisten = [\"127.0.0.1:{}\"]\noutbound_from = [\"127.0.0.1\"]\n\
         [reinsertion]\nhosts = [\"127.0.0.1:{}\"]\n",
        base + 6,
        front.port
    );
    let daemon = Quaranta::serve_with(&dir.path().join("quaranta"), base, 1, &sections);
    daemon.must(&["users", "add", "alice@example.org"]);
    let (said, accepted) = send(front.port, &[], &letter("clean", "hello"), dir.path());
    assert!(accepted, "{said}");
    until("carol has it", || next.delivered("carol").len() == 1);
    let spam = letter("gtube", GTUBE);
    let (said, accepted) = send(front.port, &[], &spam, dir.path());
    assert!(!accepted && said.contains("550 5.7.1"), "{said}");
    let rows = daemon.must(&["quarantine", "list", "alice@example.org", "--outgoing"]);
    let row = rows.lines().find(|row| row.ends_with(" gtube"));
    let id = row.and_then(|row| row.split(' ').next()).expect("an id");
    daemon.must(&["quarantine", "release", id]);
    until("carol has it, too", || next.delivered("carol").len() == 2);
    until("it is written down", || {
        daemon
            .must(&["quarantine", "history", id])
            .contains("delivered  ")
    });
    let got = next.delivered("carol");
    let released = got.iter().find(|text| text.contains(GTUBE)).expect("it");
    assert!(!released.contains("X-Quaranta-Reinsertion"), "{released}");
    let wire = released.replace('\n', "\r\n");
    assert_eq!(original(&wire), spam, "byte-identical");
}

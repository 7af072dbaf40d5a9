//! XX-14 with the real binary: a domain's key by the command line, and the seal judged by dkimpy.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use quaranta::clock::Timestamp;
use quaranta::token::{Algorithm, SealingKey};
use serde_json::Value;

use crate::postfix::Postfix;
use crate::quaranta::Quaranta;
use crate::wait::{free_ports, until};
use crate::{GTUBE, folder, message, swaks};

fn dkimpy(command: &str, records: &Path, message: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/signatures.py");
    let mut child = Command::new("/usr/bin/python3")
        .arg(script)
        .arg(command)
        .arg(records)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs; tests/run installs python3-dkim");
    let mut stdin = child.stdin.take().expect("stdin");
    stdin.write_all(message.as_bytes()).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("ended");
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .to_owned()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn xx14_a_key_is_made_published_and_seals() {
    let dir = folder();
    let demo = Quaranta::demo(dir.path());
    let domain = "tag.example.org";
    let set = ["domains", "set", domain, "--tag-signed", "tag-and-arc-seal"];
    let said = demo.must(&set);
    assert!(said.contains("acts as header-only without a key"), "{said}");
    let said = demo.must(&["policy", "show", domain]);
    assert!(said.contains(&format!("makes one for {domain}")), "{said}");

    let add = ["keys", "arc", "add", domain, "--selector", "s2026"];
    let said = demo.must(&add);
    assert!(
        said.contains("s2026._domainkey.tag.example.org. IN TXT ( \"v=DKIM1; k=rsa; p="),
        "{said}"
    );
    let listed = demo.must(&["keys", "arc", "list", "--json"]);
    assert!(!listed.contains("secret"), "{listed}");
    let key = &json(&listed)[0];
    let text = |name: &str| key[name].as_str().expect("text").to_owned();
    assert!(
        !demo
            .must(&["policy", "show", domain])
            .contains("without a key")
    );

    let (said, accepted) = swaks(
        demo.smtp,
        "alice@tag.example.org",
        &message("gtube", GTUBE),
        dir.path(),
    );
    assert!(accepted, "{said}");
    let sealed = demo.delivered("alice@tag.example.org").remove(0);
    // The demo's destination puts its own line on top.
    let (_, sealed) = sealed.split_once("\r\n").expect("Return-Path");
    assert!(sealed.contains("Subject: [SPAM] gtube"), "{sealed}");
    let records = dir.path().join("records");
    std::fs::write(&records, format!("{} {}\n", text("name"), text("record"))).expect("records");
    assert_eq!(dkimpy("arc-verify", &records, sealed), "pass 1");
    let altered = sealed.replace("[SPAM] ", "");
    assert_eq!(
        dkimpy("arc-verify", &records, &altered),
        "fail 1",
        "the test can fail"
    );

    let log = demo.must(&["log", "--json"]);
    assert!(log.contains("seals with the key s2026"), "{log}");
    demo.must(&["keys", "arc", "remove", domain]);
    assert!(
        !demo
            .cli(&["keys", "arc", "remove", domain])
            .status
            .success()
    );
    assert_eq!(
        json(&demo.must(&["keys", "arc", "list", "--json"])),
        Value::Array(Vec::new())
    );
}

#[test]
fn xx14_a_key_is_read_from_a_file_or_refused() {
    let dir = folder();
    let demo = Quaranta::demo(dir.path());
    let file = dir.path().join("key.pem");
    let name = file.to_str().expect("text");
    let made = SealingKey::make(
        "example.org".parse().expect("domain"),
        "s1".parse().expect("selector"),
        Algorithm::Rsa,
        Timestamp(0),
    )
    .expect("key");
    let secret = serde_json::to_value(&made).expect("JSON")["secret"].clone();
    let secret = secret.as_str().expect("text");
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\n");
    std::fs::write(&file, &pem).expect("written");
    let add = |domain: &str| {
        let output = demo.cli(&[
            "keys",
            "arc",
            "add",
            domain,
            "--selector",
            "s1",
            "--key-file",
            name,
            "--json",
        ]);
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8(text).expect("text"),
        )
    };
    let (good, said) = add("example.org");
    assert!(good, "{said}");
    assert_eq!(
        json(&said)["record"].as_str(),
        made.record().ok().as_deref()
    );
    for args in [
        &["keys", "show", "--secrets"][..],
        &["log", "--json"],
        &["keys", "arc", "list"],
    ] {
        assert!(!demo.must(args).contains(&secret[..40]), "{args:?}");
    }
    let (good, said) = add("elsewhere.test");
    assert!(!good && said.contains("elsewhere.test"), "{said}");
    std::fs::write(&file, pem.replace(secret, &secret.replace('a', "b"))).expect("written");
    let (good, said) = add("example.org");
    assert!(!good && said.contains("damaged"), "{said}");
    std::fs::write(&file, "x".repeat(70_000)).expect("written");
    let (good, said) = add("example.org");
    assert!(!good && said.contains("too large"), "{said}");
}

/// The seal is made of what we see as a milter; the relay in front adds its fields and folds.
#[test]
fn xx14_a_seal_by_the_milter_verifies_behind_postfix() {
    let dir = folder();
    let destination = Postfix::destination(&dir.path().join("destination"));
    let base = free_ports();
    let socket = format!("inet:127.0.0.1:{}", base + 6);
    let front = Postfix::with_milter(&dir.path().join("front"), &socket, destination.port);
    let sections = format!(
        "[smtp]\nlisten = [\"127.0.0.1:{base}\"]\n[milter]\nlisten = [\"127.0.0.1:{}\"]\n",
        base + 6
    );
    let home = dir.path().join("quaranta");
    let daemon = Quaranta::serve_with(&home, base, destination.port, &sections);
    let domain = "example.org";
    daemon.must(&["keys", "arc", "add", domain, "--selector", "s1"]);
    let seal = ["--tag-signed", "tag-and-arc-seal"];
    daemon.must(&[&["policy", "set", domain, "--mode", "tag"][..], &seal].concat());
    let spam = message("gtube", GTUBE);
    let (said, accepted) = swaks(front.port, "alice@example.org", &spam, dir.path());
    assert!(accepted, "{said}");
    until("alice has it", || destination.delivered("alice").len() == 1);
    let sealed = destination.delivered("alice").remove(0);
    assert!(sealed.contains("\nSubject: [SPAM] gtube\n"), "{sealed}");
    let key = &json(&daemon.must(&["keys", "arc", "list", "--json"]))[0];
    let text = |name: &str| key[name].as_str().expect("text").to_owned();
    let records = dir.path().join("records");
    std::fs::write(&records, format!("{} {}\n", text("name"), text("record"))).expect("records");
    let wire = sealed.replace('\n', "\r\n");
    assert_eq!(dkimpy("arc-verify", &records, &wire), "pass 1", "{sealed}");
}

//! The rules of the house: each has a message on which it fires, and one on which it must not.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quaranta::clock::{Clock, Timestamp};
use quaranta::inspect::rules::{BUILT_IN, RuleSet};
use quaranta::inspect::{Options, Panel, StandardPanel};
use quaranta::mail::{BodyType, Direction, Envelope, Mail, Message, Peer};
use quaranta::net::dns::Dns;
use quaranta::policy::Finding;

const GTUBE: &str = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";

fn panel(options: &Options) -> StandardPanel {
    let dns = Arc::new(Dns::off("not in this test"));
    StandardPanel::open(options, dns, Clock::by_hand(Timestamp(1_700_000_000_000))).expect("rules")
}

fn envelope() -> Envelope {
    let mut peer = Peer::new("192.0.2.9".parse().expect("address"));
    peer.helo = "mail.example.net".into();
    Envelope {
        peer,
        direction: Direction::Inbound,
        from: Some("ann@example.net".parse().expect("address")),
        to: vec!["alice@example.org".parse().expect("address")],
        body: BodyType::EightBitMime,
        smtputf8: false,
    }
}

/// A case: lines of fields, an empty line, a body. A field of the case takes the place of the
/// ordinary one, `-Field` removes it; `@from`, `@helo`, `@name`, `@to` set the envelope;
/// `{N*text}` stands for N copies of the text.
struct Case {
    rule: String,
    hit: bool,
    message: Vec<u8>,
    envelope: Envelope,
}

fn cases() -> Vec<Case> {
    include_str!("rules/cases.txt")
        .split("\n== ")
        .skip(1)
        .map(|text| {
            let (title, rest) = text.split_once('\n').expect("a title line");
            let (rule, kind) = title
                .trim()
                .split_once(' ')
                .expect("a rule and hit or miss");
            assert!(matches!(kind, "hit" | "miss"), "{title}");
            let (message, envelope) = built(&expanded(rest));
            Case {
                rule: rule.to_owned(),
                hit: kind == "hit",
                message,
                envelope,
            }
        })
        .collect()
}

fn expanded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let repeated = after.split_once('}').and_then(|(inner, tail)| {
            let (count, text) = inner.split_once('*')?;
            Some((text.repeat(count.parse().ok()?), tail))
        });
        match repeated {
            Some((copies, tail)) => {
                out.push_str(&copies);
                rest = tail;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out + rest
}

fn built(text: &str) -> (Vec<u8>, Envelope) {
    let (head, body) = match text.strip_prefix('\n') {
        Some(body) => ("", body),
        None => text
            .split_once("\n\n")
            .unwrap_or((text.trim_end_matches('\n'), "")),
    };
    let mut fields: Vec<(String, String)> = [
        ("From", "Ann Example <ann@example.net>"),
        ("To", "Alice <alice@example.org>"),
        ("Subject", "Minutes of the meeting"),
        ("Date", "Tue, 14 Nov 2023 22:13:20 +0000"),
        ("Message-ID", "<1.2.3@example.net>"),
        ("MIME-Version", "1.0"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let mut envelope = envelope();
    let mut replaced = BTreeSet::new();
    for line in head.lines().filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix('-') {
            fields.retain(|(own, _)| own != name);
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.trim();
        match name {
            "@from" => envelope.from = value.parse().ok(),
            "@helo" => envelope.peer.helo = value.into(),
            "@name" => envelope.peer.name = Some(value.into()),
            "@to" => {
                let one = |n: usize| format!("r{n}@example.org").parse().expect("address");
                envelope.to = (0..value.parse().expect("a number")).map(one).collect();
            }
            _ => {
                if replaced.insert(name.to_owned()) {
                    fields.retain(|(own, _)| own != name);
                }
                fields.push((name.to_owned(), value.to_owned()));
            }
        }
    }
    let body = if body.trim().is_empty() {
        "Good morning,\nhere are the minutes of our meeting.\nAnn\n"
    } else {
        body
    };
    let head: String = fields
        .iter()
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect();
    (
        format!("{head}\n{body}\n")
            .replace('\n', "\r\n")
            .into_bytes(),
        envelope,
    )
}

#[test]
fn every_rule_fires_where_it_must_and_not_where_it_must_not() {
    let panel = panel(&Options::default());
    let mut faults = Vec::new();
    for case in cases() {
        let fired = panel.explain(&case.message, &case.envelope);
        if fired.iter().any(|rule| rule.name == case.rule) != case.hit {
            let names: Vec<&str> = fired.iter().map(|rule| rule.name.as_str()).collect();
            faults.push(format!(
                "{}: hit should be {}, fired {names:?}",
                case.rule, case.hit
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_rule_has_both_cases() {
    let rules = RuleSet::open(&[BUILT_IN.to_owned()]).expect("rules");
    let cases = cases();
    let has = |name: &str, hit| {
        cases
            .iter()
            .any(|case| case.rule == name && case.hit == hit)
    };
    let bare: Vec<&str> = rules
        .rows()
        .map(|row| row.0)
        .filter(|name| !has(name, true) || !has(name, false))
        .collect();
    assert!(bare.is_empty(), "without hit or miss: {bare:?}");
    for (name, score, words) in rules.rows() {
        assert!(
            words.ends_with('.') && score != 0.0 && score.abs() <= 4.0,
            "{name}"
        );
    }
}

#[test]
fn an_ordinary_mail_has_no_finding_against_it() {
    let (message, envelope) = built("");
    let against: Vec<_> = panel(&Options::default())
        .explain(&message, &envelope)
        .into_iter()
        .filter(|r| r.score > 0.0)
        .collect();
    assert!(against.is_empty(), "{against:?}");
}

fn fires(panel: &StandardPanel, message: &str, name: &str) -> bool {
    let message = message.replace('\n', "\r\n");
    panel
        .explain(message.as_bytes(), &envelope())
        .iter()
        .any(|rule| rule.name == name)
}

#[test]
fn se01_gtube_is_found_in_every_coding_and_size() {
    let panel = panel(&Options::default());
    let packed = |text: &[u8]| {
        let code = STANDARD.encode(text);
        code.as_bytes()
            .chunks(76)
            .map(|l| format!("{}\n", String::from_utf8_lossy(l)))
            .collect::<String>()
    };
    let far = format!("{}{GTUBE}", "word and word\n".repeat(40_000));
    let wide: Vec<u8> = GTUBE.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let quoted = format!("{}=\n{}", GTUBE[..30].replace('*', "=2A"), &GTUBE[30..]);
    let html = format!(
        "Content-Type: text/html\nContent-Transfer-Encoding: base64\n\n{}",
        packed(format!("<p>{GTUBE}</p>").as_bytes())
    );
    for (message, want) in [
        (format!("Subject: x\n\n{GTUBE}\n"), true),
        (format!("Subject: x\n\n{far}\n"), true),
        (format!("Subject: {GTUBE}\n\nx\n"), false),
        (
            format!(
                "Content-Transfer-Encoding: base64\n\n{}",
                packed(GTUBE.as_bytes())
            ),
            true,
        ),
        (
            format!(
                "Content-Transfer-Encoding: base64\n\n{}",
                packed(far.as_bytes())
            ),
            true,
        ),
        (
            format!(
                "Content-Type: text/plain; charset=utf-16le\nContent-Transfer-Encoding: base64\n\n{}",
                packed(&wide)
            ),
            true,
        ),
        (
            format!("Content-Transfer-Encoding: quoted-printable\n\n{quoted}\n"),
            true,
        ),
        (
            format!("Content-Type: multipart/mixed; boundary=b\n\n--b\n{html}\n--b--\n"),
            true,
        ),
        (format!("Subject: x\n\n{}\n", GTUBE.to_lowercase()), false),
        ("Subject: x\n\nGTUBE\n".to_owned(), false),
    ] {
        assert_eq!(
            fires(&panel, &message, "GTUBE"),
            want,
            "{}",
            &message[..message.len().min(120)]
        );
    }
}

#[test]
fn bombs_are_named_and_cost_little() {
    let panel = panel(&Options::default());
    let levels: String = (0..2000)
        .map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n"))
        .collect();
    assert!(fires(&panel, &levels, "MIME_TOO_DEEP"));
    let parts = format!(
        "Content-Type: multipart/mixed; boundary=b\n\n{}",
        "--b\n\nx\n".repeat(100_000)
    );
    assert!(fires(&panel, &parts, "MIME_TOO_MANY_PARTS"));
    assert!(fires(&panel, &format!("{parts}{GTUBE}\n"), "GTUBE"));
    // Headers without end, tags without end, quotes without end.
    for message in [
        "X".repeat(2_000_000),
        "X: y\n".repeat(300_000),
        format!("Content-Type: text/html\n\n{}", "<a ".repeat(200_000)),
        format!(
            "Content-Type: text/html\n\n{}",
            "<div style=\"".repeat(60_000)
        ),
        format!("From: {}\n\nx\n", "a@b.example, ".repeat(50_000)),
        format!("Subject: {}\n\nx\n", "=?utf-8?q?=41?= ".repeat(50_000)),
    ] {
        assert!(!fires(&panel, &message, "GTUBE"));
    }
}

#[test]
fn a_file_overrides_the_house_and_reloads_without_loss() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("own.rules");
    let source = folder.path().join("*.rules").display().to_string();
    std::fs::write(
        &file,
        "rule OWN 1.0 body ~ /minutes/ \"It speaks of minutes.\"\n",
    )
    .expect("write");
    let options = Options {
        rules: vec![BUILT_IN.to_owned(), source],
        ..Options::default()
    };
    let panel = panel(&options);
    let mail = "Subject: x\n\nthe minutes\n";
    assert!(fires(&panel, mail, "OWN"));
    std::fs::write(&file, "rule OWN 1.0 body ~ /(/ \"Broken.\"\n").expect("write");
    let error = panel.reload().expect_err("a wrong rule").to_string();
    assert!(error.contains("own.rules:1: "), "{error}");
    assert!(fires(&panel, mail, "OWN"), "the rules before were lost");
    std::fs::write(&file, "rule DATE_MISSING 0.5 body ~ /minutes/ \"Ours.\"\n").expect("write");
    panel.reload().expect("rules");
    assert!(!fires(&panel, mail, "OWN"));
    let dated = "Date: Tue, 14 Nov 2023 22:13:20 +0000\n\nthe minutes\n";
    assert!(
        fires(&panel, dated, "DATE_MISSING"),
        "the house's rule was kept"
    );
}

#[tokio::test]
async fn scores_can_be_changed_and_switched_off() {
    let (message, envelope) = built("-Date\nSubject: x\nSubject: y\n");
    let options = Options {
        scores: [
            ("DATE_MISSING".to_owned(), 3.5),
            ("SUBJECT_TWICE".to_owned(), 0.0),
        ]
        .into(),
        ..Options::default()
    };
    let mail = Mail::new(envelope, Message::new(message, None).expect("message"), 0);
    let found = panel(&options).inspect(&mail).await.found;
    let weight = |name: &str| found.iter().find(|f| f.name() == name).map(Finding::weight);
    assert_eq!(weight("DATE_MISSING"), Some(3.5));
    assert_eq!(weight("SUBJECT_TWICE"), None);
}

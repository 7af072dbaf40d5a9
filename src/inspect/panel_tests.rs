//! The panel against a fixed zone: authentication, the time budget, what cannot run.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mail_auth::common::crypto::Ed25519Key;
use mail_auth::common::headers::HeaderWriter;
use mail_auth::dkim::DkimSigner;

use crate::clock::{Clock, Timestamp};
use crate::mail::{BodyType, Direction, Envelope, Mail, Message, Peer};
use crate::net::dns::Dns;
use crate::options::Span;
use crate::policy::{Finding, Findings, ReversePath, WhenUnavailable};

use super::{Inspector, Options, Panel, StandardPanel, Then};

const ZONE: &str = r#"
example.net        TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.example.net TXT "v=DMARC1; p=reject"
soft.example       TXT "v=spf1 ip4:192.0.2.1 ~all"
_dmarc.soft.example TXT "v=DMARC1; p=quarantine"
lame.example       FAIL
mx.example         TXT "v=spf1 mx -all"
mx.example         MX mail.mx.example
mail.mx.example    A 192.0.2.9
"#;

fn panel(dns: Dns, options: &Options) -> StandardPanel {
    let clock = Clock::by_hand(Timestamp(1_700_000_000_000));
    StandardPanel::open(options, Arc::new(dns), clock).expect("panel")
}

fn message(author: &str) -> String {
    format!(
        "From: Ann <{author}>\r\nTo: alice@example.org\r\nSubject: Hello\r\n\
         Date: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <1.2@example.net>\r\n\r\nGood morning.\r\n"
    )
}

fn mail(client: &str, from: &str, message: &str) -> Mail {
    let mut peer = Peer::new(client.parse().expect("address"));
    peer.helo = "mail.nowhere.example".into();
    let envelope = Envelope {
        peer,
        direction: Direction::Inbound,
        from: from.parse().ok(),
        to: vec!["alice@example.org".parse().expect("address")],
        body: BodyType::EightBitMime,
        smtputf8: false,
    };
    Mail::new(
        envelope,
        Message::new(message.to_owned(), None).expect("message"),
        0,
    )
}

/// The findings of authentication: names, those that could not run in brackets.
fn names(findings: &Findings) -> Vec<String> {
    let of_auth = |name: &str| {
        ["SPF", "DKIM", "DMARC", "ARC", "SLOW"]
            .iter()
            .any(|check| name.starts_with(check))
    };
    findings
        .found
        .iter()
        .filter(|finding| of_auth(finding.name()))
        .map(|finding| match finding {
            Finding::Unavailable { name, .. } => format!("[{name}]"),
            other => other.name().to_owned(),
        })
        .collect()
}

async fn seen(zone: &str, client: &str, from: &str, message: &str) -> Findings {
    let dns = Dns::fixed(zone).expect("zone");
    panel(dns, &Options::default())
        .inspect(&mail(client, from, message))
        .await
}

#[tokio::test]
async fn spf_and_dmarc_judge_by_the_zone() {
    for (client, from, want, forged, field) in [
        (
            "192.0.2.1",
            "ann@example.net",
            vec!["DMARC_PASS"],
            false,
            "spf=pass smtp.mailfrom=ann@example.net",
        ),
        (
            "192.0.2.5",
            "ann@example.net",
            vec!["SPF_FAIL", "DMARC_REJECT"],
            true,
            "dmarc=fail header.from=example.net",
        ),
        (
            "192.0.2.5",
            "ann@soft.example",
            vec!["SPF_SOFTFAIL", "DMARC_QUARANTINE"],
            true,
            "spf=softfail",
        ),
        (
            "192.0.2.9",
            "ann@mx.example",
            vec![],
            false,
            "dmarc=none header.from=mx.example",
        ),
        (
            "192.0.2.5",
            "ann@none.example",
            vec![],
            false,
            "spf=none smtp.mailfrom=ann@none.example",
        ),
        // An address of this network says nothing: no SPF, and no DMARC failure for want of it.
        (
            "127.0.0.1",
            "ann@example.net",
            vec![],
            false,
            "spf=none smtp.mailfrom=ann@example.net;\r\n\tdkim=none;\r\n\tdmarc=none",
        ),
        (
            "::ffff:10.0.0.7",
            "ann@example.net",
            vec![],
            false,
            "arc=none",
        ),
    ] {
        let findings = seen(ZONE, client, from, &message(from)).await;
        assert_eq!(names(&findings), want, "{client} {from}");
        assert_eq!(findings.forged, forged, "{client} {from}");
        assert!(
            findings.authentication.contains(field),
            "{}",
            findings.authentication
        );
        assert_eq!(findings.subject, "Hello");
        assert_eq!(findings.authors[0].to_string(), from);
    }
}

#[tokio::test]
async fn xx06_a_lost_answer_is_unavailable_and_no_pass() {
    let findings = seen(
        ZONE,
        "192.0.2.5",
        "ann@lame.example",
        &message("ann@lame.example"),
    )
    .await;
    assert_eq!(names(&findings), ["[SPF]"]);
    assert!(
        findings.authentication.contains("spf=temperror"),
        "{}",
        findings.authentication
    );
    let zone = format!("{ZONE}\n_dmarc.lame.example FAIL\n");
    let findings = seen(
        &zone,
        "192.0.2.5",
        "ann@lame.example",
        &message("ann@lame.example"),
    )
    .await;
    assert_eq!(names(&findings), ["[SPF]", "[DMARC]"]);
    assert!(!findings.forged);
}

/// A message signed for `example.net`, and the zone with the key's record.
fn signed(author: &str) -> (String, String) {
    let pkcs8 = Ed25519Key::generate_pkcs8().expect("key");
    let key = Ed25519Key::from_pkcs8_der(&pkcs8).expect("key");
    let public =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key.public_key());
    let message = message(author);
    let signer = DkimSigner::from_key(key)
        .domain("example.net")
        .selector("s")
        .headers(["From", "Subject"]);
    let signature = signer
        .sign(message.as_bytes())
        .expect("signature")
        .to_header();
    let zone = format!("{ZONE}\ns._domainkey.example.net TXT \"v=DKIM1; k=ed25519; p={public}\"\n");
    (format!("{signature}{message}"), zone)
}

#[tokio::test]
async fn dkim_proves_the_author_where_spf_cannot() {
    let (message, zone) = signed("ann@example.net");
    let findings = seen(&zone, "127.0.0.1", "list@other.example", &message).await;
    assert_eq!(names(&findings), ["DKIM_VALID", "DMARC_PASS"]);
    assert!(
        findings
            .authentication
            .contains("dkim=pass header.d=example.net header.s=s"),
        "{}",
        findings.authentication
    );
    let altered = message.replace("morning", "evening");
    let findings = seen(&zone, "192.0.2.5", "ann@example.net", &altered).await;
    assert_eq!(
        names(&findings),
        ["SPF_FAIL", "DKIM_INVALID", "DMARC_REJECT"]
    );
    // The key cannot be asked.
    let lost = zone
        .lines()
        .filter(|l| !l.starts_with("s._domainkey"))
        .chain(["s._domainkey.example.net FAIL"]);
    let findings = seen(
        &lost.collect::<Vec<_>>().join("\n"),
        "192.0.2.5",
        "ann@example.net",
        &message,
    )
    .await;
    assert_eq!(names(&findings), ["SPF_FAIL", "[DKIM]", "[DMARC]"]);
    assert!(!findings.forged);
}

/// XX-07, IW-03: what the parsers of the From field see differently, or cut off, proves nobody.
#[tokio::test]
async fn xx07_what_is_proven_of_one_domain_is_proven_of_no_other() {
    let zone = format!("{ZONE}\nbank.example.example.net TXT \"v=spf1 -all\"\n");
    // So long that its end is not looked at.
    let cut = "<boss@bank.example";
    let long = |blanks: usize| {
        let pad = "x".repeat((8 << 10) - cut.len() - blanks);
        format!("{pad} {cut}.example.net>")
    };
    for (from, aligned, forged) in [
        ("Ann <ann@example.net>", true, false),
        ("ann@example.net, bob@EXAMPLE.net", true, false),
        ("ann@example.net, boss@bank.example", false, true),
        ("boss@bank.example, ann@example.net", false, true),
        ("<boss@bank.example.example.net>", true, false),
        (&long(1), false, true),
        (&long(2), false, true),
        ("Ann <a nn@example.net>", false, false),
        ("nobody", false, false),
    ] {
        let message = message("ann@example.net").replace("Ann <ann@example.net>", from);
        let findings = seen(&zone, "192.0.2.1", "ann@example.net", &message).await;
        let end = &from[from.len().saturating_sub(40)..];
        let authors = &findings.authors;
        assert_eq!(
            (findings.aligned, findings.forged),
            (aligned, forged),
            "{end}: {authors:?}"
        );
    }
}

/// XX-07: the reverse path is proven by SPF alone.
#[tokio::test]
async fn xx07_spf_tells_of_the_reverse_path_whoever_the_author_is() {
    use ReversePath::{Denied, Proven, Unknown};
    let (message, zone) = signed("ann@example.net");
    for (client, from, want) in [
        ("192.0.2.1", "bob@example.net", Proven),
        ("192.0.2.5", "bob@example.net", Denied),
        ("192.0.2.5", "bob@soft.example", Denied),
        ("192.0.2.5", "bob@none.example", Unknown),
        ("192.0.2.5", "bob@lame.example", Unknown),
        ("127.0.0.1", "bob@example.net", Unknown),
        ("192.0.2.1", "", Unknown),
    ] {
        let findings = seen(&zone, client, from, &message).await;
        assert!(findings.aligned, "the signature proves the author");
        assert_eq!(findings.path, want, "{client} {from}");
    }
}

#[tokio::test]
async fn large_mail_is_verified_on_its_own_thread_all_the_same() {
    let (message, zone) = signed("ann@example.net");
    let large = format!("{message}{}", "more words\r\n".repeat(20_000));
    let findings = seen(&zone, "192.0.2.1", "ann@example.net", &large).await;
    assert_eq!(names(&findings), ["DKIM_INVALID", "DMARC_PASS"]);
}

#[tokio::test]
async fn xx06_without_dns_all_four_are_named_and_policy_decides() {
    let mut options = Options::default();
    options
        .unavailable
        .insert("DMARC".into(), Then(WhenUnavailable::Defer));
    let mail = mail("192.0.2.5", "ann@example.net", &message("ann@example.net"));
    let findings = panel(Dns::off("no server"), &options).inspect(&mail).await;
    assert_eq!(names(&findings), ["[SPF]", "[DKIM]", "[DMARC]", "[ARC]"]);
    assert_eq!(findings.authentication, "");
    for finding in &findings.found {
        if let Finding::Unavailable { name, why, then } = finding {
            assert_eq!(why, "no server");
            let want = if name == "DMARC" {
                WhenUnavailable::Defer
            } else {
                WhenUnavailable::Ignore
            };
            assert_eq!(*then, want);
        }
    }
    options.unavailable.insert("DNARC".into(), Then::default());
    let dns = Arc::new(Dns::off("no server"));
    let error = StandardPanel::open(&options, dns, Clock::system())
        .err()
        .expect("an unknown check");
    assert!(error.to_string().contains("no check DNARC"), "{error}");
}

#[tokio::test]
async fn mail_of_our_own_users_and_released_mail_are_not_authenticated() {
    let mut own = mail("192.0.2.5", "ann@example.net", &message("ann@example.net"));
    own.envelope.direction = Direction::Outbound;
    let panel = panel(Dns::fixed(ZONE).expect("zone"), &Options::default());
    let findings = panel.inspect(&own).await;
    assert_eq!(
        (names(&findings), findings.authentication.as_str()),
        (Vec::new(), "")
    );
    own.envelope.direction = Direction::Inbound;
    let findings = panel.inspect_released(&own).await;
    assert_eq!(
        (findings.found.len(), findings.subject.as_str()),
        (0, "Hello")
    );
    assert_eq!(findings.authors.len(), 1);
}

struct Slow;

#[async_trait]
impl Inspector for Slow {
    fn name(&self) -> &'static str {
        "SLOW"
    }
    async fn inspect(&self, _: &Mail) -> Vec<Finding> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn xx06_a_check_that_never_ends_is_unavailable() {
    let options = Options {
        time_budget: Span(Duration::from_millis(300)),
        ..Options::default()
    };
    let panel = panel(Dns::fixed(ZONE).expect("zone"), &options).with(Arc::new(Slow));
    let findings = panel
        .inspect(&mail(
            "192.0.2.1",
            "ann@example.net",
            &message("ann@example.net"),
        ))
        .await;
    assert_eq!(names(&findings), ["DMARC_PASS", "[SLOW]"]);
}

#[tokio::test]
async fn hostile_names_cannot_forge_the_field() {
    let mut hostile = mail("192.0.2.5", "", &message("ann@example.net"));
    hostile.envelope.peer.helo = "x.example; dmarc=pass\r\nX-Evil: 1".into();
    let findings = panel(Dns::fixed(ZONE).expect("zone"), &Options::default())
        .inspect(&hostile)
        .await;
    let field = &findings.authentication;
    assert!(
        !field.contains("X-Evil: 1") && !field.contains("dmarc=pass"),
        "{field}"
    );
    assert!(
        field
            .split("\r\n")
            .skip(1)
            .all(|line| line.starts_with('\t')),
        "{field}"
    );
}

#[tokio::test]
async fn without_rules_the_findings_of_the_house_stay() {
    let options = Options {
        rules: Vec::new(),
        ..Options::default()
    };
    // GTUBE, in base64: only the structure tells that it is text.
    let gtube = "WEpTKkM0SkRCUUFETjEuTlNCTjMqMklETkVOKkdUVUJFLVNUQU5EQVJELUFOVEktVUJFLVRFU1QtRU1BSUwqQy4zNFgK";
    let message = format!(
        "From: ann@example.net\r\nSubject: a test\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n{gtube}\r\n"
    );
    let findings = panel(Dns::off("not asked"), &options)
        .inspect(&mail("192.0.2.1", "ann@example.net", &message))
        .await;
    assert!(findings.found.iter().any(|found| found.name() == "GTUBE"));
    assert_eq!(findings.subject, "a test");
}

#[tokio::test]
async fn se18_how_our_own_users_clients_greet_says_nothing_of_them() {
    let panel = panel(Dns::off("not asked"), &Options::default());
    let mut letter = mail("192.0.2.1", "ann@example.net", &message("ann@example.net"));
    letter.envelope.peer.helo = "laptop".to_owned();
    letter.envelope.peer.name = Some("dsl-4-17.pool.isp.example".to_owned());
    for (direction, fires) in [(Direction::Inbound, true), (Direction::Outbound, false)] {
        letter.envelope.direction = direction;
        let found = panel.inspect(&letter).await.found;
        for rule in ["HELO_BARE", "CLIENT_DIAL_UP"] {
            let there = found.iter().any(|found| found.name() == rule);
            assert_eq!(there, fires, "{rule} {direction:?}");
        }
    }
}

//! Who is trusted to vouch for a mail, and DMARC enforced, against a fixed zone.

use std::sync::Arc;

use crate::clock::{Clock, Timestamp};
use crate::mail::{BodyType, Direction, Edit, Envelope, Mail, Message, Peer, edited};
use crate::net::dns::Dns;
use crate::policy::{Chain, Finding, Findings, Policy};
use crate::token::{Algorithm, SealingKey};

use super::{DmarcUse, Options, Panel, Set, StandardPanel, seal};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const ZONE: &str = r#"
example.net        TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.example.net TXT "v=DMARC1; p=reject; sp=none"
_dmarc.soft.example TXT "v=DMARC1; p=quarantine"
_dmarc.lax.example TXT "v=DMARC1; p=none"
_dmarc.trial.example TXT "v=DMARC1; p=quarantine; t=y"
"#;

fn message(author: &str) -> String {
    format!(
        "From: Ann <{author}>\r\nTo: list@list.test\r\nSubject: [list] Hello\r\n\
         Date: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <1.2@example.net>\r\n\r\nGood morning.\r\n-- list\r\n"
    )
}

fn key(domain: &str) -> SealingKey {
    let (domain, selector) = (domain.parse(), "s1".parse());
    SealingKey::make(
        domain.expect("domain"),
        selector.expect("selector"),
        Algorithm::Ed25519,
        NOW,
    )
    .expect("key")
}

/// The message as `key`'s domain passes it on, saying `results`.
fn sealed(key: &SealingKey, message: &str, results: &str, chain: Chain) -> String {
    let set = Set {
        authserv: "mx.list.test",
        results,
        chain,
        key,
        now: NOW,
    };
    let message = Message::new(message.to_owned(), None).expect("message");
    let plain = edited(&message, &[]);
    let edits: Vec<Edit> = seal(&plain, &set).expect("key").expect("sealed");
    let out = edited(&message, &edits);
    String::from_utf8([&out.header[..], &out.body[..]].concat()).expect("text")
}

async fn seen(message: &str, keys: &[&SealingKey], options: &Options) -> Findings {
    let mut zone = ZONE.to_owned();
    for key in keys {
        let record = key.record().expect("record");
        zone.push_str(&format!("{} TXT \"{record}\"\n", key.record_name()));
    }
    let envelope = Envelope {
        peer: Peer::new("198.51.100.7".parse().expect("address")),
        direction: Direction::Inbound,
        from: "bounce@list.test".parse().ok(),
        to: vec!["alice@example.org".parse().expect("address")],
        body: BodyType::EightBitMime,
        smtputf8: false,
    };
    let message = Message::new(message.to_owned(), None).expect("message");
    let dns = Arc::new(Dns::fixed(&zone).expect("zone"));
    let panel = StandardPanel::open(options, dns, Clock::by_hand(NOW)).expect("panel");
    panel.inspect(&Mail::new(envelope, message, 0)).await
}

fn trusting(dmarc: DmarcUse) -> Options {
    Options {
        dmarc,
        trusted_forwarders: vec!["list.test".parse().expect("domain")],
        ..Options::default()
    }
}

fn has(findings: &Findings, name: &str) -> bool {
    findings.found.iter().any(|found| found.name() == name)
}

fn score_of(findings: &Findings) -> f32 {
    findings.found.iter().map(Finding::weight).sum()
}

#[tokio::test]
async fn a_trusted_forwarder_vouches_for_what_it_changed() {
    let (list, other) = (key("list.test"), key("other.test"));
    let good = "dmarc=pass header.from=example.net";
    let mail = message("ann@example.net");
    let other_author = message("eve@soft.example");
    let by_list = sealed(&list, &mail, good, Chain::None);
    let table = [
        (by_list.clone(), true),
        // Nobody sealed it; somebody who is not trusted did; or did so last.
        (mail.clone(), false),
        (sealed(&other, &mail, good, Chain::None), false),
        (sealed(&other, &by_list, good, Chain::Pass), false),
        // It was not good when it came to the forwarder, or is of another author.
        (
            sealed(
                &list,
                &mail,
                "dmarc=fail header.from=example.net",
                Chain::None,
            ),
            false,
        ),
        (sealed(&list, &other_author, good, Chain::None), false),
        // It was changed behind the forwarder.
        (by_list.replace("morning", "evening"), false),
        (by_list.replace("ann@example.net", "bob@example.net"), false),
        (by_list.replace("dmarc=pass", "dmarc=pass (x)"), false),
    ];
    for (at, (mail, trusted)) in table.iter().enumerate() {
        for dmarc in [DmarcUse::Score, DmarcUse::Enforce] {
            let found = seen(mail, &[&list, &other], &trusting(dmarc)).await;
            assert_eq!(has(&found, "ARC_TRUSTED"), *trusted, "{at}: {found:?}");
            assert_eq!(found.forged, !trusted, "{at}: {found:?}");
            let fails = has(&found, "DMARC_REJECT") || has(&found, "DMARC_QUARANTINE");
            assert_eq!(fails, !trusted, "{at}");
        }
    }
    let found = seen(&by_list, &[&list], &Options::default()).await;
    assert!(
        found.forged && has(&found, "DMARC_REJECT"),
        "nobody is trusted by default"
    );
    // A later hop that is trusted speaks for the whole chain.
    let twice = sealed(&other, &mail, "dmarc=none", Chain::None);
    let twice = sealed(&list, &twice, good, Chain::Pass);
    let found = seen(&twice, &[&list, &other], &trusting(DmarcUse::Score)).await;
    assert!(has(&found, "ARC_TRUSTED"), "{found:?}");
}

#[tokio::test]
async fn dmarc_is_enforced_where_the_author_asks_for_it() {
    let policy = Policy::default();
    for (author, score, enforced) in [
        ("ann@example.net", "DMARC_REJECT", true),
        ("ann@soft.example", "DMARC_QUARANTINE", true),
        ("ann@lax.example", "DMARC_FAIL", false),
        // A subdomain under sp=none, and a domain on trial.
        ("ann@below.example.net", "DMARC_FAIL", false),
        ("ann@trial.example", "DMARC_FAIL", false),
    ] {
        let mail = message(author);
        let found = seen(&mail, &[], &Options::default()).await;
        assert!(
            has(&found, score) && !has(&found, "DMARC_ENFORCED"),
            "{author}"
        );
        assert!(score_of(&found) < policy.spam_from, "{author}");
        let mut options = trusting(DmarcUse::Enforce);
        // Whatever else speaks for it.
        options.scores.insert(score.to_owned(), -50.0);
        let found = seen(&mail, &[], &options).await;
        assert_eq!(has(&found, "DMARC_ENFORCED"), enforced, "{author}");
        assert_eq!(score_of(&found) >= policy.spam_from, enforced, "{author}");
    }
}

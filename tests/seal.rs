//! XX-14: Subject tags on signed mail, judged by a verifier that is not ours (dkimpy).

mod house;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use house::{House, address, door, principal, scope};
use quaranta::clock::{Clock, Timestamp};
use quaranta::inspect::{Options, Set, StandardPanel, seal};
use quaranta::mail::{Domain, Message, Peer, edited};
use quaranta::net::dns::Dns;
use quaranta::policy::{Answer, Chain, Layer, Mode, Replies, TagSigned};
use quaranta::store::in_memory;
use quaranta::token::{Algorithm, SealingKey};

const GTUBE: &str = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";
const TAG: &str = "Subject: [SPAM] an offer";

/// A house with real checks, and senders who sign.
struct World {
    house: House,
    dir: tempfile::TempDir,
    clock: Clock,
}

/// The domains that have keys, and whether the house seals with them.
const SENDERS: [&str; 2] = ["remote.test", "list.test"];

fn key(domain: &str, algorithm: Algorithm) -> (SealingKey, String) {
    let selector = "s1".parse().expect("selector");
    let domain: Domain = domain.parse().expect("domain");
    let key = SealingKey::make(domain, selector, algorithm, Timestamp(0)).expect("key");
    let kept = serde_json::to_value(&key).expect("JSON");
    let der = kept["secret"].as_str().expect("secret").to_owned();
    let lines: Vec<&str> = der
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("base64"))
        .collect();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        lines.join("\n")
    );
    assert!(STANDARD.decode(der).is_ok());
    (key, pem)
}

impl World {
    /// `sealers`: domains of ours with a key.
    async fn new(sealers: &[(&str, Algorithm)]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut zone, mut records) = (String::new(), String::new());
        let mut publish = |key: &SealingKey| {
            let (name, value) = (key.record_name(), key.record().expect("record"));
            zone.push_str(&format!("{name} TXT \"{value}\"\n"));
            records.push_str(&format!("{name} {value}\n"));
        };
        for domain in SENDERS {
            let (key, pem) = key(domain, Algorithm::Rsa);
            publish(&key);
            std::fs::write(dir.path().join(domain), pem).expect("key file");
        }
        let mut pems = Vec::new();
        for (domain, algorithm) in sealers {
            let (key, pem) = key(domain, *algorithm);
            publish(&key);
            pems.push((key, pem));
        }
        std::fs::write(dir.path().join("records"), records).expect("records");
        let clock = Clock::by_hand(Timestamp(1_700_000_000_000));
        let dns = Arc::new(Dns::fixed(&zone).expect("zone"));
        let panel = StandardPanel::open(&Options::default(), dns, clock.clone()).expect("panel");
        let store = in_memory::open(clock.clone());
        let house = House::with_panel(store, clock.clone(), Arc::new(panel)).await;
        for (key, pem) in pems {
            let (by, door) = (principal("global"), door());
            let (domain, selector, algorithm) = (key.domain, key.selector, key.algorithm);
            house
                .desk
                .set_sealing_key(&by, domain, selector, Some(pem), algorithm, &door)
                .await
                .expect("the key is taken");
        }
        Self { house, dir, clock }
    }

    async fn tag_signed(&self, domain: &str, tag_signed: TagSigned) {
        let layer = Layer {
            mode: Some(Mode::Tag),
            tag_signed: Some(tag_signed),
            ..Layer::default()
        };
        self.house.set(&scope(domain).to_string(), layer).await;
    }

    /// Runs dkimpy on `message`.
    fn dkimpy(&self, command: &str, domain: &str, message: &str) -> String {
        let script: PathBuf =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/signatures.py");
        let mut python = Command::new("/usr/bin/python3");
        python
            .arg(script)
            .arg(command)
            .arg(self.dir.path().join("records"));
        if !domain.is_empty() {
            python
                .args([domain, "s1"])
                .arg(self.dir.path().join(domain));
        }
        let mut child = python
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs; tests/run installs python3-dkim");
        let mut stdin = child.stdin.take().expect("stdin");
        stdin.write_all(message.as_bytes()).expect("written");
        drop(stdin);
        let output = child.wait_with_output().expect("ended");
        assert!(output.status.success(), "{command} failed");
        String::from_utf8(output.stdout).expect("text")
    }

    fn signed(&self) -> String {
        self.dkimpy("dkim-sign", "remote.test", &plain())
    }

    /// Seals it as a mailing list would; dkimpy judges whether it is a seal.
    fn by_a_list(&self, message: &str) -> String {
        let pem = std::fs::read_to_string(self.dir.path().join("list.test")).expect("key");
        let (domain, selector) = ("list.test".parse(), "s1".parse());
        let key = SealingKey::read(
            domain.expect("domain"),
            selector.expect("selector"),
            &pem,
            Timestamp(0),
        );
        let set = Set {
            authserv: "mx.list.test",
            results: "dkim=pass",
            chain: Chain::None,
            key: &key.expect("key"),
            now: Timestamp(1_600_000_000_000),
        };
        let message = Message::new(message.to_owned(), None).expect("message");
        let fields = seal(&edited(&message, &[]), &set).expect("sealed");
        let sealed = edited(&message, &fields.expect("a set"));
        String::from_utf8([sealed.header, sealed.body].concat()).expect("text")
    }

    fn dkim(&self, message: &str) -> String {
        self.dkimpy("dkim-verify", "", message).trim().to_owned()
    }

    fn arc(&self, message: &str) -> String {
        self.dkimpy("arc-verify", "", message).trim().to_owned()
    }

    /// Receives `message` for `to`; what the destination gets for each.
    async fn through(&self, to: &[&str], message: &str) -> Vec<String> {
        let to: Vec<_> = to.iter().map(|to| address(to)).collect();
        let from = Some(address("sender@remote.test"));
        let mut mail = house::mail(&self.clock, from, &to, message);
        mail.envelope.peer = Peer::new("192.0.2.7".parse().expect("address"));
        let carrier = &*self.house.carrying;
        carrier.destination.delivered.lock().clear();
        let answer = self.house.intake.receive(mail, Replies::One, carrier).await;
        let Answer::One(reply) = answer else {
            panic!("one reply was asked for")
        };
        assert!(reply.is_positive(), "{reply}");
        let got = to.iter().map(|to| carrier.destination.got(&to.to_string()));
        got.map(|mut all| all.pop().expect("delivered")).collect()
    }

    async fn tagged(&self, message: &str) -> String {
        self.through(&["alice@tag.example.org"], message)
            .await
            .remove(0)
    }
}

fn plain() -> String {
    format!(
        "From: Sender <sender@remote.test>\r\nTo: alice@tag.example.org\r\nSubject: an offer\r\n\
         Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@remote.test>\r\n\r\n\
         {GTUBE}\r\n.dot \t x\r\n\r\n\r\n"
    )
}

fn is_marked(message: &str) -> bool {
    message.contains("X-Spam-Flag: YES\r\n")
}

#[tokio::test]
async fn xx14_the_policy_says_whether_a_tag_may_break_a_signature() {
    let world = World::new(&[]).await;
    let signed = world.signed();
    assert_eq!(world.dkim(&signed), "pass", "the verifier can say yes");

    let spared = world.tagged(&signed).await;
    assert!(is_marked(&spared) && !spared.contains("[SPAM]"), "{spared}");
    assert_eq!(world.dkim(&spared), "pass", "header-only is the default");

    world.tag_signed("tag.example.org", TagSigned::Tag).await;
    let tagged = world.tagged(&signed).await;
    assert!(is_marked(&tagged) && tagged.contains(TAG), "{tagged}");
    assert_eq!(world.dkim(&tagged), "fail", "and it can say no");

    let keyless = TagSigned::TagAndArcSeal;
    world.tag_signed("tag.example.org", keyless).await;
    let spared = world.tagged(&signed).await;
    assert!(is_marked(&spared) && !spared.contains("[SPAM]"), "{spared}");
    assert_eq!(world.dkim(&spared), "pass", "without a key");

    world
        .tag_signed("tag.example.org", TagSigned::HeaderOnly)
        .await;
    let broken = signed.replace("an offer", "an offer!");
    assert_eq!(world.dkim(&broken), "fail");
    let tagged = world.tagged(&broken).await;
    assert!(tagged.contains(TAG), "nothing is left to spare: {tagged}");
    assert!(world.tagged(&plain()).await.contains(TAG));
}

#[tokio::test]
async fn xx14_a_sealed_tag_has_a_chain_that_verifies() {
    let world = World::new(&[("tag.example.org", Algorithm::Rsa)]).await;
    let seal = TagSigned::TagAndArcSeal;
    world.tag_signed("tag.example.org", seal).await;
    let sealed = world.tagged(&world.signed()).await;
    assert!(is_marked(&sealed) && sealed.contains(TAG), "{sealed}");
    assert_eq!(
        (world.dkim(&sealed), world.arc(&sealed)),
        ("fail".into(), "pass 1".into())
    );
    let results = "ARC-Authentication-Results: i=1; mx.example.org;\r\n\tspf=none";
    assert!(sealed.contains(results) && sealed.contains("dkim=pass header.d=remote.test"));
    let altered = sealed.replace("[SPAM] an", "an");
    assert_eq!(world.arc(&altered), "fail 1", "the test can fail");

    // Large mail is sealed on a thread of its own.
    let large = plain() + &"0123456789 abcdefghijklmnopqrstuvwxyz\r\n".repeat(3000);
    let large = world.dkimpy("dkim-sign", "remote.test", &large);
    assert_eq!(world.arc(&world.tagged(&large).await), "pass 1");

    // Unsigned mail is sealed too: its results are of use to the destination.
    assert_eq!(world.arc(&world.tagged(&plain()).await), "pass 1");
}

#[tokio::test]
async fn xx14_odd_messages_are_sealed_as_others_verify_them() {
    let world = World::new(&[]).await;
    let many = "To: a@x.test\r\n".repeat(30);
    for message in [
        "From: a@x.test\r\nSubject: no body\r\n\r\n",
        "From: a@x.test\r\n\r\n\r\n\r\n",
        "From: a@x.test\r\nSubject:\r\n\r\nno line end",
        "From:a@x.test\r\nSUBJECT:  a \t b\r\n\t c  \r\n\r\n \t\r\nx  y \t\r\n\r\n\r\n",
        "Subject: one\r\nFrom: a@x.test\r\nSubject: two\r\nsubject: three\r\n\r\nx\r\n",
        "From: \u{e4}@x.test\r\nSubject: \u{4e2d}\u{6587}\r\n\r\n\u{e4}\r\n",
        &format!("{many}From: a@x.test\r\n\r\nx\r\n"),
    ] {
        assert_eq!(world.arc(&world.by_a_list(message)), "pass 1", "{message}");
    }
}

#[tokio::test]
async fn xx14_a_chain_that_came_goes_on() {
    let world = World::new(&[("tag.example.org", Algorithm::Rsa)]).await;
    let listed = world.by_a_list(&world.signed());
    assert_eq!(world.arc(&listed), "pass 1");
    // A list changed the Subject before it sealed: the chain alone covers it.
    let changed = world.signed().replace("an offer", "[list] an offer");
    let resealed = world.by_a_list(&changed);
    let spared = world.tagged(&resealed).await;
    assert!(!spared.contains("[SPAM]"), "{spared}");
    assert_eq!(world.arc(&spared), "pass 1");

    let seal = TagSigned::TagAndArcSeal;
    world.tag_signed("tag.example.org", seal).await;
    for message in [listed.clone(), resealed] {
        let sealed = world.tagged(&message).await;
        assert!(sealed.contains("[SPAM]"), "{sealed}");
        assert_eq!(world.arc(&sealed), "pass 2");
    }

    // Failed, and the signature is good: a seal would vouch for nothing.
    let failed = listed.replace("t=1600000000; cv=none", "t=1600000001; cv=none");
    assert_eq!(
        (world.dkim(&failed), world.arc(&failed)),
        ("pass".into(), "fail 1".into())
    );
    let spared = world.tagged(&failed).await;
    assert!(
        !spared.contains("[SPAM]") && !spared.contains("i=2"),
        "{spared}"
    );

    // Failed, and nothing to spare: said once, never again (RFC 8617 section 5.1).
    let failed = failed.replace("an offer", "another offer");
    let once = world.tagged(&failed).await;
    assert!(
        once.contains("cv=fail") && once.contains("i=2; a="),
        "{once}"
    );
    assert!(world.arc(&once).starts_with("fail"));
    let twice = world.tagged(&once.replace("[SPAM] ", "")).await;
    assert!(
        twice.contains("[SPAM]") && !twice.contains("i=3"),
        "{twice}"
    );
}

#[tokio::test]
async fn xx14_each_domain_seals_with_its_own_key() {
    let ours = [
        ("example.org", Algorithm::Ed25519),
        ("tag.example.org", Algorithm::Rsa),
    ];
    let world = World::new(&ours).await;
    for (domain, _) in ours {
        world.tag_signed(domain, TagSigned::TagAndArcSeal).await;
    }
    let to = ["alice@tag.example.org", "alice@example.org"];
    let got = world.through(&to, &world.signed()).await;
    assert_eq!(world.arc(&got[0]), "pass 1");
    assert!(got[0].contains("a=rsa-sha256; d=tag.example.org; s=s1"));
    assert!(
        got[1].contains("a=ed25519-sha256; d=example.org; s=s1"),
        "{}",
        got[1]
    );
    // dkimpy knows no Ed25519 in ARC; mail-auth does.
    let again = world.house_inspects(&got[1]).await;
    assert_eq!(again, Chain::Pass);
    let altered = got[1].replace("[SPAM]", "");
    assert_eq!(world.house_inspects(&altered).await, Chain::Fail);
}

impl World {
    /// The chain as our own panel sees it.
    async fn house_inspects(&self, message: &str) -> Chain {
        let records = std::fs::read_to_string(self.dir.path().join("records")).expect("records");
        let zone: String = records
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(name, value)| format!("{name} TXT \"{value}\"\n"))
            .collect();
        let dns = Arc::new(Dns::fixed(&zone).expect("zone"));
        let panel = StandardPanel::open(&Options::default(), dns, self.clock.clone());
        let to = [address("alice@example.org")];
        let mail = house::mail(&self.clock, None, &to, message);
        assert!(Message::new(message.to_owned(), None).is_ok());
        let panel: Arc<dyn quaranta::inspect::Panel> = Arc::new(panel.expect("panel"));
        panel.inspect(&mail).await.chain
    }
}

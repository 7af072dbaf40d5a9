//! Letters of the house as others read them: signed (RFC 6376) and judged by dkimpy.

mod house;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use house::{House, address};
use quaranta::actions::link_keys;
use quaranta::clock::Timestamp;
use quaranta::notify::{Letter, LetterOptions, Post};
use quaranta::policy::Layer;
use quaranta::token::{Algorithm, SealingKey};

const ALICE: &str = "alice@example.org";

/// Makes a key with openssl, as an administrator would, and the records that publish it.
fn options(dir: &Path, algorithm: &str) -> LetterOptions {
    let file = dir.join("key.pem");
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", algorithm, "-out"])
        .arg(&file)
        .stderr(Stdio::null())
        .status();
    assert!(made.expect("openssl runs").success());
    LetterOptions {
        from: Some(address("quarantine@example.org")),
        dkim_key: Some(file),
        dkim_selector: Some("q2026".parse().expect("selector")),
        ..LetterOptions::default()
    }
}

fn dkimpy(dir: &Path, key: &SealingKey, message: &str) -> String {
    let records = format!("{} {}\n", key.record_name(), key.record().expect("record"));
    std::fs::write(dir.join("records"), records).expect("records");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/signatures.py");
    let mut child = Command::new("/usr/bin/python3")
        .arg(script)
        .arg("dkim-verify")
        .arg(dir.join("records"))
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

/// SY-06: a letter with all it can have is signed, and nothing can be added to it.
#[tokio::test]
async fn sy06_letters_are_signed() {
    for (algorithm, known) in [("RSA", Algorithm::Rsa), ("ED25519", Algorithm::Ed25519)] {
        let dir = tempfile::tempdir().expect("dir");
        let house = House::new().await;
        let options = options(dir.path(), algorithm);
        let key = options.key("mx.example.org", Timestamp(0));
        let key = key.expect("sound").expect("a key");
        assert_eq!(key.algorithm, known);
        assert_eq!(key.record_name(), "q2026._domainkey.example.org");
        let (jobs, clock) = (house.store.jobs.clone(), house.clock.clone());
        let post = Post::new(jobs, clock, "mx.example.org", &options).signing(Some(key.clone()));
        let until = house.clock.now().after(Duration::from_secs(60));
        let text = "Grüße\n.\n  \nEnde \n\n\n".to_owned();
        let mut letter = Letter::new(address(ALICE), "test", "Für dich", text, until);
        letter.html = Some("<p>Grüße</p>\n".to_owned());
        letter.fields = vec![
            ("List-Unsubscribe", "<https://mx.example.org/u/1>".into()),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".into()),
        ];
        letter.attached = Some("Subject: in\r\n\r\nside\r\n".into());
        letter.sender = Some(address("bounces@example.org"));
        post.send(letter).await.expect("sent");
        let job = house.store.jobs.jobs(10).await.expect("jobs").remove(0);
        let kept = house.store.entries.mail(job.mail).await.expect("store");
        let from = kept.expect("mail").envelope.from;
        assert_eq!(from, Some(address("bounces@example.org")));
        assert_eq!(house.deliver().await, 1);
        let message = house.carrying.destination.got(ALICE).remove(0);
        assert_eq!(dkimpy(dir.path(), &key, &message), "pass", "{message}");
        let added = [
            message.replacen("\r\nSubject:", "\r\nSubject: other\r\nSubject:", 1),
            message.replacen("\r\nTo:", "\r\nReply-To: <x@other.test>\r\nTo:", 1),
            message.replacen("/u/1", "/u/2", 1),
            message.replacen("Ende", "ende", 1),
        ];
        for forged in added {
            assert_ne!(forged, message);
            assert_eq!(dkimpy(dir.path(), &key, &forged), "fail", "{forged}");
        }
    }
}

/// SY-06: a letter that passes our own filter on its way is let by, and nothing else is by its mark.
#[tokio::test]
async fn sy06_letters_pass_our_own_filter() {
    let house = House::new().await;
    let pends = Layer {
        pend_unknown: Some(true),
        greylist: Some(true),
        ..Layer::default()
    };
    house.set("example.org", pends).await;
    let settings = &*house.store.settings;
    let ring = link_keys(settings, house.clock.now()).await.expect("keys");
    let (jobs, clock) = (house.store.jobs.clone(), house.clock.clone());
    let post = Post::new(jobs, clock, "mx.example.org", &LetterOptions::default())
        .marking(ring.current().cloned());
    let until = house.clock.now().after(Duration::from_secs(3600));
    // It quotes what was held.
    let text = "held for you: XJUNK\n".to_owned();
    let letter = Letter::new(address(ALICE), "digest", "What waits", text, until);
    post.send(letter).await.expect("sent");
    house.deliver().await;
    let letter = house.carrying.destination.got(ALICE).remove(0);
    assert!(
        letter.contains("X-Quaranta-Notice-Mark: k=1; x="),
        "{letter}"
    );
    let again = async |to: &str, message: &str| house.in_as_is(None, to, message).await.code;
    assert_eq!(again(ALICE, &letter).await, 250);
    assert_eq!(house.carrying.destination.got(ALICE).len(), 2);
    for forged in [
        letter.replace("held for you", "held for me"),
        letter.replace("What waits", "Buy now"),
        letter.replace("x=", "x=9"),
        format!("X-Quaranta-Notice-Mark: k=1\r\n{letter}"),
    ] {
        assert_eq!(again(ALICE, &forged).await, 550, "{forged}");
    }
    assert_eq!(again("bob@example.org", &letter).await, 550, "not his");
    house.clock.forward(Duration::from_secs(3600));
    assert_eq!(again(ALICE, &letter).await, 550, "no more");
}

/// SY-06: a key that cannot be used is told at the start.
#[test]
fn sy06_a_bad_key_is_told() {
    let dir = tempfile::tempdir().expect("dir");
    let good = options(dir.path(), "ED25519");
    let mut half = good.clone();
    half.dkim_selector = None;
    let mut missing = good.clone();
    missing.dkim_key = Some(dir.path().join("other.pem"));
    let mut mangled = good.clone();
    mangled.dkim_key = Some(dir.path().join("bad.pem"));
    std::fs::write(dir.path().join("bad.pem"), "no key\n").expect("written");
    let key = |options: &LetterOptions| options.key("mx.example.org", Timestamp(0));
    assert!(key(&good).is_ok_and(|key| key.is_some()));
    assert!(key(&LetterOptions::default()).is_ok_and(|key| key.is_none()));
    for (options, words) in [
        (half, "go together"),
        (missing, "other.pem"),
        (mangled, "no private key"),
    ] {
        let said = key(&options).expect_err("told");
        assert!(said.contains(words), "{said}");
    }
}

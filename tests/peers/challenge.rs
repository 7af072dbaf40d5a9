//! A challenge with ordinary tools: swaks sends, a name server vouches, Postfix carries the letter out,
//! curl opens its page, and the message arrives.

use aws_lc_rs::digest::{SHA256, digest};

use crate::names::CLIENT;
use crate::notices::{House, house};
use crate::wait::until;
use crate::{curl, swaks_with};

const ALICE: &str = "alice@example.org";

fn solve(salt: &str) -> String {
    let mut all = (0_u64..).map(|n| n.to_string());
    let found = all.find(|n| {
        let hash = digest(&SHA256, format!("{salt}:{n}").as_bytes());
        matches!(hash.as_ref(), [0, 0, third, ..] if *third < 64)
    });
    found.expect("there is one")
}

/// IW-06, IW-07: from an unknown but honest sender to a delivered message.
#[test]
fn iw06_an_honest_sender_is_asked_and_let_in() {
    let House {
        dir,
        there,
        out,
        here: daemon,
        url,
    } = house();
    daemon.must(&[
        "policy",
        "set",
        "example.org",
        "--pend-unknown",
        "true",
        "--challenge",
        "true",
    ]);
    let message = "From: Carol <carol@remote.test>\r\nTo: alice@example.org\r\nSubject: hello\r\n\
         Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <hello@remote.test>\r\n\r\n";
    let send = |client: &str, body: &str| {
        let client = format!("ADDR={client}");
        let how = ["--from", "carol@remote.test", "--xclient", &client];
        let (said, accepted) = swaks_with(
            &how,
            daemon.smtp,
            ALICE,
            &format!("{message}{body}\r\n"),
            dir.path(),
        );
        assert!(accepted, "{said}");
    };
    // A forger gets a 250, too, and nobody is asked.
    send("203.0.113.66", "forged");
    send(CLIENT, "hello");
    until("carol is asked", || !out.delivered("carol").is_empty());
    let letters = out.delivered("carol");
    assert_eq!(letters.len(), 1, "{letters:#?}");
    let letter = &letters[0];
    assert!(letter.starts_with("Return-Path: <>\n"), "{letter}");
    assert!(
        letter.contains("\nIn-Reply-To: <hello@remote.test>\n"),
        "{letter}"
    );
    let link = letter
        .lines()
        .find(|line| line.starts_with(&url))
        .expect("a link");
    let page = curl(&[link]);
    let salt = page.split_once("name=\"salt\" value=\"").expect("work").1;
    let salt = salt.split('"').next().expect("a salt");
    let fields = format!("salt={salt}&number={}", solve(salt));
    assert!(there.delivered(ALICE).is_empty());
    let done = curl(&["-L", "--post302", "-d", &fields, link]);
    assert!(done.is_empty() || done.contains("It is done"), "{done}");
    until("alice has it", || !there.delivered(ALICE).is_empty());
    assert!(curl(&[link]).contains("It is done"));
    let rest = daemon.must(&["quarantine", "list", ALICE, "--pending"]);
    assert!(rest.contains("1 of 1"), "the forged one waits: {rest}");
    let list = daemon.must(&["challenges", "list"]);
    assert!(
        list.contains("carol@remote.test") && list.contains("answered"),
        "{list}"
    );
    let allowed = daemon.must(&["lists", "show", ALICE]);
    assert!(allowed.contains("carol@remote.test"), "{allowed}");
}

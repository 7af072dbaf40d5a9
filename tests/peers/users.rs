//! What holds for whom, with ordinary tools: lists of users and administrators, modes by domain and user,
//! a release that is taken back, and what goes when its time is over.

use crate::notices::{Api, House, house};
use crate::quaranta::Quaranta;
use crate::wait::until;
use crate::{GTUBE, imap, message, swaks, uids};

const ALICE: &str = "alice@example.org";
const BOB: &str = "bob@example.org";

/// IW-03: users keep their own lists, administrators of a domain those of all of it, and nobody others'.
#[test]
fn iw03_users_and_administrators_keep_their_lists() {
    let House {
        dir,
        there,
        here,
        url,
        ..
    } = house();
    let mail = message("hello", "hello");
    let accepted = |to: &str| swaks(here.smtp, to, &mail, dir.path()).1;
    let block = |scope: &str| {
        format!("{{\"scope\":\"{scope}\",\"kind\":\"block\",\"pattern\":\"sender@remote.test\"}}")
    };
    let alices = Api::of(&here, &url, "recipient", ALICE);
    assert_eq!(alices.ask("/lists", Some(&block(ALICE)))["kind"], "block");
    for other in [BOB, "example.org", "global"] {
        let status = &alices.ask("/lists", Some(&block(other)))["status"];
        assert!(*status == 403 || *status == 404, "{other}: {status}");
    }
    assert!(!accepted(ALICE) && accepted(BOB));
    assert_eq!(there.delivered(BOB).len(), 1);
    let postmasters = Api::of(&here, &url, "domain-administrator", "example.org");
    let added = postmasters.ask("/lists", Some(&block(BOB)));
    assert_eq!(added["kind"], "block", "{added}");
    assert!(!accepted(BOB));
    let status = &postmasters.ask("/lists", Some(&block("global")))["status"];
    assert!(*status == 403 || *status == 404, "{status}");
}

/// XX-13: a release waits for some seconds, in which it can be taken back.
#[test]
fn xx13_a_release_is_taken_back() {
    let House {
        dir,
        there,
        here,
        url,
        ..
    } = house();
    let undo = |seconds| here.must(&["policy", "set", "example.org", "--undo-seconds", seconds]);
    undo("3600");
    swaks(here.smtp, ALICE, &message("gtube", GTUBE), dir.path());
    let id = here.caught(ALICE).remove(0);
    let uid = uids(&here, ALICE).remove(0);
    imap(&here, ALICE, &["move", "Caught", &uid, "Release"]).expect("the drag");
    assert!(uids(&here, ALICE).is_empty());
    Api::of(&here, &url, "recipient", ALICE).act(&id, "take_back");
    assert_eq!(here.caught(ALICE), [id]);
    assert!(there.delivered(ALICE).is_empty());
    undo("0");
    let uid = uids(&here, ALICE).remove(0);
    imap(&here, ALICE, &["move", "Caught", &uid, "Release"]).expect("the drag");
    until("alice has it", || there.delivered(ALICE).len() == 1);
}

/// SE-05, IW-05, IW-09: what is pending, for how long, and what becomes of it, is set for the domain, and
/// for a user otherwise.
#[test]
fn se05_iw05_iw09_what_is_over_goes_as_its_owners_policy_says() {
    let House {
        dir, there, here, ..
    } = house();
    let set = |scope: &str, words: &[&str]| {
        here.must(&[&["policy", "set", scope][..], words].concat());
    };
    let send = |to: &str, subject: &str, body: &str| {
        swaks(here.smtp, to, &message(subject, body), dir.path()).1
    };
    let pending = |daemon: &Quaranta, of: &str| {
        daemon.must(&["quarantine", "list", of, "--pending", "--json"])
    };
    let counts = |daemon: &Quaranta, of: &str| {
        let list: serde_json::Value = serde_json::from_str(&pending(daemon, of)).expect("JSON");
        list["entries"].as_array().expect("entries").len()
    };
    let days = ["--keep-days", "1", "--pend-days", "1"];
    set(
        "example.org",
        &[&["--pend-unknown", "true"], &days[..]].concat(),
    );
    set(BOB, &["--pend-unknown", "false"]);
    assert!(send(ALICE, "one", "hello") && send(BOB, "two", "hello"));
    assert_eq!((counts(&here, ALICE), counts(&here, BOB)), (1, 0));
    assert_eq!(there.delivered(BOB).len(), 1);
    let bobs = ["--pend-unknown", "true", "--keep-days", "5"];
    set(
        BOB,
        &[&bobs[..], &["--pend-end", "deliver-marked"]].concat(),
    );
    assert!(send(BOB, "three", "hello"));
    assert!(!send(&format!("{ALICE},{BOB}"), "four", GTUBE));
    assert_eq!((here.caught(ALICE).len(), here.caught(BOB).len()), (1, 1));

    let (home, base) = (here.dir.clone(), here.smtp);
    assert!(here.terminate().success());
    let here = Quaranta::serve_later(&home, base, 25);
    until("the time of alice's is over", || {
        here.caught(ALICE).is_empty() && counts(&here, ALICE) == 0
    });
    assert_eq!(here.caught(BOB).len(), 1, "bob's are kept longer");
    until("bob's pending mail is delivered", || {
        there.delivered(BOB).len() == 2
    });
    let all = there.delivered(BOB);
    let marked = all
        .iter()
        .find(|text| text.contains("Subject: [SPAM] three"));
    assert!(marked.expect("marked").contains("X-Spam-Flag: YES"));
    assert_eq!(counts(&here, BOB), 0);
    assert!(there.delivered(ALICE).is_empty());
}

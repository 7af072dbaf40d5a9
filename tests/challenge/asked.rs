//! Who is asked, and who is not.

use std::path::Path;
use std::time::Duration;

use quaranta::actions::Query;
use quaranta::clock::{Clock, Timestamp};
use quaranta::config::Config;
use quaranta::control::{Control, Request, Response};
use quaranta::notify::ChallengeOptions;
use quaranta::policy::{Layer, Principal, Scope};
use quaranta::record::Status;
use quaranta::store::on_sled;

use crate::house::address;
use crate::world::{ALICE, SENDER, World, message, options};

/// IW-07: no number of messages from senders who are not vouched for has one letter written.
#[tokio::test]
async fn iw07_ten_thousand_unaligned_senders_are_not_asked() {
    let world = World::new().await;
    for n in 0..10_000 {
        let sender = format!("sender{n}@remote{}.test", n % 100);
        let text = message(&sender, "", "hello");
        assert_eq!(world.receive(&sender, ALICE, &text).await.code, 250);
    }
    assert!(world.letters().await.is_empty());
}

/// IW-06: asked once for each sender and recipient.
#[tokio::test]
async fn iw06_one_aligned_sender_of_ten_thousand_messages_is_asked_once() {
    let world = World::new().await;
    for n in 0..10_000 {
        assert_eq!(world.vouched(ALICE, &n.to_string()).await.code, 250);
    }
    assert_eq!(world.letters().await.len(), 1);
    world.vouched("bob@example.org", "hello").await;
    assert_eq!(world.letters().await.len(), 2, "another recipient");
}

#[tokio::test]
async fn iw07_the_letter_is_marked_and_answers_nobody_by_itself() {
    let world = World::new().await;
    let text = message(SENDER, "Message-ID: <1@remote.test>\r\n", "XALIGNED");
    world.receive(SENDER, ALICE, &text).await;
    let letter = world.letters().await.remove(0);
    assert_eq!(
        (letter.from.clone(), &letter.to),
        (None, &vec![address(SENDER)])
    );
    for field in [
        "To: <sender@remote.test>\r\n",
        "Auto-Submitted: auto-replied\r\n",
        "X-Quaranta-Notice: challenge\r\n",
        "In-Reply-To: <1@remote.test>\r\n",
        "Subject: Please confirm your message to alice@example.org\r\n",
    ] {
        assert!(letter.text.contains(field), "{field}: {}", letter.text);
    }
    assert!(letter.text.contains("https://mx.example.org/c/"));
    let id = letter.path();
    assert_eq!(id.len(), 3 + 44, "no address in it: {id}");
    let entry = world.waiting(ALICE).await[0];
    assert_eq!(world.house.history(entry).await, ["pending", "challenged"]);
}

/// IW-07: every rule of who is not asked; the first row is the control.
#[tokio::test]
async fn iw07_every_exclusion_has_its_row() {
    let ours = "carol@example.org";
    let table = [
        (true, "s0@remote.test", "s0@remote.test", "", "XALIGNED"),
        (
            true,
            "s1@remote.test",
            "s1@remote.test",
            "Auto-Submitted: no\r\n",
            "XALIGNED",
        ),
        (
            true,
            "s2@remote.test",
            "s2@remote.test",
            "",
            "XALIGNED XUNSURE",
        ),
        (
            false,
            "s3@remote.test",
            "s3@remote.test",
            "",
            "not vouched for",
        ),
        (false, "", "s4@remote.test", "", "XALIGNED"),
        (false, "s5@other.test", "s5@remote.test", "", "XALIGNED"),
        (
            false,
            "s6@mail.remote.test",
            "s6@remote.test",
            "",
            "XALIGNED",
        ),
        (false, "s7@remote.test", "nobody at all", "", "XALIGNED"),
        (
            false,
            "s8@remote.test",
            "s8@remote.test",
            "List-Id: <l>\r\n",
            "XALIGNED",
        ),
        (
            false,
            "s9@remote.test",
            "s9@remote.test",
            "List-Unsubscribe: <https://x>\r\n",
            "XALIGNED",
        ),
        (
            false,
            "t1@remote.test",
            "t1@remote.test",
            "Precedence: list\r\n",
            "XALIGNED",
        ),
        (
            false,
            "t2@remote.test",
            "t2@remote.test",
            "Precedence: bulk\r\n",
            "XALIGNED",
        ),
        (
            false,
            "t3@remote.test",
            "t3@remote.test",
            "Precedence: junk\r\n",
            "XALIGNED",
        ),
        (
            false,
            "t4@remote.test",
            "t4@remote.test",
            "Auto-Submitted: auto-replied\r\n",
            "XALIGNED",
        ),
        (
            false,
            "t5@remote.test",
            "t5@remote.test",
            "X-Quaranta-Notice: digest\r\n",
            "XALIGNED",
        ),
        (
            false,
            "noreply@remote.test",
            "noreply@remote.test",
            "",
            "XALIGNED",
        ),
        // A signature travels with copies that anybody sends, under any reverse path.
        (false, "u1@remote.test", "other@remote.test", "", "XALIGNED"),
        (
            true,
            "u2@remote.test",
            "other2@remote.test",
            "",
            "XALIGNED XSPF",
        ),
        (
            false,
            "u3@remote.test",
            "u3@remote.test",
            "",
            "XALIGNED XDENIED",
        ),
        (false, ours, ours, "", "XALIGNED"),
        (
            false,
            "t6@remote.test",
            "t6@remote.test",
            "",
            "XALIGNED XJUNK",
        ),
        (
            false,
            "t7@remote.test",
            "t7@remote.test",
            "",
            "XALIGNED XMALWARE",
        ),
    ];
    let world = World::new().await;
    let mut before = 0;
    for (is_asked, from, author, fields, body) in table {
        world
            .receive(from, ALICE, &message(author, fields, body))
            .await;
        let now = world.letters().await.len();
        assert_eq!(
            now - before,
            usize::from(is_asked),
            "{from} {author} {fields} {body}"
        );
        before = now;
    }
}

/// What a forger sent first, to the octet, waits as the forger's: its link would let nothing in.
#[tokio::test]
async fn iw07_a_copy_of_what_was_not_vouched_for_is_not_asked_about() {
    let world = World::new().await;
    world.by_client("192.0.2.66", ALICE, "XFORGED").await;
    let entry = world.waiting(ALICE).await[0];
    let by = Principal::of(Scope::Global);
    let kept = world.house.desk.entry(&by, entry).await.expect("entry");
    assert!(!kept.aligned);
    world.by_client("198.51.100.7", ALICE, "XFORGED").await;
    assert_eq!(world.waiting(ALICE).await, [entry]);
    assert!(world.letters().await.is_empty());
    world
        .by_client("198.51.100.7", ALICE, "XFORGED other octets")
        .await;
    assert_eq!(world.letters().await.len(), 1, "the control");
}

/// IW-07: off by default, by scope; nobody is asked where mail does not wait.
#[tokio::test]
async fn iw07_only_where_policy_says_so() {
    let world = World::new().await;
    let off = |challenge, pend_unknown| Layer {
        challenge,
        pend_unknown,
        ..Layer::default()
    };
    assert!(!quaranta::policy::Policy::default().challenge);
    world.house.set(ALICE, off(Some(false), None)).await;
    world
        .house
        .set("bob@example.org", off(None, Some(false)))
        .await;
    for to in [ALICE, "bob@example.org"] {
        assert_eq!(world.vouched(to, "hello").await.code, 250);
    }
    assert!(world.letters().await.is_empty());
    world.house.set("example.org", Layer::default()).await;
    world.vouched("carol@example.org", "hello").await;
    assert!(world.letters().await.is_empty());
}

#[tokio::test]
async fn iw07_letters_are_limited_by_sender_domain_and_house() {
    let world = World::with(ChallengeOptions {
        per_sender_a_day: 2,
        per_domain_an_hour: 4,
        per_hour: 6,
        ..options()
    })
    .await;
    let count = async || world.letters().await.len();
    for to in ["a", "b", "c", "d"] {
        world.vouched(&format!("{to}@example.org"), "hello").await;
    }
    assert_eq!(count().await, 2, "by sender");
    for n in 0..4 {
        let other = format!("other{n}@d{n}.remote.test");
        world
            .receive(&other, ALICE, &message(&other, "", "XALIGNED"))
            .await;
    }
    assert_eq!(count().await, 4, "by domain");
    for n in 0..4 {
        let other = format!("a@remote{n}.test");
        world
            .receive(&other, ALICE, &message(&other, "", "XALIGNED"))
            .await;
    }
    assert_eq!(count().await, 6, "by house");
    world.house.clock.forward(Duration::from_secs(86_400));
    world.vouched("c@example.org", "once more").await;
    assert_eq!(count().await, 7, "who was not asked is asked later");
}

/// IW-07: nothing that one house writes makes another write, so a loop ends with its first letter.
#[tokio::test]
async fn iw07_two_houses_that_ask_each_other_stop() {
    for envelope_sender in [None, Some(address("challenge@remote.test"))] {
        let world = World::with(ChallengeOptions {
            envelope_sender: envelope_sender.clone(),
            ..options()
        })
        .await;
        world.vouched(ALICE, "hello").await;
        let letter = world.letters().await.remove(0);
        assert_eq!(letter.from, envelope_sender);
        // As if the letter came from there, and were vouched for.
        let other = World::new().await;
        let text = letter.text.replace("mx.example.org>", "mx.remote.test>");
        let text =
            text.replace("postmaster@", "gate@")
                .replacen("\r\n\r\n", "\r\n\r\nXALIGNED ", 1);
        let from = letter.from.map(|from| from.to_string()).unwrap_or_default();
        let reply = other.receive(&from, ALICE, &text).await;
        assert_eq!(reply.code, 250);
        assert_eq!(other.waiting(ALICE).await.len(), 1);
        assert!(other.letters().await.is_empty());
    }
}

/// IW-06: who was asked is known after a restart, and the link holds.
#[tokio::test(flavor = "multi_thread")]
async fn iw06_a_restart_asks_nobody_again() {
    let dir = tempfile::tempdir().expect("dir");
    let clock = Clock::by_hand(Timestamp(1_800_000_000_000));
    let open = |name: &str| {
        let dir = dir.path().join(name);
        on_sled::open(&dir, &on_sled::Options::default(), clock.clone()).expect("a store")
    };
    let (store, handle) = open("before");
    let world = World::on(store, clock.clone(), options()).await;
    let path = world.asked().await;
    let entry = world.waiting(ALICE).await[0];
    handle.close().expect("closed");
    // The web door of this test lives on and holds what was closed: look at a copy.
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .args([dir.path().join("before"), dir.path().join("after")])
        .status();
    assert!(copied.is_ok_and(|status| status.success()));
    let (store, _handle) = open("after");
    let house = crate::house::House::on(store.clone(), clock.clone()).await;
    let id = path.trim_start_matches("/c/");
    let by = Principal::of(Scope::Global);
    let kept = house.desk.entry(&by, entry).await.expect("entry");
    let known = house.desk.challenge_of(&kept).await.expect("read");
    assert!(known.is_some_and(|known| known.answered.is_none()));
    assert!(house.desk.challenge(id).await.is_ok());
}

#[tokio::test]
async fn iw06_what_is_over_is_let_go_and_may_be_asked_again() {
    let world = World::with(ChallengeOptions {
        lifetime: Some("2d".parse().expect("span")),
        ..options()
    })
    .await;
    let path = world.asked().await;
    world
        .house
        .clock
        .forward(Duration::from_secs(2 * 86_400 - 1));
    assert_eq!(world.get(&path).await.status, 200);
    world.house.clock.forward(Duration::from_secs(1));
    assert_eq!(world.get(&path).await.status, 404, "expired");
    world.house.desk.sweep_challenges().await.expect("swept");
    let settings = &world.house.store.settings;
    assert!(settings.challenges().await.expect("list").is_empty());
    world.vouched(ALICE, "again").await;
    assert_eq!(world.letters().await.len(), 2);
}

#[tokio::test]
async fn iw06_the_command_line_lists_who_was_asked_without_the_link() {
    let world = World::new().await;
    let path = world.asked().await;
    let control = Control::new(world.house.desk.clone(), Duration::ZERO);
    let list = async |scope: &str| {
        let scope = scope.parse().expect("scope");
        match control
            .answer(0, Request::ChallengeList { scope, most: 10 })
            .await
        {
            Response::Done(list) => list,
            Response::Refused(words) => panic!("{words}"),
        }
    };
    let all = list("global").await;
    assert_eq!(all[0]["sender"], SENDER);
    assert_eq!(all[0]["recipient"], ALICE);
    assert!(all[0]["answered"].is_null());
    for half in [&path[3..25], &path[25..]] {
        assert!(!all.to_string().contains(half), "{all}");
    }
    assert_eq!(list("other.org").await.as_array().map(Vec::len), Some(0));
    let (by, query) = (Principal::of(Scope::Global), Query::default());
    let log = world.house.desk.log(&by, &query, 100).await;
    let log = log.expect("log").rows;
    let told = log
        .iter()
        .filter(|event| event.status == Status::Challenged);
    assert_eq!(told.count(), 1);
    assert!(
        log.iter().all(|event| !event.words.contains(&path[25..])),
        "no link in the log"
    );
}

/// IW-07: a configuration with a bad template is refused with file and line, before anything starts.
#[tokio::test]
async fn iw07_a_bad_template_is_refused_at_load() {
    let dir = tempfile::tempdir().expect("dir");
    let file = dir.path().join("letter.txt");
    let load = |template: &str| {
        std::fs::write(&file, template).expect("a file");
        let text = format!("[challenge]\ntemplate = \"{}\"\n", file.display());
        Config::parse(&text, Path::new("quaranta.toml")).map_err(|error| error.to_string())
    };
    assert!(load("Subject: x\n\nsee %s\n").is_ok());
    for (template, words) in [
        (
            "Subject: x\n\nsee it\n",
            "letter.txt, line 3: the text needs %s",
        ),
        (
            "Subject: x\n\n%s\n%%Body%%\n",
            "letter.txt, line 4: there is no variable %%Body%%",
        ),
        (
            "Subject: x\nBcc: y@z.org\n\n%s\n",
            "letter.txt, line 2: write From: and Subject:",
        ),
    ] {
        let fault = load(template).expect_err(template);
        assert!(fault.contains(words), "{fault}");
    }
    let url = "[challenge]\nurl = \"https://%%Sender%%\"\n";
    assert!(Config::parse(url, Path::new("q")).is_err());
    let missing = "[challenge]\ntemplate = \"/nowhere/letter.txt\"\n";
    let fault = Config::parse(missing, Path::new("q")).expect_err("refused");
    assert!(
        fault
            .to_string()
            .contains("/nowhere/letter.txt cannot be read"),
        "{fault}"
    );
}

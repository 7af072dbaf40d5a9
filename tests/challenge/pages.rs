//! The page of a challenge: what it tells, what it takes, and what comes of it.

use std::time::Duration;

use quaranta::actions::Action;
use quaranta::policy::{ListKind, Origin};
use quaranta::record::State;

use crate::house::{door, principal, scope};
use crate::world::{ALICE, SENDER, World, solve};

#[tokio::test]
async fn iw06_who_solves_the_work_is_allowed_and_all_that_is_pending_is_released() {
    let world = World::new().await;
    let path = world.asked().await;
    world.vouched(ALICE, "another").await;
    world
        .by_client("192.0.2.66", ALICE, "not vouched for")
        .await;
    world.vouched("bob@example.org", "to bob").await;
    assert_eq!(world.waiting(ALICE).await.len(), 3);
    let first = world.waiting(ALICE).await[0];
    let page = world.prove(&path, &[]).await;
    assert_eq!((page.status, page.location.as_str()), (303, path.as_str()));
    assert_eq!(
        world.waiting(ALICE).await.len(),
        1,
        "what may be forged waits"
    );
    assert_eq!(
        world.waiting("bob@example.org").await.len(),
        1,
        "XX-01: not bob's"
    );
    assert_eq!(world.house.deliver().await, 2 + 2, "and two letters");
    assert_eq!(world.house.carrying.destination.got(ALICE).len(), 2);
    let told = world.house.carrying.destination.got(SENDER);
    assert_eq!(told.len(), 2, "by the way out, one for each recipient");
    assert_eq!(world.house.state(first).await, State::Released);
    let (by, of) = (principal("global"), scope(ALICE));
    let list = world.house.desk.list(&by, &of).await.expect("list");
    let listed = (list[0].kind, list[0].origin, list[0].by.as_str());
    assert_eq!(listed, (ListKind::Allow, Origin::Challenge, "challenge"));
    assert_eq!(list[0].pattern.to_string(), SENDER);
    let history = world.house.desk.history(&by, first).await.expect("history");
    let words =
        "authorised by challenge from 127.0.0.1; sender@remote.test was put on the allow list";
    let told = history.iter().find(|event| event.words.starts_with(words));
    assert!(
        told.is_some_and(|event| event.who == "challenge"),
        "{history:#?}"
    );
    assert_eq!(world.vouched(ALICE, "later").await.code, 250);
    assert_eq!(
        world.house.carrying.destination.got(ALICE).len(),
        3,
        "not held again"
    );
    // Replay: it is said that it is done, and nothing happens.
    for page in [world.get(&path).await, world.prove_again(&path).await] {
        assert!(
            page.status == 200 && page.has("It is done") || page.status == 303,
            "{}",
            page.text
        );
    }
}

/// IW-06: who presses twice, or many times, is told that it is done, and it is.
#[tokio::test]
async fn iw06_to_press_twice_at_the_same_time_is_no_fault() {
    for _ in 0..5 {
        let world = World::new().await;
        let path = world.asked().await;
        let (salt, number) = world.solved(&path).await;
        let fields = [("salt", &*salt), ("number", &*number)];
        let press = || world.post(&path, &fields);
        let pages = tokio::join!(press(), press(), press(), press());
        for page in [pages.0, pages.1, pages.2, pages.3] {
            assert!(matches!(page.status, 200 | 303), "{}", page.text);
        }
        let page = world.get(&path).await;
        assert!(
            page.status == 200 && page.has("It is done"),
            "{}",
            page.text
        );
        let press = world.post(&path, &fields).await;
        assert_eq!((press.status, press.location), (303, path.clone()));
        let kept = world.house.store.settings.challenges().await;
        assert!(kept.expect("list")[0].answered.is_some());
    }
}

impl World {
    async fn prove_again(&self, path: &str) -> crate::panel_house::Page {
        self.post(path, &[("salt", "x"), ("number", "1")]).await
    }
}

/// IW-07: neither what the message is nor to whom it went is told, in either language; and no cookie
/// or session is needed.
#[tokio::test]
async fn iw07_the_page_tells_the_domain_alone() {
    let world = World::new().await;
    let path = world.asked().await;
    let page = world.get(&path).await;
    assert!(page.has("waits at example.org") && page.has("data:image/png;base64,"));
    for secret in ["alice", "secret subject", SENDER, "remote.test", "hello"] {
        assert!(!page.has(secret), "{secret}");
    }
    let mut german = world.panel.stranger();
    german.cookie = "lang=de".to_owned();
    let page = german.get(&path).await;
    assert!(page.has("wartet bei example.org"), "{}", page.text);
}

/// A program that opens all links, and follows what it finds, changes nothing.
#[tokio::test]
async fn iw06_a_scanner_changes_nothing() {
    let world = World::new().await;
    let path = world.asked().await;
    let before = world.house.log().await;
    for _ in 0..3 {
        world.next_minute();
        for _ in 0..10 {
            let page = world.get(&path).await;
            assert_eq!(page.status, 200);
            world.panel.stranger().send("HEAD", &path, &[]).await;
        }
    }
    world.next_minute();
    for method in ["PUT", "DELETE", "OPTIONS"] {
        assert_eq!(
            world.panel.stranger().send(method, &path, &[]).await.status,
            405
        );
    }
    assert_eq!(world.house.log().await, before);
    assert_eq!(world.waiting(ALICE).await.len(), 1);
}

/// One and the same answer for what is guessed, forged, of removed mail.
#[tokio::test]
async fn iw06_unknown_links_tell_nothing() {
    let world = World::new().await;
    let path = world.asked().await;
    let (place, secret) = path[3..].split_at(22);
    let other = "A".repeat(22);
    let unknown = world.get(&format!("/c/{}", "A".repeat(44))).await;
    assert_eq!(unknown.status, 404);
    for forged in [
        format!("/c/{place}{other}"),
        format!("/c/{other}{secret}"),
        format!("/c/{place}"),
        format!("/c/{place}{secret}A"),
        format!("/c/{secret}{place}"),
        "/c/..".to_owned(),
        "/c/%00".to_owned(),
        format!("/c/{}", "é".repeat(22).replace('é', "%c3%a9")),
        format!("/c/{}", "x".repeat(5000)),
    ] {
        let page = world.get(&forged).await;
        assert_eq!((page.status, &page.text), (404, &unknown.text), "{forged}");
        let salt = "18.99999999999999.x.y";
        let posted = world
            .post(&forged, &[("salt", salt), ("number", "1")])
            .await;
        assert_eq!(
            (posted.status, &posted.text),
            (404, &unknown.text),
            "{forged}"
        );
    }
    world.next_minute();
    let (salt, number) = world.solved(&path).await;
    let entry = world.waiting(ALICE).await[0];
    let (by, door) = (principal(ALICE), door());
    let removed = world
        .house
        .desk
        .perform(&by, &Action::Remove, entry, &door)
        .await;
    removed.expect("removed");
    let fields = [("salt", salt.as_str()), ("number", number.as_str())];
    let late = world.post(&path, &fields).await;
    for page in [world.get(&path).await, late] {
        assert_eq!(
            (page.status, &page.text),
            (404, &unknown.text),
            "of removed mail"
        );
    }
    let list = world
        .house
        .desk
        .list(&principal("global"), &scope(ALICE))
        .await;
    assert!(list.expect("list").is_empty());
}

#[tokio::test]
async fn iw06_wrong_answers_make_a_wait_and_then_an_end() {
    let world = World::new().await;
    let path = world.asked().await;
    let mut pictures = std::collections::BTreeSet::new();
    for _ in 0..4 {
        let page = world.get(&path).await;
        pictures.insert(page.between("src=\"data:", "\""));
        let round = page.value("round");
        let fields = [("round", round.as_str()), ("characters", "??????")];
        let page = world.post(&path, &fields).await;
        assert!(page.has("That was not right"), "{}", page.text);
        pictures.insert(page.between("src=\"data:", "\""));
    }
    assert_eq!(pictures.len(), 8, "a new picture each time");
    let (salt, number) = world.solved(&path).await;
    let page = world.post(&path, &[("characters", "x")]).await;
    assert_eq!(page.status, 429);
    assert!(page.has("too many wrong answers") && !page.has("<form"));
    let right = [("salt", salt.as_str()), ("number", number.as_str())];
    assert_eq!(
        world.post(&path, &right).await.status,
        429,
        "not even the right one"
    );
    let challenge = async || {
        let all = world.house.store.settings.challenges().await.expect("list");
        all[0].clone()
    };
    assert_eq!(challenge().await.tries, 5, "those of the wait do not count");
    for _ in 0..9 {
        world.house.clock.forward(Duration::from_secs(601));
        for _ in 0..5 {
            world.post(&path, &[("characters", "x")]).await;
        }
    }
    assert_eq!(challenge().await.tries, 50);
    world.house.clock.forward(Duration::from_secs(601));
    assert_eq!(world.get(&path).await.status, 404, "no more tries");
    assert_eq!(world.waiting(ALICE).await.len(), 1);
}

/// Work counts for its own page, once; a salt that we did not sign, or one that is old, never.
#[tokio::test]
async fn iw06_work_is_taken_once_and_only_ours() {
    let world = World::new().await;
    let path = world.asked().await;
    world.vouched("bob@example.org", "hello").await;
    let letters = world.letters().await;
    let bobs = letters
        .iter()
        .map(|letter| letter.path())
        .find(|other| *other != path);
    let bobs = bobs.expect("another link");
    let (salt, number) = world.solved(&path).await;
    let send = async |path: &str, salt: &str, number: &str| {
        world
            .post(path, &[("salt", salt), ("number", number)])
            .await
            .status
    };
    assert_eq!(
        send(&bobs, &salt, &number).await,
        200,
        "another page's work"
    );
    let easier = salt.replacen("18.", "01.", 1);
    assert_eq!(
        send(&path, &easier, &solve(&easier)).await,
        200,
        "made easier"
    );
    let forged = format!("{}x", &salt[..salt.len() - 1]);
    assert_eq!(
        send(&path, &forged, &solve(&forged)).await,
        200,
        "not our seal"
    );
    assert_eq!(send(&path, &salt, "0").await, 200, "not solved");
    assert_eq!(world.waiting(ALICE).await.len(), 1, "nothing counted");
    assert_eq!(send(&path, &salt, &number).await, 303);
    assert!(world.waiting(ALICE).await.is_empty());
    let (salt, number) = world.solved(&bobs).await;
    world.house.clock.forward(Duration::from_secs(600));
    assert_eq!(send(&bobs, &salt, &number).await, 200, "too old");
    assert_eq!(world.waiting("bob@example.org").await.len(), 1);
}

#[tokio::test]
async fn iw06_a_client_is_limited_and_another_sites_form_is_refused() {
    let world = World::new().await;
    let path = world.asked().await;
    let mut seen = Vec::new();
    for _ in 0..31 {
        seen.push(world.get("/c/unknown").await.status);
    }
    assert_eq!((seen[29], seen[30]), (404, 429));
    assert_eq!(world.get(&path).await.status, 429);
    world.next_minute();
    assert_eq!(world.get(&path).await.status, 200);
    assert_eq!(world.waiting(ALICE).await.len(), 1);
}

/// The panel says in the entry when the sender was asked.
#[tokio::test]
async fn iw06_the_recipient_sees_that_the_sender_was_asked() {
    let world = World::new().await;
    world.asked().await;
    let entry = world.waiting(ALICE).await[0];
    let mut alice = world.panel.enter(ALICE).await;
    let page = alice.get(&format!("/entries/{entry}")).await;
    assert!(page.has("The sender was asked on 2027-"), "{}", page.text);
}

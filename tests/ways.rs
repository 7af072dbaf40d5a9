//! The ways a mail takes through the house, on the store in memory.

mod house;

use std::time::Duration;

use house::{House, address, door, principal, scope, text};
use quaranta::actions::{Action, Outcome, Refusal};
use quaranta::policy::{Layer, ListKind, Mode};
use quaranta::record::{Shelf, State};

const DAY: Duration = Duration::from_secs(86_400);

/// The message below the fields we add.
fn original(delivered: &str) -> &str {
    delivered
        .split_once("From: sender@remote.test")
        .map_or("", |(at, _)| &delivered[at.len()..])
}

#[tokio::test]
async fn clean_mail_is_passed_on_as_it_is() {
    let house = House::new().await;
    let reply = house.send("alice@example.org", "hello").await;
    assert_eq!(reply.code, 250);
    let got = house.carrying.destination.got("alice@example.org");
    assert_eq!(original(&got[0]), text("hello"));
    assert!(got[0].starts_with(
        "Received: from unknown ([127.0.0.1])\r\n\tby mx.example.org (Quaranta) with SMTP id "
    ));
    assert!(house.caught("global").await.is_empty());
    assert_eq!(house.log().await, ["accepted"]);
}

#[tokio::test]
async fn se01_spam_is_refused_and_stashed_for_each_recipient() {
    let house = House::new().await;
    for _retry in 0..2 {
        let reply = house
            .send("alice@example.org bob@example.org", "XJUNK")
            .await;
        assert_eq!(
            (reply.code, reply.enhanced.map(|e| e.to_string())),
            (550, Some("5.7.1".to_owned()))
        );
    }
    for login in ["alice@example.org", "bob@example.org"] {
        assert_eq!(
            house.caught(login).await.len(),
            1,
            "{login}: a retry stashes once"
        );
    }
    assert_eq!(house.caught("example.org").await.len(), 2);
    assert_eq!(house.caught("global").await.len(), 2);
    assert!(house.caught("tag.example.org").await.is_empty());
    assert!(house.carrying.destination.delivered.lock().is_empty());
}

#[tokio::test]
async fn se03_a_tag_domain_gets_spam_with_subject_notation() {
    let house = House::new().await;
    let reply = house.send("alice@tag.example.org", "XJUNK").await;
    assert_eq!(reply.code, 250);
    let got = house.carrying.destination.got("alice@tag.example.org");
    assert!(
        got[0].contains("\r\nSubject: [SPAM] a subject\r\n"),
        "{}",
        got[0]
    );
    assert!(got[0].contains("X-Spam-Flag: YES\r\n"));
    assert!(house.caught("global").await.is_empty());
    assert_eq!(house.log().await, ["tagged"]);
}

#[tokio::test]
async fn mixed_recipients_get_it_or_have_it_stashed() {
    let house = House::new().await;
    let reply = house
        .send("alice@example.org alice@tag.example.org", "XJUNK")
        .await;
    assert_eq!(reply.code, 250);
    assert_eq!(
        house
            .carrying
            .destination
            .got("alice@tag.example.org")
            .len(),
        1
    );
    assert!(
        house
            .carrying
            .destination
            .got("alice@example.org")
            .is_empty()
    );
    assert_eq!(house.caught("alice@example.org").await.len(), 1);
}

#[tokio::test]
async fn modes_headers_refuse_and_off() {
    let house = House::new().await;
    let mode = |mode| Layer {
        mode: Some(mode),
        ..Layer::default()
    };
    house.set("a@example.org", mode(Mode::Headers)).await;
    house.set("b@example.org", mode(Mode::Refuse)).await;
    house.set("c@example.org", mode(Mode::Off)).await;
    assert_eq!(house.send("a@example.org", "XJUNK").await.code, 250);
    assert!(house.carrying.destination.got("a@example.org")[0].contains("X-Spam-Status: Yes"));
    assert_eq!(house.send("b@example.org", "XJUNK").await.code, 550);
    assert_eq!(house.send("c@example.org", "XJUNK").await.code, 250);
    assert!(!house.carrying.destination.got("c@example.org")[0].contains("X-Spam"));
    assert!(house.caught("global").await.is_empty());
    assert_eq!(house.log().await, ["tagged", "refused", "accepted"]);
}

#[tokio::test]
async fn se04_xx06_what_is_deferred_is_not_listed() {
    let house = House::new().await;
    assert_eq!(
        house.send("alice@example.org", "XGAP XJUNK").await.code,
        451
    );
    house
        .carrying
        .destination
        .will_say("alice@example.org", &[451]);
    assert_eq!(house.send("alice@example.org", "fine").await.code, 451);
    assert!(house.caught("global").await.is_empty());
    assert_eq!(house.log().await, ["deferred", "deferred"]);
}

#[tokio::test]
async fn se05_caught_mail_expires_by_the_narrowest_policy() {
    let house = House::new().await;
    house
        .set(
            "bob@example.org",
            Layer {
                keep_days: Some(3),
                ..Layer::default()
            },
        )
        .await;
    house
        .send("alice@example.org bob@example.org", "XJUNK")
        .await;
    let bobs = house.caught("bob@example.org").await[0];
    house.clock.forward(DAY * 3);
    house.background.expire_due().await;
    assert_eq!(house.state(bobs).await, State::Expired);
    assert_eq!(house.caught("alice@example.org").await.len(), 1);
    house.clock.forward(DAY * 11);
    house.background.expire_due().await;
    assert!(house.caught("global").await.is_empty());
    assert_eq!(house.history(bobs).await, ["quarantined", "expired"]);
}

#[tokio::test]
async fn se09_copies_of_unsure_mail_only_where_the_option_is_on() {
    let house = House::new().await;
    house
        .set(
            "alice@example.org",
            Layer {
                training_requested: Some(true),
                ..Layer::default()
            },
        )
        .await;
    assert_eq!(
        house
            .send("alice@example.org bob@example.org", "XUNSURE")
            .await
            .code,
        250
    );
    assert_eq!(
        house.shelf("global", Shelf::TrainingRequested).await.len(),
        1
    );
    let copy = house
        .shelf("alice@example.org", Shelf::TrainingRequested)
        .await[0];
    assert_eq!(house.carrying.destination.got("alice@example.org").len(), 1);
    assert!(house.caught("global").await.is_empty());
    let alice = principal("alice@example.org");
    let released = house
        .desk
        .perform(&alice, &Action::Release, copy, &door())
        .await;
    assert_eq!(released, Err(Refusal::WasDelivered));
}

#[tokio::test]
async fn se10_sy01_xx01_a_release_reaches_its_recipient_alone_and_once() {
    let house = House::new().await;
    house
        .send("alice@example.org bob@example.org", "XJUNK")
        .await;
    let alice = principal("alice@example.org");
    let id = house.caught("alice@example.org").await[0];
    assert_eq!(
        house
            .desk
            .perform(&alice, &Action::Release, id, &door())
            .await,
        Ok(Outcome::Done(id))
    );
    assert!(
        house.caught("alice@example.org").await.is_empty(),
        "it leaves at once"
    );
    let again = house
        .desk
        .perform(&alice, &Action::ReleaseAndTrain, id, &door())
        .await;
    assert_eq!(
        again,
        Ok(Outcome::Already(State::Leaving)),
        "dropping it into two folders delivers once"
    );
    assert_eq!(house.deliver().await, 1);
    assert_eq!(house.deliver().await, 0);
    let got = house.carrying.destination.got("alice@example.org");
    assert_eq!(got.len(), 1);
    assert_eq!(original(&got[0]), text("XJUNK"));
    assert!(
        !got[0].contains("X-Quaranta-Reinsertion"),
        "SY-04: the token is stripped"
    );
    assert!(house.carrying.destination.got("bob@example.org").is_empty());
    assert_eq!(house.caught("bob@example.org").await.len(), 1);
    assert_eq!(house.state(id).await, State::Released);
    assert_eq!(
        house.history(id).await,
        ["quarantined", "released", "delivered"]
    );
}

#[tokio::test]
async fn sy03_a_replayed_or_forged_token_is_scanned_and_caught_again() {
    let house = House::new().await;
    house.send("alice@example.org", "XJUNK").await;
    let id = house.caught("global").await[0];
    house
        .desk
        .perform(&principal("global"), &Action::Release, id, &door())
        .await
        .expect("release");
    house.deliver().await;
    let (_, replay) = house.carrying.reinserted.lock()[0].clone();
    let forged = replay.replace("; h=", "; h=A");
    for attack in [replay, forged] {
        let mail = house::mail(&house.clock, None, &[address("alice@example.org")], &attack);
        let answer = house
            .intake
            .receive(mail, quaranta::policy::Replies::One, &*house.carrying)
            .await;
        assert!(matches!(answer, quaranta::policy::Answer::One(reply) if reply.code == 550));
    }
    assert_eq!(house.carrying.destination.got("alice@example.org").len(), 1);
    assert_eq!(
        house.caught("alice@example.org").await.len(),
        2,
        "scanned again, quarantined again"
    );
    assert_eq!(
        house
            .log()
            .await
            .iter()
            .filter(|s| *s == "token-refused")
            .count(),
        2
    );
}

#[tokio::test]
async fn sy04_token_like_fields_from_outside_are_stripped() {
    let house = House::new().await;
    let mail = house::mail(
        &house.clock,
        None,
        &[address("alice@example.org")],
        &format!("x-quaranta-reinsertion: v=1; nonsense\r\n{}", text("hello")),
    );
    house
        .intake
        .receive(mail, quaranta::policy::Replies::One, &*house.carrying)
        .await;
    let got = house.carrying.destination.got("alice@example.org");
    assert!(!got[0].to_lowercase().contains("x-quaranta-reinsertion"));
}

#[tokio::test]
async fn sy07_a_refused_release_comes_back_with_the_servers_words() {
    let house = House::new().await;
    house.send("alice@example.org", "XJUNK").await;
    let id = house.caught("global").await[0];
    let before = house.desk.last_uid().await.expect("uid");
    house
        .carrying
        .destination
        .will_say("alice@example.org", &[552]);
    house
        .desk
        .perform(&principal("global"), &Action::Release, id, &door())
        .await
        .expect("release");
    house.deliver().await;
    let entry = house
        .desk
        .entry(&principal("global"), id)
        .await
        .expect("entry");
    assert_eq!(entry.state, State::Held);
    assert_eq!(entry.failed.map(|reply| reply.code), Some(552));
    assert!(entry.uid > before, "it comes back under a new uid");
    assert_eq!(
        house.history(id).await,
        ["quarantined", "released", "release-failed"]
    );
    house
        .desk
        .perform(&principal("global"), &Action::Release, id, &door())
        .await
        .expect("again");
    house.deliver().await;
    assert_eq!(house.carrying.destination.got("alice@example.org").len(), 1);
    assert_eq!(house.state(id).await, State::Released);
}

#[tokio::test]
async fn a_destination_that_says_later_gets_it_later() {
    let house = House::new().await;
    house.send("alice@example.org", "XJUNK").await;
    let id = house.caught("global").await[0];
    house
        .carrying
        .destination
        .will_say("alice@example.org", &[451, 451]);
    house
        .desk
        .perform(&principal("global"), &Action::Release, id, &door())
        .await
        .expect("release");
    assert_eq!(house.deliver().await, 1);
    assert_eq!(house.state(id).await, State::Leaving);
    assert_eq!(house.deliver().await, 0, "not at once");
    for _ in 0..2 {
        house.clock.forward(Duration::from_secs(3600));
        assert_eq!(house.deliver().await, 1);
    }
    assert_eq!(house.state(id).await, State::Released);
    assert_eq!(house.carrying.destination.got("alice@example.org").len(), 1);
}

#[tokio::test]
async fn a_release_that_is_never_taken_is_given_up() {
    let house = House::new().await;
    house.send("alice@example.org", "XJUNK").await;
    let id = house.caught("global").await[0];
    house
        .carrying
        .destination
        .will_say("alice@example.org", &[451; 500]);
    house
        .desk
        .perform(&principal("global"), &Action::Release, id, &door())
        .await
        .expect("release");
    for _ in 0..121 {
        house.deliver().await;
        house.clock.forward(Duration::from_secs(3600));
    }
    house.deliver().await;
    let entry = house
        .desk
        .entry(&principal("global"), id)
        .await
        .expect("entry");
    assert_eq!(entry.state, State::Held);
    assert!(
        entry
            .failed
            .is_some_and(|reply| reply.text.contains("given up"))
    );
}

#[tokio::test]
async fn a_relay_that_swallows_a_release_does_not_lose_it() {
    let house = House::new().await;
    house.send("alice@example.org", "XJUNK").await;
    let id = house.caught("global").await[0];
    *house.carrying.swallow.lock() = true;
    house
        .desk
        .perform(&principal("global"), &Action::Release, id, &door())
        .await
        .expect("release");
    house.deliver().await;
    assert_eq!(house.state(id).await, State::Leaving);
    house.clock.forward(Duration::from_secs(5 * 3600));
    house.deliver().await;
    assert_eq!(house.state(id).await, State::Held);
    assert_eq!(house.caught("alice@example.org").await, [id]);
}

#[tokio::test]
async fn a_relay_that_delivers_later_confirms_with_the_token() {
    let house = House::new().await;
    house.send("alice@example.org", "XJUNK").await;
    let id = house.caught("global").await[0];
    *house.carrying.swallow.lock() = true;
    house
        .desk
        .perform(&principal("global"), &Action::Release, id, &door())
        .await
        .expect("release");
    house.deliver().await;
    let (to, queued) = house.carrying.reinserted.lock()[0].clone();
    house
        .carrying
        .destination
        .will_say("alice@example.org", &[451]);
    for want in [451, 250] {
        let mail = house::mail(&house.clock, None, std::slice::from_ref(&to), &queued);
        let answer = house
            .intake
            .receive(mail, quaranta::policy::Replies::One, &*house.carrying)
            .await;
        assert!(matches!(answer, quaranta::policy::Answer::One(reply) if reply.code == want));
    }
    assert_eq!(house.state(id).await, State::Released);
    assert_eq!(house.carrying.destination.got("alice@example.org").len(), 1);
}

#[tokio::test]
async fn once_somebody_has_it_the_rest_is_ours() {
    let house = House::new().await;
    house
        .carrying
        .destination
        .will_say("bob@example.org", &[451]);
    house
        .carrying
        .destination
        .will_say("carol@example.org", &[550]);
    let reply = house
        .send(
            "alice@example.org bob@example.org carol@example.org",
            "hello",
        )
        .await;
    assert_eq!(reply.code, 250);
    assert_eq!(house.store.jobs.jobs(10).await.expect("jobs").len(), 1);
    assert_eq!(
        house.caught("carol@example.org").await.len(),
        1,
        "refused after others had it: kept, with the words"
    );
    assert_eq!(house.deliver().await, 1);
    assert_eq!(house.carrying.destination.got("bob@example.org").len(), 1);
    assert!(house.store.jobs.jobs(10).await.expect("jobs").is_empty());
}

#[tokio::test]
async fn owed_mail_that_is_refused_in_the_end_is_kept() {
    let house = House::new().await;
    house
        .carrying
        .destination
        .will_say("bob@example.org", &[451, 554]);
    house
        .send("alice@example.org bob@example.org", "hello")
        .await;
    house.deliver().await;
    let caught = house.caught("bob@example.org").await;
    assert_eq!(caught.len(), 1);
    let bob = principal("bob@example.org");
    house
        .desk
        .perform(&bob, &Action::Release, caught[0], &door())
        .await
        .expect("release");
    house.deliver().await;
    assert_eq!(house.carrying.destination.got("bob@example.org").len(), 1);
}

#[tokio::test]
async fn unknown_recipients_are_refused_at_rcpt_and_asked_for_once() {
    let house = House::new().await;
    let admit = |to: &str| {
        let (intake, to) = (house.intake.clone(), address(to));
        async move {
            intake
                .admit_recipient(&to, false)
                .await
                .map_err(|reply| reply.code)
        }
    };
    assert_eq!(admit("alice@elsewhere.test").await, Err(550));
    assert_eq!(admit("away@example.org").await, Err(451));
    for _ in 0..2 {
        assert_eq!(admit("nobody@example.org").await, Err(550));
        assert_eq!(admit("alice@example.org").await, Ok(()));
    }
    assert_eq!(house.carrying.destination.asked.lock().len(), 3);
    house.clock.forward(Duration::from_secs(600));
    assert_eq!(admit("nobody@example.org").await, Err(550));
    assert_eq!(house.carrying.destination.asked.lock().len(), 4);
}

#[tokio::test]
async fn removed_mail_that_arrives_again_is_opened_anew() {
    let house = House::new().await;
    house.send("alice@example.org", "XJUNK").await;
    let id = house.caught("global").await[0];
    house
        .desk
        .perform(&principal("global"), &Action::Remove, id, &door())
        .await
        .expect("remove");
    assert!(house.caught("global").await.is_empty());
    house.send("alice@example.org", "XJUNK").await;
    assert_eq!(house.caught("global").await, [id]);
    assert_eq!(
        house.history(id).await,
        ["quarantined", "removed", "quarantined"]
    );
}

#[tokio::test]
async fn lists_speak_for_their_scope() {
    let house = House::new().await;
    let global = principal("global");
    // The envelope of `send` is sender@remote.test.
    for (of, kind) in [
        ("alice@example.org", ListKind::Allow),
        ("example.org", ListKind::Block),
    ] {
        let pattern = "*@remote.test".parse().expect("pattern");
        let added = house
            .desk
            .add_listed(&global, scope(of), kind, pattern, String::new(), &door())
            .await;
        added.expect("listed");
    }
    assert_eq!(house.send("alice@example.org", "XJUNK").await.code, 250);
    let refused = house.send("bob@example.org", "hello").await;
    assert_eq!(refused.code, 550);
    assert!(refused.text.contains("not wanted"), "{refused}");
    assert_eq!(house.caught("bob@example.org").await.len(), 1);
    assert_eq!(
        house.send("alice@example.org", "XMALWARE").await.code,
        550,
        "no list lets malware in"
    );
}

#[tokio::test]
async fn xx12_malware_is_released_only_by_who_has_the_right() {
    let house = House::new().await;
    house.send("alice@example.org", "XMALWARE").await;
    let id = house.caught("global").await[0];
    let alice = principal("alice@example.org");
    let refused = house
        .desk
        .perform(&alice, &Action::Release, id, &door())
        .await;
    assert!(matches!(refused, Err(Refusal::NeedsRight(_))));
    assert!(house.desk.mail(&alice, id).await.is_err());
    house
        .desk
        .perform(&principal("global"), &Action::Release, id, &door())
        .await
        .expect("release");
    house.deliver().await;
    assert_eq!(house.state(id).await, State::Released, "it was known");
    let got = house.carrying.destination.got("alice@example.org");
    assert_eq!(got.len(), 1);
}

#[tokio::test]
async fn sy01_malware_that_nobody_knew_of_does_not_pass_by_a_release() {
    let house = House::new().await;
    for body in ["XJUNK XLATE", "XMALWARE XLATE"] {
        house.send("alice@example.org", body).await;
    }
    for id in house.caught("global").await {
        house
            .desk
            .perform(&principal("global"), &Action::Release, id, &door())
            .await
            .expect("release");
        house.deliver().await;
        assert_eq!(house.state(id).await, State::Held, "found on the way out");
    }
    assert!(house.carrying.destination.delivered.lock().is_empty());
}

#[tokio::test]
async fn sy01_xx06_a_release_waits_while_the_malware_scan_cannot_run() {
    let house = House::new().await;
    house.send("alice@example.org", "XJUNK XNOSCAN").await;
    let id = house.caught("global").await[0];
    house
        .desk
        .perform(&principal("global"), &Action::Release, id, &door())
        .await
        .expect("release");
    house.deliver().await;
    assert_eq!(house.state(id).await, State::Leaving, "it is tried again");
    assert!(house.carrying.destination.delivered.lock().is_empty());
}

#[tokio::test]
async fn se06_strangers_see_and_do_nothing() {
    let house = House::new().await;
    house.send("alice@example.org", "XJUNK").await;
    let id = house.caught("global").await[0];
    for login in ["bob@example.org", "tag.example.org"] {
        let by = principal(login);
        assert_eq!(
            house.desk.perform(&by, &Action::Release, id, &door()).await,
            Err(Refusal::NotYours)
        );
        assert_eq!(
            house.desk.mail(&by, id).await.map(|_| ()),
            Err(Refusal::NotYours)
        );
        assert_eq!(
            house.desk.history(&by, id).await.map(|_| ()),
            Err(Refusal::NotYours)
        );
        assert_eq!(house.desk.rows(&by, &[id]).await, Ok(vec![None]));
        let other = house
            .desk
            .set_layer(&by, scope("example.org"), Layer::default(), &door())
            .await;
        assert!(other.is_err());
    }
}

#[tokio::test]
async fn se06_who_else_got_a_mail_is_not_told() {
    let house = House::new().await;
    house
        .send(
            "alice@example.org bob@example.org x@tag.example.org",
            "XJUNK",
        )
        .await;
    for (login, known) in [
        ("alice@example.org", vec!["alice@example.org"]),
        ("example.org", vec!["alice@example.org", "bob@example.org"]),
    ] {
        let by = principal(login);
        let id = house.caught(login).await[0];
        let history = house.desk.history(&by, id).await.expect("history");
        let query = quaranta::actions::Query::default();
        let log = house.desk.log(&by, &query, 100).await.expect("log").rows;
        for event in history.iter().chain(&log) {
            let to: Vec<String> = event.to.iter().map(ToString::to_string).collect();
            assert!(
                to.iter().all(|to| known.contains(&to.as_str())),
                "{login}: {to:?}"
            );
        }
        assert!(!history.is_empty() && !log.is_empty());
    }
}

#[tokio::test]
async fn loops_end() {
    let house = House::new().await;
    let hops = "Received: from a by b; date\r\n".repeat(51);
    let mail = house::mail(
        &house.clock,
        None,
        &[address("alice@example.org")],
        &format!("{hops}{}", text("x")),
    );
    let answer = house
        .intake
        .receive(mail, quaranta::policy::Replies::One, &*house.carrying)
        .await;
    assert!(matches!(answer, quaranta::policy::Answer::One(reply) if reply.code == 554));
}

#[tokio::test]
async fn a_flood_of_refusals_does_not_fill_the_log() {
    let house = House::new().await;
    let peer = quaranta::mail::Peer::local();
    let reply = quaranta::mail::Reply::new(550, 1, 1, "no such user");
    for _ in 0..500 {
        house
            .intake
            .not_accepted(&peer, None, &[address("nobody@example.org")], &reply)
            .await;
    }
    assert_eq!(house.log().await.len(), 60);
    house.clock.forward(Duration::from_secs(60));
    house
        .intake
        .not_accepted(&peer, None, &[address("nobody@example.org")], &reply)
        .await;
    assert_eq!(house.log().await.len(), 61);
}

#[tokio::test]
async fn se04_greylisted_mail_is_deferred_not_listed_and_taken_when_it_comes_again() {
    let house = House::new().await;
    let greylist = Layer {
        greylist: Some(true),
        ..Layer::default()
    };
    house.set("example.org", greylist).await;
    let send = async |body: &str| {
        house
            .send_from("198.51.100.7", "alice@example.org", body)
            .await
    };
    let first = send("hello").await;
    assert_eq!(
        (first.code, first.enhanced.map(|e| e.to_string())),
        (451, Some("4.7.1".into()))
    );
    assert!(first.text.contains("180 seconds"), "{first}");
    assert_eq!(send("XJUNK").await.code, 550, "spam need not come again");
    house.clock.forward(Duration::from_secs(200));
    assert_eq!(send("hello").await.code, 250);
    assert_eq!(send("another").await.code, 250);
    assert_eq!(house.caught("global").await.len(), 1, "the spam alone");
    assert_eq!(
        house.log().await,
        ["deferred", "quarantined", "accepted", "accepted"]
    );
    let query = quaranta::actions::Query::default();
    let by = principal("global");
    let lines = house.desk.log_lines(&by, &query, 10).await;
    let lines = lines.expect("log").rows;
    let later: Vec<_> = lines.iter().flat_map(|line| &line.later).collect();
    assert_eq!(later.len(), 1, "of the deferred one alone: {later:?}");
    assert_eq!(
        (later[0].status.to_string().as_str(), later[0].after),
        ("accepted", 200_000)
    );
    let relay = house
        .send("alice@example.org", "from a relay of ours")
        .await;
    assert_eq!(relay.code, 250);
}

#[tokio::test]
async fn se18_no_recipient_names_a_host_to_go_on_to() {
    let house = House::new().await;
    for routed in [
        "eve%elsewhere.test@example.org",
        "elsewhere.test!eve@example.org",
        "\"eve@elsewhere.test\"@example.org",
        "\"eve\\@elsewhere.test\"@example.org",
    ] {
        let word = house.intake.admit_recipient(&address(routed), false).await;
        assert_eq!(word.map_err(|reply| reply.code), Err(550), "{routed}");
    }
    assert_eq!(
        *house.carrying.destination.asked.lock(),
        [],
        "nobody is asked"
    );
    let plain = address("o'neil+tag=x@example.org");
    assert!(house.intake.admit_recipient(&plain, false).await.is_ok());
}

#[tokio::test]
async fn se04_an_odd_spelling_of_a_mailbox_does_not_make_it_unknown() {
    let house = House::new().await;
    let word = async |to: &str| {
        let word = house.intake.admit_recipient(&address(to), false).await;
        word.map_err(|reply| reply.code)
    };
    assert_eq!(word("nobody@example.org").await, Err(550));
    assert_eq!(word("NOBODY@example.org").await, Ok(()));
    assert_eq!(word("\"nobody\"@example.org").await, Ok(()));
    assert_eq!(word("nobody@example.org").await, Err(550));
    assert_eq!(house.carrying.destination.asked.lock().len(), 3);
}

//! Pending mail: what waits, what authorises it, and what becomes of it; on the store in memory.

mod house;

use std::time::Duration;

use house::{House, address, door, principal, scope};
use quaranta::actions::{Action, Outcome, Reach};
use quaranta::mail::EntryId;
use quaranta::policy::{Layer, ListKind, Mode, PendEnd};
use quaranta::record::{Shelf, State};

const DAY: Duration = Duration::from_secs(86_400);
const ALICE: &str = "alice@example.org";
const BOB: &str = "bob@example.org";

/// A house in which mail from the unknown to `of` is pending.
async fn pending_for(of: &str) -> House {
    let house = House::new().await;
    house.set(of, pends()).await;
    house
}

fn pends() -> Layer {
    Layer {
        pend_unknown: Some(true),
        ..Layer::default()
    }
}

async fn waiting(house: &House, who: &str) -> Vec<EntryId> {
    house.shelf(who, Shelf::Pending).await
}

async fn act(house: &House, who: &str, action: Action, id: EntryId) -> Outcome {
    let (by, door) = (principal(who), door());
    let done = house.desk.perform(&by, &action, id, &door).await;
    done.expect("possible")
}

fn got(house: &House, who: &str) -> usize {
    house.carrying.destination.got(who).len()
}

async fn listed(house: &House, who: &str) -> Vec<(ListKind, String)> {
    let list = house.desk.list(&principal("global"), &scope(who)).await;
    let list = list.expect("list");
    list.iter()
        .map(|entry| (entry.kind, entry.pattern.to_string()))
        .collect()
}

#[tokio::test]
async fn iw01_iw09_mail_from_the_unknown_is_accepted_and_waits_by_domain_and_user() {
    let house = pending_for("example.org").await;
    let off = Layer {
        pend_unknown: Some(false),
        ..Layer::default()
    };
    house.set(BOB, off).await;
    for _retry in 0..2 {
        assert_eq!(house.send(ALICE, "hello").await.code, 250);
    }
    assert_eq!(waiting(&house, ALICE).await.len(), 1, "a retry waits once");
    assert_eq!(got(&house, ALICE), 0);
    assert!(house.caught("global").await.is_empty());
    assert_eq!(house.send(BOB, "hello").await.code, 250);
    assert_eq!(got(&house, BOB), 1, "a user's own setting wins");
    assert!(waiting(&house, BOB).await.is_empty());
    assert_eq!(house.log().await, ["pending", "pending", "accepted"]);
    let spam = house.send(ALICE, "XJUNK").await;
    assert_eq!(spam.code, 550, "spam is refused as ever");
    assert_eq!(house.caught(ALICE).await.len(), 1);
    assert_eq!(house.send(ALICE, "XMALWARE").await.code, 550);
    assert_eq!(waiting(&house, "global").await.len(), 1);
}

#[tokio::test]
async fn iw01_one_reply_covers_pending_and_other_recipients_truly() {
    let house = pending_for(ALICE).await;
    let refuse = Layer {
        mode: Some(Mode::Refuse),
        ..Layer::default()
    };
    let tag = Layer {
        mode: Some(Mode::Tag),
        ..pends()
    };
    house.set("carol@example.org", refuse).await;
    house.set("dave@example.org", tag).await;
    // One waits, one has it.
    let both = format!("{ALICE} {BOB}");
    assert_eq!(house.send(&both, "hello").await.code, 250);
    assert_eq!(
        (waiting(&house, ALICE).await.len(), got(&house, BOB)),
        (1, 1)
    );
    // One waits, the other's host says no: that one has a copy, and nobody hears a bounce.
    house.carrying.destination.will_say(BOB, &[550]);
    assert_eq!(house.send(&both, "again").await.code, 250);
    assert_eq!(house.caught(BOB).await.len(), 1);
    // One waits, the other's host says later: it is owed.
    house.carrying.destination.will_say(BOB, &[451]);
    assert_eq!(house.send(&both, "later").await.code, 250);
    assert_eq!(house.deliver().await, 1);
    assert_eq!(got(&house, BOB), 2);
    // One waits, the others refuse: a 250 never covers a loss.
    let spam = "dave@example.org carol@example.org alice@example.org";
    assert_eq!(house.send(spam, "XJUNK").await.code, 250);
    assert_eq!(waiting(&house, "dave@example.org").await.len(), 1);
    assert_eq!(house.caught("carol@example.org").await.len(), 1);
    assert_eq!(house.caught(ALICE).await.len(), 1);
}

#[tokio::test]
async fn iw02_deliver_lists_nobody_and_authorize_lets_everything_of_the_sender_in() {
    let house = pending_for("example.org").await;
    for body in ["one", "two", "three"] {
        house.send(ALICE, body).await;
    }
    house.send(BOB, "to bob").await;
    let ids = waiting(&house, ALICE).await;
    act(&house, ALICE, Action::Release, ids[0]).await;
    assert_eq!(house.deliver().await, 1);
    assert_eq!(got(&house, ALICE), 1);
    assert_eq!(house.state(ids[0]).await, State::Released);
    assert!(listed(&house, ALICE).await.is_empty());
    assert_eq!(waiting(&house, ALICE).await.len(), 2, "deliver only");
    // What the drop into "Release & Train" asks for.
    act(&house, ALICE, Action::ReleaseAndTrain, ids[1]).await;
    assert_eq!(
        listed(&house, ALICE).await,
        [(ListKind::Allow, "sender@remote.test".to_owned())]
    );
    assert!(waiting(&house, ALICE).await.is_empty(), "nothing is held");
    assert_eq!(house.deliver().await, 2);
    assert_eq!(got(&house, ALICE), 3);
    assert_eq!(house.send(ALICE, "four").await.code, 250);
    assert_eq!(got(&house, ALICE), 4, "not held again");
    assert_eq!(waiting(&house, BOB).await.len(), 1, "XX-01: not bob's");
}

#[tokio::test]
async fn iw02_blacklist_removes_and_what_comes_later_is_refused() {
    let house = pending_for(ALICE).await;
    house.send(ALICE, "one").await;
    let id = waiting(&house, ALICE).await[0];
    act(&house, ALICE, Action::RemoveAsSpam, id).await;
    assert_eq!(house.state(id).await, State::Removed);
    assert_eq!(
        listed(&house, ALICE).await,
        [(ListKind::Block, "sender@remote.test".to_owned())]
    );
    assert_eq!(house.send(ALICE, "two").await.code, 550);
    assert_eq!(got(&house, ALICE), 0);
    let plain = pending_for(ALICE).await;
    plain.send(ALICE, "one").await;
    let id = waiting(&plain, ALICE).await[0];
    act(&plain, ALICE, Action::Remove, id).await;
    assert!(listed(&plain, ALICE).await.is_empty(), "only where asked");
}

#[tokio::test]
async fn iw03_a_domain_administrator_authorises_for_a_user_or_for_the_domain() {
    let house = pending_for("example.org").await;
    house.send(ALICE, "one").await;
    house.send(BOB, "one").await;
    let alices = waiting(&house, ALICE).await[0];
    let stranger = principal(BOB);
    let door = door();
    let asked = house
        .desk
        .perform(&stranger, &Action::Release, alices, &door);
    assert!(asked.await.is_err());
    let authorize = Action::ReleaseAndAllow(Reach::Domain);
    act(&house, "example.org", authorize, alices).await;
    assert!(waiting(&house, "global").await.is_empty(), "bob's goes too");
    assert_eq!(house.deliver().await, 2);
    assert_eq!((got(&house, ALICE), got(&house, BOB)), (1, 1));
}

#[tokio::test]
async fn iw05_pending_mail_is_removed_in_time_or_delivered_marked() {
    let house = pending_for("example.org").await;
    let marked = Layer {
        pend_days: Some(3),
        pend_end: Some(PendEnd::DeliverMarked),
        ..Layer::default()
    };
    house.set(BOB, marked).await;
    house.send(ALICE, "to alice").await;
    house.send(BOB, "to bob").await;
    let (alices, bobs) = (
        waiting(&house, ALICE).await[0],
        waiting(&house, BOB).await[0],
    );
    house.clock.forward(DAY * 3);
    house.background.expire_due().await;
    assert_eq!(house.state(bobs).await, State::Leaving);
    house.deliver().await;
    let delivered = house.carrying.destination.got(BOB);
    assert_eq!(delivered.len(), 1);
    assert!(delivered[0].contains("\r\nSubject: [SPAM] a subject\r\n"));
    assert!(delivered[0].contains("X-Spam-Flag: YES\r\n"));
    assert_eq!(
        house.history(bobs).await,
        ["pending", "expired", "delivered"]
    );
    assert_eq!(house.state(alices).await, State::Held, "14 days by default");
    house.clock.forward(DAY * 11);
    house.background.expire_due().await;
    assert_eq!(house.state(alices).await, State::Expired);
    assert_eq!(got(&house, ALICE), 0);
}

#[tokio::test]
async fn iw05_what_its_destination_refused_is_shown_again_for_a_while() {
    let house = pending_for(BOB).await;
    let marked = Layer {
        pend_days: Some(3),
        pend_end: Some(PendEnd::DeliverMarked),
        ..pends()
    };
    house.set(BOB, marked).await;
    house.send(BOB, "to bob").await;
    let id = waiting(&house, BOB).await[0];
    house.clock.forward(DAY * 3);
    house.background.expire_due().await;
    house.carrying.destination.will_say(BOB, &[550]);
    house.deliver().await;
    house.background.expire_due().await;
    assert_eq!(house.state(id).await, State::Held);
    assert_eq!(waiting(&house, BOB).await, [id]);
    house.clock.forward(DAY * 3);
    house.background.expire_due().await;
    assert_eq!(
        house.state(id).await,
        State::Expired,
        "it is not tried for ever"
    );
}

#[tokio::test]
async fn iw04_correspondents_and_replies_do_not_wait() {
    let house = pending_for(ALICE).await;
    house
        .send_out(Some(ALICE), ALICE, "sender@remote.test", "hello")
        .await;
    assert_eq!(house.send(ALICE, "an answer").await.code, 250);
    assert_eq!(got(&house, ALICE), 1, "whom she wrote to");
    let asks =
        "From: alice@example.org\r\nMessage-ID: <q1@example.org>\r\nSubject: q\r\n\r\nwho?\r\n";
    house.out_as_is(ALICE, "list@remote.test", asks).await;
    let answer = |id: &str| {
        format!("From: carol@remote.test\r\nIn-Reply-To: <{id}>\r\nSubject: Re: q\r\n\r\nI\r\n")
    };
    let carol = Some(address("carol@remote.test"));
    let hers = answer("q1@example.org");
    let reply = house.in_as_is(carol.clone(), ALICE, &hers).await;
    assert_eq!(reply.code, 250);
    assert_eq!(got(&house, ALICE), 2, "an answer from another address");
    house
        .in_as_is(carol.clone(), ALICE, &answer("q2@example.org"))
        .await;
    assert_eq!(waiting(&house, ALICE).await.len(), 1, "nobody asked that");
    house.set(BOB, pends()).await;
    house.in_as_is(carol, BOB, &answer("q1@example.org")).await;
    assert_eq!(waiting(&house, BOB).await.len(), 1, "bob did not ask");
}

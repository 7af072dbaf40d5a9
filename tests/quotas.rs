//! How long and how much is held: expiry by class, and quotas; on the store in memory.

mod house;

use std::time::Duration;

use house::{House, door, principal};
use quaranta::actions::Action;
use quaranta::policy::Layer;
use quaranta::record::{Shelf, State};
use quaranta::store::Held;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const ALICE: &str = "alice@example.org";
const BOB: &str = "bob@example.org";

async fn held(house: &House, scope: &str) -> Held {
    let held = house.store.entries.held(&house::scope(scope)).await;
    held.expect("held")
}

#[tokio::test]
async fn se05_classes_and_shelves_expire_in_their_own_time() {
    let house = House::new().await;
    let layer = Layer {
        keep_days: Some(5),
        malware_days: Some(2),
        training_days: Some(3),
        training_requested: Some(true),
        ..Layer::default()
    };
    house.set("example.org", layer).await;
    for body in ["XJUNK", "XMALWARE", "XUNSURE"] {
        house.send(ALICE, body).await;
    }
    let count = async || {
        let caught = house.caught(ALICE).await.len();
        let copies = house.shelf(ALICE, Shelf::TrainingRequested).await.len();
        (caught, copies)
    };
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(count().await);
        house.clock.forward(DAY);
        house.background.expire_due().await;
    }
    assert_eq!(seen, [(2, 1), (2, 1), (1, 1), (1, 0), (1, 0), (0, 0)]);
}

#[tokio::test]
async fn se05_the_oldest_go_when_a_recipient_has_too_many() {
    let house = House::new().await;
    let layer = Layer {
        quota_messages: Some(3),
        ..Layer::default()
    };
    house.set("example.org", layer).await;
    for n in 0..6 {
        house.send(ALICE, &format!("XJUNK {n}")).await;
        house.clock.forward(HOUR * 5);
    }
    house.send(BOB, "XJUNK").await;
    let ids = house.caught(ALICE).await;
    // It took more than a day for the first two only; those of the last day are spared.
    house.clock.forward(Duration::from_secs(1));
    house.background.evict().await;
    let left = house.caught(ALICE).await;
    assert_eq!(
        left,
        ids[2..],
        "the youngest are spared though there are four"
    );
    assert_eq!(house.history(ids[0]).await, ["quarantined", "expired"]);
    assert_eq!(house.caught(BOB).await.len(), 1);
    house.clock.forward(HOUR * 5);
    house.background.evict().await;
    assert_eq!(house.caught(ALICE).await, ids[3..]);
    house.clock.forward(DAY);
    house.background.evict().await;
    assert_eq!(house.caught(ALICE).await.len(), 3, "no more than must go");
}

#[tokio::test]
async fn se05_a_domains_quota_by_size_spares_what_was_asked_for() {
    let house = House::new().await;
    let layer = Layer {
        domain_quota_megabytes: Some(1),
        ..Layer::default()
    };
    house.set("example.org", layer).await;
    let body = format!("XJUNK {}", "x".repeat(400_000));
    for to in [ALICE, BOB, "carol@example.org", "dave@example.org"] {
        house.send(to, &body).await;
    }
    let first = house.caught(ALICE).await[0];
    let alice = principal(ALICE);
    let door = door();
    let asked = house
        .desk
        .perform(&alice, &Action::RequestRelease, first, &door);
    asked.await.expect("asked");
    let before = held(&house, "example.org").await;
    assert_eq!(before.messages, 4);
    assert!(before.octets > 1_600_000);
    house.clock.forward(DAY);
    house.background.evict().await;
    assert_eq!(
        house.state(first).await,
        State::Held,
        "somebody asked for it"
    );
    assert!(
        house.caught(BOB).await.is_empty() && house.caught("carol@example.org").await.is_empty()
    );
    assert_eq!(house.caught("dave@example.org").await.len(), 1);
    let after = held(&house, "global").await;
    assert_eq!(after.messages, 2);
    assert!(after.octets < 1_000_000);
    house
        .desk
        .perform(&alice, &Action::Remove, first, &door)
        .await
        .expect("removed");
    assert_eq!(held(&house, ALICE).await, Held::default());
}

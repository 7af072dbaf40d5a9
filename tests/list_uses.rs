//! How often entries of lists decide; entries that expire; correspondents without use (IW-02, IW-04).

mod house;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use house::{House, door, principal, scope};
use quaranta::background::ListKeeping;
use quaranta::clock::{Clock, Timestamp};
use quaranta::inspect::Panel;
use quaranta::mail::Mail;
use quaranta::policy::{Findings, ListKind, Pattern};
use quaranta::record::ListUse;
use quaranta::store::in_memory;

const ALICE: &str = "alice@example.org";
const DAY: Duration = Duration::from_secs(86_400);

fn keeping(house: &House) -> ListKeeping {
    ListKeeping {
        house: house.background.clone(),
        uses: house.intake.list_uses(),
        unused_days: 365,
    }
}

async fn list(house: &House, of: &str, kind: ListKind, pattern: &str, days: Option<u64>) {
    let expires = days.map(|days| house.clock.now().after_days(days));
    let pattern: Pattern = pattern.parse().expect("pattern");
    let (global, scope) = (principal("global"), scope(of));
    let (what, more) = ((kind, pattern), (String::new(), expires));
    let door = door();
    let listed = house
        .desk
        .add_listed_until(&global, scope, what, more, &door);
    listed.await.expect("listed");
}

async fn uses(house: &House, of: &str) -> Vec<(String, u64, Timestamp)> {
    let uses = house.desk.list_uses(&principal("global"), &scope(of)).await;
    let shown = |one: ListUse| (one.pattern.to_string(), one.times, one.last);
    uses.expect("uses").into_iter().map(shown).collect()
}

async fn patterns(house: &House, of: &str) -> Vec<String> {
    let list = house.desk.list(&principal("global"), &scope(of)).await;
    list.expect("list")
        .iter()
        .map(|e| e.pattern.to_string())
        .collect()
}

#[tokio::test]
async fn iw02_the_entry_that_decides_is_counted_and_only_that() {
    let house = House::new().await;
    let keeping = keeping(&house);
    list(&house, "global", ListKind::Block, "remote.test", None).await;
    list(&house, ALICE, ListKind::Allow, "sender@remote.test", None).await;
    for n in 0..3 {
        assert!(house.send(ALICE, &format!("hello {n}")).await.is_positive());
    }
    house.clock.forward(Duration::from_secs(5));
    let last = house.clock.now();
    assert!(house.send("bob@example.org", "hello").await.is_permanent());
    assert!(uses(&house, ALICE).await.is_empty(), "not written down yet");
    keeping.write_down().await;
    let first = Timestamp(last.0 - 5000);
    assert_eq!(
        uses(&house, ALICE).await,
        [("sender@remote.test".to_owned(), 3, first)]
    );
    assert_eq!(
        uses(&house, "global").await,
        [("remote.test".to_owned(), 1, last)]
    );
    house.send(ALICE, "hello again").await;
    keeping.write_down().await;
    assert_eq!(
        uses(&house, ALICE).await,
        [("sender@remote.test".to_owned(), 4, last)]
    );

    // What is counted goes with the entry, and does not come back.
    house.send(ALICE, "once more").await;
    let pattern: Pattern = "sender@remote.test".parse().expect("pattern");
    let (global, door) = (principal("global"), door());
    let (scope, kind) = (scope(ALICE), ListKind::Allow);
    let removed = house
        .desk
        .remove_listed(&global, &scope, kind, &pattern, &door);
    removed.await.expect("removed");
    keeping.write_down().await;
    assert!(uses(&house, ALICE).await.is_empty());
}

#[tokio::test]
async fn iw03_an_entry_that_expired_does_not_count_and_is_removed() {
    let house = House::new().await;
    let keeping = keeping(&house);
    list(
        &house,
        ALICE,
        ListKind::Block,
        "sender@remote.test",
        Some(2),
    )
    .await;
    list(&house, ALICE, ListKind::Block, "other@remote.test", None).await;
    assert!(house.send(ALICE, "one").await.is_permanent());
    house.clock.forward(DAY * 2);
    assert!(
        house.send(ALICE, "two").await.is_positive(),
        "before it is removed"
    );
    assert_eq!(patterns(&house, ALICE).await.len(), 2);
    keeping.remove_ended().await.expect("removed");
    assert_eq!(patterns(&house, ALICE).await, ["other@remote.test"]);
    let audit = house
        .store
        .journal
        .search(&scope("global"), &Default::default(), 100)
        .await;
    let words = "the block list of alice@example.org lost sender@remote.test: it expired";
    assert!(
        audit
            .expect("log")
            .rows
            .iter()
            .any(|event| event.words == words)
    );
    let (global, door) = (principal("global"), door());
    let past = house.desk.add_listed_until(
        &global,
        scope(ALICE),
        (ListKind::Allow, "x.test".parse().expect("pattern")),
        (String::new(), Some(house.clock.now())),
        &door,
    );
    assert!(past.await.is_err(), "an end that has passed");
}

/// The author is the sender.
struct Authors;

#[async_trait]
impl Panel for Authors {
    async fn inspect(&self, _mail: &Mail) -> Findings {
        Findings::default()
    }

    async fn inspect_released(&self, _mail: &Mail) -> Findings {
        Findings::default()
    }
}

#[tokio::test]
async fn iw02_a_correspondent_without_use_is_removed_after_a_year() {
    let clock = Clock::by_hand(Timestamp(1_000_000_000_000));
    let house = House::with_panel(in_memory::open(clock.clone()), clock, Arc::new(Authors)).await;
    let keeping = keeping(&house);
    for to in ["sender@remote.test", "idle@remote.test"] {
        assert!(
            house
                .send_out(Some(ALICE), ALICE, to, "hello")
                .await
                .is_positive()
        );
    }
    list(&house, ALICE, ListKind::Allow, "hand@remote.test", None).await;
    assert_eq!(patterns(&house, ALICE).await.len(), 3);
    house.clock.forward(DAY * 300);
    assert!(house.send(ALICE, "an answer").await.is_positive());
    keeping.write_down().await;
    keeping.remove_ended().await.expect("removed");
    assert_eq!(patterns(&house, ALICE).await.len(), 3);
    house.clock.forward(DAY * 66);
    keeping.remove_ended().await.expect("removed");
    let left = patterns(&house, ALICE).await;
    assert_eq!(
        left,
        ["hand@remote.test", "sender@remote.test"],
        "a mail came from there"
    );
    house.clock.forward(DAY * 300);
    keeping.remove_ended().await.expect("removed");
    assert_eq!(
        patterns(&house, ALICE).await,
        ["hand@remote.test"],
        "people's own stay"
    );
}

//! Alerts, the checks' health, the use of lists and the denial of requests in the panel.

mod house;
mod panel_house;

use std::sync::Arc;

use house::{address, mail, text};
use panel_house::{House, door, principal, scope};
use quaranta::actions::Action;
use quaranta::clock::{Clock, Timestamp};
use quaranta::inspect::{Options, Panel as _, StandardPanel};
use quaranta::net::dns::Dns;
use quaranta::notify::{Alert, AlertKind, AlertOptions, Alerts, Ways};
use quaranta::policy::{Layer, ListKind};
use quaranta::record::{ListUse, Shelf};
use quaranta::store::in_memory;

const ALICE: &str = "alice@example.org";

#[tokio::test]
async fn sy06_the_overview_shows_alerts_and_checks_to_who_looks_after_the_house() {
    let clock = Clock::by_hand(Timestamp(1_800_000_000_000));
    let options = AlertOptions::default();
    let (alerts, _raised) = Alerts::new(options, Ways::default(), "mx", clock.clone());
    let checks = Options {
        authentication: false,
        ..Options::default()
    };
    let dns = Arc::new(Dns::off("no DNS in tests"));
    let panel = StandardPanel::open(&checks, dns, clock.clone()).expect("panel");
    let store = in_memory::open(clock.clone());
    let watch = Some((alerts.clone(), panel.health()));
    let house = House::watched(store, clock.clone(), watch).await;
    let mut global = house.enter("global").await;
    let page = global.get("/overview").await;
    assert!(page.has("Nothing is wrong.") && !page.has(">Checks<"));
    let to = [address(ALICE)];
    panel
        .inspect(&mail(&clock, None, &to, &text("hello")))
        .await;
    let wrong = Alert::new(AlertKind::DiskLow, "/var/<b>", "little\u{202e} space");
    alerts.see(vec![wrong], &[]).await;
    let page = global.get("/overview").await;
    assert!(page.has("Little space on the disk") && page.has("/var/&#60;b&#62;"));
    assert!(page.has("little\u{fffd} space") && !page.has("Nothing is wrong."));
    assert!(page.has(">RULES<") && page.has("0 % / 1 messages"));
    for other in ["example.org", ALICE] {
        let page = house.enter(other).await.get("/overview").await;
        assert!(!page.has("Little space") && !page.has(">RULES<"), "{other}");
    }
}

#[tokio::test]
async fn iw03_the_lists_show_use_and_expiry() {
    let house = House::new().await;
    let mut alice = house.enter(ALICE).await;
    let fields = [
        ("kind", "allow"),
        ("pattern", "friend@remote.test"),
        ("until", "2027-02-01"),
    ];
    let page = alice.done("/lists/add", &fields).await;
    assert!(
        page.has("friend@remote.test") && page.has("2027-02-02 00:00"),
        "{}",
        page.text
    );
    assert!(page.has("never"));
    let used = ListUse {
        scope: scope(ALICE),
        kind: ListKind::Allow,
        pattern: "friend@remote.test".parse().expect("pattern"),
        times: 4711,
        last: house.clock.now(),
    };
    let counted = house.store.settings.count_uses(vec![used]).await;
    counted.expect("counted");
    assert!(alice.get("/lists").await.has(">4711<"));
    let past = [
        ("kind", "allow"),
        ("pattern", "x@remote.test"),
        ("until", "2020-01-01"),
    ];
    assert!(
        alice
            .done("/lists/add", &past)
            .await
            .has("expires in the future")
    );
}

#[tokio::test]
async fn xx12_a_request_is_denied_in_the_panel_with_a_reason() {
    let clock = Clock::by_hand(Timestamp(1_800_000_000_000));
    let small = house::House::on(in_memory::open(clock.clone()), clock.clone()).await;
    let house = House::on(small.store.clone(), clock).await;
    small.send(ALICE, "XMALWARE").await;
    let id = small.caught(ALICE).await[0];
    let asked = Action::RequestRelease;
    let asked = house
        .desk
        .perform(&principal(ALICE), &asked, id, &door())
        .await;
    asked.expect("asked");
    let page = house
        .enter(ALICE)
        .await
        .get(&format!("/entries/{id}"))
        .await;
    assert!(!page.has("deny_request"));
    let mut admin = house.enter("example.org").await;
    let listed = admin.get("/quarantine?requested=1").await;
    assert!(listed.has("deny_request") && !admin.get("/quarantine").await.has("deny_request"));
    assert!(
        admin
            .get(&format!("/entries/{id}"))
            .await
            .has("deny_request")
    );
    let entry = id.to_string();
    let fields = [
        ("verb", "deny_request"),
        ("id", &entry),
        ("why", "it is a virus"),
    ];
    let page = admin.done("/quarantine/act", &fields).await;
    assert!(page.has("1 denied"), "{}", page.text);
    let history = house
        .desk
        .history(&principal(ALICE), id)
        .await
        .expect("history");
    let last = history.last().expect("an event");
    assert_eq!(
        (last.status.to_string().as_str(), last.words.as_str()),
        ("denied", "it is a virus")
    );
    assert_eq!(last.who, "example.org");
}

/// Only what had been called bad counts as a false positive when it is let out.
#[tokio::test]
async fn released_pending_mail_is_no_false_positive() {
    let clock = Clock::by_hand(Timestamp(1_800_000_000_000));
    let store = in_memory::open(clock.clone());
    let panel = House::on(store.clone(), clock.clone()).await;
    let house = house::House::on(store, clock).await;
    let layer = Layer {
        pend_unknown: Some(true),
        ..Layer::default()
    };
    house.set(ALICE, layer).await;
    house.send(ALICE, "hello").await;
    house.send(ALICE, "XJUNK").await;
    let pending = house.shelf(ALICE, Shelf::Pending).await;
    let all = [pending, house.caught(ALICE).await].concat();
    assert_eq!(all.len(), 2);
    for id in all {
        let (by, door) = (principal(ALICE), door());
        let done = house.desk.perform(&by, &Action::Release, id, &door).await;
        done.expect("released");
    }
    let page = panel.enter(ALICE).await.get("/overview").await;
    let chart = page.between("<h2>Let out again", "</section>");
    assert_eq!(chart.matches("<title>").count(), 1, "{chart}");
    assert!(chart.contains("<td class=\"number\">1</td>"), "{chart}");
}

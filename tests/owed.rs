//! What is owed, for people: shown within the scope, tried now, cancelled; and what an audit tells.

mod house;

use std::time::Duration;

use house::{House, door, principal, scope};
use quaranta::actions::{Action, AuditQuery, Outcome, OwedKind, Refusal};
use quaranta::mail::EntryId;
use quaranta::policy::{Layer, Role};
use quaranta::record::State;

const ALICE: &str = "alice@example.org";
const HOUR: Duration = Duration::from_secs(3600);

/// A release whose destination said "later" a few times: the next try is far.
async fn stuck(house: &House) -> EntryId {
    house.send(ALICE, "XJUNK").await;
    let id = house.caught(ALICE).await[0];
    let by = principal(ALICE);
    let released = house.desk.perform(&by, &Action::Release, id, &door()).await;
    assert_eq!(released, Ok(Outcome::Done(id)));
    let destination = &house.carrying.destination;
    destination.will_say(ALICE, &[451, 451, 451, 451]);
    for _ in 0..4 {
        assert_eq!(house.deliver().await, 1);
        house.clock.forward(Duration::from_secs(300));
    }
    id
}

/// Mail of which bob had his part, and alice's destination said "later".
async fn stranded(house: &House) -> EntryId {
    let destination = &house.carrying.destination;
    destination.will_say(ALICE, &[451, 451, 451, 451]);
    let reply = house
        .send("bob@example.org alice@example.org", "fine")
        .await;
    assert!(reply.is_positive(), "{reply}");
    for _ in 0..3 {
        house.clock.forward(Duration::from_secs(300));
        house.deliver().await;
    }
    house.desk.owed(&principal("global")).await.expect("owed")[0].id
}

#[tokio::test]
async fn xx03_what_is_owed_is_shown_within_the_scope() {
    let house = House::new().await;
    let id = stranded(&house).await;
    let shown = house.desk.owed(&principal(ALICE)).await.expect("owed");
    assert_eq!(shown.len(), 1);
    let job = &shown[0];
    assert_eq!((job.id, job.kind, job.tries), (id, OwedKind::Deliver, 3));
    assert_eq!(job.subject, "a subject");
    assert_eq!(
        job.from.as_ref().map(ToString::to_string).as_deref(),
        Some("sender@remote.test")
    );
    assert!(job.last.contains("said 451"), "{}", job.last);
    for (who, count) in [
        ("example.org", 1),
        ("bob@example.org", 0),
        ("tag.example.org", 0),
    ] {
        let seen = house.desk.owed(&principal(who)).await.expect("owed");
        assert_eq!(seen.len(), count, "{who}");
    }
    for who in ["bob@example.org", "tag.example.org"] {
        let by = principal(who);
        for refused in [
            house.desk.retry_job(&by, id, &door()).await,
            house.desk.cancel_job(&by, id, &door()).await,
        ] {
            assert!(matches!(refused, Err(Refusal::Unknown(_))), "{refused:?}");
        }
    }
}

#[tokio::test]
async fn sy07_a_retry_is_due_at_once_and_delivers_once() {
    let house = House::new().await;
    let id = stranded(&house).await;
    assert_eq!(house.deliver().await, 0, "the next try is later");
    let by = principal("example.org");
    let first = house.desk.retry_job(&by, id, &door()).await;
    assert_eq!(first, Ok(Outcome::Done(id)));
    let second = house.desk.retry_job(&by, id, &door()).await;
    assert_eq!(second, Ok(Outcome::Already(State::Leaving)));
    house.carrying.destination.will_say(ALICE, &[250]);
    assert_eq!(house.deliver().await, 1);
    assert_eq!(house.deliver().await, 0);
    assert_eq!(house.carrying.destination.got(ALICE).len(), 1);
    let gone = house.desk.retry_job(&by, id, &door()).await;
    assert!(matches!(gone, Err(Refusal::Unknown(_))), "{gone:?}");
}

#[tokio::test]
async fn sy07_a_cancelled_release_is_held_again_and_not_delivered() {
    let house = House::new().await;
    let id = stuck(&house).await;
    let by = principal(ALICE);
    let job = &house.desk.owed(&by).await.expect("owed")[0];
    let soon = job.due.since(house.clock.now()) <= Duration::from_secs(30);
    if soon {
        let refused = house.desk.cancel_job(&by, id, &door()).await;
        assert_eq!(refused, Err(Refusal::TooLate));
        house.carrying.destination.will_say(ALICE, &[451]);
        assert_eq!(house.deliver().await, 1);
    }
    let done = house.desk.cancel_job(&by, id, &door()).await;
    assert_eq!(done, Ok(Outcome::Done(id)));
    assert_eq!(house.state(id).await, State::Held);
    house.clock.forward(HOUR);
    assert_eq!(house.deliver().await, 0);
    assert!(house.carrying.destination.got(ALICE).is_empty());
    let history = house.history(id).await;
    assert_eq!(history.last().map(String::as_str), Some("taken-back"));
}

#[tokio::test]
async fn xx13_a_release_that_waits_is_cancelled_but_not_hurried() {
    let house = House::new().await;
    let undo = Layer {
        undo_seconds: Some(300),
        ..Layer::default()
    };
    house.set("example.org", undo).await;
    house.send(ALICE, "XJUNK").await;
    let (id, by) = (house.caught(ALICE).await[0], principal(ALICE));
    let released = house.desk.perform(&by, &Action::Release, id, &door()).await;
    released.expect("released");
    let hurried = house.desk.retry_job(&by, id, &door()).await;
    assert!(matches!(hurried, Err(Refusal::Bad(_))), "{hurried:?}");
    let done = house.desk.cancel_job(&by, id, &door()).await;
    assert_eq!(done, Ok(Outcome::Done(id)));
    assert_eq!(house.state(id).await, State::Held);
}

#[tokio::test]
async fn sy07_what_was_taken_for_somebody_is_never_dropped() {
    let house = House::new().await;
    let id = stranded(&house).await;
    let refused = house.desk.cancel_job(&principal(ALICE), id, &door()).await;
    assert!(
        matches!(refused, Err(Refusal::NeedsRight(_))),
        "{refused:?}"
    );
    let by = principal("example.org");
    let done = house.desk.cancel_job(&by, id, &door()).await;
    assert_eq!(done, Ok(Outcome::Done(id)));
    assert_eq!(house.desk.owed(&by).await.expect("owed"), []);
    assert_eq!(house.caught(ALICE).await, [id]);
    let entry = house.desk.entry(&by, id).await.expect("entry");
    let failed = entry.failed.expect("said").to_string();
    assert!(failed.contains("said 451"), "{failed}");
    house.clock.forward(HOUR);
    assert_eq!(house.deliver().await, 0);
}

#[tokio::test]
async fn xx03_an_audit_tells_of_the_scope_and_pages_on() {
    let house = House::new().await;
    house.set("example.org", Layer::default()).await;
    let global = principal("global");
    for login in ["example.org", ALICE] {
        let made = house
            .desk
            .add_account(&global, scope(login), None, &door())
            .await;
        made.expect("account");
    }
    let all = AuditQuery::default();
    let told = async |who: &str| {
        let page = house
            .desk
            .audit(&principal(who), &all, 100)
            .await
            .expect("audit");
        let words = page.rows.iter().map(|event| event.words.clone());
        words.collect::<Vec<_>>()
    };
    assert!(told("global").await.len() > told("example.org").await.len());
    assert_eq!(told(ALICE).await, ["account alice@example.org was made"]);
    let of_domain = told("example.org").await;
    assert!(
        of_domain
            .iter()
            .any(|w| w.starts_with("policy of example.org"))
    );
    assert!(
        !of_domain.iter().any(|w| w.contains("tag.example.org")),
        "{of_domain:?}"
    );

    let mut query = AuditQuery::default();
    let mut paged = Vec::new();
    loop {
        let page = house.desk.audit(&global, &query, 1).await.expect("audit");
        paged.extend(page.rows.into_iter().map(|event| event.words));
        query.before = page.next;
        if query.before.is_none() {
            break;
        }
    }
    assert_eq!(paged, told("global").await);

    let mut helpdesk = principal("example.org");
    helpdesk.role = Role::Helpdesk;
    helpdesk.rights = quaranta::policy::Rights::of(Role::Helpdesk);
    let refused = house.desk.audit(&helpdesk, &all, 10).await;
    assert!(
        matches!(refused, Err(Refusal::NeedsRight(_))),
        "{refused:?}"
    );
}

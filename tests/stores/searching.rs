//! Searching the log of all mail: the same answers from every store, sealed or not.

use quaranta::clock::Timestamp;
use quaranta::mail::{Direction, EntryId, MailId};
use quaranta::policy::Class;
use quaranta::record::{Event, Status};
use quaranta::store::{Query, Step, Store};

use super::world::*;

const HOUR: u64 = 3_600_000;

/// Six events, an hour apart; their subjects begin with their letters.
async fn written(store: &Store) {
    let table = [
        (
            "a Your invoice",
            Status::Accepted,
            "x@far.example",
            "alice@example.org bob@example.org",
            "192.0.2.1",
        ),
        (
            "b Your INVOICES",
            Status::Quarantined,
            "x@far.example",
            "alice@example.org",
            "192.0.2.2",
        ),
        (
            "c Größe 发票",
            Status::Quarantined,
            "jane.doe@near.example",
            "bob@example.org",
            "2001:db8::1",
        ),
        (
            "d",
            Status::NotAccepted,
            "x@far.example",
            "carol@other.org",
            "198.51.100.1",
        ),
        (
            "e hello",
            Status::Accepted,
            "alice@example.org",
            "x@far.example",
            "192.0.2.1",
        ),
        ("f", Status::Deferred, "", "alice@example.org", ""),
    ];
    for (i, (subject, status, from, to, client)) in (0u64..).zip(table) {
        let mut event = event(status).saying(format!("250 queued as Q{i}ID"));
        event.at = Timestamp(START.0 + i * HOUR);
        event.subject = subject.into();
        event.from = from.parse().ok();
        event.to = to.split(' ').map(address).collect();
        event.client = client.parse().ok();
        event.mail = Some(MailId([i as u8; 16]));
        let out = subject.starts_with('e');
        event.direction = Some(if out {
            Direction::Outbound
        } else {
            Direction::Inbound
        });
        let classes = [
            Some(Class::Clean),
            Some(Class::Spam),
            Some(Class::Malware),
            None,
        ];
        event.class = classes[(i as usize).min(3)];
        event.score = event.class.map(|_| i as f32 * 2.5 - 1.0);
        store.journal.write(event).await.expect("written");
    }
}

fn letters(events: &[Event]) -> String {
    events
        .iter()
        .filter_map(|event| event.subject.chars().next())
        .collect()
}

/// What is found with one part of a query set.
fn set(change: impl FnOnce(&mut Query)) -> Query {
    let mut query = Query::default();
    change(&mut query);
    query
}

pub(crate) async fn se16_finds_by_any_combination(store: &Store) {
    written(store).await;
    let at = |hours: u64| Some(Timestamp(START.0 + hours * HOUR));
    let bobs = EntryId::of(MailId([0; 16]), &address("bob@example.org"));
    let party = |text: &str| text.parse().ok();
    let text = |text: &str| set(|q| q.text = Some(text.into()));
    let table: Vec<(&str, &str, Query)> = vec![
        ("global", "fedcba", Query::default()),
        ("example.org", "fecba", Query::default()),
        ("alice@example.org", "feba", Query::default()),
        ("far.example", "", Query::default()),
        (
            "global",
            "dcb",
            set(|q| (q.since, q.until) = (at(1), at(3))),
        ),
        (
            "global",
            "fcb",
            set(|q| q.statuses = vec![Status::Quarantined, Status::Deferred]),
        ),
        (
            "global",
            "e",
            set(|q| q.direction = Some(Direction::Outbound)),
        ),
        (
            "global",
            "cb",
            set(|q| q.classes = vec![Class::Spam, Class::Malware]),
        ),
        ("global", "cb", set(|q| q.score_from = Some(1.5))),
        (
            "global",
            "b",
            set(|q| (q.score_from, q.score_to) = (Some(-0.5), Some(3.9))),
        ),
        ("global", "dba", set(|q| q.from = party("X@far.example"))),
        (
            "global",
            "edba",
            set(|q| q.address = party("x@far.example")),
        ),
        ("global", "c", set(|q| q.from = party("@near.example"))),
        ("global", "c", set(|q| q.from = party("do"))),
        ("global", "e", set(|q| q.to = party("far"))),
        ("global", "ea", set(|q| q.client = "192.0.2.1".parse().ok())),
        (
            "global",
            "eba",
            set(|q| q.client = "192.0.2.0/24".parse().ok()),
        ),
        (
            "global",
            "c",
            set(|q| q.client = "2001:db8::/32".parse().ok()),
        ),
        (
            "global",
            "a",
            set(|q| q.subject = Some("invoice your".into())),
        ),
        ("global", "ba", set(|q| q.subject = Some("INVO*".into()))),
        ("global", "c", text("größe 票")),
        ("global", "d", text("q3id")),
        ("global", "edba", text("far")),
        ("global", "ea", text("192.0.2.1")),
        ("global", "", text("invoice hello")),
        ("global", "b", set(|q| q.mail = Some(MailId([1; 16])))),
        ("global", "a", set(|q| q.entry = Some(bobs))),
        ("alice@example.org", "", text("bob")),
        (
            "alice@example.org",
            "",
            set(|q| q.to = party("bob@example.org")),
        ),
        ("bob@example.org", "a", text("bob invoice")),
        (
            "alice@example.org",
            "e",
            set(|q| q.to = party("x@far.example")),
        ),
    ];
    for (of, expected, query) in table {
        for most in [1, 2, 9] {
            let (mut query, mut found) = (query.clone(), String::new());
            loop {
                let page = store.journal.search(&scope(of), &query, most).await;
                let page = page.expect("searched");
                assert!(page.rows.len() <= most);
                found += &letters(&page.rows);
                match page.next {
                    Some(next) => query.before = Some(next),
                    None => break,
                }
            }
            assert_eq!(found, expected, "{of}, {most} at a time: {query:?}");
        }
    }
}

pub(crate) async fn se16_sums_by_step(store: &Store) {
    written(store).await;
    let end = Timestamp(START.0 + 5 * HOUR);
    let sums = async |of: &str, since, step| -> Vec<(u64, u64)> {
        let tally = store.journal.tally(&scope(of), since, end, step).await;
        let counts = tally.expect("tally").counts;
        counts
            .iter()
            .map(|count| ((count.at.0 - START.0 / HOUR * HOUR) / HOUR, count.events))
            .collect()
    };
    let hours: Vec<_> = (0..6).map(|hour| (hour, 1)).collect();
    assert_eq!(sums("global", START, Step::Hour).await, hours);
    assert_eq!(
        sums("bob@example.org", START, Step::Hour).await,
        [(0, 1), (2, 1)]
    );
    assert_eq!(sums("far.example", START, Step::Day).await, []);
    let late = Timestamp(START.0 + 3 * HOUR + 5);
    assert_eq!(sums("global", late, Step::Hour).await, hours[3..]);
    let tally = store
        .journal
        .tally(&scope("global"), START, end, Step::Day)
        .await;
    let tally = tally.expect("tally");
    let sum: u64 = tally.counts.iter().map(|count| count.events).sum();
    assert_eq!(sum, 6);
    assert_eq!(
        (tally.senders[0].what.as_str(), tally.senders[0].events),
        ("x@far.example", 3)
    );
    assert_eq!(tally.recipients[0].what, "alice@example.org");
    assert_eq!(tally.clients[0].what.to_string(), "192.0.2.1");
    let tally = store
        .journal
        .tally(&scope("alice@example.org"), START, end, Step::Day)
        .await;
    let named = tally.expect("tally").recipients;
    assert!(
        named.iter().all(|top| top.what != "bob@example.org"),
        "XX-01: {named:?}"
    );
}

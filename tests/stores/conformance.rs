//! What every store must do, whatever its engine.

use quaranta::clock::Timestamp;
use quaranta::mail::{Direction, Reply};
use quaranta::policy::Scope;
use quaranta::record::{Change, Job, JobKind, JobStep, Shelf, State, Status};
use quaranta::store::{ChangeError, Held, Notice, NoticeKind, Query, Store, View};

pub(crate) use super::searching::{se16_finds_by_any_combination, se16_sums_by_step};
pub(crate) use super::settings::{keeps_settings, replaces_what_it_saw};
use super::world::*;

pub(crate) async fn se01_xx01_stashes_once_for_each_owner(store: &Store) {
    let mail = mail(1, 2000);
    let entries = vec![
        entry(&mail, "alice@example.org"),
        entry(&mail, "bob@example.org"),
    ];
    let mut notices = store.entries.notices();
    let event = event_of(&entries[0], Status::Quarantined);
    let kept = store
        .entries
        .stash(&mail, entries.clone(), event.clone())
        .await
        .expect("stashed");
    assert_eq!(kept.iter().map(|e| e.uid).collect::<Vec<_>>(), [1, 2]);
    let again = store
        .entries
        .stash(&mail, entries, event)
        .await
        .expect("stashed");
    assert_eq!(again, kept, "a retry stashes once");
    assert_eq!(store.entries.last_uid().await, Ok(2));
    let body = store.entries.body(mail.id).await.expect("body");
    assert_eq!(body.as_ref(), Some(mail.message.bytes()));
    let found = store.entries.mail(mail.id).await.expect("mail");
    assert_eq!(found.map(|m| m.envelope), Some(mail.envelope));
    for (of, count) in [
        ("global", 2),
        ("example.org", 2),
        ("alice@example.org", 1),
        ("other.org", 0),
        ("carol@example.org", 0),
    ] {
        assert_eq!(store.entries.count(&view(of)).await, Ok(count), "{of}");
        let uids = store.entries.uids(&view(of), 0, 9).await.expect("uids");
        assert_eq!(uids.len() as u64, count, "{of}");
        let held = store.entries.held(&view(of).scope).await.expect("held");
        let octets = count * kept[0].size;
        assert_eq!((held.messages, held.octets), (count, octets), "{of}");
    }
    let mut holders = Vec::new();
    let mut after = None;
    while let Some((scope, _)) = next_holder(store, after.as_ref()).await {
        holders.push(scope.to_string());
        after = Some(scope);
    }
    let all = [
        "example.org",
        "global",
        "alice@example.org",
        "bob@example.org",
    ];
    assert_eq!(holders, all);
    let uids = store.entries.uids(&view("global"), 1, 9).await;
    assert_eq!(uids, Ok(vec![(2, kept[1].id)]));
    let came: Vec<Notice> = std::iter::from_fn(|| notices.try_recv().ok()).collect();
    assert_eq!(came.len(), 2);
    assert!(came.iter().all(|n| n.what == NoticeKind::Came));
    for other in [
        View {
            direction: Direction::Outbound,
            ..view("global")
        },
        View {
            shelf: Shelf::TrainingRequested,
            ..view("global")
        },
    ] {
        assert_eq!(store.entries.count(&other).await, Ok(0));
    }
}

async fn next_holder(store: &Store, after: Option<&Scope>) -> Option<(Scope, Held)> {
    let mut next = store.entries.holders(after, 1).await.expect("holders");
    next.pop()
}

pub(crate) async fn moves_through_its_life(store: &Store) {
    let mail = mail(2, 500);
    let entries = vec![entry(&mail, "alice@example.org")];
    let event = event(Status::Quarantined);
    let kept = store.entries.stash(&mail, entries.clone(), event.clone());
    let first = kept.await.expect("stashed").remove(0);
    let mut notices = store.entries.notices();

    let leave = change(&first, State::Held, State::Leaving);
    let results = store.entries.apply(vec![leave.clone(), leave]).await;
    assert!(results[0].is_ok());
    assert_eq!(results[1], Err(ChangeError::Moved(State::Leaving)));
    assert_eq!(store.entries.count(&view("global")).await, Ok(0));
    let global = store.entries.held(&view("global").scope).await;
    assert_eq!(global, Ok(Held::default()));
    let jobs = store.jobs.jobs(9).await.expect("jobs");
    assert_eq!(jobs.len(), 1);
    let retry = store.entries.stash(&mail, entries.clone(), event.clone());
    assert_eq!(retry.await.expect("stashed")[0].state, State::Leaving);

    let mut back = change(&first, State::Leaving, State::Held);
    back.failed = Some(Reply::new(550, 1, 1, "no such user"));
    let returned = store.entries.apply(vec![back]).await.remove(0);
    let returned = returned.expect("returned");
    assert!(returned.uid > first.uid);
    assert!(returned.failed.is_some());
    listing_agrees(store, "alice@example.org").await;
    assert_eq!(store.jobs.jobs(9).await, Ok(vec![]));
    let kinds: Vec<_> = std::iter::from_fn(|| notices.try_recv().ok())
        .map(|n| (n.uid, n.what))
        .collect();
    let expected = [
        (first.uid, NoticeKind::Went),
        (returned.uid, NoticeKind::Came),
    ];
    assert_eq!(kinds, expected);

    let mut remove = change(&first, State::Held, State::Removed);
    remove.lesson = Some(lesson(&first));
    assert!(store.entries.apply(vec![remove]).await[0].is_ok());
    let gone = store.entries.entry(first.id).await.expect("entry");
    assert_eq!(gone.map(|e| e.state), Some(State::Removed));
    let body = store.entries.body(mail.id).await.expect("body");
    assert!(body.is_some(), "the lesson needs it");
    let reopened = store.entries.stash(&mail, entries, event);
    let reopened = reopened.await.expect("stashed").remove(0);
    assert!(reopened.uid > returned.uid && reopened.state == State::Held);
}

pub(crate) async fn lets_go_of_octets_nobody_needs(store: &Store) {
    let mail = mail(3, 500);
    let entries = vec![
        entry(&mail, "alice@example.org"),
        entry(&mail, "bob@example.org"),
    ];
    let kept = store
        .entries
        .stash(&mail, entries, event(Status::Quarantined));
    for (i, one) in kept.await.expect("stashed").iter().enumerate() {
        let body = store.entries.body(mail.id).await.expect("body");
        assert!(body.is_some(), "{i}");
        let gone = change(one, State::Held, State::Removed);
        assert!(store.entries.apply(vec![gone]).await[0].is_ok());
        let undo = change(one, State::Removed, State::Held);
        if i == 1 {
            let result = store.entries.apply(vec![undo]).await.remove(0);
            assert_eq!(result, Err(ChangeError::Gone), "nothing to show");
        }
    }
    assert_eq!(store.entries.mail(mail.id).await, Ok(None));
    let missing = change(
        &entry(&mail, "eve@example.org"),
        State::Held,
        State::Removed,
    );
    let result = store.entries.apply(vec![missing]).await.remove(0);
    assert_eq!(result, Err(ChangeError::Gone));
}

pub(crate) async fn keeps_flags_for_each_scope(store: &Store) {
    let mail = mail(4, 500);
    let entries = vec![entry(&mail, "alice@example.org")];
    let kept = store
        .entries
        .stash(&mail, entries, event(Status::Quarantined));
    let one = kept.await.expect("stashed").remove(0);
    let (alice, admin) = (scope("alice@example.org"), scope("global"));
    let mut notices = store.entries.notices();
    let seen = vec![(one.id, vec!["\\Seen".to_owned(), "$X".to_owned()])];
    store.entries.set_flags(&alice, seen).await.expect("set");
    let flags = async |scope| {
        let rows = store.entries.rows(scope, &[one.id]).await.expect("rows");
        rows[0].clone().map(|row| row.flags).expect("there")
    };
    assert_eq!(flags(&alice).await, ["$X", "\\Seen"]);
    assert!(flags(&admin).await.is_empty());
    listing_agrees(store, "alice@example.org").await;
    listing_agrees(store, "global").await;
    let notice = notices.try_recv().expect("a notice");
    assert_eq!(notice.what, NoticeKind::Flags(alice.clone()));
    let steps = vec![
        change(&one, State::Held, State::Leaving),
        change(&one, State::Leaving, State::Held),
    ];
    let results = store.entries.apply(steps).await;
    assert!(results.iter().all(Result::is_ok));
    assert!(flags(&alice).await.is_empty(), "a new uid is a new message");
    let unknown = entry(&mail, "nobody@example.org").id;
    let rows = store.entries.rows(&alice, &[unknown, one.id]).await;
    let there: Vec<bool> = rows.expect("rows").iter().map(Option::is_some).collect();
    assert_eq!(there, [false, true]);
}

pub(crate) async fn se05_expires_the_oldest_first(store: &Store) {
    let mail = mail(5, 500);
    let mut entries = vec![
        entry(&mail, "alice@example.org"),
        entry(&mail, "bob@example.org"),
        entry(&mail, "carol@example.org"),
    ];
    for (one, days) in entries.iter_mut().zip([3, 1, 9]) {
        one.expires = START.after_days(days);
    }
    let ids: Vec<_> = entries.iter().map(|e| e.id).collect();
    let kept = store
        .entries
        .stash(&mail, entries, event(Status::Quarantined));
    kept.await.expect("stashed");
    let due = store.entries.expiring(START.after_days(3), 9).await;
    let due: Vec<_> = due.expect("entries").iter().map(|e| e.id).collect();
    assert_eq!(due, [ids[1], ids[0]]);
    let one = store.entries.expiring(START.after_days(9), 1).await;
    assert_eq!(one.expect("entries").len(), 1);
}

pub(crate) async fn gives_each_job_to_one_hand(store: &Store) {
    let mail = mail(6, 500);
    let jobs: Vec<Job> = ["alice@example.org", "bob@example.org"]
        .map(|to| {
            let kind = JobKind::Deliver {
                to: address(to),
                edits: Vec::new(),
            };
            Job::new(entry(&mail, to).id, mail.id, kind, START)
        })
        .into();
    store.jobs.owed().await;
    for _ in 0..2 {
        let owe = store
            .jobs
            .owe(&mail, jobs.clone(), event(Status::DeliveryDeferred));
        owe.await.expect("owed");
    }
    store.jobs.owed().await;
    let soon = Timestamp(START.0 + 1000);
    assert_eq!(
        store.jobs.take(Timestamp(START.0 - 1), soon, 9).await,
        Ok(vec![])
    );
    let first = store.jobs.take(START, soon, 1).await.expect("jobs");
    let second = store.jobs.take(START, soon, 9).await.expect("jobs");
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first[0].id, second[0].id);
    assert_eq!(store.jobs.take(START, soon, 9).await, Ok(vec![]));
    let mut later = first[0].clone();
    later.due = Timestamp(START.0 + 500);
    later.tries = 1;
    let settle = store.jobs.settle(
        later.id,
        Some(later.clone()),
        event(Status::DeliveryDeferred),
    );
    settle.await.expect("settled");
    let at = Timestamp(START.0 + 500);
    assert_eq!(store.jobs.take(at, soon, 9).await, Ok(vec![later.clone()]));
    let settle = store.jobs.settle(later.id, None, event(Status::Delivered));
    settle.await.expect("settled");
    let late = store
        .jobs
        .settle(later.id, Some(later), event(Status::DeliveryDeferred));
    late.await.expect("settled");
    assert_eq!(
        store.jobs.take(soon, Timestamp(u64::MAX), 9).await,
        Ok(second.clone())
    );
    assert!(store.entries.body(mail.id).await.expect("body").is_some());
    let last = store
        .jobs
        .settle(second[0].id, None, event(Status::Delivered));
    last.await.expect("settled");
    assert_eq!(store.entries.body(mail.id).await, Ok(None));
    assert_eq!(store.jobs.jobs(9).await, Ok(vec![]));
}

pub(crate) async fn xx03_tells_the_history(store: &Store) {
    let mail = mail(7, 500);
    let one = entry(&mail, "alice@example.org");
    let statuses = [Status::Quarantined, Status::Released, Status::Delivered];
    let stash = store
        .entries
        .stash(&mail, vec![one.clone()], event_of(&one, statuses[0]));
    stash.await.expect("stashed");
    for (i, status) in statuses.iter().enumerate().skip(1) {
        let mut event = event_of(&one, *status).saying(format!("Word {i}"));
        event.at = Timestamp(START.0 + i as u64);
        store.journal.write(event).await.expect("written");
    }
    let mut out = event_of(&one, Status::Accepted);
    out.direction = Some(Direction::Outbound);
    out.from = Some(address("alice@example.org"));
    out.to = vec![address("x@far.example")];
    out.at = Timestamp(START.0 + 9);
    (out.entry, out.mail) = (None, None);
    store.journal.write(out).await.expect("written");

    let history = store.journal.history(one.id).await.expect("history");
    let told: Vec<Status> = history.iter().map(|event| event.status).collect();
    assert_eq!(told, statuses);
    let found = async |of: &str, query: Query, most| -> Vec<Status> {
        let events = store.journal.search(&scope(of), &query, most).await;
        let events = events.expect("events").rows;
        events.iter().map(|e| e.status).collect()
    };
    let newest_first = [
        Status::Accepted,
        Status::Delivered,
        Status::Released,
        Status::Quarantined,
    ];
    for of in ["global", "example.org", "alice@example.org"] {
        assert_eq!(found(of, Query::default(), 9).await, newest_first, "{of}");
        assert_eq!(found(of, Query::default(), 2).await, newest_first[..2]);
    }
    for of in ["far.example", "sender.example", "bob@example.org"] {
        assert!(found(of, Query::default(), 9).await.is_empty(), "{of}");
    }
    let text = Query {
        text: Some("word 1".into()),
        ..Query::default()
    };
    assert_eq!(found("example.org", text, 9).await, [Status::Released]);
    let by_mail = Query {
        mail: Some(mail.id),
        since: Some(Timestamp(START.0 + 1)),
        until: Some(Timestamp(START.0 + 1)),
        ..Query::default()
    };
    assert_eq!(
        found("global", by_mail.clone(), 9).await,
        [Status::Released]
    );
    assert!(found("bob@example.org", by_mail, 9).await.is_empty());
    let status = Query {
        statuses: vec![Status::Delivered],
        address: "ALICE@example.org".parse().ok(),
        ..Query::default()
    };
    assert_eq!(found("global", status, 9).await, [Status::Delivered]);
    let edge = Timestamp(START.0 + 2);
    store.journal.forget(edge).await.expect("forgotten");
    let left = found("example.org", Query::default(), 9).await;
    assert_eq!(left, newest_first[..2]);
    assert_eq!(store.journal.history(one.id).await.map(|h| h.len()), Ok(1));
}

pub(crate) async fn numbers_the_lessons(store: &Store) {
    let mail = mail(8, 500);
    let one = entry(&mail, "alice@example.org");
    for _ in 0..3 {
        let taught = store
            .lessons
            .teach(&mail, lesson(&one), event(Status::TrainedSpam));
        taught.await.expect("taught");
    }
    let lessons = store.lessons.lessons(1, 9).await.expect("lessons");
    let numbers: Vec<u64> = lessons.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [2, 3]);
    assert!(store.entries.body(mail.id).await.expect("body").is_some());
}

/// Who takes jobs while they are being owed gets each of them once.
pub(crate) async fn gives_a_job_once_while_it_is_being_owed(store: &Store) {
    let mut entries = Vec::new();
    for n in 100..150 {
        let mail = mail(n, 300);
        let new = vec![entry(&mail, "alice@example.org")];
        let kept = store.entries.stash(&mail, new, event(Status::Quarantined));
        entries.extend(kept.await.expect("stashed"));
    }
    let jobs = store.jobs.clone();
    let taker = tokio::spawn(async move {
        let mut taken = Vec::new();
        while taken.len() < 50 {
            let until = START.after_days(1);
            taken.extend(jobs.take(START, until, 9).await.expect("jobs"));
            tokio::task::yield_now().await;
        }
        for _ in 0..20 {
            taken.extend(
                jobs.take(START, START.after_days(1), 9)
                    .await
                    .expect("jobs"),
            );
        }
        taken
    });
    for entry in &entries {
        let leave = change(entry, State::Held, State::Leaving);
        assert!(store.entries.apply(vec![leave]).await[0].is_ok());
    }
    let taken = taker.await.expect("taken");
    let each: std::collections::BTreeSet<_> = taken.iter().map(|job| job.id).collect();
    assert_eq!(
        (taken.len(), each.len()),
        (50, 50),
        "a job was given out twice"
    );
}

/// Of changes that all want the same entry, one is made.
pub(crate) async fn serves_one_of_many(store: &Store) {
    let mail = mail(9, 500);
    let kept = store.entries.stash(
        &mail,
        vec![entry(&mail, "alice@example.org")],
        event(Status::Quarantined),
    );
    let one = kept.await.expect("stashed").remove(0);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let entries = store.entries.clone();
            let change = Change {
                job: JobStep::Stay,
                ..change(&one, State::Held, State::Removed)
            };
            tokio::spawn(async move { entries.apply(vec![change]).await.remove(0) })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        match task.await.expect("joined") {
            Ok(_) => made += 1,
            Err(error) => assert_eq!(error, ChangeError::Moved(State::Removed)),
        }
    }
    assert_eq!(made, 1);
}

/// Names the tests once; `$store` opens a fresh store, and what must outlive it.
macro_rules! conformance {
    ($engine:ident, $store:expr) => {
        mod $engine {
            crate::conformance::conformance!(@ $store; se01_xx01_stashes_once_for_each_owner, moves_through_its_life,
                lets_go_of_octets_nobody_needs, keeps_flags_for_each_scope,
                se05_expires_the_oldest_first, gives_each_job_to_one_hand, xx03_tells_the_history,
                numbers_the_lessons, keeps_settings, replaces_what_it_saw, serves_one_of_many,
                gives_a_job_once_while_it_is_being_owed, se16_finds_by_any_combination,
                se16_sums_by_step);
        }
    };
    (@ $store:expr; $($name:ident),*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let (store, _kept) = $store;
                crate::conformance::$name(&store).await;
            }
        )*
    };
}
pub(crate) use conformance;

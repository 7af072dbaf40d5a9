//! The table of actions, row by row.

use super::{Action, Reach, Refusal, Terms, plan};
use crate::clock::Timestamp;
use crate::mail::{Direction, EntryId, MailId, Reply};
use crate::policy::{Class, Principal, Scope, Verdict};
use crate::record::{Door, Entry, JobStep, Lore, Shelf, State};

fn entry(state: State) -> Entry {
    let owner: crate::mail::Address = "alice@example.org".parse().expect("address");
    Entry {
        id: EntryId([1; 16]),
        mail: MailId([2; 16]),
        to: vec![owner.clone()],
        owner,
        from: None,
        direction: Direction::Inbound,
        shelf: Shelf::Caught,
        state,
        verdict: Verdict {
            class: Class::Spam,
            score: 9.0,
            because: Vec::new(),
        },
        arrived: Timestamp(0),
        expires: Timestamp(0),
        uid: 1,
        size: 1,
        subject: String::new(),
        author: "eve@spam.example".into(),
        author_name: String::new(),
        client: String::new(),
        failed: None,
        leaves: None,
        requested: None,
        aligned: false,
        writable: false,
        marked: false,
    }
}

fn ask(entry: &Entry, action: &Action, by: &Principal) -> String {
    let door = Door::new("test", "");
    match plan(entry, action, by, &door, Timestamp(1), Terms::default()) {
        Ok(None) => "already".into(),
        Ok(Some(change)) => {
            let job = match change.job {
                JobStep::Stay => "",
                JobStep::Owe(_) => " owe",
                JobStep::Settle => " settle",
            };
            let lore = match change.lesson.map(|lesson| lesson.lore) {
                None => "",
                Some(Lore::Ham) => " ham",
                Some(Lore::Spam) => " spam",
            };
            let listed = change
                .listed
                .map_or(String::new(), |l| format!(" {}", l.kind));
            let asked = if change.requested.is_some() {
                " asked"
            } else {
                ""
            };
            format!("{}{job}{lore}{listed}{asked}", change.to)
        }
        Err(Refusal::NotPossible(state)) => format!("no: {state}"),
        Err(Refusal::TooLate) => "too late".into(),
        Err(other) => other.to_string(),
    }
}

/// What comes of an action, by the state of the entry:
/// held, leaving, released, removed, expired.
const TABLE: &str = "
Release           | leaving owe       | already       | already         | no: removed | no: expired
ReleaseAndTrain   | leaving owe ham   | already       | already         | no: removed | no: expired
ReleaseAndAllow   | leaving owe allow | already       | already         | no: removed | no: expired
RequestRelease    | held asked        | already       | already         | no: removed | no: expired
Appeal            | held asked        | already       | already         | no: removed | no: expired
Authorise         | no: held          | no: leaving   | no: released    | no: removed | no: expired
TakeBack          | already           | too late      | no: released    | no: removed | no: expired
Remove            | removed           | no: leaving   | no: released    | already     | already
RemoveAndBlock    | removed block     | no: leaving   | no: released    | already     | already
RemoveAsSpam      | removed spam      | no: leaving   | no: released    | already     | already
RemoveAsHam       | removed ham       | no: leaving   | no: released    | already     | already
TrainSpam         | held spam         | no: leaving   | no: released    | no: removed | no: expired
TrainHam          | held ham          | no: leaving   | no: released    | no: removed | no: expired
Expire            | expired           | no: leaving   | no: released    | already     | already
Evict             | expired           | no: leaving   | no: released    | already     | already
Delivered         | no: held          | released settle | already       | no: removed | no: expired
Returned          | already           | held settle   | no: released    | no: removed | no: expired
";

/// The same for pending mail, where it differs.
const PENDING: &str = "
Release           | leaving owe       | already       | already         | no: removed | no: expired
ReleaseAndTrain   | leaving owe allow | already       | already         | no: removed | no: expired
Authorise         | leaving owe allow | already       | already         | no: removed | no: expired
RemoveAsSpam      | removed spam block | no: leaving  | no: released    | already     | already
TrainSpam         | held spam block   | no: leaving   | no: released    | no: removed | no: expired
RemoveAsHam       | removed ham       | no: leaving   | no: released    | already     | already
Expire            | expired           | no: leaving   | no: released    | already     | already
";

fn action(name: &str) -> Action {
    match name {
        "Release" => Action::Release,
        "ReleaseAndTrain" => Action::ReleaseAndTrain,
        "ReleaseAndAllow" => Action::ReleaseAndAllow(Reach::Recipient),
        "RequestRelease" => Action::RequestRelease,
        "Appeal" => Action::Appeal("please".to_owned()),
        "Authorise" => Action::Authorise,
        "TakeBack" => Action::TakeBack,
        "Remove" => Action::Remove,
        "RemoveAndBlock" => Action::RemoveAndBlock(Reach::Domain),
        "RemoveAsSpam" => Action::RemoveAsSpam,
        "RemoveAsHam" => Action::RemoveAsHam,
        "TrainSpam" => Action::TrainSpam,
        "TrainHam" => Action::TrainHam,
        "Expire" => Action::Expire,
        "Evict" => Action::Evict,
        "Delivered" => Action::Delivered(Reply::plain(550, "no")),
        "Returned" => Action::Returned(Reply::plain(550, "no")),
        other => panic!("no action {other}"),
    }
}

#[test]
fn se10_xx04_the_table_row_by_row() {
    rows(TABLE, Shelf::Caught);
}

#[test]
fn iw02_what_differs_for_pending_mail() {
    rows(PENDING, Shelf::Pending);
    let mut nobody = entry(State::Held);
    nobody.shelf = Shelf::Pending;
    nobody.author = String::new();
    let house = Principal::house("test");
    assert_eq!(ask(&nobody, &Action::Release, &house), "leaving owe");
    assert_eq!(ask(&nobody, &Action::RemoveAsSpam, &house), "removed spam");
    assert!(ask(&nobody, &Action::ReleaseAndTrain, &house).contains("no sender"));
}

#[test]
fn iw05_what_waited_in_vain_is_delivered_marked_where_policy_says_so() {
    let door = Door::new("test", "");
    let house = Principal::house("test");
    let terms = Terms {
        marks: true,
        ..Terms::default()
    };
    let expire = |entry: &Entry| {
        plan(entry, &Action::Expire, &house, &door, Timestamp(1), terms)
            .expect("possible")
            .map(|change| (change.to, change.marked))
    };
    let mut pending = entry(State::Held);
    assert_eq!(expire(&pending), Some((State::Expired, false)));
    pending.shelf = Shelf::Pending;
    assert_eq!(expire(&pending), Some((State::Leaving, true)));
    // Its destination refused it: it is not tried for ever.
    pending.failed = Some(Reply::plain(550, "no"));
    assert_eq!(expire(&pending), Some((State::Expired, false)));
}

fn rows(table: &str, shelf: Shelf) {
    use State::{Expired, Held, Leaving, Released, Removed};
    let rows = table.lines().filter(|line| !line.is_empty());
    for row in rows {
        let mut cells = row.split('|').map(str::trim);
        let action = action(cells.next().expect("a name"));
        for (state, want) in [Held, Leaving, Released, Removed, Expired]
            .into_iter()
            .zip(cells)
        {
            let entry = Entry {
                shelf,
                ..entry(state)
            };
            assert_eq!(
                ask(&entry, &action, &Principal::house("test")),
                want,
                "{action:?} {state}"
            );
        }
    }
}

#[test]
fn se06_xx12_strangers_and_rights() {
    let of = |text: &str| Principal::of(text.parse::<Scope>().expect("scope"));
    let held = entry(State::Held);
    for stranger in ["bob@example.org", "other.org"] {
        for action in [Action::Release, Action::Remove, Action::TrainSpam] {
            assert_eq!(
                ask(&held, &action, &of(stranger)),
                Refusal::NotYours.to_string()
            );
        }
    }
    for of_the_house in [
        Action::Expire,
        Action::Evict,
        Action::Appeal(String::new()),
        Action::Authorise,
    ] {
        assert_eq!(
            ask(&held, &of_the_house, &of("global")),
            Refusal::NotYours.to_string()
        );
    }
    let mut outgoing = entry(State::Held);
    outgoing.direction = Direction::Outbound;
    let mut malware = entry(State::Held);
    malware.verdict.class = Class::Malware;
    for special in [outgoing, malware] {
        assert!(ask(&special, &Action::Release, &of("alice@example.org")).contains("right"));
        assert_eq!(
            ask(&special, &Action::Release, &of("example.org")),
            "leaving owe"
        );
    }
    let mut copy = entry(State::Held);
    copy.shelf = Shelf::TrainingRequested;
    assert_eq!(
        ask(&copy, &Action::Release, &of("global")),
        Refusal::WasDelivered.to_string()
    );
}

/// IW-03: an address with a star would allow, or block, all of its domain, which the stranger chose.
#[test]
fn iw03_a_star_in_an_address_stands_for_nobody_on_a_list() {
    let alice = Principal::of("alice@example.org".parse().expect("scope"));
    for author in ["*@spam.example", "\"*\"@spam.example", "a*b@spam.example"] {
        for shelf in [Shelf::Caught, Shelf::Pending] {
            let mut starred = entry(State::Held);
            (starred.author, starred.shelf) = (author.to_owned(), shelf);
            let door = Door::new("test", "");
            let ask = |action: &Action| {
                plan(
                    &starred,
                    action,
                    &alice,
                    &door,
                    Timestamp(1),
                    Terms::default(),
                )
            };
            for action in [
                Action::ReleaseAndAllow(Reach::Recipient),
                Action::RemoveAndBlock(Reach::Recipient),
            ] {
                let planned = ask(&action);
                assert!(
                    matches!(planned, Err(Refusal::Bad(_))),
                    "{author} {action:?}"
                );
            }
            for action in [Action::RemoveAsSpam, Action::TrainSpam, Action::Release] {
                let change = ask(&action).expect("possible").expect("a change");
                assert_eq!(change.listed, None, "{author} {action:?}");
            }
        }
    }
}

//! Every action through every door leaves the same mark: state, job, lesson, event.

mod api_house;
mod imap_house;

use std::time::Duration;

use api_house::Api;
use imap_house::{House, plain};
use quaranta::actions::{Action, Outcome, Reach, Refusal, Verb};
use quaranta::control::{Control, Request, Response};
use quaranta::mail::EntryId;
use quaranta::policy::{Layer, ListKind, Principal, Scope};
use quaranta::record::{Door, JobKind, Lore, State};
use quaranta::web;
use serde_json::json;

const OWNER: &str = "alice@example.org";

/// What an action left behind, without who asked and when.
#[derive(Debug, PartialEq)]
struct Mark {
    state: String,
    owed: bool,
    lore: Option<Lore>,
    status: String,
    words: String,
    owner: Vec<String>,
}

async fn mark(house: &House, id: EntryId) -> Mark {
    let entry = house
        .store
        .entries
        .entry(id)
        .await
        .expect("entry")
        .expect("entry");
    let jobs = house.store.jobs.jobs(1000).await.expect("jobs");
    let lessons = house.store.lessons.lessons(0, 1000).await.expect("lessons");
    let history = house.store.journal.history(id).await.expect("history");
    let event = history.last().expect("an event");
    Mark {
        state: entry.state.to_string(),
        owed: jobs
            .iter()
            .any(|job| job.id == id && job.kind == JobKind::Release),
        lore: lessons
            .iter()
            .find(|(_, lesson)| lesson.entry == Some(id))
            .map(|(_, l)| l.lore),
        status: event.status.to_string(),
        words: event.words.clone(),
        owner: event.to.iter().map(ToString::to_string).collect(),
    }
}

/// The action, how IMAP says it, how the admin socket says it.
fn table() -> Vec<(Action, &'static [&'static str], Verb)> {
    vec![
        (Action::Release, &["UID MOVE # Release"], Verb::Release),
        (
            Action::ReleaseAndTrain,
            &["UID MOVE # \"Release &- Train\""],
            Verb::ReleaseAndTrain,
        ),
        (
            Action::Remove,
            &["UID STORE # +FLAGS (\\Deleted)", "UID EXPUNGE #"],
            Verb::Remove,
        ),
        (Action::TrainSpam, &["UID COPY # Spam"], Verb::TrainSpam),
        (
            Action::TrainHam,
            &["UID COPY # \"Not Spam\""],
            Verb::TrainHam,
        ),
        (
            Action::RemoveAsSpam,
            &["UID MOVE # Spam"],
            Verb::RemoveAsSpam,
        ),
        (
            Action::RemoveAsHam,
            &["UID MOVE # \"Not Spam\""],
            Verb::RemoveAsHam,
        ),
        // There is no folder for these.
        (
            Action::ReleaseAndAllow(Reach::Recipient),
            &[],
            Verb::ReleaseAndAllow,
        ),
        (
            Action::RemoveAndBlock(Reach::Recipient),
            &[],
            Verb::RemoveAndBlock,
        ),
        (Action::RequestRelease, &[], Verb::RequestRelease),
    ]
}

#[tokio::test]
async fn se10_an_action_means_the_same_at_every_door() {
    let house = House::new().await;
    let control = Control::new(house.desk.clone(), std::time::Duration::from_secs(60));
    let owner = Principal::of(OWNER.parse::<Scope>().expect("scope"));
    let api = Api::new(&house.store, &house.clock, web::Options::default()).await;
    let key = api.key(OWNER).await;
    for (action, commands, verb) in table() {
        let mut ids = Vec::new();
        for door in ["desk", "imap", "control", "api"] {
            ids.push(
                house
                    .stash(OWNER, plain(&format!("{action:?} {door}")))
                    .await,
            );
        }
        let door = Door::new("desk", "");
        house
            .desk
            .perform(&owner, &action, ids[0], &door)
            .await
            .expect("at the desk");

        let uid = house
            .store
            .entries
            .entry(ids[1])
            .await
            .expect("entry")
            .expect("entry")
            .uid;
        let mut client = house.sign_in(OWNER).await;
        client.ok("SELECT Caught").await;
        for command in commands {
            client.ok(&command.replace('#', &uid.to_string())).await;
        }

        let request = Request::QuarantineAct {
            ids: vec![ids[2]],
            verb,
            reach: Reach::default(),
        };
        match control.answer(0, request).await {
            Response::Done(value) => assert_eq!(value[0]["done"], true, "{value}"),
            Response::Refused(text) => panic!("{text}"),
        }

        let path = format!("/entries/{}/actions", ids[3]);
        let done = api.post(&key, &path, json!({ "action": verb })).await.ok();
        assert_eq!(done["outcome"], "done");

        let at_desk = mark(&house, ids[0]).await;
        let others = [("imap", ids[1]), ("control", ids[2]), ("api", ids[3])];
        for (name, id) in others.into_iter().skip(usize::from(commands.is_empty())) {
            assert_eq!(mark(&house, id).await, at_desk, "{action:?} through {name}");
        }
    }
}

#[tokio::test]
async fn a_refusal_is_the_same_at_every_door() {
    let house = House::new().await;
    let control = Control::new(house.desk.clone(), std::time::Duration::from_secs(60));
    let id = house.stash(OWNER, plain("gone")).await;
    let owner = Principal::of(OWNER.parse::<Scope>().expect("scope"));
    let door = Door::new("desk", "");
    house
        .desk
        .perform(&owner, &Action::Remove, id, &door)
        .await
        .expect("removed");
    let refused = house
        .desk
        .perform(&owner, &Action::Release, id, &door)
        .await
        .expect_err("refused");
    let request = Request::QuarantineAct {
        ids: vec![id],
        verb: Verb::Release,
        reach: Reach::default(),
    };
    match control.answer(0, request).await {
        Response::Done(value) => assert_eq!(value[0]["refused"], refused.to_string()),
        Response::Refused(text) => panic!("{text}"),
    }
    let api = Api::new(&house.store, &house.clock, web::Options::default()).await;
    let (key, path) = (api.key(OWNER).await, format!("/entries/{id}/actions"));
    let answer = api.post(&key, &path, json!({ "action": "release" })).await;
    assert_eq!(answer.problem(409), refused.to_string());
}

#[tokio::test]
async fn xx13_a_release_is_taken_back_at_every_door_where_one_can() {
    let house = House::new().await;
    let control = Control::new(house.desk.clone(), Duration::from_secs(60));
    let api = Api::new(&house.store, &house.clock, web::Options::default()).await;
    let (key, door) = (api.key(OWNER).await, Door::new("desk", ""));
    let owner = Principal::of(OWNER.parse::<Scope>().expect("scope"));
    let layer = Layer {
        undo_seconds: Some(30),
        ..Layer::default()
    };
    let global = Principal::of(Scope::Global);
    let set = house
        .desk
        .set_layer(&global, owner.scope.clone(), layer, &door);
    set.await.expect("set");
    let mut marks = Vec::new();
    for name in ["desk", "control", "api"] {
        let id = house.stash(OWNER, plain(name)).await;
        let released = house.desk.perform(&owner, &Action::Release, id, &door);
        assert_eq!(released.await, Ok(Outcome::Done(id)));
        let (ids, verb) = (vec![id], Verb::TakeBack);
        match name {
            "desk" => {
                let back = house.desk.perform(&owner, &Action::TakeBack, id, &door);
                assert_eq!(back.await, Ok(Outcome::Done(id)));
            }
            "control" => {
                let reach = Reach::default();
                let request = Request::QuarantineAct { ids, verb, reach };
                match control.answer(0, request).await {
                    Response::Done(value) => assert_eq!(value[0]["done"], true, "{value}"),
                    Response::Refused(text) => panic!("{text}"),
                }
            }
            _ => {
                let all = json!({ "action": verb, "ids": ids });
                let done = api.post(&key, "/entries/actions", all).await.ok();
                assert_eq!(done["items"][0]["outcome"], "done");
            }
        }
        marks.push(mark(&house, id).await);
    }
    assert_eq!(marks[0].status, "taken-back");
    assert!(marks.iter().all(|mark| *mark == marks[0]), "{marks:?}");
}

#[tokio::test]
async fn xx12_a_request_is_denied_the_same_at_every_door() {
    let house = House::new().await;
    let control = Control::new(house.desk.clone(), Duration::from_secs(60));
    let api = Api::new(&house.store, &house.clock, web::Options::default()).await;
    let (key, door) = (api.key("example.org").await, Door::new("desk", ""));
    let owner = Principal::of(OWNER.parse::<Scope>().expect("scope"));
    let admin = Principal::of("example.org".parse::<Scope>().expect("scope"));
    let mut marks = Vec::new();
    for name in ["desk", "control", "api", "imap"] {
        let id = house.stash(OWNER, plain(name)).await;
        let request = Action::RequestRelease;
        let asked = house.desk.perform(&owner, &request, id, &door).await;
        assert_eq!(asked, Ok(Outcome::Done(id)));
        let uid = house.store.entries.entry(id).await.expect("entry");
        let uid = uid.expect("entry").uid;
        match name {
            "desk" => {
                let deny = Action::DenyRequest(String::new());
                let denied = house.desk.perform(&admin, &deny, id, &door).await;
                assert_eq!(denied, Ok(Outcome::Done(id)));
            }
            "control" => {
                let (ids, why) = (vec![id], String::new());
                match control
                    .answer(0, Request::QuarantineDeny { ids, why })
                    .await
                {
                    Response::Done(value) => assert_eq!(value[0]["done"], true, "{value}"),
                    Response::Refused(text) => panic!("{text}"),
                }
            }
            "api" => {
                let path = format!("/entries/{id}/actions");
                let deny = json!({ "action": "deny_request" });
                let done = api.post(&key, &path, deny).await;
                assert_eq!(done.ok()["outcome"], "done");
            }
            _ => {
                // Who asked sees it, and cannot answer.
                let mut own = house.sign_in(OWNER).await;
                own.ok("SELECT Caught").await;
                let shown = own.ok(&format!("UID FETCH {uid} (FLAGS)")).await;
                assert!(shown[0].contains("$ReleaseRequested"), "{shown:?}");
                own.no(&format!("UID STORE {uid} +FLAGS ($Deny)")).await;
                let mut client = house.sign_in("example.org").await;
                client.ok("SELECT Caught").await;
                let deny = format!("UID STORE {uid} +FLAGS ($Deny $mine)");
                let done = client.ok(&deny).await.join(" ");
                assert!(done.contains("$mine") && !done.contains("$Deny"), "{done}");
                assert!(!done.contains("$ReleaseRequested"), "{done}");
            }
        }
        marks.push(mark(&house, id).await);
    }
    assert_eq!(marks[0].status, "denied");
    assert!(marks.iter().all(|mark| *mark == marks[0]), "{marks:?}");

    // By IMAP it is granted as well; other mail is not touched by the keyword.
    let id = house.stash(OWNER, plain("granted")).await;
    let other = house.stash(OWNER, plain("not asked for")).await;
    let asked = house
        .desk
        .perform(&owner, &Action::RequestRelease, id, &door);
    asked.await.expect("asked");
    let mut client = house.sign_in("example.org").await;
    client.ok("SELECT Caught").await;
    client.ok("STORE 1:* +FLAGS ($Approve)").await;
    assert_eq!(house.state(id).await, State::Leaving);
    assert_eq!(house.state(other).await, State::Held);
    let told = client.ok("NOOP").await.join(" ");
    assert!(told.contains("EXPUNGE"), "{told}");
}

#[tokio::test]
async fn iw02_se14_a_listed_sender_is_kept_with_the_action() {
    let house = House::new().await;
    let door = Door::new("desk", "");
    let alice = Principal::of(OWNER.parse::<Scope>().expect("scope"));
    let domain = Principal::of("example.org".parse::<Scope>().expect("scope"));
    let id = house.stash(OWNER, plain("wanted")).await;
    let wide = Action::ReleaseAndAllow(Reach::Domain);
    let refused = house.desk.perform(&alice, &wide, id, &door).await;
    assert_eq!(
        refused,
        Err(Refusal::NotYours),
        "the domain's list is not hers"
    );
    assert_eq!(house.state(id).await, State::Held);
    let done = house.desk.perform(&domain, &wide, id, &door).await;
    assert_eq!(done, Ok(Outcome::Done(id)));
    let list = house.desk.list(&domain, &domain.scope).await.expect("list");
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].pattern.to_string(), "sender@spam.example");
    assert_eq!(
        (list[0].kind, list[0].by.as_str()),
        (ListKind::Allow, "example.org")
    );
}

#[tokio::test]
async fn xx13_a_release_waits_and_can_be_taken_back() {
    let house = House::new().await;
    let door = Door::new("desk", "");
    let alice = Principal::of(OWNER.parse::<Scope>().expect("scope"));
    let global = Principal::of(Scope::Global);
    let layer = Layer {
        undo_seconds: Some(30),
        ..Layer::default()
    };
    let set = house
        .desk
        .set_layer(&global, alice.scope.clone(), layer, &door);
    set.await.expect("set");
    let id = house.stash(OWNER, plain("rash")).await;
    let perform = async |action| house.desk.perform(&alice, &action, id, &door).await;
    assert_eq!(perform(Action::Release).await, Ok(Outcome::Done(id)));
    let later = house.clock.now().after(Duration::from_secs(30));
    let due = |now| {
        house
            .store
            .jobs
            .take(now, now.after(Duration::from_secs(1)), 9)
    };
    assert_eq!(due(house.clock.now()).await.expect("jobs").len(), 0);
    assert_eq!(perform(Action::TakeBack).await, Ok(Outcome::Done(id)));
    assert_eq!(
        (house.state(id).await, house.jobs().await),
        (State::Held, 0)
    );
    assert_eq!(
        perform(Action::TakeBack).await,
        Ok(Outcome::Already(State::Held))
    );
    assert_eq!(perform(Action::Release).await, Ok(Outcome::Done(id)));
    house.clock.forward(Duration::from_secs(30));
    assert_eq!(perform(Action::TakeBack).await, Err(Refusal::TooLate));
    assert_eq!(due(later).await.expect("jobs").len(), 1);
}

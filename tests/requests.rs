//! Requests for a release and their answers (XX-12), copies of what was wrongly held (SY-05), and
//! senders who are told of a delivery (XX-08).

mod house;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use house::{House, address, door, principal, scope};
use quaranta::actions::{Action, Followed, Outcome, Refusal};
use quaranta::background::Notices;
use quaranta::clock::{Clock, Timestamp};
use quaranta::inspect::Panel;
use quaranta::mail::{Address, BodyType, Direction, EntryId, Envelope, Mail, Message, Peer};
use quaranta::notify::{LetterOptions, Post};
use quaranta::policy::{Finding, Findings, Language, Layer, Principal, Replies, Right, Role};
use quaranta::record::{Grant, State};
use quaranta::store::in_memory;
use quaranta::token::Link;

const ALICE: &str = "alice@example.org";
const BOSS: &str = "boss@example.org";
const OPS: &str = "ops@outside.test";

fn notices(house: &House) -> Notices {
    let jobs = house.store.jobs.clone();
    let letters = LetterOptions::default();
    let post = Post::new(jobs, house.clock.clone(), "mx.example.org", &letters);
    let panel = Some("https://mx.example.org/".to_owned());
    Notices::new(house.background.clone(), post, panel, false)
}

/// A house whose notices have begun.
async fn begun() -> (House, Notices) {
    let house = House::new().await;
    let notices = notices(&house);
    notices.look().await.expect("look");
    house.clock.forward(Duration::from_secs(1));
    (house, notices)
}

async fn told(house: &House, notices: &Notices, to: &str) -> Vec<String> {
    notices.look().await.expect("look");
    notices.look().await.expect("look");
    house.deliver().await;
    house.carrying.destination.got(to)
}

/// What alice may not release herself.
async fn malware(house: &House, body: &str) -> EntryId {
    house.send(ALICE, &format!("XMALWARE {body}")).await;
    let caught = house.caught(ALICE).await;
    *caught.last().expect("caught")
}

async fn perform(
    house: &House,
    who: &str,
    action: &Action,
    id: EntryId,
) -> Result<Outcome, Refusal> {
    let done = house
        .desk
        .perform(&principal(who), action, id, &door())
        .await;
    house.clock.forward(Duration::from_secs(1));
    done
}

/// The text of the link behind these words.
fn link(letter: &str, words: &str) -> String {
    let plain = letter.replace("=\r\n", "");
    let (_, rest) = plain.split_once(words).expect("a link");
    let line = rest.lines().next().expect("a line");
    line.rsplit('/').next().expect("a text").to_owned()
}

async fn opened(house: &House, text: &str) -> Link {
    let link = house.desk.open_link(text).await.expect("store");
    link.expect("a link that holds")
}

fn deny(why: &str) -> Action {
    Action::DenyRequest(why.to_owned())
}

#[tokio::test]
async fn xx12_a_request_is_told_answered_once_and_its_answer_told() {
    let (house, notices) = begun().await;
    let layer = Layer {
        requests_to: Some(format!("{BOSS}, {OPS}").parse().expect("addresses")),
        ..Layer::default()
    };
    house.set("example.org", layer).await;
    let id = malware(&house, "one").await;
    let done = Ok(Outcome::Done(id));
    assert_eq!(
        perform(&house, ALICE, &Action::RequestRelease, id).await,
        done
    );
    for to in [BOSS, OPS] {
        let got = told(&house, &notices, to).await;
        assert_eq!(got.len(), 1, "{to}");
        assert!(
            got[0].contains(&format!("Release requested by {ALICE}")),
            "{}",
            got[0]
        );
        assert!(got[0].contains("X-Quaranta-Notice: request"));
    }

    // Only who administers answers, and only a request.
    let refused = perform(&house, ALICE, &deny("no"), id).await;
    assert_eq!(refused, Err(Refusal::NeedsRight(Right::Administer)));
    let long = perform(&house, "example.org", &deny(&"x".repeat(201)), id).await;
    assert!(matches!(long, Err(Refusal::Bad(_))), "{long:?}");
    assert_eq!(
        perform(&house, "example.org", &deny("a real virus"), id).await,
        done
    );
    let entry = house
        .desk
        .entry(&principal(ALICE), id)
        .await
        .expect("entry");
    assert_eq!((entry.state, entry.requested), (State::Held, None));
    let again = perform(&house, "global", &deny(""), id).await;
    assert_eq!(
        again,
        Ok(Outcome::Already(State::Held)),
        "it is answered once"
    );
    let got = told(&house, &notices, ALICE).await;
    assert_eq!(got.len(), 1);
    assert!(got[0].contains("Your request was denied") && got[0].contains("a real virus"));

    // The links of that letter do nothing any more.
    let letter = &house.carrying.destination.got(BOSS)[0];
    let approve = link(letter, "Approve:  ");
    let followed = house
        .desk
        .follow(&opened(&house, &approve).await, &door())
        .await;
    assert_eq!(followed, Ok(Followed::Did(Outcome::Already(State::Held))));

    // Asked again, it is granted by a link that can do nothing else.
    assert_eq!(
        perform(&house, ALICE, &Action::RequestRelease, id).await,
        done
    );
    let letters = told(&house, &notices, BOSS).await;
    let approve = opened(&house, &link(&letters[1], "Approve:  ")).await;
    assert_eq!(
        (approve.entry, approve.whose.clone()),
        (Some(id), scope("example.org"))
    );
    let other = Link {
        entry: Some(EntryId([9; 16])),
        ..approve.clone()
    };
    assert!(house.desk.follow(&other, &door()).await.is_err());
    let followed = house.desk.follow(&approve, &door()).await;
    assert_eq!(followed, Ok(Followed::Did(Outcome::Done(id))));
    house.clock.forward(Duration::from_secs(1));
    let deny = opened(&house, &link(&letters[1], "Deny:     ")).await;
    let late = house.desk.follow(&deny, &door()).await;
    assert_eq!(late, Ok(Followed::Did(Outcome::Already(State::Leaving))));
    notices.look().await.expect("look");
    let got = told(&house, &notices, ALICE).await;
    let letters: Vec<_> = got
        .iter()
        .filter(|text| text.contains("X-Quaranta-Notice"))
        .collect();
    assert_eq!(letters.len(), 2, "{got:?}");
    assert!(letters[1].contains("Your request was granted"));
    assert_eq!(
        house.history(id).await,
        [
            "quarantined",
            "requested",
            "denied",
            "requested",
            "released",
            "delivered"
        ]
    );
    let more = told(&house, &notices, ALICE).await.len();
    assert_eq!(more, got.len(), "nothing is told twice");
}

/// XX-12: a clock that was ahead silences nothing once it is right, and has nothing told twice.
#[tokio::test]
async fn xx12_a_clock_that_was_ahead_silences_no_request() {
    let (house, notices) = begun().await;
    let layer = Layer {
        requests_to: Some(BOSS.parse().expect("addresses")),
        ..Layer::default()
    };
    house.set("example.org", layer).await;
    let start = house.clock.now();
    let year = Duration::from_secs(365 * 86_400);
    let times = [Duration::ZERO, year, Duration::from_secs(600)];
    for (n, since) in times.into_iter().enumerate() {
        house.clock.set(start.after(since));
        let id = malware(&house, &n.to_string()).await;
        let asked = perform(&house, ALICE, &Action::RequestRelease, id).await;
        assert_eq!(asked, Ok(Outcome::Done(id)));
        assert_eq!(told(&house, &notices, BOSS).await.len(), n + 1);
    }
    // The same after a restart, which knows what the store kept.
    house.clock.forward(year);
    notices.look().await.expect("look");
    house.clock.set(start.after(Duration::from_secs(1200)));
    let id = malware(&house, "last").await;
    let asked = perform(&house, ALICE, &Action::RequestRelease, id).await;
    assert_eq!(asked, Ok(Outcome::Done(id)));
    let again = self::notices(&house);
    assert_eq!(told(&house, &again, BOSS).await.len(), 4);
}

#[tokio::test]
async fn xx12_without_an_address_administrators_with_one_are_asked_once_for_many() {
    let (house, notices) = begun().await;
    let global = principal("global");
    let made = house
        .desk
        .add_account(&global, scope(BOSS), None, &door())
        .await;
    made.expect("account");
    let made = house
        .desk
        .add_account(&global, scope(ALICE), None, &door())
        .await;
    made.expect("account");
    let settings = &house.store.settings;
    let mut account = settings
        .account(&scope(BOSS))
        .await
        .expect("store")
        .expect("account");
    account.grants.push(Grant {
        role: Role::DomainAdministrator,
        scope: scope("example.org"),
        rights: quaranta::policy::Rights::NONE,
        by: "global".into(),
        at: house.clock.now(),
    });
    let event = quaranta::record::Event::new(
        house.clock.now(),
        quaranta::record::Status::Changed,
        "test",
        door(),
    );
    settings.set_account(account, event).await.expect("set");
    let mut ids = Vec::new();
    for n in 0..30 {
        ids.push(malware(&house, &n.to_string()).await);
    }
    let by = principal(ALICE);
    for done in house
        .desk
        .perform_all(&by, &Action::RequestRelease, &ids, &door())
        .await
    {
        done.expect("asked");
    }
    house.clock.forward(Duration::from_secs(1));
    let got = told(&house, &notices, BOSS).await;
    assert_eq!(got.len(), 1, "one letter");
    assert!(got[0].contains("30 releases requested") && got[0].contains("And 10 more."));
    assert!(told(&house, &notices, ALICE).await.is_empty());

    // A restart begins where it ended.
    let again = self::notices(&house);
    assert_eq!(told(&house, &again, BOSS).await.len(), 1);
    let denied = perform(&house, "global", &deny(""), ids[0]).await;
    assert_eq!(denied, Ok(Outcome::Done(ids[0])));
    let got = told(&house, &again, ALICE).await;
    assert_eq!(got.len(), 1);
}

#[tokio::test]
async fn sy05_what_was_wrongly_held_goes_to_operations_whole() {
    let (house, notices) = begun().await;
    let layer = || Layer {
        false_positives_to: Some(OPS.parse().expect("addresses")),
        ..Layer::default()
    };
    house.set("example.org", layer()).await;
    let released = async |body: &str, who: &str, action: Action| {
        house.send(ALICE, body).await;
        let id = *house.caught(ALICE).await.last().expect("caught");
        perform(&house, who, &action, id).await.expect("done");
        house.deliver().await;
        house.clock.forward(Duration::from_secs(1));
        id
    };
    released("XJUNK plain", ALICE, Action::Release).await;
    released("XJUNK ham", ALICE, Action::TrainHam).await;
    released("XMALWARE bad", "global", Action::ReleaseAndTrain).await;
    assert!(told(&house, &notices, OPS).await.is_empty());
    let id = released("XJUNK wanted", ALICE, Action::ReleaseAndTrain).await;
    let got = told(&house, &notices, OPS).await;
    assert_eq!(got.len(), 1);
    assert!(
        got[0].contains("Content-Type: message/rfc822"),
        "{}",
        got[0]
    );
    assert!(
        got[0].contains(&house::text("XJUNK wanted")),
        "octet by octet"
    );
    assert!(!got[0].contains("X-Quaranta-Reinsertion"));
    assert_eq!(
        house.history(id).await.last().map(String::as_str),
        Some("told")
    );

    // What went out is its sender's own.
    house
        .send_out(None, ALICE, "x@remote.test", "XJUNK out")
        .await;
    let out = house.caught_outgoing("global").await[0];
    perform(&house, "global", &Action::ReleaseAndTrain, out)
        .await
        .expect("released");
    house.deliver().await;
    house.clock.forward(Duration::from_secs(1));
    assert_eq!(told(&house, &notices, OPS).await.len(), 1);

    // Who gets copies sees content: only the whole house may say who.
    let domain = principal("example.org");
    let set = house
        .desk
        .set_layer(&domain, scope(ALICE), layer(), &door())
        .await;
    assert_eq!(set, Err(Refusal::NeedsRight(Right::SeeBodies)));
    let nobody = Layer {
        false_positives_to: Some(Default::default()),
        ..Layer::default()
    };
    let set = house
        .desk
        .set_layer(&domain, scope(ALICE), nobody, &door())
        .await;
    set.expect("to have none of it is everybody's right");
}

/// XX-12: the links in letters about requests grant; nobody has them sent who may not do it.
#[tokio::test]
async fn xx12_who_may_not_release_malware_is_not_asked_for_it() {
    let house = House::new().await;
    let own = Layer {
        requests_to: Some(ALICE.parse().expect("addresses")),
        ..Layer::default()
    };
    let set = async |rights: &[Right]| {
        let by = Principal {
            rights: rights.iter().copied().collect(),
            ..principal("example.org")
        };
        let (desk, door) = (&house.desk, door());
        desk.set_layer(&by, scope(ALICE), own.clone(), &door).await
    };
    let most = [Right::Administer, Right::Act, Right::ReleaseOutgoing];
    assert_eq!(
        set(&most).await,
        Err(Refusal::NeedsRight(Right::HandleMalware))
    );
    let all = [&most[..], &[Right::HandleMalware]].concat();
    assert_eq!(set(&all).await, Ok(()));
    // It stands: what else is set needs no such right.
    assert_eq!(set(&most).await, Ok(()));
}

/// Everything is spam; who is aligned says the mail.
struct Says;

#[async_trait]
impl Panel for Says {
    async fn inspect(&self, mail: &Mail) -> Findings {
        let text = String::from_utf8_lossy(mail.message.bytes()).into_owned();
        Findings {
            found: vec![Finding::seen("ALL", 100.0, "test")],
            authors: mail.envelope.from.iter().cloned().collect(),
            aligned: text.contains("ALIGNED"),
            subject: "a subject".to_owned(),
            ..Findings::default()
        }
    }

    async fn inspect_released(&self, _mail: &Mail) -> Findings {
        Findings::default()
    }
}

#[tokio::test]
async fn xx08_only_an_aligned_person_is_told_of_a_delivery_once() {
    let clock = Clock::by_hand(Timestamp(1_000_000_000_000));
    let house = House::with_panel(in_memory::open(clock.clone()), clock, Arc::new(Says)).await;
    let notices = notices(&house);
    notices.look().await.expect("look");
    let through = async |from: &str, fields: &str, body: &str| {
        let from: Option<Address> = from.parse().ok();
        let text =
            format!("From: x@remote.test\r\nMessage-ID: <1@remote.test>\r\n{fields}\r\n{body}\r\n");
        let envelope = Envelope {
            peer: Peer::local(),
            direction: Direction::Inbound,
            from,
            to: vec![address(ALICE)],
            body: BodyType::SevenBit,
            smtputf8: false,
        };
        let message = Message::new(text, None).expect("message");
        let mail = Mail::new(envelope, message, house.clock.now().day());
        house::one(
            house
                .intake
                .receive(mail, Replies::One, &*house.carrying)
                .await,
        );
        let id = *house.caught(ALICE).await.last().expect("caught");
        house.clock.forward(Duration::from_secs(1));
        perform(&house, ALICE, &Action::Release, id)
            .await
            .expect("released");
        house.deliver().await;
        house.clock.forward(Duration::from_secs(1));
        id
    };
    through("a@remote.test", "", "ALIGNED while it is off").await;
    assert!(told(&house, &notices, "a@remote.test").await.is_empty());
    let layer = Layer {
        tell_sender: Some(true),
        ..Layer::default()
    };
    house.set("example.org", layer).await;
    through("a@remote.test", "", "nothing proves it").await;
    through("", "", "ALIGNED but null").await;
    through(
        "a@remote.test",
        "List-Id: <l.remote.test>\r\n",
        "ALIGNED list",
    )
    .await;
    through(
        "a@remote.test",
        "Auto-Submitted: auto-replied\r\n",
        "ALIGNED",
    )
    .await;
    through(
        "a@remote.test",
        "X-Quaranta-Notice: delivered\r\n",
        "ALIGNED ours",
    )
    .await;
    assert!(told(&house, &notices, "a@remote.test").await.is_empty());
    let id = through("a@remote.test", "", "ALIGNED hello").await;
    let got = told(&house, &notices, "a@remote.test").await;
    assert_eq!(got.len(), 1);
    for part in ["Auto-Submitted: auto-replied", "delivered after all"] {
        assert!(got[0].contains(part), "{part}: {}", got[0]);
    }
    let job_from_nobody = house.history(id).await;
    assert_eq!(job_from_nobody.last().map(String::as_str), Some("told"));

    // Many from one sender: two in an hour.
    for n in 0..5 {
        through("a@remote.test", "", &format!("ALIGNED {n}")).await;
    }
    assert_eq!(told(&house, &notices, "a@remote.test").await.len(), 2);
}

/// XX-12: the letters are in the language that the policy of the owner names.
#[tokio::test]
async fn xx12_requests_and_answers_in_german() {
    let (house, notices) = begun().await;
    let layer = Layer {
        requests_to: Some(BOSS.parse().expect("addresses")),
        digest_language: Some(Language::De),
        ..Layer::default()
    };
    house.set("example.org", layer).await;
    let id = malware(&house, "one").await;
    let done = perform(&house, ALICE, &Action::RequestRelease, id).await;
    assert_eq!(done, Ok(Outcome::Done(id)));
    let asked = told(&house, &notices, BOSS).await;
    assert!(asked[0].contains("bittet um eine Freigabe"), "{}", asked[0]);
    opened(&house, &link(&asked[0], "Erlauben: ")).await;
    let done = perform(&house, "example.org", &deny("nein"), id).await;
    assert_eq!(done, Ok(Outcome::Done(id)));
    let got = told(&house, &notices, ALICE).await;
    assert!(got[0].contains("Ihre Bitte wurde abgelehnt"), "{}", got[0]);
}

//! Mail on its way out, on the store in memory: who may send, what becomes of spam, limits,
//! correspondents, and what is owed to people whose clients do not come again.

mod house;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use house::{House, address, door, one, principal, scope, text};
use quaranta::accounts::{self, Login};
use quaranta::actions::{Action, Query, Refusal};
use quaranta::intake::outbound::{LoginBy, Options};
use quaranta::mail::{Direction, Peer, Reply};
use quaranta::policy::{Layer, ListKind, Mode, Origin, Replies};
use quaranta::record::{Route, State};
use quaranta::relay::SignIn;
use quaranta::smtp::{Credentials, Outbound, Reception, Submission};

const ALICE: Option<&str> = Some("alice@example.org");

async fn release(house: &House, by: &str, id: quaranta::mail::EntryId) -> Result<(), Refusal> {
    house
        .desk
        .perform(&principal(by), &Action::Release, id, &door())
        .await
        .map(|_| ())
}

#[tokio::test]
async fn se18_clean_mail_goes_out_and_to_our_own() {
    let house = House::new().await;
    let to = "carol@remote.test bob@example.org";
    let reply = house
        .send_out(ALICE, "alice@example.org", to, "hello")
        .await;
    assert_eq!(reply.code, 250);
    for to in to.split(' ') {
        let got = house.carrying.destination.got(to);
        assert_eq!(got.len(), 1, "{to}");
        assert!(got[0].contains(" with ESMTPSA id "), "{}", got[0]);
        assert!(!got[0].contains("Authentication-Results"), "{}", got[0]);
        assert!(got[0].ends_with(&text("hello")));
    }
    assert_eq!(house.log().await, ["accepted"]);
    let (alice, all) = (principal("alice@example.org"), Query::default());
    let own = house.desk.log(&alice, &all, 10).await.expect("log").rows;
    assert!(
        own.iter().any(|event| event.door.name == "submission"),
        "it is in the sender's own log"
    );
}

#[tokio::test]
async fn se18_xx01_spam_is_kept_for_its_sender_and_released_by_an_administrator_only() {
    let house = House::new().await;
    let to = "carol@remote.test dave@remote.test";
    for _retry in 0..2 {
        let reply = house
            .send_out(ALICE, "alice@example.org", to, "XJUNK")
            .await;
        let code = reply.enhanced.map(|e| e.to_string());
        assert_eq!((reply.code, code.as_deref()), (550, Some("5.7.1")));
    }
    for login in ["alice@example.org", "example.org", "global"] {
        assert_eq!(house.caught_outgoing(login).await.len(), 2, "{login}");
        assert!(house.caught(login).await.is_empty(), "{login}");
    }
    for login in ["bob@example.org", "tag.example.org"] {
        assert!(house.caught_outgoing(login).await.is_empty(), "{login}");
    }
    let ids = house.caught_outgoing("global").await;
    assert_eq!(house.history(ids[0]).await, ["quarantined", "quarantined"]);
    let refused = release(&house, "alice@example.org", ids[0]).await;
    let words = refused.expect_err("no right").to_string();
    assert!(words.contains("release outgoing mail"), "{words}");
    assert_eq!(
        release(&house, "tag.example.org", ids[0]).await,
        Err(Refusal::NotYours)
    );
    release(&house, "example.org", ids[0]).await.expect("right");
    assert_eq!(house.deliver().await, 1);
    assert_eq!(house.state(ids[0]).await, State::Released);
    assert_eq!(house.state(ids[1]).await, State::Held);
    let delivered = house.carrying.destination.delivered.lock().clone();
    assert_eq!(delivered.len(), 1, "once, and to one");
    assert!(!delivered[0].1.contains("X-Quaranta-Reinsertion"), "SY-04");
    assert!(delivered[0].1.ends_with(&text("XJUNK")));
    let token = house.carrying.reinserted.lock()[0].1.clone();
    assert!(token.contains("X-Quaranta-Reinsertion"));
}

#[tokio::test]
async fn xx01_the_same_mail_in_and_out_makes_two_entries() {
    let house = House::new().await;
    let (alice, bob) = ("alice@example.org", "bob@example.org");
    assert_eq!(house.send_out(ALICE, alice, bob, "XJUNK").await.code, 550);
    let mail = house::mail(
        &house.clock,
        Some(address(alice)),
        &[address(bob)],
        &text("XJUNK"),
    );
    let said = house
        .intake
        .receive(mail, Replies::One, &*house.carrying)
        .await;
    assert_eq!(one(said).code, 550);
    let (outgoing, caught) = (house.caught_outgoing(alice).await, house.caught(bob).await);
    assert_eq!((outgoing.len(), caught.len()), (1, 1));
    assert_ne!(outgoing, caught);
    release(&house, "example.org", outgoing[0])
        .await
        .expect("right");
    house.deliver().await;
    assert_eq!(house.state(caught[0]).await, State::Held);
    assert_eq!(house.carrying.destination.got(bob).len(), 1);
}

#[tokio::test]
async fn se18_mail_of_nobody_here_is_refused_and_not_kept() {
    let house = House::new().await;
    for from in ["", "stranger@elsewhere.test"] {
        let reply = house
            .send_out(None, from, "carol@remote.test", "XJUNK")
            .await;
        assert_eq!(reply.code, 550, "{from:?}");
    }
    assert!(house.caught_outgoing("global").await.is_empty());
    assert_eq!(house.log().await, ["refused", "refused"]);
}

#[tokio::test]
async fn se18_outbound_has_thresholds_and_a_mode_of_its_own() {
    let house = House::new().await;
    let from = "alice@example.org";
    let layer = Layer {
        outbound_spam_from: Some(200.0),
        ..Layer::default()
    };
    house.set(from, layer).await;
    let to = "carol@remote.test";
    assert_eq!(house.send_out(ALICE, from, to, "XJUNK").await.code, 250);
    assert_eq!(house.send(from, "XJUNK").await.code, 550, "inbound is not");
    let layer = Layer {
        outbound_mode: Some(Mode::Refuse),
        ..Layer::default()
    };
    house.set(from, layer).await;
    assert_eq!(house.send_out(ALICE, from, to, "XJUNK").await.code, 550);
    assert!(house.caught_outgoing(from).await.is_empty());
    assert_eq!(house.send_out(ALICE, from, to, "XUNSURE").await.code, 250);
    let got = house.carrying.destination.got(to);
    assert!(!got[1].contains("X-Spam"), "our doubts stay here");
}

#[tokio::test]
async fn se18_who_sends_too_much_is_slowed_then_locked_until_unlocked() {
    let house = House::sending(Options {
        messages_per_minute: 2,
        messages_per_hour: 3,
        ..Options::default()
    })
    .await;
    let (alice, to) = ("alice@example.org", "carol@remote.test");
    let minute = Duration::from_secs(60);
    let mut codes = Vec::new();
    for n in 0..6 {
        if n == 3 {
            house.clock.forward(minute);
        }
        let body = format!("letter {n}");
        codes.push(house.send_out(ALICE, alice, to, &body).await.code);
    }
    assert_eq!(codes, [250, 250, 450, 250, 550, 550]);
    let reply = house.send_out(None, alice, to, "by a relay").await;
    assert!(
        reply.code == 550 && reply.text.contains("locked"),
        "the address is locked, however it comes: {reply}"
    );
    let admin = principal("example.org");
    let locks = house.desk.locked_senders(&admin).await.expect("locks");
    assert_eq!(locks.len(), 1);
    assert_eq!(locks[0].sender, scope(alice));
    assert_eq!(locks[0].why, "more than 3 messages in one hour");
    let stranger = principal("tag.example.org");
    let asked = house
        .desk
        .unlock_sender(&stranger, &scope(alice), &door())
        .await;
    assert_eq!(asked, Err(Refusal::NotYours));
    let own = principal(alice);
    let asked = house.desk.unlock_sender(&own, &scope(alice), &door()).await;
    assert!(matches!(asked, Err(Refusal::NeedsRight(_))));
    let asked = house
        .desk
        .unlock_sender(&admin, &scope(alice), &door())
        .await;
    asked.expect("unlocked");
    house.clock.forward(minute);
    let reply = house.send_out(ALICE, alice, to, "again").await;
    assert_eq!(reply.code, 250, "it counts anew");
    let why = "left the company".to_owned();
    let asked = house
        .desk
        .lock_sender(&admin, scope(alice), why, &door())
        .await;
    asked.expect("locked");
    let reply = house.send_out(ALICE, alice, to, "once more").await;
    assert!(reply.text.contains("left the company"), "{reply}");
}

#[tokio::test]
async fn iw04_whom_a_user_writes_to_is_on_the_users_allow_list() {
    let house = House::sending(Options {
        correspondents: 2,
        ..Options::default()
    })
    .await;
    let (alice, global) = ("alice@example.org", principal("global"));
    let list = async || {
        let list = house.desk.list(&global, &scope(alice)).await.expect("list");
        let mut names: Vec<String> = list
            .iter()
            .filter(|entry| entry.origin == Origin::Correspondent)
            .map(|entry| entry.pattern.to_string())
            .collect();
        names.sort();
        names
    };
    house
        .send_out(ALICE, alice, "spam@remote.test", "XJUNK")
        .await;
    house
        .send_out(ALICE, alice, "bob@example.org", "hello")
        .await;
    house
        .carrying
        .destination
        .will_say("gone@remote.test", &[550]);
    house
        .send_out(ALICE, alice, "gone@remote.test", "hello")
        .await;
    house.send_out(None, "", "null@remote.test", "hello").await;
    assert!(list().await.is_empty(), "not for refused mail, not our own");
    assert_eq!(
        house.send(alice, "XJUNK 1").await.code,
        550,
        "a stranger's is caught"
    );
    house
        .send_out(ALICE, alice, "sender@remote.test", "hello")
        .await;
    house
        .send_out(ALICE, alice, "*@remote.test", "not all of them")
        .await;
    assert_eq!(list().await, ["sender@remote.test"]);
    assert_eq!(house.send(alice, "XJUNK 2").await.code, 250, "IW-04");
    assert_eq!(
        house.send("bob@example.org", "XJUNK 2").await.code,
        550,
        "on that user's list alone"
    );
    for (n, to) in ["c@remote.test", "d@remote.test", "c@remote.test"]
        .into_iter()
        .enumerate()
    {
        house.clock.forward(Duration::from_secs(86_400));
        house.send_out(ALICE, alice, to, &format!("{n}")).await;
    }
    assert_eq!(list().await, ["c@remote.test", "d@remote.test"], "two stay");
    house.clock.forward(Duration::from_secs(86_400));
    house.send_out(ALICE, alice, "e@remote.test", "hello").await;
    assert_eq!(
        list().await,
        ["c@remote.test", "e@remote.test"],
        "the one not written to for longest went"
    );
}

#[tokio::test]
async fn iw04_what_a_person_listed_stands_and_a_policy_switches_it_off() {
    let house = House::new().await;
    let (alice, global) = ("alice@example.org", principal("global"));
    let (pattern, note) = ("sender@remote.test".parse(), String::new());
    let pattern = pattern.expect("pattern");
    house
        .desk
        .add_listed(
            &global,
            scope(alice),
            ListKind::Block,
            pattern,
            note,
            &door(),
        )
        .await
        .expect("listed");
    house
        .send_out(ALICE, alice, "sender@remote.test", "stop it")
        .await;
    assert_eq!(house.send(alice, "hello").await.code, 550, "still blocked");
    let notice = "Auto-Submitted: auto-replied\r\n";
    let mut mail = house::mail(
        &house.clock,
        Some(address(alice)),
        &[address("carol@remote.test")],
        &format!("{notice}{}", text("I am away")),
    );
    mail.envelope.direction = Direction::Outbound;
    let said = house
        .intake
        .outgoing()
        .receive(mail, Replies::One, &*house.carrying)
        .await;
    assert_eq!(one(said).code, 250);
    let list = house.desk.list(&global, &scope(alice)).await.expect("list");
    assert_eq!(list.len(), 1, "a vacation notice is no letter");
    let off = Layer {
        correspondents: Some(false),
        ..Layer::default()
    };
    house.set("example.org", off).await;
    house
        .send_out(ALICE, alice, "carol@remote.test", "hello")
        .await;
    let list = house.desk.list(&global, &scope(alice)).await.expect("list");
    assert_eq!(list.len(), 1);
}

#[tokio::test]
async fn se18_later_is_owed_for_people_and_passed_on_to_mail_servers() {
    let house = House::new().await;
    let (alice, to) = ("alice@example.org", "carol@remote.test");
    house.carrying.destination.will_say(to, &[451, 451, 250]);
    let reply = house.send_out(None, alice, to, "by a mail server").await;
    assert_eq!(reply.code, 451, "it comes again by itself");
    let reply = house.send_out(ALICE, alice, to, "by a person").await;
    assert_eq!(reply.code, 250);
    house.clock.forward(Duration::from_secs(3600));
    assert_eq!(house.deliver().await, 1);
    let got = house.carrying.destination.got(to);
    assert_eq!(got.len(), 1);
    assert!(got[0].contains("by a person"));
    assert_eq!(
        house.log().await,
        ["deferred", "delivery-deferred", "deferred", "delivered"]
    );
}

#[tokio::test]
async fn se18_what_a_locked_sender_is_owed_waits() {
    let (alice, to, admin) = (
        "alice@example.org",
        "carol@remote.test",
        principal("example.org"),
    );
    // A login and its reverse path, or the login of a whole domain.
    for (login, from) in [(alice, alice), ("example.org", alice), ("example.org", "")] {
        let house = House::new().await;
        house.carrying.destination.will_say(to, &[451]);
        let reply = house.send_out(Some(login), from, to, "hello").await;
        assert_eq!(reply.code, 250);
        let why = "a test".to_owned();
        house
            .desk
            .lock_sender(&admin, scope(login), why, &door())
            .await
            .expect("locked");
        let hour = Duration::from_secs(3600);
        house.clock.forward(hour);
        assert_eq!(house.deliver().await, 1);
        assert!(house.carrying.destination.got(to).is_empty(), "{login}");
        house
            .desk
            .unlock_sender(&admin, &scope(login), &door())
            .await
            .expect("unlocked");
        house.clock.forward(hour);
        house.deliver().await;
        assert_eq!(house.carrying.destination.got(to).len(), 1);
    }
}

#[tokio::test]
async fn se18_what_cannot_be_delivered_comes_to_its_sender_with_the_hosts_words() {
    let house = House::new().await;
    let (alice, to) = ("alice@example.org", "carol@remote.test");
    house.carrying.destination.will_say(to, &[451, 550]);
    let reply = house.send_out(ALICE, alice, to, "hello").await;
    assert_eq!(reply.code, 250);
    house.clock.forward(Duration::from_secs(3600));
    assert_eq!(house.deliver().await, 1);
    let id = house.caught_outgoing(alice).await[0];
    let entry = house.desk.entry(&principal(alice), id).await.expect("own");
    assert!(entry.failed.is_some_and(|reply| reply.text == "said 550"));
    assert_eq!((entry.to, entry.owner), (vec![address(to)], address(alice)));
    // Some have it, one is unknown there: the same, at once.
    house.carrying.destination.will_say(to, &[550]);
    let both = "dave@remote.test carol@remote.test";
    let reply = house.send_out(None, alice, both, "another").await;
    assert_eq!(reply.code, 250);
    assert_eq!(house.caught_outgoing(alice).await.len(), 2);
}

#[tokio::test]
async fn sy07_a_release_without_a_listener_says_so_and_later_is_tried_again() {
    let mut house = House::new().await;
    let (alice, to) = ("alice@example.org", "carol@remote.test");
    house.send_out(ALICE, alice, to, "XJUNK").await;
    let id = house.caught_outgoing(alice).await[0];
    let outgoing = house.background.outgoing.take();
    release(&house, "example.org", id).await.expect("right");
    house.deliver().await;
    let entry = house.desk.entry(&principal(alice), id).await.expect("own");
    assert_eq!(entry.state, State::Held);
    let words = entry.failed.expect("words").text;
    assert!(words.contains("[outbound] listen"), "{words}");
    house.background.outgoing = outgoing;
    house.carrying.destination.will_say(to, &[451, 250]);
    release(&house, "example.org", id).await.expect("right");
    house.deliver().await;
    assert_eq!(house.state(id).await, State::Leaving);
    house.clock.forward(Duration::from_secs(3600));
    house.deliver().await;
    assert_eq!(house.state(id).await, State::Released);
    assert_eq!(house.carrying.destination.got(to).len(), 1);
}

/// A destination that knows one password.
struct Destination;

#[async_trait]
impl SignIn for Destination {
    async fn sign_in(&self, routes: &[Route], name: &str, password: &str) -> Result<bool, Reply> {
        assert!(!routes.is_empty(), "the routes of the login's domain");
        if name == "away@example.org" {
            return Err(Reply::new(451, 4, 1, "away"));
        }
        Ok(name == "alice@example.org" && password == "secret there")
    }
}

fn reception(house: &House, options: Options) -> Outbound {
    Outbound::new(Submission {
        intake: house.intake.clone(),
        carrier: house.carrying.clone(),
        login: Login::new(
            house.store.settings.clone(),
            house.store.journal.clone(),
            house.clock.clone(),
            accounts::Options::default(),
        ),
        destination: Arc::new(Destination),
        options,
        own: vec!["192.0.2.25".parse().expect("address")],
    })
}

fn peer(from: &str, login: Option<&str>) -> Peer {
    let mut peer = Peer::new(from.parse().expect("address"));
    peer.login = login.map(str::to_owned);
    peer
}

/// What MAIL FROM is answered.
async fn mail_from(reception: &Outbound, peer: &Peer, from: &str) -> u16 {
    let mut envelope = quaranta::mail::Envelope {
        peer: peer.clone(),
        direction: Direction::Outbound,
        from: None,
        to: Vec::new(),
        body: quaranta::mail::BodyType::SevenBit,
        smtputf8: false,
    };
    envelope.from = (!from.is_empty()).then(|| address(from));
    let word = reception.sender(&envelope, None).await;
    word.map_or_else(|reply| reply.code, |()| 250)
}

#[tokio::test]
async fn se18_who_may_send_as_whom() {
    let house = House::new().await;
    let relays = Options {
        relay_from: vec!["198.51.100.0/24".parse().expect("network")],
        ..Options::default()
    };
    let any = Options {
        any_sender: true,
        sender_must_match: false,
        ..relays.clone()
    };
    let (strict, lax) = (reception(&house, relays), reception(&house, any));
    let stranger = peer("203.0.113.7", None);
    let relay = peer("198.51.100.7", None);
    let as_alice = peer("203.0.113.7", Some("alice@example.org"));
    let as_domain = peer("203.0.113.7", Some("example.org"));
    let as_global = peer("203.0.113.7", Some("global"));
    let no_scope = peer("203.0.113.7", Some("al ice"));
    let table = [
        (&stranger, "alice@example.org", 530, 530),
        (&stranger, "", 530, 530),
        (&no_scope, "alice@example.org", 530, 530),
        (&relay, "alice@example.org", 250, 250),
        (&relay, "", 250, 250),
        (&relay, "x@elsewhere.test", 553, 250),
        (&as_alice, "Alice@example.org", 250, 250),
        (&as_alice, "", 250, 250),
        (&as_alice, "bob@example.org", 553, 250),
        (&as_alice, "x@elsewhere.test", 553, 250),
        (&as_domain, "bob@example.org", 250, 250),
        (&as_domain, "bob@tag.example.org", 553, 250),
        (&as_global, "bob@tag.example.org", 250, 250),
        (&as_global, "x@elsewhere.test", 553, 250),
    ];
    for (peer, from, by_strict, by_lax) in table {
        let who = (&peer.address, &peer.login, from);
        assert_eq!(mail_from(&strict, peer, from).await, by_strict, "{who:?}");
        assert_eq!(mail_from(&lax, peer, from).await, by_lax, "{who:?} lax");
    }
}

#[tokio::test]
async fn se18_without_a_token_this_machine_relays_nothing() {
    let house = House::new().await;
    let reception = reception(&house, Options::default());
    for here in ["127.0.0.1", "::1", "192.0.2.25"] {
        let own = peer(here, None);
        assert_eq!(mail_from(&reception, &own, "alice@example.org").await, 250);
        for body in ["hello", "XJUNK"] {
            let mut mail = house::mail(
                &house.clock,
                Some(address("alice@example.org")),
                &[address("carol@remote.test")],
                &text(body),
            );
            mail.envelope.direction = Direction::Outbound;
            mail.envelope.peer = own.clone();
            let reply = one(reception.message(mail, Replies::One).await);
            assert_eq!(reply.text, "Relaying denied", "{here} {body}");
            assert_eq!(reply.code, 550);
        }
    }
    assert!(house.caught_outgoing("global").await.is_empty());
    assert!(house.carrying.destination.delivered.lock().is_empty());
}

#[tokio::test]
async fn se18_logins_are_the_houses_or_the_destinations_and_guessing_waits() {
    let house = House::new().await;
    let (own, there) = (
        reception(&house, Options::default()),
        reception(
            &house,
            Options {
                login: LoginBy::Destination,
                ..Options::default()
            },
        ),
    );
    let password = house
        .desk
        .add_account(
            &principal("global"),
            scope("alice@example.org"),
            None,
            &door(),
        )
        .await
        .expect("account");
    let ask = async |reception: &Outbound, from: &str, name: &str, password: &str| {
        let given = Credentials {
            name: name.to_owned(),
            password: password.to_owned(),
        };
        let word = reception.login(&peer(from, None), &given).await;
        word.map_or_else(|reply| reply.code, |()| 235)
    };
    let alice = "alice@example.org";
    assert_eq!(ask(&own, "203.0.113.1", alice, &password).await, 235);
    assert_eq!(ask(&own, "203.0.113.1", alice, "secret there").await, 535);
    assert_eq!(ask(&there, "203.0.113.2", alice, "secret there").await, 235);
    for (name, code) in [
        ("alice@elsewhere.test", 535),
        ("example.org", 535),
        ("global", 535),
        ("away@example.org", 454),
    ] {
        assert_eq!(ask(&there, "203.0.113.2", name, "x").await, code, "{name}");
    }
    for reception in [&own, &there] {
        let mut codes = Vec::new();
        for _guess in 0..7 {
            codes.push(ask(reception, "203.0.113.9", alice, "guess").await);
        }
        assert_eq!(codes, [535, 535, 535, 535, 535, 454, 454]);
        let other = ask(reception, "203.0.113.10", alice, "guess").await;
        assert_eq!(other, 535, "others do not wait");
        house.clock.forward(Duration::from_secs(2));
        assert_eq!(ask(reception, "203.0.113.9", alice, "guess").await, 535);
    }
    let failed = house.log().await;
    let failed = failed.iter().filter(|s| *s == "sign-in-failed").count();
    assert_eq!(failed, 18, "each guess that was looked at is in the log");
}

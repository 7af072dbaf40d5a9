//! Who may do what: roles, grants, delegates, bodies that are hidden. On the store in memory.

mod house;

use house::{House, address, door, principal, scope};
use quaranta::actions::{Action, Given, NewKey, Outcome, Query, Refusal};
use quaranta::mail::EntryId;
use quaranta::policy::{Layer, ListKind, Principal, Right, Rights, Role};
use quaranta::record::{Account, Door, Event, Status};

const ALICE: &str = "alice@example.org";
const BOB: &str = "bob@example.org";
const CAROL: &str = "carol@other.org";

/// What came of it, for tables.
fn said<T>(result: Result<T, Refusal>) -> String {
    match result {
        Ok(_) => "done".to_owned(),
        Err(Refusal::NeedsRight(right)) => format!("needs {}", right.name()),
        Err(Refusal::NotYours) => "not yours".to_owned(),
        Err(Refusal::Unknown(_)) => "unknown".to_owned(),
        Err(Refusal::Bad(_)) => "bad".to_owned(),
        Err(other) => other.to_string(),
    }
}

/// With accounts whose passwords nobody hashes: that takes its time.
async fn with_accounts() -> House {
    let house = House::new().await;
    for login in [ALICE, BOB, CAROL, "example.org"] {
        let now = house.clock.now();
        let account = Account::new(scope(login), "no hash".to_owned(), now);
        let event = Event::new(now, Status::Changed, "test", door());
        let set = house.store.settings.set_account(account, event).await;
        set.expect("account");
    }
    house
}

async fn caught(house: &House, to: &str) -> EntryId {
    house.send(to, &format!("XJUNK for {to}")).await;
    house.caught(to).await[0]
}

/// Written `ROLE SCOPE RIGHT...`.
fn given(text: &str) -> Given {
    let mut words = text.split_whitespace();
    let mut word = || words.next().expect("a word");
    let role = serde_json::from_value(word().into()).expect("role");
    let of = scope(word());
    let rights = words.map(|right| serde_json::from_value::<Right>(right.into()).expect("right"));
    Given {
        role,
        scope: of,
        rights: rights.collect(),
    }
}

async fn grant(house: &House, by: &Principal, to: &str, what: &str) -> String {
    said(house.desk.grant(by, &scope(to), given(what), &door()).await)
}

async fn revoke(house: &House, by: &Principal, from: &str, what: &str) -> String {
    let (from, what, door) = (scope(from), given(what), door());
    said(
        house
            .desk
            .revoke(by, &from, what.role, &what.scope, &door)
            .await,
    )
}

async fn set_password(house: &House, by: &Principal, of: &str) -> String {
    said(house.desk.set_password(by, scope(of), None, &door()).await)
}

async fn opened(house: &House, by: &Principal, id: EntryId, door: &str) -> String {
    let door = Door::new(door, "192.0.2.1");
    said(house.desk.opened_mail(by, id, &door).await)
}

fn as_role(role: Role, of: &str) -> Principal {
    Principal::new("staff@example.org", role, scope(of))
}

/// XX-12: what each role may do at the desk. A cell that is empty says "done".
#[tokio::test]
async fn xx12_the_table_of_roles_and_deeds() {
    let roles = [
        as_role(Role::Administrator, "global"),
        as_role(Role::DomainAdministrator, "example.org"),
        as_role(Role::Auditor, "example.org"),
        as_role(Role::Helpdesk, "example.org"),
        principal(BOB),
        as_role(Role::DomainAdministrator, "other.org"),
    ];
    let table = "
        entry           | | | | | | not yours
        history         | | | | | | not yours
        open     | needs see_bodies | needs see_bodies | needs see_bodies | needs see_bodies | | not yours
        act             | | | needs act | needs act | | not yours
        flags           | | | needs act | needs act | |
        read layer      | | | | needs read_settings | not yours | not yours
        read accounts   | | | | needs read_settings | |
        set layer       | | | needs administer | needs administer | not yours | not yours
        list bob        | | | needs administer | needs administer | | not yours
        list domain     | | | needs administer | needs administer | not yours | not yours
        password        | | | needs administer | needs administer | | not yours
        remove account  | | | needs administer | needs administer | needs administer | not yours";
    for row in table.trim().lines() {
        let mut cells = row.split('|').map(str::trim);
        let deed = cells.next().expect("deed");
        for (by, want) in roles.iter().zip(cells) {
            let house = with_accounts().await;
            let id = caught(&house, BOB).await;
            let want = if want.is_empty() { "done" } else { want };
            assert_eq!(does(&house, by, deed, id).await, want, "{deed} {by:?}");
        }
    }
}

async fn does(house: &House, by: &Principal, deed: &str, id: EntryId) -> String {
    let (desk, door, domain) = (&house.desk, &Door::new("web", ""), scope("example.org"));
    match deed {
        "entry" => said(desk.entry(by, id).await),
        "history" => said(desk.history(by, id).await),
        "open" => opened(house, by, id, "web").await,
        "act" => said(desk.perform(by, &Action::Remove, id, door).await),
        "flags" => said(desk.set_flags(by, vec![(id, vec!["x".into()])]).await),
        "read layer" => said(desk.layer(by, &domain).await),
        "read accounts" => said(desk.accounts(by).await),
        "set layer" => said(desk.set_layer(by, domain, Layer::default(), door).await),
        "list bob" | "list domain" => {
            let of = if deed == "list bob" {
                scope(BOB)
            } else {
                domain
            };
            let (pattern, note) = (
                "spammer@remote.test".parse().expect("pattern"),
                String::new(),
            );
            let listed = desk.add_listed(by, of, ListKind::Block, pattern, note, door);
            said(listed.await)
        }
        "password" => set_password(house, by, BOB).await,
        _ => said(desk.remove_account(by, &scope(BOB), door).await),
    }
}

/// XX-12: nobody gives more than they have, or outside their scope.
#[tokio::test]
async fn xx12_the_table_of_grants() {
    let house = with_accounts().await;
    let table = "
        global      | alice@example.org | administrator global                  | done
        global      | alice@example.org | auditor global                        | done
        global      | carol@other.org   | helpdesk example.org                  | done
        global      | alice@example.org | recipient carol@other.org             | done
        global      | example.org       | helpdesk example.org                  | bad
        global      | dave@example.org  | helpdesk example.org                  | unknown
        global      | alice@example.org | house global                          | bad
        global      | alice@example.org | administrator example.org             | bad
        global      | alice@example.org | helpdesk alice@example.org            | bad
        global      | alice@example.org | recipient alice@example.org           | bad
        example.org | alice@example.org | helpdesk example.org                  | done
        example.org | alice@example.org | domain_administrator example.org      | done
        example.org | alice@example.org | recipient alice@example.org handle_malware | done
        example.org | alice@example.org | administrator global                  | not yours
        example.org | alice@example.org | helpdesk other.org                    | not yours
        example.org | carol@other.org   | helpdesk example.org                  | bad
        example.org | alice@example.org | recipient bob@example.org             | needs see_bodies
        bob@example.org | alice@example.org | recipient bob@example.org         | done
        bob@example.org | alice@example.org | recipient bob@example.org handle_malware | needs administer
        bob@example.org | carol@other.org   | recipient bob@example.org         | bad
        bob@example.org | bob@example.org   | recipient bob@example.org handle_malware | needs administer
        bob@example.org | alice@example.org | recipient carol@other.org         | not yours
        bob@example.org | alice@example.org | helpdesk example.org              | not yours";
    for row in table.trim().lines() {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let found = grant(&house, &principal(cells[0]), cells[1], cells[2]).await;
        assert_eq!(found, cells[3], "{row}");
    }
    for role in [Role::Auditor, Role::Helpdesk] {
        let by = as_role(role, "example.org");
        let found = grant(&house, &by, ALICE, "helpdesk example.org").await;
        assert_eq!(found, "needs administer");
    }
}

/// XX-12: a delegate acts for another address under its own name; it gives nothing on, and it ends
/// when the owner says so.
#[tokio::test]
async fn xx12_a_delegate_acts_under_its_own_name() {
    let house = with_accounts().await;
    let (id, bob) = (caught(&house, BOB).await, principal(BOB));
    let what = "recipient bob@example.org";
    assert_eq!(grant(&house, &bob, ALICE, what).await, "done");
    let account = house.store.settings.account(&scope(ALICE)).await;
    let mut principals = account.expect("store").expect("account").principals();
    let delegate = principals.remove(1);
    assert_eq!(
        (delegate.who.as_str(), &delegate.scope),
        (ALICE, &scope(BOB))
    );
    let done = house
        .desk
        .perform(&delegate, &Action::TrainHam, id, &door())
        .await;
    assert_eq!(done, Ok(Outcome::Done(id)));
    let needs = "needs administer";
    assert_eq!(grant(&house, &delegate, CAROL, what).await, needs);
    assert_eq!(set_password(&house, &delegate, BOB).await, needs);
    assert_eq!(opened(&house, &delegate, id, "web").await, "done");
    let history = house.desk.history(&bob, id).await.expect("history");
    for status in ["trained-ham", "opened"] {
        let by_alice = |event: &&Event| event.who == ALICE && event.status.to_string() == status;
        assert_eq!(history.iter().filter(by_alice).count(), 1, "{status}");
    }
    let shown = house
        .desk
        .granted(&bob, &scope(BOB))
        .await
        .expect("granted");
    assert_eq!(shown[0].0, scope(ALICE));
    assert_eq!(
        revoke(&house, &principal(CAROL), ALICE, what).await,
        "not yours"
    );
    assert_eq!(revoke(&house, &bob, ALICE, what).await, "done");
    assert_eq!(revoke(&house, &bob, ALICE, what).await, "unknown");
    assert_eq!(grant(&house, &bob, ALICE, what).await, "done");
    assert_eq!(
        revoke(&house, &principal(ALICE), ALICE, what).await,
        "done",
        "given up"
    );
}

/// XX-12: others' mail is opened only where policy allows, and not without its owner seeing it.
#[tokio::test]
async fn xx12_bodies_are_hidden_unless_policy_allows() {
    let house = with_accounts().await;
    let id = caught(&house, BOB).await;
    let admin = as_role(Role::DomainAdministrator, "example.org");
    assert_eq!(opened(&house, &admin, id, "web").await, "needs see_bodies");
    assert_eq!(opened(&house, &admin, id, "api").await, "needs see_bodies");
    assert!(!house.history(id).await.contains(&"opened".to_owned()));
    // SE-06: by IMAP the accounts of the domain and of the house see it as before.
    house
        .desk
        .mail(&principal("example.org"), id)
        .await
        .expect("mail");
    assert_eq!(opened(&house, &admin, id, "imap").await, "done");
    let allow = Layer {
        admin_bodies: Some(true),
        ..Layer::default()
    };
    let own = house
        .desk
        .set_layer(&admin, scope("example.org"), allow.clone(), &door())
        .await;
    assert_eq!(
        said(own),
        "needs see_bodies",
        "nobody allows it to themselves"
    );
    house.set("example.org", allow).await;
    for _page in 0..2 {
        assert_eq!(opened(&house, &admin, id, "web").await, "done");
    }
    let history = house
        .desk
        .history(&principal(BOB), id)
        .await
        .expect("history");
    let opens: Vec<_> = history
        .iter()
        .filter(|event| event.status.to_string() == "opened")
        .map(|event| format!("{} {}", event.who, event.door.name))
        .collect();
    // Once by each door, though the page was loaded twice.
    assert_eq!(opens, ["staff@example.org imap", "staff@example.org web"]);
    // The own mail is opened without a word.
    assert_eq!(opened(&house, &principal(BOB), id, "web").await, "done");
    let opens = house
        .history(id)
        .await
        .into_iter()
        .filter(|s| s == "opened");
    assert_eq!(opens.count(), 2);
    let helpdesk = as_role(Role::Helpdesk, "example.org");
    assert_eq!(
        opened(&house, &helpdesk, id, "web").await,
        "needs see_bodies"
    );
    let more = helpdesk.with([Right::SeeBodies].into_iter().collect());
    assert_eq!(opened(&house, &more, id, "web").await, "done");
}

/// XX-12: who sets a password can become all that the account is.
#[tokio::test]
async fn xx12_nobody_resets_an_account_that_may_do_more() {
    let house = with_accounts().await;
    let (global, domain, alice) = (principal("global"), principal("example.org"), scope(ALICE));
    assert_eq!(
        grant(&house, &global, ALICE, "auditor global").await,
        "done"
    );
    let (desk, door, needs) = (&house.desk, door(), "needs administer");
    assert_eq!(set_password(&house, &domain, ALICE).await, needs);
    assert_eq!(
        said(desk.reset_second_factor(&domain, &alice, &door).await),
        needs
    );
    assert_eq!(said(desk.sign_out(&domain, &alice, &door).await), needs);
    assert_eq!(
        said(desk.remove_account(&domain, &alice, &door).await),
        needs
    );
    assert_eq!(set_password(&house, &principal(ALICE), ALICE).await, "done");
    assert_eq!(set_password(&house, &global, ALICE).await, "done");
    let nobody = scope("dave@example.org");
    assert_eq!(
        said(desk.sign_out(&domain, &nobody, &door).await),
        "unknown"
    );
    let shown = desk.account(&domain, &alice).await.expect("account");
    assert_eq!(shown.grants.len(), 1, "a new password keeps the grants");
    let text = serde_json::to_string(&shown).expect("text");
    assert!(!text.contains("argon2"), "{text}");
}

/// XX-12: nobody makes an account that may do more than they.
#[tokio::test]
async fn xx12_nobody_makes_an_account_that_may_do_more() {
    let house = with_accounts().await;
    let (desk, door) = (&house.desk, door());
    let domain = scope("other.org");
    let only = Rights::NONE.and([Right::Administer].into_iter().collect());
    let less = as_role(Role::Helpdesk, "other.org").with(only);
    for login in ["other.org", "dave@other.org"] {
        let added = desk.add_account(&less, scope(login), None, &door).await;
        assert_eq!(said(added), "needs administer", "{login}");
    }
    let full = Principal::new(CAROL, Role::DomainAdministrator, domain.clone());
    let added = desk.add_account(&full, domain, None, &door).await;
    assert_eq!(said(added), "done");
}

/// XX-12: an administrator of a domain does not get at bodies by taking a "no" away.
#[tokio::test]
async fn xx12_only_the_whole_house_takes_back_a_no_to_bodies() {
    let house = with_accounts().await;
    let (global, domain) = (principal("global"), principal("example.org"));
    let set = async |by: &Principal, of: &str, admin_bodies| {
        let layer = Layer {
            admin_bodies,
            ..Layer::default()
        };
        said(house.desk.set_layer(by, scope(of), layer, &door()).await)
    };
    assert_eq!(set(&global, "global", Some(true)).await, "done");
    for of in ["example.org", BOB] {
        assert_eq!(set(&global, of, Some(false)).await, "done");
        assert_eq!(set(&domain, of, None).await, "needs see_bodies");
        assert_eq!(set(&domain, of, Some(false)).await, "done");
    }
    assert_eq!(set(&global, BOB, None).await, "done");
}

/// SE-16: every change of who may do what is in the log, with who did it.
#[tokio::test]
async fn se16_every_change_of_rights_is_written_down() {
    let house = with_accounts().await;
    let (desk, global, door, alice) = (&house.desk, principal("global"), door(), scope(ALICE));
    let what = "helpdesk example.org see_bodies";
    assert_eq!(grant(&house, &global, ALICE, what).await, "done");
    assert_eq!(revoke(&house, &global, ALICE, what).await, "done");
    desk.sign_out(&global, &alice, &door)
        .await
        .expect("sign out");
    desk.reset_second_factor(&global, &alice, &door)
        .await
        .expect("reset");
    let new = NewKey {
        name: "nightly".into(),
        role: Role::Recipient,
        scope: scope(BOB),
        rights: Rights::NONE,
        expires: None,
        networks: Vec::new(),
    };
    let (key, text) = desk.add_api_key(&global, new, &door).await.expect("key");
    desk.remove_api_key(&global, &key.id, &door)
        .await
        .expect("removed");
    let imap = Some("127.0.0.1:1143,tls=none".parse().expect("server"));
    let domain = address(ALICE).domain().clone();
    desk.set_domain_imap(&global, &domain, imap, &door)
        .await
        .expect("imap");
    let events = desk
        .log(&global, &Query::default(), 7)
        .await
        .expect("log")
        .rows;
    let words: Vec<&str> = events.iter().rev().map(|e| e.words.as_str()).collect();
    let id = &key.id;
    assert_eq!(
        words,
        [
            "alice@example.org was made helpdesk of example.org with see_bodies",
            "alice@example.org is no longer helpdesk of example.org",
            "alice@example.org was signed out everywhere",
            "the second factor of alice@example.org was taken away",
            &format!("API key qk_{id} was made: recipient of bob@example.org, for nightly"),
            &format!("API key qk_{id} was removed"),
            "users of example.org sign in with their password at 127.0.0.1:1143,tls=none",
        ]
    );
    assert!(
        events
            .iter()
            .all(|e| e.who == "global" && !e.words.contains(&text))
    );
}

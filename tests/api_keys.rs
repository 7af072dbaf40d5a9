//! API keys: what a key may do, from where, until when. On the store in memory.

mod house;

use std::time::Duration;

use house::{House, door, principal, scope};
use quaranta::accounts::{Login, LoginRefusal, Options};
use quaranta::actions::{Given, NewKey, Refusal};
use quaranta::clock::Timestamp;
use quaranta::policy::{Layer, Principal, Right, Rights, Role};

const ALICE: &str = "alice@example.org";
const BOB: &str = "bob@example.org";

fn said<T>(result: Result<T, Refusal>) -> &'static str {
    match result {
        Ok(_) => "done",
        Err(Refusal::NeedsRight(_)) => "no right",
        Err(Refusal::Unknown(_)) => "unknown",
        Err(Refusal::Bad(_)) => "bad",
        Err(_) => "else",
    }
}

async fn with_accounts() -> (House, Login) {
    let house = House::new().await;
    let (by, door) = (principal("global"), door());
    for login in [ALICE, BOB] {
        let added = house.desk.add_account(&by, scope(login), None, &door);
        added.await.expect("account");
    }
    let (settings, journal) = (house.store.settings.clone(), house.store.journal.clone());
    let login = Login::new(settings, journal, house.clock.clone(), Options::default());
    (house, login)
}

fn new_key(role: Role, of: &str, rights: Rights) -> NewKey {
    NewKey {
        name: "nightly".into(),
        role,
        scope: scope(of),
        rights,
        expires: None,
        networks: Vec::new(),
    }
}

async fn by_key(login: &Login, text: &str, from: &str) -> Result<Principal, LoginRefusal> {
    login.by_key(text, from.parse().expect("ip"), "api").await
}

/// XX-12, SE-17: a key never has more than its maker, also when its maker has less later.
#[tokio::test]
async fn xx12_a_key_never_has_more_than_its_maker() {
    let (house, login) = with_accounts().await;
    let (desk, door, all) = (&house.desk, door(), Rights::all());
    let own = Rights::of(Role::Recipient);
    for (by, role, of, rights, want) in [
        (BOB, Role::Recipient, BOB, own, "done"),
        (BOB, Role::Recipient, BOB, all, "no right"),
        (BOB, Role::Recipient, ALICE, Rights::NONE, "no right"),
        (BOB, Role::Helpdesk, "example.org", Rights::NONE, "no right"),
        (
            "example.org",
            Role::Administrator,
            "global",
            all,
            "no right",
        ),
        (
            "example.org",
            Role::Administrator,
            "example.org",
            all,
            "bad",
        ),
        (
            "example.org",
            Role::Helpdesk,
            "example.org",
            Rights::NONE,
            "done",
        ),
    ] {
        let new = new_key(role, of, rights);
        let found = desk.add_api_key(&principal(by), new, &door).await;
        assert_eq!(said(found), want, "{by} {role:?} {of}");
    }
    let given = Given {
        role: Role::Recipient,
        scope: scope(BOB),
        rights: [Right::ReleaseOutgoing].into_iter().collect(),
    };
    let (global, bob) = (principal("global"), scope(BOB));
    desk.grant(&global, &bob, given.clone(), &door)
        .await
        .expect("grant");
    let account = house.store.settings.account(&bob).await.expect("store");
    let person = account.expect("account").own();
    let rights = own
        .without([Right::SeeBodies].into_iter().collect())
        .and(given.rights);
    let new = new_key(Role::Recipient, BOB, rights);
    let (shown, text) = desk.add_api_key(&person, new, &door).await.expect("key");
    let by = by_key(&login, &text, "192.0.2.1").await.expect("principal");
    assert_eq!(
        (by.role, &by.scope, by.rights),
        (Role::Recipient, &bob, rights)
    );
    assert_eq!(by.who, format!("{BOB} by API key qk_{}", shown.id));
    // A key hands nothing on.
    let more = new_key(Role::Recipient, BOB, Rights::NONE);
    assert_eq!(said(desk.add_api_key(&by, more, &door).await), "bad");
    assert_eq!(
        said(desk.grant(&by, &scope(ALICE), given, &door).await),
        "bad"
    );
    let password = desk.set_password(&by, bob.clone(), None, &door).await;
    assert_eq!(said(password), "no right");
    // What the maker loses, the key loses.
    let revoked = desk
        .revoke(&global, &bob, Role::Recipient, &bob, &door)
        .await;
    revoked.expect("revoked");
    let by = by_key(&login, &text, "192.0.2.1").await.expect("principal");
    assert!(!by.has(Right::ReleaseOutgoing) && by.has(Right::Act));
    desk.remove_account(&global, &bob, &door)
        .await
        .expect("removed");
    let gone = by_key(&login, &text, "192.0.2.1").await;
    assert_eq!(gone, Err(LoginRefusal::Wrong));
}

/// XX-12: a key makes no way to sign in, by which it would hand on what it may.
#[tokio::test]
async fn xx12_a_key_cannot_become_a_person() {
    let (house, login) = with_accounts().await;
    let (desk, door, bob) = (&house.desk, door(), scope(BOB));
    let root = Principal::new("uid 0", Role::Administrator, scope("global"));
    let new = new_key(Role::Administrator, "global", Rights::all());
    let made = desk.add_api_key(&root, new, &door).await;
    let (_, text) = made.expect("key");
    let by = by_key(&login, &text, "192.0.2.1").await.expect("principal");
    let before = house.store.settings.account(&bob).await.expect("store");
    let set = desk.set_password(&by, bob.clone(), None, &door).await;
    assert_eq!(said(set), "bad");
    let reset = desk.reset_second_factor(&by, &bob, &door).await;
    assert_eq!(said(reset), "bad");
    let after = house.store.settings.account(&bob).await.expect("store");
    assert_eq!(before, after);
    let carol = scope("carol@example.org");
    let added = desk.add_account(&by, carol.clone(), None, &door).await;
    assert_eq!(said(added), "bad");
    let added = desk.add_account_without_password(&by, carol, &door).await;
    assert!(!added.expect("account").has_password);
}

/// XX-12: whoever is given an address next is not met by the keys that were made there before.
#[tokio::test]
async fn xx12_keys_go_with_their_maker() {
    let (house, login) = with_accounts().await;
    let (desk, door, bob) = (&house.desk, door(), scope(BOB));
    let new = new_key(Role::Recipient, BOB, Rights::of(Role::Recipient));
    let made = desk.add_api_key(&principal(BOB), new, &door).await;
    let (_, text) = made.expect("key");
    let global = principal("global");
    let removed = desk.remove_account(&global, &bob, &door).await;
    removed.expect("removed");
    let again = desk.add_account(&global, bob, None, &door).await;
    again.expect("account");
    let found = by_key(&login, &text, "192.0.2.1").await;
    assert_eq!(found, Err(LoginRefusal::Wrong));
}

/// XX-12: who looks after others' mail opens no more of it by a key than without one.
#[tokio::test]
async fn xx12_no_key_goes_around_the_policy_on_bodies() {
    let (house, login) = with_accounts().await;
    let (desk, door, global) = (&house.desk, door(), principal("global"));
    let (alice, domain) = (scope(ALICE), scope("example.org"));
    let given = Given {
        role: Role::DomainAdministrator,
        scope: domain.clone(),
        rights: Rights::NONE,
    };
    let granted = desk.grant(&global, &alice, given, &door).await;
    granted.expect("grant");
    let admin = Principal::new(ALICE, Role::DomainAdministrator, domain.clone());
    let new = || new_key(Role::Recipient, BOB, Rights::of(Role::Recipient));
    let made = desk.add_api_key(&admin, new(), &door).await;
    assert_eq!(said(made), "no right");
    let set = async |admin_bodies| {
        let layer = Layer {
            admin_bodies: Some(admin_bodies),
            ..Layer::default()
        };
        let set = desk.set_layer(&global, domain.clone(), layer, &door).await;
        set.expect("layer");
    };
    set(true).await;
    let made = desk.add_api_key(&admin, new(), &door).await;
    let (_, text) = made.expect("key");
    let sees = async || {
        let by = by_key(&login, &text, "192.0.2.1").await.expect("principal");
        assert!(by.has(Right::Act));
        by.has(Right::SeeBodies)
    };
    assert!(sees().await);
    set(false).await;
    assert!(!sees().await);
}

/// SE-17: a key holds for its networks and its time, is known by its hash, and tells of its use.
#[tokio::test]
async fn se17_keys_hold_where_and_while_they_should() {
    let (house, login) = with_accounts().await;
    let (desk, door, bob) = (&house.desk, door(), principal(BOB));
    let now = house.clock.now();
    let mut new = new_key(Role::Recipient, BOB, Rights::of(Role::Recipient));
    new.expires = Some(Timestamp(now.0 + 10_000));
    new.networks = vec!["192.0.2.0/24".parse().expect("network")];
    let (shown, text) = desk.add_api_key(&bob, new, &door).await.expect("key");
    let kept = house.store.settings.api_key(&shown.id).await;
    let secret = text.rsplit('_').next().expect("secret");
    assert!(!kept.expect("store").expect("key").hash.contains(secret));
    assert!(text.starts_with("qk_") && secret.len() == 64);
    let near = "192.0.2.9";
    let by = by_key(&login, &text, near).await.expect("principal");
    assert_eq!(by.scope, scope(BOB));
    let elsewhere = by_key(&login, &text, "198.51.100.1").await;
    assert_eq!(elsewhere, Err(LoginRefusal::Wrong));
    let last = if text.ends_with('0') { '1' } else { '0' };
    let forged = format!("{}{last}", &text[..text.len() - 1]);
    let longer = format!("{text}0");
    for bad in [&forged, "", "qk_", "qk_0_0", &text[3..], &longer] {
        let found = by_key(&login, bad, near).await;
        assert_eq!(found, Err(LoginRefusal::Wrong), "{bad}");
    }
    assert_eq!(desk.api_keys(&bob).await.expect("keys")[0].used, Some(now));
    assert!(by_key(&login, &text, near).await.is_ok());
    let signed = house.log().await.into_iter().filter(|s| s == "signed-in");
    assert_eq!(signed.count(), 1, "written down once a day");
    let others = desk
        .remove_api_key(&principal(ALICE), &shown.id, &door)
        .await;
    assert_eq!(said(others), "unknown");
    house.clock.forward(Duration::from_secs(10));
    let late = by_key(&login, &text, near).await;
    assert_eq!(late, Err(LoginRefusal::Wrong));
    desk.remove_api_key(&bob, &shown.id, &door)
        .await
        .expect("removed");
    let left = desk.api_keys(&principal("global")).await.expect("keys");
    assert!(left.is_empty());
}

/// SE-17: who has no account makes keys too: root on the machine, and the house for its demo.
#[tokio::test]
async fn se17_keys_of_makers_without_an_account_hold() {
    let (house, login) = with_accounts().await;
    let root = Principal::new("uid 0", Role::Administrator, scope("global"));
    for maker in [root, Principal::house("demo")] {
        let new = new_key(Role::Administrator, "global", Rights::all());
        let made = house.desk.add_api_key(&maker, new, &door()).await;
        let (_, text) = made.expect("key");
        let by = by_key(&login, &text, "192.0.2.1").await.expect("principal");
        assert!(by.has(Right::Administer) && by.who.contains(&maker.who));
    }
}

/// SE-17: what a key cannot be is said.
#[tokio::test]
async fn se17_bad_keys_are_refused() {
    let (house, _) = with_accounts().await;
    let (desk, door, bob) = (&house.desk, door(), principal(BOB));
    let good = || new_key(Role::Recipient, BOB, Rights::NONE);
    for spoil in [
        |key: &mut NewKey| key.name = " ".into(),
        |key: &mut NewKey| key.name = "a\nb".into(),
        |key: &mut NewKey| key.name = "x".repeat(81),
        |key: &mut NewKey| key.expires = Some(Timestamp(5)),
        |key: &mut NewKey| key.networks = vec!["::/0".parse().expect("network"); 51],
        |key: &mut NewKey| key.role = Role::House,
    ] {
        let mut key = good();
        spoil(&mut key);
        let found = desk.add_api_key(&bob, key.clone(), &door).await;
        assert_eq!(said(found), "bad", "{key:?}");
    }
    for _ in 0..50 {
        desk.add_api_key(&bob, good(), &door).await.expect("key");
    }
    assert_eq!(
        said(desk.add_api_key(&bob, good(), &door).await),
        "bad",
        "too many"
    );
}

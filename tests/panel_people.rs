//! The panel's pages for people, keys, the own account, what is owed, and the audit.

mod house;
mod panel_house;

use std::time::Duration;

use panel_house::{House, PASSWORD, code, door, principal, scope};
use quaranta::actions::{Action, AuditQuery, Outcome};
use quaranta::policy::Layer;

const ALICE: &str = "alice@example.org";
const BOB: &str = "bob@example.org";
/// Longer than a proof holds.
const LATER: Duration = Duration::from_secs(700);

#[tokio::test]
async fn iw03_accounts_are_made_changed_and_removed_after_a_proof() {
    let house = House::new().await;
    let mut admin = house.enter("example.org").await;
    house.clock.forward(LATER);
    let page = admin
        .post("/people/add", &[("login", "new@example.org")])
        .await;
    assert_eq!(
        (page.status, page.location.as_str()),
        (303, "/account/prove?next=%2Fpeople")
    );
    let wrong = admin
        .post(
            "/account/prove",
            &[("secret", "wrong"), ("next", "/people")],
        )
        .await;
    assert!(wrong.status == 200 && wrong.has("That was wrong"));
    let page = admin
        .post(
            "/account/prove",
            &[("secret", PASSWORD), ("next", "//evil.test")],
        )
        .await;
    assert_eq!(
        (page.status, page.location.as_str()),
        (303, "/"),
        "nobody is sent elsewhere"
    );
    let page = admin
        .done("/people/add", &[("login", "new@example.org")])
        .await;
    let password = page.between("tabindex=\"0\">", "</pre>");
    assert_eq!(password.len(), 23, "{}", page.text);
    let again = admin.get("/people/account?login=new@example.org").await;
    assert!(again.status == 200 && !again.has(&password), "shown once");

    let act = |fields: &[(&'static str, &'static str)]| {
        let login = ("login", "new@example.org");
        [&[login], fields].concat()
    };
    let page = admin
        .done("/people/account", &act(&[("do", "password")]))
        .await;
    assert_ne!(page.between("tabindex=\"0\">", "</pre>"), password);
    let grant = [
        ("do", "grant"),
        ("role", "helpdesk"),
        ("scope", "example.org"),
        ("right", "act"),
    ];
    let page = admin.done("/people/account", &act(&grant)).await;
    assert!(page.has("value=\"helpdesk example.org\"") && page.has("act on mail"));
    for (role, of) in [
        ("administrator", "example.org"),
        ("house", "example.org"),
        ("helpdesk", "a b c"),
    ] {
        let page = admin
            .done(
                "/people/account",
                &act(&[("do", "grant"), ("role", role), ("scope", of)]),
            )
            .await;
        assert!(page.has("note bad"), "{role} {of}");
    }
    let page = admin
        .done(
            "/people/account",
            &act(&[("do", "revoke"), ("what", "helpdesk example.org")]),
        )
        .await;
    assert!(!page.has("value=\"helpdesk example.org\""));
    let page = admin
        .post(
            "/people/account",
            &act(&[("do", "revoke"), ("what", "helpdesk example.org")]),
        )
        .await;
    assert_eq!(page.status, 404);
    assert!(
        admin
            .done("/people/account", &act(&[("do", "remove")]))
            .await
            .has("tick the box")
    );
    let page = admin
        .done("/people/account", &act(&[("do", "remove"), ("sure", "1")]))
        .await;
    assert!(page.has("was removed") && !page.has("account?login=new"));
    assert_eq!(
        admin
            .get("/people/account?login=new@example.org")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn se06_domains_are_the_whole_houses() {
    let house = House::new().await;
    let mut admin = house.enter("global").await;
    let domain =
        |fields: &[(&'static str, &'static str)]| [&[("domain", "new.org")], fields].concat();
    let add = [
        ("do", "add"),
        ("routes", "a.example:25\r\nb.example:26,tls=required"),
        ("imap", "imap.example:993"),
    ];
    let page = admin.done("/people/domains", &domain(&add)).await;
    assert!(page.has("new.org was saved") && page.has("imap.example:993,tls=implicit"));
    assert!(
        admin
            .done("/people/domains", &domain(&add))
            .await
            .has("there already")
    );
    for (routes, imap) in [
        ("", ""),
        ("a b", ""),
        ("a.example:25", "imap.example:143,tls=none"),
    ] {
        let change = [("do", "change"), ("routes", routes), ("imap", imap)];
        assert!(
            admin
                .done("/people/domains", &domain(&change))
                .await
                .has("note bad"),
            "{routes} {imap}"
        );
    }
    let page = admin
        .done(
            "/people/domains",
            &domain(&[("do", "change"), ("routes", "c.example:25")]),
        )
        .await;
    assert!(page.has("c.example:25") && !page.has("imap.example:993"));
    assert!(
        admin
            .done("/people/domains", &domain(&[("do", "remove")]))
            .await
            .has("tick the box")
    );
    let page = admin
        .done(
            "/people/domains",
            &domain(&[("do", "remove"), ("sure", "1")]),
        )
        .await;
    assert!(!page.has("c.example:25"));
}

#[tokio::test]
async fn sy07_keys_are_shown_and_changed_after_a_proof_and_hosts_say_what_is_wrong() {
    let house = House::new().await;
    let mut admin = house.enter("global").await;
    let ring = house.desk.keys(&principal("global")).await.expect("ring");
    let secret = ring.current().expect("key").secret().to_owned();
    let page = admin.get("/keys").await;
    assert!(page.has("front.example.org:25") && !page.has(&secret));
    assert!(admin.get("/keys?show=1").await.has(&secret));
    house.clock.forward(LATER);
    let page = admin.get("/keys?show=1").await;
    assert_eq!(
        (page.status, page.location.as_str()),
        (303, "/account/prove?next=%2Fkeys%3Fshow%3D1")
    );
    let page = admin.post("/keys/rotate", &[("sure", "1")]).await;
    assert!(page.location.starts_with("/account/prove"));
    let page = admin.post("/keys/test", &[]).await;
    assert!(page.has("answers with TLS, takes messages up to 50 MB"));
    assert!(
        page.has("cannot be used: 451 4.4.1 dead.example.org: connection refused"),
        "{}",
        page.text
    );
    admin
        .done("/account/prove", &[("secret", PASSWORD), ("next", "/keys")])
        .await;
    assert!(admin.done("/keys/rotate", &[]).await.has("tick the box"));
    let page = admin.done("/keys/rotate", &[("sure", "1")]).await;
    assert!(page.has("Key 2 is in use now") && !page.has(&secret));
    let ring = house.desk.keys(&principal("global")).await.expect("ring");
    assert!(
        ring.keys()
            .iter()
            .any(|key| key.secret() == secret && key.until.is_some())
    );
}

#[tokio::test]
async fn se17_an_api_key_is_shown_once_and_has_no_more_than_its_maker() {
    let house = House::new().await;
    let mut alice = house.enter(ALICE).await;
    let fields = [
        ("name", "sync \u{202e}<i>"),
        ("role", "recipient"),
        ("scope", ALICE),
        ("right", "act"),
        ("expires", "2099-01-01"),
        ("networks", "10.0.0.0/8\r\n2001:db8::/32"),
    ];
    let page = alice.done("/api-keys/make", &fields).await;
    let text = page.between("tabindex=\"0\">", "</pre>");
    assert!(text.starts_with("qk_"), "{}", page.text);
    assert!(page.has("10.0.0.0/8, 2001:db8::/32") && !page.has("<i>") && !page.has("\u{202e}"));
    assert!(!alice.get("/api-keys").await.has(&text), "shown once");
    for (name, role, of, expires, networks) in [
        ("", "recipient", ALICE, "", ""),
        ("x", "nobody", ALICE, "", ""),
        ("x", "recipient", ALICE, "2001-01-01", ""),
        ("x", "recipient", ALICE, "soon", ""),
        ("x", "recipient", ALICE, "", "everywhere"),
        ("x", "administrator", ALICE, "", ""),
    ] {
        let fields = [
            ("name", name),
            ("role", role),
            ("scope", of),
            ("expires", expires),
            ("networks", networks),
        ];
        assert!(
            alice.done("/api-keys/make", &fields).await.has("note bad"),
            "{fields:?}"
        );
    }
    let more = [
        ("name", "x"),
        ("role", "recipient"),
        ("scope", ALICE),
        ("right", "administer"),
    ];
    assert_eq!(alice.post("/api-keys/make", &more).await.status, 403);
    let others = [("name", "x"), ("role", "recipient"), ("scope", BOB)];
    assert_eq!(alice.post("/api-keys/make", &others).await.status, 404);

    let keys = house.desk.api_keys(&principal(ALICE)).await.expect("keys");
    let id = keys[0].id.clone();
    let mut bob = house.enter(BOB).await;
    assert!(!bob.get("/api-keys").await.has(&id));
    assert_eq!(
        bob.post("/api-keys/remove", &[("id", &id)]).await.status,
        404
    );
    assert!(
        alice
            .done("/api-keys/remove", &[("id", &id)])
            .await
            .has("There is no key yet")
    );
}

#[tokio::test]
async fn se06_the_own_password_needs_the_old_one_and_ends_other_sessions() {
    let house = House::new().await;
    let (mut here, mut there) = (house.enter(ALICE).await, house.enter(ALICE).await);
    let change = |old, new, again| [("old", old), ("new", new), ("again", again)];
    for (fields, words) in [
        (
            change("wrong-one", "a-new-password", "a-new-password"),
            "is wrong",
        ),
        (
            change(PASSWORD, "a-new-password", "another-password"),
            "differ",
        ),
        (change(PASSWORD, "short", "short"), "at least 8"),
    ] {
        let page = here.done("/account/password", &fields).await;
        assert!(page.has("note bad") && page.has(words), "{words}");
    }
    let page = here
        .done(
            "/account/password",
            &change(PASSWORD, "a-new-password", "a-new-password"),
        )
        .await;
    assert!(page.has("The password was changed"));
    assert_eq!(
        there.get("/account").await.location,
        "/sign-in?next=%2Faccount"
    );
    let page = here.post("/account/sign-out-everywhere", &[]).await;
    assert_eq!(page.location, "/sign-in?signed_out=1");
    assert_eq!(here.get("/account").await.status, 303);
}

#[tokio::test]
async fn xx12_who_must_have_a_second_factor_sets_it_up_first() {
    let house = House::new().await;
    let by = principal("global");
    let layer = Layer {
        admin_second_factor: Some(true),
        ..Layer::default()
    };
    house
        .desk
        .set_layer(&by, scope("example.org"), layer, &door())
        .await
        .expect("layer");
    let mut admin = house.enter("example.org").await;
    for path in ["/quarantine", "/lists", "/people", "/account", "/api-keys"] {
        assert_eq!(
            admin.get(path).await.location,
            "/account/second-factor",
            "{path}"
        );
    }
    let page = admin.get("/account/second-factor").await;
    assert!(page.has("<svg") && !page.has("<?xml") && !page.has("style="));
    let secret = page.between("<code>", "</code>");
    let ticket = page.value("ticket");
    let page = admin
        .post(
            "/account/second-factor",
            &[("ticket", &ticket), ("code", "000000")],
        )
        .await;
    assert!(page.status == 200 && page.has("does not fit"));
    let now = code(&secret, house.clock.now());
    let page = admin
        .post(
            "/account/second-factor",
            &[("ticket", &ticket), ("code", &now)],
        )
        .await;
    assert!(page.has("Recovery codes"), "{}", page.text);
    let codes = page.between("tabindex=\"0\">", "</pre>");
    assert!(codes.lines().count() >= 8, "{codes}");
    assert_eq!(admin.get("/people").await.status, 200);

    house.clock.forward(LATER);
    let page = admin.post("/account/recovery-codes", &[]).await;
    assert!(
        page.location.starts_with("/account/prove"),
        "a stolen session makes none"
    );
    assert_eq!(admin.get("/account/second-factor").await.status, 303);
    let page = admin.post("/account/prove", &[("secret", PASSWORD)]).await;
    assert!(
        page.has("That was wrong"),
        "a code is asked for, not the password"
    );
    let now = code(&secret, house.clock.now());
    admin.done("/account/prove", &[("secret", &now)]).await;
    let page = admin.done("/account/recovery-codes", &[]).await;
    let new = page.between("tabindex=\"0\">", "</pre>");
    assert!(!new.is_empty() && new != codes);
    assert!(admin.get("/account").await.has("recovery codes are left"));
    // Without it the role rests again.
    let page = admin.post("/account/second-factor/off", &[]).await;
    assert_eq!(page.status, 303);
    assert_eq!(
        admin.get("/people").await.location,
        "/account/second-factor"
    );
}

#[tokio::test]
async fn xx12_a_user_lets_another_act_and_takes_it_back() {
    let house = House::new().await;
    let (mut alice, mut bob) = (house.enter(ALICE).await, house.enter(BOB).await);
    assert_eq!(
        bob.post("/act-as", &[("as", "recipient alice@example.org")])
            .await
            .status,
        404
    );
    for (login, words) in [
        ("nobody@example.org", "There is no account"),
        ("carol@other.org", "not in your domain"),
        ("a b", "Write global"),
    ] {
        let page = alice
            .done("/account/delegates/add", &[("login", login)])
            .await;
        assert!(page.has("note bad") && page.has(words), "{login}");
    }
    let page = alice
        .done("/account/delegates/add", &[("login", BOB)])
        .await;
    assert!(page.has("bob@example.org may act for you now"));
    assert!(
        bob.get("/account")
            .await
            .has("value=\"recipient alice@example.org\"")
    );
    let page = bob
        .done(
            "/act-as",
            &[("as", "recipient alice@example.org"), ("back", "/lists")],
        )
        .await;
    assert!(page.has("You act as alice@example.org now") && page.has("Lists: alice@example.org"));
    let page = bob
        .done("/lists/add", &[("kind", "allow"), ("pattern", "x@y.test")])
        .await;
    assert!(page.has("x@y.test was added"));
    let list = house
        .desk
        .list(&principal(ALICE), &scope(ALICE))
        .await
        .expect("list");
    assert_eq!(list[0].by, BOB, "under the own name");
    // The own account is still the own.
    assert!(bob.get("/account").await.has("bob@example.org · user"));
    let page = alice
        .done("/account/delegates/remove", &[("login", BOB)])
        .await;
    assert!(page.has("may no longer act for you"));
    assert!(
        bob.get("/lists").await.has("Lists: bob@example.org"),
        "at once"
    );
    assert_eq!(bob.get("/lists?scope=alice@example.org").await.status, 404);
    let page = alice
        .post("/account/delegates/remove", &[("login", BOB)])
        .await;
    assert_eq!(page.status, 404);
}

#[tokio::test]
async fn se06_one_of_the_own_sessions_can_be_ended() {
    let house = House::new().await;
    let (mut here, mut there) = (house.enter(ALICE).await, house.enter(ALICE).await);
    let page = here.get("/account").await;
    let id = page.between("<button name=\"id\" value=\"", "\"");
    assert!(page.has("this session") && !id.is_empty());
    assert!(
        here.done("/account/sessions/end", &[("id", &id)])
            .await
            .has("has ended")
    );
    assert_eq!(there.get("/account").await.status, 303);
    let page = house.enter(BOB).await.get("/account").await;
    assert!(
        !page.has("<button name=\"id\""),
        "others' sessions are not shown"
    );
}

#[tokio::test]
async fn xx03_the_audit_tells_what_was_set_in_the_scope() {
    let house = House::new().await;
    let mut alice = house.enter(ALICE).await;
    alice
        .done(
            "/lists/add",
            &[("kind", "allow"), ("pattern", "friend@remote.test")],
        )
        .await;
    let mut admin = house.enter("example.org").await;
    let page = admin.get("/audit?q=FRIEND&kind=changed").await;
    assert!(page.has("the allow list of alice@example.org gained friend@remote.test"));
    assert!(page.has("web 127.0.0.1"));
    assert!(
        !admin
            .get("/audit?q=friend&until=2001-01-01")
            .await
            .has("gained friend@")
    );
    assert!(
        !admin
            .get("/audit?q=carol")
            .await
            .has("account carol@other.org was made")
    );
    let mut all = house.enter("global").await;
    assert!(
        all.get("/audit?q=carol")
            .await
            .has("account carol@other.org was made")
    );
    let events = house
        .desk
        .audit(&principal("global"), &AuditQuery::default(), 100)
        .await
        .expect("audit");
    assert!(
        events.rows.len() < 100,
        "or the next page would have to be looked at"
    );
    assert_eq!(
        all.get("/audit?before=nonsense&since=never").await.status,
        200
    );
}

#[tokio::test]
async fn iw08_what_is_owed_is_shown_tried_and_cancelled_by_whose_it_is() {
    let ways = house::House::new().await;
    ways.send(ALICE, "XJUNK").await;
    let id = ways.caught(ALICE).await[0];
    let by = principal(ALICE);
    let released = ways.desk.perform(&by, &Action::Release, id, &door()).await;
    assert_eq!(released, Ok(Outcome::Done(id)));
    let destination = &ways.carrying.destination;
    destination.will_say(ALICE, &[451, 451, 451, 451]);
    for pause in [0, 300, 300, 300] {
        ways.clock.forward(Duration::from_secs(pause));
        assert_eq!(ways.deliver().await, 1);
    }
    let panel = House::on(ways.store.clone(), ways.clock.clone()).await;
    let (mut alice, mut bob) = (panel.enter(ALICE).await, panel.enter(BOB).await);
    let id = id.to_string();
    let page = alice.get("/jobs").await;
    assert!(page.has("said 451") && page.has("Tries: 4") && page.has(&id));
    assert!(!bob.get("/jobs").await.has(&id));
    for deed in ["retry", "cancel"] {
        assert_eq!(
            bob.post("/jobs", &[(deed, &id)]).await.status,
            404,
            "{deed}"
        );
        assert_eq!(bob.post("/jobs", &[(deed, "nonsense")]).await.status, 404);
    }
    let page = alice.done("/jobs", &[("retry", &id)]).await;
    assert!(page.has("It is tried now"));
    destination.will_say(ALICE, &[451]);
    assert_eq!(ways.deliver().await, 1);
    ways.clock.forward(Duration::from_secs(60));
    let page = alice.done("/jobs", &[("cancel", &id)]).await;
    assert!(
        page.has("Cancelled.") && page.has("Nothing is owed"),
        "{}",
        page.text
    );
    assert_eq!(ways.caught(ALICE).await.len(), 1, "it is held again");
}

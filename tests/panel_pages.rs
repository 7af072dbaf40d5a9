//! The panel's pages: what no form may do; lists and policies with their effects and bounds.

mod panel_house;

use panel_house::{House, PASSWORD, principal, scope};
use quaranta::policy::{Layer, Mode};

const ALICE: &str = "alice@example.org";
const BOB: &str = "bob@example.org";

/// Every form, with fields that would do something.
const FORMS: &[(&str, &[(&str, &str)])] = &[
    (
        "/lists/add",
        &[("kind", "block"), ("pattern", "x@evil.test")],
    ),
    (
        "/lists/paste",
        &[("kind", "block"), ("lines", "x@evil.test")],
    ),
    ("/lists/remove", &[("id", "allow friend@remote.test")]),
    ("/policy", &[("setting", "mode"), ("value", "off")]),
    ("/people/add", &[("login", "new@example.org")]),
    ("/people/account", &[("login", ALICE), ("do", "password")]),
    (
        "/people/account",
        &[("login", ALICE), ("do", "remove"), ("sure", "1")],
    ),
    (
        "/people/account",
        &[
            ("login", ALICE),
            ("do", "grant"),
            ("role", "helpdesk"),
            ("scope", "global"),
        ],
    ),
    (
        "/people/domains",
        &[
            ("domain", "new.org"),
            ("do", "add"),
            ("routes", "a.example:25"),
        ],
    ),
    (
        "/people/domains",
        &[("domain", "example.org"), ("do", "remove"), ("sure", "1")],
    ),
    ("/keys/test", &[]),
    ("/keys/rotate", &[("sure", "1")]),
    (
        "/keys/seals",
        &[
            ("do", "make"),
            ("domain", "example.org"),
            ("selector", "s1"),
        ],
    ),
    ("/people/senders", &[("do", "lock"), ("sender", BOB)]),
    ("/jobs", &[("cancel", "0123456789abcdef0123456789abcdef")]),
    (
        "/api-keys/make",
        &[
            ("name", "x"),
            ("role", "administrator"),
            ("scope", "global"),
        ],
    ),
    ("/api-keys/remove", &[("id", "x")]),
    (
        "/account/password",
        &[
            ("old", PASSWORD),
            ("new", "another-one"),
            ("again", "another-one"),
        ],
    ),
    ("/account/recovery-codes", &[]),
    (
        "/account/second-factor",
        &[("ticket", "x"), ("code", "000000")],
    ),
    ("/account/second-factor/off", &[]),
    ("/account/sign-out-everywhere", &[]),
    ("/account/delegates/add", &[("login", BOB)]),
    ("/account/prove", &[("secret", PASSWORD)]),
    ("/act-as", &[("as", "administrator global")]),
];

/// What is set, as one text.
async fn all_set(house: &House) -> String {
    let by = principal("global");
    let mut text = format!("{:?}", house.desk.accounts(&by).await.expect("accounts"));
    text += &format!("{:?}", house.desk.domains(&by).await.expect("domains"));
    text += &format!("{:?}", house.desk.api_keys(&by).await.expect("keys"));
    text += &format!("{:?}", house.desk.keys(&by).await.expect("ring"));
    text += &format!("{:?}", house.desk.sealing_keys(&by).await.expect("seals"));
    text += &format!("{:?}", house.desk.locked_senders(&by).await.expect("locks"));
    for of in ["global", "example.org", ALICE, BOB] {
        let of = scope(of);
        text += &format!("{:?}", house.desk.list(&by, &of).await.expect("list"));
        text += &format!("{:?}", house.desk.layer(&by, &of).await.expect("layer"));
    }
    text
}

#[tokio::test]
async fn xx12_no_form_is_taken_without_its_token_or_a_session() {
    let house = House::new().await;
    let mut admin = house.enter("global").await;
    let before = all_set(&house).await;
    for (path, fields) in FORMS {
        let page = admin.send("POST", path, fields).await;
        assert_eq!(page.status, 403, "{path}");
        let forged: Vec<_> = [("csrf", "AAAA")].iter().chain(*fields).copied().collect();
        assert_eq!(
            admin.send("POST", path, &forged).await.status,
            403,
            "{path}"
        );
        let cookie = std::mem::take(&mut admin.cookie);
        let page = admin.send("POST", path, fields).await;
        assert_eq!(
            (page.status, page.location.as_str()),
            (303, "/sign-in"),
            "{path}"
        );
        admin.cookie = cookie;
    }
    assert_eq!(all_set(&house).await, before);
}

#[tokio::test]
async fn xx12_a_user_changes_nothing_of_others() {
    let house = House::new().await;
    let mut alice = house.enter(ALICE).await;
    let before = all_set(&house).await;
    for path in [
        "/people",
        "/people/domains",
        "/people/account?login=bob@example.org",
        "/people/senders",
        "/keys",
        "/audit",
    ] {
        assert_eq!(alice.get(path).await.status, 404, "{path}");
    }
    for of in ["global", "example.org", BOB, "carol@other.org"] {
        assert_eq!(
            alice.get(&format!("/lists?scope={of}")).await.status,
            404,
            "{of}"
        );
        assert_eq!(
            alice.get(&format!("/policy?scope={of}")).await.status,
            404,
            "{of}"
        );
        for (path, fields) in FORMS
            .iter()
            .filter(|(path, _)| path.starts_with("/lists") || *path == "/policy")
        {
            let fields: Vec<_> = [("scope", of)].iter().chain(*fields).copied().collect();
            assert_eq!(alice.post(path, &fields).await.status, 404, "{path} {of}");
        }
    }
    for (path, fields) in FORMS {
        let own = path.starts_with("/account") || path.starts_with("/lists");
        if own {
            continue;
        }
        let page = alice.post(path, fields).await;
        let refused = matches!(page.status, 403 | 404);
        assert!(
            refused,
            "{path} {fields:?}: {} {}",
            page.status, page.location
        );
    }
    assert_eq!(all_set(&house).await, before);
}

#[tokio::test]
async fn se06_an_administrator_of_a_domain_stays_in_it() {
    let house = House::new().await;
    let mut admin = house.enter("example.org").await;
    let before = all_set(&house).await;
    for path in [
        "/people/account?login=carol@other.org",
        "/people/account?login=nobody@example.org",
        "/lists?scope=other.org",
        "/policy?scope=global",
        "/policy?scope=carol@other.org",
    ] {
        assert_eq!(admin.get(path).await.status, 404, "{path}");
    }
    let page = admin.get("/people").await;
    assert!(page.has(ALICE) && !page.has("carol@other.org") && !page.has(">global<"));
    let page = admin.get("/people/domains").await;
    assert!(page.has("mail.example.org:25") && !page.has("other.org<"));
    let page = admin.get("/keys").await;
    assert!(page.status == 200 && !page.has("front.example.org") && !page.has("/keys/rotate"));
    for (path, fields) in [
        ("/people/add", vec![("login", "new@other.org")]),
        (
            "/people/account",
            vec![("login", "carol@other.org"), ("do", "password")],
        ),
        (
            "/people/account",
            vec![("login", "global"), ("do", "password")],
        ),
        (
            "/people/account",
            vec![
                ("login", ALICE),
                ("do", "grant"),
                ("role", "helpdesk"),
                ("scope", "other.org"),
            ],
        ),
        (
            "/people/domains",
            vec![
                ("domain", "new.org"),
                ("do", "add"),
                ("routes", "a.example:25"),
            ],
        ),
        (
            "/people/domains",
            vec![("domain", "example.org"), ("do", "remove"), ("sure", "1")],
        ),
        ("/keys/test", vec![]),
        ("/keys/rotate", vec![("sure", "1")]),
        (
            "/policy",
            vec![("scope", "global"), ("setting", "mode"), ("value", "off")],
        ),
    ] {
        let page = admin.post(path, &fields).await;
        assert_eq!(page.status, 404, "{path} {fields:?} {}", page.location);
    }
    assert_eq!(all_set(&house).await, before);
}

#[tokio::test]
async fn iw03_a_user_keeps_the_own_lists() {
    let house = House::new().await;
    let mut alice = house.enter(ALICE).await;
    let fields = [
        ("kind", "allow"),
        ("pattern", "Friend@Remote.test"),
        ("note", "from the <b>club</b> \u{202e}x"),
    ];
    let page = alice.done("/lists/add", &fields).await;
    assert!(page.has("friend@remote.test was added"));
    assert!(page.has("<b class=\"mono\">friend@remote.test</b>") && !page.has("<b>club"));
    assert!(
        !page.text.contains('\u{202e}'),
        "a note cannot turn the line around"
    );
    let page = alice
        .done(
            "/lists/add",
            &[("kind", "block"), ("pattern", "no pattern")],
        )
        .await;
    assert!(page.has("is not a pattern"));
    let long = "n".repeat(600);
    let page = alice
        .done(
            "/lists/add",
            &[("kind", "block"), ("pattern", "a@b.test"), ("note", &long)],
        )
        .await;
    assert!(page.has("at most 500 octets"));
    assert!(
        alice
            .get("/lists?q=CLUB")
            .await
            .has("value=\"allow friend@remote.test\"")
    );
    assert!(
        !alice
            .get("/lists?q=other")
            .await
            .has("value=\"allow friend@remote.test\"")
    );
    assert!(
        !alice
            .get("/lists?kind=block")
            .await
            .has("value=\"allow friend@remote.test\"")
    );
    let page = alice
        .done("/lists/remove", &[("id", "allow friend@remote.test")])
        .await;
    assert!(page.has("1 removed") && page.has("The list is empty"));
    let again = [("id", "allow friend@remote.test")];
    let page = alice.done("/lists/remove", &again).await;
    assert!(
        page.has("Nothing was removed"),
        "to press twice is no fault"
    );
    let page = alice.done("/lists/remove", &[]).await;
    assert!(page.has("note bad"));
}

#[tokio::test]
async fn iw03_many_lines_each_have_a_result_and_long_lists_have_pages() {
    let house = House::new().await;
    let mut admin = house.enter("example.org").await;
    let lines = "a@x.test\r\n# passed over\r\n\r\nnot one\r\n*.y.test\r\n10.0.0.0/8";
    let page = admin
        .post(
            "/lists/paste",
            &[("kind", "block"), ("scope", ALICE), ("lines", lines)],
        )
        .await;
    assert_eq!(page.status, 200);
    assert!(page.has("3 added.") && page.has("1 could not be added."));
    assert!(page.has("<td class=\"mono\">not one</td>"));
    let list = house
        .desk
        .list(&principal(ALICE), &scope(ALICE))
        .await
        .expect("list");
    let mut patterns: Vec<String> = list.iter().map(|e| e.pattern.to_string()).collect();
    patterns.sort();
    assert_eq!(patterns, ["*.y.test", "10.0.0.0/8", "a@x.test"]);
    assert!(list.iter().all(|entry| entry.by == "example.org"));

    let many: Vec<String> = (0..1001).map(|i| format!("n{i}@x.test")).collect();
    let page = admin
        .done(
            "/lists/paste",
            &[("kind", "allow"), ("lines", &many.join("\n"))],
        )
        .await;
    assert!(page.has("Nothing was added") && page.has("The list is empty"));
    let page = admin
        .post(
            "/lists/paste",
            &[("kind", "allow"), ("lines", &many[..1000].join("\n"))],
        )
        .await;
    assert!(page.has("1000 added."));
    let page = admin.get("/lists").await;
    assert_eq!(page.text.matches("name=\"id\"").count(), 100);
    assert!(page.has("rel=\"next\"") && !page.has("rel=\"prev\""));
    let page = admin.get("/lists?page=99999999").await;
    assert!(page.has("rel=\"prev\"") && !page.has("rel=\"next\""));
    let page = admin
        .post("/lists/paste", &[("lines", &"x".repeat(2 << 20))])
        .await;
    assert_eq!(page.status, 413);
}

#[tokio::test]
async fn iw09_a_policy_is_set_field_by_field_and_inherited() {
    let house = House::new().await;
    let mut admin = house.enter("example.org").await;
    let set = |name: &'static str, value: &'static str| {
        [
            ("scope", "example.org"),
            ("setting", name),
            ("value", value),
        ]
    };
    let page = admin.done("/policy", &set("mode", "tag")).await;
    assert!(page.has("What happens to spam: saved.") && page.has("set here"));
    let page = admin.done("/policy", &set("spam_from", "7,5")).await;
    assert!(page.has("Spam from score: saved."));
    admin.done("/policy", &set("unsure_tag", "")).await;
    let layer = Layer {
        mode: Some(Mode::Tag),
        spam_from: Some(7.5),
        unsure_tag: Some(String::new()),
        ..Layer::default()
    };
    let by = principal("example.org");
    assert_eq!(house.desk.layer(&by, &by.scope).await, Ok(layer));

    let mut alice = house.enter(ALICE).await;
    let page = alice.get("/policy").await;
    assert!(page.has("inherited from example.org") && page.has("Deliver it with a marked subject"));
    assert!(!page.has("name=\"setting\""), "a user only reads");
    let page = alice
        .post("/policy", &[("setting", "mode"), ("value", "off")])
        .await;
    assert_eq!(page.status, 403);

    for (name, value, words) in [
        ("spam_from", "many", "not a number"),
        ("spam_from", "9999", "between -1000 and 1000"),
        ("keep_days", "0", "between 1 and 3650"),
        ("mode", "shout", "not a number"),
        ("spam_tag", "a\u{7}b", "no control characters"),
    ] {
        let page = admin.done("/policy", &set(name, value)).await;
        assert!(page.has("note bad") && page.has(words), "{name}={value}");
    }
    assert_eq!(
        admin.post("/policy", &set("nothing", "1")).await.status,
        404
    );
    // Who could open the mail then does not allow it to themselves.
    assert_eq!(
        admin
            .post("/policy", &set("admin_bodies", "true"))
            .await
            .status,
        403
    );
    let reset = [
        ("scope", "example.org"),
        ("setting", "mode"),
        ("reset", "1"),
    ];
    assert!(
        admin
            .done("/policy", &reset)
            .await
            .has("inherited from now on")
    );
    let layer = house.desk.layer(&by, &by.scope).await.expect("layer");
    assert_eq!((layer.mode, layer.spam_from), (None, Some(7.5)));
}

//! The API says no: keys, scopes, rights, rates, bodies, forged ids and cursors, and what is done once.

mod api_house;
#[path = "api/calls.rs"]
mod calls;
mod imap_house;

use std::time::Duration;

use api_house::Api;
use imap_house::{House, plain};
use quaranta::actions::NewKey;
use quaranta::clock::Clock;
use quaranta::policy::{Principal, Right, Rights, Role, Scope};
use quaranta::record::{Door, State};
use quaranta::web;
use serde_json::{Value, json};

const ALICE: &str = "alice@example.org";
const BOB: &str = "bob@example.org";

async fn open() -> (House, Api) {
    with(web::Options::default()).await
}

async fn with(options: web::Options) -> (House, Api) {
    let house = House::new().await;
    let api = Api::new(&house.store, &house.clock, options).await;
    (house, api)
}

fn by(login: &str) -> Principal {
    Principal::of(login.parse::<Scope>().expect("scope"))
}

fn forward(clock: &Clock, seconds: u64) {
    clock.forward(Duration::from_secs(seconds));
}

/// All calls, with a path that leads nowhere.
async fn calls(api: &Api) -> Vec<(String, String)> {
    let document = api.call("GET", "/openapi.json", &[], "").await.ok();
    let mut calls = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for method in operations.as_object().expect("operations").keys() {
            let path = path.replace(['{', '}'], "");
            calls.push((method.to_uppercase(), path));
        }
    }
    assert!(calls.len() > 30, "{calls:?}");
    calls
}

#[tokio::test]
async fn se17_nothing_is_told_without_a_key_that_holds() {
    let (house, api) = open().await;
    let good = api.key(ALICE).await;
    let mut forged = good.clone();
    let last = if forged.ends_with('0') { '1' } else { '0' };
    forged.pop();
    forged.push(last);
    for (method, path) in calls(&api).await {
        let refused = api.call(&method, &path, &[], "").await;
        refused.problem(401);
        assert!(refused.field("www-authenticate").starts_with("Bearer"));
        api.ask(&forged, &method, &path, &Value::Null)
            .await
            .problem(401);
    }
    // A session's cookie is no key, and a key is not taken from the address.
    let cookie = [("Cookie", "quaranta=x")];
    api.call("GET", "/entries", &cookie, "").await.problem(401);
    let path = format!("/entries?key={good}");
    api.call("GET", &path, &[], "").await.problem(401);
    let basic = [("Authorization", "Basic YTpi")];
    api.call("GET", "/entries", &basic, "").await.problem(401);
    api.get(&good, "/entries").await.ok();

    let new = |expires, networks: &[&str]| NewKey {
        name: "test".into(),
        role: Role::Recipient,
        scope: by(ALICE).scope,
        rights: Rights::of(Role::Recipient),
        expires,
        networks: networks.iter().map(|n| n.parse().expect("net")).collect(),
    };
    let door = Door::new("test", "");
    let soon = house.clock.now().after(Duration::from_secs(60));
    let (_, short) = house
        .desk
        .add_api_key(&by(ALICE), new(Some(soon), &["127.0.0.0/8"]), &door)
        .await
        .expect("key");
    api.get(&short, "/entries").await.ok();
    forward(&house.clock, 60);
    api.get(&short, "/entries").await.problem(401);
    let (_, elsewhere) = house
        .desk
        .add_api_key(&by(ALICE), new(None, &["192.0.2.0/24"]), &door)
        .await
        .expect("key");
    api.get(&elsewhere, "/entries").await.problem(401);
    let id = &good[3..15];
    let removed = house.desk.remove_api_key(&by(ALICE), id, &door).await;
    removed.expect("removed");
    api.get(&good, "/entries").await.problem(401);
}

#[tokio::test]
async fn se17_what_is_anothers_is_not_there() {
    let (house, api) = open().await;
    let (alice, other) = (api.key(ALICE).await, api.key("other.org").await);
    let id = house.stash(BOB, plain("secret")).await;
    for key in [&alice, &other] {
        for path in ["", "/message", "/history"] {
            let path = format!("/entries/{id}{path}");
            api.get(key, &path).await.problem(404);
        }
        let act = json!({ "action": "remove" });
        let path = format!("/entries/{id}/actions");
        api.post(key, &path, act).await.problem(404);
        let all = json!({ "action": "remove", "ids": [id, "nonsense"] });
        let results = api.post(key, "/entries/actions", all).await.ok();
        for result in results["items"].as_array().expect("items") {
            assert_eq!(result["outcome"], "refused");
            assert_eq!(result["detail"], "no such message");
        }
        for path in ["/policies/bob@example.org", "/users/bob@example.org"] {
            api.get(key, path).await.problem(404);
        }
        let list = "/lists?scope=bob@example.org";
        api.get(key, list).await.problem(404);
        let on_list = json!({ "scope": BOB, "kind": "allow", "pattern": "a@b.example" });
        api.post(key, "/lists", on_list).await.problem(404);
        let path = format!("/jobs/{id}/retry");
        api.post(key, &path, Value::Null).await.problem(404);
        let jobs = api.get(key, "/jobs").await.ok();
        assert_eq!(jobs["items"], json!([]));
        let seen = api.get(key, "/entries").await.ok();
        assert_eq!(seen["items"], json!([]));
    }
    assert_eq!(house.state(id).await, State::Held);
    for path in [
        "/entries/x",
        "/entries/../keys",
        "/nothing",
        "/entries/%00",
        "/users/@",
    ] {
        api.get(&alice, path).await.problem(404);
    }
}

#[tokio::test]
async fn se17_a_forged_cursor_shows_nothing_of_others() {
    use base64::Engine as _;
    let (house, api) = open().await;
    let alice = api.key(ALICE).await;
    for owner in [BOB, ALICE, BOB, ALICE] {
        let subject = format!("{owner} {}", house.clock.now().0);
        house.stash(owner, plain(&subject)).await;
        forward(&house.clock, 1);
    }
    let first = api.get(&alice, "/entries?limit=1").await.ok();
    let next = first["next"].as_str().expect("more").to_owned();
    let second = api
        .get(&alice, &format!("/entries?limit=1&cursor={next}"))
        .await;
    assert_eq!(second.ok()["items"].as_array().expect("items").len(), 1);
    for made_up in ["18446744073709551615", "0", "1", "3"] {
        let cursor = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(made_up);
        let path = format!("/entries?cursor={cursor}");
        let seen = api.get(&alice, &path).await.ok();
        for entry in seen["items"].as_array().expect("items") {
            assert_eq!(entry["owner"], ALICE, "{made_up}");
        }
    }
    for path in ["/entries", "/log", "/audit", "/lists", "/users"] {
        for cursor in ["x", "%00", "LTE", "////", "eHh4eHg%3d"] {
            let answer = api.get(&alice, &format!("{path}?cursor={cursor}")).await;
            assert!(
                answer.status == 422 || answer.status == 200,
                "{path} {answer:?}"
            );
            assert!(!answer.text.contains(BOB), "{path} {answer:?}");
        }
    }
}

#[tokio::test]
async fn xx12_a_key_has_the_rights_it_was_made_with() {
    let (house, api) = open().await;
    let id = house.stash(ALICE, plain("rights")).await;
    let global = by("global");
    let auditor = api
        .key_with(
            &global,
            Role::Auditor,
            &Scope::Global,
            Rights::of(Role::Auditor),
        )
        .await;
    let helpdesk = api
        .key_with(&global, Role::Helpdesk, &Scope::Global, Rights::NONE)
        .await;
    let entry = format!("/entries/{id}");
    api.get(&auditor, "/audit").await.ok();
    api.get(&helpdesk, &entry).await.ok();
    api.get(&helpdesk, "/audit").await.problem(403);
    for key in [&auditor, &helpdesk] {
        api.get(key, &format!("{entry}/message")).await.problem(403);
        let act = json!({ "action": "remove" });
        let answer = api.post(key, &format!("{entry}/actions"), act).await;
        assert!(answer.problem(403).contains("look, but not act"));
        let change = json!({ "training_requested": true });
        let path = "/policies/global";
        api.ask(key, "PATCH", path, &change).await.problem(403);
        api.post(key, "/keys/rotate", Value::Null)
            .await
            .problem(403);
        api.ask(key, "DELETE", "/users/alice@example.org", &Value::Null)
            .await
            .problem(403);
    }
    // The house's administrator opens others' mail only where the policy allows it.
    let all = api.key("global").await;
    api.get(&all, &format!("{entry}/message"))
        .await
        .problem(403);
    let alice = api.key(ALICE).await;
    let message = api.get(&alice, &format!("{entry}/message")).await;
    assert_eq!(message.field("content-type"), "message/rfc822");
    assert_eq!(message.text, plain("rights"));
    assert_eq!(house.state(id).await, State::Held);
}

/// No filter that cannot be read is passed over: the answer would be about something else.
#[tokio::test]
async fn se17_a_filter_that_cannot_be_read_is_refused() {
    let (_, api) = open().await;
    let key = api.key("global").await;
    for path in [
        "/log?since=yesterday",
        "/log?until=2026-02-30T00:00:00Z",
        "/log?score_from=high",
        "/log?from=@",
        "/log?client=192.0.2.0/77",
        "/log?status=eaten",
        "/log?class=ham",
        "/log?mail=1",
        "/log?colour=red",
        "/entries?since=1.1.2026",
        "/entries?score_to=x",
        "/entries?class=ham",
        "/entries?shelf=top",
        "/audit?until=x",
        "/audit?status=eaten",
        "/lists?kind=maybe",
    ] {
        let said = api.get(&key, path).await.problem(422);
        assert!(!said.is_empty(), "{path}");
    }
}

/// A route decides where mail goes: a key says where only if that was given to it.
#[tokio::test]
async fn xx12_a_key_sets_routes_only_if_that_was_given() {
    let (house, api) = open().await;
    let global = by("global");
    let routes: Rights = [Right::SetRoutes].into_iter().collect();
    let without = Rights::all().without(routes);
    let key = api
        .key_with(&global, Role::Administrator, &Scope::Global, without)
        .await;
    let elsewhere = json!({ "routes": ["mx.evil.test:25"] });
    for path in ["/domains/example.org", "/domains/new.test"] {
        let refused = api.ask(&key, "PUT", path, &elsewhere).await;
        assert!(refused.problem(403).contains("where mail of domains goes"));
        api.ask(&key, "DELETE", path, &Value::Null)
            .await
            .problem(403);
    }
    // All else is as it was, also for a key made before there was this right.
    api.get(&key, "/domains").await.ok();
    let change = json!({ "training_requested": true });
    api.ask(&key, "PATCH", "/policies/global", &change)
        .await
        .ok();
    let user = json!({ "login": "new.example" });
    let made = api.post(&key, "/users", user).await;
    assert_eq!(made.status, 201, "{made:?}");
    let all = api.key("global").await;
    api.ask(&all, "PUT", "/domains/new.test", &elsewhere)
        .await
        .ok();
    let domains = house.desk.domains(&global).await.expect("domains");
    assert!(
        domains
            .iter()
            .any(|known| known.domain.as_str() == "new.test")
    );
}

#[tokio::test]
async fn se17_bodies_are_bounded_typed_and_known() {
    let (house, api) = open().await;
    let key = api.key("global").await;
    let id = house.stash(ALICE, plain("bodies")).await;
    let (path, bearer) = (format!("/entries/{id}/actions"), format!("Bearer {key}"));
    let send = async |media_type: &str, body: &str| {
        let fields = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", media_type),
        ];
        api.call("POST", &path, &fields, body).await
    };
    let good = r#"{"action":"train_spam"}"#;
    for media_type in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ] {
        send(media_type, good).await.problem(415);
    }
    for (body, status) in [
        ("", 400),
        ("{", 400),
        ("{}", 422),
        ("[]", 422),
        (r#"{"action":"explode"}"#, 422),
        (r#"{"action":"expire"}"#, 422),
        (r#"{"action":"remove","reach":"all"}"#, 422),
        (r#"{"action":"remove"} x"#, 400),
    ] {
        send("application/json", body).await.problem(status);
    }
    let unknown = send("application/json", r#"{"action":"remove","force":true}"#).await;
    assert!(unknown.problem(422).contains("unknown field `force`"));
    let big = format!("{{\"action\":\"{}\"}}", "x".repeat(600 << 10));
    send("application/json", &big).await.problem(413);
    let ids = json!({ "action": "remove", "ids": vec!["0".repeat(32); 10_001] });
    api.post(&key, "/entries/actions", ids).await.problem(422);
    for query in [
        "limit=0",
        "limit=201",
        "limit=x",
        "class=ham",
        "shelf=x",
        "since=now",
        "what=1",
        "failed=2",
    ] {
        let path = format!("/entries?{query}");
        api.get(&key, &path).await.problem(422);
    }
    let put = api.ask(&key, "PUT", &path, &json!({})).await;
    put.problem(405);
    assert_eq!(put.field("allow"), "POST");
    api.ask(&key, "OPTIONS", "/entries", &Value::Null)
        .await
        .problem(405);
    let allowed = api.get(&key, "/entries").await;
    assert_eq!(allowed.field("access-control-allow-origin"), "");
    assert_eq!(house.state(id).await, State::Held);
    send("application/json; charset=utf-8", good).await.ok();
}

#[tokio::test]
async fn se17_a_foreign_page_is_no_matter_where_there_are_no_cookies() {
    let (house, api) = open().await;
    let key = api.key(ALICE).await;
    let id = house.stash(ALICE, plain("program")).await;
    let bearer = format!("Bearer {key}");
    let fields = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
        ("Origin", "https://tool.example"),
    ];
    let body = r#"{"action":"remove"}"#;
    let path = format!("/entries/{id}/actions");
    api.call("POST", &path, &fields, body).await.ok();
    assert_eq!(house.state(id).await, State::Removed);
}

#[tokio::test]
async fn se17_each_key_has_its_rate() {
    let options = web::Options {
        api_rate: 3,
        ..web::Options::default()
    };
    let (house, api) = with(options).await;
    let (alice, bob) = (api.key(ALICE).await, api.key(BOB).await);
    for left in ["2", "1", "0"] {
        let answer = api.get(&alice, "/status").await;
        answer.ok();
        let rate = answer.field("ratelimit");
        assert!(rate.contains(&format!("r={left};")), "{rate}");
    }
    let refused = api.get(&alice, "/status").await;
    refused.problem(429);
    assert!(!refused.field("retry-after").is_empty());
    api.get(&bob, "/status").await.ok();
    let forged = format!("qk_{}_{}", "0".repeat(12), "0".repeat(64));
    for _ in 0..3 {
        api.get(&forged, "/status").await.problem(401);
    }
    api.get(&forged, "/status").await.problem(429);
    forward(&house.clock, 60);
    api.get(&alice, "/status").await.ok();
}

#[tokio::test]
async fn se17_the_same_call_again_is_not_done_again() {
    let (house, api) = open().await;
    let key = api.key("global").await;
    let bearer = format!("Bearer {key}");
    let send = async |once: &str, body: &Value| {
        let fields = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
            ("Idempotency-Key", once),
        ];
        let text = body.to_string();
        api.call("POST", "/users", &fields, &text).await
    };
    let new = json!({ "login": "carol@example.org" });
    let first = send("one", &new).await;
    assert_eq!(first.status, 201, "{first:?}");
    let again = send("one", &new).await;
    assert_eq!((again.status, &again.text), (201, &first.text));
    assert_eq!(again.field("idempotency-replayed"), "true");
    send("two", &new).await.problem(422);
    let other = json!({ "login": "dave@example.org" });
    assert!(
        send("one", &other)
            .await
            .problem(422)
            .contains("another body")
    );
    let long = "x".repeat(256);
    for bad in ["", long.as_str()] {
        send(bad, &other).await.problem(422);
    }
    // Another caller's key of the same name is another one.
    let domain = format!("Bearer {}", api.key("example.org").await);
    let fields = [
        ("Authorization", domain.as_str()),
        ("Content-Type", "application/json"),
        ("Idempotency-Key", "one"),
    ];
    let text = other.to_string();
    let theirs = api.call("POST", "/users", &fields, &text).await;
    assert_eq!(theirs.status, 201, "{theirs:?}");
    forward(&house.clock, 86_401);
    assert!(
        send("one", &new)
            .await
            .problem(422)
            .contains("is there already")
    );
}

#[tokio::test]
async fn se17_a_key_hands_nothing_on() {
    let (_, api) = open().await;
    let key = api.key("global").await;
    let shown = api.get(&key, "/api-keys").await;
    let items = shown.ok()["items"].as_array().expect("items").len();
    assert_eq!(items, 1);
    assert!(!shown.text.contains(&key[16..]), "the secret is not shown");
    for method in ["POST", "DELETE"] {
        api.ask(&key, method, "/api-keys", &json!({}))
            .await
            .problem(405);
        api.ask(&key, method, "/grants", &json!({}))
            .await
            .problem(405);
    }
    let keys = api.get(&key, "/keys").await;
    assert!(!keys.text.contains("secret"), "{keys:?}");
}

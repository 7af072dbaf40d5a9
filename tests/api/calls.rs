//! The API says yes: what the panel can do, the document that tells of it, and news as they happen.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::imap_house::{PATIENCE, plain};
use crate::{ALICE, BOB, forward, open};

/// Every call that the router knows, as `routes!` names them: kept by hand, so that one that
/// went missing is missed.
const CALLS: &[&str] = &[
    "DELETE /domains/{domain}",
    "DELETE /jobs/{id}",
    "DELETE /lists",
    "DELETE /locked-senders/{sender}",
    "DELETE /policies/{scope}/{field}",
    "DELETE /sealing-keys/{domain}",
    "DELETE /users/{login}",
    "GET /api-keys",
    "GET /audit",
    "GET /domains",
    "GET /domains/{domain}",
    "GET /entries",
    "GET /entries/{id}",
    "GET /entries/{id}/history",
    "GET /entries/{id}/message",
    "GET /events",
    "GET /grants",
    "GET /jobs",
    "GET /keys",
    "GET /lists",
    "GET /locked-senders",
    "GET /log",
    "GET /policies/{scope}",
    "GET /sealing-keys",
    "GET /status",
    "GET /users",
    "GET /users/{login}",
    "PATCH /policies/{scope}",
    "POST /entries/actions",
    "POST /entries/{id}/actions",
    "POST /jobs/{id}/retry",
    "POST /keys/rotate",
    "POST /lists",
    "POST /locked-senders",
    "POST /sealing-keys",
    "POST /users",
    "POST /users/{login}/digest",
    "POST /users/{login}/sign-out",
    "PUT /domains/{domain}",
    "PUT /policies/{scope}",
];

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let (true, Some(text)) = (name == "$ref", value.as_str()) {
                    found.push(text.to_owned());
                }
                references(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn se17_the_document_tells_of_every_call() {
    let (_house, api) = open().await;
    let document = api.call("GET", "/openapi.json", &[], "").await.ok();
    assert!(
        document["openapi"]
            .as_str()
            .expect("version")
            .starts_with("3.1")
    );
    let mut told = Vec::new();
    let mut names = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            told.push(format!("{} {path}", method.to_uppercase()));
            names.push(operation["operationId"].to_string());
            assert_ne!(operation["summary"], Value::Null, "{method} {path}");
            let problem = &operation["responses"]["default"]["content"];
            assert_ne!(problem["application/problem+json"], Value::Null);
            for part in path.split('/').filter_map(|part| part.strip_prefix('{')) {
                let name = part.trim_end_matches('}');
                let parameters = operation["parameters"].as_array().expect("parameters");
                assert!(
                    parameters.iter().any(|p| p["name"] == name),
                    "{method} {path}"
                );
            }
        }
    }
    told.sort_unstable();
    assert_eq!(told, CALLS);
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "each operation has its own id");
    let mut found = Vec::new();
    references(&document, &mut found);
    for reference in found {
        let path = reference.strip_prefix('#').expect("of this document");
        assert!(
            document.pointer(path).is_some(),
            "{reference} leads nowhere"
        );
    }
    // And the router knows each of them: without a key it is refused, not unknown.
    let page = api.call("GET", "/", &[], "").await;
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.text.contains("/entries/{id}/actions"), "{}", page.text);
    assert!(
        page.field("content-security-policy")
            .contains("default-src 'none'")
    );
    assert!(!page.text.contains("http://") && !page.text.contains("https://"));
}

#[tokio::test]
async fn se17_what_the_panel_sets_programs_set() {
    let (house, api) = open().await;
    let key = api.key("global").await;
    let none = Value::Null;

    // The switch of SE-09, field by field and as a whole.
    let path = "/policies/example.org";
    let on = json!({ "training_requested": true, "keep_days": 3 });
    let shown = api.ask(&key, "PATCH", path, &on).await.ok();
    assert_eq!(shown["own"], on);
    assert_eq!(shown["effective"]["training_requested"], true);
    let off = json!({ "keep_days": null });
    let shown = api.ask(&key, "PATCH", path, &off).await.ok();
    assert_eq!(shown["own"], json!({ "training_requested": true }));
    assert_eq!(shown["effective"]["keep_days"], 14);
    let below = api.get(&key, "/policies/alice@example.org").await.ok();
    assert_eq!(below["effective"]["training_requested"], true);
    let gone = api
        .ask(&key, "DELETE", &format!("{path}/training_requested"), &none)
        .await;
    assert_eq!(gone.ok()["own"], json!({}));
    let whole = json!({ "mode": "tag" });
    let shown = api.ask(&key, "PUT", path, &whole).await.ok();
    assert_eq!(shown["own"], whole);
    for bad in [
        json!({ "keep_days": 0 }),
        json!({ "mode": "x" }),
        json!({ "what": 1 }),
    ] {
        api.ask(&key, "PATCH", path, &bad).await.problem(422);
    }

    let listed =
        json!({ "scope": ALICE, "kind": "allow", "pattern": "*.friends.example", "note": "club" });
    assert_eq!(api.post(&key, "/lists", listed.clone()).await.status, 201);
    let alice = api.key(ALICE).await;
    let list = api.get(&alice, "/lists").await.ok();
    assert_eq!(list["items"][0]["pattern"], "*.friends.example");
    assert_eq!(list["items"][0]["note"], "club");
    let which = "/lists?kind=allow&pattern=*.friends.example";
    assert_eq!(api.ask(&alice, "DELETE", which, &none).await.status, 204);
    api.ask(&alice, "DELETE", which, &none).await.problem(404);

    let made = api
        .post(&key, "/users", json!({ "login": "carol@example.org" }))
        .await;
    assert_eq!(made.status, 201);
    // A key sets no passwords: it could sign in with them, and hand on what it may.
    let path = "/users/carol@example.org";
    assert_eq!(api.get(&key, path).await.ok()["has_password"], false);
    let own = json!({ "login": "dave@example.org", "password": "a password of my own" });
    api.post(&key, "/users", own).await.problem(422);
    let page = api.get(&key, "/users?q=example&limit=1").await.ok();
    assert_ne!(page["next"], none);
    assert_eq!(api.ask(&key, "DELETE", path, &none).await.status, 204);
    api.get(&key, path).await.problem(404);

    let domain =
        json!({ "routes": ["mail.new.example:25,tls=required"], "imap": "imap.new.example:993" });
    let path = "/domains/new.example";
    let shown = api.ask(&key, "PUT", path, &domain).await.ok();
    assert_eq!(shown["routes"], domain["routes"]);
    assert_eq!(
        api.get(&key, "/domains").await.ok()["items"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    assert_eq!(api.ask(&key, "DELETE", path, &none).await.status, 204);

    let keys = api.post(&key, "/keys/rotate", none.clone()).await.ok();
    assert_eq!(keys["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(keys["items"][1]["until"], none);

    let audit = api.get(&key, "/audit?q=carol&limit=2").await.ok();
    let rows = audit["items"].as_array().expect("items");
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["words"], "account carol@example.org was removed");
    assert!(
        rows[0]["who"]
            .as_str()
            .expect("who")
            .starts_with("global by API key qk_")
    );
    assert_eq!(
        (&rows[0]["door"], &rows[0]["peer"]),
        (&json!("api"), &json!("127.0.0.1"))
    );
    let status = api.get(&key, "/status").await.ok();
    assert_eq!(
        (&status["role"], &status["scope"]),
        (&json!("administrator"), &json!("global"))
    );
    drop(house);
}

#[tokio::test]
async fn se17_entries_are_listed_and_acted_on_in_bulk() {
    let (house, api) = open().await;
    let key = api.key(ALICE).await;
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(house.stash(ALICE, plain(&format!("bulk {number}"))).await);
        forward(&house.clock, 1);
    }
    house.stash(BOB, plain("bulk")).await;
    let mut seen = Vec::new();
    let mut path = "/entries?limit=2&class=spam&score_from=7&q=hello".to_owned();
    loop {
        let page = api.get(&key, &path).await.ok();
        let items = page["items"].as_array().expect("items");
        seen.extend(items.iter().map(|item| item["id"].to_string()));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/entries?limit=2&class=spam&score_from=7&q=hello&cursor={next}");
    }
    let newest: Vec<String> = ids.iter().rev().map(|id| format!("\"{id}\"")).collect();
    assert_eq!(seen, newest);
    let none = api.get(&key, "/entries?class=malware").await.ok();
    assert_eq!(none["items"], json!([]));

    let asked = json!([ids[0], ids[0], "x", ids[1]]);
    let body = json!({ "action": "remove", "ids": asked });
    let results = api.post(&key, "/entries/actions", body).await.ok();
    let outcomes: Vec<&str> = results["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| item["outcome"].as_str().expect("outcome"))
        .collect();
    assert_eq!(outcomes, ["done", "already", "refused", "done"]);
    let path = format!("/entries/{}/actions", ids[0]);
    let late = api.post(&key, &path, json!({ "action": "release" })).await;
    assert!(late.problem(409).contains("removed"));
    let history = api
        .get(&key, &format!("/entries/{}/history", ids[0]))
        .await
        .ok();
    let last = history["items"].as_array().and_then(|items| items.last());
    assert_eq!(last.expect("history")["status"], "removed");
    let log = api.get(&key, "/log?status=removed&limit=1").await.ok();
    assert_eq!(log["items"][0]["status"], "removed");
    let next = log["next"].as_str().expect("more");
    let path = format!("/log?status=removed&limit=1&cursor={next}");
    let rest = api.get(&key, &path).await.ok();
    assert_ne!(rest["items"][0]["entry"], log["items"][0]["entry"]);
    assert_eq!(rest["next"], Value::Null);
}

#[tokio::test]
async fn se17_news_come_as_they_happen_within_the_scope() {
    let (house, api) = open().await;
    let key = api.key(ALICE).await;
    let mut stream = TcpStream::connect(api.at).await.expect("connected");
    let request = format!(
        "GET /api/v1/events?shelf=caught HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut text = String::new();
    let mut octets = vec![0; 4096];
    let mut until = async |text: &mut String, word: &str| {
        while !text.contains(word) {
            let got = tokio::time::timeout(PATIENCE, stream.read(&mut octets)).await;
            let count = got.expect("in time").expect("read");
            assert!(count > 0, "it ended before {word}: {text}");
            text.push_str(&String::from_utf8_lossy(&octets[..count]));
        }
    };
    until(&mut text, "retry:").await;
    assert!(text.contains("text/event-stream"), "{text}");
    house.stash(BOB, plain("not hers")).await;
    let id = house.stash(ALICE, plain("hers")).await;
    until(&mut text, "event: came").await;
    until(&mut text, &id.to_string()).await;
    let path = format!("/entries/{id}/actions");
    api.post(&key, &path, json!({ "action": "remove" }))
        .await
        .ok();
    until(&mut text, "event: went").await;
    assert_eq!(text.matches("event: came").count(), 1, "{text}");
    api.closer.close();
    until(&mut text, "\r\n0\r\n").await;
}

#[tokio::test]
async fn se17_sealing_keys_and_locks_are_set_by_programs() {
    let (_, api) = open().await;
    let (all, own) = (api.key("example.org").await, api.key(ALICE).await);
    let routes = json!({ "routes": ["mail.example.org:25"] });
    let whole = api.key("global").await;
    let path = "/domains/example.org";
    api.ask(&whole, "PUT", path, &routes).await.ok();
    let new = json!({ "domain": "example.org", "selector": "S1", "algorithm": "ed25519" });
    let made = api.post(&all, "/sealing-keys", new.clone()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let key = made.json();
    assert_eq!(key["name"], "s1._domainkey.example.org");
    let record = key["record"].as_str().expect("record");
    assert!(record.starts_with("v=DKIM1; k=ed25519; p="), "{record}");
    assert!(!made.text.contains("secret"));
    let listed = api.get(&all, "/sealing-keys").await.ok();
    assert_eq!(listed["items"], json!([key]));
    let other = json!({ "domain": "other.test", "selector": "s1" });
    api.post(&all, "/sealing-keys", other).await.problem(404);
    for bad in [
        json!({ "domain": "example.org", "selector": "-" }),
        json!({ "domain": "@", "selector": "s1" }),
        json!({ "domain": "example.org", "selector": "s1", "pem": "x" }),
        json!({ "domain": "example.org", "selector": "s1", "algorithm": "dsa" }),
    ] {
        let refused = api.post(&all, "/sealing-keys", bad.clone()).await;
        refused.problem(422);
    }
    api.post(&own, "/sealing-keys", new).await.problem(404);
    let path = "/sealing-keys/example.org";
    let removed = api.ask(&all, "DELETE", path, &Value::Null).await;
    assert_eq!(removed.status, 204);
    api.ask(&all, "DELETE", path, &Value::Null)
        .await
        .problem(404);

    let lock = json!({ "sender": BOB, "why": "a program saw much" });
    let locked = api.post(&all, "/locked-senders", lock.clone()).await;
    assert_eq!((locked.status, locked.json()), (201, lock.clone()));
    let listed = api.get(&all, "/locked-senders").await.ok();
    assert_eq!(listed["items"][0]["sender"], BOB);
    assert_eq!(listed["items"][0]["why"], "a program saw much");
    api.post(&own, "/locked-senders", lock).await.problem(404);
    let stranger = json!({ "sender": "eve@other.test", "why": "" });
    api.post(&all, "/locked-senders", stranger)
        .await
        .problem(404);
    let long = json!({ "sender": BOB, "why": "x".repeat(201) });
    api.post(&all, "/locked-senders", long).await.problem(422);
    let path = format!("/locked-senders/{BOB}");
    api.ask(&own, "DELETE", &path, &Value::Null)
        .await
        .problem(404);
    let unlocked = api.ask(&all, "DELETE", &path, &Value::Null).await;
    assert_eq!(unlocked.status, 204);
    api.ask(&all, "DELETE", &path, &Value::Null)
        .await
        .problem(404);
}

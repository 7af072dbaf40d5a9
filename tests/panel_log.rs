//! What is typed into filters, the log as a file, slow clients; sealing keys and locked senders.

mod panel_house;

use std::time::Duration;

use panel_house::{Browser, House, PASSWORD, door, principal};
use quaranta::clock::{Clock, Timestamp};
use quaranta::record::{Door, Event, Status};
use quaranta::store::in_memory;
use quaranta::web;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const WRONG: &str = "something in the filters cannot be read";

async fn write(house: &House, lines: u64) {
    for n in 0..lines {
        let at = Timestamp(house.clock.now().0 + n);
        let door = Door::new("smtp", "192.0.2.1");
        let mut event = Event::new(at, Status::Accepted, "intake", door);
        event.subject = format!("line {n} of the log");
        event.to = vec!["alice@example.org".parse().expect("address")];
        house.store.journal.write(event).await.expect("written");
    }
    house.clock.forward(Duration::from_secs(3600));
}

#[tokio::test]
async fn se14_what_is_typed_into_filters_is_read_or_refused_beside_the_field() {
    let house = House::new().await;
    write(&house, 3).await;
    let mut admin = house.enter("global").await;
    // The page, a filter, what is typed, and what is said of it.
    let table = [
        ("/audit", "since", "31.5.2026", "not a date"),
        ("/audit", "until", "2026-02-30", "not a date"),
        ("/audit", "kind", "everything", "no such choice"),
        ("/log", "since", "yesterday", "not a date"),
        ("/log", "until", "2026-5", "not a date"),
        ("/log", "score_from", "high", "not a number"),
        ("/log", "score_to", "NaN", "not a number"),
        ("/log", "from", "@", "Write an address, @domain"),
        ("/log", "to", "--", "Write an address, @domain"),
        ("/log", "client", "192.0.2.0/77", "an address or a network"),
        ("/log", "status", "eaten", "no such choice"),
        ("/quarantine", "since", "1.1.", "not a date"),
        ("/quarantine", "until", "x", "not a date"),
        ("/quarantine", "score_from", "3,5", "not a number"),
        ("/quarantine", "score_to", "inf", "not a number"),
        ("/quarantine", "class", "ham", "no such choice"),
    ];
    for (page, field, typed, said) in table {
        let path = format!("{page}?{field}={typed}");
        let shown = admin.get(&path).await;
        assert_eq!(shown.status, 200, "{path}");
        assert!(shown.has(WRONG), "{path}: nothing is said");
        let beside = shown.between(&format!("name=\"{field}\""), "</div>");
        assert!(beside.contains(said), "{path}: {beside}");
        if !["kind", "status", "class"].contains(&field) {
            assert!(
                beside.contains(&format!("value=\"{typed}\"")),
                "{path}: what was typed stays: {beside}"
            );
            assert!(
                beside.contains("aria-invalid=\"true\"") && !beside.contains("type=\"date\""),
                "{path}: {beside}"
            );
        }
        assert!(!shown.has("of the log"), "{path}: nothing is listed");
    }
    for path in [
        "/log?since=2026-05-31&score_from=-3.5&client=192.0.2.0/24&status=accepted",
        "/audit?until=2030-01-01&kind=changed",
        "/quarantine?since=2026-05-31&class=spam&score_to=9",
    ] {
        assert!(!admin.get(path).await.has(WRONG), "{path}");
    }
    let csv = admin.get("/log.csv?since=yesterday").await;
    assert_eq!(
        csv.status, 400,
        "no file of other lines than were asked for"
    );
}

#[tokio::test]
async fn se14_a_filter_that_cannot_be_read_never_acts_on_more() {
    let house = House::new().await;
    let mut alice = house.enter("alice@example.org").await;
    let all = |query: &'static str| [("verb", "remove"), ("all", "1"), ("query", query)];
    for query in ["score_from=high", "class=ham", "since=soon"] {
        let page = alice.post("/quarantine/act", &all(query)).await;
        assert_eq!(page.status, 400, "{query}");
    }
    let page = alice.post("/quarantine/act", &all("class=spam")).await;
    assert_eq!(page.status, 303);
}

#[tokio::test]
async fn se16_the_log_is_taken_away_line_by_line() {
    let house = House::new().await;
    write(&house, 1234).await;
    let mut admin = house.enter("global").await;
    let file = admin.get("/log.csv?status=accepted").await;
    assert_eq!(file.status, 200);
    assert_eq!(file.text.matches("time,status,direction").count(), 1);
    for n in 0..1234 {
        let line = format!(",line {n} of the log,");
        assert_eq!(file.text.matches(&line).count(), 1, "{line}");
    }
    // A client that leaves in the middle leaves its place: more files than fit at once follow.
    for _ in 0..6 {
        let mut stream = TcpStream::connect(house.at).await.expect("connected");
        let ask = format!(
            "GET /log.csv HTTP/1.1\r\nHost: panel\r\nCookie: {}\r\n\r\n",
            admin.cookie
        );
        stream.write_all(ask.as_bytes()).await.expect("asked");
        let mut some = [0; 500];
        stream.read_exact(&mut some).await.expect("read");
        assert!(some.starts_with(b"HTTP/1.1 200"), "{}", text(&some));
    }
    let mut file = admin.get("/log.csv").await;
    for _ in 0..500 {
        if file.status != 429 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        file = admin.get("/log.csv").await;
    }
    assert_eq!(file.status, 200);
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// A body that does not come in time is answered, and the line closed: on a page and in the API.
#[tokio::test]
async fn se17_who_sends_slowly_is_answered_408() {
    let clock = Clock::by_hand(Timestamp(1_800_000_000_000));
    let options = web::Options {
        request_time: "1s".parse().expect("span"),
        ..web::Options::default()
    };
    let house = House::with(in_memory::open(clock.clone()), clock, options).await;
    let (_, key) = {
        let by = principal("global");
        let new = quaranta::actions::NewKey {
            name: "slow".into(),
            role: by.role,
            scope: by.scope.clone(),
            rights: by.rights,
            expires: None,
            networks: Vec::new(),
        };
        let made = house.desk.add_api_key(&by, new, &door()).await;
        made.expect("key")
    };
    let form = "Content-Type: application/x-www-form-urlencoded";
    let json = format!("Content-Type: application/json\r\nAuthorization: Bearer {key}");
    for (path, fields) in [("/sign-in", form), ("/api/v1/lists", json.as_str())] {
        let mut stream = TcpStream::connect(house.at).await.expect("connected");
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: panel\r\n{fields}\r\nContent-Length: 100\r\n\r\n{{"
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        stream
            .read_to_end(&mut answer)
            .await
            .expect("the line is closed");
        assert!(
            answer.starts_with(b"HTTP/1.1 408"),
            "{path}: {}",
            text(&answer)
        );
    }
}

async fn prove(browser: &mut Browser) {
    let proved = browser
        .post("/account/prove", &[("secret", PASSWORD)])
        .await;
    assert_eq!(proved.status, 303, "{}", proved.text);
}

#[tokio::test]
async fn xx14_sealing_keys_are_made_and_removed_on_the_panel() {
    let house = House::new().await;
    let mut admin = house.enter("example.org").await;
    let make = |domain: &'static str, selector: &'static str| {
        [
            ("do", "make"),
            ("domain", domain),
            ("selector", selector),
            ("algorithm", "ed25519"),
        ]
    };
    house.clock.forward(Duration::from_secs(3600));
    let page = admin.post("/keys/seals", &make("example.org", "s1")).await;
    assert!(page.location.starts_with("/account/prove"), "{page:?}");
    prove(&mut admin).await;
    let page = admin.done("/keys/seals", &make("example.org", "-")).await;
    assert!(page.has("A selector has letters"));
    let page = admin.done("/keys/seals", &make("example.org", "s1")).await;
    assert!(page.has("s1._domainkey.example.org") && page.has("v=DKIM1; k=ed25519; p="));
    for domain in ["other.org", "nowhere.test"] {
        let page = admin.post("/keys/seals", &make(domain, "s1")).await;
        assert_eq!(page.status, 404, "{domain}");
    }
    let remove = [("do", "remove"), ("domain", "example.org")];
    let page = admin.done("/keys/seals", &remove).await;
    assert!(page.has("s1._domainkey.example.org"), "not without a tick");
    let sure = [remove[0], remove[1], ("sure", "1")];
    let page = admin.done("/keys/seals", &sure).await;
    assert!(!page.has("_domainkey.example.org</dd>"), "{}", page.text);
    let by = principal("example.org");
    assert!(house.desk.sealing_keys(&by).await.expect("keys").is_empty());
}

#[tokio::test]
async fn se18_locked_senders_are_unlocked_on_the_panel() {
    let house = House::new().await;
    let (by, door) = (principal("global"), door());
    for sender in ["alice@example.org", "carol@other.org"] {
        let sender = sender.parse().expect("scope");
        let locked = house
            .desk
            .lock_sender(&by, sender, "sends <b>much</b>".into(), &door);
        locked.await.expect("locked");
    }
    let mut admin = house.enter("example.org").await;
    let page = admin.get("/people/senders").await;
    assert!(page.has("alice@example.org") && page.has("sends &#60;b&#62;much"));
    assert!(!page.has("carol@other.org"), "another domain's");
    let unlock = |sender: &'static str| [("do", "unlock"), ("sender", sender)];
    let page = admin
        .post("/people/senders", &unlock("carol@other.org"))
        .await;
    assert_eq!(page.status, 404);
    let page = admin
        .done("/people/senders", &unlock("alice@example.org"))
        .await;
    assert!(page.has("alice@example.org may send again"));
    let left = house.desk.locked_senders(&by).await.expect("locks");
    assert_eq!(left.len(), 1, "{left:?}");
    let lock = [
        ("do", "lock"),
        ("sender", "bob@example.org"),
        ("why", "asked"),
    ];
    let page = admin.done("/people/senders", &lock).await;
    assert!(page.has("bob@example.org is locked"));
    let long = "x".repeat(201);
    let lock = [
        ("do", "lock"),
        ("sender", "alice@example.org"),
        ("why", &*long),
    ];
    assert!(
        admin
            .done("/people/senders", &lock)
            .await
            .has("at most 200 octets")
    );
}

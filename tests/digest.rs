//! Digests and the links in them: who gets one and when, and what a link may do (SY-06, XX-05).

mod house;
mod panel_house;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use house::{House, address, door, principal, scope};
use quaranta::actions::DigestWish;
use quaranta::background::Herald;
use quaranta::clock::{Clock, Timestamp};
use quaranta::mail::EntryId;
use quaranta::notify::{Forms, LetterOptions, Post, Scribe};
use quaranta::policy::Layer;
use quaranta::record::{Shelf, State};
use quaranta::store::in_memory;
use quaranta::token::{Link, Purpose};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ALICE: &str = "alice@example.org";
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
/// 2026-11-21 05:00 UTC, a Saturday.
const START: Timestamp = Timestamp(1_795_237_200_000);

struct World {
    house: House,
    panel: panel_house::House,
    herald: Herald,
}

impl World {
    /// With daily digests for example.org, at 7:00 UTC.
    async fn new() -> Self {
        let clock = Clock::by_hand(START);
        let store = in_memory::open(clock.clone());
        let panel = panel_house::House::on(store.clone(), clock.clone()).await;
        let house = House::on(store.clone(), clock.clone()).await;
        let jobs = store.jobs.clone();
        let options = LetterOptions::default();
        let forms = Forms::open(None).expect("built in");
        let herald = Herald {
            store,
            desk: house.desk.clone(),
            post: Post::new(jobs, clock.clone(), "mx.example.org", &options),
            clock,
            scribe: Arc::new(Scribe::new(
                forms,
                "mx.example.org",
                "https://mx.example.org/",
            )),
            lines: 100,
        };
        let world = Self {
            house,
            panel,
            herald,
        };
        world.digest("example.org", "daily").await;
        world
    }

    async fn digest(&self, of: &str, rhythm: &str) {
        let layer = Layer {
            digest: Some(rhythm.parse().expect("rhythm")),
            ..Layer::default()
        };
        self.house.set(of, layer).await;
    }

    /// Spam to `to`, held; each `body` makes another mail.
    async fn spam(&self, to: &str, body: &str) -> EntryId {
        let before = self.house.caught(to).await;
        self.house.send(to, &format!("{body} XJUNK")).await;
        let after = self.house.caught(to).await;
        *after.iter().find(|id| !before.contains(id)).expect("held")
    }

    /// A round, and the letters that came to `to` by it.
    async fn round(&self, to: &str) -> Vec<String> {
        self.herald.round().await;
        let before = self.house.carrying.destination.got(to).len();
        self.house.deliver().await;
        self.house.carrying.destination.got(to).split_off(before)
    }

    /// The first digest to `to`, by a round.
    async fn first(&self, to: &str) -> String {
        of_kind(&self.round(to).await, "digest").clone()
    }

    async fn ask_digest(&self, by: &str, of: &str) -> bool {
        let (by, of, door) = (principal(by), address(of), door());
        self.house.desk.ask_digest(&by, &of, &door).await.is_ok()
    }

    fn at(&self, time: Timestamp) {
        self.house.clock.set(time);
    }

    async fn ask(&self, method: &str, path: &str, fields: &str, body: &str) -> (u16, String) {
        ask(self.panel.at, method, path, fields, body).await
    }
}

async fn ask(at: SocketAddr, method: &str, path: &str, fields: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(at).await.expect("the door is open");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: panel\r\nConnection: close\r\n{fields}\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut octets = Vec::new();
    stream.read_to_end(&mut octets).await.expect("answered");
    let text = String::from_utf8_lossy(&octets).into_owned();
    let status = text
        .get(9..12)
        .and_then(|s| s.parse().ok())
        .expect("status");
    (status, text)
}

/// The one letter of that kind.
fn of_kind<'l>(letters: &'l [String], kind: &str) -> &'l String {
    let field = format!("X-Quaranta-Notice: {kind}\r\n");
    let mut all = letters.iter().filter(|letter| letter.contains(&field));
    let one = all.next();
    assert!(all.next().is_none(), "one {kind}: {letters:?}");
    one.unwrap_or_else(|| panic!("no {kind}: {letters:?}"))
}

/// The paths of the links in the text of a letter, in their order.
fn links(letter: &str) -> Vec<String> {
    let text = letter.split("text/html").next().unwrap_or(letter);
    let link = |line: &str| {
        let path = line.trim().strip_prefix("https://mx.example.org")?;
        (path.starts_with("/l/") || path.starts_with("/u/")).then(|| path.to_owned())
    };
    text.lines().filter_map(link).collect()
}

fn count(letter: &str, words: &str) -> usize {
    letter
        .split("text/html")
        .next()
        .unwrap_or(letter)
        .matches(words)
        .count()
}

/// The link for `purpose` in a letter about one message: they stand in the order of the buttons.
fn link_for(letter: &str, purpose: Purpose) -> String {
    let all = quaranta::notify::offers(Shelf::Caught);
    let at = all.iter().position(|p| *p == purpose).expect("offered");
    links(letter).swap_remove(at)
}

/// SY-06: what is new is told once, at the time; and who this is, before the first.
#[tokio::test]
async fn sy06_a_digest_tells_what_is_new_once() {
    let world = World::new().await;
    world.spam(ALICE, "one").await;
    assert!(world.round(ALICE).await.is_empty(), "it is not 7:00");
    world.at(START.after(2 * HOUR));
    let letters = world.round(ALICE).await;
    assert_eq!(letters.len(), 2, "{letters:?}");
    let welcome = of_kind(&letters, "welcome");
    assert!(welcome.contains("type this address") && links(welcome).is_empty());
    let digest = of_kind(&letters, "digest");
    for field in [
        "X-Quaranta-Notice: digest\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "List-Unsubscribe: <https://mx.example.org/u/",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        "Content-Type: multipart/alternative;",
        "Subject: One message is held for alice@example.org\r\n",
    ] {
        assert!(digest.contains(field), "{field}: {digest}");
    }
    assert_eq!(links(digest).len(), 5, "four actions, and no more digests");
    assert!(world.round(ALICE).await.is_empty());
    world.at(START.after(2 * HOUR + DAY));
    assert!(world.round(ALICE).await.is_empty(), "nothing is new");
    world.spam(ALICE, "two").await;
    world.spam(ALICE, "three").await;
    world.round(ALICE).await;
    world.at(START.after(2 * HOUR + 2 * DAY));
    let letters = world.round(ALICE).await;
    assert_eq!(letters.len(), 1, "no welcome again");
    assert_eq!(links(&letters[0]).len(), 9, "the first one was told of");
    assert!(letters[0].contains("Subject: 2 messages are held"));
}

/// SY-06: never twice for one time, never lost, whatever the clock does; also across a restart.
#[tokio::test]
async fn sy06_clocks_jump() {
    let world = World::new().await;
    let seven = START.after(2 * HOUR);
    world.spam(ALICE, "one").await;
    world.round(ALICE).await;
    // Far ahead: one digest for all that was missed.
    world.at(seven.after(HOUR));
    assert_eq!(world.round(ALICE).await.len(), 2);
    // Back before 7:00: what comes now waits for the next day.
    world.at(START);
    world.spam(ALICE, "two").await;
    assert!(world.round(ALICE).await.is_empty());
    world.at(seven.after(HOUR));
    assert!(world.round(ALICE).await.is_empty(), "that 7:00 was served");
    world.at(seven.after(DAY));
    assert_eq!(world.round(ALICE).await.len(), 1);
    // A year ahead while mail came, and back again: it does not wait for a year.
    world.at(START.after(400 * DAY));
    world.spam(ALICE, "three").await;
    world.round(ALICE).await;
    world.at(seven.after(DAY + HOUR));
    assert!(world.round(ALICE).await.is_empty());
    world.at(seven.after(2 * DAY));
    assert_eq!(
        world.round(ALICE).await.len(),
        1,
        "it was put where it belongs"
    );
    // Who wants it hourly in between gets it at the next hour.
    world.at(seven.after(3 * DAY + HOUR));
    world.spam(ALICE, "four").await;
    world.round(ALICE).await;
    world.digest(ALICE, "hourly").await;
    world.at(seven.after(3 * DAY + 8 * HOUR));
    assert!(
        world.round(ALICE).await.is_empty(),
        "a look finds the new policy"
    );
    world.at(seven.after(3 * DAY + 9 * HOUR));
    assert_eq!(world.round(ALICE).await.len(), 1);
}

/// XX-05: looking at links changes nothing, however often; pressing acts once; and nobody signed in.
#[tokio::test]
async fn xx05_scanners_change_nothing_and_people_do() {
    let world = World::new().await;
    let id = world.spam(ALICE, "one").await;
    world.at(START.after(2 * HOUR));
    let letter = world.first(ALICE).await;
    let events = world.house.log().await;
    for path in links(&letter) {
        for method in ["GET", "HEAD", "GET", "HEAD", "GET", "HEAD", "OPTIONS"] {
            let (status, answer) = world.ask(method, &path, "", "").await;
            assert!(status == 200 || method == "OPTIONS", "{status}");
            let answer = answer.to_ascii_lowercase();
            assert!(!answer.contains("set-cookie"), "{answer}");
            if method == "GET" {
                for field in ["referrer-policy: no-referrer", "cache-control: no-store"] {
                    assert!(answer.contains(field), "{answer}");
                }
            }
        }
    }
    assert_eq!(world.house.state(id).await, State::Held);
    assert_eq!(world.house.log().await, events, "nothing happened");
    assert!(
        world
            .house
            .store
            .jobs
            .jobs(9)
            .await
            .expect("jobs")
            .is_empty()
    );

    let train = link_for(&letter, Purpose::ReleaseAndTrain);
    let (_, page) = world.ask("GET", &train, "", "").await;
    assert!(
        page.contains("a subject") && page.contains("<button class=\"main\">Release &#38; Train"),
        "{page}"
    );
    assert!(!page.contains("one XJUNK"), "no body is shown");
    for foreign in [
        "Sec-Fetch-Site: cross-site\r\n",
        "Origin: https://evil.example\r\n",
    ] {
        let (status, _) = world.ask("POST", &train, foreign, "").await;
        assert_eq!(status, 403, "{foreign}");
    }
    assert_eq!(world.house.state(id).await, State::Held);
    // Older browsers hide where a form is from, because the page tells its address to nobody.
    let (status, page) = world.ask("POST", &train, "Origin: null\r\n", "").await;
    assert_eq!(status, 200);
    assert!(page.contains("on its way, and the filter learns"), "{page}");
    assert_eq!(world.house.state(id).await, State::Leaving);
    let (status, page) = world.ask("POST", &train, "", "").await;
    assert!(
        status == 200 && page.contains("released and is on its way"),
        "{page}"
    );
    world.house.deliver().await;
    assert_eq!(world.house.state(id).await, State::Released);
    let remove = link_for(&letter, Purpose::Remove);
    let (status, page) = world.ask("POST", &remove, "", "").await;
    assert!(
        status == 200 && page.contains("not possible any more"),
        "{page}"
    );
    let log = world.house.history(id).await;
    assert_eq!(
        log.iter().filter(|s| *s == "released-and-trained").count(),
        1
    );
    let history = world.house.desk.history(&principal("global"), id).await;
    let history = history.expect("history");
    let pressed = history
        .iter()
        .find(|event| event.who == "link of alice@example.org");
    assert!(
        pressed.is_some_and(|event| event.door.name == "link"),
        "{history:?}"
    );
}

/// XX-05: a link is for one entry, one recipient and one action, until it expires.
#[tokio::test]
async fn xx05_other_links_do_not_hold() {
    let world = World::new().await;
    let mine = world.spam(ALICE, "one").await;
    let theirs = world.spam("bob@example.org", "two").await;
    world.at(START.after(2 * HOUR));
    let letter = world.first(ALICE).await;
    let good = link_for(&letter, Purpose::Remove);
    let desk = &world.house.desk;
    // Signed by us, but alice has no right to bob's entry.
    let crossed = Link {
        purpose: Purpose::Remove,
        entry: Some(theirs),
        whose: scope(ALICE),
        expires: START.after(30 * DAY),
    };
    let crossed = format!("/l/{}", desk.make_link(&crossed).await.expect("link"));
    let unsubscribe = links(&letter).pop().expect("the last");
    let other_page = unsubscribe.replacen("/u/", "/l/", 1);
    let mut forged = vec![
        crossed,
        other_page,
        good.replacen("/l/", "/u/", 1),
        "/l/x".to_owned(),
        format!("/l/{}", "A".repeat(300)),
        format!("{good}A"),
    ];
    for at in [4, 10, 20, good.len() / 2, good.len() - 2] {
        let mut octets = good.clone().into_bytes();
        octets[at] = if octets[at] == b'A' { b'B' } else { b'A' };
        forged.push(String::from_utf8(octets).expect("ASCII"));
    }
    for path in forged {
        for method in ["GET", "POST"] {
            let (status, page) = world.ask(method, &path, "", "").await;
            assert_eq!(status, 404, "{method} {path}: {page}");
            assert!(page.contains("not valid any more"), "{page}");
        }
    }
    let expires = desk
        .entry(&principal("global"), mine)
        .await
        .expect("entry")
        .expires;
    world.at(expires);
    let (status, _) = world.ask("POST", &good, "", "").await;
    assert_eq!(status, 404, "too late");
    for id in [mine, theirs] {
        assert_eq!(world.house.state(id).await, State::Held);
    }
    // Who tries many waits; who has a good one does not.
    let mut last = 0;
    for _ in 0..80 {
        last = world.ask("GET", "/l/x", "", "").await.0;
    }
    assert_eq!(last, 429);
    world.at(START.after(3 * HOUR));
    assert_eq!(world.ask("GET", &good, "", "").await.0, 200);
}

/// XX-05: links that are made at the same time, the first ever, are made with the same key.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn xx05_the_first_links_all_hold() {
    for _ in 0..20 {
        let store = in_memory::open(Clock::by_hand(START));
        let made = (0..8).map(|_| {
            let settings = store.settings.clone();
            tokio::spawn(async move { quaranta::actions::link_keys(&*settings, START).await })
        });
        let mut secrets = Vec::new();
        for one in made.collect::<Vec<_>>() {
            let ring = one.await.expect("ended").expect("keys");
            secrets.push(ring.current().expect("a key").secret().to_owned());
        }
        secrets.dedup();
        assert_eq!(secrets.len(), 1);
    }
}

/// XX-13, XX-05: what a link released can be taken back where the policy gives time for it.
#[tokio::test]
async fn xx13_a_release_by_a_link_can_be_taken_back() {
    let world = World::new().await;
    let layer = Layer {
        undo_seconds: Some(60),
        ..Layer::default()
    };
    world.house.set(ALICE, layer).await;
    let id = world.spam(ALICE, "one").await;
    world.at(START.after(2 * HOUR));
    let letter = world.first(ALICE).await;
    let allow = link_for(&letter, Purpose::ReleaseAndAllow);
    let (_, page) = world.ask("POST", &allow, "", "").await;
    assert!(page.contains("sender is allowed"), "{page}");
    let undo = page
        .split("action=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let undo = undo.expect("an undo").to_owned();
    world.ask("GET", &undo, "", "").await;
    assert_eq!(
        world.house.state(id).await,
        State::Leaving,
        "only looked at"
    );
    let (_, page) = world.ask("POST", &undo, "", "").await;
    assert!(page.contains("held again"), "{page}");
    assert_eq!(world.house.state(id).await, State::Held);
}

/// XX-12, XX-05: malware is counted, never offered; a link gives no more than its owner's rights.
#[tokio::test]
async fn xx12_a_link_gives_no_right() {
    let world = World::new().await;
    world.spam(ALICE, "one").await;
    world.house.send(ALICE, "bad XMALWARE").await;
    let held = world.house.caught(ALICE).await;
    assert_eq!(held.len(), 2);
    world.at(START.after(2 * HOUR));
    let letter = world.first(ALICE).await;
    assert_eq!(links(&letter).len(), 5, "one message is listed");
    assert!(letter.contains("1 more held for malware"), "{letter}");
    let link = Link {
        purpose: Purpose::Release,
        entry: Some(held[1]),
        whose: scope(ALICE),
        expires: START.after(DAY),
    };
    let text = world.house.desk.make_link(&link).await.expect("link");
    let (_, page) = world.ask("POST", &format!("/l/{text}"), "", "").await;
    assert!(page.contains("Those who may were asked"), "{page}");
    let entry = world.house.desk.entry(&principal("global"), held[1]).await;
    let entry = entry.expect("entry");
    assert_eq!(entry.state, State::Held);
    assert_eq!(
        entry.requested.map(|asked| asked.who).as_deref(),
        Some(ALICE)
    );
    // For malware alone nobody is written to.
    world.house.send("bob@example.org", "bad XMALWARE").await;
    world.at(START.after(2 * HOUR + DAY));
    assert!(world.round("bob@example.org").await.is_empty());
}

/// RFC 8058: mail programs turn digests off from anywhere, and it is written down.
#[tokio::test]
async fn sy06_one_press_ends_digests() {
    let world = World::new().await;
    world.spam(ALICE, "one").await;
    world.at(START.after(2 * HOUR));
    let letter = world.first(ALICE).await;
    let path = links(&letter).pop().expect("the last");
    let (_, page) = world.ask("GET", &path, "", "").await;
    assert!(
        page.contains("Digests are sent to alice@example.org"),
        "{page}"
    );
    let anywhere = "Origin: https://mail.example\r\nSec-Fetch-Site: cross-site\r\n";
    for _ in 0..2 {
        let (status, page) = world
            .ask("POST", &path, anywhere, "List-Unsubscribe=One-Click")
            .await;
        assert!(
            status == 200 && page.contains("No digests are sent"),
            "{page}"
        );
    }
    let audit = world
        .house
        .desk
        .audit(&principal("global"), &Default::default(), 50)
        .await;
    let audit = audit.expect("audit").rows;
    let line = audit
        .iter()
        .find(|event| event.who == "link of alice@example.org");
    assert!(
        line.is_some_and(|event| event.door.name == "link" && event.words.contains("never")),
        "{audit:?}"
    );
    world.spam(ALICE, "two").await;
    world.at(START.after(2 * HOUR + DAY));
    assert!(world.round(ALICE).await.is_empty());
    let (_, page) = world.ask("POST", &path, "", "subscribe=1").await;
    assert!(page.contains("Digests are sent to"), "{page}");
    world.at(START.after(2 * HOUR + 2 * DAY));
    assert_eq!(
        world.round(ALICE).await.len(),
        1,
        "with what came in between"
    );
}

/// SY-06: shared mailboxes have somebody who gets their digests, and whose links still work.
#[tokio::test]
async fn sy06_a_list_has_an_owner() {
    let world = World::new().await;
    let layer = |to: &str| Layer {
        digest_to: Some(address(to)),
        ..Layer::default()
    };
    let by = principal("global");
    for (of, to) in [("sales@example.org", "eve@other.org"), ("global", ALICE)] {
        let (desk, door) = (&world.house.desk, door());
        let set = desk.set_layer(&by, scope(of), layer(to), &door).await;
        assert!(set.is_err(), "{of} {to}");
    }
    world.house.set("sales@example.org", layer(ALICE)).await;
    let id = world.spam("sales@example.org", "one").await;
    world.at(START.after(2 * HOUR));
    let letter = world.first(ALICE).await;
    assert!(letter.contains("held for sales@example.org"), "{letter}");
    assert!(
        world
            .house
            .carrying
            .destination
            .got("sales@example.org")
            .is_empty()
    );
    let (_, page) = world
        .ask("POST", &link_for(&letter, Purpose::Remove), "", "")
        .await;
    assert!(page.contains("The message is removed"), "{page}");
    assert_eq!(world.house.state(id).await, State::Removed);
}

/// IW-01, SY-06: what is pending is told in its own words.
#[tokio::test]
async fn iw01_pending_mail_is_told_with_its_actions() {
    let world = World::new().await;
    let layer = Layer {
        pend_unknown: Some(true),
        ..Layer::default()
    };
    world.house.set(ALICE, layer).await;
    world.house.send(ALICE, "hello").await;
    world.at(START.after(2 * HOUR));
    let letter = world.first(ALICE).await;
    for words in [
        "unknown sender",
        "Deliver:",
        "Authorize sender:",
        "Block sender:",
        "Remove:",
    ] {
        assert_eq!(count(&letter, words), 1, "{words}: {letter}");
    }
    let id = world.house.shelf(ALICE, Shelf::Pending).await[0];
    let authorize = &links(&letter)[1];
    let (_, page) = world.ask("GET", authorize, "", "").await;
    assert!(page.contains("Authorize sender"), "{page}");
    let (_, page) = world.ask("POST", authorize, "", "").await;
    assert!(page.contains("sender is allowed"), "{page}");
    assert_eq!(world.house.state(id).await, State::Leaving);
}

/// SY-06: many at once are written in steps, so that they take neither memory nor the disk; and the
/// list of one digest is bounded.
#[tokio::test]
async fn sy06_many_at_once_are_written_in_steps() {
    let mut world = World::new().await;
    world.herald.lines = 3;
    for n in 0..300 {
        world
            .house
            .send(&format!("u{n}@example.org"), "x XJUNK")
            .await;
    }
    for n in 0..8 {
        world.spam("u0@example.org", &format!("more {n}")).await;
    }
    world.herald.round().await;
    world.at(START.after(2 * HOUR));
    let mut steps = 0;
    loop {
        world.herald.round().await;
        let owed = world
            .house
            .store
            .jobs
            .jobs(10_000)
            .await
            .expect("jobs")
            .len();
        assert!(owed <= 200 + 2 * 64, "{owed} letters wait");
        if owed == 0 {
            break;
        }
        steps += 1;
        world.house.deliver().await;
    }
    assert!(steps > 1, "{steps}");
    for n in [0, 1, 150, 299] {
        let got = world
            .house
            .carrying
            .destination
            .got(&format!("u{n}@example.org"));
        assert_eq!(got.len(), 2, "u{n}");
        let listed = if n == 0 { 3 } else { 1 };
        let digest = of_kind(&got, "digest");
        assert_eq!(links(digest).len(), listed * 4 + 1);
        assert_eq!(digest.contains("And 6 more in the panel."), n == 0);
    }
}

/// SY-06: the administrator of a domain is told how it is.
#[tokio::test]
async fn sy06_a_report_for_the_domain() {
    let world = World::new().await;
    let layer = Layer {
        report_to: Some(address("postmaster@example.org")),
        ..Layer::default()
    };
    world.house.set("example.org", layer).await;
    let id = world.spam(ALICE, "one").await;
    let ask = quaranta::actions::Action::RequestRelease;
    let (by, door) = (principal(ALICE), door());
    let asked = world.house.desk.perform(&by, &ask, id, &door).await;
    asked.expect("asked");
    world.round(ALICE).await;
    world.at(START.after(2 * HOUR));
    let letters = world.round("postmaster@example.org").await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    for words in [
        "Report about example.org",
        "1 releases are asked for",
        "quarantined: 1",
        "held now: 1",
    ] {
        assert!(letters[0].contains(words), "{words}: {}", letters[0]);
    }
    assert!(
        world.house.carrying.destination.got(ALICE).is_empty(),
        "it has no digest"
    );
}

/// SY-06, IW-03: people set their own digests on their page, and have one sent.
#[tokio::test]
async fn iw03_people_set_their_own_digests() {
    let world = World::new().await;
    let mut alice = world.panel.enter(ALICE).await;
    let page = alice.get("/account").await;
    assert!(
        page.has("as set for everybody (every day at 7:00)"),
        "{}",
        page.text
    );
    for (fields, wrong) in [
        (
            vec![("often", "hours"), ("hours", "25")],
            "hours of the day",
        ),
        (vec![("often", "sometimes")], "never, hourly"),
        (
            vec![("often", "daily"), ("zone", "Mars/Olympus")],
            "time zone is not known",
        ),
        (vec![("often", "daily"), ("day", "someday")], "mon,tue"),
    ] {
        let page = alice.done("/account/digests", &fields).await;
        assert!(
            page.has(wrong) && page.has("Nothing was changed"),
            "{}",
            page.text
        );
    }
    let fields = [
        ("often", "hours"),
        ("hours", "6,18"),
        ("day", "sat"),
        ("day", "sun"),
        ("zone", "Europe/Berlin"),
        ("language", "de"),
        ("caught", "1"),
    ];
    let page = alice.done("/account/digests", &fields).await;
    assert!(
        page.has("Your digests are set.") && page.has("value=\"6,18\""),
        "{}",
        page.text
    );
    world.spam(ALICE, "one").await;
    world.round(ALICE).await;
    // It is 6:00 in Berlin at 5:00 UTC, now; the next time is 18:00 there.
    world.at(START.after(12 * HOUR - Duration::from_secs(1)));
    assert!(world.round(ALICE).await.is_empty());
    world.at(START.after(12 * HOUR));
    let letters = world.round(ALICE).await;
    assert_eq!(letters.len(), 2);
    let letter = of_kind(&letters, "digest");
    assert!(letter.contains("Freigeben"), "{letter}");

    let mut alice = world.panel.enter(ALICE).await;
    let page = alice.done("/account/digests/send", &[]).await;
    assert!(page.has("will come to your mailbox"), "{}", page.text);
    alice.done("/account/digests/send", &[]).await;
    let letters = world.round(ALICE).await;
    assert_eq!(letters.len(), 1, "once in ten minutes");
    assert_eq!(links(&letters[0]).len(), 5, "all that is held, new or not");
    let bob = "bob@example.org";
    assert!(!world.ask_digest(bob, ALICE).await, "not for others");
    let (by, of, door) = (principal(bob), address(ALICE), door());
    let set = world
        .house
        .desk
        .set_digests(&by, &of, DigestWish::default(), &door);
    assert!(set.await.is_err());
    let nowhere = world.ask_digest("global", "x@nowhere.test").await;
    assert!(!nowhere, "only for our domains");
    // An empty one says so.
    assert!(world.ask_digest(bob, bob).await);
    let letters = world.round(bob).await;
    let said = "Nothing is held for bob@example.org";
    assert!(of_kind(&letters, "digest").contains(said));
}

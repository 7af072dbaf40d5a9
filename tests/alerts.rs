//! Alerts: told once by letter, webhook and program, kept over a restart, resolved (SY-06).

mod house;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use house::{House, address, door, principal, scope};
use parking_lot::Mutex;
use quaranta::actions::Action;
use quaranta::background::Watch;
use quaranta::clock::Clock;
use quaranta::control::{Control, Request, Response};
use quaranta::inspect::{Inspector, Options, Panel as _, StandardPanel};
use quaranta::intake::outbound::{self, Outbound};
use quaranta::mail::Mail;
use quaranta::net::dns::Dns;
use quaranta::net::listen::{Closer, closing};
use quaranta::net::tls::{self, ServerTls};
use quaranta::net::tls_client::ClientTls;
use quaranta::notify::Webhook;
use quaranta::notify::{Alert, AlertKind, AlertOptions, Alerts, Hook, LetterOptions, Post, Ways};
use quaranta::policy::{Finding, WhenUnavailable};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const ALICE: &str = "alice@example.org";
const OPS: &str = "ops@outside.test";
const HOUR: Duration = Duration::from_secs(3600);

/// A request as it came to the webhook.
#[derive(Debug, Clone)]
struct Came {
    head: String,
    body: String,
}

impl Came {
    fn field(&self, name: &str) -> String {
        let mark = format!("{name}: ");
        let line = |line: &str| {
            let at = line.get(..mark.len())?;
            at.eq_ignore_ascii_case(&mark)
                .then(|| line[mark.len()..].trim().to_owned())
        };
        self.head.lines().find_map(line).unwrap_or_default()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// A small HTTP server: answers with these statuses in turn, then 204.
async fn server(statuses: &'static [u16]) -> (String, Arc<Mutex<Vec<Came>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let at = listener.local_addr().expect("address");
    let came = Arc::new(Mutex::new(Vec::new()));
    let all = came.clone();
    tokio::spawn(async move {
        let mut statuses = statuses.iter().copied();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut octets = Vec::new();
            let request = loop {
                let mut some = [0; 4096];
                let size = stream.read(&mut some).await.expect("read");
                assert!(size > 0, "the client went");
                octets.extend_from_slice(&some[..size]);
                let text = String::from_utf8(octets.clone()).expect("text");
                let Some((head, body)) = text.split_once("\r\n\r\n") else {
                    continue;
                };
                let (head, body) = (head.to_owned(), body.to_owned());
                let request = Came { head, body };
                if request.body.len().to_string() == request.field("content-length") {
                    break request;
                }
            };
            all.lock().push(request);
            let status = statuses.next().unwrap_or(204);
            let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.expect("answered");
        }
    });
    (format!("http://{at}/hook?a=b"), came)
}

/// What Python's hmac says of time and body.
fn python_hmac(secret: &str, text: &str) -> String {
    let program = "import hmac,hashlib,sys\n\
                   sys.stdout.write(hmac.new(sys.argv[1].encode(), sys.stdin.buffer.read(), hashlib.sha256).hexdigest())";
    let mut child = Command::new("python3")
        .args(["-c", program, secret])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut stdin = child.stdin.take().expect("stdin");
    stdin.write_all(text.as_bytes()).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("python3");
    String::from_utf8(output.stdout).expect("text")
}

async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let waiting = async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), waiting).await;
    waited.unwrap_or_else(|_| panic!("in vain: {what}"));
}

const SECRET: &str = "a secret of the webhook";

/// Everything that tells, over a house.
struct Telling {
    alerts: Alerts,
    watch: Watch,
    raised: Option<mpsc::Receiver<Alert>>,
    lines: PathBuf,
    _closer: Closer,
}

fn telling(house: &House, dir: &Path, options: AlertOptions) -> Telling {
    let lines = dir.join("lines");
    let script = format!("cat >> {}", lines.display());
    let command: Vec<String> = ["/bin/sh", "-c", &script].map(str::to_owned).to_vec();
    let (hook, runner) = Hook::new(&command, Duration::from_secs(20)).expect("a command");
    let (closer, closing) = closing();
    tokio::spawn(runner.run(closing.clone()));
    let client = ClientTls::new(None).expect("tls");
    let webhook = Webhook::open(&options, client, house.clock.clone()).expect("webhook");
    let (webhook, runner) = webhook.unzip();
    if let Some(runner) = runner {
        tokio::spawn(runner.run(closing));
    }
    let jobs = house.store.jobs.clone();
    let letters = LetterOptions::default();
    let ways = Ways {
        post: Some(Post::new(
            jobs,
            house.clock.clone(),
            "mx.example.org",
            &letters,
        )),
        webhook,
        hook: Some(hook),
    };
    let clock = house.clock.clone();
    let (alerts, raised) = Alerts::new(options, ways, "mx.example.org", clock);
    let watch = Watch {
        house: house.background.clone(),
        alerts: alerts.clone(),
        checks: None,
        tls: None,
        data_dir: dir.to_owned(),
    };
    Telling {
        alerts,
        watch,
        raised: Some(raised),
        lines,
        _closer: closer,
    }
}

/// Nothing is wrong with the disk of the tests, whatever it is.
fn quiet() -> AlertOptions {
    AlertOptions {
        disk_free: quaranta::options::Octets(0),
        disk_free_percent: 0,
        ..AlertOptions::default()
    }
}

impl Telling {
    fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.lines).unwrap_or_default();
        let line = |line: &str| serde_json::from_str(line).expect("JSON");
        text.lines().map(line).collect()
    }

    fn open(&self) -> Vec<(AlertKind, String)> {
        let open = self.alerts.open().into_iter();
        open.map(|alert| (alert.kind, alert.subject)).collect()
    }
}

/// The letters that came to `to`.
async fn letters(house: &House, to: &str) -> Vec<String> {
    house.deliver().await;
    house.carrying.destination.got(to)
}

#[tokio::test]
async fn sy06_what_is_stuck_is_told_by_letter_webhook_and_program_once() {
    let house = House::new().await;
    let dir = tempfile::tempdir().expect("dir");
    let secret = dir.path().join("secret");
    std::fs::write(&secret, format!("{SECRET}\n")).expect("secret");
    // The first try fails, the second is answered.
    let (url, came) = server(&[503]).await;
    let options = || AlertOptions {
        to: vec![address(OPS), address("admin@example.org")],
        webhook: Some(url.parse().expect("address")),
        webhook_secret_file: Some(secret.clone()),
        ..quiet()
    };
    let first = telling(&house, dir.path(), options());
    first.watch.restore().await;

    house.carrying.destination.will_say(ALICE, &[451; 40]);
    house
        .send("bob@example.org alice@example.org", "fine")
        .await;
    first.watch.look(true).await;
    assert!(first.alerts.open().is_empty(), "not yet");
    house.clock.forward(HOUR * 7);
    house.deliver().await;
    first.watch.look(true).await;
    first.watch.look(true).await;
    assert_eq!(
        first.open(),
        [(AlertKind::QueueStuck, "deliveries".to_owned())]
    );

    let got = letters(&house, OPS).await;
    assert_eq!(got.len(), 1, "outside of our domains, and once");
    assert!(
        got[0].contains("queue-stuck: deliveries (started)"),
        "{}",
        got[0]
    );
    assert!(got[0].contains("X-Quaranta-Notice: alert") && got[0].contains("said 451"));
    assert!(got[0].contains("Auto-Submitted: auto-generated"));
    assert_eq!(letters(&house, "admin@example.org").await.len(), 1);

    until("both tries", || came.lock().len() == 2).await;
    let came = || came.lock().clone();
    assert_eq!(came()[0].body, came()[1].body);
    let posted = &came()[1];
    assert!(
        posted.head.starts_with("POST /hook?a=b HTTP/1.1\r\n"),
        "{}",
        posted.head
    );
    let signature = posted.field("x-quaranta-signature");
    let (time, tag) = signature.split_once(",v1=").expect("signature");
    let time = time.strip_prefix("t=").expect("time");
    assert_eq!(time, (house.clock.now().0 / 1000).to_string());
    let want = python_hmac(SECRET, &format!("{time}.{}", posted.body));
    assert_eq!(tag, want, "Python says the same");
    let alert = posted.json();
    assert_eq!(
        (&alert["alert"], &alert["state"]),
        (&"queue-stuck".into(), &"started".into())
    );
    assert_eq!(
        (&alert["host"], &alert["count"]),
        (&"mx.example.org".into(), &1.into())
    );
    until("the program", || first.lines().len() == 1).await;
    assert_eq!(first.lines()[0], alert);

    // A restart does not tell it again; that it is over is told.
    let again = telling(&house, dir.path(), options());
    again.watch.restore().await;
    again.watch.look(true).await;
    assert_eq!(again.open().len(), 1);
    house.carrying.destination.will_say(ALICE, &[250]);
    house.clock.forward(HOUR);
    house.deliver().await;
    assert_eq!(house.carrying.destination.got(ALICE).len(), 1);
    again.watch.look(true).await;
    assert_eq!(again.open().len(), 1, "calm for a moment is not over");
    house.clock.forward(Duration::from_secs(301));
    again.watch.look(true).await;
    assert!(again.open().is_empty());
    let got = letters(&house, OPS).await;
    assert_eq!(got.len(), 2);
    assert!(got[1].contains("(resolved)"), "{}", got[1]);
    until("the program", || again.lines().len() == 2).await;
    assert_eq!(again.lines()[1]["state"], "resolved");
    until("the webhook", || came().len() == 3).await;
}

#[tokio::test]
async fn sy06_a_webhook_that_refuses_is_not_asked_again() {
    let house = House::new().await;
    let dir = tempfile::tempdir().expect("dir");
    let secret = dir.path().join("secret");
    std::fs::write(&secret, SECRET).expect("secret");
    let (url, came) = server(&[404]).await;
    let options = AlertOptions {
        webhook: Some(url.parse().expect("address")),
        webhook_secret_file: Some(secret.clone()),
        ..quiet()
    };
    let telling = telling(&house, dir.path(), options.clone());
    let alert = |n: u32| Alert::new(AlertKind::DiskLow, n.to_string(), "test");
    telling.alerts.see(vec![alert(1)], &[]).await;
    telling.alerts.see(vec![alert(2)], &[]).await;
    until("both alerts", || came.lock().len() == 2).await;
    let subjects: Vec<Value> = came
        .lock()
        .iter()
        .map(|c| c.json()["subject"].clone())
        .collect();
    assert_eq!(subjects, ["1", "2"], "404 is no reason to try again");

    std::fs::write(&secret, "short").expect("secret");
    let client = ClientTls::new(None).expect("tls");
    let refused = Webhook::open(&options, client, Clock::system());
    assert!(
        refused
            .err()
            .is_some_and(|why| why.contains("at least 16 octets"))
    );
}

#[tokio::test]
async fn sy06_a_sender_that_is_locked_is_an_alert_until_it_is_unlocked() {
    let house = House::new().await;
    let dir = tempfile::tempdir().expect("dir");
    let mut telling = telling(&house, dir.path(), quiet());
    let outward = house.background.outgoing.clone().expect("a way").outward;
    let options = outbound::Options {
        messages_per_hour: 1,
        ..outbound::Options::default()
    };
    let outbound = Outbound::new(outward, options, Some(telling.alerts.clone()));
    let sending = House {
        intake: house.intake.clone().sending(outbound),
        store: house.store.clone(),
        desk: house.desk.clone(),
        background: house.background.clone(),
        clock: house.clock.clone(),
        carrying: house.carrying.clone(),
    };
    for _ in 0..2 {
        sending
            .send_out(Some(ALICE), ALICE, "x@remote.test", "hello")
            .await;
    }
    let raised = telling
        .raised
        .as_mut()
        .expect("raised")
        .try_recv()
        .expect("an alert");
    telling.alerts.see(vec![raised], &[]).await;
    assert_eq!(
        telling.open(),
        [(AlertKind::SenderLocked, ALICE.to_owned())]
    );
    until("the program", || telling.lines().len() == 1).await;
    let line = &telling.lines()[0];
    assert_eq!(
        (&line["alert"], &line["sender"]),
        (&"sender-locked".into(), &ALICE.into())
    );
    assert_eq!(line["why"], "more than 1 messages in one hour");
    telling.watch.look(false).await;
    let global = principal("global");
    let unlocked = house
        .desk
        .unlock_sender(&global, &scope(ALICE), &door())
        .await;
    unlocked.expect("unlocked");
    // What an administrator locks is no alert.
    let locked = house
        .desk
        .lock_sender(&global, scope("bob@example.org"), "x".into(), &door())
        .await;
    locked.expect("locked");
    telling.watch.look(false).await;
    house.clock.forward(Duration::from_secs(301));
    telling.watch.look(false).await;
    assert!(telling.open().is_empty());
}

#[tokio::test]
async fn sy06_a_refused_release_and_a_certificate_are_alerts() {
    let house = House::new().await;
    let dir = tempfile::tempdir().expect("dir");
    let options = AlertOptions {
        // The certificate of the house lasts for centuries.
        certificate_days: 1_000_000,
        ..quiet()
    };
    let mut telling = telling(&house, dir.path(), options);
    let own = ServerTls::open(&tls::Options::default(), dir.path(), "mx.example.org");
    telling.watch.tls = Some(own.expect("tls"));
    house.send(ALICE, "XJUNK").await;
    let id = house.caught(ALICE).await[0];
    let released = house
        .desk
        .perform(&principal(ALICE), &Action::Release, id, &door())
        .await;
    released.expect("released");
    house.carrying.destination.will_say(ALICE, &[550]);
    house.deliver().await;
    telling.watch.look(false).await;
    assert_eq!(
        telling.open(),
        [
            (AlertKind::ReinsertionRefused, "example.org".to_owned()),
            (AlertKind::CertificateEnds, "certificate".to_owned()),
        ]
    );
    assert!(telling.alerts.open()[0].words.contains("said 550"));
    house.clock.forward(HOUR + Duration::from_secs(1));
    telling.watch.look(false).await;
    house.clock.forward(Duration::from_secs(301));
    telling.watch.look(false).await;
    assert_eq!(telling.open().len(), 1, "only the certificate is left");
}

/// A check that answers, or does not.
struct Moody(Mutex<Option<&'static str>>);

#[async_trait]
impl Inspector for Moody {
    fn name(&self) -> &'static str {
        "MOODY"
    }

    async fn inspect(&self, _mail: &Mail) -> Vec<Finding> {
        let gap = |why: &str| Finding::Unavailable {
            name: "MOODY".to_owned(),
            why: why.to_owned(),
            then: WhenUnavailable::Ignore,
        };
        self.0.lock().map(gap).into_iter().collect()
    }
}

#[tokio::test]
async fn sy06_xx06_a_check_without_answer_is_an_alert_and_shown() {
    let house = House::new().await;
    let dir = tempfile::tempdir().expect("dir");
    let moody = Arc::new(Moody(Mutex::new(Some("refused"))));
    let options = Options {
        authentication: false,
        ..Options::default()
    };
    let dns = Arc::new(Dns::off("no DNS in tests"));
    let panel = StandardPanel::open(&options, dns, house.clock.clone()).expect("panel");
    let panel = panel.with(moody.clone());
    let mut telling = telling(&house, dir.path(), quiet());
    telling.watch.checks = Some(panel.health());
    let to = [address(ALICE)];
    for n in 0..3 {
        let text = house::text(&format!("hello {n}"));
        panel
            .inspect(&house::mail(&house.clock, None, &to, &text))
            .await;
    }
    telling.watch.look(false).await;
    assert!(telling.open().is_empty(), "not for long yet");
    house.clock.forward(Duration::from_secs(601));
    telling.watch.look(false).await;
    assert_eq!(
        telling.open(),
        [(AlertKind::CheckUnavailable, "MOODY".to_owned())]
    );
    let shown = panel.health().shown();
    let names: Vec<&str> = shown.iter().map(|check| check.name).collect();
    assert_eq!(names, ["MOODY", "RULES"]);
    assert_eq!(
        (shown[0].asked, shown[0].failed, shown[1].failed),
        (3, 3, 0)
    );
    *moody.0.lock() = None;
    panel
        .inspect(&house::mail(&house.clock, None, &to, &house::text("ok")))
        .await;
    telling.watch.look(false).await;
    house.clock.forward(Duration::from_secs(301));
    telling.watch.look(false).await;
    assert!(telling.open().is_empty());
}

#[tokio::test]
async fn sy06_a_burst_of_held_mail_is_an_alert() {
    let house = House::new().await;
    let dir = tempfile::tempdir().expect("dir");
    let options = AlertOptions {
        held_least: 10,
        released_most: 3,
        ..quiet()
    };
    let telling = telling(&house, dir.path(), options);
    for day in 0..3 {
        house.send(ALICE, &format!("XJUNK of day {day}")).await;
        house.clock.forward(HOUR * 24);
    }
    for n in 0..9 {
        house.send(ALICE, &format!("XJUNK {n}")).await;
    }
    telling.watch.look(true).await;
    assert!(telling.open().is_empty());
    house.send(ALICE, "XJUNK 9").await;
    telling.watch.look(true).await;
    assert_eq!(telling.open(), [(AlertKind::ManyHeld, "held".to_owned())]);
    let ids = house.caught(ALICE).await;
    let by = principal(ALICE);
    for done in house
        .desk
        .perform_all(&by, &Action::Release, &ids[..3], &door())
        .await
    {
        done.expect("released");
    }
    telling.watch.look(true).await;
    assert_eq!(telling.open().len(), 2);
}

#[tokio::test]
async fn sy06_the_admin_socket_lists_alerts_and_sends_a_test() {
    let house = House::new().await;
    let dir = tempfile::tempdir().expect("dir");
    let options = AlertOptions {
        to: vec![address(OPS)],
        ..quiet()
    };
    let telling = telling(&house, dir.path(), options);
    let control = Control::new(house.desk.clone(), HOUR).alerting(telling.alerts.clone());
    let ask = async |request| match control.answer(0, request).await {
        Response::Done(value) => value,
        Response::Refused(words) => Value::String(words),
    };
    let alert = Alert::new(AlertKind::DiskLow, "/var", "little space");
    telling.alerts.see(vec![alert], &[]).await;
    let listed = ask(Request::AlertList).await;
    assert_eq!(
        (&listed[0]["kind"], &listed[0]["subject"]),
        (&"disk-low".into(), &"/var".into())
    );
    let came = ask(Request::AlertTest).await;
    assert_eq!(came.as_array().map(Vec::len), Some(2), "{came}");
    assert!(
        came.as_array()
            .expect("ways")
            .iter()
            .all(|way| way["failed"].is_null())
    );
    let got = letters(&house, OPS).await;
    assert!(
        got.iter().any(|text| text.contains("test: uid 0 (test)")),
        "{got:?}"
    );
    until("the program", || telling.lines().len() == 2).await;
    assert!(
        ask(Request::AlertTest)
            .await
            .as_str()
            .is_some_and(|w| w.contains("a moment ago"))
    );
    assert_eq!(telling.open().len(), 1, "a test is not open");
}

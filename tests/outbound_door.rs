//! The outbound door over loopback: passwords under TLS only, guessing slowed, logins asked of a
//! destination by its own AUTH, and mail straight to the hosts that the DNS names.

mod house;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use house::{House, address, door, mail, principal, scope, text};
use parking_lot::Mutex;
use quaranta::accounts::{self, Login};
use quaranta::intake::outbound::Options;
use quaranta::mail::{Address, Budget, Direction, Envelope, Mail, Reply};
use quaranta::net::dns::Dns;
use quaranta::net::listen::{Closer, closing};
use quaranta::net::tls::{self, ServerTls};
use quaranta::policy::{Answer, Replies};
use quaranta::record::{Route, RouteTls};
use quaranta::relay::{self, Carrier as _, Outward, Parcel, Relay, SignIn as _};
use quaranta::smtp;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

struct Open {
    at: SocketAddr,
    closer: Closer,
    _dir: tempfile::TempDir,
}

/// A door over `reception`, with a certificate of its own if `secure`.
async fn open(reception: Arc<dyn smtp::Reception>, direction: Direction, secure: bool) -> Open {
    let dir = tempfile::tempdir().expect("dir");
    let tls = ServerTls::open(&tls::Options::default(), dir.path(), "mx.test").expect("tls");
    let setup = smtp::Setup {
        hostname: "mx.test".to_owned(),
        direction,
        protocol: smtp::Protocol::Smtp,
        options: smtp::Options::default(),
        tls: secure,
        budget: Budget::new(1 << 20),
        clock: quaranta::clock::Clock::system(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
    let at = listener.local_addr().expect("address");
    let (closer, closing) = closing();
    let door = smtp::Door::new(setup, secure.then_some(tls), reception);
    tokio::spawn(door.serve(listener, closing));
    Open {
        at,
        closer,
        _dir: dir,
    }
}

fn submission(house: &House) -> Arc<smtp::Outbound> {
    let relay = Relay::new(relay::Options::default(), "mx.test").expect("relay");
    Arc::new(smtp::Outbound::new(smtp::Submission {
        intake: house.intake.clone(),
        carrier: house.carrying.clone(),
        login: Login::new(
            house.store.settings.clone(),
            house.store.journal.clone(),
            house.clock.clone(),
            accounts::Options::default(),
        ),
        destination: Arc::new(relay),
        options: Options::default(),
        own: Vec::new(),
    }))
}

async fn alice(house: &House) -> String {
    let scope = scope("alice@example.org");
    house
        .desk
        .add_account(&principal("global"), scope, None, &door())
        .await
        .expect("account")
}

fn route(at: SocketAddr, tls: RouteTls) -> Vec<Route> {
    vec![Route {
        host: at.ip().to_string(),
        port: at.port(),
        tls,
        priority: 10,
    }]
}

/// A host that offers AUTH in the clear, and all that it hears until the client leaves.
async fn careless_host() -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
    let at = listener.local_addr().expect("address");
    let hearing = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("client");
        let mut stream = BufReader::new(stream);
        let (mut heard, mut reply) = (String::new(), "220 careless\r\n");
        loop {
            let told = stream.write_all(reply.as_bytes()).await;
            let mut line = String::new();
            let read = stream.read_line(&mut line).await;
            if told.is_err() || read.is_ok_and(|read| read == 0) {
                return heard;
            }
            reply = match line.get(..4) {
                Some("EHLO") => "250-careless\r\n250 AUTH PLAIN LOGIN\r\n",
                Some("AUTH") => "235 2.7.0 welcome\r\n",
                _ => "221 2.0.0 bye\r\n",
            };
            heard.push_str(&line);
        }
    });
    (at, hearing)
}

#[tokio::test]
async fn se18_a_password_is_asked_for_at_the_destination_under_tls_only() {
    let house = House::new().await;
    let password = alice(&house).await;
    let relay = Relay::new(relay::Options::default(), "mx.test").expect("relay");
    let ask = async |routes: &[Route], password: &str| {
        relay
            .sign_in(routes, "alice@example.org", password)
            .await
            .map_err(|reply| reply.code)
    };
    let secure = open(submission(&house), Direction::Outbound, true).await;
    let routes = route(secure.at, RouteTls::Opportunistic);
    assert_eq!(ask(&routes, &password).await, Ok(true));
    assert_eq!(ask(&routes, "guess").await, Ok(false));
    assert_eq!(
        ask(&route(secure.at, RouteTls::None), &password).await,
        Err(451)
    );
    let bad_certificate = route(secure.at, RouteTls::Required);
    assert_eq!(ask(&bad_certificate, &password).await, Err(451));
    let (careless, heard) = careless_host().await;
    let routes = route(careless, RouteTls::Opportunistic);
    assert_eq!(
        ask(&routes, &password).await,
        Err(451),
        "no TLS, no password"
    );
    let heard = timeout(PATIENCE, heard)
        .await
        .expect("an end")
        .expect("what it heard");
    assert!(heard.contains("EHLO") && !heard.contains("AUTH"), "{heard}");
    let no_auth = open(Arc::new(Sink::default()), Direction::Inbound, true).await;
    let routes = route(no_auth.at, RouteTls::Opportunistic);
    assert_eq!(ask(&routes, &password).await, Err(451));
    let tries = house.log().await;
    assert_eq!(
        tries,
        ["signed-in", "sign-in-failed"],
        "nothing else was sent"
    );
}

/// Says each line and hears the last line of each reply.
async fn talk(stream: &mut BufReader<TcpStream>, lines: &[&str]) -> Vec<String> {
    let mut said = Vec::new();
    for line in lines {
        let line = format!("{line}\r\n");
        stream.write_all(line.as_bytes()).await.expect("write");
        loop {
            let mut reply = String::new();
            let read = timeout(PATIENCE, stream.read_line(&mut reply)).await;
            let read = read.expect("a line in time").expect("read");
            if read == 0 || reply.as_bytes().get(3) != Some(&b'-') {
                said.push(reply.trim_end().to_owned());
                break;
            }
        }
    }
    said
}

#[tokio::test]
async fn se18_no_password_is_taken_in_the_clear() {
    let house = House::new().await;
    alice(&house).await;
    let open = open(submission(&house), Direction::Outbound, true).await;
    let stream = TcpStream::connect(open.at).await.expect("connection");
    let mut stream = BufReader::new(stream);
    let said = talk(
        &mut stream,
        &[
            "EHLO c",
            "AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==",
            "AUTH LOGIN",
        ],
    )
    .await;
    // The greeting was the answer to nothing.
    assert!(said[0].starts_with("220"), "{said:?}");
    assert!(said[2].starts_with("538 5.7.11"), "{said:?}");
    assert!(house.log().await.is_empty(), "nobody was asked");
    open.closer.close();
}

#[tokio::test]
async fn se18_a_flood_of_guesses_is_slowed_and_logged() {
    let house = House::new().await;
    let password = alice(&house).await;
    let open = open(submission(&house), Direction::Outbound, true).await;
    let relay = Relay::new(relay::Options::default(), "mx.test").expect("relay");
    let routes = route(open.at, RouteTls::Opportunistic);
    let ask = async |password: &str| {
        let asked = relay.sign_in(&routes, "alice@example.org", password).await;
        asked.map_err(|reply| reply.text)
    };
    let mut answers = Vec::new();
    for _guess in 0..8 {
        answers.push(ask("guess").await);
    }
    assert!(answers[..5].iter().all(|answer| *answer == Ok(false)));
    for slowed in &answers[5..] {
        let words = slowed.as_ref().expect_err("a wait");
        assert!(
            words.contains("454") && words.contains("try again"),
            "{words}"
        );
    }
    assert!(ask(&password).await.is_err(), "not even the right one");
    assert_eq!(house.log().await, ["sign-in-failed"; 5]);
    house.clock.forward(Duration::from_secs(600));
    assert_eq!(ask(&password).await, Ok(true));
}

/// A host somewhere in the world.
#[derive(Default)]
struct Sink(Mutex<Vec<Address>>);

#[async_trait]
impl smtp::Reception for Sink {
    async fn recipient(&self, _: &Envelope, _: &Address) -> Result<(), Reply> {
        Ok(())
    }

    async fn message(&self, mail: Mail, _: Replies) -> Answer {
        self.0.lock().extend(mail.envelope.to);
        Answer::One(Reply::new(250, 0, 0, "Taken"))
    }
}

#[tokio::test]
async fn se18_mail_goes_straight_to_the_hosts_that_the_dns_names() {
    let sink = Arc::new(Sink::default());
    let open = open(sink.clone(), Direction::Inbound, false).await;
    let zone = "remote.test MX 10 localhost\nremote.test MX 20 nowhere.invalid\nnull.test MX .\n";
    let outward = Outward {
        smart_hosts: Arc::default(),
        dns: Arc::new(Dns::fixed(zone).expect("zone")),
        hostname: "mx.test".to_owned(),
        port: open.at.port(),
        hosts: 5,
    };
    let relay = Relay::new(relay::Options::default(), "mx.test").expect("relay");
    let to = address("carol@remote.test");
    let routes = outward.routes(to.domain()).await.expect("routes");
    let house = House::new().await;
    let mail = mail(
        &house.clock,
        Some(address("alice@example.org")),
        std::slice::from_ref(&to),
        &text("hello"),
    );
    let parcel = Parcel {
        to: vec![to.clone()],
        edits: Vec::new(),
        routes,
    };
    let said = relay.carry(&mail, &[parcel]).await;
    assert_eq!(said[0][0].code, 250, "{said:?}");
    assert_eq!(*sink.0.lock(), [to]);
}

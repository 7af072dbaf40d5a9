//! The panel's door on a house in memory, and a browser that keeps a cookie and sends forms.
#![allow(
    unreachable_pub,
    dead_code,
    reason = "every test file uses its own part of the fixture"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::hmac;
use quaranta::accounts::{self, Login};
use quaranta::actions::Desk;
use quaranta::clock::{Clock, Timestamp};
use quaranta::inspect::Health;
use quaranta::mail::Reply;
use quaranta::net::listen::{Closer, closing};
use quaranta::notify::Alerts;
use quaranta::policy::{Principal, Scope};
use quaranta::record::{DomainSettings, Door, Route};
use quaranta::relay::{Probe, Seen};
use quaranta::store::{Store, in_memory};
use quaranta::web;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The password of every account here.
pub const PASSWORD: &str = "a-good-password";

/// Says of hosts on port 25 that they answer, and of others what a dead host says.
struct Asked;

#[async_trait]
impl Probe for Asked {
    async fn probe(&self, route: &Route) -> Result<Seen, Reply> {
        if route.port == 25 {
            let size = Some(50_000_000);
            return Ok(Seen {
                secured: true,
                size,
            });
        }
        Err(Reply::new(
            451,
            4,
            1,
            format!("{}: connection refused", route.host),
        ))
    }
}

pub struct House {
    pub desk: Desk,
    pub store: Store,
    pub clock: Clock,
    pub at: SocketAddr,
    _closer: Closer,
}

pub fn scope(text: &str) -> Scope {
    text.parse().expect("scope")
}

pub fn principal(text: &str) -> Principal {
    Principal::of(scope(text))
}

pub fn door() -> Door {
    Door::new("test", "127.0.0.1")
}

impl House {
    /// With the accounts `global`, `example.org`, alice, bob and carol, who is of another domain.
    pub async fn new() -> Self {
        let clock = Clock::by_hand(Timestamp(1_800_000_000_000));
        Self::on(in_memory::open(clock.clone()), clock).await
    }

    pub async fn on(store: Store, clock: Clock) -> Self {
        Self::made(store, clock, web::Options::default(), None).await
    }

    pub async fn with(store: Store, clock: Clock, options: web::Options) -> Self {
        Self::made(store, clock, options, None).await
    }

    /// The same with what the overview shows to who looks after the house.
    pub async fn watched(store: Store, clock: Clock, watch: Option<(Alerts, Health)>) -> Self {
        Self::made(store, clock, web::Options::default(), watch).await
    }

    async fn made(
        store: Store,
        clock: Clock,
        options: web::Options,
        watch: Option<(Alerts, Health)>,
    ) -> Self {
        let desk = Desk::new(store.clone(), clock.clone());
        let (by, door) = (principal("global"), door());
        for domain in ["example.org", "other.org"] {
            let route = "mail.example.org:25".parse().expect("route");
            let settings = DomainSettings::new(domain.parse().expect("domain"), vec![route]);
            desk.set_domain(&by, settings, &door).await.expect("domain");
        }
        for login in [
            "global",
            "example.org",
            "alice@example.org",
            "bob@example.org",
            "carol@other.org",
        ] {
            let password = Some(PASSWORD.to_owned());
            let made = desk.add_account(&by, scope(login), password, &door);
            made.await.expect("account");
        }
        let login = Login::new(
            store.settings.clone(),
            store.journal.clone(),
            clock.clone(),
            accounts::Options::default(),
        );
        let (closer, closing) = closing();
        let setup = web::Setup {
            overlap: Duration::from_secs(3600),
            options,
            desk: desk.clone(),
            login,
            tls: None,
            closing,
        };
        let route = |text: &str| text.parse::<Route>().expect("route");
        let panel = web::Door::new(setup).reinserting(web::Reinsertion {
            hosts: vec![route("front.example.org:25"), route("dead.example.org:26")],
            outgoing: Vec::new(),
            probe: Arc::new(Asked),
        });
        let panel = match watch {
            Some((alerts, checks)) => panel.watching(alerts, checks),
            None => panel,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("address");
        tokio::spawn(panel.serve(listener));
        Self {
            desk,
            store,
            clock,
            at,
            _closer: closer,
        }
    }

    /// Somebody who did not sign in.
    pub fn stranger(&self) -> Browser {
        Browser {
            at: self.at,
            cookie: String::new(),
        }
    }

    /// Somebody who signed in.
    pub async fn enter(&self, login: &str) -> Browser {
        let mut browser = Browser {
            at: self.at,
            cookie: String::new(),
        };
        let fields = [("login", login), ("password", PASSWORD)];
        let page = browser.send("POST", "/sign-in", &fields).await;
        assert_eq!(page.status, 303, "{login}: {}", page.text);
        browser
    }
}

/// What came back.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    pub location: String,
    pub text: String,
}

impl Page {
    /// The value of the first field of that name.
    pub fn value(&self, name: &str) -> String {
        let mark = format!("name=\"{name}\" value=\"");
        let rest = self.text.split_once(&mark).map(|(_, rest)| rest);
        let value = rest.and_then(|rest| rest.split_once('"'));
        value.map_or(String::new(), |(value, _)| value.to_owned())
    }

    /// What stands between two marks, the first time.
    pub fn between(&self, before: &str, after: &str) -> String {
        let rest = self.text.split_once(before).map(|(_, rest)| rest);
        let found = rest.and_then(|rest| rest.split_once(after));
        found.map_or(String::new(), |(text, _)| text.trim().to_owned())
    }

    pub fn has(&self, words: &str) -> bool {
        self.text.contains(words)
    }
}

pub struct Browser {
    at: SocketAddr,
    pub cookie: String,
}

impl Browser {
    pub async fn get(&mut self, path: &str) -> Page {
        self.send("GET", path, &[]).await
    }

    /// Sends a form as a page of ours has it: with the session's token.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let csrf = self.get("/account/prove").await.value("csrf");
        let all: Vec<_> = [("csrf", csrf.as_str())]
            .into_iter()
            .chain(fields.iter().copied())
            .collect();
        self.send("POST", path, &all).await
    }

    /// The same, and the page to which that leads.
    pub async fn done(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let page = self.post(path, fields).await;
        assert_eq!(page.status, 303, "{path} {fields:?}: {}", page.text);
        self.get(&page.location).await
    }

    pub async fn send(&mut self, method: &str, path: &str, fields: &[(&str, &str)]) -> Page {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let mut stream = TcpStream::connect(self.at).await.expect("the door is open");
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: panel\r\nConnection: close\r\nCookie: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            self.cookie,
            body.len()
        );
        // A server that has heard enough may close before it read all.
        let _told = stream.write_all(request.as_bytes()).await;
        let mut octets = Vec::new();
        let _closed = stream.read_to_end(&mut octets).await;
        let text = String::from_utf8_lossy(&octets).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let field = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            let found = lines.find(|(n, _)| n.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        if let Some((cookie, _)) = field("set-cookie").split_once(';') {
            cookie.clone_into(&mut self.cookie);
        }
        Page {
            status: head.get(9..12).and_then(|s| s.parse().ok()).unwrap_or(0),
            location: field("location"),
            text: body.to_owned(),
        }
    }
}

/// The code of a device now (RFC 6238).
pub fn code(secret: &str, now: Timestamp) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (mut bits, mut count, mut key) = (0_u32, 0, Vec::new());
    for letter in secret.bytes().filter(|b| *b != b' ') {
        let value = LETTERS.iter().position(|l| *l == letter).expect("base32");
        bits = bits << 5 | u32::try_from(value).expect("small");
        count += 5;
        if count >= 8 {
            count -= 8;
            key.push(u8::try_from(bits >> count & 255).expect("an octet"));
        }
    }
    let step = now.0 / 30_000;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let four: [u8; 4] = tag[at..at + 4].try_into().expect("four");
    format!(
        "{:06}",
        (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000
    )
}

//! A house that asks senders, with a panel that vouches for whom a mark in the mail says.
#![allow(
    unreachable_pub,
    dead_code,
    reason = "every part of the test uses its own part of the fixture"
)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::digest::{Context, SHA256};
use quaranta::clock::{Clock, Timestamp};
use quaranta::inspect::Panel;
use quaranta::intake::Challenger;
use quaranta::mail::{Address, EntryId, Mail, Reply, headers};
use quaranta::notify::{ChallengeOptions, LetterOptions, Post};
use quaranta::policy::{Finding, Findings, Layer, Replies, ReversePath};
use quaranta::record::{JobKind, Shelf};
use quaranta::store::{Store, in_memory};

use crate::house::{self, House, address};
use crate::panel_house::{self, Page};

pub const ALICE: &str = "alice@example.org";
pub const SENDER: &str = "sender@remote.test";
pub const URL: &str = "https://mx.%%Recipient_Domain%%";

/// Vouches for the author of a message with `XALIGNED` in it.
struct Vouching;

#[async_trait]
impl Panel for Vouching {
    async fn inspect(&self, mail: &Mail) -> Findings {
        let text = String::from_utf8_lossy(mail.message.bytes()).into_owned();
        let author = headers::first(mail.message.bytes(), "From").map(|field| field.text());
        let mut findings = Findings {
            subject: "a secret subject".to_owned(),
            // One is vouched for by where it comes from, as SPF does.
            aligned: text.contains("XALIGNED")
                || text.contains("XFORGED")
                    && mail.envelope.peer.address.to_string() == "198.51.100.7",
            path: match &text {
                text if text.contains("XSPF") => ReversePath::Proven,
                text if text.contains("XDENIED") => ReversePath::Denied,
                _ => ReversePath::Unknown,
            },
            authors: author.into_iter().filter_map(|a| a.parse().ok()).collect(),
            ..Findings::default()
        };
        for (mark, weight) in [("XJUNK", 100.0), ("XUNSURE", 5.0)] {
            if text.contains(mark) {
                findings.found.push(Finding::seen(mark, weight, "a mark"));
            }
        }
        if text.contains("XMALWARE") {
            findings.found.push(Finding::Malware {
                name: "XMALWARE".into(),
                reason: "a mark".into(),
            });
        }
        findings
    }

    async fn inspect_released(&self, _: &Mail) -> Findings {
        Findings::default()
    }
}

pub struct World {
    pub house: House,
    pub panel: panel_house::House,
}

/// A letter that is owed.
pub struct Letter {
    pub from: Option<Address>,
    pub to: Vec<Address>,
    pub text: String,
}

impl Letter {
    /// The path in its link.
    pub fn path(&self) -> String {
        let line = self
            .text
            .lines()
            .find(|line| line.starts_with("https://mx."));
        let at = line.and_then(|line| line.find("/c/"));
        let path = line.zip(at).map(|(line, at)| line[at..].trim().to_owned());
        path.unwrap_or_else(|| panic!("no link: {}", self.text))
    }
}

pub fn options() -> ChallengeOptions {
    ChallengeOptions {
        url: Some(URL.to_owned()),
        ..ChallengeOptions::default()
    }
}

/// Unknown senders wait, and are asked; who is refused may appeal.
pub fn asks() -> Layer {
    Layer {
        pend_unknown: Some(true),
        challenge: Some(true),
        appeal: Some(true),
        ..Layer::default()
    }
}

/// A message from `author` with these header fields and body.
pub fn message(author: &str, fields: &str, body: &str) -> String {
    format!("From: {author}\r\nSubject: x\r\n{fields}\r\n{body}\r\n")
}

impl World {
    pub async fn new() -> Self {
        Self::with(options()).await
    }

    pub async fn with(options: ChallengeOptions) -> Self {
        let clock = Clock::by_hand(Timestamp(1_800_000_000_000));
        Self::on(in_memory::open(clock.clone()), clock, options).await
    }

    pub async fn on(store: Store, clock: Clock, options: ChallengeOptions) -> Self {
        let mut house = House::with_panel(store.clone(), clock.clone(), Arc::new(Vouching)).await;
        let letters = LetterOptions::default();
        let post = Post::new(
            store.jobs.clone(),
            clock.clone(),
            "mx.example.org",
            &letters,
        );
        let challenger = Challenger::open(&options, None, post).expect("options");
        house.intake = house.intake.clone().challenging(challenger);
        house.set("example.org", asks()).await;
        let panel = panel_house::House::on(store, clock).await;
        Self { house, panel }
    }

    /// A message comes in, to recipients with blanks between them.
    pub async fn receive(&self, from: &str, to: &str, text: &str) -> Reply {
        let from = (!from.is_empty()).then(|| address(from));
        let to: Vec<Address> = to.split_whitespace().map(address).collect();
        self.take(house::mail(&self.house.clock, from, &to, text))
            .await
    }

    async fn take(&self, mail: Mail) -> Reply {
        let carrier = &*self.house.carrying;
        let answer = self.house.intake.receive(mail, Replies::One, carrier);
        house::one(answer.await)
    }

    /// One that is vouched for, from [`SENDER`].
    pub async fn vouched(&self, to: &str, body: &str) -> Reply {
        let text = message(SENDER, "", &format!("XALIGNED {body}"));
        self.receive(SENDER, to, &text).await
    }

    /// From the client at this address, whether it is vouched for or not.
    pub async fn by_client(&self, client: &str, to: &str, body: &str) -> Reply {
        let text = message(SENDER, "", body);
        let to = [address(to)];
        let mut mail = house::mail(&self.house.clock, Some(address(SENDER)), &to, &text);
        mail.envelope.peer = quaranta::mail::Peer::new(client.parse().expect("address"));
        self.take(mail).await
    }

    /// The letters that are owed, when those that are being written are.
    pub async fn letters(&self) -> Vec<Letter> {
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut letters = Vec::new();
        for job in self.house.store.jobs.jobs(1000).await.expect("jobs") {
            if let JobKind::Letter { outside, .. } = job.kind {
                assert!(outside, "it may leave the house");
                let kept = self.house.store.entries.mail(job.mail).await.expect("mail");
                let kept = kept.expect("mail");
                letters.push(Letter {
                    from: kept.envelope.from,
                    to: kept.envelope.to,
                    text: String::from_utf8_lossy(&kept.bytes).into_owned(),
                });
            }
        }
        letters
    }

    /// The path of the page of a sender who was asked now.
    pub async fn asked(&self) -> String {
        assert_eq!(self.vouched(ALICE, "hello").await.code, 250);
        let letters = self.letters().await;
        assert_eq!(letters.len(), 1, "one letter");
        letters[0].path()
    }

    pub async fn waiting(&self, who: &str) -> Vec<EntryId> {
        self.house.shelf(who, Shelf::Pending).await
    }

    pub async fn get(&self, path: &str) -> Page {
        // A client may come again in the next minute.
        self.panel.stranger().get(path).await
    }

    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.panel.stranger().send("POST", path, fields).await
    }

    /// Solves the work of the page at `path`: salt and number.
    pub async fn solved(&self, path: &str) -> (String, String) {
        let page = self.get(path).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let salt = page.value("salt");
        let number = solve(&salt);
        (salt, number)
    }

    /// Solves it and sends the form.
    pub async fn prove(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let (salt, number) = self.solved(path).await;
        let mut all = vec![("salt", salt.as_str()), ("number", number.as_str())];
        all.extend_from_slice(fields);
        self.post(path, &all).await
    }

    pub fn next_minute(&self) {
        self.house.clock.forward(Duration::from_secs(61));
    }
}

/// The first number with 18 zero bits.
pub fn solve(salt: &str) -> String {
    let mut head = Context::new(&SHA256);
    head.update(format!("{salt}:").as_bytes());
    let mut all = (0_u64..).map(|n| n.to_string());
    let found = all.find(|n| {
        let mut whole = head.clone();
        whole.update(n.as_bytes());
        matches!(whole.finish().as_ref(), [0, 0, third, ..] if *third < 64)
    });
    found.expect("there is one")
}

//! Alerts to administrators: what is wrong now, told once when it begins, seldom while it lasts, and
//! once when it is over; by letters, a webhook, and a program (SY-06).

mod book;
mod options;
mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::hook::Hook;
use super::letter::{Letter, Post};
use crate::clock::{Clock, Timestamp};
use crate::mail::Address;
use book::Book;

pub use options::AlertOptions;
pub use webhook::{WebAddress, Webhook, WebhookRunner};

/// Alerts that are raised and wait to be seen; more are dropped, and logged.
const RAISED_MOST: usize = 100;
/// Days after which a letter with an alert is of no use.
const LETTER_DAYS: u64 = 2;
/// Characters of a subject or of words that an alert has.
const WORDS_MOST: usize = 500;
/// Pause between two tests.
const TEST_PAUSE_MS: u64 = 5_000;

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    /// Something is owed for long.
    QueueStuck,
    /// Released mail was not taken.
    ReinsertionRefused,
    /// A check gave no answer for a while.
    CheckUnavailable,
    DiskLow,
    StoreError,
    /// A sender sent too much and was locked.
    SenderLocked,
    /// Far more mail is held than at the same hours of other days.
    ManyHeld,
    /// Very much is released: it may have been held wrongly.
    ManyReleased,
    CertificateEnds,
    /// More were to be told than may be.
    HeldBack,
    /// A test, asked for by an administrator.
    Test,
}

impl AlertKind {
    /// The name as it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            AlertKind::QueueStuck => "queue-stuck",
            AlertKind::ReinsertionRefused => "reinsertion-refused",
            AlertKind::CheckUnavailable => "check-unavailable",
            AlertKind::DiskLow => "disk-low",
            AlertKind::StoreError => "store-error",
            AlertKind::SenderLocked => "sender-locked",
            AlertKind::ManyHeld => "many-held",
            AlertKind::ManyReleased => "many-released",
            AlertKind::CertificateEnds => "certificate-ends",
            AlertKind::HeldBack => "held-back",
            AlertKind::Test => "test",
        }
    }
}

/// Something that is wrong now. Kind and subject together say which one it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    pub kind: AlertKind,
    /// What it is about: a check, a sender, a directory.
    pub subject: String,
    /// For people.
    pub words: String,
    /// More for programs.
    pub details: Map<String, Value>,
}

impl Alert {
    #[must_use]
    pub fn new(kind: AlertKind, subject: impl Into<String>, words: impl Into<String>) -> Self {
        let short = |text: String| -> String {
            let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
            plain.take(WORDS_MOST).collect()
        };
        Self {
            kind,
            subject: short(subject.into()),
            words: short(words.into()),
            details: Map::new(),
        }
    }

    /// With `value` for programs.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

/// An alert that is not over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenAlert {
    pub kind: AlertKind,
    pub subject: String,
    pub words: String,
    pub since: Timestamp,
    /// When somebody was told last.
    pub told: Option<Timestamp>,
    /// Since when nothing is wrong any more; soon it is over.
    pub calm: Option<Timestamp>,
    #[serde(default)]
    pub details: Map<String, Value>,
}

/// Where an alert is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertState {
    Started,
    /// Told again, because it lasts.
    GoesOn,
    Resolved,
    Test,
}

impl AlertState {
    fn words(self) -> &'static str {
        match self {
            AlertState::Started => "started",
            AlertState::GoesOn => "goes on",
            AlertState::Resolved => "resolved",
            AlertState::Test => "test",
        }
    }
}

/// What is told.
#[derive(Debug, Clone, PartialEq)]
struct Telling {
    state: AlertState,
    alert: OpenAlert,
    at: Timestamp,
}

impl Telling {
    /// As programs get it.
    fn json(&self, hostname: &str) -> Value {
        let alert = &self.alert;
        let mut fields = alert.details.clone();
        for (name, value) in [
            ("alert", json!(alert.kind)),
            ("state", json!(self.state)),
            ("subject", json!(alert.subject)),
            ("words", json!(alert.words)),
            ("since", json!(alert.since.to_string())),
            ("at", json!(self.at.to_string())),
            ("host", json!(hostname)),
        ] {
            fields.insert(name.to_owned(), value);
        }
        Value::Object(fields)
    }

    fn letter(&self, to: Address, hostname: &str) -> Letter {
        let OpenAlert {
            kind,
            subject,
            words,
            since,
            ..
        } = &self.alert;
        let (kind, state) = (kind.name(), self.state.words());
        let title = format!("[{hostname}] {kind}: {subject} ({state})");
        let text = format!(
            "{words}\n\nWhat:   {kind}\nAbout:  {subject}\nState:  {state}\nSince:  {since}\n\
             Now:    {}\nHost:   {hostname}\n\n`quaranta alerts list` shows all that is open.\n",
            self.at
        );
        Letter::new(to, "alert", title, text, self.at.after_days(LETTER_DAYS)).going_out()
    }
}

/// By what ways alerts go.
#[derive(Clone, Default)]
pub struct Ways {
    pub post: Option<Post>,
    pub webhook: Option<Webhook>,
    pub hook: Option<Hook>,
}

/// Knows what is wrong. Cheap to clone; clones know the same.
#[derive(Clone)]
pub struct Alerts(Arc<Inner>);

struct Inner {
    book: Mutex<Book>,
    raised: mpsc::Sender<Alert>,
    ways: Ways,
    options: AlertOptions,
    hostname: String,
    clock: Clock,
    tested: Mutex<Timestamp>,
}

impl Alerts {
    /// `hostname` says in each alert where it comes from. What is raised comes out at the other end.
    #[must_use]
    pub fn new(
        options: AlertOptions,
        ways: Ways,
        hostname: &str,
        clock: Clock,
    ) -> (Self, mpsc::Receiver<Alert>) {
        let (raised, waiting) = mpsc::channel(RAISED_MOST);
        let inner = Inner {
            book: Mutex::new(Book::new(&options)),
            raised,
            ways,
            options,
            hostname: hostname.to_owned(),
            clock,
            tested: Mutex::default(),
        };
        (Self(Arc::new(inner)), waiting)
    }

    #[must_use]
    pub fn options(&self) -> &AlertOptions {
        &self.0.options
    }

    /// Says that something is wrong; does not wait.
    pub fn raise(&self, alert: Alert) {
        if let Err(error) = self.0.raised.try_send(alert) {
            tracing::error!(%error, "an alert was dropped: too many are waiting");
        }
    }

    /// What is not over, the oldest first.
    #[must_use]
    pub fn open(&self) -> Vec<OpenAlert> {
        let mut open = self.0.book.lock().open();
        open.sort_by_key(|alert| alert.since);
        open
    }

    /// Takes in what was seen: all that is wrong now of the kinds that were `looked` for. Tells what
    /// is to be told. True if something changed that outlives a restart.
    pub async fn see(&self, seen: Vec<Alert>, looked: &[AlertKind]) -> bool {
        let now = self.0.clock.now();
        let (tellings, changed) = {
            let mut book = self.0.book.lock();
            let before = book.open();
            let tellings = book.see(seen, looked, now);
            (tellings, book.open() != before)
        };
        for telling in tellings {
            for (way, came) in self.tell(&telling, false).await {
                if let Err(why) = came {
                    tracing::error!(way, %why, "an alert could not be sent");
                }
            }
        }
        changed
    }

    /// All that is open, to be kept over a restart.
    #[must_use]
    pub fn kept(&self) -> Value {
        json!(self.0.book.lock().open())
    }

    /// What was kept: it is not told anew.
    pub fn restore(&self, kept: Value) {
        match serde_json::from_value(kept) {
            Ok(open) => self.0.book.lock().restore(open),
            Err(error) => tracing::error!(%error, "the open alerts cannot be read"),
        }
    }

    /// Sends one by every way, and tells what came of each.
    ///
    /// # Errors
    /// Words, if another was sent a moment ago.
    pub async fn test(&self, who: &str) -> Result<BTreeMap<String, Result<(), String>>, String> {
        let now = self.0.clock.now();
        {
            let mut tested = self.0.tested.lock();
            if tested.0 > 0 && now.0.saturating_sub(tested.0) < TEST_PAUSE_MS {
                return Err("a test was sent a moment ago; wait a little".to_owned());
            }
            *tested = now;
        }
        let alert = OpenAlert {
            kind: AlertKind::Test,
            subject: who.to_owned(),
            words: "This is a test: alerts arrive.".to_owned(),
            since: now,
            told: None,
            calm: None,
            details: Map::new(),
        };
        let state = AlertState::Test;
        let at = now;
        Ok(self.tell(&Telling { state, alert, at }, true).await)
    }

    /// Tells by every way; `waits` for the webhook's answer.
    async fn tell(&self, telling: &Telling, waits: bool) -> BTreeMap<String, Result<(), String>> {
        let Inner {
            ways,
            options,
            hostname,
            ..
        } = &*self.0;
        let (kind, subject) = (telling.alert.kind.name(), &telling.alert.subject);
        let (state, words) = (telling.state.words(), &telling.alert.words);
        tracing::warn!(kind, subject, state, words, "alert");
        let mut came = BTreeMap::new();
        for to in &options.to {
            let sent = match &ways.post {
                Some(post) => post.send(telling.letter(to.clone(), hostname)).await,
                None => continue,
            };
            came.insert(format!("mail to {to}"), sent.map_err(|e| e.to_string()));
        }
        let body = telling.json(hostname);
        if let Some(webhook) = &ways.webhook {
            let sent = if waits {
                webhook.post(&body, self.0.clock.now()).await
            } else {
                webhook.tell(body.clone());
                Ok(())
            };
            came.insert("webhook".to_owned(), sent);
        }
        if let Some(hook) = &ways.hook {
            hook.tell(body);
            came.insert("command".to_owned(), Ok(()));
        }
        came
    }
}

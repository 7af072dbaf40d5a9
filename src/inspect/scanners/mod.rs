//! Scanners that other programs are: ClamAV, SpamAssassin, rspamd. Each is asked within its own
//! time and over few connections; one that fails again and again is left alone for a while.

mod clamd;
mod pool;
mod rspamd;
mod spamd;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Inspector;
use super::breaker::Breaker;
use crate::mail::Mail;
use crate::policy::{Finding, WhenUnavailable};
use crate::record::Lore;

pub use clamd::{Clamd, Options as ClamdOptions};
pub use rspamd::{Options as RspamdOptions, Rspamd};
pub use spamd::{Options as SpamdOptions, Spamd};

/// The names of these checks, where one could not run.
pub(super) const NAMES: [&str; 3] = [clamd::NAME, rspamd::NAME, spamd::NAME];

/// Why a lesson was not taken, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLearned {
    /// The pupil cannot be reached, or does not know us: the lesson can wait.
    #[error("{0}")]
    Later(String),
    /// It does not want this message.
    #[error("{0}")]
    Refused(String),
}

/// Somebody outside who learns what our users teach.
#[async_trait]
pub trait Pupil: Send + Sync {
    /// The name shown in the log.
    fn name(&self) -> &'static str;

    /// Teaches one message.
    ///
    /// # Errors
    /// [`NotLearned`].
    async fn learn(&self, message: &Bytes, lore: Lore) -> Result<(), NotLearned>;

    /// Takes back what one message taught.
    ///
    /// # Errors
    /// [`NotLearned`]; refused by a pupil that cannot forget.
    async fn forget(&self, message: &Bytes, lore: Lore) -> Result<(), NotLearned>;
}

/// A program that looks at mail. Errors are words for people.
#[async_trait]
trait Engine: Send + Sync {
    const NAME: &'static str;
    /// Looks for malware, so it is asked about released mail too (SY-01).
    const FINDS_MALWARE: bool = false;
    /// What policy does by default when it cannot be asked.
    const WHEN_UNAVAILABLE: WhenUnavailable = WhenUnavailable::Ignore;

    async fn scan(&self, mail: &Mail) -> Result<Vec<Finding>, String>;
}

/// An engine with its limits.
struct Watched<E> {
    engine: E,
    time: Duration,
    turns: Semaphore,
    breaker: Breaker,
}

impl<E: Engine> Watched<E> {
    fn new(engine: E, time: Duration, at_once: usize) -> Self {
        Self {
            engine,
            time,
            turns: Semaphore::new(at_once.clamp(1, 1000)),
            breaker: Breaker::default(),
        }
    }

    async fn ask(&self, mail: &Mail) -> Result<Vec<Finding>, String> {
        self.breaker.allows()?;
        let asked = timeout(self.time, async {
            let _turn = self.turns.acquire().await.map_err(|e| e.to_string())?;
            self.engine.scan(mail).await
        });
        let said = asked
            .await
            .unwrap_or_else(|_| Err(format!("it gave no answer within {:?}", self.time)));
        let client = mail.envelope.peer.address;
        if self.breaker.note(E::NAME, client, said.as_ref().err()) {
            // A scanner has no question that no sender chose.
            self.breaker.tried(E::NAME, Ok(()));
        }
        said
    }
}

#[async_trait]
impl<E: Engine> Inspector for Watched<E> {
    fn name(&self) -> &'static str {
        E::NAME
    }

    fn finds_malware(&self) -> bool {
        E::FINDS_MALWARE
    }

    fn when_unavailable(&self) -> WhenUnavailable {
        E::WHEN_UNAVAILABLE
    }

    async fn inspect(&self, mail: &Mail) -> Vec<Finding> {
        match self.ask(mail).await {
            Ok(found) => found,
            Err(why) => gap(E::NAME, why, E::WHEN_UNAVAILABLE),
        }
    }
}

/// A check that could not run on this one message: a gap to be shown, and no failure of the scanner.
fn gap(name: &str, why: String, then: WhenUnavailable) -> Vec<Finding> {
    vec![Finding::Unavailable {
        name: name.to_owned(),
        why,
        then,
    }]
}

/// Text of another program, for a finding: no control characters, bounded.
fn plain(text: &str) -> String {
    const LONGEST: usize = 200;
    text.chars()
        .filter(|c| !c.is_control())
        .take(LONGEST)
        .collect()
}

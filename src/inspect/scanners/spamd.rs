//! SpamAssassin by its daemon: SYMBOLS to ask, TELL to teach (the spamd protocol 1.5).
//! It takes one question for each connection.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::{Engine, NotLearned, Pupil, Watched, gap, plain};
use crate::inspect::Inspector;
use crate::mail::Mail;
use crate::net::endpoint::Endpoint;
use crate::options::{Octets, Span};
use crate::policy::Finding;
use crate::record::Lore;

pub(super) const NAME: &str = "SPAMASSASSIN";
/// Longest answer, in octets.
const ANSWER_MOST: u64 = 64 << 10;
/// Names of tests that are shown.
const TESTS_MOST: usize = 40;

crate::options! {
    /// SpamAssassin, asked through spamd: its score is added to ours.
    pub struct Options in "spamd" {
        /// Where spamd listens: "127.0.0.1:783" or "unix:/run/spamd.sock"; not asked if not set.
        pub address: Option<Endpoint> = None,
        /// Time for one question.
        pub time: Span = Span::seconds(7),
        /// Most questions at once; more wait their turn. spamd has 5 children by default.
        pub at_once: usize = 5,
        /// Larger messages are not asked about, and the verdict says so.
        pub size_most: Octets = Octets(512 << 10),
        /// Factor by which its score counts.
        pub weight: f32 = 1.0,
        /// The user whose preferences and Bayes data are used; spamd's own if not set.
        pub user: Option<String> = None,
        /// Pass on what users teach, and what of it is taken back (spamd must run with --allow-tell).
        pub teach: bool = false,
    }
}

/// Asks spamd.
#[derive(Clone)]
pub struct Spamd {
    address: Endpoint,
    options: Options,
}

impl Spamd {
    /// The inspector, if an address is set.
    #[must_use]
    pub fn open(options: &Options) -> Option<Arc<dyn Inspector>> {
        let engine = Self::asked(options)?;
        Some(Arc::new(Watched::new(
            engine,
            options.time.0,
            options.at_once,
        )))
    }

    /// The pupil, if it is to be taught.
    #[must_use]
    pub fn pupil(options: &Options) -> Option<Arc<dyn Pupil>> {
        let engine = Self::asked(options).filter(|_| options.teach)?;
        Some(Arc::new(engine))
    }

    fn asked(options: &Options) -> Option<Self> {
        Some(Self {
            address: options.address.clone()?,
            options: options.clone(),
        })
    }

    async fn talk(&self, verb: &str, fields: &str, message: &[u8]) -> Result<String, String> {
        let fault = |e: std::io::Error| format!("spamd at {}: {e}", self.address);
        let user = match &self.options.user {
            Some(user) => format!("User: {}\r\n", plain(user)),
            None => String::new(),
        };
        let head = format!(
            "{verb} SPAMC/1.5\r\nContent-length: {}\r\n{user}{fields}\r\n",
            message.len()
        );
        let mut wire = self.address.connect().await.map_err(fault)?;
        wire.write_all(head.as_bytes()).await.map_err(fault)?;
        wire.write_all(message).await.map_err(fault)?;
        wire.flush().await.map_err(fault)?;
        let mut answer = Vec::new();
        wire.take(ANSWER_MOST)
            .read_to_end(&mut answer)
            .await
            .map_err(fault)?;
        if answer.len() as u64 == ANSWER_MOST {
            return Err(format!(
                "spamd at {}: its answer does not end",
                self.address
            ));
        }
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

impl Spamd {
    /// TELL: `what` is Set to learn and Remove to forget, in its own database.
    async fn told(&self, what: &str, message: &[u8], lore: Lore) -> Result<(), NotLearned> {
        if message.len() > self.options.size_most.get() {
            return Err(NotLearned::Refused(format!(
                "it is larger than {}",
                self.options.size_most
            )));
        }
        let class = match lore {
            Lore::Spam => "spam",
            Lore::Ham => "ham",
        };
        let fields = format!("Message-class: {class}\r\n{what}: local\r\n");
        let answer = timeout(self.options.time.0, self.talk("TELL", &fields, message))
            .await
            .map_err(|_| NotLearned::Later("spamd gave no answer".to_owned()))?
            .map_err(NotLearned::Later)?;
        status(&answer)
            .map(|_| ())
            .map_err(|said| match is_passing(&answer) {
                true => NotLearned::Later(said),
                false => NotLearned::Refused(said),
            })
    }
}

#[async_trait]
impl Engine for Spamd {
    const NAME: &'static str = NAME;

    async fn scan(&self, mail: &Mail) -> Result<Vec<Finding>, String> {
        let message = mail.message.bytes();
        if message.len() > self.options.size_most.get() {
            let why = format!("the message is larger than {}", self.options.size_most);
            return Ok(gap(NAME, why, Self::WHEN_UNAVAILABLE));
        }
        let answer = self.talk("SYMBOLS", "", message).await?;
        let said = read(&answer)?;
        Ok(vec![Finding::seen(
            NAME,
            said.score * self.options.weight,
            format!(
                "SpamAssassin gives {:.1} points of {:.1}: {}",
                said.score, said.needed, said.tests
            ),
        )])
    }
}

#[async_trait]
impl Pupil for Spamd {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn learn(&self, message: &Bytes, lore: Lore) -> Result<(), NotLearned> {
        self.told("Set", message, lore).await
    }

    async fn forget(&self, message: &Bytes, lore: Lore) -> Result<(), NotLearned> {
        self.told("Remove", message, lore).await
    }
}

/// True for EX_UNAVAILABLE (also: it runs without --allow-tell) and EX_TEMPFAIL.
fn is_passing(answer: &str) -> bool {
    matches!(answer.split(' ').nth(1), Some("69" | "75"))
}

/// What spamd said of a mail.
#[derive(Debug, PartialEq)]
struct Said {
    score: f32,
    needed: f32,
    tests: String,
}

/// The rest of the answer behind a good status line.
fn status(answer: &str) -> Result<&str, String> {
    let (line, rest) = answer.split_once("\r\n").unwrap_or((answer, ""));
    let mut words = line.split_ascii_whitespace();
    match (words.next(), words.next()) {
        (Some(version), Some("0")) if version.starts_with("SPAMD/") => Ok(rest),
        _ => Err(format!("spamd says: {:?}", plain(line))),
    }
}

/// `Spam: True ; 15.0 / 5.0`, an empty line, and the names of the tests.
fn read(answer: &str) -> Result<Said, String> {
    let rest = status(answer)?;
    let (head, tests) = rest
        .split_once("\r\n\r\n")
        .ok_or("spamd closed before its answer ended")?;
    let scores = head
        .split("\r\n")
        .find_map(|line| line.strip_prefix("Spam:")?.split_once(';'))
        .and_then(|(_, scores)| scores.split_once('/'))
        .ok_or("spamd's answer has no score")?;
    let number = |text: &str| {
        let number = text.trim().parse::<f32>().ok();
        number.filter(|n| n.is_finite())
    };
    let (Some(score), Some(needed)) = (number(scores.0), number(scores.1)) else {
        return Err("spamd's score is no number".to_owned());
    };
    let tests: Vec<String> = tests
        .trim()
        .split(',')
        .take(TESTS_MOST)
        .map(plain)
        .collect();
    Ok(Said {
        score,
        needed,
        tests: tests.join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_spamd() {
        let said = read(
            "SPAMD/1.1 0 EX_OK\r\nContent-length: 30\r\nSpam: True ; 15.5 / 5.0\r\n\r\nBAYES_99,URIBL_BLACK\r\n",
        );
        assert_eq!(
            said,
            Ok(Said {
                score: 15.5,
                needed: 5.0,
                tests: "BAYES_99, URIBL_BLACK".to_owned()
            })
        );
        for trouble in [
            "",
            "SPAMD/1.0 76 Bad header line\r\n",
            "SPAMD/1.1 0 EX_OK\r\nSpam: True ; 15.5 / 5.0\r\n",
            "SPAMD/1.1 0 EX_OK\r\nSpam: True ; NaN / 5.0\r\n\r\n",
            "SPAMD/1.1 0 EX_OK\r\nContent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
        ] {
            assert!(read(trouble).is_err(), "{trouble:?}");
        }
    }
}

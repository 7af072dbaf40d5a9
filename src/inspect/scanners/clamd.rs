//! ClamAV by its daemon: INSTREAM within an IDSESSION (clamd(8)). What it finds is malware.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use super::pool::Pool;
use super::{Engine, Watched, gap, plain};
use crate::inspect::Inspector;
use crate::mail::Mail;
use crate::net::endpoint::{Endpoint, Wire};
use crate::options::Span;
use crate::policy::{Finding, WhenUnavailable};

pub(super) const NAME: &str = "CLAMAV";
/// Octets of one chunk.
const CHUNK: usize = 128 << 10;
/// Longest answer, in octets.
const ANSWER_MOST: u64 = 4096;

crate::options! {
    /// ClamAV: what it finds is malware, whatever the score says; released mail is scanned too.
    /// Give its StreamMaxLength at least the size of the largest message: what is larger
    /// cannot be scanned and counts as unavailable.
    pub struct Options in "clamd" {
        /// Where clamd listens: "127.0.0.1:3310" or "unix:/run/clamav/clamd.ctl"; not asked if not set.
        /// While it cannot be asked, mail is answered 451 and the sender comes back, unless
        /// unavailable = { CLAMAV = "ignore" } in [inspect] says otherwise.
        pub address: Option<Endpoint> = None,
        /// Time for one scan.
        pub time: Span = Span::seconds(6),
        /// Most scans at once; more wait their turn.
        pub at_once: usize = 10,
    }
}

type Session = (u32, BufReader<Box<dyn Wire>>);

/// Asks clamd.
pub struct Clamd {
    address: Endpoint,
    idle: Pool<Session>,
}

impl Clamd {
    /// The inspector, if an address is set.
    #[must_use]
    pub fn open(options: &Options) -> Option<Arc<dyn Inspector>> {
        let engine = Self {
            address: options.address.clone()?,
            idle: Pool::default(),
        };
        Some(Arc::new(Watched::new(
            engine,
            options.time.0,
            options.at_once,
        )))
    }

    async fn session(&self) -> Result<Session, String> {
        let mut wire = self
            .address
            .connect()
            .await
            .map_err(|e| format!("clamd at {}: {e}", self.address))?;
        wire.write_all(b"zIDSESSION\0")
            .await
            .map_err(|e| format!("clamd at {}: {e}", self.address))?;
        Ok((0, BufReader::new(wire)))
    }

    /// One scan. `Err` if the connection is of no use any more.
    async fn stream(&self, (count, wire): &mut Session, message: &[u8]) -> std::io::Result<String> {
        *count += 1;
        let sent = send(wire.get_mut(), message).await;
        // Of what is too large clamd says so while we still write: read before giving up.
        let mut answer = Vec::new();
        let read = (&mut *wire)
            .take(ANSWER_MOST)
            .read_until(0, &mut answer)
            .await;
        if answer.pop() != Some(0) {
            sent?;
            read?;
            return Err(std::io::Error::other("it closed without an answer"));
        }
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let number = format!("{count}: ");
        answer
            .strip_prefix(&number)
            .map(str::to_owned)
            .ok_or_else(|| std::io::Error::other(format!("it says {:?}", plain(&answer))))
    }
}

async fn send(wire: &mut Box<dyn Wire>, message: &[u8]) -> std::io::Result<()> {
    wire.write_all(b"zINSTREAM\0").await?;
    for chunk in message.chunks(CHUNK) {
        let length = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
        wire.write_all(&length.to_be_bytes()).await?;
        wire.write_all(chunk).await?;
    }
    wire.write_all(&0_u32.to_be_bytes()).await?;
    wire.flush().await
}

#[async_trait]
impl Engine for Clamd {
    const NAME: &'static str = NAME;
    const FINDS_MALWARE: bool = true;
    const WHEN_UNAVAILABLE: WhenUnavailable = WhenUnavailable::Defer;

    async fn scan(&self, mail: &Mail) -> Result<Vec<Finding>, String> {
        let message = mail.message.bytes();
        let mut kept = None;
        if let Some(mut session) = self.idle.take() {
            // It may have been closed meanwhile; then a new one is asked.
            if let Ok(answer) = self.stream(&mut session, message).await {
                kept = Some((session, answer));
            }
        }
        let (session, answer) = match kept {
            Some(done) => done,
            None => {
                let mut session = self.session().await?;
                let answer = self
                    .stream(&mut session, message)
                    .await
                    .map_err(|e| format!("clamd at {}: {e}", self.address))?;
                (session, answer)
            }
        };
        match read(&answer) {
            Ok(found) => {
                self.idle.give_back(session);
                Ok(found)
            }
            // It has answered: what it cannot scan must not put it to rest for others.
            Err(why) => Ok(gap(NAME, why, Self::WHEN_UNAVAILABLE)),
        }
    }
}

/// `stream: OK`, `stream: NAME FOUND`, or `... ERROR`.
fn read(answer: &str) -> Result<Vec<Finding>, String> {
    let said = answer.strip_prefix("stream: ").unwrap_or(answer);
    if said == "OK" {
        return Ok(Vec::new());
    }
    match said.strip_suffix(" FOUND") {
        Some(name) if answer.starts_with("stream: ") => Ok(vec![Finding::Malware {
            name: NAME.to_owned(),
            reason: format!("ClamAV finds {}", plain(name)),
        }]),
        _ => Err(format!("clamd says: {}", plain(said))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xx06_only_ok_is_clean() {
        assert_eq!(read("stream: OK"), Ok(Vec::new()));
        let found = read("stream: Eicar-Test-Signature FOUND").expect("found");
        assert!(matches!(&found[..], [Finding::Malware { reason, .. }]
            if reason == "ClamAV finds Eicar-Test-Signature"));
        for trouble in [
            "INSTREAM size limit exceeded. ERROR",
            "stream: Can't allocate memory ERROR",
            "",
            "stream: ",
            "OK nothing",
        ] {
            assert!(read(trouble).is_err(), "{trouble:?}");
        }
    }
}

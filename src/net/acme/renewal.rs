//! Sees to it that the certificate in use is one that holds.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Options;
use super::answers::Answers;
use super::kept::{Kept, due};
use super::order::order;
use crate::clock::{Clock, Timestamp};
use crate::net::fetch::Fetch;
use crate::net::listen::Closing;
use crate::net::tls::{ServerTls, TlsError};
use crate::net::tls_client::ClientTls;

/// The longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(12 * 3600);
/// The clock is looked at this often: the machine may have slept.
const LOOK: Duration = Duration::from_secs(3600);
/// One question to the authority.
const QUESTION: Duration = Duration::from_secs(30);
/// A certificate, from the first question to the last.
const ORDER: Duration = Duration::from_secs(600);

/// What the renewal is made of.
pub struct Setup {
    pub options: Options,
    /// The data directory.
    pub data: PathBuf,
    /// The name in the certificate where the options name none.
    pub hostname: String,
    /// Where the certificate is used.
    pub tls: ServerTls,
    pub clock: Clock,
}

/// Asks for a certificate, and for the next in time.
pub struct Renewal {
    options: Options,
    directory: String,
    domains: Vec<String>,
    kept: Kept,
    tls: ServerTls,
    fetch: Fetch,
    answers: Answers,
    clock: Clock,
}

impl Renewal {
    /// Takes the certificate that is kept into use, if there is one; `None` if the options name no
    /// authority.
    ///
    /// # Errors
    /// [`TlsError`] for a file that cannot be read, or a folder that cannot be made.
    pub fn open(setup: Setup) -> Result<Option<Self>, TlsError> {
        let Setup {
            options,
            data,
            hostname,
            tls,
            clock,
        } = setup;
        let Some(directory) = options.directory.clone() else {
            return Ok(None);
        };
        let kept = Kept::open(&data).map_err(|source| TlsError::Read { path: data, source })?;
        let file = kept.certificate();
        if file.exists()
            && let Err(error) = tls.take(&file, &file)
        {
            tracing::warn!(%error, "the certificate that is kept cannot be used; another is asked for");
        }
        let mut domains = options.domains.clone();
        if domains.is_empty() {
            domains.push(hostname);
        }
        let fetch = Fetch::new(ClientTls::new(options.ca_file.as_deref())?, QUESTION);
        Ok(Some(Self {
            options,
            directory,
            domains,
            kept,
            tls,
            fetch,
            answers: Answers::default(),
            clock,
        }))
    }

    /// What answers the authority's questions: to be served before [`Renewal::run`].
    #[must_use]
    pub fn answers(&self) -> Answers {
        self.answers.clone()
    }

    /// Works until the doors close.
    pub async fn run(self, mut closing: Closing) {
        let work = async {
            let mut pause = self.options.pause.0;
            loop {
                self.wait().await;
                match timeout(ORDER, self.renew()).await {
                    Ok(Ok(until)) => {
                        pause = self.options.pause.0;
                        tracing::info!(domains = ?self.domains, renewed = %until, "there is a new certificate");
                    }
                    failed => {
                        let error = match failed {
                            Ok(Err(error)) => error,
                            _ => "it took too long".to_owned(),
                        };
                        tracing::error!(authority = self.directory, error, again_in = ?pause, "there is no new certificate; the one at hand stays in use");
                        sleep(pause).await;
                        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                    }
                }
                self.answers.clear();
            }
        };
        tokio::select! {
            () = work => {}
            () = closing.wait() => {}
        }
    }

    /// Until the certificate is due.
    async fn wait(&self) {
        loop {
            let left = self.kept.due(&self.domains).since(self.clock.now());
            if left.is_zero() {
                return;
            }
            sleep(left.min(LOOK)).await;
        }
    }

    /// A new certificate, kept and in use; returns when it is due.
    async fn renew(&self) -> Result<Timestamp, String> {
        let signed = Box::pin(order(
            (&self.options, &self.directory),
            &self.domains,
            &self.kept,
            &self.fetch,
            &self.answers,
        ));
        let signed = signed.await.map_err(|error| error.to_string())?;
        // One that is due at once would be asked for again and again.
        let until = due(signed.chain.as_bytes(), &self.domains)
            .filter(|until| *until > self.clock.now())
            .ok_or("the certificate is not for our names, or too old")?;
        let kept = self.kept.keep_certificate(&signed.chain, &signed.key);
        kept.map_err(|error| format!("it cannot be kept: {error}"))?;
        let file = self.kept.certificate();
        let taken = self.tls.take(&file, &file);
        taken.map_err(|error| error.to_string())?;
        Ok(until)
    }
}

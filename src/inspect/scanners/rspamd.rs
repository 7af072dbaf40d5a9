//! rspamd over HTTP: /checkv2 to ask, /learnspam and /learnham to teach.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderName, HeaderValue};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::time::timeout;

use super::pool::Pool;
use super::{Engine, NotLearned, Pupil, Watched, plain};
use crate::inspect::Inspector;
use crate::mail::Mail;
use crate::net::endpoint::Endpoint;
use crate::options::Span;
use crate::policy::{Finding, WhenUnavailable};
use crate::record::Lore;

pub(super) const NAME: &str = "RSPAMD";
/// Its action as a finding, where it is followed.
const REJECT: &str = "RSPAMD_REJECT";
/// Weight of its "reject", where it is followed: beyond every threshold.
const REJECT_WEIGHT: f32 = 100.0;
/// Longest answer, in octets.
const ANSWER_MOST: usize = 1 << 20;
/// Symbols that are taken over, the heaviest first.
const SYMBOLS_MOST: usize = 60;
/// Recipients that it is told.
const RECIPIENTS_MOST: usize = 100;

crate::options! {
    /// rspamd: its symbols become findings of ours.
    pub struct Options in "rspamd" {
        /// Where its normal worker listens: "127.0.0.1:11333" or "unix:/run/rspamd/normal.sock"; not asked if not set.
        pub address: Option<Endpoint> = None,
        /// Time for one question.
        pub time: Span = Span::seconds(6),
        /// Most questions at once; more wait their turn.
        pub at_once: usize = 20,
        /// Factor by which the scores of its symbols count. Its own limit for "reject" is 15,
        /// ours for spam is 6.
        pub weight: f32 = 0.4,
        /// Follow its action: "reject" is spam whatever the score, "soft reject" and "greylist"
        /// are answered 451.
        pub follow_action: bool = false,
        /// Where its controller listens, to pass on what users teach; not taught if not set.
        /// A lesson that is taken back here stays learned there, and the log says so: rspamd cannot
        /// forget a message, and to teach it the opposite would be another lesson.
        pub controller: Option<Endpoint> = None,
        /// A file that holds the controller's password.
        pub password_file: Option<PathBuf> = None,
    }
}

type Connection = SendRequest<Full<Bytes>>;

/// Asks rspamd.
pub struct Rspamd {
    server: Server,
    options: Options,
}

/// Teaches rspamd.
struct Controller {
    server: Server,
    time: std::time::Duration,
    password: Option<HeaderValue>,
}

/// An HTTP server with its open connections.
struct Server {
    address: Endpoint,
    idle: Pool<Connection>,
}

impl Rspamd {
    /// The inspector, if an address is set.
    #[must_use]
    pub fn open(options: &Options) -> Option<Arc<dyn Inspector>> {
        let engine = Self {
            server: Server::new(options.address.clone()?),
            options: options.clone(),
        };
        Some(Arc::new(Watched::new(
            engine,
            options.time.0,
            options.at_once,
        )))
    }

    /// The pupil, if a controller is set.
    ///
    /// # Errors
    /// The password file cannot be read, or holds no password.
    pub fn pupil(options: &Options) -> Result<Option<Arc<dyn Pupil>>, String> {
        let Some(address) = options.controller.clone() else {
            return Ok(None);
        };
        let password = match &options.password_file {
            None => None,
            Some(path) => {
                let fault = |why: &dyn std::fmt::Display| {
                    format!("[rspamd] password_file {}: {why}", path.display())
                };
                let text = std::fs::read_to_string(path).map_err(|e| fault(&e))?;
                let mut value = HeaderValue::from_str(text.trim())
                    .map_err(|_| fault(&"it holds no password"))?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        Ok(Some(Arc::new(Controller {
            server: Server::new(address),
            time: options.time.0,
            password,
        })))
    }
}

impl Server {
    fn new(address: Endpoint) -> Self {
        Self {
            address,
            idle: Pool::default(),
        }
    }

    /// Posts `request` over a connection that was kept, or a new one.
    async fn post(&self, request: &Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), String> {
        let words = |e: &dyn std::fmt::Display| format!("rspamd at {}: {e}", self.address);
        if let Some(mut kept) = self.idle.take()
            && kept.ready().await.is_ok()
            && let Ok(done) = self.exchange(kept, request.clone()).await
        {
            return Ok(done);
        }
        let wire = self.address.connect().await.map_err(|e| words(&e))?;
        let (sender, connection) = handshake(TokioIo::new(wire)).await.map_err(|e| words(&e))?;
        // It ends when the sender is dropped, or the server closes.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to rspamd ended");
            }
        });
        self.exchange(sender, request.clone())
            .await
            .map_err(|e| words(&e))
    }

    async fn exchange(
        &self,
        mut connection: Connection,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), String> {
        let response = connection
            .send_request(request)
            .await
            .map_err(|e| e.to_string())?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_MOST)
            .collect()
            .await
            .map_err(|e| e.to_string())?
            .to_bytes();
        self.idle.give_back(connection);
        Ok((status, body))
    }
}

fn request(path: &str, body: Bytes, fields: Vec<(&'static str, String)>) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = hyper::Method::POST;
    *request.uri_mut() = path.parse().unwrap_or_default();
    let into = request.headers_mut();
    into.insert(HOST, HeaderValue::from_static("rspamd"));
    for (name, value) in fields {
        // What a header cannot hold, it is not told.
        if let Ok(value) = HeaderValue::from_str(&value) {
            into.append(HeaderName::from_static(name), value);
        }
    }
    request
}

/// The envelope as rspamd wants to be told it.
fn envelope(mail: &Mail) -> Vec<(&'static str, String)> {
    let envelope = &mail.envelope;
    let peer = &envelope.peer;
    let mut fields = vec![
        ("ip", peer.address.to_canonical().to_string()),
        ("from", envelope.from_text()),
        ("queue-id", mail.id.to_string()),
    ];
    fields.extend((!peer.helo.is_empty()).then(|| ("helo", peer.helo.clone())));
    fields.extend(peer.name.clone().map(|name| ("hostname", name)));
    fields.extend(peer.login.clone().map(|login| ("user", login)));
    for to in envelope.to.iter().take(RECIPIENTS_MOST) {
        fields.push(("rcpt", to.to_string()));
    }
    fields
}

/// What matters of its answer.
#[derive(Debug, Deserialize)]
struct Said {
    action: String,
    #[serde(default)]
    is_skipped: bool,
    #[serde(default)]
    symbols: std::collections::BTreeMap<String, Symbol>,
}

#[derive(Debug, Deserialize)]
struct Symbol {
    #[serde(default)]
    score: f32,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    options: Vec<String>,
}

impl Rspamd {
    fn findings(&self, said: Said) -> Vec<Finding> {
        let mut symbols: Vec<(String, Symbol)> = said
            .symbols
            .into_iter()
            .filter(|(_, symbol)| symbol.score.is_finite() && symbol.score != 0.0)
            .collect();
        symbols.sort_by(|(_, a), (_, b)| b.score.abs().total_cmp(&a.score.abs()));
        let mut found: Vec<Finding> = symbols
            .into_iter()
            .take(SYMBOLS_MOST)
            .map(|(name, symbol)| {
                let what = symbol.description.unwrap_or_default();
                let seen = symbol.options.join(", ");
                let reason = match (what.is_empty(), seen.is_empty()) {
                    (true, true) => "rspamd says so".to_owned(),
                    (false, true) => format!("rspamd: {what}"),
                    (true, false) => format!("rspamd: {seen}"),
                    (false, false) => format!("rspamd: {what}: {seen}"),
                };
                Finding::seen(
                    format!("RSPAMD_{}", plain(&name)),
                    symbol.score * self.options.weight,
                    plain(&reason),
                )
            })
            .collect();
        if !self.options.follow_action {
            return found;
        }
        match said.action.as_str() {
            "reject" => found.push(Finding::seen(
                REJECT,
                REJECT_WEIGHT,
                "rspamd asks to reject it.",
            )),
            "soft reject" | "greylist" => found.push(Finding::Unavailable {
                name: NAME.to_owned(),
                why: format!("rspamd asks for {}", said.action),
                then: WhenUnavailable::Defer,
            }),
            _ => {}
        }
        found
    }
}

#[async_trait]
impl Engine for Rspamd {
    const NAME: &'static str = NAME;

    async fn scan(&self, mail: &Mail) -> Result<Vec<Finding>, String> {
        let request = request("/checkv2", mail.message.bytes().clone(), envelope(mail));
        let (status, body) = self.server.post(&request).await?;
        if status != StatusCode::OK {
            return Err(format!(
                "rspamd says {status}: {}",
                plain(&String::from_utf8_lossy(&body))
            ));
        }
        let said: Said = serde_json::from_slice(&body)
            .map_err(|e| format!("rspamd's answer cannot be read: {e}"))?;
        if said.is_skipped {
            return Err("rspamd skipped the check".to_owned());
        }
        Ok(self.findings(said))
    }
}

#[async_trait]
impl Pupil for Controller {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn learn(&self, message: &Bytes, lore: Lore) -> Result<(), NotLearned> {
        let path = match lore {
            Lore::Spam => "/learnspam",
            Lore::Ham => "/learnham",
        };
        let mut request = request(path, message.clone(), Vec::new());
        if let Some(password) = &self.password {
            let name = HeaderName::from_static("password");
            request.headers_mut().insert(name, password.clone());
        }
        let (status, body) = timeout(self.time, self.server.post(&request))
            .await
            .map_err(|_| NotLearned::Later("rspamd gave no answer".to_owned()))?
            .map_err(NotLearned::Later)?;
        let words = plain(&String::from_utf8_lossy(&body));
        // Some versions answer 404 to what they have learned before.
        if status.is_success() || words.contains("already learned") {
            return Ok(());
        }
        let said = format!("rspamd says {status}: {words}");
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => NotLearned::Later(said),
            // Such as "database is locked"; what it will never learn it answers with 2xx or 4xx.
            _ if status.is_server_error() => NotLearned::Later(said),
            _ => NotLearned::Refused(said),
        })
    }

    /// Its controller knows no word for it, and the opposite lesson would be one of its own.
    async fn forget(&self, _message: &Bytes, _lore: Lore) -> Result<(), NotLearned> {
        let why = "rspamd cannot forget a message; it stays learned there";
        Err(NotLearned::Refused(why.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(json: &str, follow_action: bool) -> Vec<Finding> {
        let options = Options {
            address: "127.0.0.1:1".parse().ok(),
            weight: 0.5,
            follow_action,
            ..Options::default()
        };
        let rspamd = Rspamd {
            server: Server::new("127.0.0.1:1".parse().expect("endpoint")),
            options,
        };
        rspamd.findings(serde_json::from_str(json).expect("json"))
    }

    #[test]
    fn symbols_become_findings_and_the_action_is_an_option() {
        let json = r#"{"action":"reject","score":16.0,"symbols":{
            "A":{"score":10.0,"description":"Bad\r\nthing","options":["x.test"]},
            "B":{"score":-1.0},"C":{"score":0.0}}}"#;
        let found = said(json, false);
        assert_eq!(
            found,
            [
                Finding::seen("RSPAMD_A", 5.0, "rspamd: Badthing: x.test"),
                Finding::seen("RSPAMD_B", -0.5, "rspamd says so"),
            ]
        );
        assert!(said(json, true).iter().any(|f| f.name() == REJECT));
        let later = said(r#"{"action":"soft reject"}"#, true);
        assert!(matches!(
            later[..],
            [Finding::Unavailable {
                then: WhenUnavailable::Defer,
                ..
            }]
        ));
    }
}

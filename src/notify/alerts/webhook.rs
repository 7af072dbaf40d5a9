//! The webhook: an alert as JSON by HTTP POST, signed, tried a few times, never in a mail's path.

use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::AlertOptions;
use crate::clock::{Clock, Timestamp};
use crate::mail::hex;
use crate::net::endpoint::Wire;
use crate::net::listen::Closing;
use crate::net::tls_client::{Certificate, ClientTls};

/// The field with time and signature.
pub(super) const SIGNATURE: &str = "X-Quaranta-Signature";
/// Alerts that wait at most; more are dropped, and logged.
const WAITING_MOST: usize = 100;
/// The first pause between two tries; each further one is three times as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Octets of the answer's header section; its body is not read.
const ANSWER_MOST: usize = 16 << 10;
/// Shortest secret, in octets.
const SECRET_LEAST: usize = 16;

/// An address for a webhook: https, or http on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebAddress {
    secure: bool,
    host: String,
    port: u16,
    /// With the query.
    path: String,
}

crate::serde_as_text!(WebAddress);

impl FromStr for WebAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = |why: &str| format!("'{}': {why}", text.chars().take(80).collect::<String>());
        let (secure, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            _ => return Err(fault("write https://host/path")),
        };
        let (place, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let plain = text.bytes().all(|b| b.is_ascii_graphic());
        if !plain || place.contains('@') || path.contains('#') || path.starts_with('?') {
            return Err(fault("it holds what such an address cannot hold"));
        }
        let own_port = if secure { 443 } else { 80 };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse().ok().filter(|port| *port != 0);
                (host, port.ok_or_else(|| fault("the port is no port"))?)
            }
            _ => (place, own_port),
        };
        let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host = inner.unwrap_or(host).to_owned();
        let address = host.parse::<IpAddr>().ok();
        if host.is_empty() || inner.is_some() && address.is_none() {
            return Err(fault("it names no host"));
        }
        let is_here = host == "localhost" || address.is_some_and(|ip| ip.is_loopback());
        if !secure && !is_here {
            return Err(fault("http is for this machine alone; use https"));
        }
        Ok(Self {
            secure,
            host,
            port,
            path: path.to_owned(),
        })
    }
}

impl WebAddress {
    /// Host and port as the field Host says them.
    fn place(&self) -> String {
        let own_port = if self.secure { 443 } else { 80 };
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.port == own_port {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

impl fmt::Display for WebAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.place(), self.path)
    }
}

/// Sends alerts. Cheap to clone.
#[derive(Clone)]
pub struct Webhook {
    client: Arc<Client>,
    waiting: mpsc::Sender<Value>,
}

struct Client {
    to: WebAddress,
    secret: hmac::Key,
    tls: ClientTls,
    time: Duration,
    tries: u32,
}

/// Sends one alert after the other.
pub struct WebhookRunner {
    client: Arc<Client>,
    waiting: mpsc::Receiver<Value>,
    clock: Clock,
}

impl Webhook {
    /// The two ends; `None` without an address. Reads the file with the secret.
    ///
    /// # Errors
    /// Words for the administrator.
    pub fn open(
        options: &AlertOptions,
        tls: ClientTls,
        clock: Clock,
    ) -> Result<Option<(Self, WebhookRunner)>, String> {
        let (to, file) = match (&options.webhook, &options.webhook_secret_file) {
            (Some(to), Some(file)) => (to.clone(), file),
            (None, None) => return Ok(None),
            _ => return Err("[alerts] webhook and webhook_secret_file go together".to_owned()),
        };
        let client = Arc::new(Client {
            to,
            secret: read_secret(file)?,
            tls,
            time: options.webhook_time.0,
            tries: options.webhook_tries.max(1),
        });
        let (sender, waiting) = mpsc::channel(WAITING_MOST);
        let runner = WebhookRunner {
            client: client.clone(),
            waiting,
            clock,
        };
        let waiting = sender;
        Ok(Some((Self { client, waiting }, runner)))
    }

    /// Tells an alert; does not wait.
    pub(super) fn tell(&self, alert: Value) {
        if let Err(error) = self.waiting.try_send(alert) {
            tracing::error!(%error, "an alert was dropped: too many wait for the webhook");
        }
    }

    /// Tells an alert once, now.
    pub(super) async fn post(&self, alert: &Value, now: Timestamp) -> Result<(), String> {
        self.client.post(alert, now).await.map_err(|(why, _)| why)
    }
}

impl WebhookRunner {
    /// Sends until the doors close.
    pub async fn run(mut self, mut stop: Closing) {
        loop {
            let alert = tokio::select! {
                () = stop.wait() => return,
                alert = self.waiting.recv() => alert,
            };
            let Some(alert) = alert else { return };
            tokio::select! {
                () = stop.wait() => return,
                () = self.send(&alert) => {}
            }
        }
    }

    async fn send(&self, alert: &Value) {
        let mut pause = FIRST_PAUSE;
        for left in (0..self.client.tries).rev() {
            let (why, again) = match self.client.post(alert, self.clock.now()).await {
                Ok(()) => return,
                Err(failed) => failed,
            };
            if left == 0 || !again {
                tracing::error!(%why, "an alert did not reach the webhook");
                return;
            }
            tracing::warn!(%why, "the webhook failed and is tried again");
            sleep(pause).await;
            pause = pause.saturating_mul(3).min(LONGEST_PAUSE);
        }
    }
}

impl Client {
    /// One try. On failure: why, and whether another may help.
    async fn post(&self, alert: &Value, now: Timestamp) -> Result<(), (String, bool)> {
        let body = alert.to_string();
        let late = |_| (format!("no answer within {:?}", self.time), true);
        let status = timeout(self.time, self.exchange(body, now))
            .await
            .map_err(late)?
            .map_err(|why| (why, true))?;
        if status.is_success() {
            return Ok(());
        }
        let busy = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
        let again = status.is_server_error() || busy.contains(&status);
        Err((format!("it answered {status}"), again))
    }

    async fn exchange(&self, body: String, now: Timestamp) -> Result<StatusCode, String> {
        let words = |e: &dyn fmt::Display| e.to_string();
        let request = Request::post(self.to.path.as_str())
            .header(HOST, self.to.place())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(USER_AGENT, HeaderValue::from_static("quaranta"))
            .header(SIGNATURE, signature(&self.secret, &body, now))
            .body(Full::new(Bytes::from(body)))
            .map_err(|e| words(&e))?;
        let tcp = TcpStream::connect((self.to.host.as_str(), self.to.port))
            .await
            .map_err(|e| words(&e))?;
        let wire: Box<dyn Wire> = if self.to.secure {
            let secured = self.tls.connect(&self.to.host, tcp, Certificate::Valid);
            Box::new(secured.await.map_err(|e| words(&e))?)
        } else {
            Box::new(tcp)
        };
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(ANSWER_MOST)
            .handshake(TokioIo::new(wire))
            .await
            .map_err(|e| words(&e))?;
        // When the connection ends, the sender says so; an answer may lie there already.
        let driven = async {
            let _ended = connection.await;
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            answer = sender.send_request(request) => {
                answer.map(|answer| answer.status()).map_err(|e| words(&e))
            }
            never = driven => match never {},
        }
    }
}

fn read_secret(path: &Path) -> Result<hmac::Key, String> {
    let fault =
        |why: &dyn fmt::Display| format!("[alerts] webhook_secret_file {}: {why}", path.display());
    let text = std::fs::read_to_string(path).map_err(|e| fault(&e))?;
    let secret = text.trim();
    if secret.len() < SECRET_LEAST {
        return Err(fault(&format!(
            "a secret has at least {SECRET_LEAST} octets"
        )));
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
}

/// `t=SECONDS,v1=HEX`; the receiver compares, and refuses what is old.
fn signature(secret: &hmac::Key, body: &str, now: Timestamp) -> String {
    let seconds = now.0 / 1000;
    let tag = hmac::sign(secret, format!("{seconds}.{body}").as_bytes());
    let hex = hex(tag.as_ref());
    format!("t={seconds},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sy06_a_webhook_is_https_or_on_this_machine() {
        for (text, want) in [
            ("https://ops.example.org", "https://ops.example.org/"),
            (
                "https://ops.example.org:8443/a?b=c",
                "https://ops.example.org:8443/a?b=c",
            ),
            ("https://[2001:db8::1]/x", "https://[2001:db8::1]/x"),
            ("http://127.0.0.1:9/x", "http://127.0.0.1:9/x"),
            ("http://localhost/x", "http://localhost/x"),
            ("http://[::1]:80/x", "http://[::1]/x"),
        ] {
            let address: WebAddress = text.parse().expect(text);
            assert_eq!(address.to_string(), want);
            assert_eq!(want.parse(), Ok(address));
        }
        for bad in [
            "",
            "ops.example.org",
            "ftp://ops.example.org/",
            "http://ops.example.org/",
            "http://127.0.0.1.example.org/",
            "https://",
            "https:///x",
            "https://u:p@ops.example.org/",
            "https://ops.example.org:0/",
            "https://ops.example.org/a b",
            "https://ops.example.org/\r\nX: y",
            "https://[x]/",
        ] {
            assert!(bad.parse::<WebAddress>().is_err(), "{bad:?}");
        }
    }

    /// The expected value is of Python's hmac module.
    #[test]
    fn sy06_the_signature_is_the_hmac_of_time_and_body() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"0123456789abcdef");
        assert_eq!(
            signature(&key, "{}", Timestamp(1_700_000_000_999)),
            "t=1700000000,v1=e4f8e2ecae2295b2ddb2f0b5584c8275e226c0ebe9b3b819e70156bb67122e3e"
        );
    }
}

//! Asks another server by HTTP/1.1: over TLS, or plain on this machine; one question, no redirects, all bounded.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::endpoint::Wire;
use super::tls_client::{Certificate, ClientTls};

/// Longest body of an answer, in octets.
const ANSWER_MOST: usize = 1 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("{0} is no address to ask: it must begin with https://, or be on this machine")]
    Where(String),
    #[error("no answer within {} s", .0.as_secs())]
    Late(Duration),
    #[error(transparent)]
    Line(#[from] io::Error),
    #[error(transparent)]
    Http(#[from] hyper::Error),
    #[error("the answer cannot be taken: {0}")]
    Answer(String),
}

/// Asks servers. Cheap to clone.
#[derive(Clone)]
pub struct Fetch {
    tls: ClientTls,
    time: Duration,
}

/// Where a server is, in an address of ours.
struct Place<'a> {
    tls: bool,
    host: &'a str,
    port: u16,
}

impl<'a> Place<'a> {
    fn of(uri: &'a Uri) -> Option<Self> {
        let host = uri.host()?;
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if is_here(host) => false,
            _ => return None,
        };
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Some(Self { tls, host, port })
    }
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// True if such an address may be asked: `https://`, or `http://` on this machine.
#[must_use]
pub fn may_ask(address: &str) -> bool {
    let uri = address.parse::<Uri>();
    uri.is_ok_and(|uri| Place::of(&uri).is_some())
}

impl Fetch {
    /// `time` is from the first packet to the last octet of the answer.
    #[must_use]
    pub fn new(tls: ClientTls, time: Duration) -> Self {
        Self { tls, time }
    }

    /// The answer to `request`, whose address is absolute; whatever its status.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn ask(&self, request: Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
        let asked = Box::pin(self.exchange(request));
        let answer = timeout(self.time, asked).await;
        answer.map_err(|_| FetchError::Late(self.time))?
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
        let (mut parts, body) = request.into_parts();
        let place = Place::of(&parts.uri).ok_or_else(|| {
            let shown = parts.uri.host().unwrap_or("?");
            FetchError::Where(shown.to_owned())
        })?;
        let tcp = TcpStream::connect((place.host, place.port)).await?;
        tcp.set_nodelay(true)?;
        let wire: Box<dyn Wire> = if place.tls {
            let secure = self.tls.connect(place.host, tcp, Certificate::Valid);
            Box::new(secure.await?)
        } else {
            Box::new(tcp)
        };
        let host = parts.uri.authority().map_or("", |at| at.as_str());
        let host = HeaderValue::from_str(host).map_err(|e| FetchError::Answer(e.to_string()))?;
        parts.headers.insert(HOST, host);
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = path
            .parse()
            .map_err(|_| FetchError::Where(path.to_owned()))?;
        let request = Request::from_parts(parts, Full::new(body));
        let (mut sender, line) = hyper::client::conn::http1::handshake(TokioIo::new(wire)).await?;
        let work = async {
            let (parts, body) = sender.send_request(request).await?.into_parts();
            let body = Limited::new(body, ANSWER_MOST).collect().await;
            let body = body.map_err(|e| FetchError::Answer(e.to_string()))?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        };
        // The line works as long as somebody waits for what it brings.
        let line = async {
            let ended = line.await;
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended");
            }
            std::future::pending().await
        };
        tokio::select! {
            answer = work => answer,
            never = line => never,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_asked_without_tls() {
        for good in ["https://id.test/x", "http://localhost:1", "http://[::1]/"] {
            assert!(may_ask(good), "{good}");
        }
        for bad in [
            "http://id.test/",
            "ftp://localhost/",
            "javascript:x",
            "/path",
            "",
        ] {
            assert!(!may_ask(bad), "{bad}");
        }
    }
}

//! Answers the authority's question whether a name is ours (HTTP-01, RFC 8555 section 8.3), and nothing else.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::net::limit::Turnstile;
use crate::net::listen::{self, Closing};

const PATH: &str = "/.well-known/acme-challenge/";
/// Longest head of a request, in octets.
const HEAD_MOST: usize = 8 << 10;
/// From the first packet to the last octet of the answer.
const TIME: Duration = Duration::from_secs(10);
/// Clients at the same time, and of them from one address.
const CLIENTS: usize = 100;
const CLIENTS_OF_ONE: usize = 10;

/// What is to be answered, by token. Cheap to clone.
#[derive(Clone, Default)]
pub struct Answers(Arc<Mutex<HashMap<String, String>>>);

impl Answers {
    pub(super) fn set(&self, token: &str, answer: &str) {
        self.0.lock().insert(token.to_owned(), answer.to_owned());
    }

    /// Nothing is asked for any more.
    pub(super) fn clear(&self) {
        self.0.lock().clear();
    }

    /// The answer to a request that begins with this line.
    fn to(&self, line: &str) -> Option<String> {
        let mut words = line.split(' ');
        let (Some("GET" | "HEAD"), Some(path)) = (words.next(), words.next()) else {
            return None;
        };
        let token = path.strip_prefix(PATH)?;
        self.0.lock().get(token).cloned()
    }

    /// Serves clients until the doors close.
    pub async fn serve(self, listener: TcpListener, closing: Closing) {
        let house = listen::House {
            door: "acme",
            turnstile: Turnstile::new(CLIENTS, CLIENTS_OF_ONE),
            closing,
            grace: Duration::from_secs(1),
            full: b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
        };
        listen::serve(listener, house, move |stream, address, mut place| {
            let answers = self.clone();
            async move {
                if place.belongs_to(address.ip()) {
                    let done = timeout(TIME, answers.visit(stream)).await;
                    tracing::debug!(%address, served = matches!(done, Ok(Ok(()))), "a client of ACME");
                }
                drop(place);
            }
        })
        .await;
    }

    async fn visit(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < HEAD_MOST {
            if stream.read_buf(&mut head).await? == 0 {
                break;
            }
        }
        let head = String::from_utf8_lossy(&head);
        let (status, body) = match self.to(head.lines().next().unwrap_or_default()) {
            Some(answer) => ("200 OK", answer),
            None => ("404 Not Found", String::new()),
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/octet-stream\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_answers_what_it_was_told_and_nothing_else() {
        let answers = Answers::default();
        answers.set("token", "token.key");
        let ask = async |request: &str| {
            let (mut client, server) = tokio::io::duplex(20_000);
            client.write_all(request.as_bytes()).await.expect("sent");
            client.shutdown().await.expect("sent");
            let mut said = String::new();
            let (served, read) =
                tokio::join!(answers.visit(server), client.read_to_string(&mut said));
            served.and(read.map(|_| ())).expect("served");
            said
        };
        let request = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: mx.test\r\n\r\n");
        let good = ask(&request("/.well-known/acme-challenge/token")).await;
        assert!(good.starts_with("HTTP/1.1 200 ") && good.ends_with("\r\n\r\ntoken.key"));
        for path in [
            "/",
            "/.well-known/acme-challenge/",
            "/.well-known/acme-challenge/token/",
        ] {
            assert!(
                ask(&request(path)).await.starts_with("HTTP/1.1 404 "),
                "{path}"
            );
        }
        for odd in [
            "",
            "POST /.well-known/acme-challenge/token HTTP/1.1\r\n\r\n",
            &"x".repeat(9000),
        ] {
            assert!(ask(odd).await.starts_with("HTTP/1.1 404 "));
        }
        answers.clear();
        let gone = ask(&request("/.well-known/acme-challenge/token")).await;
        assert!(gone.starts_with("HTTP/1.1 404 "));
    }
}

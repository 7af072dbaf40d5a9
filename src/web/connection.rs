//! One connection: HTTPS or plain HTTP/1.1, told apart by the first octet; everything bounded.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::{ServiceExt as _, service_fn};

use super::client::Peer;
use super::steady::Steady;
use crate::net::listen::Closing;
use crate::net::tls::ServerTls;

/// The first octet of a TLS record that carries a handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;
/// How long a client may take for its first octet, its handshake, and the head of a request.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest head of a request, in octets.
const HEAD_MOST: usize = 64 << 10;
/// The longest life of a connection: somebody who never reads holds a place no longer.
const LIFE: Duration = Duration::from_secs(3600);

/// Serves one client until it leaves, the doors close, or its time is over.
/// `patience` is how long a client may take nothing of what is written to it.
pub(super) async fn serve(
    (stream, address): (TcpStream, SocketAddr),
    tls: Option<ServerTls>,
    router: Router,
    closing: Closing,
    patience: Duration,
) {
    let mut first = [0];
    let Ok(Ok(1)) = timeout(PATIENCE, stream.peek(&mut first)).await else {
        return;
    };
    let peer = |tls| Peer { address, tls };
    match tls {
        Some(tls) if first == [HANDSHAKE] => {
            match timeout(PATIENCE, tls.acceptor().accept(stream)).await {
                Ok(Ok(stream)) => {
                    let stream = Steady::new(stream, patience);
                    http(stream, peer(true), router, closing).await;
                }
                Ok(Err(error)) => tracing::debug!(%address, %error, "no TLS"),
                Err(_) => tracing::debug!(%address, "the TLS handshake took too long"),
            }
        }
        _ => {
            let stream = Steady::new(stream, patience);
            http(stream, peer(false), router, closing).await;
        }
    }
}

async fn http<S>(stream: S, peer: Peer, router: Router, mut closing: Closing)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            let answer: Result<Response, Infallible> = router.oneshot(request).await;
            answer
        }
    });
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .max_buf_size(HEAD_MOST)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = tokio::time::sleep(LIFE) => return,
        () = closing.wait() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(address = %peer.address, %error, "a connection broke");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::routing::get;
    use tokio::io::{AsyncWriteExt as _, duplex};

    use super::*;
    use crate::net::listen::closing;
    use crate::web::download::{Downloads, made};

    /// Who asks for much and takes nothing holds neither memory nor a place for ever.
    #[tokio::test]
    async fn se16_nothing_piles_up_for_a_client_that_takes_nothing() {
        let (mut client, server) = duplex(4096);
        let pages = Arc::new(AtomicUsize::new(0));
        let downloads = Downloads::default();
        let (count, places) = (pages.clone(), downloads.clone());
        let page = |count: Arc<AtomicUsize>| async move {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(Some(("x".repeat(100_000), count)))
        };
        let answer = move || async move {
            let stay = places.begin("a", 0).expect("room");
            Body::new(made(count, stay, page))
        };
        let router = Router::new().route("/", get(answer));
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: panel\r\n\r\n")
            .await
            .expect("asked");
        let peer = Peer {
            address: ([192, 0, 2, 1], 9).into(),
            tls: false,
        };
        let (_closer, closing) = closing();
        let stream = Steady::new(server, Duration::from_millis(200));
        timeout(LIFE / 60, http(stream, peer, router, closing))
            .await
            .expect("the client is cut off");
        let made = pages.load(Ordering::Relaxed);
        assert!((1..=4).contains(&made), "{made} pages were made");
        let all: Vec<_> = (0..4).map(|_| downloads.begin("a", 0)).collect();
        assert!(all.iter().all(Result::is_ok), "the place is free again");
    }
}

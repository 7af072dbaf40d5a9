//! Listeners: bind, accept, keep count, and close in an orderly way.

use std::future::Future;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

use super::limit::{Place, Turnstile};
use super::socket::{BindError, Socket};

/// The pause after accept failed, for want of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Takes clients, of whatever kind they are.
pub trait Listener: Send + 'static {
    type Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static;

    /// The next client and its address: the loopback address for a Unix socket.
    fn next(&self) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;

    /// Writes once, without waiting: the send buffer of a new connection takes that.
    ///
    /// # Errors
    /// From the system.
    fn write_once(stream: Self::Stream, octets: &[u8]) -> io::Result<usize>;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, address) = self.accept().await?;
        // Replies are written whole; waiting for more of them helps nobody.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        Ok((stream, address))
    }

    fn write_once(stream: TcpStream, octets: &[u8]) -> io::Result<usize> {
        stream.into_std()?.write(octets)
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (stream, _) = self.accept().await?;
        Ok((stream, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))
    }

    fn write_once(stream: UnixStream, octets: &[u8]) -> io::Result<usize> {
        stream.into_std()?.write(octets)
    }
}

/// Binds all of `addresses`.
///
/// # Errors
/// [`BindError`] names the first that cannot be bound; none stays bound then.
pub async fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, BindError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for &address in addresses {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| BindError {
                socket: Socket::Tcp(address),
                source,
            })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// Closes the doors: one for the whole house.
#[derive(Debug)]
pub struct Closer(watch::Sender<bool>);

/// Tells a session that the doors close. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Closing(watch::Receiver<bool>);

/// The two ends of the signal to close.
#[must_use]
pub fn closing() -> (Closer, Closing) {
    let (sender, receiver) = watch::channel(false);
    (Closer(sender), Closing(receiver))
}

impl Closer {
    /// Asks all doors to close. Dropping the closer does the same.
    pub fn close(&self) {
        self.0.send_replace(true);
    }
}

impl Closing {
    /// The signal itself: true once the doors are to close.
    #[must_use]
    pub fn signal(&self) -> watch::Receiver<bool> {
        self.0.clone()
    }

    /// True once the doors are to close.
    #[must_use]
    pub fn is_now(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Waits until the doors are to close. May be dropped and called again.
    pub async fn wait(&mut self) {
        // An error means that the closer is gone, which is the end as well.
        let _ = self.0.wait_for(|closed| *closed).await;
    }
}

/// How a listener treats its visitors.
#[derive(Debug, Clone)]
pub struct House {
    /// What the door is called in the log.
    pub door: &'static str,
    pub turnstile: Turnstile,
    pub closing: Closing,
    /// How long sessions may take to end once the doors close.
    pub grace: Duration,
    /// What a client is told for whom there is no place.
    pub full: Vec<u8>,
}

/// Accepts clients and gives each to `visit` in a task of its own, until the doors
/// close; returns when the sessions have ended or the grace is over, whose
/// sessions are then cut off. A task that panics ends alone.
pub async fn serve<L, F, Fut>(listener: L, mut house: House, visit: F)
where
    L: Listener,
    F: Fn(L::Stream, SocketAddr, Place) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let mut visitors = JoinSet::new();
    loop {
        tokio::select! {
            () = house.closing.wait() => break,
            Some(ended) = visitors.join_next(), if !visitors.is_empty() => note(house.door, ended),
            accepted = listener.next() => match accepted {
                Ok((stream, address)) => {
                    if let Some((stream, place)) = admit::<L>(stream, &house) {
                        visitors.spawn(visit(stream, address, place));
                    }
                }
                Err(error) => {
                    tracing::warn!(door = house.door, %error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let drained = timeout(house.grace, async {
        while let Some(ended) = visitors.join_next().await {
            note(house.door, ended);
        }
    });
    if drained.await.is_err() {
        tracing::warn!(
            door = house.door,
            sessions = visitors.len(),
            "sessions are cut off after the grace time"
        );
        visitors.shutdown().await;
    }
}

/// A place for the client, or the words that there is none.
fn admit<L: Listener>(stream: L::Stream, house: &House) -> Option<(L::Stream, Place)> {
    if let Some(place) = house.turnstile.enter() {
        return Some((stream, place));
    }
    let told = L::write_once(stream, &house.full);
    tracing::warn!(
        door = house.door,
        told = told.is_ok(),
        "no place for another connection"
    );
    None
}

fn note(door: &'static str, ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(door, %error, "a session ended by a fault of ours");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_read_as_they_are_written() {
        for text in ["127.0.0.1:24", "[::1]:24", "unix:/run/quaranta/lmtp.sock"] {
            assert_eq!(text.parse::<Socket>().expect("socket").to_string(), text);
        }
        for bad in [
            "",
            "localhost:24",
            "127.0.0.1",
            "unix:",
            "unix:relative",
            "/run/x",
        ] {
            assert!(bad.parse::<Socket>().is_err(), "{bad}");
        }
    }
}

//! A connection: octets in, cut into frames; responses out, gathered and sent; waits with an end.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::frame::{Frame, Framer, Limits};

/// What a session speaks through.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send + Sync {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Io for T {}

/// Responses are sent when this many octets are gathered.
const GATHER: usize = 64 * 1024;
/// Octets read at once.
const READ: usize = 4 * 1024;
/// A client that takes none of a piece for this long is gone.
const WRITE_WAIT: Duration = Duration::from_secs(300);
/// A client that takes a large literal slower than this (octets a second, after a while of
/// grace) is gone too: its message takes memory from others.
const LEAST_RATE: u64 = 32 * 1024;

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The client left, or the line broke.
    Closed,
    /// The client was silent for too long.
    Silent,
    /// The house closes.
    Shutdown,
    /// The client was told so.
    Told,
}

pub(super) struct Conn {
    io: Box<dyn Io>,
    pub(super) framer: Framer,
    out: Vec<u8>,
    shutdown: watch::Receiver<bool>,
}

impl Conn {
    pub(super) fn new(io: Box<dyn Io>, shutdown: watch::Receiver<bool>) -> Self {
        Self {
            io,
            framer: Framer::new(),
            out: Vec::new(),
            shutdown,
        }
    }

    /// The stream and the wish to shut down, for a TLS handshake.
    pub(super) fn into_parts(self) -> (Box<dyn Io>, watch::Receiver<bool>) {
        (self.io, self.shutdown)
    }

    /// The buffer of responses; whole lines are put in.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Adds a line of the server.
    pub(super) fn line(&mut self, line: &str) {
        self.out.extend_from_slice(line.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    /// Reads once.
    ///
    /// # Errors
    /// [`End`], also at `until`.
    pub(super) async fn fill(&mut self, until: Instant) -> Result<(), End> {
        let mut octets = [0; READ];
        let got = tokio::select! {
            got = timeout_at(until, self.io.read(&mut octets)) => got,
            _ = self.shutdown.wait_for(|down| *down) => return Err(End::Shutdown),
        };
        match got {
            Err(_) => Err(End::Silent),
            Ok(Ok(0) | Err(_)) => Err(End::Closed),
            Ok(Ok(size)) => {
                self.framer.feed(&octets[..size]);
                Ok(())
            }
        }
    }

    /// The next command, or what came instead of one; responses are sent before the wait.
    ///
    /// # Errors
    /// [`End`], also at `until`.
    pub(super) async fn frame(&mut self, limits: Limits, until: Instant) -> Result<Frame, End> {
        loop {
            match self.framer.next(limits) {
                Frame::More => {
                    self.flush().await?;
                    if self.framer.is_empty() {
                        self.framer.shrink();
                    }
                    self.fill(until).await?;
                }
                Frame::Continue => self.line("+ Ready"),
                frame => return Ok(frame),
            }
        }
    }

    /// One line outside of commands; `None` if it is longer than `most` octets.
    ///
    /// # Errors
    /// [`End`], also at `until`.
    pub(super) async fn plain_line(
        &mut self,
        most: usize,
        until: Instant,
    ) -> Result<Option<Vec<u8>>, End> {
        self.flush().await?;
        loop {
            if let Some(line) = self.framer.line(most) {
                return Ok(line.ok());
            }
            self.fill(until).await?;
        }
    }

    /// Up to `most` octets of what follows, at least one.
    ///
    /// # Errors
    /// [`End`], also at `until`.
    pub(super) async fn octets(&mut self, most: u64, until: Instant) -> Result<Vec<u8>, End> {
        loop {
            let octets = self.framer.take(most);
            if !octets.is_empty() {
                return Ok(octets);
            }
            self.fill(until).await?;
        }
    }

    /// Sends what is gathered if it is much. To be called between whole responses only.
    ///
    /// # Errors
    /// [`End`], also when the house closes.
    pub(super) async fn flush_if_much(&mut self) -> Result<(), End> {
        if self.out.len() < GATHER {
            return Ok(());
        }
        self.flush().await?;
        if *self.shutdown.borrow() {
            return Err(End::Shutdown);
        }
        Ok(())
    }

    /// Sends all that is gathered.
    ///
    /// # Errors
    /// [`End::Closed`], [`End::Silent`].
    pub(super) async fn flush(&mut self) -> Result<(), End> {
        if self.out.is_empty() {
            return Ok(());
        }
        let out = std::mem::take(&mut self.out);
        for piece in out.chunks(GATHER) {
            self.send(piece).await?;
        }
        tokio::time::timeout(WRITE_WAIT, self.io.flush())
            .await
            .map_err(|_| End::Silent)?
            .map_err(|_| End::Closed)?;
        if out.capacity() <= GATHER / 4 {
            self.out = out;
            self.out.clear();
        }
        Ok(())
    }

    /// Sends octets of a literal behind what is gathered; the large ones without a copy.
    ///
    /// # Errors
    /// [`End::Closed`], [`End::Silent`].
    pub(super) async fn literal(&mut self, octets: &Bytes) -> Result<(), End> {
        if self.out.len() + octets.len() < GATHER {
            self.out.extend_from_slice(octets);
            return Ok(());
        }
        self.flush().await?;
        let whole = WRITE_WAIT + Duration::from_secs(octets.len() as u64 / LEAST_RATE);
        let until = Instant::now() + whole;
        for piece in octets.chunks(GATHER) {
            timeout_at(until, self.send(piece))
                .await
                .map_err(|_| End::Silent)??;
        }
        Ok(())
    }

    async fn send(&mut self, piece: &[u8]) -> Result<(), End> {
        tokio::time::timeout(WRITE_WAIT, self.io.write_all(piece))
            .await
            .map_err(|_| End::Silent)?
            .map_err(|_| End::Closed)
    }

    /// Closes; what is gathered is sent if that is possible soon.
    pub(super) async fn close(mut self) {
        let _ = tokio::time::timeout(Duration::from_secs(5), async {
            let _ = self.flush().await;
            let _ = self.io.shutdown().await;
        })
        .await;
    }
}

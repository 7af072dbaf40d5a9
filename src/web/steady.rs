//! A stream to a client that has to take what is written: who does not is cut off after some time.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Octets that a client takes within the time, at least; who takes fewer is as good as gone.
const LEAST: usize = 16 << 10;

/// The stream, and how long it waits for a client to take something.
pub(super) struct Steady<S> {
    stream: S,
    patience: Duration,
    /// Runs while something waits to be taken.
    late: Option<Pin<Box<Sleep>>>,
    /// Octets taken since it runs.
    taken: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Steady<S> {
    pub(super) fn new(stream: S, patience: Duration) -> Self {
        Self {
            stream,
            patience,
            late: None,
            taken: 0,
        }
    }

    /// What was written is looked at; while it is not, time runs.
    fn heed(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(octets)) => {
                self.taken += octets;
                if self.taken >= LEAST {
                    self.rest();
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => ready!(self.wait(cx))?,
        }
        written
    }

    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let patience = self.patience;
        let late = self.late.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(late.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Nothing waits, or enough was taken.
    fn rest(&mut self) {
        self.late = None;
        self.taken = 0;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Steady<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Steady<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, octets);
        self.heed(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.heed(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Pending => self.wait(cx),
            flushed => {
                self.rest();
                flushed
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_shutdown(cx) {
            Poll::Pending => self.wait(cx),
            done => done,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn who_takes_nothing_is_cut_off() {
        let (_client, server) = duplex(100);
        let mut server = Steady::new(server, Duration::from_millis(50));
        let error = server.write_all(&[0; 1000]).await.expect_err("cut off");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn who_takes_a_little_now_and_then_is_cut_off_too() {
        let (mut client, server) = duplex(1);
        let mut server = Steady::new(server, Duration::from_millis(50));
        let writes = tokio::spawn(async move { server.write_all(&[0; LEAST / 2]).await });
        let mut octet = [0];
        while client.read(&mut octet).await.expect("read") > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let error = writes.await.expect("joined").expect_err("cut off");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn who_takes_all_gets_all() {
        let (mut client, server) = duplex(100);
        let mut server = Steady::new(server, Duration::from_secs(60));
        let writes = tokio::spawn(async move {
            server.write_all(&vec![7; LEAST * 3]).await?;
            server.shutdown().await
        });
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.expect("read");
        assert_eq!(all.len(), LEAST * 3);
        writes.await.expect("joined").expect("written");
    }
}

//! Drives a session over a connection: reads, asks the reception, writes.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::proxy::{self, Header};
use super::reception::Reception;
use super::session::{Event, Question, Session};
use crate::net::listen::Closing;
use crate::net::tls::{self, ServerTls};
use crate::net::write::write_within;

/// Memory for reading between messages, in octets.
const READ_IDLE: usize = 4 * 1024;
/// Memory for reading while a message is received, in octets.
const READ_BUSY: usize = 32 * 1024;
/// How long a front relay may take for the header of the PROXY protocol.
const PROXY_TIME: Duration = Duration::from_secs(10);
/// After the last reply, octets of the client are read and thrown away for so long:
/// closing with octets unread would destroy the reply on its way.
const LINGER_TIME: Duration = Duration::from_secs(2);
const LINGER_OCTETS: usize = 1 << 20;

/// How a conversation ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    Closed,
    StartTls,
}

/// How a connection begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// In the clear; TLS by STARTTLS.
    Plain,
    /// With the handshake of TLS (RFC 8314 section 3.3).
    Tls,
}

/// One connection.
pub(super) struct Connection {
    pub(super) session: Session,
    pub(super) reception: Arc<dyn Reception>,
    pub(super) closing: Closing,
    /// When the connection has lasted long enough.
    pub(super) deadline: Instant,
    /// Octets that were read but not taken yet.
    pub(super) unread: Vec<u8>,
}

fn too_late<T>(_: T) -> io::Error {
    io::ErrorKind::TimedOut.into()
}

/// Reads the header of the PROXY protocol: the client's address, where it names
/// one, and the octets that follow it.
pub(super) async fn proxied<S>(stream: &mut S) -> io::Result<(Option<IpAddr>, Vec<u8>)>
where
    S: AsyncRead + Unpin,
{
    let read = async {
        let mut octets = Vec::with_capacity(256);
        loop {
            match proxy::parse(&octets) {
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
                Ok(Header::Whole(taken, address)) => {
                    return Ok((address, octets.split_off(taken)));
                }
                Ok(Header::Partial) if octets.len() > proxy::HEADER_MOST => {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                Ok(Header::Partial) => {}
            }
            if stream.read_buf(&mut octets).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    };
    timeout(PROXY_TIME, read).await.map_err(too_late)?
}

impl Connection {
    /// The whole dialogue, from the greeting to the end, through STARTTLS where asked.
    pub(super) async fn run<S>(
        &mut self,
        mut stream: S,
        tls: Option<&ServerTls>,
        opening: Opening,
    ) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if opening == Opening::Plain && self.converse(&mut stream).await? == End::Closed {
            return Ok(());
        }
        let Some(tls) = tls else {
            return Ok(());
        };
        let handshake = tls.acceptor().accept(stream);
        let patience = self.session.patience();
        let mut stream = timeout(patience, handshake).await.map_err(too_late)??;
        let tls = tls::describe(stream.get_ref().1);
        match opening {
            Opening::Plain => self.session.tls_started(tls),
            Opening::Tls => self.session.over_tls(tls),
        }
        self.converse(&mut stream).await.map(|_| ())
    }

    /// Talks until the end, or until the stream is to be wrapped in TLS.
    pub(super) async fn converse<S>(&mut self, stream: &mut S) -> io::Result<End>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut buffer = std::mem::take(&mut self.unread);
        let (mut start, mut end) = (0, buffer.len());
        loop {
            let mut input = &buffer[start..end];
            let event = self.session.advance(&mut input);
            start = end - input.len();
            match event {
                Event::Ask(Question::Connect) if self.talks_early(stream, start < end).await? => {
                    self.session.talked_early();
                }
                Event::Ask(question) => {
                    if matches!(question, Question::Message(..)) {
                        self.write(stream).await?;
                    }
                    self.ask(question).await;
                }
                Event::Refused(refused) => self.reception.not_accepted(&refused).await,
                Event::Flush => self.write(stream).await?,
                Event::StartTls => {
                    self.write(stream).await?;
                    return Ok(End::StartTls);
                }
                Event::Close => {
                    self.write(stream).await?;
                    linger(stream).await;
                    return Ok(End::Closed);
                }
                Event::More => {
                    self.write(stream).await?;
                    self.resize(&mut buffer);
                    start = 0;
                    end = self.read(stream, &mut buffer).await?;
                    if end == 0 && !self.session.is_closed() {
                        return Ok(End::Closed);
                    }
                }
            }
        }
    }

    /// Waits before the greeting, where the options ask for it: a mail server waits too,
    /// a spam robot in a hurry does not (RFC 5321 section 3.1).
    async fn talks_early<S>(&self, stream: &mut S, spoke: bool) -> io::Result<bool>
    where
        S: AsyncRead + Unpin,
    {
        let pause = self.session.greet_pause();
        if pause.is_zero() || spoke {
            return Ok(!pause.is_zero());
        }
        let mut octet = [0];
        match timeout(pause, stream.read(&mut octet)).await {
            Ok(Ok(0)) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => read.map(|_| true),
            Err(_) => Ok(false),
        }
    }

    /// An idle connection holds little memory.
    fn resize(&self, buffer: &mut Vec<u8>) {
        let size = if self.session.is_receiving() {
            READ_BUSY
        } else {
            READ_IDLE
        };
        if buffer.len() != size {
            *buffer = vec![0; size];
        }
    }

    /// Reads octets; 0 if the client is gone, or if the session was closed for
    /// want of time or because the daemon stops.
    async fn read<S>(&mut self, stream: &mut S, buffer: &mut [u8]) -> io::Result<usize>
    where
        S: AsyncRead + Unpin,
    {
        let until = (Instant::now() + self.session.patience()).min(self.deadline);
        let receiving = self.session.is_receiving();
        tokio::select! {
            biased;
            () = self.closing.wait(), if !receiving => {
                self.session.stop();
                Ok(0)
            }
            read = timeout_at(until, stream.read(buffer)) => {
                if let Ok(read) = read {
                    return read;
                }
                self.session.timed_out();
                Ok(0)
            }
        }
    }

    async fn write<S>(&mut self, stream: &mut S) -> io::Result<()>
    where
        S: AsyncWrite + Unpin,
    {
        let output = self.session.take_output();
        write_within(stream, &output, self.session.patience()).await
    }

    async fn ask(&mut self, question: Question) {
        let reception = &self.reception;
        let word = match question {
            Question::Connect => reception.connect(self.session.peer()).await,
            Question::Sender(size) => match self.session.envelope() {
                Some(envelope) => reception.sender(envelope, size).await,
                None => Ok(()),
            },
            Question::Recipient(to) => match self.session.envelope() {
                Some(envelope) => match reception.recipient(envelope, &to).await {
                    Ok(()) if self.session.has_one_reply() => {
                        reception.together(envelope, &to).await
                    }
                    word => word,
                },
                None => Ok(()),
            },
            Question::Login(credentials) => {
                boxed(reception.login(self.session.peer(), &credentials)).await
            }
            Question::Message(mail, replies) => {
                let answer = boxed(reception.message(*mail, replies)).await;
                self.session.answered(answer);
                return;
            }
        };
        self.session.word(word);
    }
}

/// Keeps a large future out of the state that an idle connection holds.
fn boxed<F: Future>(future: F) -> std::pin::Pin<Box<F>> {
    Box::pin(future)
}

async fn linger<S>(stream: &mut S)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let wait = async {
        let mut left = LINGER_OCTETS;
        let mut waste = [0; 1024];
        if stream.shutdown().await.is_err() {
            return;
        }
        while let Ok(read @ 1..) = stream.read(&mut waste).await {
            left = left.saturating_sub(read);
            if left == 0 {
                return;
            }
        }
    };
    // Whatever happens now, everything has been said.
    let _ = timeout(LINGER_TIME, wait).await;
}

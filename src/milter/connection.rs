//! Drives a session over a connection of the front relay: reads, asks intake, writes.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, interval_at, timeout};

use super::edits::Leaving;
use super::options::Options;
use super::session::{Event, Question, Session};
use crate::intake::Intake;
use crate::mail::{Address, Mail, Reply};
use crate::net::listen::Closing;
use crate::net::write::write_within;
use crate::policy::{Answer, Replies, not_now};

/// Memory for reading between messages, in octets.
const READ_IDLE: usize = 4 * 1024;
/// Memory for reading while a message is received, in octets.
const READ_BUSY: usize = 64 * 1024;
/// What a front relay comes by.
pub(super) trait Line: AsyncRead + AsyncWrite + Unpin {
    /// Tells the other side at once that its octets have arrived.
    fn acknowledge(&self);
}

impl Line for TcpStream {
    /// Most commands get no reply. The relay's last segment of a message waits for the word that
    /// the one before has arrived (RFC 896), and our system holds that back for 40 ms, unless it is
    /// told not to, after each read anew.
    fn acknowledge(&self) {
        if let Err(error) = self.set_quickack(true) {
            tracing::debug!(%error, "cannot set TCP_QUICKACK");
        }
    }
}

impl Line for UnixStream {
    fn acknowledge(&self) {}
}

/// One connection.
pub(super) struct Connection<'o> {
    pub(super) session: Session,
    pub(super) intake: Intake,
    pub(super) closing: Closing,
    pub(super) options: &'o Options,
}

fn too_late<T>(_: T) -> io::Error {
    io::ErrorKind::TimedOut.into()
}

impl Connection<'_> {
    /// The whole dialogue, for all clients that come by this connection.
    pub(super) async fn converse<S>(&mut self, stream: &mut S) -> io::Result<()>
    where
        S: Line,
    {
        let mut buffer = Vec::new();
        let (mut start, mut end) = (0, 0);
        loop {
            let mut input = &buffer[start..end];
            let event = self.session.advance(&mut input);
            start = end - input.len();
            match event {
                Event::Ask(question) => {
                    if matches!(question, Question::Message(_)) {
                        // What was said before comes before word of progress.
                        self.write(stream).await?;
                    }
                    self.ask(question, stream).await;
                }
                Event::Close(fault) => {
                    if let Some(fault) = fault {
                        tracing::warn!(%fault, "a mail server does not speak the milter protocol as it should");
                    }
                    return self.write(stream).await;
                }
                Event::More => {
                    self.write(stream).await?;
                    let size = if self.session.is_receiving() {
                        READ_BUSY
                    } else {
                        READ_IDLE
                    };
                    if buffer.len() != size {
                        buffer = vec![0; size];
                    }
                    start = 0;
                    stream.acknowledge();
                    end = self.read(stream, &mut buffer).await?;
                    if end == 0 {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Reads octets; 0 if the relay is gone, or if the daemon stops and no message is open.
    async fn read<S>(&mut self, stream: &mut S, buffer: &mut [u8]) -> io::Result<usize>
    where
        S: AsyncRead + Unpin,
    {
        let patience = if self.session.is_between_commands() {
            self.options.idle_time
        } else {
            self.options.command_time
        };
        let receiving = self.session.is_receiving();
        tokio::select! {
            biased;
            () = self.closing.wait(), if !receiving => Ok(0),
            read = timeout(patience.0, stream.read(buffer)) => read.map_err(too_late)?,
        }
    }

    async fn write<S>(&mut self, stream: &mut S) -> io::Result<()>
    where
        S: AsyncWrite + Unpin,
    {
        let output = self.session.take_output();
        write_within(stream, &output, self.options.command_time.0).await
    }

    async fn ask<S>(&mut self, question: Question, stream: &mut S)
    where
        S: AsyncWrite + Unpin,
    {
        match question {
            Question::Recipient(may_be) => {
                let ours = self.ours(may_be).await;
                self.session.recipient(ours);
            }
            Question::LetBy(envelope, size) => {
                self.intake.let_by(&envelope, size).await;
                self.session.let_by();
            }
            Question::Refused(envelope, reply) => {
                let (peer, from) = (&envelope.peer, envelope.from.as_ref());
                self.intake
                    .not_accepted(peer, from, &envelope.to, &reply)
                    .await;
                self.session.message(&reply, None);
            }
            Question::Message(mail) => self.receive(*mail, stream).await,
        }
    }

    /// The first that is in a domain of ours.
    async fn ours(&self, may_be: Vec<Address>) -> Result<Option<Address>, Reply> {
        for address in may_be {
            if self.intake.filters_for(&address).await? {
                return Ok(Some(address));
            }
        }
        Ok(None)
    }

    /// Gives the mail to intake, and tells the relay to wait while it thinks. A relay that goes
    /// meanwhile changes nothing: what was begun is ended, and it will ask again.
    async fn receive<S>(&mut self, mail: Mail, stream: &mut S)
    where
        S: AsyncWrite + Unpin,
    {
        // An interval of no length is a fault.
        let every = self.options.progress_every.0.max(Duration::from_millis(1));
        let leaving = Leaving::new(self.session.keeps_leading_space());
        let reply = {
            let mut receive: Pin<Box<_>> =
                Box::pin(self.intake.receive(mail, Replies::One, &leaving));
            let mut tick = interval_at(Instant::now() + every, every);
            loop {
                tokio::select! {
                    answer = &mut receive => break one(answer),
                    _ = tick.tick() => {
                        let wait = Session::progress();
                        let told = timeout(every, stream.write_all(&wait));
                        if !matches!(told.await, Ok(Ok(()))) {
                            tracing::debug!("the mail server does not wait any more");
                        }
                    }
                }
            }
        };
        self.session.message(&reply, leaving.end());
    }
}

fn one(answer: Answer) -> Reply {
    match answer {
        Answer::One(reply) => reply,
        // One reply was asked for.
        Answer::Each(replies) => {
            let first = replies.into_iter().next();
            first.unwrap_or_else(|| not_now("The message cannot be taken now"))
        }
    }
}

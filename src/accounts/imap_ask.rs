//! Asks the IMAP server of a domain whether a name and a password belong together (RFC 9051).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::net::endpoint::Wire;
use crate::net::lines::Lines;
use crate::net::tls_client::{Certificate, ClientTls};
use crate::record::{ImapServer, ImapTls};

/// From the first packet to the answer.
const ASK_TIME: Duration = Duration::from_secs(20);
/// A server that has not said goodbye by then is left.
const LEAVE_TIME: Duration = Duration::from_millis(500);
/// Longest line of a server, in octets.
const LINE_MOST: usize = 8 * 1024;
/// Lines of a server in answer to one command.
const LINES_MOST: usize = 100;
/// Servers asked at the same time.
const ASKING_MOST: usize = 64;

/// Why a server could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("no answer within {} s", ASK_TIME.as_secs())]
    Late,
    #[error("too many sign-ins are being asked for")]
    Busy,
    #[error(transparent)]
    Line(#[from] std::io::Error),
    #[error("it said: {0}")]
    Said(String),
}

/// Asks IMAP servers for passwords, under TLS; a server on this machine also without.
pub struct ImapAsk {
    tls: ClientTls,
    turns: Semaphore,
}

impl ImapAsk {
    #[must_use]
    pub fn new(tls: ClientTls) -> Self {
        Self {
            tls,
            turns: Semaphore::new(ASKING_MOST),
        }
    }

    /// True if `server` lets `name` in with `password`. Takes at most 20 seconds, and as long
    /// again until it is its turn.
    ///
    /// # Errors
    /// [`AskError`] if it says neither yes nor no.
    pub async fn knows(
        &self,
        server: &ImapServer,
        name: &str,
        password: &str,
    ) -> Result<bool, AskError> {
        if name.contains('\0') || password.contains('\0') {
            return Ok(false);
        }
        let turn = timeout(ASK_TIME, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(AskError::Busy);
        };
        timeout(ASK_TIME, self.ask(server, name, password))
            .await
            .map_err(|_| AskError::Late)?
    }

    async fn ask(&self, server: &ImapServer, name: &str, password: &str) -> Result<bool, AskError> {
        let tcp = TcpStream::connect((server.host.as_str(), server.port)).await?;
        tcp.set_nodelay(true)?;
        // Nobody stands between us and this machine.
        let certificate = if server.is_here() {
            Certificate::Any
        } else {
            Certificate::Valid
        };
        let secure = |stream| self.tls.connect(&server.host, stream, certificate);
        let wire: Box<dyn Wire> = match server.tls {
            ImapTls::Implicit => Box::new(secure(tcp).await?),
            ImapTls::None => Box::new(tcp),
            ImapTls::StartTls => {
                let mut plain = Dialogue::new(tcp);
                plain.greeting().await?;
                plain.send("s STARTTLS").await?;
                plain.tagged("s").await?.yes()?;
                Box::new(secure(plain.bare()?).await?)
            }
        };
        let mut dialogue = Dialogue::new(wire);
        if server.tls != ImapTls::StartTls {
            dialogue.greeting().await?;
        }
        let known = dialogue.sign_in(name, password).await?;
        let leave = dialogue.send("z LOGOUT");
        let _left = timeout(LEAVE_TIME, leave).await;
        Ok(known)
    }
}

/// A tagged answer, or the server's wish to hear more.
enum Answer {
    Ok,
    /// The text behind NO.
    No(String),
    /// Anything else.
    Other(String),
    Continue,
}

impl Answer {
    fn yes(self) -> Result<(), AskError> {
        match self {
            Answer::Ok => Ok(()),
            Answer::No(text) | Answer::Other(text) => Err(AskError::Said(text)),
            Answer::Continue => Err(AskError::Said("+".to_owned())),
        }
    }

    /// NO is "wrong", unless a response code (RFC 5530) says that it is not about the password.
    fn known(self) -> Result<bool, AskError> {
        const NOT_ABOUT_IT: [&str; 6] = [
            "[UNAVAILABLE]",
            "[PRIVACYREQUIRED]",
            "[CONTACTADMIN]",
            "[INUSE]",
            "[LIMIT]",
            "[SERVERBUG]",
        ];
        match self {
            Answer::Ok => Ok(true),
            Answer::No(text) => {
                let upper = text.to_ascii_uppercase();
                if NOT_ABOUT_IT.iter().any(|code| upper.starts_with(code)) {
                    Err(AskError::Said(text))
                } else {
                    Ok(false)
                }
            }
            other => other.yes().map(|()| false),
        }
    }
}

struct Dialogue<S> {
    stream: S,
    lines: Lines,
    /// What was read and not looked at.
    input: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Dialogue<S> {
    fn new(stream: S) -> Self {
        Self {
            stream,
            lines: Lines::new(LINE_MOST),
            input: Vec::new(),
        }
    }

    /// The stream, for TLS. What came ahead of it could be somebody else's words.
    fn bare(self) -> Result<S, AskError> {
        if self.input.is_empty() && !self.lines.is_within_line() {
            Ok(self.stream)
        } else {
            Err(AskError::Said("more than asked before TLS".to_owned()))
        }
    }

    async fn send(&mut self, line: &str) -> Result<(), AskError> {
        self.stream.write_all(line.as_bytes()).await?;
        self.stream.write_all(b"\r\n").await?;
        Ok(self.stream.flush().await?)
    }

    async fn line(&mut self) -> Result<String, AskError> {
        loop {
            let mut rest = self.input.as_slice();
            let line = self.lines.next(&mut rest);
            let taken = self.input.len() - rest.len();
            self.input.drain(..taken);
            match line {
                Some(Ok(line)) => return Ok(String::from_utf8_lossy(&line).into_owned()),
                Some(Err(fault)) => return Err(AskError::Said(fault.to_string())),
                None => {}
            }
            let mut piece = [0; 2048];
            let read = self.stream.read(&mut piece).await?;
            if read == 0 {
                return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
            }
            self.input
                .extend_from_slice(piece.get(..read).unwrap_or_default());
        }
    }

    async fn greeting(&mut self) -> Result<(), AskError> {
        let line = self.line().await?;
        if line.to_ascii_uppercase().starts_with("* OK") {
            Ok(())
        } else {
            Err(AskError::Said(line))
        }
    }

    async fn tagged(&mut self, tag: &str) -> Result<Answer, AskError> {
        for _ in 0..LINES_MOST {
            let line = self.line().await?;
            if line.starts_with('+') {
                return Ok(Answer::Continue);
            }
            if line.to_ascii_uppercase().starts_with("* BYE") {
                return Err(AskError::Said(line));
            }
            let Some(rest) = line
                .strip_prefix(tag)
                .and_then(|rest| rest.strip_prefix(' '))
            else {
                continue;
            };
            let (word, text) = rest.split_once(' ').unwrap_or((rest, ""));
            return Ok(match word.to_ascii_uppercase().as_str() {
                "OK" => Answer::Ok,
                "NO" => Answer::No(text.to_owned()),
                _ => Answer::Other(rest.to_owned()),
            });
        }
        Err(AskError::Said("too many lines".to_owned()))
    }

    /// By AUTHENTICATE PLAIN (RFC 4616); a server that knows it not is asked by LOGIN.
    async fn sign_in(&mut self, name: &str, password: &str) -> Result<bool, AskError> {
        self.send("a AUTHENTICATE PLAIN").await?;
        match self.tagged("a").await? {
            Answer::Continue => {
                let response = STANDARD.encode(format!("\0{name}\0{password}"));
                self.send(&response).await?;
                self.tagged("a").await?.known()
            }
            Answer::Ok => Err(AskError::Said("OK before it heard a password".to_owned())),
            Answer::No(_) | Answer::Other(_) => self.log_in(name, password).await,
        }
    }

    /// With literals: they may hold any octet.
    async fn log_in(&mut self, name: &str, password: &str) -> Result<bool, AskError> {
        self.send(&format!("b LOGIN {{{}}}", name.len())).await?;
        for (words, more) in [(name, Some(password)), (password, None)] {
            match self.tagged("b").await? {
                Answer::Continue => {}
                Answer::Ok => return Err(AskError::Said("OK too early".to_owned())),
                refused => return refused.known(),
            }
            let line = match more {
                Some(next) => format!("{words} {{{}}}", next.len()),
                None => words.to_owned(),
            };
            self.send(&line).await?;
        }
        self.tagged("b").await?.known()
    }
}

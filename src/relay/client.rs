//! One connection to a next host: greeting, EHLO, STARTTLS, and exchanges of commands.
//!
//! Of our own making rather than mail-send's: its client hides the stream, so that
//! commands cannot be pipelined and a connection cannot be kept for the next mail.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::Options;
use super::answers::{Answers, Nonsense};
use crate::mail::Reply;
use crate::net::tls_client::{Certificate, ClientTls};
use crate::record::{Route, RouteTls};

/// Most addresses of one host that are tried.
const ADDRESSES_MOST: usize = 8;
/// Memory for reading replies, in octets.
const READ: usize = 2048;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync> Stream for S {}

/// A connection did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("{}", .0.kind())]
    Io(#[from] io::Error),
    #[error("name not found ({0})")]
    Name(io::Error),
    #[error("no answer in time")]
    Late,
    #[error("connection closed by the other side")]
    Closed,
    #[error(transparent)]
    Nonsense(#[from] Nonsense),
}

/// What the next host said in EHLO.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Offers {
    pub(super) pipelining: bool,
    /// Its limit in octets; 0 if it tells none (RFC 1870).
    pub(super) size: Option<u64>,
    pub(super) eight_bit: bool,
    pub(super) utf8: bool,
    pub(super) starttls: bool,
    /// The mechanism PLAIN (RFC 4616).
    pub(super) plain: bool,
}

impl Offers {
    fn of(ehlo: &Reply) -> Self {
        let mut offers = Self::default();
        for line in ehlo.text.split('\n').skip(1) {
            let mut words = line.split_ascii_whitespace();
            match words.next().unwrap_or("").to_ascii_uppercase().as_str() {
                "PIPELINING" => offers.pipelining = true,
                "SIZE" => {
                    offers.size = Some(words.next().and_then(|n| n.parse().ok()).unwrap_or(0));
                }
                "8BITMIME" => offers.eight_bit = true,
                "SMTPUTF8" => offers.utf8 = true,
                "STARTTLS" => offers.starttls = true,
                "AUTH" => offers.plain = words.any(|word| word.eq_ignore_ascii_case("PLAIN")),
                _ => {}
            }
        }
        offers
    }
}

/// What all connections share.
pub(super) struct Ways {
    pub(super) options: Options,
    pub(super) helo: String,
    pub(super) tls: ClientTls,
}

/// A connection that has said EHLO.
pub(super) struct Client {
    stream: Box<dyn Stream>,
    answers: Answers,
    unread: Vec<u8>,
    /// `host:port`, as it is named in replies of our own.
    pub(super) place: String,
    pub(super) offers: Offers,
    /// TLS is on.
    pub(super) secured: bool,
    pub(super) uses: u32,
    /// Replies of 4yz and 5yz: servers slow down and close when they have said many.
    pub(super) refusals: u32,
    pub(super) idle_since: Instant,
    /// False once it cannot be used for another mail.
    pub(super) sound: bool,
}

/// A reply of our own for a host that cannot be used: the sender may come back.
pub(super) fn unusable(place: &str, detail: u16, why: impl std::fmt::Display) -> Reply {
    Reply::new(451, 4, detail, format!("{place}: {why}"))
}

impl Client {
    /// Connects, and does all that comes before MAIL.
    ///
    /// # Errors
    /// A 451 reply of our own that names host and cause.
    pub(super) async fn open(route: &Route, ways: &Ways) -> Result<Self, Reply> {
        let mut client = Self::greeted(route, ways).await?;
        let offered = client.offers.starttls;
        match route.tls {
            RouteTls::None => return Ok(client),
            RouteTls::Opportunistic if !offered => return Ok(client),
            RouteTls::Required if !offered => {
                let why = "STARTTLS is required, and not offered";
                return Err(Reply::new(451, 7, 4, format!("{}: {why}", client.place)));
            }
            RouteTls::Opportunistic | RouteTls::Required => {}
        }
        let required = route.tls == RouteTls::Required;
        let place = client.place.clone();
        let time = ways.options.command_time.0;
        let said = client.command("STARTTLS", time).await;
        let why = match said {
            Ok(reply) if reply.is_positive() => match client.secure(route, ways).await {
                Ok(client) => return Ok(client),
                Err(why) => why,
            },
            Ok(reply) if !required => {
                tracing::debug!(host = %place, %reply, "STARTTLS refused, going on without");
                return Ok(client);
            }
            Ok(reply) => reply.to_string(),
            Err(broken) => broken.to_string(),
        };
        if required {
            return Err(Reply::new(451, 7, 5, format!("{place}: TLS: {why}")));
        }
        tracing::info!(host = %place, %why, "TLS failed, going on without");
        Self::greeted(route, ways).await
    }

    async fn greeted(route: &Route, ways: &Ways) -> Result<Self, Reply> {
        let place = place(route);
        let stream = connect(route, ways.options.connect_time.0)
            .await
            .map_err(|broken| unusable(&place, 1, broken))?;
        let mut client = Self {
            stream: Box::new(stream),
            answers: Answers::new(),
            unread: Vec::new(),
            place,
            offers: Offers::default(),
            secured: false,
            uses: 0,
            refusals: 0,
            idle_since: Instant::now(),
            sound: true,
        };
        let time = ways.options.command_time.0;
        let greeting = client.reply(time).await;
        let greeting = greeting.map_err(|broken| unusable(&client.place, 2, broken))?;
        if greeting.code != 220 {
            return Err(unusable(&client.place, 0, format!("greeting: {greeting}")));
        }
        client.hello(ways).await?;
        Ok(client)
    }

    async fn hello(&mut self, ways: &Ways) -> Result<(), Reply> {
        let time = ways.options.command_time.0;
        let lost = |place: &str, broken: Broken| unusable(place, 2, broken);
        let ehlo = self.command(&format!("EHLO {}", ways.helo), time).await;
        let mut reply = ehlo.map_err(|broken| lost(&self.place, broken))?;
        if reply.is_positive() {
            self.offers = Offers::of(&reply);
            return Ok(());
        }
        if reply.is_permanent() {
            self.offers = Offers::default();
            let helo = self.command(&format!("HELO {}", ways.helo), time).await;
            reply = helo.map_err(|broken| lost(&self.place, broken))?;
            if reply.is_positive() {
                return Ok(());
            }
        }
        Err(unusable(&self.place, 0, format!("EHLO: {reply}")))
    }

    /// Wraps the stream in TLS and says EHLO again.
    async fn secure(mut self, route: &Route, ways: &Ways) -> Result<Self, String> {
        if !self.unread.is_empty() || !self.answers.is_between() {
            return Err("octets in front of the handshake".to_owned());
        }
        let certificate = match route.tls {
            RouteTls::Required => Certificate::Valid,
            RouteTls::Opportunistic | RouteTls::None => Certificate::Any,
        };
        let handshake = ways.tls.connect(&route.host, self.stream, certificate);
        match timeout(ways.options.command_time.0, handshake).await {
            Ok(Ok(stream)) => self.stream = Box::new(stream),
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err(Broken::Late.to_string()),
        }
        self.secured = true;
        self.hello(ways).await.map_err(|reply| reply.text)?;
        Ok(self)
    }

    /// Sends one command and reads its reply.
    pub(super) async fn command(&mut self, command: &str, time: Duration) -> Result<Reply, Broken> {
        self.write(format!("{command}\r\n").as_bytes(), time)
            .await?;
        self.reply(time).await
    }

    /// Writes all of `octets` in one go where the system lets us.
    pub(super) async fn write(&mut self, octets: &[u8], time: Duration) -> Result<(), Broken> {
        let write = async {
            self.stream.write_all(octets).await?;
            self.stream.flush().await
        };
        let written = match timeout(time, write).await {
            Ok(written) => written.map_err(Broken::from),
            Err(_) => Err(Broken::Late),
        };
        self.sound &= written.is_ok();
        written
    }

    /// Reads the next reply.
    pub(super) async fn reply(&mut self, time: Duration) -> Result<Reply, Broken> {
        let reply = match timeout(time, self.read_reply()).await {
            Ok(reply) => reply,
            Err(_) => Err(Broken::Late),
        };
        self.refusals += u32::from(reply.as_ref().is_ok_and(|reply| reply.code >= 400));
        // 421 says that the host is about to close (RFC 5321 section 3.8).
        self.sound &= reply.as_ref().is_ok_and(|reply| reply.code != 421);
        reply
    }

    async fn read_reply(&mut self) -> Result<Reply, Broken> {
        let mut octets = std::mem::take(&mut self.unread);
        loop {
            let mut input = octets.as_slice();
            let reply = self.answers.next(&mut input);
            self.unread = input.to_vec();
            if let Some(reply) = reply {
                return reply.map_err(Broken::from);
            }
            octets.resize(READ, 0);
            let read = self.stream.read(&mut octets).await?;
            if read == 0 {
                return Err(Broken::Closed);
            }
            octets.truncate(read);
        }
    }

    /// True if it is sound and quiet: the next host has not closed it, nor said
    /// anything that was not asked for.
    pub(super) fn is_quiet(&mut self) -> bool {
        use futures_util::FutureExt as _;
        let mut octet = [0; 1];
        self.sound
            && self.unread.is_empty()
            && self.answers.is_between()
            && self.stream.read(&mut octet).now_or_never().is_none()
    }

    /// Says QUIT without waiting for the reply.
    pub(super) async fn quit(mut self, time: Duration) {
        // It is closed in any case.
        let _ = self.write(b"QUIT\r\n", time).await;
        let _ = timeout(time, self.stream.shutdown()).await;
    }
}

/// `host:port`
pub(super) fn place(route: &Route) -> String {
    if route.host.contains(':') {
        format!("[{}]:{}", route.host, route.port)
    } else {
        format!("{}:{}", route.host, route.port)
    }
}

/// Tries the addresses of the host one after the other.
async fn connect(route: &Route, time: Duration) -> Result<TcpStream, Broken> {
    let lookup = tokio::net::lookup_host((route.host.as_str(), route.port));
    let addresses = match timeout(time, lookup).await {
        Ok(addresses) => addresses.map_err(Broken::Name)?,
        Err(_) => return Err(Broken::Late),
    };
    let mut last = Broken::Name(io::ErrorKind::NotFound.into());
    for address in addresses.take(ADDRESSES_MOST) {
        match timeout(time, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => last = error.into(),
            Err(_) => last = Broken::Late,
        }
    }
    Err(last)
}

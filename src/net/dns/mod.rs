//! DNS: the system's resolver or listed servers; a fixed zone; or nothing, said at once.

mod exchange;
mod zone;

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::RecordType;
use mail_auth::MessageAuthenticator;

use crate::options::Span;
pub use exchange::{Exchange, NoExchange};
pub use zone::{Zone, ZoneError};

/// How long a server that does not answer is left alone.
const REST: Duration = Duration::from_secs(30);
/// Time for the question whether there is an answer at all.
const PROBE_TIME: Duration = Duration::from_secs(2);
/// Names kept by the resolver.
const CACHE_MOST: u64 = 16_384;
/// No answer is kept longer than that.
const KEPT_MOST: Duration = Duration::from_secs(3600);

crate::options! {
    /// Where answers from the DNS come from.
    pub struct Options in "dns" {
        /// Ask the DNS at all; without it, checks that need it are unavailable.
        pub enabled: bool = true,
        /// Name servers as addresses, such as ["192.0.2.53", "[2001:db8::53]:5353"]; if empty, those of the system.
        pub servers: Vec<String> = Vec::new(),
        /// Time for one question to one server; it is asked twice.
        pub timeout: Span = Span::seconds(2),
    }
}

/// A name server is not written as it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a name server; write an IP address, or [address]:port")]
pub struct ServerError(String);

/// What is known of the server's health.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Health {
    Unknown,
    Answers,
    Silent(Instant),
}

enum Source {
    Off(String),
    Live(Box<MessageAuthenticator>),
    Fixed(Box<MessageAuthenticator>),
}

/// The house's access to the DNS. A server that is silent is found out with one
/// question and then left alone for a while, so that no mail waits for it.
pub struct Dns {
    source: Source,
    zone: Zone,
    health: parking_lot::Mutex<Health>,
    /// Held by the one who asks whether there is an answer.
    probe: tokio::sync::Mutex<()>,
}

impl Dns {
    /// As the options say. Without a resolver on the system it is off, and says why.
    ///
    /// # Errors
    /// [`ServerError`] for an entry of `servers` that is no address.
    pub fn open(options: &Options) -> Result<Self, ServerError> {
        if !options.enabled {
            return Ok(Self::off("DNS is switched off"));
        }
        let (config, mut settings) = if options.servers.is_empty() {
            match hickory_resolver::system_conf::read_system_conf() {
                Ok(found) => found,
                Err(e) => return Ok(Self::off(format!("the system names no DNS server: {e}"))),
            }
        } else {
            let servers = options
                .servers
                .iter()
                .map(|text| server(text))
                .collect::<Result<Vec<_>, _>>()?;
            (
                ResolverConfig::from_parts(None, Vec::new(), servers),
                ResolverOpts::default(),
            )
        };
        settings.timeout = options.timeout.0;
        settings.attempts = 1;
        settings.cache_size = CACHE_MOST;
        settings.positive_max_ttl = Some(KEPT_MOST);
        settings.negative_max_ttl = Some(KEPT_MOST);
        Ok(match MessageAuthenticator::new(config, settings) {
            Ok(resolver) => Self::from(Source::Live(Box::new(resolver)), Zone::default()),
            Err(e) => Self::off(format!("the resolver cannot start: {e}")),
        })
    }

    /// No DNS; `why` is shown with each check that needs it.
    #[must_use]
    pub fn off(why: impl Into<String>) -> Self {
        Self::from(Source::Off(why.into()), Zone::default())
    }

    /// A fixed zone, for tests and simulations: nothing is asked of the network.
    /// Lines of name, type and value; see [`Zone`].
    ///
    /// # Errors
    /// [`ZoneError`] names the line.
    pub fn fixed(zone: &str) -> Result<Self, ZoneError> {
        let zone = zone.parse()?;
        let nobody = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        Ok(
            match MessageAuthenticator::new(nobody, ResolverOpts::default()) {
                Ok(resolver) => Self::from(Source::Fixed(Box::new(resolver)), zone),
                Err(e) => Self::off(format!("the resolver cannot start: {e}")),
            },
        )
    }

    fn from(source: Source, zone: Zone) -> Self {
        Self {
            source,
            zone,
            health: parking_lot::Mutex::new(Health::Unknown),
            probe: tokio::sync::Mutex::new(()),
        }
    }

    /// The resolver, if it answers; else why not. Takes at most two seconds, and
    /// that only once in a while.
    ///
    /// # Errors
    /// Why there is no DNS now, in words.
    pub async fn resolver(&self) -> Result<&MessageAuthenticator, String> {
        let resolver = match &self.source {
            Source::Off(why) => return Err(why.clone()),
            Source::Fixed(resolver) => return Ok(resolver),
            Source::Live(resolver) => resolver,
        };
        if self.is_unknown() {
            let _one_at_a_time = self.probe.lock().await;
            if self.is_unknown() {
                *self.health.lock() = probe(resolver).await;
            }
        }
        match *self.health.lock() {
            Health::Silent(_) => Err("the DNS server does not answer".to_owned()),
            Health::Unknown | Health::Answers => Ok(resolver),
        }
    }

    /// The records that are known without asking; empty but for a fixed zone.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Tells that questions went unanswered: the next mail looks whether the server is there.
    pub fn unanswered(&self) {
        let mut health = self.health.lock();
        if *health == Health::Answers {
            *health = Health::Unknown;
        }
    }

    fn is_unknown(&self) -> bool {
        match *self.health.lock() {
            Health::Unknown => true,
            Health::Answers => false,
            Health::Silent(since) => since.elapsed() >= REST,
        }
    }
}

/// Any answer will do, also a refusal. The name is new each time, so that no cache of ours
/// answers; it is in a zone that nobody has (RFC 6761 section 6.2).
async fn probe(resolver: &MessageAuthenticator) -> Health {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    let name = format!(
        "probe{}.quaranta.test.",
        ASKED.fetch_add(1, Ordering::Relaxed)
    );
    let question = resolver.resolver().lookup(name, RecordType::TXT);
    match tokio::time::timeout(PROBE_TIME, question).await {
        Ok(Ok(_) | Err(NetError::Dns(_))) => Health::Answers,
        Ok(Err(_)) | Err(_) => {
            tracing::warn!("the DNS server does not answer; checks that need it are unavailable");
            Health::Silent(Instant::now())
        }
    }
}

fn server(text: &str) -> Result<NameServerConfig, ServerError> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(NameServerConfig::udp_and_tcp(address));
    }
    let socket: SocketAddr = text
        .parse()
        .map_err(|_| ServerError(text.chars().take(80).collect()))?;
    let mut config = NameServerConfig::udp_and_tcp(socket.ip());
    for connection in &mut config.connections {
        connection.port = socket.port();
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_addresses_with_or_without_port() {
        assert!(server("192.0.2.1").is_ok() && server("2001:db8::1").is_ok());
        assert_eq!(
            server("[2001:db8::1]:5353").expect("server").connections[0].port,
            5353
        );
        assert!(server("dns.example").is_err());
    }

    #[tokio::test]
    async fn xx06_without_dns_the_answer_is_why() {
        let options = Options {
            enabled: false,
            ..Options::default()
        };
        let dns = Dns::open(&options).expect("dns");
        assert_eq!(
            dns.resolver().await.err().as_deref(),
            Some("DNS is switched off")
        );
    }

    #[tokio::test]
    async fn xx06_a_silent_server_is_left_alone() {
        // A bound socket that nobody reads: questions go nowhere.
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("socket");
        let options = Options {
            servers: vec![silent.local_addr().expect("address").to_string()],
            timeout: Span(Duration::from_millis(50)),
            ..Options::default()
        };
        let dns = Dns::open(&options).expect("dns");
        assert!(dns.resolver().await.is_err());
        let mut buffer = [0; 512];
        silent.set_nonblocking(true).expect("socket");
        assert!(silent.recv(&mut buffer).is_ok(), "it was asked");
        while silent.recv(&mut buffer).is_ok() {}
        assert!(dns.resolver().await.is_err());
        assert!(
            silent.recv(&mut buffer).is_err(),
            "it was asked again at once"
        );
    }
}

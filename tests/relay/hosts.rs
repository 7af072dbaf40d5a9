//! Next hosts for the tests: our own SMTP door, and hosts that follow a script.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use quaranta::clock::Clock;
use quaranta::mail::{Address, BodyType, Budget, Direction, Envelope, Mail, Message, Peer, Reply};
use quaranta::net::listen::{Closer, closing};
use quaranta::net::tls::{self, ServerTls};
use quaranta::options::Span;
use quaranta::policy::{Answer, Replies};
use quaranta::relay::{Carrier, Options, Parcel, Relay};
use quaranta::smtp::{self, Door, Reception, Setup};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Keeps what it gets; `refused@` and `later@` are refused.
#[derive(Default)]
pub(crate) struct Sink {
    pub(crate) got: Mutex<Vec<(Envelope, Vec<u8>)>>,
    pub(crate) connections: Mutex<usize>,
}

#[async_trait]
impl Reception for Sink {
    async fn connect(&self, _: &Peer) -> Result<(), Reply> {
        *self.connections.lock() += 1;
        Ok(())
    }

    async fn recipient(&self, _: &Envelope, to: &Address) -> Result<(), Reply> {
        match to.local() {
            "refused" => Err(Reply::new(550, 1, 1, "Not here")),
            "later" => Err(Reply::new(451, 7, 1, "Not now")),
            _ => Ok(()),
        }
    }

    async fn message(&self, mail: Mail, _: Replies) -> Answer {
        let octets = mail.message.bytes().to_vec();
        let spam = octets.starts_with(b"SPAM");
        self.got.lock().push((mail.envelope, octets));
        Answer::One(if spam {
            Reply::new(554, 7, 1, "Spam")
        } else {
            Reply::new(250, 0, 0, "Taken")
        })
    }
}

/// Our own door as the next host.
pub(crate) struct Host {
    pub(crate) sink: Arc<Sink>,
    pub(crate) route: String,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) _closer: Closer,
}

pub(crate) async fn host(options: smtp::Options, with_tls: bool) -> Host {
    let dir = tempfile::tempdir().expect("dir");
    let tls = with_tls
        .then(|| ServerTls::open(&tls::Options::default(), dir.path(), "mx.test").expect("tls"));
    let sink = Arc::new(Sink::default());
    let setup = Setup {
        hostname: "mx.test".to_owned(),
        direction: Direction::Inbound,
        protocol: quaranta::smtp::Protocol::Smtp,
        options,
        tls: false,
        budget: Budget::new(64 << 20),
        clock: Clock::system(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
    let route = listener.local_addr().expect("address").to_string();
    let (closer, closing) = closing();
    tokio::spawn(Door::new(setup, tls, sink.clone()).serve(listener, closing));
    Host {
        sink,
        route,
        dir,
        _closer: closer,
    }
}

pub(crate) async fn plain_host() -> Host {
    host(smtp::Options::default(), false).await
}

pub(crate) fn relay() -> Relay {
    Relay::new(quick(), "relay.test").expect("relay")
}

pub(crate) fn quick() -> Options {
    Options {
        connect_time: Span::seconds(5),
        command_time: Span::seconds(5),
        data_time: Span::seconds(5),
        final_time: Span::seconds(5),
        ..Options::default()
    }
}

pub(crate) fn mail(octets: impl AsRef<[u8]>) -> Mail {
    let envelope = Envelope {
        peer: Peer::local(),
        direction: Direction::Inbound,
        from: Some("sender@example.com".parse().expect("address")),
        to: Vec::new(),
        body: BodyType::SevenBit,
        smtputf8: false,
    };
    let message = Message::new(octets.as_ref().to_vec(), None).expect("message");
    Mail::new(envelope, message, 0)
}

pub(crate) fn parcel(to: &[&str], routes: &[&str]) -> Parcel {
    Parcel {
        to: to.iter().map(|to| to.parse().expect("address")).collect(),
        edits: Vec::new(),
        routes: Arc::new(
            routes
                .iter()
                .map(|route| route.parse().expect("route"))
                .collect(),
        ),
    }
}

pub(crate) async fn carry(relay: &Relay, mail: &Mail, to: &[&str], routes: &[&str]) -> Vec<String> {
    let replies = relay.carry(mail, &[parcel(to, routes)]).await;
    assert_eq!(replies.len(), 1);
    replies[0].iter().map(ToString::to_string).collect()
}

/// A host that follows a script, one for each connection: it says the first reply,
/// and then waits for a line with each prefix and says the reply to it. `<message>`
/// waits for the final dot; the reply `!` closes. Returns what was not in a script.
pub(crate) fn scripted(
    listener: TcpListener,
    scripts: Vec<Vec<(&'static str, &'static str)>>,
) -> tokio::task::JoinHandle<Vec<String>> {
    tokio::spawn(async move {
        let mut heard = Vec::new();
        for script in scripts {
            let (stream, _) = listener.accept().await.expect("accept");
            converse(stream, &script, &mut heard).await;
        }
        heard
    })
}

pub(crate) async fn converse(stream: TcpStream, script: &[(&str, &str)], heard: &mut Vec<String>) {
    let mut stream = BufReader::new(stream);
    for (prefix, reply) in script {
        loop {
            let mut line = String::new();
            if prefix.is_empty() {
                break;
            }
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            if *prefix == "<message>" {
                if line == ".\r\n" {
                    break;
                }
                continue;
            }
            heard.push(line.trim_end().to_owned());
            assert!(line.starts_with(prefix), "{line:?} instead of {prefix:?}");
            break;
        }
        if *reply == "!" {
            return;
        }
        if stream
            .write_all(format!("{reply}\r\n").as_bytes())
            .await
            .is_err()
        {
            return;
        }
    }
    // The other side closes.
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
}

pub(crate) async fn bound() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
    let address: SocketAddr = listener.local_addr().expect("address");
    (listener, address.to_string())
}

pub(crate) const EHLO: (&str, &str) = ("EHLO", "250-host\r\n250-PIPELINING\r\n250 8BITMIME");

//! The way of a mail through the house against the way without it, in the same run:
//! straight to a sink, passed through, with all local checks, and as spam into the quarantine.
//!
//! `cargo bench --bench proxy -- [DIR] [MESSAGES]`; the quarantine lies in DIR. Client, house
//! and sink are processes of their own, so that CPU is the house's alone. Read the ratios.
//! `QUARANTA_HOUSE` may name another build of this program, whose house is measured instead.

#[path = "proxy/mail.rs"]
mod mail;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use quaranta::actions::Desk;
use quaranta::clock::Clock;
use quaranta::inspect::{self, StandardPanel};
use quaranta::intake::{self, Intake};
use quaranta::mail::{Address, Budget, Direction, Envelope, Mail, Reply};
use quaranta::net::dns::Dns;
use quaranta::net::listen::{bind, closing};
use quaranta::policy::{Answer, Layer, Mode, Principal, Replies, Scope};
use quaranta::record::{DomainSettings, Door, Route, RouteTls};
use quaranta::relay::{self, Relay};
use quaranta::smtp::{self, Reception};
use quaranta::store::on_sled;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Messages of each run, unless said otherwise.
const MESSAGES: usize = 3000;
/// Messages sent before, which are not counted.
const WARM: usize = 64;
/// The middle one counts.
const ROUNDS: u64 = 3;

fn main() -> Result<(), Fault> {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["sink"] => serve(sink),
        ["house", way, sink, dir] => serve(async || house(way, sink.parse()?, dir.as_ref()).await),
        ["client", to, lines, count, seed, kind, dir] => {
            let signer = mail::Signer::open(dir.as_ref())?;
            let seed: u64 = seed.parse()?;
            let mails =
                (0..count.parse()?).map(|n| mail::message(seed + n, kind == "spam", &signer));
            client(
                to.parse()?,
                lines.parse()?,
                kind,
                &mails.collect::<Vec<_>>(),
            )
        }
        [] => measure(&std::env::temp_dir(), MESSAGES),
        [dir] => measure(dir.as_ref(), MESSAGES),
        [dir, count] => measure(dir.as_ref(), count.parse()?),
        _ => Err("name a directory and a number of messages".into()),
    }
}

/// What a run took, for each message.
#[derive(Clone, Copy)]
struct Cost {
    seconds: f64,
    cpu_ms: f64,
}

fn measure(dir: &Path, count: usize) -> Result<(), Fault> {
    let place = tempfile::tempdir_in(dir)?;
    let dir = place.path();
    write_zone(dir)?;
    let mut out = io::stdout();
    writeln!(
        out,
        "{:12} {:>11} {:>10} {:>9} {:>15}",
        "way", "connections", "messages/s", "to direct", "CPU ms/message"
    )?;
    for lines in [1, 16] {
        let mut direct = 0.0;
        for way in ["direct", "passed", "checked", "quarantined"] {
            let mut costs: Vec<Cost> = (0..ROUNDS)
                .map(|round| run(way, lines, count, round, dir))
                .collect::<Result<_, _>>()?;
            costs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
            let Cost { seconds, cpu_ms } = costs[costs.len() / 2];
            let rate = 1.0 / seconds;
            if way == "direct" {
                direct = rate;
            }
            let ratio = rate / direct;
            writeln!(
                out,
                "{way:12} {lines:>11} {rate:>10.0} {ratio:>9.2} {cpu_ms:>15.3}"
            )?;
        }
    }
    Ok(())
}

fn run(way: &str, lines: usize, count: usize, round: u64, dir: &Path) -> Result<Cost, Fault> {
    let sink = Server::start(&["sink"])?;
    let sink_at = sink.at.to_string();
    let dir = dir.to_str().ok_or("the directory has no plain name")?;
    // Without a house, the sink's own CPU is shown.
    let house = match way {
        "direct" => None,
        _ => Some(Server::start(&["house", way, &sink_at, dir])?),
    };
    let target = house.as_ref().unwrap_or(&sink);
    let kind = match way {
        "direct" => way,
        "quarantined" => "spam",
        _ => "ham",
    };
    let send = |count: usize, seed: u64| -> Result<f64, Fault> {
        let words = [
            "client",
            &target.at.to_string(),
            &lines.to_string(),
            &count.to_string(),
            &seed.to_string(),
            kind,
            dir,
        ];
        let done = again(&words).output()?;
        Ok(String::from_utf8(done.stdout)?.trim().parse::<f64>()?)
    };
    send(WARM, 0)?;
    let before = target.cpu_ms();
    let seconds = send(count, 1_000_000 * (round + 1))?;
    Ok(Cost {
        seconds: seconds / count as f64,
        cpu_ms: (target.cpu_ms() - before) / count as f64,
    })
}

/// This program in another part.
fn again(words: &[&str]) -> Command {
    let mut own = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe"));
    if words.first() == Some(&"house") {
        own = std::env::var_os("QUARANTA_HOUSE").map_or(own, PathBuf::from);
    }
    let mut command = Command::new(own);
    command
        .args(words)
        .stdin(Stdio::piped())
        .stderr(Stdio::inherit());
    command
}

/// A server of ours in another process; it ends with its standard input.
struct Server {
    child: Child,
    at: SocketAddr,
    _stdin: Option<ChildStdin>,
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    fn start(words: &[&str]) -> Result<Self, Fault> {
        let mut child = again(words).stdout(Stdio::piped()).spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        Ok(Self {
            at: line.trim().parse()?,
            _stdin: child.stdin.take(),
            _stdout: stdout,
            child,
        })
    }

    /// Processor time of all its threads so far (`/proc/PID/stat`, 100 ticks a second).
    fn cpu_ms(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2);
        10.0 * ticks
            .filter_map(|field| field.parse::<f64>().ok())
            .sum::<f64>()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing of it is wanted any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Opens a door, tells its address, and keeps it open until standard input ends.
fn serve<F>(open: impl FnOnce() -> F) -> Result<(), Fault>
where
    F: Future<Output = Result<smtp::Door, Fault>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let door = open().await?;
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = bind(&[any]).await?.pop().ok_or("no listener")?;
        writeln!(io::stdout(), "{}", listener.local_addr()?)?;
        let (closer, closing) = closing();
        tokio::spawn(door.serve(listener, closing));
        tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await??;
        drop(closer);
        Ok(())
    })
}

fn setup(options: smtp::Options) -> smtp::Setup {
    smtp::Setup {
        hostname: "mx.example.org".to_owned(),
        direction: Direction::Inbound,
        protocol: smtp::Protocol::Smtp,
        options: smtp::Options {
            transactions: usize::MAX,
            ..options
        },
        tls: false,
        budget: Budget::new(512 << 20),
        clock: Clock::system(),
    }
}

/// Takes everything.
struct Sink;

#[async_trait]
impl Reception for Sink {
    async fn recipient(&self, _: &Envelope, _: &Address) -> Result<(), Reply> {
        Ok(())
    }

    async fn message(&self, mail: Mail, _: Replies) -> Answer {
        Answer::One(Reply::new(250, 0, 0, format!("{} taken", mail.id)))
    }
}

async fn sink() -> Result<smtp::Door, Fault> {
    Ok(smtp::Door::new(
        setup(smtp::Options::default()),
        None,
        Arc::new(Sink),
    ))
}

/// A house before the sink: without checks, or with all that need no network.
async fn house(way: &str, sink: SocketAddr, dir: &Path) -> Result<smtp::Door, Fault> {
    let clock = Clock::system();
    let passed = way == "passed";
    let mut checks = inspect::Options::default();
    if passed {
        checks.rules = Vec::new();
        checks.authentication = false;
    }
    let zone = std::fs::read_to_string(dir.join("zone"))?;
    let panel = StandardPanel::open(&checks, Arc::new(Dns::fixed(&zone)?), clock.clone())?;
    let relay = Arc::new(Relay::new(relay::Options::default(), "mx.example.org")?);
    let store = dir.join(format!("store-{}", std::process::id()));
    let (store, handle) = on_sled::open(&store, &on_sled::Options::default(), clock.clone())?;
    // The store lives as long as this process.
    std::mem::forget(handle);
    let desk = Desk::new(store.clone(), clock.clone());
    let (by, door) = (Principal::house("bench"), Door::new("bench", ""));
    let domain = DomainSettings {
        domain: "example.org".parse()?,
        routes: vec![Route {
            host: sink.ip().to_string(),
            port: sink.port(),
            tls: RouteTls::None,
            priority: 10,
        }],
        imap: None,
    };
    desk.set_domain(&by, domain, &door).await?;
    let layer = Layer {
        mode: passed.then_some(Mode::Off),
        ..Layer::default()
    };
    desk.set_layer(&by, Scope::Global, layer, &door).await?;
    let intake = Intake::new(intake::Parts {
        store,
        desk,
        panel: Arc::new(panel),
        callout: relay.clone(),
        clock,
        hostname: "mx.example.org".to_owned(),
        options: intake::Options::default(),
        greylist: intake::greylist::Options::default(),
    });
    let options = smtp::Options {
        proxy_protocol_from: vec!["127.0.0.1".parse()?],
        ..smtp::Options::default()
    };
    let reception = Arc::new(smtp::Inbound::new(intake, relay));
    Ok(smtp::Door::new(setup(options), None, reception))
}

/// A signing key, and what the DNS says of the sender.
fn write_zone(dir: &Path) -> Result<(), Fault> {
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048)?;
    let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der()?;
    std::fs::write(dir.join("key"), pkcs8.as_ref())?;
    let public: aws_lc_rs::encoding::PublicKeyX509Der<'_> = pair.public_key().as_der()?;
    let public = BASE64_STANDARD.encode(public.as_ref());
    let zone = format!(
        "sender.example TXT \"v=spf1 ip4:192.0.2.0/24 -all\"\n\
         _dmarc.sender.example TXT \"v=DMARC1; p=reject\"\n\
         s._domainkey.sender.example TXT \"v=DKIM1; k=rsa; p={public}\"\n"
    );
    Ok(std::fs::write(dir.join("zone"), zone)?)
}

/// Sends all `mails` over `lines` connections, and tells the seconds it took.
fn client(to: SocketAddr, lines: usize, kind: &str, mails: &[Vec<u8>]) -> Result<(), Fault> {
    let next = AtomicUsize::new(0);
    let mut ready: Vec<Talk> = (0..lines)
        .map(|_| Talk::open(to, kind != "direct"))
        .collect::<Result<_, _>>()?;
    let start = Instant::now();
    std::thread::scope(|scope| {
        let senders: Vec<_> = ready
            .iter_mut()
            .map(|talk| {
                scope.spawn(|| -> Result<(), Fault> {
                    while let Some(mail) = mails.get(next.fetch_add(1, Ordering::Relaxed)) {
                        talk.send(mail)?;
                    }
                    Ok(())
                })
            })
            .collect();
        for sender in senders {
            sender.join().map_err(|_| "a sender failed")??;
        }
        Ok::<_, Fault>(())
    })?;
    Ok(writeln!(io::stdout(), "{}", start.elapsed().as_secs_f64())?)
}

/// One connection of the client.
struct Talk {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Talk {
    /// To a house, as a front relay that passes on what a client outside sent.
    fn open(to: SocketAddr, relay: bool) -> Result<Self, Fault> {
        let mut talk = Self {
            stream: TcpStream::connect(to)?,
            unread: Vec::new(),
        };
        talk.stream.set_nodelay(true)?;
        if relay {
            talk.stream
                .write_all(b"PROXY TCP4 192.0.2.7 192.0.2.1 4000 25\r\n")?;
        }
        talk.expect(&["220"])?;
        talk.stream.write_all(b"EHLO mail.sender.example\r\n")?;
        talk.expect(&["250"])?;
        Ok(talk)
    }

    fn send(&mut self, mail: &[u8]) -> Result<(), Fault> {
        self.stream.write_all(
            b"MAIL FROM:<ann@sender.example>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\n",
        )?;
        for code in ["250", "250", "354"] {
            self.expect(&[code])?;
        }
        self.stream.write_all(mail)?;
        self.expect(&["250", "550"])
    }

    /// Reads one reply.
    fn expect(&mut self, codes: &[&str]) -> Result<(), Fault> {
        loop {
            if let Some(end) = self.unread.iter().position(|octet| *octet == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                if line.get(3) == Some(&b'-') {
                    continue;
                }
                if codes.iter().any(|code| line.starts_with(code.as_bytes())) {
                    return Ok(());
                }
                return Err(String::from_utf8_lossy(&line).into());
            }
            let mut octets = [0; 2048];
            match self.stream.read(&mut octets)? {
                0 => return Err("closed".into()),
                read => self.unread.extend_from_slice(&octets[..read]),
            }
        }
    }
}

//! Postfix without a milter, with ours, and with rspamd's, on the same mail in the same run.
//!
//! `cargo bench --bench milter -- [MESSAGES]`, as root; needs Postfix, and shows rspamd where it is
//! installed. Postfix throws the mail away once it has taken it. Both filters ask the same name
//! server, which knows no name, and keep their own defaults otherwise. Read the ratios.

#[path = "../tests/peers/contrib.rs"]
mod contrib;
#[path = "proxy/mail.rs"]
mod mail;
#[allow(dead_code, reason = "made for the tests")]
#[path = "../tests/peers/postfix.rs"]
mod postfix;
#[allow(dead_code, reason = "made for the tests")]
#[path = "../tests/peers/quaranta.rs"]
mod quaranta;
#[path = "../tests/peers/wait.rs"]
mod wait;

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_lc_rs::encoding::AsDer;

use contrib::snippet;
use postfix::Postfix;
use quaranta::Quaranta;
use wait::{free_port, free_ports, until};

type Fault = Box<dyn std::error::Error + Send + Sync>;

const MESSAGES: usize = 600;
/// Sent before, and not counted.
const WARM: usize = 32;
const CONNECTIONS: usize = 8;
/// The middle one counts.
const ROUNDS: usize = 3;
/// rspamd compiles its expressions after it has started.
const COMPILES: Duration = Duration::from_secs(75);

fn main() -> Result<(), Fault> {
    let mut words = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'));
    let count: usize = words.next().map_or(Ok(MESSAGES), |word| word.parse())?;
    let place = tempfile::tempdir()?;
    let dir = place.path();
    std::fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let key = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048)?;
    let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = key.as_der()?;
    std::fs::write(dir.join("key"), pkcs8.as_ref())?;
    let signer = mail::Signer::open(dir)?;
    let mails: Vec<Vec<u8>> = (0..(WARM + count) as u64)
        .map(|n| mail::message(n, false, &signer))
        .collect();
    let names = name_server()?;

    let mut ways = vec![Way::new("none", dir, None, None)];
    let base = free_ports();
    let ours = ours(dir, base, names);
    let socket = format!("inet:127.0.0.1:{}", base + 6);
    ways.push(Way::new("ours-tcp", dir, Some(&socket), Some(ours.pid())));
    let socket = format!("unix:{}", dir.join("milter.sock").display());
    ways.push(Way::new("ours-unix", dir, Some(&socket), Some(ours.pid())));
    let rspamd = Rspamd::start(dir, names)?;
    if let Some(rspamd) = &rspamd {
        let socket = format!("inet:127.0.0.1:{}", rspamd.port);
        let pid = rspamd.child.id();
        ways.push(Way::new("rspamd", dir, Some(&socket), Some(pid)));
    }
    for _ in 0..ROUNDS {
        for way in &mut ways {
            way.run(&mails)?;
        }
    }
    show(&ways)
}

/// One Postfix, and the filter that it asks.
struct Way {
    name: &'static str,
    postfix: Postfix,
    filter: Option<u32>,
    costs: Vec<Cost>,
}

/// What a message took.
#[derive(Clone, Copy)]
struct Cost {
    seconds: f64,
    postfix_ms: f64,
    filter_ms: f64,
}

impl Way {
    fn new(name: &'static str, dir: &Path, socket: Option<&str>, filter: Option<u32>) -> Self {
        Self {
            name,
            postfix: Postfix::sink(&dir.join(format!("postfix-{name}")), socket),
            filter,
            costs: Vec::new(),
        }
    }

    fn run(&mut self, mails: &[Vec<u8>]) -> Result<(), Fault> {
        let (warm, mails) = mails.split_at(WARM);
        send(self.postfix.port, warm)?;
        let used = || {
            let filter = self.filter.map_or(0.0, cpu_ms);
            (cpu_ms(self.postfix.pid()), filter)
        };
        let (before, start) = (used(), Instant::now());
        send(self.postfix.port, mails)?;
        let (after, each) = (used(), mails.len() as f64);
        self.costs.push(Cost {
            seconds: start.elapsed().as_secs_f64() / each,
            postfix_ms: (after.0 - before.0) / each,
            filter_ms: (after.1 - before.1) / each,
        });
        Ok(())
    }

    fn middle(&self) -> Cost {
        let mut costs = self.costs.clone();
        costs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        costs[costs.len() / 2]
    }
}

fn show(ways: &[Way]) -> Result<(), Fault> {
    let mut out = io::stdout();
    let (none, mut first) = (ways[0].middle(), true);
    for way in ways {
        if std::mem::take(&mut first) {
            writeln!(
                out,
                "{:10} {:>10} {:>8} {:>15} {:>14} {:>12}",
                "milter", "messages/s", "to none", "Postfix CPU ms", "filter CPU ms", "CPU to none"
            )?;
        }
        let cost = way.middle();
        writeln!(
            out,
            "{:10} {:>10.0} {:>8.2} {:>15.2} {:>14.2} {:>12.2}",
            way.name,
            1.0 / cost.seconds,
            none.seconds / cost.seconds,
            cost.postfix_ms,
            cost.filter_ms,
            (cost.postfix_ms + cost.filter_ms) / none.postfix_ms
        )?;
    }
    Ok(())
}

/// Processor time of a process, of its children that have ended, and of those that have not.
fn cpu_ms(pid: u32) -> f64 {
    let mut ticks = 0.0;
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(own) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let fields: Vec<f64> = fields
            .split_whitespace()
            .map(|field| field.parse().unwrap_or_default())
            .collect();
        // After the name: state, parent, ...; the times stand 12th to 15th.
        if let [_, parent, .., _] = fields[..]
            && fields.len() > 15
        {
            match own == pid {
                true => ticks += fields[11..15].iter().sum::<f64>(),
                false if parent as u32 == pid => ticks += fields[11] + fields[12],
                false => {}
            }
        }
    }
    10.0 * ticks
}

/// Our daemon as installed, with the snippet for the milter.
fn ours(dir: &Path, base: u16, names: u16) -> Quaranta {
    let listen = format!(
        "127.0.0.1:{}\", \"unix:{}\"]\nsocket_mode = \"0666\" #",
        base + 6,
        dir.join("milter.sock").display()
    );
    let sections = snippet(
        "postfix/milter.toml",
        &[
            ("127.0.0.1:6666\"", &listen),
            ("127.0.0.1:2525", &format!("127.0.0.1:{base}")),
        ],
    );
    let sections = format!("{sections}[dns]\nservers = [\"127.0.0.1:{names}\"]\n");
    Quaranta::serve_with(&dir.join("quaranta"), base, base + 1, &sections)
}

/// rspamd as installed, scanning in its milter processes; killed when dropped.
struct Rspamd {
    child: Child,
    port: u16,
}

impl Rspamd {
    /// `None` if it is not installed.
    fn start(dir: &Path, names: u16) -> Result<Option<Self>, Fault> {
        if !Path::new("/usr/bin/rspamd").exists() {
            return Ok(None);
        }
        let (dir, port) = (dir.join("rspamd"), free_port());
        std::fs::create_dir_all(dir.join("local.d"))?;
        let proxy = format!(
            "bind_socket = \"127.0.0.1:{port}\";\ncount = 2;\n\
             upstream \"local\" {{ default = yes; self_scan = yes; }}\n"
        );
        let dns = format!("dns {{ nameserver = [\"127.0.0.1:{names}\"]; }}\n");
        for (file, text) in [
            ("worker-proxy.inc", proxy.as_str()),
            ("worker-normal.inc", "enabled = false;\n"),
            ("worker-controller.inc", "enabled = false;\n"),
            ("options.inc", &dns),
        ] {
            std::fs::write(dir.join("local.d").join(file), text)?;
        }
        let mut command = Command::new("/usr/bin/rspamd");
        command.args(["-f", "-i", "-c", "/etc/rspamd/rspamd.conf"]);
        for name in ["LOCAL_CONFDIR", "DBDIR", "RUNDIR", "LOGDIR"] {
            command.arg(format!("--var={name}={}", dir.display()));
        }
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let rspamd = Self { child, port };
        until("rspamd listens", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        std::thread::sleep(COMPILES);
        Ok(Some(rspamd))
    }
}

impl Drop for Rspamd {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        // Its workers end with it.
        let _told = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ended = self.child.wait();
    }
}

/// A name server that knows no name; its port.
fn name_server() -> Result<u16, Fault> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let port = socket.local_addr()?.port();
    std::thread::spawn(move || {
        let mut octets = [0; 1500];
        while let Ok((size, from)) = socket.recv_from(&mut octets) {
            if size < 12 {
                continue;
            }
            // An answer, recursion available, NXDOMAIN; the question stands in it, and nothing more.
            octets[2] |= 0x80;
            octets[3] = 0x83;
            let end = 12 + question(&octets[12..size]);
            octets[6..12].fill(0);
            let _sent = socket.send_to(&octets[..end.min(size)], from);
        }
    });
    Ok(port)
}

/// How long the question is: labels, type and class.
fn question(octets: &[u8]) -> usize {
    let mut at = 0;
    while let Some(length @ 1..) = octets.get(at) {
        at += usize::from(*length) + 1;
    }
    at + 5
}

/// Sends all `mails` over some connections.
fn send(port: u16, mails: &[Vec<u8>]) -> Result<(), Fault> {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                scope.spawn(|| -> Result<(), Fault> {
                    let mut talk = Talk::open(port)?;
                    while let Some(mail) = mails.get(next.fetch_add(1, Ordering::Relaxed)) {
                        talk.send(mail)?;
                    }
                    talk.say(b"QUIT\r\n", "221")
                })
            })
            .collect();
        for sender in senders {
            sender.join().map_err(|_| "a sender failed")??;
        }
        Ok(())
    })
}

/// One connection of a client.
struct Talk {
    stream: TcpStream,
    lines: io::Lines<BufReader<TcpStream>>,
}

impl Talk {
    fn open(port: u16) -> Result<Self, Fault> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        let lines = BufReader::new(stream.try_clone()?).lines();
        let mut talk = Self { stream, lines };
        talk.expect("220")?;
        talk.say(b"EHLO front.example.org\r\n", "250")?;
        talk.say(b"XCLIENT ADDR=192.0.2.7 NAME=[UNAVAILABLE]\r\n", "220")?;
        talk.say(b"EHLO mail.sender.example\r\n", "250")?;
        Ok(talk)
    }

    fn send(&mut self, mail: &[u8]) -> Result<(), Fault> {
        self.say(b"MAIL FROM:<ann@sender.example>\r\n", "250")?;
        self.say(b"RCPT TO:<alice@example.org>\r\n", "250")?;
        self.say(b"DATA\r\n", "354")?;
        self.say(mail, "250")
    }

    fn say(&mut self, octets: &[u8], code: &str) -> Result<(), Fault> {
        self.stream.write_all(octets)?;
        self.expect(code)
    }

    fn expect(&mut self, code: &str) -> Result<(), Fault> {
        loop {
            let line = self.lines.next().ok_or("closed")??;
            match line {
                line if !line.starts_with(code) => return Err(line.into()),
                line if line.as_bytes().get(3) == Some(&b'-') => {}
                _ => return Ok(()),
            }
        }
    }
}

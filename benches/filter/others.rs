//! The same mail through others: bogofilter, SpamAssassin, rspamd, each taught the same lessons.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use quaranta::record::Lore;
use serde_json::Value;

use super::learn::{Sorted, line};
use super::mail;
use super::programs::{Running, empty_dns, exchange, free_port, is_installed, open_folder};

/// Runs each that is installed, the slow ones where `scanners` says so.
pub(super) fn compare(train: &Sorted, test: &Sorted, scanners: bool) -> io::Result<()> {
    present("bogofilter", || bogofilter(train, test))?;
    if scanners {
        present("rspamd", || rspamd(train, test))?;
        present("spamd", || spamassassin(train, test))?;
    }
    Ok(())
}

fn present(program: &str, run: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    if is_installed(program) {
        run()
    } else {
        writeln!(io::stdout().lock(), "  {program} is not installed")
    }
}

/// Scores of wanted mail and of spam.
type Scores = [Vec<f32>; 2];

/// Adds a score where it belongs.
fn note(scores: &mut Scores, lore: Lore, score: f32) {
    scores[usize::from(lore == Lore::Spam)].push(score);
}

fn time(what: &str, spent: f64, test: &Sorted) -> io::Result<()> {
    let each = spent / test.len().max(1) as f64;
    writeln!(io::stdout().lock(), "  {what}: {each:.3} ms a message")
}

fn bogofilter(train: &Sorted, test: &Sorted) -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    let run = |how: &str, path: &Path| {
        Command::new("bogofilter")
            .arg("-d")
            .arg(dir.path())
            .arg(how)
            .arg("-I")
            .arg(path)
            .stderr(Stdio::null())
            .output()
    };
    for (lore, path) in train {
        run(if *lore == Lore::Ham { "-n" } else { "-s" }, path)?;
    }
    let mut scores = Scores::default();
    let start = Instant::now();
    for (lore, path) in test {
        let said = run("-T", path)?.stdout;
        let text = String::from_utf8_lossy(&said);
        let score = text.split_whitespace().nth(1).and_then(|n| n.parse().ok());
        // The check for ties is coarser than the steps between its scores.
        note(&mut scores, *lore, score.unwrap_or(0.5_f32) * 1000.0);
    }
    let took = start.elapsed().as_secs_f64() * 1e3;
    line("bogofilter", &scores)?;
    time("time, the start of the program included", took, test)
}

/// spamd with the rules as installed and without the network; what its Bayes says is read apart.
fn spamassassin(train: &Sorted, test: &Sorted) -> io::Result<()> {
    let dir = open_folder()?;
    let settings = format!(
        "bayes_path {}/bayes\nbayes_file_mode 0777\nbayes_auto_learn 0\nbayes_auto_expire 0\nadd_header all Bayes _BAYES_",
        dir.path().display()
    );
    for (lore, how) in [(Lore::Ham, "--ham"), (Lore::Spam, "--spam")] {
        let list = dir.path().join("list");
        let of = train.iter().filter(|(of, _)| *of == lore);
        let paths: Vec<String> = of.map(|(_, path)| path.display().to_string()).collect();
        std::fs::write(&list, paths.join("\n"))?;
        let mut learn = Command::new("sa-learn");
        learn.arg(how).arg("--no-sync").arg("-f").arg(&list);
        for setting in settings.lines() {
            learn.arg(format!("--cf={setting}"));
        }
        learn.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    }
    for file in std::fs::read_dir(dir.path())? {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(file?.path(), std::fs::Permissions::from_mode(0o777))?;
    }
    let port = free_port()?;
    let mut daemon = Command::new("spamd");
    daemon.args([
        "--local",
        "--nouser-config",
        "--max-children=1",
        "--syslog=null",
    ]);
    daemon.arg(format!("--listen=127.0.0.1:{port}"));
    daemon.arg("--helper-home-dir").arg(dir.path());
    for setting in settings.lines() {
        daemon.arg(format!("--cf={setting}"));
    }
    let mut daemon = Running::start(&mut daemon)?;
    daemon.settle(port)?;
    let (mut all, mut bayes) = (Scores::default(), Scores::default());
    let before = daemon.cpu_ms()?;
    for (lore, path) in test {
        let mail = mail(path)?;
        let octets = mail.message.bytes();
        let head = format!(
            "HEADERS SPAMC/1.5\r\nContent-length: {}\r\n\r\n",
            octets.len()
        );
        let answer = exchange(port, &[head.as_bytes(), octets].concat(), true)?;
        let text = String::from_utf8_lossy(&answer);
        let after = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.split([';', '/'])
                .find_map(|part| part.trim().parse().ok())
        };
        note(&mut all, *lore, after("Spam:").unwrap_or(0.0));
        note(
            &mut bayes,
            *lore,
            after("X-Spam-Bayes:").unwrap_or(0.5_f32) * 1000.0,
        );
    }
    let spent = daemon.cpu_ms()? - before;
    line("SpamAssassin", &all)?;
    line("its Bayes", &bayes)?;
    time("SpamAssassin's CPU", spent, test)
}

/// How rspamd is set up.
#[derive(Clone, Copy, PartialEq)]
enum SetUp {
    /// As packaged, with redis and Bayes, and a resolver that knows no name.
    Usual,
    /// Without what asks the network, and without Bayes.
    Lean,
}

fn rspamd(train: &Sorted, test: &Sorted) -> io::Result<()> {
    if !is_installed("redis-server") {
        return writeln!(io::stdout().lock(), "  redis-server is not installed");
    }
    let dir = open_folder()?;
    let (redis_at, dns_at) = (free_port()?, empty_dns()?);
    let mut redis = Command::new("redis-server");
    redis.args([
        "--save",
        "",
        "--bind",
        "127.0.0.1",
        "--port",
        &redis_at.to_string(),
    ]);
    let mut redis = Running::start(redis.arg("--dir").arg(dir.path()))?;
    redis.settle(redis_at)?;
    let usual = Rspamd::start(SetUp::Usual, redis_at, dns_at)?;
    for (lore, path) in train {
        let verb = if *lore == Lore::Spam {
            "learnspam"
        } else {
            "learnham"
        };
        usual.ask(usual.port + 1, verb, path)?;
    }
    let before = redis.cpu_ms()?;
    usual.measure("rspamd", test)?;
    time("redis' CPU besides", redis.cpu_ms()? - before, test)?;
    drop(usual);
    Rspamd::start(SetUp::Lean, redis_at, dns_at)?.measure("rspamd, lean", test)
}

/// A running rspamd; its controller listens one port further.
struct Rspamd {
    running: Running,
    port: u16,
    _dir: tempfile::TempDir,
}

/// Modules that ask the network.
const ASKING: [&str; 12] = [
    "arc",
    "asn",
    "dkim",
    "dmarc",
    "fuzzy_check",
    "hfilter",
    "mx_check",
    "p0f",
    "rbl",
    "spf",
    "surbl",
    "url_redirector",
];

impl Rspamd {
    /// The packaged configuration, with a folder of its own for what a site sets.
    fn start(how: SetUp, redis: u16, dns: u16) -> io::Result<Self> {
        let dir = open_folder()?;
        let port = free_port()?;
        let own = dir.path().join("local.d");
        std::fs::create_dir(&own)?;
        let put = |name: &str, text: &str| std::fs::write(own.join(name), text);
        let filters = match how {
            SetUp::Usual => "chartable,dkim,regexp,fuzzy_check",
            SetUp::Lean => "chartable,regexp",
        };
        put(
            "options.inc",
            &format!("filters = \"{filters}\";\ndns {{ nameserver = [\"127.0.0.1:{dns}\"]; }}\n"),
        )?;
        put(
            "worker-normal.inc",
            &format!("bind_socket = \"127.0.0.1:{port}\";\ncount = 1;\n"),
        )?;
        put(
            "worker-controller.inc",
            &format!(
                "bind_socket = \"127.0.0.1:{}\";\npassword = \"sesame\";\n",
                port + 1
            ),
        )?;
        put("worker-proxy.inc", "enabled = false;\n")?;
        match how {
            SetUp::Usual => put("redis.conf", &format!("servers = \"127.0.0.1:{redis}\";\n"))?,
            SetUp::Lean => {
                for module in ASKING {
                    put(&format!("{module}.conf"), "enabled = false;\n")?;
                }
            }
        }
        let mut command = Command::new("rspamd");
        command.args([
            "--no-fork",
            "--insecure",
            "--config",
            "/etc/rspamd/rspamd.conf",
        ]);
        for name in ["LOCAL_CONFDIR", "DBDIR", "RUNDIR", "LOGDIR"] {
            command
                .arg("--var")
                .arg(format!("{name}={}", dir.path().display()));
        }
        let mut running = Running::start(&mut command)?;
        running.settle(port)?;
        Ok(Self {
            running,
            port,
            _dir: dir,
        })
    }

    /// Posts a message; gives what was said, if it is JSON.
    fn ask(&self, port: u16, verb: &str, path: &Path) -> io::Result<Value> {
        let mail = mail(path)?;
        let octets = mail.message.bytes();
        let from = mail.envelope.from_text();
        let head = format!(
            "POST /{verb} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nPassword: sesame\r\nIP: {}\r\nFrom: {from}\r\n\
             Rcpt: user@example.org\r\nContent-Length: {}\r\n\r\n",
            mail.envelope.peer.address,
            octets.len()
        );
        let answer = exchange(port, &[head.as_bytes(), octets].concat(), false)?;
        let start = memchr::memmem::find(&answer, b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
        Ok(serde_json::from_slice(&answer[start..]).unwrap_or_default())
    }

    fn measure(&self, name: &str, test: &Sorted) -> io::Result<()> {
        let (mut all, mut bayes) = (Scores::default(), Scores::default());
        let before = self.running.cpu_ms()?;
        for (lore, path) in test {
            let said = self.ask(self.port, "checkv2", path)?;
            let symbol = |name: &str| said["symbols"][name]["score"].as_f64().unwrap_or(0.0);
            note(
                &mut all,
                *lore,
                said["score"].as_f64().unwrap_or(0.0) as f32,
            );
            let says = symbol("BAYES_SPAM") + symbol("BAYES_HAM");
            note(&mut bayes, *lore, says as f32 * 100.0);
        }
        let spent = self.running.cpu_ms()? - before;
        line(name, &all)?;
        if bayes.iter().flatten().any(|score| *score != 0.0) {
            line("its Bayes", &bayes)?;
        }
        time(&format!("{name}'s CPU"), spent, test)
    }
}

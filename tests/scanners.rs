//! Scanners of others: the real clamd, spamd and rspamd, and ones that hang, lie, or close half-way.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use quaranta::inspect::Inspector;
use quaranta::inspect::scanners::{
    Clamd, ClamdOptions, Rspamd, RspamdOptions, Spamd, SpamdOptions,
};
use quaranta::mail::{BodyType, Direction, Envelope, Mail, Message, Peer};
use quaranta::net::endpoint::Endpoint;
use quaranta::options::Span;
use quaranta::policy::{Finding, WhenUnavailable};
use quaranta::record::Lore;

/// A program of ours, ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}

fn start(command: &mut Command) -> Running {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
    Running(quiet.stderr(Stdio::null()).spawn().expect("it starts"))
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(90), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn answers(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// A port that was free a moment ago, below the range of outgoing connections.
fn free_port() -> u16 {
    let mut ports = (28_000 + (std::process::id() % 1000) as u16)..32_000;
    ports
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

fn at(port: u16) -> Option<Endpoint> {
    format!("127.0.0.1:{port}").parse().ok()
}

fn mail(body: &str) -> Mail {
    let envelope = Envelope {
        peer: Peer::new("192.0.2.1".parse().expect("address")),
        direction: Direction::Inbound,
        from: "sender@remote.test".parse().ok(),
        to: vec!["alice@example.org".parse().expect("address")],
        body: BodyType::SevenBit,
        smtputf8: false,
    };
    let text = format!(
        "From: sender@remote.test\r\nTo: alice@example.org\r\nSubject: news\r\n\
         Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <a@remote.test>\r\n\r\n{body}\r\n"
    );
    Mail::new(envelope, Message::new(text, None).expect("message"), 0)
}

/// One of several clients.
fn from(n: u8) -> Peer {
    Peer::new(std::net::IpAddr::from([192, 0, 2, n]))
}

fn clamd(port: u16, time: Duration) -> Arc<dyn Inspector> {
    let options = ClamdOptions {
        address: at(port),
        time: Span(time),
        ..ClamdOptions::default()
    };
    Clamd::open(&options).expect("an address is set")
}

fn gap(found: &[Finding]) -> Option<(&str, WhenUnavailable)> {
    match found {
        [Finding::Unavailable { why, then, .. }] => Some((why, *then)),
        _ => None,
    }
}

fn open_to_all(dir: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).expect("rights");
}

fn start_clamd(dir: &Path, port: u16) -> Running {
    let data = dir.join("db");
    std::fs::create_dir_all(&data).expect("folder");
    // One signature of our own: nothing is downloaded.
    let hex: String = b"QUARANTA-TEST-MALWARE"
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    std::fs::write(data.join("test.ndb"), format!("Quaranta.Test:0:*:{hex}\n")).expect("file");
    let config = dir.join("clamd.conf");
    let text = format!(
        "Foreground yes\nDatabaseDirectory {}\nTCPSocket {port}\nTCPAddr 127.0.0.1\n\
         TemporaryDirectory {}\nStreamMaxLength 1M\n",
        data.display(),
        dir.display()
    );
    std::fs::write(&config, text).expect("file");
    let running = start(Command::new("/usr/sbin/clamd").arg("-c").arg(&config));
    until("clamd listens", || answers(port));
    running
}

#[tokio::test(flavor = "multi_thread")]
async fn xx06_xx12_the_real_clamd_finds_malware_and_its_absence_is_not_clean() {
    let dir = tempfile::tempdir().expect("folder");
    open_to_all(dir.path());
    let port = free_port();
    let daemon = start_clamd(dir.path(), port);
    let scanner = clamd(port, Duration::from_secs(6));
    assert!(scanner.finds_malware());
    for _over_one_connection in 0..3 {
        assert_eq!(scanner.inspect(&mail("hello")).await, []);
        let found = scanner.inspect(&mail("a QUARANTA-TEST-MALWARE b")).await;
        assert!(
            matches!(&found[..], [Finding::Malware { reason, .. }] if reason.contains("Quaranta.Test")),
            "{found:?}"
        );
    }
    let found = scanner.inspect(&mail(&"x".repeat(3 << 20))).await;
    let (why, then) = gap(&found).expect("larger than it takes");
    assert!(
        why.contains("size limit") && then == WhenUnavailable::Defer,
        "{why}"
    );
    assert_eq!(scanner.inspect(&mail("hello")).await, [], "it goes on");
    drop(daemon);
    for n in 0..5 {
        let mut hello = mail("hello");
        hello.envelope.peer = from(n);
        let found = scanner.inspect(&hello).await;
        assert!(gap(&found).is_some_and(|(_, then)| then == WhenUnavailable::Defer));
    }
    let found = scanner.inspect(&mail("hello")).await;
    assert!(gap(&found).expect("gap").0.starts_with("it rests"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_spamd_adds_its_score() {
    let dir = tempfile::tempdir().expect("folder");
    open_to_all(dir.path());
    let port = free_port() + 1000;
    let rules = dir.path().join("rules");
    std::fs::create_dir_all(&rules).expect("folder");
    let own = "loadplugin Mail::SpamAssassin::Plugin::Check\nutil_rb_tld test\n\
               required_score 5\nbody TEST_WORD /remarkable offer/\nscore TEST_WORD 4.5\n\
               describe TEST_WORD a word\nuse_bayes 0\nskip_rbl_checks 1\n";
    std::fs::write(rules.join("local.cf"), own).expect("file");
    let _daemon = start(
        Command::new("spamd")
            .args([
                "--local",
                "--nouser-config",
                "--max-children=2",
                "--syslog=null",
                "--listen",
            ])
            .arg(format!("127.0.0.1:{port}"))
            .arg("--siteconfigpath")
            .arg(&rules)
            .arg("--configpath")
            .arg(&rules)
            .arg("--helper-home-dir")
            .arg(dir.path()),
    );
    until("spamd listens", || answers(port));
    let options = SpamdOptions {
        address: at(port),
        weight: 2.0,
        time: Span::seconds(30),
        ..SpamdOptions::default()
    };
    let scanner = Spamd::open(&options).expect("set");
    let found = scanner.inspect(&mail("a remarkable offer")).await;
    let [Finding::Seen { weight, reason, .. }] = &found[..] else {
        panic!("{found:?}");
    };
    assert!(
        (*weight - 9.0).abs() < 0.01 && reason.contains("4.5 points of 5.0: TEST_WORD"),
        "{found:?}"
    );
    let large = mail(&"x ".repeat(400 << 10));
    assert!(gap(&scanner.inspect(&large).await).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_rspamd_gives_its_symbols_and_learns() {
    let dir = tempfile::tempdir().expect("folder");
    open_to_all(dir.path());
    let port = free_port() + 2000;
    let text = format!(
        "options {{ pidfile = \"{0}/pid\"; tempdir = \"{0}\"; hs_cache_dir = \"{0}\"; dns {{ nameserver = [\"127.0.0.1:1\"]; timeout = 0.1s; retransmits = 1; }} filters = \"\"; }}\n\
         logging {{ type = \"file\"; filename = \"{0}/log\"; level = \"info\"; }}\n\
         lua = \"{0}/rules.lua\";\n\
         actions {{ reject = 15; }}\n\
         classifier {{ bayes {{ tokenizer {{ name = \"osb\"; }} backend = \"sqlite3\"; min_learns = 1; cache {{ type = \"sqlite3\"; path = \"{0}/cache.sqlite\"; }}\n\
           statfile {{ symbol = \"BAYES_SPAM\"; path = \"{0}/spam.sqlite\"; spam = true; }}\n\
           statfile {{ symbol = \"BAYES_HAM\"; path = \"{0}/ham.sqlite\"; spam = false; }} }} }}\n\
         worker {{ type = \"normal\"; bind_socket = \"127.0.0.1:{port}\"; count = 1; }}\n\
         worker {{ type = \"controller\"; bind_socket = \"127.0.0.1:{1}\"; password = \"sesame\"; secure_ip = []; }}\n",
        dir.path().display(),
        port + 1
    );
    let config = dir.path().join("rspamd.conf");
    std::fs::write(&config, text).expect("file");
    let rules = "rspamd_config:register_symbol({ name = 'TEST_WORD', score = 5.0, description = 'a word',\n\
         callback = function(task) if task:get_content():find('remarkable offer') then return true, 1.0, 'offer' end end })\n\
         rspamd_config:set_metric_symbol({ name = 'TEST_WORD', score = 5.0, description = 'a word' })\n";
    std::fs::write(dir.path().join("rules.lua"), rules).expect("file");
    let _daemon = start(
        Command::new("rspamd")
            .args(["--no-fork", "--insecure", "--config"])
            .arg(&config),
    );
    until("rspamd listens", || answers(port) && answers(port + 1));
    let password_file = dir.path().join("password");
    std::fs::write(&password_file, "sesame\n").expect("file");
    let options = RspamdOptions {
        address: at(port),
        controller: at(port + 1),
        password_file: Some(password_file.clone()),
        time: Span::seconds(30),
        ..RspamdOptions::default()
    };
    let scanner = Rspamd::open(&options).expect("set");
    for _over_one_connection in 0..2 {
        let found = scanner.inspect(&mail("a remarkable offer")).await;
        let weight = |name| found.iter().find(|f| f.name() == name).map(Finding::weight);
        assert_eq!(weight("RSPAMD_TEST_WORD"), Some(2.0), "{found:?}");
    }
    let message = Bytes::from(
        "From: a@b.test\r\nSubject: x\r\n\r\nmany words of no great worth to be learned by it here and now\r\n",
    );
    let pupil = Rspamd::pupil(&options).expect("password").expect("set");
    for _once_more_is_no_fault in 0..2 {
        let learned = pupil.learn(&message, Lore::Spam).await;
        assert_eq!(learned, Ok(()));
    }
    std::fs::write(&password_file, "wrong\n").expect("file");
    let stranger = Rspamd::pupil(&options).expect("password").expect("set");
    let refused = stranger.learn(&message, Lore::Spam).await;
    assert!(refused.is_err_and(|why| why.contains("40")), "401 or 403");
}

/// A server that reads a little, says `words`, and closes, or hangs where `words` is none.
fn liar(words: Option<&'static [u8]>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("port");
    let port = listener.local_addr().expect("address").port();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for mut stream in listener.incoming().flatten() {
            match words {
                None => kept.push(stream),
                Some(words) => {
                    let mut some = [0; 256];
                    let _some = stream.read(&mut some);
                    let _said = stream.write_all(words);
                }
            }
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn xx06_scanners_that_hang_lie_or_close_are_gaps() {
    let short = Duration::from_millis(300);
    let lies: [Option<&'static [u8]>; 7] = [
        None,
        Some(b""),
        Some(b"1: stream: OK"),
        Some(b"7: stream: OK\0"),
        Some(b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1e99"),
        Some(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{\"act"),
        Some(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"),
    ];
    for lie in lies {
        let port = liar(lie);
        let spamd = Spamd::open(&SpamdOptions {
            address: at(port),
            time: Span(short),
            ..SpamdOptions::default()
        });
        let rspamd = Rspamd::open(&RspamdOptions {
            address: at(port),
            time: Span(short),
            ..RspamdOptions::default()
        });
        let all = [
            clamd(port, short),
            spamd.expect("set"),
            rspamd.expect("set"),
        ];
        for scanner in all {
            let found = scanner.inspect(&mail("hello")).await;
            assert!(
                gap(&found).is_some(),
                "{} {lie:?}: {found:?}",
                scanner.name()
            );
        }
    }
}

/// A clamd that takes a whole message, and cannot scan it.
fn choosy() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("port");
    let port = listener.local_addr().expect("address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut heard, mut some) = (Vec::new(), [0; 4096]);
            while !heard.ends_with(&[0; 4]) {
                match stream.read(&mut some) {
                    Ok(read @ 1..) => heard.extend_from_slice(&some[..read]),
                    _ => break,
                }
            }
            let _said = stream.write_all(b"1: INSTREAM size limit exceeded. ERROR\0");
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn xx06_what_cannot_be_scanned_does_not_put_the_scanner_to_rest() {
    let clamd = clamd(choosy(), Duration::from_secs(30));
    for n in 0..8 {
        let mut large = mail("large");
        large.envelope.peer = from(n);
        let found = clamd.inspect(&large).await;
        assert!(
            matches!(&found[..], [Finding::Unavailable { why, then: WhenUnavailable::Defer, .. }]
                if why.contains("size limit")),
            "{n}: {found:?}"
        );
    }
}

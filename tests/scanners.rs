//! Scanners of others: the real clamd, spamd and rspamd, and ones that hang, lie, or close half-way.

#[path = "peers/programs.rs"]
mod programs;
#[path = "peers/wait.rs"]
mod wait;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use programs::{start_clamd, start_rspamd, start_spamd};
use quaranta::inspect::Inspector;
use quaranta::inspect::scanners::{
    Clamd, ClamdOptions, NotLearned, Rspamd, RspamdOptions, Spamd, SpamdOptions,
};
use quaranta::mail::{BodyType, Direction, Envelope, Mail, Message, Peer};
use quaranta::net::endpoint::Endpoint;
use quaranta::options::Span;
use quaranta::policy::{Finding, WhenUnavailable};
use quaranta::record::Lore;
use wait::free_port;

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

#[tokio::test(flavor = "multi_thread")]
async fn xx06_xx12_the_real_clamd_finds_malware_and_its_absence_is_not_clean() {
    let dir = tempfile::tempdir().expect("folder");
    let port = free_port();
    let daemon = start_clamd(dir.path(), port, &["QUARANTA-TEST-MALWARE"]);
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
    let port = free_port();
    let _daemon = start_spamd(dir.path(), port);
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

/// XX-11: what was learned there is forgotten there: its database holds the words no more.
#[tokio::test(flavor = "multi_thread")]
async fn xx11_the_real_spamd_learns_and_forgets() {
    let dir = tempfile::tempdir().expect("folder");
    let port = free_port();
    let _daemon = start_spamd(dir.path(), port);
    let options = SpamdOptions {
        address: at(port),
        time: Span::seconds(30),
        teach: true,
        ..SpamdOptions::default()
    };
    let pupil = Spamd::pupil(&options).expect("set");
    let lesson = mail("an unheard-of proposal with several words in it").message;
    let known = || {
        let dump = std::process::Command::new("sa-learn")
            .arg("--dbpath")
            .arg(dir.path().join("bayes"))
            .args(["--dump", "magic"])
            .output()
            .expect("sa-learn");
        let text = String::from_utf8_lossy(&dump.stdout).into_owned();
        let line = text.lines().find(|line| line.ends_with("nspam"));
        let count = line.and_then(|line| line.split_whitespace().nth(2)?.parse::<u32>().ok());
        count.unwrap_or(0)
    };
    assert_eq!(pupil.learn(lesson.bytes(), Lore::Spam).await, Ok(()));
    assert_eq!(known(), 1);
    for _once_more_is_no_fault in 0..2 {
        assert_eq!(pupil.forget(lesson.bytes(), Lore::Spam).await, Ok(()));
        assert_eq!(known(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_rspamd_gives_its_symbols_and_learns() {
    let dir = tempfile::tempdir().expect("folder");
    let port = free_port();
    let _daemon = start_rspamd(dir.path(), port);
    let password_file = dir.path().join("password");
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
        assert_eq!(pupil.learn(&message, Lore::Spam).await, Ok(()));
    }
    let kept = pupil.forget(&message, Lore::Spam).await;
    assert!(
        matches!(&kept, Err(NotLearned::Refused(why)) if why.contains("cannot forget")),
        "{kept:?}"
    );
    std::fs::write(&password_file, "wrong\n").expect("file");
    let stranger = Rspamd::pupil(&options).expect("password").expect("set");
    let refused = stranger.learn(&message, Lore::Spam).await;
    assert!(
        matches!(&refused, Err(NotLearned::Later(why)) if why.contains("40")),
        "401 or 403: {refused:?}"
    );
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

/// A server in trouble is asked again; what it will not learn is given up.
#[tokio::test(flavor = "multi_thread")]
async fn rspamd_in_trouble_is_asked_again() {
    let learn = async |answer| {
        let pupil = Rspamd::pupil(&RspamdOptions {
            controller: at(liar(Some(answer))),
            time: Span::seconds(30),
            ..RspamdOptions::default()
        });
        let pupil = pupil.expect("no password").expect("set");
        let message = Bytes::from("Subject: x\r\n\r\ny\r\n");
        pupil.learn(&message, Lore::Ham).await
    };
    let locked = b"HTTP/1.1 500 Oops\r\nContent-Length: 6\r\n\r\nlocked";
    assert!(matches!(learn(locked).await, Err(NotLearned::Later(_))));
    let never = b"HTTP/1.1 400 No\r\nContent-Length: 5\r\n\r\nnever";
    assert!(matches!(learn(never).await, Err(NotLearned::Refused(_))));
}

/// A server that says `words`, and then goes on for as long as somebody reads.
fn endless(words: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("port");
    let port = listener.local_addr().expect("address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut some = [0; 256];
                let _some = stream.read(&mut some);
                let _said = stream.write_all(words);
                while stream.write_all(&[b'x'; 1 << 16]).is_ok() {}
            });
        }
    });
    port
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
async fn xx06_an_answer_without_end_is_a_gap() {
    // Far beyond the time of the test: what ends it is the limit of the answer.
    let long = Duration::from_secs(600);
    let clamd = clamd(endless(b"1: stream: OK"), long);
    let spamd = Spamd::open(&SpamdOptions {
        address: at(endless(
            b"SPAMD/1.1 0 EX_OK\r\nSpam: False ; 0.0 / 5.0\r\n\r\n",
        )),
        time: Span(long),
        ..SpamdOptions::default()
    });
    let rspamd = Rspamd::open(&RspamdOptions {
        address: at(endless(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"action\":\"",
        )),
        time: Span(long),
        ..RspamdOptions::default()
    });
    for scanner in [clamd, spamd.expect("set"), rspamd.expect("set")] {
        let found = scanner.inspect(&mail("hello")).await;
        assert!(gap(&found).is_some(), "{}: {found:?}", scanner.name());
    }
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

//! kill -9 in the middle of everything: what was answered stays true.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::quaranta::Quaranta;
use crate::wait::{free_ports, until};
use crate::{GTUBE, folder, message};

/// Sends one mail by hand; the code of the last reply, or `None` if the line was cut first.
fn send(port: u16, to: &str, message: &str) -> Option<u16> {
    let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .ok()?;
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let mut reply = || -> Option<u16> {
        loop {
            let line = lines.next()?.ok()?;
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.get(..3)?.parse().ok();
            }
        }
    };
    reply()?;
    let stuffed = message.replace("\r\n.", "\r\n..");
    for command in [
        "EHLO remote.test\r\n".to_owned(),
        "MAIL FROM:<sender@remote.test>\r\n".to_owned(),
        format!("RCPT TO:<{to}>\r\n"),
        "DATA\r\n".to_owned(),
    ] {
        (&stream).write_all(command.as_bytes()).ok()?;
        let code = reply()?;
        if code >= 400 {
            return Some(code);
        }
    }
    (&stream)
        .write_all(format!("{stuffed}.\r\n").as_bytes())
        .ok()?;
    reply()
}

/// The subjects of what lies in a Maildir, each as often as it is there.
fn subjects(texts: &[String]) -> Vec<String> {
    let subject = |text: &String| {
        text.lines()
            .find_map(|line| line.strip_prefix("Subject: "))
            .map(str::to_owned)
    };
    texts.iter().filter_map(subject).collect()
}

#[test]
fn se01_what_was_answered_before_kill_9_is_true_after_it() {
    let dir = folder();
    let base = free_ports();
    let (mut refused, mut accepted) = (Vec::new(), Vec::new());
    for round in 0..3_u64 {
        let demo = Quaranta::demo_at(dir.path(), base);
        let port = demo.smtp;
        let sender = std::thread::spawn(move || {
            let mut told = Vec::new();
            for n in 0..200 {
                let name = format!("r{round}n{n}");
                let body = if n % 2 == 0 { GTUBE } else { "hello" };
                match send(port, "alice@example.org", &message(&name, body)) {
                    Some(code) => told.push((name, code)),
                    None => break,
                }
            }
            told
        });
        until("some mail was answered", || {
            demo.delivered("alice@example.org").len() > accepted.len() + 3
        });
        std::thread::sleep(Duration::from_millis(40 * (round + 1)));
        demo.kill();
        for (name, code) in sender.join().expect("the sender ends") {
            match code {
                550 => refused.push(name),
                250 => accepted.push(name),
                other => assert!((400..500).contains(&other), "{name}: {other}"),
            }
        }
    }
    assert!(
        refused.len() > 5 && accepted.len() > 5,
        "too little was answered to prove anything"
    );
    let demo = Quaranta::demo_at(dir.path(), base);
    let delivered = subjects(&demo.delivered("alice@example.org"));
    for name in &accepted {
        assert!(delivered.contains(name), "250, and {name} is lost");
    }
    let list = demo.must(&["quarantine", "list", "alice@example.org", "--most", "1000"]);
    for name in &refused {
        assert!(
            list.lines().any(|line| line.ends_with(&format!(" {name}"))),
            "550, and no copy of {name}"
        );
        assert!(!delivered.contains(name), "550, and {name} was delivered");
    }

    // Released, killed while it leaves, started again: all of it arrives.
    let ids = demo.caught("alice@example.org");
    let mut release = vec!["quarantine", "release"];
    release.extend(ids.iter().map(String::as_str));
    demo.must(&release);
    demo.kill();
    let demo = Quaranta::demo_at(dir.path(), base);
    until("all released mail arrives", || {
        let delivered = subjects(&demo.delivered("alice@example.org"));
        refused.iter().all(|name| delivered.contains(name))
    });
}

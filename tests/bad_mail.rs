//! Mail that nobody writes in good faith, through the whole panel: each is judged, and costs little memory.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quaranta::clock::{Clock, Timestamp};
use quaranta::inspect::{Options, Panel as _, StandardPanel};
use quaranta::mail::{BodyType, Direction, Envelope, Mail, Message, Peer};
use quaranta::net::dns::Dns;
use quaranta::options::Span;
use quaranta::policy::Finding;

const GTUBE: &str = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";
/// GTUBE three times, deflated.
const DEFLATED: &str = "8bf00ad67236f172710a7474f133d4f30b76f233d632f274f173f5d3720f097572d50d0e71f473710c72d175f40bf1d4058984b80687e8bafa3a7afa6839eb199b4470450c1a4300";
/// The largest message that is taken by default, in octets.
const LARGEST: usize = 50 << 20;
/// Memory that judging one mail may take besides the mail, in kilobytes.
const MEMORY_MOST: u64 = 24 << 10;

fn panel() -> StandardPanel {
    let options = Options {
        time_budget: Span(Duration::from_secs(60)),
        ..Options::default()
    };
    let zone = "_dmarc.remote.test TXT \"v=DMARC1; p=none\"\n";
    let dns = Arc::new(Dns::fixed(zone).expect("zone"));
    let clock = Clock::by_hand(Timestamp(1_700_000_000_000));
    StandardPanel::open(&options, dns, clock).expect("panel")
}

fn mail(message: String) -> Mail {
    let message = message.replace("\r\n", "\n").replace('\n', "\r\n");
    let envelope = Envelope {
        peer: Peer::new("192.0.2.1".parse().expect("address")),
        direction: Direction::Inbound,
        from: "sender@remote.test".parse().ok(),
        to: vec!["alice@example.org".parse().expect("address")],
        body: BodyType::EightBitMime,
        smtputf8: false,
    };
    Mail::new(envelope, Message::new(message, None).expect("message"), 0)
}

/// A number of kilobytes from /proc/self/status.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find(|line| line.starts_with(name));
    let number = line.and_then(|line| line.split_ascii_whitespace().nth(1));
    number.expect("a number").parse().expect("a number")
}

fn packed(text: &str) -> String {
    let code = STANDARD.encode(text);
    let lines = code.as_bytes().chunks(76).map(String::from_utf8_lossy);
    lines.fold(
        String::with_capacity(code.len() + code.len() / 38),
        |all, line| all + &line + "\n",
    )
}

const HEAD: &str =
    "From: sender@remote.test\nTo: alice@example.org\nSubject: x\nMIME-Version: 1.0\n";

fn wide() -> Vec<(&'static str, String, Option<&'static str>)> {
    let parts: String = (0..10_000)
        .map(|n| format!("--b\nContent-Type: text/html; charset=\"c{n}\"\n\n<p>part {n}</p>\n"))
        .collect();
    let files: String = (0..10_000)
        .map(|n| format!("--b\nContent-Type: application/pdf; name=\"{n}.pdf\"\nContent-Transfer-Encoding: base64\n\nAAAA\n"))
        .collect();
    let nested: String = (0..1000)
        .map(|n| format!("Content-Type: multipart/mixed; boundary=\"b{n}\"\n\n--b{n}\n"))
        .collect();
    let letters = "Content-Type: message/rfc822\n\n".repeat(1000);
    let multi = "Content-Type: multipart/mixed; boundary=b\n\n";
    vec![
        (
            "parts",
            format!("{HEAD}{multi}{parts}--b--\n"),
            Some("MIME_TOO_MANY_PARTS"),
        ),
        (
            "files",
            format!("{HEAD}{multi}{files}--b--\n"),
            Some("MIME_TOO_MANY_PARTS"),
        ),
        (
            "levels",
            format!("{HEAD}{nested}x\n"),
            Some("MIME_TOO_DEEP"),
        ),
        (
            "letters",
            format!("{HEAD}{letters}x\n"),
            Some("MIME_TOO_DEEP"),
        ),
    ]
}

fn long() -> Vec<(&'static str, String, Option<&'static str>)> {
    let body = LARGEST / 4 * 3 - (1 << 20);
    let text = format!("{}{GTUBE}\n", "a word and \n".repeat(body / 13));
    let base64 = "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n";
    let signature =
        "DKIM-Signature: v=1; a=rsa-sha256; d=remote.test; s=s; h=From; bh=AAAA; b=AAAA\n";
    let seal = |n: usize| {
        format!(
            "ARC-Seal: i={n}; a=rsa-sha256; cv=pass; d=remote.test; s=s; b=AAAA\n\
             ARC-Message-Signature: i={n}; a=rsa-sha256; d=remote.test; s=s; h=From; bh=AAAA; b=AAAA\n\
             ARC-Authentication-Results: i={n}; remote.test; dmarc=pass\n"
        )
    };
    let seals: String = (1..3000).map(seal).collect();
    vec![
        (
            "base64",
            format!("{HEAD}{base64}\n{}", packed(&text)),
            Some("GTUBE"),
        ),
        (
            "no base64",
            format!("{HEAD}{base64}\n{}", "?".repeat(8 << 20)),
            None,
        ),
        (
            "one field",
            format!("{HEAD}X-Long: {}\n\nx\n", "y".repeat(8 << 20)),
            Some("HEADER_TOO_LONG"),
        ),
        (
            "folded field",
            format!("{HEAD}X-Long: y\n{}\nx\n", "\ty\n".repeat(2 << 20)),
            Some("HEADER_TOO_LONG"),
        ),
        (
            "many fields",
            format!("{HEAD}{}\nx\n", "X: y\n".repeat(1 << 20)),
            Some("HEADER_TOO_LONG"),
        ),
        (
            "nothing but header",
            format!("{HEAD}{}", "X: y\n".repeat(1 << 20)),
            Some("HEADER_TOO_LONG"),
        ),
        (
            "authors",
            format!("From: {}\n\nx\n", "<a@b.test>, ".repeat(300_000)),
            Some("HEADER_TOO_LONG"),
        ),
        (
            "subject",
            format!("Subject: {}\n\nx\n", "=?utf-8?b?QQ==?= ".repeat(300_000)),
            Some("HEADER_TOO_LONG"),
        ),
        (
            "fields below the limit",
            format!("{HEAD}{}\nx\n", "X: y\n".repeat(1 << 17)),
            None,
        ),
        (
            "signatures",
            format!("{}{HEAD}\nx\n", signature.repeat(10_000)),
            None,
        ),
        ("seals", format!("{seals}{HEAD}\nx\n"), None),
    ]
}

fn broken() -> Vec<(&'static str, String, Option<&'static str>)> {
    let mut all = Vec::new();
    let charsets = [
        "utf-7",
        "utf-16",
        "utf-16be",
        "utf-32",
        "iso-2022-jp",
        "gb18030",
        "hz-gb-2312",
        "shift_jis",
        "x-user-defined",
        "replacement",
        "windows-1252\u{1}",
        "\"",
        "",
        "*",
        "unknown-8bit",
        "ibm037",
    ];
    // Odd octets, escapes without end, halves of pairs.
    let rubbish = "+AAA-\u{1b}$B\u{1b}$\u{1b}(I~{~}\u{fffd}\u{80}\u{ff}=D8=00=\n==FF\u{feff}\u{0}x"
        .repeat(500);
    for charset in charsets {
        let kind = format!("Content-Type: text/html; charset={charset}\n");
        let subject = format!(
            "Subject: =?{charset}?q?{}?= =?{charset}?b?/\n",
            "=ff=1b".repeat(50)
        );
        for encoding in ["quoted-printable", "base64", "8bit", "x-uuencode"] {
            let text = format!(
                "From: a@remote.test\n{subject}{kind}Content-Transfer-Encoding: {encoding}\n\n{rubbish}\n"
            );
            all.push(("charset", text, None));
        }
    }
    all
}

/// A zip archive of one deflated file that says it holds four gigabytes.
fn archive() -> String {
    let hex = |text: &str| -> Vec<u8> {
        let digits = text.as_bytes().chunks(2);
        digits
            .map(|two| u8::from_str_radix(std::str::from_utf8(two).expect("hex"), 16).expect("hex"))
            .collect()
    };
    let mut zip = hex("504b03041400000008000000000000000000");
    zip.extend(72_u32.to_le_bytes());
    zip.extend(u32::MAX.to_le_bytes());
    zip.extend([5, 0, 0, 0]);
    zip.extend(b"a.txt");
    zip.extend(hex(DEFLATED));
    let code = STANDARD.encode(zip);
    format!(
        "{HEAD}Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nsee the file\n\
         --b\nContent-Type: application/zip; name=a.zip\nContent-Transfer-Encoding: base64\n\
         Content-Disposition: attachment; filename=a.zip\n\n{code}\n--b--\n"
    )
}

#[tokio::test]
async fn xx06_bombs_are_judged_in_time_and_in_little_memory() {
    let panel = panel();
    let cases = [wide, long, broken, || vec![("archive", archive(), None)]];
    for (name, text, want) in cases.into_iter().flat_map(|cases| cases()) {
        let mail = mail(text);
        // The peak is counted from here on.
        std::fs::write("/proc/self/clear_refs", "5").expect("the peak is reset");
        let before = memory("VmRSS");
        let found = panel.inspect(&mail).await.found;
        let taken = memory("VmHWM").saturating_sub(before);
        assert!(taken < MEMORY_MOST, "{name}: {taken} kB");
        let gap = found
            .iter()
            .find(|found| matches!(found, Finding::Unavailable { .. }));
        assert_eq!(gap, None, "{name}");
        let has = |name| found.iter().any(|found| found.name() == name);
        if let Some(want) = want {
            assert!(has(want), "{name}: {found:?}");
        }
        // What is in an archive is never unpacked.
        assert_eq!(has("GTUBE"), want == Some("GTUBE"), "{name}");
    }
}

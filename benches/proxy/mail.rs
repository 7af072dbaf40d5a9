//! Messages as they come: made from a seed, signed, ready to be sent.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use mail_auth::common::crypto::{RsaKey, Sha256};
use mail_auth::common::headers::HeaderWriter;
use mail_auth::dkim::{DkimSigner, Done};

use crate::Fault;

const GTUBE: &str = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";
const HEADERS: [&str; 5] = ["From", "To", "Subject", "Date", "Message-ID"];

/// Signs for the sender.
pub(crate) struct Signer(DkimSigner<RsaKey<Sha256>, Done>);

impl Signer {
    /// With the key in `dir`.
    pub(crate) fn open(dir: &Path) -> Result<Self, Fault> {
        let key = std::fs::read(dir.join("key"))?;
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key).into();
        let key = RsaKey::<Sha256>::from_key_der(key).map_err(|error| error.to_string())?;
        let signer = DkimSigner::from_key(key).domain("sender.example");
        Ok(Self(signer.selector("s").headers(HEADERS)))
    }
}

/// Numbers from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    /// A made-up word; the same few hundred come again and again, as in a language.
    fn word(&mut self) -> String {
        const SOUNDS: [&str; 12] = [
            "ta", "ren", "o", "mi", "ster", "le", "van", "u", "qui", "so", "ing", "da",
        ];
        let long = self.roll(3) as usize + 1;
        (0..long)
            .map(|_| SOUNDS[self.roll(12) as usize])
            .collect::<String>()
    }

    fn text(&mut self, octets: usize) -> String {
        let (mut text, mut line) = (String::with_capacity(octets + 100), 0);
        while text.len() < octets {
            let word = self.word();
            line += word.len() + 1;
            text.push_str(&word);
            if line > 70 {
                // A line may begin with a dot.
                text.push_str(if self.roll(40) == 0 { "\r\n." } else { "\r\n" });
                line = 0;
            } else {
                text.push(' ');
            }
        }
        text + "\r\n"
    }
}

/// The message numbered `n`, signed and dot-stuffed, with its end: 2 to 200 KB, median
/// 15 KB; plain text, text with HTML, and text with an attachment.
pub(crate) fn message(n: u64, spam: bool, signer: &Signer) -> Vec<u8> {
    let mut dice = Dice(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let size = match dice.roll(10) {
        0..=1 => 2_000,
        2..=4 => 8_000,
        5..=7 => 20_000,
        8 => 60_000,
        _ => 150_000,
    };
    let subject = dice.text(30);
    let mut text = format!(
        "Received: from inner.sender.example ([192.0.2.9])\r\n\tby mail.sender.example with ESMTP id {n:x};\r\n\tFri, 20 Nov 2026 10:00:00 +0000\r\n\
         From: Ann Other <ann@sender.example>\r\nTo: alice@example.org\r\nSubject: {subject}\
         Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{n}@sender.example>\r\nMIME-Version: 1.0\r\n"
    );
    let part = |kind: &str, octets: &[u8]| {
        let encoded = BASE64_STANDARD.encode(octets);
        let lines: Vec<&str> = encoded
            .as_bytes()
            .chunks(76)
            .filter_map(|line| std::str::from_utf8(line).ok())
            .collect();
        format!(
            "Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
            lines.join("\r\n")
        )
    };
    let plain = |text: &str| format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{text}");
    let (kind, first, second) = match size {
        2_000 => ("", plain(&dice.text(size)), String::new()),
        8_000 | 20_000 => {
            let links = format!(
                "<p><a href=\"https://www.sender.example/{n}\">{}</a></p>",
                dice.word()
            );
            let html: String = (0..size / 600)
                .map(|_| {
                    format!(
                        "<div class=\"row\"><p>{}</p>{links}</div>\r\n",
                        dice.text(250)
                    )
                })
                .collect();
            let html = part("text/html; charset=utf-8", html.as_bytes());
            ("alternative", plain(&dice.text(size / 4)), html)
        }
        _ => {
            let octets: Vec<u8> = (0..size * 7 / 10).map(|_| dice.roll(256) as u8).collect();
            let file = part("application/pdf; name=\"a.pdf\"", &octets);
            ("mixed", plain(&dice.text(3_000)), file)
        }
    };
    if kind.is_empty() {
        text.push_str(&first);
    } else {
        text.push_str(&format!(
            "Content-Type: multipart/{kind}; boundary=\"=_{n:x}\"\r\n\r\n\
             --=_{n:x}\r\n{first}\r\n--=_{n:x}\r\n{second}\r\n--=_{n:x}--\r\n"
        ));
    }
    if spam {
        text = text.replacen("\r\n\r\n", &format!("\r\n\r\n{GTUBE}\r\n"), 1);
    }
    let signature = signer
        .0
        .sign(text.as_bytes())
        .map(|signature| signature.to_header())
        .unwrap_or_default();
    let whole = format!("{signature}{text}");
    (whole.replace("\r\n.", "\r\n..") + ".\r\n").into_bytes()
}

//! A letter as octets: header fields that nobody can add to, text before HTML, lines that every mail
//! server carries (RFC 5322, RFC 2045 to 2047).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::letter::Letter;
use crate::clock::Timestamp;
use crate::mail::{NOTICE_FIELD, subject};
use crate::token::{NoRandom, random};

/// Octets of text and HTML at most, each: a digest of 500 messages with the longest words has room.
const PART_MOST: usize = 4 << 20;
/// Octets of a message that goes along, at most.
const ATTACHED_MOST: usize = 25 << 20;
/// Longest line that goes as it is (RFC 5322 section 2.1.1).
const LINE_MOST: usize = 998;
/// Longest value of a header field.
const VALUE_MOST: usize = 900;
/// Characters of a subject; more are cut off.
const SUBJECT_MOST: usize = 200;
/// Longest line of quoted-printable without its soft break (RFC 2045 section 6.7).
const QUOTED_MOST: usize = 75;
/// Octets on a line of Base64.
const BASE64_LINE: usize = 57;

/// What all letters of the house share.
pub(super) struct Head<'h> {
    pub from: &'h str,
    pub hostname: &'h str,
    pub now: Timestamp,
    /// Then no octet above 127 is left for a server on the way to encode anew (RFC 6376 section 5.3).
    pub signed: bool,
}

/// Why a letter cannot be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Random(#[from] NoRandom),
    #[error("the field {0} holds what no field may hold")]
    Field(String),
    #[error("the letter is too large")]
    Large,
}

/// The header section, and the body that follows its empty line.
pub(super) fn compose(letter: &Letter, head: &Head<'_>) -> Result<(Vec<u8>, Vec<u8>), Fault> {
    let html = letter.html.as_deref().unwrap_or_default();
    let attached = letter.attached.as_deref().unwrap_or_default();
    if letter.text.len().max(html.len()) > PART_MOST || attached.len() > ATTACHED_MOST {
        return Err(Fault::Large);
    }
    let id = URL_SAFE_NO_PAD.encode(random::<18>()?);
    let mut fields = vec![
        (
            "From",
            letter.from.as_deref().unwrap_or(head.from).to_owned(),
        ),
        ("To", format!("<{}>", letter.to)),
        ("Subject", one_line(&letter.subject)),
        ("Date", head.now.rfc5322()),
        ("Message-ID", format!("<{id}@{}>", head.hostname)),
        ("Auto-Submitted", "auto-generated".to_owned()),
        (NOTICE_FIELD, letter.kind.to_owned()),
    ];
    for (name, value) in &letter.fields {
        let other = fields.iter_mut().find(|(own, _)| own == name);
        match other {
            // Only this one may say something else: a letter may be somebody's answer.
            Some(own) if *name == "Auto-Submitted" => own.1.clone_from(value),
            Some(_) => return Err(Fault::Field((*name).to_owned())),
            None => fields.push((name, value.clone())),
        }
    }
    fields.push(("MIME-Version", "1.0".to_owned()));
    let mut header = String::new();
    for (name, value) in &fields {
        field(&mut header, name, value)?;
    }
    let mut part = Part::text("plain", &letter.text, head.signed);
    if let Some(html) = &letter.html {
        let parts = vec![part, Part::text("html", html, head.signed)];
        part = Part::multi("alternative", parts)?;
    }
    if let Some(message) = &letter.attached {
        part = Part::multi("mixed", vec![part, Part::message(message)])?;
    }
    header.push_str(&part.fields);
    Ok((header.into_bytes(), part.body))
}

/// Puts a field into the header section. A subject comes folded by its encoding; nothing else may.
fn field(header: &mut String, name: &str, value: &str) -> Result<(), Fault> {
    let named = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b':');
    let folded = name == "Subject";
    let sound = value.len() <= VALUE_MOST || folded;
    if !named || !sound || !folded && value.chars().any(char::is_control) {
        return Err(Fault::Field(name.to_owned()));
    }
    let _infallible = write!(header, "{name}: {value}\r\n");
    Ok(())
}

fn one_line(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    subject::encoded(&plain.take(SUBJECT_MOST).collect::<String>())
}

/// A part: its own header fields, each with CRLF, and its octets.
struct Part {
    fields: String,
    body: Vec<u8>,
}

impl Part {
    fn text(kind: &str, text: &str, signed: bool) -> Self {
        let mut body = text.replace('\n', "\r\n");
        if !body.is_empty() && !body.ends_with("\r\n") {
            body.push_str("\r\n");
        }
        let short = is_short(body.as_bytes());
        let encoding = match body.is_ascii() {
            true if short => "7bit",
            false if short && !signed => "8bit",
            _ => {
                body = quoted(&body);
                "quoted-printable"
            }
        };
        Self {
            fields: format!(
                "Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n"
            ),
            body: body.into_bytes(),
        }
    }

    /// A message as message/rfc822, which may not be encoded (RFC 2046 section 5.2.1); one with lines
    /// that are too long as a file.
    fn message(octets: &[u8]) -> Self {
        let name = "Content-Disposition: attachment; filename=\"message.eml\"\r\n";
        if !is_short(octets) || octets.contains(&0) {
            let mut body = String::new();
            for line in octets.chunks(BASE64_LINE) {
                body.push_str(&STANDARD.encode(line));
                body.push_str("\r\n");
            }
            return Self {
                fields: format!(
                    "Content-Type: application/octet-stream\r\n{name}Content-Transfer-Encoding: base64\r\n"
                ),
                body: body.into_bytes(),
            };
        }
        let encoding = if octets.is_ascii() { "7bit" } else { "8bit" };
        Self {
            fields: format!(
                "Content-Type: message/rfc822\r\n{name}Content-Transfer-Encoding: {encoding}\r\n"
            ),
            body: octets.to_vec(),
        }
    }

    fn multi(kind: &str, parts: Vec<Part>) -> Result<Self, Fault> {
        // Nobody who writes what is inside can know it, and no quoted-printable holds "=_".
        let boundary = format!("=_{}", URL_SAFE_NO_PAD.encode(random::<18>()?));
        let encoding = match parts.iter().all(|part| part.body.is_ascii()) {
            true => "7bit",
            false => "8bit",
        };
        let mut body = Vec::new();
        for part in parts {
            body.extend_from_slice(format!("--{boundary}\r\n{}\r\n", part.fields).as_bytes());
            body.extend_from_slice(&part.body);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        Ok(Self {
            fields: format!(
                "Content-Type: multipart/{kind};\r\n\tboundary=\"{boundary}\"\r\nContent-Transfer-Encoding: {encoding}\r\n"
            ),
            body,
        })
    }
}

fn is_short(octets: &[u8]) -> bool {
    octets
        .split(|b| *b == b'\n')
        .all(|line| line.len() <= LINE_MOST + 1)
}

/// Lines that end in CRLF as quoted-printable (RFC 2045 section 6.7).
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for line in text.split_inclusive("\r\n") {
        let (line, end) = match line.strip_suffix("\r\n") {
            Some(line) => (line, "\r\n"),
            None => (line, ""),
        };
        let mut width = 0;
        for (at, octet) in line.bytes().enumerate() {
            let last = at + 1 == line.len();
            let plain = match octet {
                b'=' => false,
                b' ' | b'\t' => !last,
                // A dot at the start of a line has been lost on the way before.
                b'.' => width > 0,
                _ => octet.is_ascii_graphic(),
            };
            let room = if plain { 1 } else { 3 };
            if width + room > QUOTED_MOST {
                out.push_str("=\r\n");
                width = 0;
            }
            if plain {
                out.push(char::from(octet));
            } else {
                let _infallible = write!(out, "={octet:02X}");
            }
            width += room;
        }
        out.push_str(end);
    }
    out
}

#[cfg(test)]
mod tests {
    use mail_parser::{MessageParser, MimeHeaders as _};

    use super::*;

    fn letter() -> Letter {
        let to = "alice@example.org".parse().expect("address");
        Letter::new(to, "test", "A test", "Hello\n".to_owned(), Timestamp(1))
    }

    fn written(letter: &Letter, signed: bool) -> Result<String, Fault> {
        let head = Head {
            from: "\"Quarantine\" <q@example.org>",
            hostname: "mx.example.org",
            now: Timestamp(0),
            signed,
        };
        let (mut message, body) = compose(letter, &head)?;
        message.extend_from_slice(b"\r\n");
        message.extend(body);
        Ok(String::from_utf8(message).expect("UTF-8"))
    }

    #[test]
    fn sy06_parts_read_as_they_were_written() {
        let text =
            "Gr\u{fc}\u{df}e = \u{1f600} \n.\n..x\n".to_owned() + &"lang ".repeat(400) + "\n";
        for signed in [false, true] {
            let mut letter = letter();
            letter.subject =
                "Zw\u{f6}lf Boxk\u{e4}mpfer\r\nX: y".to_owned() + &"\u{fc}".repeat(400);
            letter.text.clone_from(&text);
            letter.html = Some(format!("<p>{text}</p>\n"));
            letter.attached = Some("Subject: in\r\n\r\nside\r\n".into());
            let message = written(&letter, signed).expect("written");
            assert!(message.lines().all(|line| line.len() <= LINE_MOST));
            assert!(message.is_ascii(), "there is a long line");
            let parsed = MessageParser::default().parse(&message).expect("parsed");
            let subject = parsed.subject().expect("subject");
            assert!(
                subject.starts_with("Zw\u{f6}lf Boxk\u{e4}mpfer  X: y\u{fc}"),
                "{subject}"
            );
            assert!(!message.contains("\r\nX: y"));
            let crlf = text.replace('\n', "\r\n");
            let got =
                |text: Option<std::borrow::Cow<'_, str>>| text.expect("text").replace("\r\n", "\n");
            assert_eq!(
                got(parsed.body_text(0)).trim_end(),
                text.trim_end(),
                "{crlf:.9}"
            );
            assert!(got(parsed.body_html(0)).contains(text.trim_end()));
            let inner = parsed.attachment(0).expect("attachment");
            assert!(inner.is_content_type("message", "rfc822"));
            assert_eq!(inner.message().expect("message").subject(), Some("in"));
        }
    }

    #[test]
    fn sy06_nobody_adds_a_field() {
        for (name, value) in [
            ("X-A", "a\r\nX-B: b"),
            ("X-A", "a\nb"),
            ("X-A:", "a"),
            ("X A", "a"),
            ("", "a"),
            ("From", "somebody else"),
            ("Message-ID", "<1@x>"),
            ("X-A", &"x".repeat(VALUE_MOST + 1)),
        ] {
            let mut letter = letter();
            letter.fields = vec![(
                Box::leak(name.to_owned().into_boxed_str()),
                value.to_owned(),
            )];
            assert!(written(&letter, false).is_err(), "{name}: {value:.40}");
        }
        let mut letter = letter();
        letter.fields = vec![("List-Unsubscribe", "<https://example.org/u/1>".to_owned())];
        let message = written(&letter, false).expect("written");
        assert!(message.contains("\r\nList-Unsubscribe: <https://example.org/u/1>\r\n"));
        letter.text = "x".repeat(PART_MOST + 1);
        assert!(written(&letter, false).is_err(), "too large");
    }

    #[test]
    fn quoted_lines_are_short_and_sound() {
        for (text, want) in [
            ("a=b\r\n", "a=3Db\r\n"),
            ("end \r\n", "end=20\r\n"),
            (".\r\n", "=2E\r\n"),
            ("\u{fc}", "=C3=BC"),
            ("a b\tc\r\n\r\n", "a b\tc\r\n\r\n"),
        ] {
            assert_eq!(quoted(text), want);
        }
        let long = quoted(&"\u{fc}x".repeat(300));
        assert!(long.split("\r\n").all(|line| line.len() <= QUOTED_MOST + 1));
    }
}

//! The next host's replies, read from octets that come in any pieces, and bounded.

use crate::mail::{Enhanced, Reply};
use crate::net::lines::Lines;

/// Longest line of a reply; RFC 5321 section 4.5.3.1.5 allows 512 octets.
const LINE_MOST: usize = 2048;
/// Most lines of one reply.
const LINES_MOST: usize = 128;
/// Most text of one reply, in octets.
const TEXT_MOST: usize = 16 * 1024;

/// The next host does not speak SMTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed reply")]
pub(super) struct Nonsense;

/// Collects the lines of one reply at a time.
#[derive(Debug)]
pub(super) struct Answers {
    lines: Lines,
    begun: Option<Begun>,
}

#[derive(Debug)]
struct Begun {
    code: u16,
    enhanced: Option<Enhanced>,
    texts: Vec<String>,
    size: usize,
}

impl Answers {
    pub(super) fn new() -> Self {
        Self {
            lines: Lines::new(LINE_MOST),
            begun: None,
        }
    }

    /// True if nothing of a next reply has been taken.
    pub(super) fn is_between(&self) -> bool {
        self.begun.is_none() && !self.lines.is_within_line()
    }

    /// Takes octets from the front of `input` up to the end of a reply; `None` if
    /// it goes on beyond `input`.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Option<Result<Reply, Nonsense>> {
        while let Some(line) = self.lines.next(input) {
            let Ok(line) = line else {
                return Some(Err(Nonsense));
            };
            match self.line(&line) {
                Ok(None) => {}
                Ok(Some(reply)) => return Some(Ok(reply)),
                Err(nonsense) => return Some(Err(nonsense)),
            }
        }
        None
    }

    fn line(&mut self, line: &[u8]) -> Result<Option<Reply>, Nonsense> {
        let code = line.get(..3).and_then(code).ok_or(Nonsense)?;
        let (last, text) = match line.get(3) {
            None => (true, &line[3..]),
            Some(b' ') => (true, &line[4..]),
            Some(b'-') => (false, &line[4..]),
            Some(_) => return Err(Nonsense),
        };
        let (enhanced, text) = split_enhanced(code, &String::from_utf8_lossy(text));
        let begun = self.begun.get_or_insert(Begun {
            code,
            enhanced,
            texts: Vec::new(),
            size: 0,
        });
        begun.size += text.len();
        let too_much = begun.texts.len() >= LINES_MOST || begun.size > TEXT_MOST;
        if begun.code != code || too_much {
            return Err(Nonsense);
        }
        begun.texts.push(text);
        if !last {
            return Ok(None);
        }
        Ok(self.begun.take().map(|begun| {
            // Reply::plain cleans the text of control characters.
            let mut reply = Reply::plain(begun.code, begun.texts.join("\n"));
            reply.enhanced = begun.enhanced;
            reply
        }))
    }
}

fn code(digits: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(digits).ok()?;
    let right = text.bytes().all(|b| b.is_ascii_digit()) && matches!(digits[0], b'2'..=b'5');
    right.then(|| text.parse().ok()).flatten()
}

/// The enhanced code in front of a text (RFC 2034), if its class is the reply's.
fn split_enhanced(code: u16, text: &str) -> (Option<Enhanced>, String) {
    let (head, rest) = text.split_once(' ').unwrap_or((text, ""));
    let mut numbers = head.split('.').map(|n| {
        let plain = (1..=3).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| n.parse::<u16>().ok()).flatten()
    });
    let parsed = (
        numbers.next(),
        numbers.next(),
        numbers.next(),
        numbers.next(),
    );
    if let (Some(Some(class)), Some(Some(subject)), Some(Some(detail)), None) = parsed
        && class == code / 100
        && let Ok(class) = u8::try_from(class)
    {
        return (Some(Enhanced(class, subject, detail)), rest.to_owned());
    }
    (None, text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(octets: &str) -> Option<Result<Reply, Nonsense>> {
        let run = |size: usize| {
            let mut answers = Answers::new();
            for mut piece in octets.as_bytes().chunks(size) {
                if let Some(reply) = answers.next(&mut piece) {
                    return Some(reply);
                }
            }
            None
        };
        let whole = run(octets.len().max(1));
        assert_eq!(run(1), whole, "{octets:?}");
        whole
    }

    #[test]
    fn replies_are_read_with_their_enhanced_codes() {
        let table = [
            ("250 2.1.5 ok\r\n", Reply::new(250, 1, 5, "ok")),
            ("250\r\n", Reply::plain(250, "")),
            (
                "550-5.7.1 a\r\n550 5.7.1 b\r\n",
                Reply::new(550, 7, 1, "a\nb"),
            ),
            (
                "250-mx\r\n250-SIZE 10\r\n250 X\r\n",
                Reply::plain(250, "mx\nSIZE 10\nX"),
            ),
            (
                "550 4.7.1 other class\r\n",
                Reply::plain(550, "4.7.1 other class"),
            ),
            ("550 5.7 two\r\n", Reply::plain(550, "5.7 two")),
            ("451 4.7.1\r\n", Reply::new(451, 7, 1, "")),
            ("550 a\tb\x1bc\r\n", Reply::plain(550, "a b c")),
        ];
        for (octets, want) in table {
            assert_eq!(read(octets), Some(Ok(want)), "{octets:?}");
        }
        assert_eq!(read("250-more\r\n"), None);
    }

    #[test]
    fn nonsense_is_told_apart_and_bounded() {
        for octets in [
            "\r\n",
            "hello\r\n",
            "25 x\r\n",
            "950 x\r\n",
            "150 x\r\n",
            "250x\r\n",
            "2x0 x\r\n",
            "250 a\n",
            "250-a\r\n251 b\r\n",
            "+50 a\r\n",
        ] {
            assert_eq!(read(octets), Some(Err(Nonsense)), "{octets:?}");
        }
        assert_eq!(
            read(&"250-a\r\n".repeat(LINES_MOST + 1)),
            Some(Err(Nonsense))
        );
        let large = format!("250-{}\r\n", "a".repeat(1000)).repeat(17);
        assert_eq!(read(&large), Some(Err(Nonsense)));
        assert_eq!(
            read(&format!("250 {}\r\n", "a".repeat(LINE_MOST))),
            Some(Err(Nonsense))
        );
    }
}

//! SMTP replies: code, enhanced status code (RFC 3463) and text.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An enhanced status code, `class.subject.detail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enhanced(pub u8, pub u16, pub u16);

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// A reply as the server side says it or as a next host said it. The text may
/// have several lines, parted by `\n`; it holds neither the code nor CR.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    pub code: u16,
    pub enhanced: Option<Enhanced>,
    pub text: String,
}

impl Reply {
    /// A reply with an enhanced status code, whose class follows from the code.
    pub fn new(code: u16, subject: u16, detail: u16, text: impl Into<String>) -> Self {
        let class = u8::try_from(code / 100).unwrap_or(5);
        Self {
            code,
            enhanced: Some(Enhanced(class, subject, detail)),
            text: clean(text.into()),
        }
    }

    /// A reply without an enhanced status code (RFC 2034 section 3: greeting, EHLO, 3xx).
    pub fn plain(code: u16, text: impl Into<String>) -> Self {
        Self {
            code,
            enhanced: None,
            text: clean(text.into()),
        }
    }

    /// 2yz: the command was done; of DATA: the other side has the mail.
    #[must_use]
    pub fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// 4yz: try again later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        (400..500).contains(&self.code)
    }

    /// 5yz: do not try again.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        (500..600).contains(&self.code)
    }

    /// The octets on the wire: every line with code and enhanced code, CRLF, lines
    /// kept within 512 octets (RFC 5321 section 4.5.3.1.5).
    #[must_use]
    pub fn wire(&self) -> Vec<u8> {
        let prefix = self.enhanced.map(|e| format!("{e} ")).unwrap_or_default();
        let lines: Vec<String> = self
            .text
            .split('\n')
            .flat_map(|line| pieces(line, 480))
            .collect();
        let mut wire = Vec::with_capacity(self.text.len() + 16 * lines.len());
        for (i, line) in lines.iter().enumerate() {
            let mark = if i + 1 == lines.len() { ' ' } else { '-' };
            wire.extend_from_slice(format!("{}{mark}{prefix}{line}\r\n", self.code).as_bytes());
        }
        wire
    }
}

/// Control characters would break the reply apart; they become spaces.
fn clean(text: String) -> String {
    if text.bytes().any(|b| b < 0x20 && b != b'\n') {
        text.chars()
            .map(|c| if c.is_control() && c != '\n' { ' ' } else { c })
            .collect()
    } else {
        text
    }
}

fn pieces(line: &str, most: usize) -> Vec<String> {
    let mut rest = line;
    let mut out = Vec::new();
    while rest.len() > most {
        let cut = (0..=most)
            .rev()
            .find(|&at| rest.is_char_boundary(at))
            .unwrap_or(most);
        out.push(rest[..cut].to_owned());
        rest = &rest[cut..];
    }
    out.push(rest.to_owned());
    out
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, "{enhanced} ")?;
        }
        f.write_str(&self.text.replace('\n', " "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_the_code_and_long_lines_are_cut() {
        let reply = Reply::new(550, 7, 1, "one\ntwo");
        assert_eq!(reply.wire(), b"550-5.7.1 one\r\n550 5.7.1 two\r\n");
        let long = Reply::plain(250, "é".repeat(600)).wire();
        assert!(long.split(|b| *b == b'\n').all(|line| line.len() <= 512));
    }

    #[test]
    fn a_reply_cannot_be_broken_apart() {
        assert_eq!(Reply::plain(250, "a\r250 b").wire(), b"250 a 250 b\r\n");
    }
}

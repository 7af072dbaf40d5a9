//! Lines of a dialogue: ended by CRLF only, bounded, taken from octets that come in any pieces.

/// Why octets do not make a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    #[error("the line is longer than {0} octets")]
    TooLong(usize),
    /// A CR or LF stands alone. What follows up to the next CRLF belongs to the
    /// same faulty line and is never taken for a line of its own.
    #[error("bare carriage return or line feed in a line")]
    BareLineEnd,
}

/// Collects one line at a time; holds at most that line.
#[derive(Debug)]
pub struct Lines {
    line: Vec<u8>,
    most: usize,
    too_long: bool,
    bare: bool,
    after_cr: bool,
}

impl Lines {
    /// Lines of at most `most` octets, their CRLF not counted.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            line: Vec::new(),
            most,
            too_long: false,
            bare: false,
            after_cr: false,
        }
    }

    /// True if a part of a line has been taken.
    #[must_use]
    pub fn is_within_line(&self) -> bool {
        !self.line.is_empty() || self.after_cr || self.too_long || self.bare
    }

    /// Takes octets from the front of `input` up to the end of the line, which is
    /// returned without its CRLF; `None` if the line goes on beyond `input`.
    ///
    /// # Errors
    /// [`LineFault`], once at each LF of a faulty line, so that a client that ends
    /// all its lines wrongly is told so instead of waiting.
    pub fn next(&mut self, input: &mut &[u8]) -> Option<Result<Vec<u8>, LineFault>> {
        let Some(at) = memchr::memchr(b'\n', input) else {
            self.collect(input);
            *input = &[];
            return None;
        };
        let (head, rest) = input.split_at(at);
        self.collect(head);
        *input = &rest[1..];
        Some(self.end())
    }

    /// Takes octets without an LF.
    fn collect(&mut self, octets: &[u8]) {
        let Some(last) = octets.last() else { return };
        let inside = &octets[..octets.len() - 1];
        // A CR is bare as soon as another octet than LF follows it.
        self.bare |= self.after_cr || inside.contains(&b'\r');
        self.after_cr = *last == b'\r';
        let text = if self.after_cr { inside } else { octets };
        if self.line.len() + text.len() > self.most {
            self.too_long = true;
        }
        if self.too_long || self.bare {
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(text);
        }
    }

    fn end(&mut self) -> Result<Vec<u8>, LineFault> {
        let line = std::mem::take(&mut self.line);
        let framed = std::mem::take(&mut self.after_cr);
        let bare = self.bare || !framed;
        // Only a CRLF clears the fault.
        self.bare = bare && !framed;
        let too_long = std::mem::take(&mut self.too_long);
        if bare {
            Err(LineFault::BareLineEnd)
        } else if too_long {
            Err(LineFault::TooLong(self.most))
        } else {
            Ok(line)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Taken = Vec<Result<Vec<u8>, LineFault>>;

    /// The lines of `octets`, fed whole and one octet at a time.
    fn lines(octets: &[u8]) -> Taken {
        let run = |pieces: Vec<&[u8]>| {
            let mut lines = Lines::new(8);
            let mut out = Taken::new();
            for mut piece in pieces {
                while let Some(line) = lines.next(&mut piece) {
                    out.push(line);
                }
            }
            out
        };
        let whole = run(vec![octets]);
        assert_eq!(whole, run(octets.chunks(1).collect()), "{octets:?}");
        whole
    }

    fn ok(text: &str) -> Result<Vec<u8>, LineFault> {
        Ok(text.as_bytes().to_vec())
    }

    #[test]
    fn lines_end_in_crlf_only() {
        use LineFault::{BareLineEnd, TooLong};
        assert_eq!(lines(b"a\r\n\r\nb"), [ok("a"), ok("")]);
        assert_eq!(
            lines(b"a\nb\r\nc\r\n"),
            [Err(BareLineEnd), Err(BareLineEnd), ok("c")]
        );
        assert_eq!(lines(b"a\rb\r\nc\r\n"), [Err(BareLineEnd), ok("c")]);
        assert_eq!(lines(b"a\r\r\nc\r\n"), [Err(BareLineEnd), ok("c")]);
        assert_eq!(
            lines(b"12345678\r\n123456789\r\nc\r\n"),
            [ok("12345678"), Err(TooLong(8)), ok("c")]
        );
        assert_eq!(
            lines(b"123456789012345\n\nc\r\nd\r\n"),
            [
                Err(BareLineEnd),
                Err(BareLineEnd),
                Err(BareLineEnd),
                ok("d")
            ]
        );
    }
}

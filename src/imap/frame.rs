//! Cuts the octets of a connection into commands, without I/O: lines, literals, and their limits.

use super::grammar::{append_head, tag_of};

/// Bounds for what is collected before it is understood, in octets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// One literal.
    pub(super) literal: u64,
    /// One command with all its literals.
    pub(super) command: usize,
    /// APPEND is known, and its message is read apart.
    pub(super) append: bool,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// More octets are needed.
    More,
    /// The client waits for "+" before it sends a literal.
    Continue,
    /// A command with its literals, without the last line end.
    Command(Vec<u8>),
    /// The head of an APPEND; `size` octets of message follow (once "+" was said, if `sync`).
    Append {
        tag: String,
        mailbox: Vec<u8>,
        size: u64,
        sync: bool,
    },
    /// Beyond the limits; what came of it is thrown away.
    TooLong { tag: Option<String> },
}

/// A literal's announcement at the end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Announced {
    size: u64,
    sync: bool,
    /// Octets of `{n}` itself.
    length: usize,
}

enum State {
    /// Collecting lines; the number is where the current line starts.
    Line(usize),
    /// Octets of a literal that are still to come, up to this length of the command.
    Literal(usize),
    /// Throwing away: first these octets, then up to the end of the command.
    Discard(u64, Option<String>),
}

/// The octets received and not yet understood.
pub(super) struct Framer {
    buffer: Vec<u8>,
    /// Up to where the line end was looked for.
    seen: usize,
    state: State,
}

impl Framer {
    pub(super) fn new() -> Self {
        Self {
            buffer: Vec::new(),
            seen: 0,
            state: State::Line(0),
        }
    }

    /// Adds octets received.
    pub(super) fn feed(&mut self, octets: &[u8]) {
        self.buffer.extend_from_slice(octets);
    }

    /// True if nothing waits to be understood.
    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty() && matches!(self.state, State::Line(0))
    }

    /// Up to `most` octets as they came, for a message that is read apart.
    pub(super) fn take(&mut self, most: u64) -> Vec<u8> {
        let size = self
            .buffer
            .len()
            .min(usize::try_from(most).unwrap_or(usize::MAX));
        let rest = self.buffer.split_off(size);
        self.seen = 0;
        std::mem::replace(&mut self.buffer, rest)
    }

    /// One line without its end, outside of commands; `None` if more octets are needed.
    ///
    /// # Errors
    /// The line is longer than `most` octets.
    pub(super) fn line(&mut self, most: usize) -> Option<Result<Vec<u8>, TooLong>> {
        match self.line_end() {
            Some(end) if end <= most => {
                let mut line = self.take(end as u64);
                trim_end(&mut line);
                Some(Ok(line))
            }
            None if self.buffer.len() <= most => None,
            _ => Some(Err(TooLong)),
        }
    }

    /// The next thing found.
    pub(super) fn next(&mut self, limits: Limits) -> Frame {
        loop {
            match self.state {
                State::Line(start) => match self.line_end() {
                    None if self.buffer.len() > limits.command => {
                        let tag = tag_of(&self.buffer);
                        self.state = State::Discard(0, tag);
                    }
                    None => return Frame::More,
                    Some(end) if end > limits.command => {
                        let tag = tag_of(&self.buffer);
                        self.state = State::Discard(0, tag);
                        self.seen = 0;
                    }
                    Some(end) => {
                        if let Some(frame) = self.line_found(start, end, limits) {
                            return frame;
                        }
                    }
                },
                State::Literal(until) => {
                    if self.buffer.len() < until {
                        return Frame::More;
                    }
                    self.seen = until;
                    self.state = State::Line(until);
                }
                State::Discard(..) => return self.discard(),
            }
        }
    }

    /// A line of a command has come whole; `None` to look on.
    fn line_found(&mut self, start: usize, end: usize, limits: Limits) -> Option<Frame> {
        let Some(announced) = announced(&self.buffer[start..end]) else {
            let mut command = self.take(end as u64);
            trim_end(&mut command);
            self.state = State::Line(0);
            return Some(Frame::Command(command));
        };
        let tag = tag_of(&self.buffer);
        let head_end = start + trimmed(&self.buffer[start..end]) - announced.length;
        if limits.append
            && let Some((tag, mailbox)) = append_head(&self.buffer[..head_end])
        {
            self.take(end as u64);
            self.state = State::Line(0);
            return Some(Frame::Append {
                tag,
                mailbox,
                size: announced.size,
                sync: announced.sync,
            });
        }
        let until = (end as u64).saturating_add(announced.size);
        if announced.size > limits.literal || until > limits.command as u64 {
            self.take(end as u64);
            self.state = State::Line(0);
            if !announced.sync {
                self.state = State::Discard(announced.size, tag);
                return None;
            }
            return Some(Frame::TooLong { tag });
        }
        self.state = State::Literal(usize::try_from(until).unwrap_or(usize::MAX));
        announced.sync.then_some(Frame::Continue)
    }

    /// Throws away up to the end of the command.
    fn discard(&mut self) -> Frame {
        loop {
            let State::Discard(left, tag) = &mut self.state else {
                return Frame::More;
            };
            if *left > 0 {
                let gone = (self.buffer.len() as u64).min(*left);
                *left -= gone;
                let more = *left > 0;
                self.take(gone);
                if more {
                    return Frame::More;
                }
                continue;
            }
            let tag = tag.take();
            let Some(end) = self.line_end() else {
                // Of an endless line the end is kept: an announcement may stand there.
                let keep = self.buffer.len().min(ANNOUNCEMENT_MOST);
                self.buffer.drain(..self.buffer.len() - keep);
                self.seen = self.buffer.len();
                self.state = State::Discard(0, tag);
                return Frame::More;
            };
            let line = self.take(end as u64);
            match announced(&line) {
                Some(Announced {
                    size, sync: false, ..
                }) => self.state = State::Discard(size, tag),
                _ => {
                    self.state = State::Line(0);
                    return Frame::TooLong { tag };
                }
            }
        }
    }

    /// Where the line ends, behind its LF.
    fn line_end(&mut self) -> Option<usize> {
        let found = self.buffer[self.seen..].iter().position(|b| *b == b'\n');
        match found {
            Some(at) => {
                let end = self.seen + at + 1;
                Some(end)
            }
            None => {
                self.seen = self.buffer.len();
                None
            }
        }
    }

    /// Gives back memory that a long command took.
    pub(super) fn shrink(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = Vec::new();
        }
    }
}

/// A line was longer than it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

/// Longest announcement looked at: `{`, 20 digits, `+}` and the line end.
const ANNOUNCEMENT_MOST: usize = 32;

fn trimmed(line: &[u8]) -> usize {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line).len()
}

fn trim_end(line: &mut Vec<u8>) {
    line.truncate(trimmed(line));
}

/// `{n}` or `{n+}` at the end of a line. A size beyond 64 bits counts as the greatest.
fn announced(line: &[u8]) -> Option<Announced> {
    let line = &line[..trimmed(line)];
    let inner = line.strip_suffix(b"}")?;
    let (inner, sync) = match inner.strip_suffix(b"+") {
        Some(inner) => (inner, false),
        None => (inner, true),
    };
    let digits = inner
        .iter()
        .rev()
        .take_while(|b| b.is_ascii_digit())
        .count();
    let (head, number) = inner.split_at(inner.len() - digits);
    if digits == 0 || !head.ends_with(b"{") {
        return None;
    }
    let size = std::str::from_utf8(number)
        .ok()?
        .parse()
        .unwrap_or(u64::MAX);
    Some(Announced {
        size,
        sync,
        length: line.len() - head.len() + 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Limits = Limits {
        literal: 10,
        command: 60,
        append: true,
    };

    /// Feeds one octet at a time; "+" is taken as said.
    fn frames(octets: &[u8], limits: Limits) -> Vec<Frame> {
        let mut framer = Framer::new();
        let mut found = Vec::new();
        for octet in octets {
            framer.feed(&[*octet]);
            loop {
                match framer.next(limits) {
                    Frame::More => break,
                    frame => found.push(frame),
                }
            }
        }
        found
    }

    fn command(text: &str) -> Frame {
        Frame::Command(text.as_bytes().to_vec())
    }

    #[test]
    fn commands_are_cut_at_any_place() {
        assert_eq!(
            frames(b"a NOOP\r\nb NOOP\n", SMALL),
            [command("a NOOP"), command("b NOOP")]
        );
        assert_eq!(
            frames(b"a LOGIN {2}\r\n\r\n {3+}\r\nx\r\n\r\nc NOOP\r\n", SMALL),
            [
                Frame::Continue,
                command("a LOGIN {2}\r\n\r\n {3+}\r\nx\r\n"),
                command("c NOOP")
            ]
        );
    }

    #[test]
    fn absurd_literals_are_refused_and_thrown_away() {
        let too_long = || Frame::TooLong {
            tag: Some("a".into()),
        };
        assert_eq!(
            frames(b"a LOGIN {99999999999999999999999}\r\nb NOOP\r\n", SMALL),
            [too_long(), command("b NOOP")]
        );
        assert_eq!(
            frames(
                b"a LOGIN {12+}\r\n123456789012 {13+}\r\n1234567890\r\n1 x\r\nb NOOP\r\n",
                SMALL
            ),
            [too_long(), command("b NOOP")]
        );
        let long = format!("a {}\r\nb NOOP\r\n", "x".repeat(500));
        assert_eq!(
            frames(long.as_bytes(), SMALL),
            [too_long(), command("b NOOP")]
        );
    }

    #[test]
    fn the_message_of_an_append_is_left_in_place() {
        let mut framer = Framer::new();
        framer.feed(b"a APPEND {4+}\r\nSpam (\\Seen) {5000}\r\nhello");
        assert_eq!(
            framer.next(SMALL),
            Frame::Append {
                tag: "a".into(),
                mailbox: b"Spam".to_vec(),
                size: 5000,
                sync: true
            }
        );
        assert_eq!(framer.take(3), b"hel");
        assert_eq!(framer.take(9), b"lo");
    }
}

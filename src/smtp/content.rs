//! The octets of a message on their way in: un-stuffed, counted, and bounded.

use crate::mail::{Budget, Message, Reply, Share};

/// The first piece of memory for a message, in octets.
const FIRST_PIECE: usize = 16 * 1024;

/// Why a message cannot be taken; its octets are read and thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    TooBig,
    NoRoom,
}

/// Collects a message. Its memory is taken from the budget as octets arrive.
#[derive(Debug)]
pub(super) struct Content {
    octets: Vec<u8>,
    share: Option<Share>,
    most: usize,
    fault: Option<Fault>,
}

impl Content {
    /// For a message of at most `most` octets.
    pub(super) fn new(budget: &Budget, most: usize) -> Self {
        Self {
            octets: Vec::new(),
            share: Some(budget.share()),
            most,
            fault: None,
        }
    }

    /// Why there will be no message, as far as is known before its end.
    pub(super) fn refusal(&self) -> Option<Reply> {
        self.fault.map(|fault| match fault {
            Fault::TooBig => too_big(self.most),
            Fault::NoRoom => no_room(),
        })
    }

    pub(super) fn push(&mut self, octets: &[u8]) {
        if self.fault.is_some() {
            return;
        }
        if let Err(fault) = self.make_room(octets.len()) {
            // From here on nothing is kept.
            self.octets = Vec::new();
            self.share = None;
            self.fault = Some(fault);
            return;
        }
        self.octets.extend_from_slice(octets);
    }

    fn make_room(&mut self, more: usize) -> Result<(), Fault> {
        let needed = self.octets.len() + more;
        let capacity = self.octets.capacity();
        if needed > self.most {
            return Err(Fault::TooBig);
        }
        if needed <= capacity {
            return Ok(());
        }
        let wanted = (2 * capacity).max(FIRST_PIECE).min(self.most).max(needed);
        let share = self.share.as_mut().ok_or(Fault::NoRoom)?;
        share.grow(wanted - capacity).map_err(|_| Fault::NoRoom)?;
        self.octets.reserve_exact(wanted - self.octets.len());
        Ok(())
    }

    /// The message, or the reply that says why there is none.
    pub(super) fn finish(self) -> Result<Message, Reply> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        // A server behind us may drop NULs and then see an end of data that we
        // did not (CR LF NUL . CR LF); 8BITMIME and IMAP forbid them as well.
        if self.octets.contains(&0) {
            return Err(Reply::new(550, 6, 0, "NUL octet in the message"));
        }
        Message::new(self.octets, self.share).map_err(|fault| {
            let text = format!("{fault}: lines must end in CRLF");
            Reply::new(550, 6, 11, text)
        })
    }
}

/// 552 5.3.4 for a message over `most` octets.
pub(super) fn too_big(most: usize) -> Reply {
    let text = format!("The message is larger than {most} octets");
    Reply::new(552, 3, 4, text)
}

/// 452 4.3.1: the budget of mail in flight is used up.
pub(super) fn no_room() -> Reply {
    Reply::new(
        452,
        3,
        1,
        "No room for more mail now; please try again later",
    )
}

/// Finds the end of DATA and removes the dots that were put in front of lines
/// (RFC 5321 section 4.5.2). Only `<CRLF>.<CRLF>` ends it; bare CRs and LFs are
/// passed on as they are, so that [`Message::new`] sees and refuses them.
#[derive(Debug)]
pub(super) struct DotReader(At);

#[derive(Debug, Clone, Copy)]
enum At {
    LineStart,
    Dot,
    DotCr,
    Mid,
    Cr,
}

impl DotReader {
    pub(super) fn new() -> Self {
        // The CRLF of the DATA command is the one before the first line.
        Self(At::LineStart)
    }

    /// Takes octets from the front of `input`; true when the end was found.
    pub(super) fn take(&mut self, input: &mut &[u8], content: &mut Content) -> bool {
        let octets = *input;
        let (mut start, mut at) = (0, 0);
        while let Some(&byte) = octets.get(at) {
            match self.0 {
                At::Mid => {
                    // Nothing happens before the next line that begins with a dot.
                    let rest = &octets[at..];
                    let Some(cr) = memchr::memmem::find(rest, b"\r\n.") else {
                        self.0 = at_end_of(rest);
                        break;
                    };
                    at += cr;
                    self.0 = At::Cr;
                }
                At::LineStart if byte == b'.' => {
                    content.push(&octets[start..at]);
                    start = at + 1;
                    self.0 = At::Dot;
                }
                At::Dot if byte == b'\r' => {
                    // Held back: it belongs to the end, or to a message that is refused.
                    start = at + 1;
                    self.0 = At::DotCr;
                }
                At::DotCr if byte == b'\n' => {
                    *input = &octets[at + 1..];
                    return true;
                }
                At::DotCr => {
                    content.push(b"\r");
                    self.0 = after(byte);
                }
                At::Cr if byte == b'\n' => self.0 = At::LineStart,
                At::LineStart | At::Dot | At::Cr => self.0 = after(byte),
            }
            at += 1;
        }
        content.push(&octets[start..]);
        *input = &[];
        false
    }
}

fn after(byte: u8) -> At {
    if byte == b'\r' { At::Cr } else { At::Mid }
}

/// Where octets end that have no line beginning with a dot.
fn at_end_of(octets: &[u8]) -> At {
    match octets {
        [.., b'\r', b'\n'] => At::LineStart,
        [.., b'\r'] => At::Cr,
        _ => At::Mid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is collected, and what is left behind the end; `None` if there is no end.
    fn read(octets: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let run = |size: usize| {
            let mut content = Content::new(&Budget::new(1 << 20), 1 << 20);
            let mut reader = DotReader::new();
            let mut left = octets;
            while !left.is_empty() {
                let (mut piece, rest) = left.split_at(size.min(left.len()));
                if reader.take(&mut piece, &mut content) {
                    return Some((content.octets, [piece, rest].concat()));
                }
                left = rest;
            }
            None
        };
        let whole = run(octets.len());
        for size in 1..=3 {
            assert_eq!(run(size), whole, "{octets:?} in pieces of {size}");
        }
        whole
    }

    #[test]
    fn dots_are_unstuffed_and_the_end_is_found() {
        for (octets, want) in [
            (&b".\r\nQUIT"[..], &b""[..]),
            (b"a\r\n.\r\nQUIT", b"a\r\n"),
            (b"..a\r\n.\r\nQUIT", b".a\r\n"),
            (b"a\r\n..\r\n.\r\nQUIT", b"a\r\n.\r\n"),
            (b".a\r\n...\r\n\r\n.\r\nQUIT", b"a\r\n..\r\n\r\n"),
        ] {
            assert_eq!(read(octets), Some((want.to_vec(), b"QUIT".to_vec())));
        }
    }

    #[test]
    fn nothing_else_ends_data() {
        for vector in [
            "\n.\n",
            "\n.\r\n",
            "\r\n.\n",
            "\r.\r",
            "\r.\r\n",
            "\r\n.\r",
            "\n.\r",
            "\r.\n",
            "\r\n.\r\r\n",
            "\r\r\n.\r\r",
            "\r\n.\0\r\n",
            "\r\n\0.\r\n",
            "\r\n.\r\0\n",
            "\n\n.\r\n",
            "\r\n. \r\n",
            "\r\n.\t\r\n",
            "\n\r.\n\r",
            "\r\n.\r.\r\n",
            "\r\n.\n\r\n",
        ] {
            let octets = format!("a{vector}MAIL FROM:<x@y>\r\n");
            assert_eq!(read(octets.as_bytes()), None, "{vector:?} ended the data");
        }
    }

    #[test]
    fn bare_line_ends_survive_to_be_refused() {
        for vector in ["\n.\n", "\r\n.\n", "\r\n.\rx", "\r\n.\r\r\n", ".\rx", ".\n"] {
            let octets = format!("a\r\n{vector}\r\n.\r\n");
            let (message, _) = read(octets.as_bytes()).expect("an end");
            assert!(Message::new(message, None).is_err(), "{vector:?}");
        }
    }

    #[test]
    fn what_is_too_much_is_thrown_away() {
        let budget = Budget::new(FIRST_PIECE);
        let mut big = Content::new(&budget, 10);
        big.push(b"12345678901");
        assert_eq!(big.octets.capacity(), 0);
        assert_eq!(big.finish().expect_err("refused").code, 552);
        let mut first = Content::new(&budget, 1 << 20);
        first.push(b"x");
        let mut second = Content::new(&budget, 1 << 20);
        second.push(b"x");
        assert_eq!(second.finish().expect_err("refused").code, 452);
        drop(first);
        assert_eq!(budget.left(), FIRST_PIECE);
    }
}

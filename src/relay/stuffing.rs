//! Dot-stuffing (RFC 5321 section 4.5.2): a message becomes the octets of DATA, block by block.

/// Octets of a block, about; the end of the message may make one longer by its dots.
pub(super) const BLOCK: usize = 32 * 1024;

/// Walks over header and body without copying them whole.
pub(super) struct Stuffing<'m> {
    parts: [&'m [u8]; 2],
    at_line_start: bool,
    ended: bool,
}

impl<'m> Stuffing<'m> {
    /// `header` and `body` follow each other; every line in them ends in CRLF.
    pub(super) fn new(header: &'m [u8], body: &'m [u8]) -> Self {
        Self {
            parts: [header, body],
            at_line_start: true,
            ended: false,
        }
    }

    /// Writes the next block over `block`; the last one ends with the final dot.
    /// False if there is none left.
    pub(super) fn next(&mut self, block: &mut Vec<u8>) -> bool {
        block.clear();
        if self.ended {
            return false;
        }
        for part in &mut self.parts {
            while !part.is_empty() {
                if block.len() >= BLOCK {
                    return true;
                }
                // Up to the next line that begins with a dot, and not beyond a block.
                let window = &part[..part.len().min(BLOCK)];
                let run = memchr::memmem::find(window, b"\n.");
                let size = run.map_or(window.len(), |at| at + 1);
                let (piece, rest) = part.split_at(size);
                if self.at_line_start && piece[0] == b'.' {
                    block.push(b'.');
                }
                block.extend_from_slice(piece);
                self.at_line_start = piece.ends_with(b"\n");
                *part = rest;
            }
        }
        if !self.at_line_start {
            // Only a header without its CRLF could come here: the dot must stand alone.
            block.extend_from_slice(b"\r\n");
        }
        block.extend_from_slice(b".\r\n");
        self.ended = true;
        true
    }

    /// True once the final dot was given out.
    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuffed(header: &[u8], body: &[u8]) -> Vec<u8> {
        let mut stuffing = Stuffing::new(header, body);
        let (mut block, mut out) = (Vec::new(), Vec::new());
        while stuffing.next(&mut block) {
            assert!(block.len() <= 2 * BLOCK + 8);
            out.extend_from_slice(&block);
        }
        assert!(stuffing.is_ended());
        out
    }

    #[test]
    fn dots_are_doubled_at_line_starts_only() {
        let table: [(&[u8], &[u8], &[u8]); 6] = [
            (b"", b"", b".\r\n"),
            (b".a\r\n", b"", b"..a\r\n.\r\n"),
            (b"a.\r\n", b".\r\n..\r\n", b"a.\r\n..\r\n...\r\n.\r\n"),
            (b"", b".\r\n", b"..\r\n.\r\n"),
            (b"A: 1\r\n", b"\r\n.x", b"A: 1\r\n\r\n..x\r\n.\r\n"),
            (b"a", b".b\r\n", b"a.b\r\n.\r\n"),
        ];
        for (header, body, want) in table {
            assert_eq!(stuffed(header, body), want);
        }
    }

    #[test]
    fn blocks_may_end_anywhere() {
        for extra in 0..4 {
            let body = [vec![b'x'; BLOCK - 2 + extra], b"\r\n.\r\n.\r\n".to_vec()].concat();
            let want = [
                vec![b'x'; BLOCK - 2 + extra],
                b"\r\n..\r\n..\r\n.\r\n".to_vec(),
            ]
            .concat();
            assert!(stuffed(b"", &body) == want, "{extra}");
        }
    }
}

//! Frames of the milter protocol: a length of four octets, a code, and data; cut out of octets
//! as they arrive, and written.

use std::borrow::Cow;

/// Longest frame that is read, in octets. Body comes in pieces of 64 KiB; a header field in one
/// frame, and Postfix passes fields of 100 KiB by default.
pub const FRAME_MOST: usize = 512 << 10;
/// Memory for a frame that is kept while none is open, in octets.
const KEPT: usize = 4 << 10;
/// The length, which counts the code and the data.
const LENGTH: usize = 4;

/// One frame.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'i> {
    pub code: u8,
    pub data: Cow<'i, [u8]>,
}

/// A frame says that it has no code, or more octets than [`FRAME_MOST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {0} octets")]
pub struct BadLength(pub usize);

/// Cuts frames out of octets. A frame that is whole in the input is not copied.
#[derive(Debug, Default)]
pub struct Frames {
    /// A frame that is not whole yet, with its length.
    partial: Vec<u8>,
}

impl Frames {
    /// The next frame, taken from the front of `input`; `None` if more octets are needed.
    ///
    /// # Errors
    /// [`BadLength`]; nothing that follows can be understood then.
    pub fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Frame<'i>>, BadLength> {
        if self.partial.is_empty() {
            let Some(size) = size(input)? else {
                self.partial.extend_from_slice(input);
                *input = &[];
                return Ok(None);
            };
            if let Some((frame, rest)) = input.split_at_checked(LENGTH + size) {
                *input = rest;
                let data = Cow::Borrowed(&frame[LENGTH + 1..]);
                let code = frame[LENGTH];
                return Ok(Some(Frame { code, data }));
            }
        }
        self.take(LENGTH, input);
        let Some(size) = size(&self.partial)? else {
            return Ok(None);
        };
        self.take(LENGTH + size, input);
        if self.partial.len() < LENGTH + size {
            return Ok(None);
        }
        let code = self.partial[LENGTH];
        let data = Cow::Owned(self.partial[LENGTH + 1..].to_vec());
        self.partial.clear();
        self.partial.shrink_to(KEPT);
        Ok(Some(Frame { code, data }))
    }

    /// True between two frames.
    #[must_use]
    pub fn is_between(&self) -> bool {
        self.partial.is_empty()
    }

    /// Takes octets until `upto` are there. Memory grows as they arrive.
    fn take(&mut self, upto: usize, input: &mut &[u8]) {
        let missing = upto.saturating_sub(self.partial.len()).min(input.len());
        let (taken, rest) = input.split_at(missing);
        self.partial.extend_from_slice(taken);
        *input = rest;
    }
}

/// What the length says, once its four octets are there.
fn size(octets: &[u8]) -> Result<Option<usize>, BadLength> {
    let Some(length) = octets.first_chunk::<LENGTH>() else {
        return Ok(None);
    };
    match u32::from_be_bytes(*length) as usize {
        size @ 1..=FRAME_MOST => Ok(Some(size)),
        size => Err(BadLength(size)),
    }
}

/// Appends a frame with these pieces of data.
pub fn write(out: &mut Vec<u8>, code: u8, pieces: &[&[u8]]) {
    let size = 1 + pieces.iter().map(|piece| piece.len()).sum::<usize>();
    // What we write is far below the limit of the other side, which is ours too.
    out.extend_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes());
    out.push(code);
    for piece in pieces {
        out.extend_from_slice(piece);
    }
}

/// The texts of data that ends each with NUL; what stands behind the last NUL is one, too.
pub fn texts(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let whole = data.strip_suffix(&[0]).unwrap_or(data);
    let texts = (!data.is_empty()).then(|| whole.split(|octet| *octet == 0));
    texts.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(octets: &[u8], piece: usize) -> Result<Vec<(u8, Vec<u8>)>, BadLength> {
        let mut frames = Frames::default();
        let mut found = Vec::new();
        for mut input in octets.chunks(piece) {
            while let Some(frame) = frames.next(&mut input)? {
                found.push((frame.code, frame.data.into_owned()));
            }
            assert!(input.is_empty());
        }
        Ok(found)
    }

    #[test]
    fn frames_are_read_as_they_are_written_in_any_pieces() {
        let mut octets = Vec::new();
        let big = vec![7; 70_000];
        let wanted = [(b'A', vec![]), (b'B', big), (b'C', b"x\0".to_vec())];
        for (code, data) in &wanted {
            write(&mut octets, *code, &[&data[..]]);
        }
        for piece in [1, 2, 3, 5, 4096, octets.len()] {
            assert_eq!(read(&octets, piece).expect("frames"), wanted, "{piece}");
        }
    }

    #[test]
    fn a_length_of_nothing_or_too_much_is_refused_at_once() {
        let most = u32::try_from(FRAME_MOST).expect("small");
        for size in [0, most + 1, u32::MAX] {
            for piece in [1, 4] {
                let fault = BadLength(size as usize);
                assert_eq!(read(&size.to_be_bytes(), piece), Err(fault));
            }
        }
        assert_eq!(read(&most.to_be_bytes(), 4), Ok(Vec::new()));
    }

    #[test]
    fn memory_follows_the_octets_not_the_length() {
        let mut frames = Frames::default();
        let mut input: &[u8] = &[0, 7, 255, 255, b'B'];
        assert_eq!(frames.next(&mut input), Ok(None));
        assert!(frames.partial.capacity() < 64);
    }

    #[test]
    fn texts_end_with_nul() {
        let of = |data: &'static [u8]| texts(data).collect::<Vec<_>>();
        assert_eq!(of(b""), Vec::<&[u8]>::new());
        assert_eq!(of(b"a\0b\0"), [b"a", b"b"]);
        assert_eq!(of(b"a\0\0"), [&b"a"[..], b""]);
        assert_eq!(of(b"a\0b"), [b"a", b"b"]);
    }
}

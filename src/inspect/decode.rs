//! Transfer encodings and charsets, decoded in pieces so that size does not cost memory.

use std::borrow::Cow;

use mail_parser::decoders::charsets::map::charset_decoder;
use memchr::memmem;

/// Octets decoded at a time.
const PIECE: usize = 64 << 10;

/// A Content-Transfer-Encoding (RFC 2045 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// 7bit, 8bit, binary, and what nobody knows.
    Plain,
    Base64,
    QuotedPrintable,
}

impl Encoding {
    pub(super) fn named(value: &[u8]) -> Self {
        let name = value.trim_ascii();
        if name.eq_ignore_ascii_case(b"base64") {
            Self::Base64
        } else if name.eq_ignore_ascii_case(b"quoted-printable") {
            Self::QuotedPrintable
        } else {
            Self::Plain
        }
    }
}

/// Decodes a part's octets piece by piece.
struct Pieces<'m> {
    encoding: Encoding,
    rest: &'m [u8],
    /// Base64: the bits that wait for their octet, and how many.
    bits: u32,
    waiting: u32,
}

impl<'m> Pieces<'m> {
    fn new(encoding: Encoding, rest: &'m [u8]) -> Self {
        Self {
            encoding,
            rest,
            bits: 0,
            waiting: 0,
        }
    }

    /// Appends the next piece of at most about `most` octets; false at the end.
    fn next(&mut self, out: &mut Vec<u8>, most: usize) -> bool {
        if self.rest.is_empty() {
            return false;
        }
        match self.encoding {
            Encoding::Plain => {
                let (piece, rest) = self.rest.split_at(self.rest.len().min(most));
                out.extend_from_slice(piece);
                self.rest = rest;
            }
            Encoding::Base64 => {
                // Four characters make three octets.
                let take = self.rest.len().min(most / 3 * 4 + 4);
                let (piece, rest) = self.rest.split_at(take);
                self.base64(piece, out);
                self.rest = rest;
            }
            Encoding::QuotedPrintable => {
                let mut take = self.rest.len().min(most.max(4));
                // An escape is not cut in two.
                if take < self.rest.len()
                    && let Some(back) = self.rest[take - 3..take].iter().position(|b| *b == b'=')
                {
                    take = take - 3 + back;
                }
                let (piece, rest) = self.rest.split_at(take.max(1));
                quoted_printable(piece, out);
                self.rest = rest;
            }
        }
        true
    }

    /// What is not of the alphabet is passed over (RFC 2045 section 6.8).
    fn base64(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        out.reserve(piece.len() / 4 * 3 + 3);
        for &byte in piece {
            let value = BASE64[usize::from(byte)];
            if value < 64 {
                self.bits = self.bits << 6 | u32::from(value);
                self.waiting += 6;
                if self.waiting >= 8 {
                    self.waiting -= 8;
                    out.push((self.bits >> self.waiting & 0xff) as u8);
                }
            } else if byte == b'=' {
                (self.bits, self.waiting) = (0, 0);
            }
        }
    }
}

const BASE64: [u8; 256] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [255; 256];
    let mut i = 0;
    while i < 64 {
        table[alphabet[i] as usize] = i as u8;
        i += 1;
    }
    table
};

fn quoted_printable(mut piece: &[u8], out: &mut Vec<u8>) {
    let hex = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    while let Some(at) = memchr::memchr(b'=', piece) {
        out.extend_from_slice(&piece[..at]);
        piece = match &piece[at + 1..] {
            [b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..] => rest,
            [a, b, rest @ ..] => match (hex(*a), hex(*b)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest
                }
                _ => {
                    out.push(b'=');
                    &piece[at + 1..]
                }
            },
            rest => {
                out.push(b'=');
                rest
            }
        };
    }
    out.extend_from_slice(piece);
}

/// The first `most` octets of a part, decoded.
pub(crate) fn decoded(encoding: Encoding, octets: &[u8], most: usize) -> Cow<'_, [u8]> {
    if encoding == Encoding::Plain {
        return Cow::Borrowed(&octets[..octets.len().min(most)]);
    }
    let mut out = Vec::new();
    let mut pieces = Pieces::new(encoding, octets);
    while out.len() < most {
        let wanted = (most - out.len()).min(PIECE);
        if !pieces.next(&mut out, wanted) {
            break;
        }
    }
    out.truncate(most);
    Cow::Owned(out)
}

/// Gives `look` a part's decoded octets, [`PIECE`] of them at a time.
pub(crate) fn each_piece(encoding: Encoding, octets: &[u8], mut look: impl FnMut(&[u8])) {
    let mut pieces = Pieces::new(encoding, octets);
    let mut piece = Vec::new();
    while pieces.next(&mut piece, PIECE) {
        look(&piece);
        piece.clear();
    }
}

/// True if the decoded part, however long, holds `needle`. Zero octets are passed
/// over, so that ASCII in UTF-16 or UTF-32 is found too.
pub(super) fn holds(encoding: Encoding, octets: &[u8], needle: &[u8]) -> bool {
    let finder = memmem::Finder::new(needle);
    let mut window = Vec::new();
    let mut pieces = Pieces::new(encoding, octets);
    loop {
        let kept = window.len();
        let more = pieces.next(&mut window, PIECE);
        if window[kept..].contains(&0) {
            window.retain(|b| *b != 0);
        }
        if finder.find(&window).is_some() {
            return true;
        }
        if !more {
            return false;
        }
        window.drain(..window.len().saturating_sub(needle.len() - 1));
    }
}

/// Octets as text. An unknown or lying charset costs some characters, nothing else.
pub(crate) fn text<'o>(octets: &'o [u8], charset: Option<&str>) -> Cow<'o, str> {
    match charset {
        None | Some("utf-8" | "utf8" | "us-ascii" | "ascii") => String::from_utf8_lossy(octets),
        Some(name)
            if octets.is_ascii()
                && !name.starts_with("utf")
                && !name.contains("2022")
                && name != "hz-gb-2312" =>
        {
            String::from_utf8_lossy(octets)
        }
        Some(name) => charset_decoder(name.as_bytes()).map_or_else(
            || String::from_utf8_lossy(octets),
            |decode| Cow::Owned(decode(octets)),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    #[test]
    fn quoted_printable_with_soft_breaks_and_rubbish() {
        let decode = |t: &'static str| {
            String::from_utf8_lossy(&decoded(Encoding::QuotedPrintable, t.as_bytes(), 99))
                .into_owned()
        };
        assert_eq!(decode("a=\r\nb=3D=c3=A9="), "ab=é=");
        assert_eq!(decode("=ZZ=4"), "=ZZ=4");
    }

    #[test]
    fn charsets_are_decoded() {
        assert_eq!(text(b"gr\xfc\xdfe", Some("iso-8859-1")), "grüße");
        assert_eq!(text(b"\xd0\xcf\xc9", Some("koi8-r")), "пои");
        assert_eq!(text(b"a\xff", Some("nobody-knows")), "a\u{fffd}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn base64_is_what_the_library_says(octets in prop::collection::vec(any::<u8>(), 0..400), most in 0usize..500) {
            let lines: String = STANDARD.encode(&octets).as_bytes().chunks(76)
                .map(|line| format!("{}\r\n", String::from_utf8_lossy(line))).collect();
            let cut = &octets[..octets.len().min(most)];
            prop_assert_eq!(&*decoded(Encoding::Base64, lines.as_bytes(), most), cut);
        }

        #[test]
        fn a_needle_is_found_across_pieces(before in PIECE - 100..PIECE + 100, wide in any::<bool>()) {
            let mut octets = vec![b'x'; before];
            for b in b"needle" {
                octets.push(*b);
                if wide { octets.push(0); }
            }
            prop_assert!(holds(Encoding::Base64, STANDARD.encode(&octets).as_bytes(), b"needle"));
            prop_assert!(holds(Encoding::Plain, &octets, b"needle"));
            prop_assert!(!holds(Encoding::Plain, &octets, b"needles"));
            let quoted: String = octets.iter().map(|b| format!("={b:02X}")).collect();
            prop_assert!(holds(Encoding::QuotedPrintable, quoted.as_bytes(), b"needle"));
        }
    }
}

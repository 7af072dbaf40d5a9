//! Text made alike for the learner: lower case, every digit 0, one kind of space, quote and dash.

/// Characters that split words for a program and not for a reader.
fn unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
    )
}

/// Appends `text` to `out` until `out` has `most` octets or the text ends. A character may go
/// beyond `most` by its own length.
pub(super) fn fold(text: &str, most: usize, out: &mut Vec<u8>) {
    for c in text.chars() {
        if out.len() >= most {
            return;
        }
        if c.is_ascii() {
            out.push(match c {
                '0'..='9' => b'0',
                '\t' | '\r' | '\n' => b' ',
                c => c.to_ascii_lowercase() as u8,
            });
            continue;
        }
        let alike = match c {
            c if unseen(c) => continue,
            '\u{2018}' | '\u{2019}' | '\u{b4}' => Some(b'\''),
            '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}' => Some(b'"'),
            '\u{2010}'..='\u{2015}' => Some(b'-'),
            '\u{2026}' => Some(b'.'),
            c if c.is_whitespace() => Some(b' '),
            _ => None,
        };
        match alike {
            Some(byte) => out.push(byte),
            None => {
                let mut octets = [0; 4];
                for lower in c.to_lowercase() {
                    out.extend_from_slice(lower.encode_utf8(&mut octets).as_bytes());
                }
            }
        }
    }
}

/// Words in folded text: at most [`WORD_MOST`] octets each; longer runs are no words.
pub(super) fn words(folded: &[u8]) -> impl Iterator<Item = &[u8]> {
    folded
        .split(|b| {
            !(b.is_ascii_alphanumeric()
                || *b > 127
                || matches!(b, b'$' | b'!' | b'\'' | b'-' | b'%' | b'@'))
        })
        .filter(|word| !word.is_empty() && word.len() <= WORD_MOST)
}

/// Octets of the longest word.
const WORD_MOST: usize = 24;

/// The kinds of characters in `value`, runs made short: `Ab9` for `Quaranta123`. Names what a
/// program made without saying what it was about.
pub(super) fn shape(value: &[u8]) -> Vec<u8> {
    const MOST: usize = 60;
    let mut out = Vec::with_capacity(MOST);
    let (mut last, mut run) = (0, 0);
    for &byte in value {
        let kind = match byte {
            b'A'..=b'Z' => b'A',
            b'a'..=b'z' => b'a',
            b'0'..=b'9' => b'9',
            128.. => b'8',
            other => other,
        };
        run = if kind == last && kind.is_ascii_alphanumeric() {
            run + 1
        } else {
            0
        };
        match run {
            0 => out.push(kind),
            3 | 7 | 15 => out.push(b'+'),
            _ => {}
        }
        last = kind;
        if out.len() > MOST {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_readers_see_alike_is_alike() {
        let folded = |text| {
            let mut out = Vec::new();
            fold(text, 99, &mut out);
            String::from_utf8(out).expect("UTF-8")
        };
        assert_eq!(
            folded("Vi\u{200b}A\u{ad}gra 2\u{a0}for \u{201c}1\u{201d}\r\n"),
            "viagra 0 for \"0\"  "
        );
        assert_eq!(folded("\u{c4}\u{416}"), "\u{e4}\u{436}");
        let mut out = Vec::new();
        fold("abcdef", 3, &mut out);
        assert_eq!(out, b"abc");
    }

    #[test]
    fn words_are_bounded() {
        let long = "x".repeat(25);
        let text = format!("don't pay $00, {long} ok");
        let found: Vec<&[u8]> = words(text.as_bytes()).collect();
        assert_eq!(found, [&b"don't"[..], b"pay", b"$00", b"ok"]);
    }

    #[test]
    fn shapes_say_how_and_not_what() {
        assert_eq!(shape(b"Ab12.XYZW"), b"Aa9.A+");
        assert!(shape(&[b'.'; 1000]).len() < 80);
    }
}

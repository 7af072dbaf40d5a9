//! Strangers' text made fit to be shown: what cannot be seen is made visible, what is long is cut.

use std::fmt::Write as _;

/// True for characters that change the direction of writing, or hide what follows (UAX #9).
pub(super) fn is_bidi(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// True for other characters that take no room where they are shown.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2028}' | '\u{2029}'
        | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// `text` on one line of at most `most` characters. Controls, bidi controls and invisible
/// characters become `[U+202E]` and the like; tabs and line ends become spaces.
pub(super) fn visible(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len().min(most));
    let mut before = ' ';
    for (count, c) in text.chars().enumerate() {
        if count >= most {
            out.push('…');
            break;
        }
        // Joins the parts of one emoji; between letters it would hide a difference.
        let joins = c == '\u{200d}' && !before.is_alphanumeric() && before != ' ';
        if matches!(c, '\t' | '\n' | '\r') {
            out.push(' ');
        } else if !joins && (c.is_control() || is_bidi(c) || is_invisible(c)) {
            mark(c, &mut out);
        } else {
            out.push(c);
        }
        before = c;
    }
    out
}

/// Text of a body: its lines and its direction of writing stay, but controls go, and an
/// override of the direction is made visible.
pub(super) fn body(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            '\u{202d}' | '\u{202e}' => mark(c, out),
            _ if c.is_control() => {}
            _ => out.push(c),
        }
    }
}

fn mark(c: char, out: &mut String) {
    // Writing to a string does not fail.
    let _written = write!(out, "[U+{:04X}]", u32::from(c));
}

/// The first `most` octets of `text`, cut between characters.
pub(super) fn first(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_seen() {
        assert_eq!(visible("a\u{202e}b\u{0}c\td", 99), "a[U+202E]b[U+0000]c d");
        assert_eq!(
            visible("pay\u{200b}pal\u{200d}", 99),
            "pay[U+200B]pal[U+200D]"
        );
        assert_eq!(visible("👩\u{200d}👧", 99), "👩\u{200d}👧");
        assert_eq!(visible("abcdef", 3), "abc…");
    }

    #[test]
    fn a_body_keeps_its_lines() {
        let mut out = String::new();
        body("a\r\nשלום\u{200f}\u{1b}[2J\u{202e}x", &mut out);
        assert_eq!(out, "a\nשלום\u{200f}[2J[U+202E]x");
    }
}

//! Text from a mail, made fit to be looked at in a line of ours.

/// What is invisible, turns the direction of writing, or breaks the line is shown as a mark, so that
/// a subject looks like what it is.
#[must_use]
pub fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' => ' ',
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{061c}'
            | '\u{feff}' => '\u{fffd}',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// The same for letters: mail programs make links of what looks like one, and a stranger's link does
/// not belong among ours. A space without width behind each dot and colon keeps it text.
#[must_use]
pub fn unlinked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut text = harmless(text)
        .chars()
        .collect::<Vec<_>>()
        .into_iter()
        .peekable();
    while let Some(c) = text.next() {
        out.push(c);
        let goes_on = text.peek().is_some_and(|next| !next.is_whitespace());
        if matches!(c, '.' | ':' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}') && goes_on {
            out.push('\u{200b}');
        }
    }
    out
}

/// Adds `text` as it may stand in HTML, between tags or between the quotes of an attribute.
pub fn escape_html(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\0' => {}
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_cannot_turn_the_line_around() {
        assert_eq!(
            harmless("a\u{202e}gpj.exe\r\nb\u{2028}c"),
            "a\u{fffd}gpj.exe\u{fffd}\u{fffd}b\u{fffd}c"
        );
    }

    #[test]
    fn sy06_a_strangers_link_stays_text() {
        assert_eq!(
            unlinked("see https://evil.example/x. Now: www.evil.example"),
            "see https:\u{200b}//evil.\u{200b}example/x. Now: www.\u{200b}evil.\u{200b}example"
        );
    }
}

//! HTML taken apart in one pass, never failing, in time linear in its size.
//!
//! It follows the tokenizer of the HTML standard closely enough to show what readers see.
//! Safety does not rest on that: whatever is read here, `sanitise` writes only what it knows.

use std::borrow::Cow;

use mail_parser::decoders::html::add_html_token;

/// Attributes of one tag that are kept; names and values in octets.
const ATTRIBUTES_MOST: usize = 40;
const NAME_MOST: usize = 40;
const VALUE_MOST: usize = 8 << 10;
/// Longest name of a character reference.
const REFERENCE_MOST: usize = 32;

/// Elements whose content is no text for readers; it lasts to their end tag.
const RAW: [&str; 6] = ["script", "style", "title", "iframe", "noembed", "noframes"];
/// References that are known without their semicolon too.
const BARE: [&str; 7] = ["amp", "lt", "gt", "quot", "nbsp", "copy", "reg"];
/// What the numbers 128 to 159 mean in HTML: windows-1252.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// A piece of HTML. Comments, doctypes and processing instructions are passed over.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'h> {
    /// Its character references are not decoded yet.
    Text(&'h str),
    Start(Tag),
    End(String),
    /// The content of an element that holds code.
    Raw(&'h str),
}

/// A start tag: names in lower case, values decoded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tag {
    pub name: String,
    pub attributes: Vec<(String, String)>,
}

impl Tag {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The tokens of a page.
pub(super) struct Tokens<'h> {
    rest: &'h str,
    /// The element of [`RAW`] whose content comes next.
    raw: Option<&'static str>,
}

impl<'h> Tokens<'h> {
    pub(super) fn new(html: &'h str) -> Self {
        Self {
            rest: html,
            raw: None,
        }
    }

    fn take(&mut self, length: usize) -> &'h str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    /// All before the end tag of a raw element.
    fn raw(&mut self, name: &str) -> &'h str {
        let bytes = self.rest.as_bytes();
        let end = memchr::memmem::find_iter(bytes, b"</").find(|at| {
            let after = &bytes[at + 2..];
            after.len() > name.len()
                && after[..name.len()].eq_ignore_ascii_case(name.as_bytes())
                && matches!(
                    after[name.len()],
                    b'\t' | b'\n' | b'\r' | 0x0c | b' ' | b'/' | b'>'
                )
        });
        self.take(end.unwrap_or(bytes.len()))
    }

    /// What a `<` starts that is no text; `None` for what is passed over.
    fn markup(&mut self) -> Option<Token<'h>> {
        let bytes = self.rest.as_bytes();
        let found = |needle: &[u8], from: usize| {
            let at = memchr::memmem::find(bytes.get(from..)?, needle)?;
            Some(from + at + needle.len())
        };
        if self.rest.starts_with("<!--") {
            let empty = [("<!-->", 5), ("<!--->", 6)];
            let length = empty
                .iter()
                .find(|(t, _)| self.rest.starts_with(t))
                .map(|e| e.1);
            let length = length.or_else(|| comment_end(bytes)).unwrap_or(bytes.len());
            self.take(length);
            return None;
        }
        let end_tag = bytes[1] == b'/';
        let start = 1 + usize::from(end_tag);
        if !bytes.get(start).is_some_and(u8::is_ascii_alphabetic) {
            let length = found(b">", 1).unwrap_or(bytes.len());
            self.take(length);
            return None;
        }
        let (tag, length) = tag(self.rest, start)?;
        self.take(length);
        if end_tag {
            return Some(Token::End(tag.name));
        }
        self.raw = RAW.iter().find(|raw| **raw == tag.name).copied();
        Some(Token::Start(tag))
    }
}

impl<'h> Iterator for Tokens<'h> {
    type Item = Token<'h>;

    fn next(&mut self) -> Option<Token<'h>> {
        if let Some(name) = self.raw.take() {
            return Some(Token::Raw(self.raw(name)));
        }
        while !self.rest.is_empty() {
            let bytes = self.rest.as_bytes();
            let text = memchr::memchr_iter(b'<', bytes)
                .find(|at| match bytes.get(at + 1) {
                    Some(b'/') => bytes.len() > at + 2,
                    Some(next) => next.is_ascii_alphabetic() || matches!(next, b'!' | b'?'),
                    None => false,
                })
                .unwrap_or(bytes.len());
            if text > 0 {
                return Some(Token::Text(self.take(text)));
            }
            let before = self.rest.len();
            let token = self.markup();
            if token.is_some() {
                return token;
            }
            // A tag that never ends takes all that is left with it.
            if self.rest.len() == before {
                self.rest = "";
            }
        }
        None
    }
}

/// Where a comment ends: after `-->` or `--!>`.
fn comment_end(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find_iter(&bytes[4..], b"--").find_map(|at| match &bytes[4 + at + 2..] {
        [b'>', ..] => Some(4 + at + 3),
        [b'!', b'>', ..] => Some(4 + at + 4),
        _ => None,
    })
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | b' ')
}

/// Reads a tag whose name starts at `at`; gives its length too. `None` if it has no end.
fn tag(html: &str, at: usize) -> Option<(Tag, usize)> {
    let bytes = html.as_bytes();
    let until = |from: usize, ends: &dyn Fn(u8) -> bool| {
        Some(from + bytes.get(from..)?.iter().position(|b| ends(*b))?)
    };
    let mut p = until(at, &|b| is_space(b) || b == b'/' || b == b'>')?;
    let mut tag = Tag {
        name: lower(&html[at..p]),
        attributes: Vec::new(),
    };
    loop {
        p = until(p, &|b| !is_space(b) && b != b'/')?;
        if bytes[p] == b'>' {
            return Some((tag, p + 1));
        }
        // A name may start with an equals sign.
        let name_end = until(p + 1, &|b| is_space(b) || matches!(b, b'/' | b'>' | b'='))?;
        let name = lower(&html[p..name_end]);
        p = until(name_end, &|b| !is_space(b))?;
        let mut value = "";
        if bytes[p] == b'=' {
            p = until(p + 1, &|b| !is_space(b))?;
            let quote = bytes[p];
            let (start, end) = match quote {
                b'"' | b'\'' => (p + 1, until(p + 1, &|b| b == quote)?),
                _ => (p, until(p, &|b| is_space(b) || b == b'>')?),
            };
            value = &html[start..end];
            p = end + usize::from(matches!(quote, b'"' | b'\''));
        }
        if tag.attributes.len() < ATTRIBUTES_MOST && tag.get(&name).is_none() {
            let value = decoded(super::shown::first(value, VALUE_MOST)).into_owned();
            tag.attributes.push((name, value));
        }
    }
}

fn lower(name: &str) -> String {
    super::shown::first(name, NAME_MOST).to_ascii_lowercase()
}

/// Text with its character references decoded.
pub(super) fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = reference(rest, &mut out);
        rest = &rest[taken..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Writes what the reference at the start of `text` means; gives its length in octets.
fn reference(text: &str, out: &mut String) -> usize {
    let after = &text[1..];
    if let Some(number) = after.strip_prefix('#') {
        let hex = number.starts_with(['x', 'X']);
        let digits = &number[usize::from(hex)..];
        let radix = if hex { 16 } else { 10 };
        let length = digits
            .bytes()
            .take_while(|b| char::from(*b).is_digit(radix))
            .count();
        if length > 0 {
            out.push(numbered(u32::from_str_radix(&digits[..length], radix).ok()));
            let read = 2 + usize::from(hex) + length;
            return read + usize::from(text[read..].starts_with(';'));
        }
    }
    let most = after.bytes().take(REFERENCE_MOST);
    let length = most.take_while(u8::is_ascii_alphanumeric).count();
    if after[length..].starts_with(';') {
        add_html_token(out, &text.as_bytes()[..length + 2], false);
        return length + 2;
    }
    for name in BARE {
        if after.starts_with(name) {
            add_html_token(out, format!("&{name};").as_bytes(), false);
            return name.len() + 1;
        }
    }
    out.push('&');
    1
}

fn numbered(number: Option<u32>) -> char {
    match number {
        Some(number @ 0x80..=0x9f) => WINDOWS_1252[number as usize - 0x80],
        Some(0) | None => char::REPLACEMENT_CHARACTER,
        Some(number) => char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(html: &str) -> String {
        let mut out = String::new();
        for token in Tokens::new(html) {
            match token {
                Token::Text(text) => out.push_str(&decoded(text)),
                Token::Start(tag) => out.push_str(&format!("<{}{:?}>", tag.name, tag.attributes)),
                Token::End(name) => out.push_str(&format!("</{name}>")),
                Token::Raw(text) => out.push_str(&format!("{{{text}}}")),
            }
        }
        out
    }

    #[test]
    fn tags_comments_and_text_come_apart() {
        for (html, expected) in [
            ("a<B>c</b >d", "a<b[]>c</b>d"),
            ("1 < 2 <3 </ x>y", "1 < 2 <3 y"),
            (
                "a<!-- > <b> -->b<!-->c<!--->d<!--x--!>e<!x>f<?y>g",
                "abcdefg",
            ),
            ("a<!-- never", "a"),
            (
                "<a/href='x'y=\"1\" z=2>",
                "<a[(\"href\", \"x\"), (\"y\", \"1\"), (\"z\", \"2\")]>",
            ),
            ("<a =x>", "<a[(\"=x\", \"\")]>"),
            ("<a b=>c", "<a[(\"b\", \"\")]>c"),
            ("<a b b=2>", "<a[(\"b\", \"\")]>"),
            ("x<a href=\"", "x"),
            (
                "<script>a</scripty></SCRIPT >b",
                "<script[]>{a</scripty>}</script>b",
            ),
            ("<style>a", "<style[]>{a}"),
            ("<", "<"),
            ("</", "</"),
        ] {
            assert_eq!(shape(html), expected, "{html}");
        }
    }

    #[test]
    fn references_are_decoded() {
        for (text, expected) in [
            ("&lt;&#60;&#x3C;&#X3c &amp &nosuch; &", "<<<< & &nosuch; &"),
            (
                "&#150;&#0;&#xd800;&#99999999999;",
                "–\u{fffd}\u{fffd}\u{fffd}",
            ),
            ("&#;&#x;&é;", "&#;&#x;&é;"),
        ] {
            assert_eq!(decoded(text), expected);
        }
    }
}

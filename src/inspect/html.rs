//! HTML to the text a reader sees, with what the reader does not see counted apart.

use mail_parser::decoders::html::add_html_token;

/// Links kept; more do not say more.
const LINKS_MOST: usize = 400;
/// Octets of a link, and of its text, that are kept.
const LINK_MOST: usize = 1000;
/// Longest tag that is read, in octets; what is longer is text.
const TAG_MOST: usize = 16 << 10;

/// A link with the text a reader clicks on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Link {
    pub target: String,
    pub text: String,
}

/// What an HTML part shows.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// The visible text, runs of white space made one space.
    pub text: String,
    pub links: Vec<Link>,
    /// Characters that are there and not shown.
    pub hidden: usize,
    pub tags: usize,
    pub images: usize,
    /// Images of one pixel or none.
    pub pixels: usize,
    pub forms: usize,
    pub scripts: usize,
    /// Octets of comments inside words.
    pub split_words: usize,
}

/// Elements that stand apart from their neighbours: a space comes between.
const BLOCKS: [&str; 22] = [
    "p",
    "br",
    "div",
    "td",
    "th",
    "tr",
    "li",
    "table",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "hr",
    "option",
    "blockquote",
    "center",
    "title",
    "pre",
];
/// Elements without an end tag: they hide nothing.
const VOID: [&str; 7] = ["br", "img", "hr", "input", "meta", "link", "area"];

/// What is being left out, until its end tag.
struct Skipped {
    element: String,
    /// Elements of the same name inside.
    nested: usize,
    /// Its text is hidden text; else it is no text at all (script, style).
    counts: bool,
}

/// Reads HTML in one pass; never fails.
pub(super) fn read(html: &str) -> Page {
    let mut reader = Reader::default();
    let mut rest = html;
    while let Some(at) = memchr::memchr2(b'<', b'&', rest.as_bytes()) {
        reader.text(&rest[..at]);
        rest = &rest[at..];
        let taken = if rest.starts_with('&') {
            reader.entity(rest)
        } else {
            reader.markup(rest)
        };
        rest = &rest[taken..];
    }
    reader.text(rest);
    reader.finish()
}

#[derive(Default)]
struct Reader {
    page: Page,
    skipped: Option<Skipped>,
    /// The link that is open.
    link: Option<Link>,
    /// White space waits: it is written before the next character only.
    space: bool,
}

impl Reader {
    fn text(&mut self, text: &str) {
        if let Some(skipped) = &self.skipped {
            if skipped.counts {
                self.page.hidden += text.chars().filter(|c| !c.is_whitespace()).count();
            }
            return;
        }
        for (index, word) in text.split([' ', '\t', '\r', '\n', '\u{a0}']).enumerate() {
            self.space |= index > 0;
            if word.is_empty() {
                continue;
            }
            if self.space && !self.page.text.is_empty() {
                self.page.text.push(' ');
                self.link_text(" ");
            }
            self.space = false;
            self.page.text.push_str(word);
            self.link_text(word);
        }
    }

    fn link_text(&mut self, text: &str) {
        if let Some(link) = &mut self.link
            && link.text.len() < LINK_MOST
        {
            link.text.push_str(text);
        }
    }

    /// A character reference, or an ampersand; gives the octets read.
    fn entity(&mut self, rest: &str) -> usize {
        let name = rest[1..]
            .bytes()
            .take(12)
            .take_while(|b| b.is_ascii_alphanumeric() || *b == b'#')
            .count();
        if name == 0 || rest.as_bytes().get(1 + name) != Some(&b';') {
            self.text("&");
            return 1;
        }
        let mut decoded = String::new();
        add_html_token(&mut decoded, &rest.as_bytes()[..name + 2], false);
        self.text(&decoded);
        name + 2
    }

    /// A tag, a comment or a declaration; gives the octets read.
    fn markup(&mut self, rest: &str) -> usize {
        if let Some(comment) = rest.strip_prefix("<!--") {
            let length = comment.find("-->").map_or(rest.len(), |end| end + 7);
            self.comment(rest, length);
            return length;
        }
        let opens = rest[1..].trim_start_matches('/');
        let plain = !opens.starts_with(|c: char| c.is_ascii_alphabetic() || c == '!' || c == '?');
        let Some(end) = tag_end(rest).filter(|_| !plain) else {
            self.text("<");
            return 1;
        };
        self.tag(&rest[1..end]);
        // Code is passed over as a whole: a `<` in it begins nothing.
        match self.skipped.take_if(|skipped| !skipped.counts) {
            Some(code) => {
                let inside = &rest.as_bytes()[end + 1..];
                let close = format!("</{}", code.element);
                end + 1 + find_ignoring_case(inside, close.as_bytes()).unwrap_or(inside.len())
            }
            None => end + 1,
        }
    }

    /// A comment between two letters splits a word for filters, not for readers.
    fn comment(&mut self, rest: &str, length: usize) {
        let before = self.page.text.ends_with(|c: char| c.is_alphanumeric()) && !self.space;
        let after = rest[length..].starts_with(|c: char| c.is_ascii_alphanumeric());
        if before && after && self.skipped.is_none() {
            self.page.split_words += 1;
        }
    }

    fn tag(&mut self, tag: &str) {
        let closes = tag.starts_with('/');
        let tag = tag.trim_start_matches('/');
        let length = tag.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let name = tag[..length].to_ascii_lowercase();
        let attributes = &tag[length..];
        self.page.tags += 1;
        if let Some(skipped) = &mut self.skipped {
            if skipped.element == name {
                match (closes, skipped.nested) {
                    (false, _) => skipped.nested += 1,
                    (true, 0) => self.skipped = None,
                    (true, _) => skipped.nested -= 1,
                }
            } else if skipped.counts && name == "body" {
                self.skipped = None;
            }
            return;
        }
        if BLOCKS.contains(&name.as_str()) {
            self.space = true;
        }
        match (name.as_str(), closes) {
            ("a", _) => self.anchor(closes, attributes),
            ("area", false) => self.keep_link(Link {
                target: attribute(attributes, "href"),
                text: String::new(),
            }),
            ("img", false) => self.image(attributes),
            ("form", false) => self.page.forms += 1,
            ("script", false) => self.page.scripts += 1,
            _ => {}
        }
        if !closes && !VOID.contains(&name.as_str()) {
            let code = matches!(name.as_str(), "script" | "style" | "noscript" | "template");
            if code || hides(attributes) {
                self.skipped = Some(Skipped {
                    element: name,
                    nested: 0,
                    counts: !code,
                });
            }
        }
    }

    fn anchor(&mut self, closes: bool, attributes: &str) {
        if let Some(link) = self.link.take() {
            self.keep_link(link);
        }
        let target = attribute(attributes, "href");
        if !closes && !target.is_empty() {
            self.link = Some(Link {
                target,
                text: String::new(),
            });
        }
    }

    fn keep_link(&mut self, link: Link) {
        if self.page.links.len() < LINKS_MOST && !link.target.is_empty() {
            self.page.links.push(link);
        }
    }

    fn image(&mut self, attributes: &str) {
        self.page.images += 1;
        let tiny = |name| {
            matches!(
                attribute(attributes, name).trim_end_matches("px"),
                "0" | "1"
            )
        };
        if tiny("width") && tiny("height") {
            self.page.pixels += 1;
        }
    }

    fn finish(mut self) -> Page {
        if let Some(link) = self.link.take() {
            self.keep_link(link);
        }
        self.page
    }
}

/// Where the tag that starts here ends: at the `>` outside quotes, or at the
/// first one if a quote stays open.
fn tag_end(rest: &str) -> Option<usize> {
    let bytes = &rest.as_bytes()[..rest.len().min(TAG_MOST)];
    // First of all, so that a row of `<` without any `>` stays cheap.
    let first = memchr::memchr(b'>', bytes)?;
    let mut quote = None;
    for (at, &byte) in bytes.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') if bytes[at - 1] == b'=' || bytes[at - 1] == b' ' => {
                quote = Some(byte)
            }
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    Some(first)
}

/// An attribute's value, entities decoded for `&amp;` alone; empty if it is missing.
fn attribute(attributes: &str, name: &str) -> String {
    let bytes = attributes.as_bytes();
    let mut from = 0;
    while let Some(found) = find_ignoring_case(&bytes[from..], name.as_bytes()) {
        let at = from + found;
        from = at + name.len();
        if at == 0
            || !bytes[at - 1].is_ascii_whitespace() && !matches!(bytes[at - 1], b'"' | b'\'' | b'/')
        {
            continue;
        }
        let Some(value) = attributes[from..].trim_start().strip_prefix('=') else {
            continue;
        };
        let value = value.trim_start();
        let value = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split(quote).next().unwrap_or_default(),
            _ => value.split_ascii_whitespace().next().unwrap_or_default(),
        };
        let value: String = value
            .chars()
            .filter(|c| !c.is_control())
            .take(LINK_MOST)
            .collect();
        return value.trim().replace("&amp;", "&");
    }
    String::new()
}

fn find_ignoring_case(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len())
        .position(|window| window.eq_ignore_ascii_case(needle))
}

/// True if an element with these attributes is not shown.
fn hides(attributes: &str) -> bool {
    if attributes.len() < 6 {
        return false;
    }
    let style: String = attribute(attributes, "style")
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let sized = |value: &str| {
        style.find(value).is_some_and(|at| {
            let size = &style[at + value.len()..];
            let number: String = size
                .chars()
                .take_while(|c| c.is_ascii_digit() || *c == '.')
                .collect();
            number.parse::<f32>().is_ok_and(|n| n < 1.5)
                && !size[number.len()..].starts_with("em")
                && !size[number.len()..].starts_with("rem")
        })
    };
    style.contains("display:none")
        || style.contains("visibility:hidden")
        || style.contains("mso-hide:all")
        || sized("font-size:")
        || style.contains("opacity:0;")
        || style.ends_with("opacity:0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_visible_text_and_nothing_else() {
        let page = read(
            "<html><head><title>T</title><style>p{color:red}</style></head><body>\r\n<p>Caf&eacute; &#64; \
             <b>b</b>old&nbsp;<script>x<y</script><div style='display: none'>secret<div>er</div> x</div>\
             <br>1 < 2 &amp; 3 &nosuch; vi<!-- x -->agra</p>",
        );
        assert_eq!(page.text, "T Café @ bold 1 < 2 & 3 &nosuch; viagra");
        assert_eq!(page.hidden, "secreterx".len());
        assert_eq!((page.scripts, page.split_words), (1, 1));
    }

    #[test]
    fn links_have_their_targets_and_texts() {
        let page = read(
            "<a class=x HREF = \"https://a.example/?x=1&amp;y=2\">click <b>here</b></a> <a name=n>no</a>\
             <a href=http://b.example>https://c.example<img src=x width=\"1\" height=1>",
        );
        let links: Vec<(&str, &str)> = page
            .links
            .iter()
            .map(|l| (l.target.as_str(), l.text.as_str()))
            .collect();
        assert_eq!(
            links,
            [
                ("https://a.example/?x=1&y=2", "click here"),
                ("http://b.example", "https://c.example")
            ]
        );
        assert_eq!((page.images, page.pixels), (1, 1));
    }

    #[test]
    fn broken_html_is_read_to_its_end() {
        assert_eq!(read("<a href=\"x>text</a> more").text, "text more");
        assert_eq!(read("a <").text, "a <");
        assert_eq!(read("a <!-- never closed").text, "a");
        assert_eq!(read("&#xFFFFFFFF; &#; &").text.chars().last(), Some('&'));
        read(&"<".repeat(10_000));
        read(&"<div style=\"".repeat(3_000));
    }
}

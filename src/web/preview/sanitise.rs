//! HTML of strangers written anew with what is known to be harmless: an allow-list, not a filter.
//!
//! Nothing of the source is copied but text and understood values, both escaped; every tag
//! that is written is one of the lists below, is closed again, and has quoted attributes only.
//! So what a browser reads is what is written here, whatever the source did to confuse it.

use std::collections::{BTreeSet, HashMap};

use super::fetches::Fetches;
use super::links::{self, Link};
use super::shown::{self, visible};
use super::tokens::{Tag, Token, Tokens, decoded};
use super::{Limits, attributes};
use crate::mail::escape_html;

/// Elements within a line.
const PHRASES: &[&str] = &[
    "b", "strong", "i", "em", "u", "s", "strike", "del", "ins", "small", "big", "sub", "sup",
    "code", "kbd", "samp", "var", "tt", "q", "cite", "abbr", "span", "font", "mark",
];
/// Elements that stand apart; they end an open paragraph.
const BLOCKS: &[&str] = &[
    "p",
    "div",
    "center",
    "blockquote",
    "pre",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "address",
    "section",
    "article",
    "header",
    "footer",
    "main",
    "nav",
    "aside",
    "figure",
    "figcaption",
    "table",
];
/// Parts of tables; they are written within a table only.
const TABLES: &[&str] = &["caption", "thead", "tbody", "tfoot", "tr", "td", "th"];
/// Elements without content.
const VOID: &[&str] = &["br", "hr", "wbr"];
/// What an end tag or an implied end does not reach beyond.
const WALLS: [&str; 4] = ["td", "th", "caption", "table"];

/// Elements open at once; what is opened beyond is passed over.
const NESTING_MOST: usize = 100;
/// Characters of an image's alternative text.
const ALT_MOST: usize = 200;
/// Octets of a link's text that are gathered.
const LINK_TEXT_MOST: usize = 1000;
/// Different inline styles of a message.
const STYLES_MOST: usize = 500;

/// A piece of harmless HTML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Markup(String),
    /// An image that lies in this part of the message.
    Image {
        part: usize,
        alt: String,
    },
}

/// HTML made harmless. Only the sanitiser makes it; only `document` can show it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SafeHtml {
    pub(super) pieces: Vec<Piece>,
    /// Declarations of the classes `s0`, `s1`, and so on.
    pub(super) styles: Vec<String>,
    /// The message chooses colours of its own.
    pub(super) colours: bool,
}

/// What was seen on the way.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The text of the page, with lines.
    pub text: String,
    pub links: Vec<Link>,
    /// Parts whose images the page shows.
    pub inline: BTreeSet<usize>,
    pub fetches: Fetches,
    pub cut: bool,
}

struct Open {
    name: &'static str,
    /// What is written for it: a link is written as a span.
    written: &'static str,
}

/// Writes one message's HTML; parts are given one after the other.
pub(super) struct Sanitiser<'a> {
    limits: &'a Limits,
    /// Content-ID, without its angle brackets -> part.
    images: &'a HashMap<String, usize>,
    html: SafeHtml,
    out: String,
    written: usize,
    tags: usize,
    open: Vec<Open>,
    styles: HashMap<String, usize>,
    /// The open link: its target, and its text so far.
    link: Option<(String, String)>,
    seen: Seen,
}

impl<'a> Sanitiser<'a> {
    pub(super) fn new(limits: &'a Limits, images: &'a HashMap<String, usize>) -> Self {
        Self {
            limits,
            images,
            html: SafeHtml::default(),
            out: String::new(),
            written: 0,
            tags: 0,
            open: Vec::new(),
            styles: HashMap::new(),
            link: None,
            seen: Seen::default(),
        }
    }

    /// Takes the source of one part.
    pub(super) fn part(&mut self, source: &str) {
        let kept = shown::first(source, self.limits.html);
        self.seen.cut |= kept.len() < source.len();
        for token in Tokens::new(kept) {
            if self.full() {
                self.seen.cut = true;
                break;
            }
            match token {
                Token::Text(text) => self.text(&decoded(text)),
                Token::Raw(code) => self.seen.fetches.of_style(code),
                Token::Start(tag) => self.start(&tag),
                Token::End(name) => self.end(&name),
            }
        }
        self.close_to(0);
        self.new_line();
    }

    pub(super) fn finish(mut self) -> (SafeHtml, Seen) {
        self.html.pieces.push(Piece::Markup(self.out));
        (self.html, self.seen)
    }

    fn full(&self) -> bool {
        self.tags >= self.limits.tags || self.written + self.out.len() >= self.limits.output
    }

    fn text(&mut self, text: &str) {
        let mut clean = String::with_capacity(text.len());
        shown::body(text, &mut clean);
        escape_html(&clean, &mut self.out);
        self.plain(&clean);
    }

    /// Text for the plain form and for the open link.
    fn plain(&mut self, text: &str) {
        if let Some((_, link)) = &mut self.link {
            link.push_str(shown::first(
                text,
                LINK_TEXT_MOST.saturating_sub(link.len()),
            ));
        }
        if self.seen.text.len() > self.limits.text {
            self.seen.cut = true;
            return;
        }
        let mut at_start = self.seen.text.ends_with(['\n', ' ']) || self.seen.text.is_empty();
        for c in text.chars() {
            let space = c.is_ascii_whitespace() || c == '\u{a0}';
            if !(space && at_start) {
                self.seen.text.push(if space { ' ' } else { c });
            }
            at_start = space;
        }
    }

    fn new_line(&mut self) {
        let kept = self.seen.text.trim_end_matches(' ').len();
        self.seen.text.truncate(kept);
        if !self.seen.text.is_empty() && !self.seen.text.ends_with("\n\n") {
            self.seen.text.push('\n');
        }
    }

    fn start(&mut self, tag: &Tag) {
        self.tags += 1;
        self.seen.fetches.of_tag(tag);
        let name = tag.name.as_str();
        let find = |list: &[&'static str]| list.iter().find(|known| **known == name).copied();
        if name == "img" {
            self.image(tag);
        } else if name == "a" {
            self.end("a");
            self.open_link(tag);
        } else if matches!(name, "form" | "area") {
            let target = tag.get("action").or_else(|| tag.get("href"));
            if let Some(target) = target {
                self.list_link(target, tag.get("alt").unwrap_or_default());
            }
        } else if let Some(void) = find(VOID) {
            self.out.push('<');
            self.out.push_str(void);
            self.out.push('>');
            self.new_line();
        } else if let Some(block) = find(BLOCKS) {
            self.implied_ends(block);
            self.new_line();
            self.push(block, block, tag);
        } else if let Some(part) = find(TABLES) {
            self.table_part(part, tag);
        } else if let Some(phrase) = find(PHRASES) {
            self.push(phrase, phrase, tag);
        }
    }

    /// What the start of a block ends, without an end tag of its own.
    fn implied_ends(&mut self, name: &str) {
        let ended: &[&str] = match name {
            "li" => &["li"],
            "dt" | "dd" => &["dt", "dd"],
            _ => &[],
        };
        for (at, open) in self.open.iter().enumerate().rev() {
            if ended.contains(&open.name) {
                self.close_to(at);
                break;
            }
            if WALLS.contains(&open.name) || matches!(open.name, "ul" | "ol" | "dl") {
                break;
            }
        }
        if let Some(at) = self.within_walls("p") {
            self.close_to(at);
        }
    }

    fn table_part(&mut self, name: &'static str, tag: &Tag) {
        let parents: &[&str] = match name {
            "td" | "th" => &["tr", "table", "thead", "tbody", "tfoot"],
            "tr" => &["table", "thead", "tbody", "tfoot"],
            _ => &["table"],
        };
        let Some(at) = self
            .open
            .iter()
            .rposition(|open| parents.contains(&open.name))
        else {
            return;
        };
        // A cell's content is not looked at for the row of a table around it.
        self.close_to(at + 1);
        if matches!(name, "td" | "th") {
            if self.open.last().is_some_and(|open| open.name != "tr") {
                self.push("tr", "tr", &Tag::default());
            }
            self.plain(" ");
        } else {
            self.new_line();
        }
        self.push(name, name, tag);
    }

    fn within_walls(&self, name: &str) -> Option<usize> {
        for (at, open) in self.open.iter().enumerate().rev() {
            if open.name == name {
                return Some(at);
            }
            if WALLS.contains(&open.name) {
                return None;
            }
        }
        None
    }

    fn end(&mut self, name: &str) {
        let part_of_table = name == "table" || TABLES.contains(&name);
        let at = if part_of_table {
            let at = self.open.iter().rposition(|open| open.name == name);
            // The end of a row or cell does not end a table that was opened inside it.
            at.filter(|at| {
                name == "table" || self.open[at + 1..].iter().all(|open| open.name != "table")
            })
        } else {
            self.within_walls(name)
        };
        match at {
            Some(at) => self.close_to(at),
            None if matches!(name, "br" | "p") => self.out.push_str("<br>"),
            None => {}
        }
    }

    /// Closes all that is open, down to `depth` elements.
    fn close_to(&mut self, depth: usize) {
        while self.open.len() > depth {
            let Some(open) = self.open.pop() else { return };
            self.out.push_str("</");
            self.out.push_str(open.written);
            self.out.push('>');
            if open.name == "a" {
                self.close_link();
            } else if BLOCKS.contains(&open.name) {
                self.new_line();
            }
        }
    }

    fn push(&mut self, name: &'static str, written: &'static str, tag: &Tag) {
        if self.open.len() >= NESTING_MOST {
            self.seen.cut = true;
            return;
        }
        self.out.push('<');
        self.out.push_str(written);
        let style = tag.get("style").map(super::style::kept).unwrap_or_default();
        let class = self.class(&style);
        let classes = match (name, class) {
            ("a", Some(class)) => format!(" class=\"link s{class}\""),
            ("a", None) => " class=\"link\"".to_owned(),
            (_, Some(class)) => format!(" class=\"s{class}\""),
            (_, None) => String::new(),
        };
        self.out.push_str(&classes);
        if name != "a" {
            self.html.colours |= attributes::write(name, tag, &mut self.out);
        }
        if let Some((target, _)) = self.link.as_ref().filter(|_| name == "a") {
            self.out.push_str(" title=\"");
            escape_html(&links::read(target, "").target, &mut self.out);
            self.out.push('"');
        }
        self.out.push('>');
        self.open.push(Open { name, written });
    }

    /// The class that stands for these declarations.
    fn class(&mut self, style: &str) -> Option<usize> {
        if style.is_empty() {
            return None;
        }
        if let Some(class) = self.styles.get(style) {
            return Some(*class);
        }
        let class = self.html.styles.len();
        if class >= STYLES_MOST {
            return None;
        }
        self.html.colours |= super::style::has_colour(style);
        self.html.styles.push(style.to_owned());
        self.styles.insert(style.to_owned(), class);
        Some(class)
    }

    fn open_link(&mut self, tag: &Tag) {
        let Some(target) = tag.get("href") else {
            return;
        };
        if self.open.len() >= NESTING_MOST {
            self.list_link(target, "");
            return;
        }
        self.link = Some((target.to_owned(), String::new()));
        self.push("a", "span", tag);
    }

    fn close_link(&mut self) {
        let Some((target, text)) = self.link.take() else {
            return;
        };
        let link = links::read(&target, &text);
        if link.suspicious() {
            let told = link.host.as_deref().unwrap_or(&link.target);
            self.out.push_str("<span class=\"target\">");
            escape_html(&format!("⚠ {told}"), &mut self.out);
            self.out.push_str("</span>");
        }
        self.list(link);
    }

    fn list_link(&mut self, target: &str, text: &str) {
        self.list(links::read(target, text));
    }

    fn list(&mut self, link: Link) {
        if self.seen.links.len() < self.limits.links {
            self.seen.links.push(link);
        } else {
            self.seen.cut = true;
        }
    }

    /// An image of the message keeps its place; any other is told and left out.
    fn image(&mut self, tag: &Tag) {
        let source = tag.get("src").unwrap_or_default().trim();
        let alt = visible(tag.get("alt").unwrap_or_default().trim(), ALT_MOST);
        let id = source
            .get(..4)
            .filter(|s| s.eq_ignore_ascii_case("cid:"))
            .map(|_| &source[4..]);
        let part = id.and_then(|id| {
            self.images
                .get(id)
                .or_else(|| self.images.get(unescaped(id).as_str()))
        });
        self.plain(&alt);
        if let Some(part) = part {
            self.seen.inline.insert(*part);
            let markup = std::mem::take(&mut self.out);
            // What an image takes when it is not shown.
            self.written += markup.len() + 64 + alt.len();
            self.html.pieces.push(Piece::Markup(markup));
            self.html.pieces.push(Piece::Image { part: *part, alt });
            return;
        }
        let link = links::read(source, "");
        self.out.push_str("<span class=\"image\" title=\"");
        escape_html(&link.target, &mut self.out);
        self.out.push_str("\">");
        let told = [Some(alt), link.host]
            .into_iter()
            .flatten()
            .filter(|t| !t.is_empty());
        escape_html(
            &format!("▨ {}", told.collect::<Vec<_>>().join(" · ")),
            &mut self.out,
        );
        self.out.push_str("</span>");
    }
}

/// A Content-ID in a URL is percent-encoded (RFC 2392).
fn unescaped(id: &str) -> String {
    links::unescape(id)
}

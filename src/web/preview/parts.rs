//! The parts of a message: what they are called, what they are, and what is odd about them.

use aws_lc_rs::digest::{Context, SHA256};
use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;

use crate::inspect::decode;
use crate::inspect::mime::{self, Structure};
use crate::mail::{headers, hex};

use super::shown::{self, visible};

/// Characters of a name, a type, an id that are shown.
const NAME_MOST: usize = 120;
const TYPE_MOST: usize = 80;
const ID_MOST: usize = 250;
/// Fields of one kind and names in a field that are looked at, and octets of a field.
const NAMES_MOST: usize = 10;
const FIELD_MOST: usize = 8 << 10;

/// What runs when it is opened, or opens in what runs code.
const EXECUTABLE: &[&str] = &[
    "app",
    "application",
    "apk",
    "appx",
    "bat",
    "chm",
    "cmd",
    "com",
    "cpl",
    "deb",
    "dll",
    "dmg",
    "docm",
    "dotm",
    "exe",
    "gadget",
    "hta",
    "htm",
    "html",
    "img",
    "inf",
    "iso",
    "jar",
    "js",
    "jse",
    "jnlp",
    "lnk",
    "mht",
    "msc",
    "msi",
    "msix",
    "msp",
    "one",
    "pif",
    "pkg",
    "pptm",
    "ps1",
    "psm1",
    "reg",
    "rpm",
    "scf",
    "scr",
    "sh",
    "shtml",
    "svg",
    "sys",
    "url",
    "vbe",
    "vbs",
    "vhd",
    "vhdx",
    "wsf",
    "wsh",
    "xhtml",
    "xll",
    "xlsm",
];
/// What people take for harmless before the last extension.
const DOCUMENTS: &[&str] = &[
    "csv", "doc", "docx", "gif", "jpeg", "jpg", "mp3", "mp4", "odt", "pdf", "png", "ppt", "pptx",
    "rtf", "txt", "xls", "xlsx", "zip",
];
/// Names that are devices on Windows.
const DEVICES: &[&str] = &[
    "aux", "con", "nul", "prn", "com1", "com2", "com3", "lpt1", "lpt2",
];

/// A part of a message that is no multipart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Names the part to [`octets`] and [`raster`]; the same for the same message.
    pub number: usize,
    /// Its file name as it may be shown and stored: no path, no controls, bounded.
    pub name: Option<String>,
    /// What it says it is, in lower case.
    pub media_type: String,
    /// Octets, decoded.
    pub size: u64,
    /// Of the decoded octets, in hexadecimal; none for an attached message.
    pub sha256: Option<String>,
    /// It asks to be saved rather than shown (RFC 2183).
    pub attachment: bool,
    /// Without its angle brackets.
    pub content_id: Option<String>,
    /// Messages and multiparts around it.
    pub depth: usize,
    /// Its text is what the preview shows.
    pub shown: bool,
    /// By its name or first octets it runs when it is opened.
    pub executable: bool,
    /// Its name looks like a document's but ends otherwise, as in `bill.pdf.exe`.
    pub double_extension: bool,
    /// Its name holds characters that turn the direction of writing.
    pub bidi_name: bool,
}

/// The parts that are shown as the message's text: inline texts outside attached messages.
pub(super) fn bodies(structure: &Structure) -> impl Iterator<Item = (usize, &mime::Part)> {
    let mut within: Option<usize> = None;
    structure.parts.iter().enumerate().filter(move |(_, part)| {
        if within.is_some_and(|depth| part.depth <= depth) {
            within = None;
        }
        if within.is_none() && part.kind == "message/rfc822" {
            within = Some(part.depth);
        }
        within.is_none()
            && !part.attached
            && matches!(part.kind.as_str(), "text/plain" | "text/html")
    })
}

/// The parts, at most `most`, and whether there are more.
pub(super) fn list(message: &[u8], structure: &Structure, most: usize) -> (Vec<Part>, bool) {
    let shown: Vec<usize> = bodies(structure).map(|(number, _)| number).collect();
    let leaves = structure.parts.iter().enumerate();
    let mut leaves = leaves.filter(|(_, part)| !part.kind.starts_with("multipart/"));
    let parts = leaves.by_ref().take(most).map(|(number, part)| {
        let mut read = read(message, structure, number, part);
        read.shown = shown.binary_search(&number).is_ok();
        read
    });
    let parts = parts.collect();
    (parts, leaves.next().is_some())
}

fn read(message: &[u8], structure: &Structure, number: usize, part: &mime::Part) -> Part {
    let names = names(&message[part.header.clone()]);
    let runs = |name: &&String| {
        extensions(name)
            .first()
            .is_some_and(|e| listed(EXECUTABLE, e))
    };
    let by_name = names.iter().find(runs);
    // Programs choose differently among several names: the worst is told.
    let raw_name = by_name.or(names.first()).map_or("", String::as_str);
    let (mut size, mut start) = (0, [0; 4]);
    let mut sha256 = None;
    if let Some(inner) = attached_message(message, structure, number) {
        size = inner.len() as u64;
    } else {
        let mut context = Context::new(&SHA256);
        decode::each_piece(part.encoding, &message[part.body.clone()], |piece| {
            if size == 0 {
                let first = &piece[..piece.len().min(4)];
                start[..first.len()].copy_from_slice(first);
            }
            size += piece.len() as u64;
            context.update(piece);
        });
        sha256 = Some(hex(context.finish().as_ref()));
    }
    Part {
        number,
        name: safe_name(raw_name),
        media_type: visible(&part.kind, TYPE_MOST),
        size,
        sha256,
        attachment: part.attached,
        content_id: content_id(&message[part.header.clone()]),
        depth: part.depth,
        shown: false,
        executable: by_name.is_some()
            || start.starts_with(b"MZ")
            || start == *b"\x7fELF"
            || start.starts_with(b"#!"),
        double_extension: by_name.is_some()
            && extensions(raw_name)
                .get(1)
                .is_some_and(|e| listed(DOCUMENTS, e)),
        bidi_name: names.iter().any(|name| name.chars().any(shown::is_bidi)),
    }
}

/// The octets of an attached message whose own parts were found: to the end of the last of them.
fn attached_message<'m>(
    message: &'m [u8],
    structure: &Structure,
    number: usize,
) -> Option<&'m [u8]> {
    let part = &structure.parts[number];
    let inner = structure.parts[number + 1..]
        .iter()
        .take_while(|p| p.depth > part.depth);
    if part.kind != "message/rfc822" {
        return None;
    }
    let end = inner.map(|p| p.body.end).max()?;
    message.get(part.body.start..end)
}

/// A part's decoded octets; at most as many as the message has. `None` if there is no such part.
#[must_use]
pub fn octets(message: &[u8], number: usize) -> Option<Vec<u8>> {
    let structure = mime::structure(message);
    let part = structure
        .parts
        .get(number)
        .filter(|p| !p.kind.starts_with("multipart/"))?;
    if let Some(inner) = attached_message(message, &structure, number) {
        return Some(inner.to_vec());
    }
    let body = &message[part.body.clone()];
    Some(decode::decoded(part.encoding, body, body.len()).into_owned())
}

/// An image that may be shown: what it is was read from its octets, not from what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    pub media_type: &'static str,
    pub octets: Vec<u8>,
}

/// The image in a part of the message. `None` if there is no such part, if it is larger than
/// `most` octets, or if it is not PNG, JPEG, GIF or WebP.
#[must_use]
pub fn raster(message: &[u8], number: usize, most: usize) -> Option<Raster> {
    raster_in(message, &mime::structure(message), number, most)
}

pub(super) fn raster_in(
    message: &[u8],
    structure: &Structure,
    number: usize,
    most: usize,
) -> Option<Raster> {
    let part = structure.parts.get(number)?;
    let octets = decode::decoded(part.encoding, &message[part.body.clone()], most + 1);
    let media_type = sniffed(&octets).filter(|_| octets.len() <= most)?;
    Some(Raster {
        media_type,
        octets: octets.into_owned(),
    })
}

fn sniffed(octets: &[u8]) -> Option<&'static str> {
    match octets {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Some("image/webp"),
        _ => None,
    }
}

/// All names a part gives itself, those of its disposition first.
fn names(header: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    for name in ["Content-Disposition", "Content-Type"] {
        let fields = headers::fields(header).filter(|field| field.is(name));
        for field in fields.take(NAMES_MOST) {
            let value = &field.value[..field.value.len().min(FIELD_MOST)];
            let line = [value, b"\r\n"].concat();
            let parsed = MessageStream::new(&line).parse_content_type();
            if let HeaderValue::ContentType(parsed) = parsed {
                let attributes = parsed.attributes().unwrap_or_default().iter();
                let named = attributes.filter(|a| matches!(a.name.as_ref(), "filename" | "name"));
                names.extend(named.take(NAMES_MOST).map(|a| a.value.to_string()));
            }
        }
    }
    names
}

fn listed(list: &[&str], extension: &str) -> bool {
    list.contains(&extension)
}

fn content_id(header: &[u8]) -> Option<String> {
    let field = headers::first(header, "Content-ID")?;
    let id = field.text();
    let id = id.trim_matches(['<', '>', ' ']);
    Some(visible(id, ID_MOST)).filter(|id| !id.is_empty())
}

/// The extensions of a name, the last first, as systems read them.
fn extensions(name: &str) -> Vec<String> {
    let clean: String = name
        .chars()
        .filter(|c| !shown::is_bidi(*c) && !c.is_control())
        .collect();
    let clean = clean.trim_end_matches(['.', ' ']).to_lowercase();
    let mut pieces = clean
        .rsplit('.')
        .map(|piece| piece.trim().to_owned())
        .peekable();
    let mut found = Vec::new();
    while let Some(piece) = pieces.next() {
        // What stands before the first dot is no extension.
        if found.len() == 3 || pieces.peek().is_none() {
            break;
        }
        found.push(piece);
    }
    found
}

/// A name that is safe to show and to store under; `None` if nothing is left of it.
fn safe_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = visible(last, FIELD_MOST)
        .chars()
        .map(|c| {
            if matches!(
                c,
                '<' | '>' | ':' | '"' | '|' | '?' | '*' | '%' | '\'' | ';'
            ) {
                '_'
            } else {
                c
            }
        })
        .collect();
    let clean = clean.trim_matches(['.', ' ']);
    let stem = clean
        .split('.')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let clean = if DEVICES.contains(&stem.as_str()) {
        format!("_{clean}")
    } else {
        clean.to_owned()
    };
    let count = clean.chars().count();
    if count > NAME_MOST {
        // The end tells what it is.
        let head: String = clean.chars().take(NAME_MOST - 21).collect();
        let tail: String = clean.chars().skip(count - 20).collect();
        return Some(format!("{head}…{tail}"));
    }
    Some(clean).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_paths_controls_and_tricks() {
        for (name, expected) in [
            ("../../etc/passwd", Some("passwd")),
            ("..\\..\\boot.ini", Some("boot.ini")),
            ("a\r\nSet-Cookie: x=y", Some("a  Set-Cookie_ x=y")),
            ("fdp.\u{202e}exe", Some("fdp.[U+202E]exe")),
            ("con.txt", Some("_con.txt")),
            (".htaccess", Some("htaccess")),
            ("..", None),
            ("a\0b", Some("a[U+0000]b")),
        ] {
            assert_eq!(safe_name(name).as_deref(), expected, "{name:?}");
        }
        let long = safe_name(&format!("{}.exe", "x".repeat(5000))).expect("a name");
        assert!(long.chars().count() == NAME_MOST && long.ends_with(".exe"));
    }

    #[test]
    fn extensions_are_read_from_the_end() {
        assert_eq!(extensions("bill.PDF .exe. "), ["exe", "pdf"]);
        assert_eq!(extensions("a.b.c.d"), ["d", "c", "b"]);
        assert_eq!(extensions("name"), Vec::<String>::new());
        assert_eq!(extensions("x.\u{202e}exe"), ["exe"]);
    }

    #[test]
    fn images_are_what_their_octets_say() {
        assert_eq!(sniffed(b"\x89PNG\r\n\x1a\n..."), Some("image/png"));
        assert_eq!(sniffed(b"RIFF....WEBPVP8 "), Some("image/webp"));
        assert_eq!(sniffed(b"<svg xmlns="), None);
        assert_eq!(sniffed(b"<html>"), None);
    }
}

//! What FETCH is to tell (RFC 3501 section 6.4.5).

use super::cursor::{Bad, Cursor};

/// Most items in one FETCH.
const ITEMS_MOST: usize = 64;
/// Most header field names in one section.
const NAMES_MOST: usize = 200;
/// Deepest part that can be named.
const PATH_MOST: usize = 128;

/// Octets `start .. start + length` of a section.
pub(crate) type Partial = Option<(u32, u32)>;

/// Which octets of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Words {
    All,
    Header,
    /// Fields with these names, or those with other names.
    Fields {
        but: bool,
        names: Vec<String>,
    },
    Text,
    Mime,
}

/// A section of a message: the path to a part, and what of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) path: Vec<u32>,
    pub(crate) words: Words,
}

/// One item of FETCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    Flags,
    Uid,
    InternalDate,
    Size,
    Envelope,
    Body,
    BodyStructure,
    /// Octets of the message, answered under `label`; marks it as seen unless `peek`.
    Section {
        section: Section,
        peek: bool,
        partial: Partial,
        label: String,
    },
}

/// The items of a FETCH: a macro, one item, or a list.
pub(crate) fn parse_items(from: &mut Cursor<'_>) -> Result<Vec<Item>, Bad> {
    use Item::{Body, Envelope, Flags, InternalDate, Size};
    if from.peek() == Some(b'(') {
        let items = from.list(ITEMS_MOST, item)?;
        return if items.is_empty() {
            Err("FETCH needs an item")
        } else {
            Ok(items)
        };
    }
    for (word, items) in [
        ("ALL", vec![Flags, InternalDate, Size, Envelope]),
        ("FAST", vec![Flags, InternalDate, Size]),
        ("FULL", vec![Flags, InternalDate, Size, Envelope, Body]),
    ] {
        if from.eat_word(word) {
            return Ok(items);
        }
    }
    Ok(vec![item(from)?])
}

fn item(from: &mut Cursor<'_>) -> Result<Item, Bad> {
    let whole = |words: Words, peek: bool, label: &str| Item::Section {
        section: Section {
            path: Vec::new(),
            words,
        },
        peek,
        partial: None,
        label: label.to_owned(),
    };
    Ok(match from.keyword()?.as_str() {
        "FLAGS" => Item::Flags,
        "UID" => Item::Uid,
        "INTERNALDATE" => Item::InternalDate,
        "ENVELOPE" => Item::Envelope,
        "BODYSTRUCTURE" => Item::BodyStructure,
        "RFC822.SIZE" => Item::Size,
        "RFC822" => whole(Words::All, false, "RFC822"),
        "RFC822.HEADER" => whole(Words::Header, true, "RFC822.HEADER"),
        "RFC822.TEXT" => whole(Words::Text, false, "RFC822.TEXT"),
        "BODY" if from.peek() == Some(b'[') => section(from, false)?,
        "BODY" => Item::Body,
        "BODY.PEEK" => section(from, true)?,
        _ => return Err("unknown FETCH item"),
    })
}

fn section(from: &mut Cursor<'_>, peek: bool) -> Result<Item, Bad> {
    from.must(b'[', "a section is missing")?;
    let mut path = Vec::new();
    while from.peek().is_some_and(|b| b.is_ascii_digit()) {
        if path.len() >= PATH_MOST {
            return Err("a section is too deep");
        }
        match from.number()? {
            0 => return Err("parts are numbered from 1"),
            number => path.push(number),
        }
        if !from.eat(b'.') {
            break;
        }
    }
    let words = match from.peek() {
        Some(b']') => Words::All,
        _ => match from.keyword()?.as_str() {
            "HEADER" => Words::Header,
            "HEADER.FIELDS" => names(from, false)?,
            "HEADER.FIELDS.NOT" => names(from, true)?,
            "TEXT" => Words::Text,
            "MIME" if !path.is_empty() => Words::Mime,
            _ => return Err("unknown section"),
        },
    };
    from.must(b']', "a section is not closed")?;
    let partial = if from.eat(b'<') {
        let start = from.number()?;
        from.must(b'.', "a partial has an offset and a length")?;
        let length = from.number()?;
        from.must(b'>', "a partial is not closed")?;
        if length == 0 {
            return Err("a partial of no length");
        }
        Some((start, length))
    } else {
        None
    };
    let section = Section { path, words };
    let label = label(&section, partial);
    Ok(Item::Section {
        section,
        peek,
        partial,
        label,
    })
}

fn names(from: &mut Cursor<'_>, but: bool) -> Result<Words, Bad> {
    from.space()?;
    let names = from.list(NAMES_MOST, |c| {
        let name = c.astring()?;
        // RFC 5322 section 3.6.8: printable ASCII but the colon.
        let fine = |b: &u8| (0x21..0x7f).contains(b) && *b != b':';
        if name.is_empty() || name.len() > 200 || !name.iter().all(fine) {
            return Err("not a name of a header field");
        }
        Ok(String::from_utf8_lossy(&name).into_owned())
    })?;
    if names.is_empty() {
        return Err("names of header fields are missing");
    }
    Ok(Words::Fields { but, names })
}

/// How the section is named in the answer.
fn label(section: &Section, partial: Partial) -> String {
    let mut words: Vec<String> = section.path.iter().map(u32::to_string).collect();
    let mut fields = String::new();
    match &section.words {
        Words::All => {}
        Words::Header => words.push("HEADER".to_owned()),
        Words::Text => words.push("TEXT".to_owned()),
        Words::Mime => words.push("MIME".to_owned()),
        Words::Fields { but, names } => {
            let word = if *but {
                "HEADER.FIELDS.NOT"
            } else {
                "HEADER.FIELDS"
            };
            words.push(word.to_owned());
            let mut list = Vec::new();
            for name in names {
                if !list.is_empty() {
                    list.push(b' ');
                }
                let atom = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
                if name.bytes().all(atom) {
                    list.extend_from_slice(name.as_bytes());
                } else {
                    crate::imap::write::string(&mut list, name.as_bytes());
                }
            }
            fields = format!(" ({})", String::from_utf8_lossy(&list));
        }
    }
    let start = partial.map_or(String::new(), |(start, _)| format!("<{start}>"));
    format!("BODY[{}{fields}]{start}", words.join("."))
}

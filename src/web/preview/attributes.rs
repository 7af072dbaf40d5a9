//! The attributes that are written, each with a grammar of its own for its value.

use super::shown::visible;
use super::style;
use super::tokens::Tag;
use crate::mail::escape_html;

/// Characters of a title.
const TITLE_MOST: usize = 300;

/// What a value may be.
enum Value {
    Word(&'static [&'static str]),
    Colour,
    /// A number from 0, up to this one.
    Number(u32),
    /// Pixels up to 2000, or per cent.
    Size,
    Text,
}

/// Element (`*`: any) and attribute.
const KNOWN: &[(&[&str], &str, Value)] = &[
    (&["*"], "title", Value::Text),
    (&["*"], "dir", Value::Word(&["ltr", "rtl", "auto"])),
    (
        &[
            "p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "table", "tr", "td", "th", "caption",
        ],
        "align",
        Value::Word(&["left", "right", "center", "justify"]),
    ),
    (
        &["tr", "td", "th"],
        "valign",
        Value::Word(&["top", "middle", "bottom", "baseline"]),
    ),
    (&["table", "tr", "td", "th"], "bgcolor", Value::Colour),
    (&["font"], "color", Value::Colour),
    (
        &["font"],
        "size",
        Value::Word(&["2", "3", "4", "5", "6", "7", "+1", "+2", "-1"]),
    ),
    (&["table", "td", "th"], "width", Value::Size),
    (&["td", "th"], "colspan", Value::Number(100)),
    (&["td", "th"], "rowspan", Value::Number(100)),
    (&["table"], "border", Value::Number(20)),
    (&["table"], "cellpadding", Value::Number(50)),
    (&["table"], "cellspacing", Value::Number(50)),
    (&["ol"], "start", Value::Number(100_000)),
    (&["ol"], "type", Value::Word(&["1", "a", "A", "i", "I"])),
    (&["li"], "value", Value::Number(100_000)),
];

/// Writes the attributes of `tag` that are known for the element `name`; true if one of
/// them chooses a colour.
pub(super) fn write(name: &str, tag: &Tag, out: &mut String) -> bool {
    let mut coloured = false;
    for (elements, attribute, grammar) in KNOWN {
        if elements != &["*"] && !elements.contains(&name) {
            continue;
        }
        let Some(value) = tag
            .get(attribute)
            .and_then(|value| understood(grammar, value))
        else {
            continue;
        };
        coloured |= matches!(grammar, Value::Colour);
        out.push(' ');
        out.push_str(attribute);
        out.push_str("=\"");
        escape_html(&value, out);
        out.push('"');
    }
    coloured
}

fn understood(grammar: &Value, value: &str) -> Option<String> {
    let value = value.trim();
    match grammar {
        Value::Text => Some(visible(value, TITLE_MOST)).filter(|text| !text.is_empty()),
        Value::Colour => style::colour(value),
        Value::Number(most) => number(value, *most).map(|n| n.to_string()),
        Value::Word(words) => {
            let known = words.iter().find(|word| word.eq_ignore_ascii_case(value));
            // The kinds of a list differ in their case.
            words
                .contains(&value)
                .then_some(value)
                .or(known.copied())
                .map(str::to_owned)
        }
        Value::Size => match value.strip_suffix('%') {
            Some(part) => number(part, 100).map(|n| format!("{n}%")),
            None => number(value.strip_suffix("px").unwrap_or(value), 2000).map(|n| n.to_string()),
        },
    }
}

fn number(value: &str, most: u32) -> Option<u32> {
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    value.parse().ok().filter(|n| digits && *n <= most)
}

//! Inline styles: a short list of properties, each with a grammar of its own for its value.
//!
//! A declaration is kept when its whole value is understood, and is then written anew. No
//! value with a function (but for `rgb()`), a string, an escape or a comment is understood,
//! nothing can leave the flow of the text, and nothing can be hidden by size.

/// Octets of one style attribute that are read, and declarations of it.
const STYLE_MOST: usize = 4 << 10;
const DECLARATIONS_MOST: usize = 40;
/// Sizes of text that are kept, in CSS pixels.
const TEXT_LEAST: f32 = 9.0;
const TEXT_MOST: f32 = 60.0;
/// Largest space around things, and largest width, in CSS pixels.
const SPACE_MOST: f32 = 100.0;
const WIDTH_MOST: f32 = 2000.0;

/// What a value may be.
#[derive(Clone, Copy)]
enum Value {
    Colour,
    Word(&'static [&'static str]),
    TextSize,
    LineHeight,
    Width,
    /// One to four lengths, or `auto`.
    Space,
    /// Width, kind and colour of a line.
    Border,
}

const PROPERTIES: &[(&str, Value)] = &[
    ("color", Value::Colour),
    ("background-color", Value::Colour),
    ("font-size", Value::TextSize),
    ("line-height", Value::LineHeight),
    ("font-style", Value::Word(&["normal", "italic", "oblique"])),
    (
        "font-weight",
        Value::Word(&[
            "normal", "bold", "bolder", "lighter", "100", "200", "300", "400", "500", "600", "700",
            "800", "900",
        ]),
    ),
    (
        "text-align",
        Value::Word(&["left", "right", "center", "justify", "start", "end"]),
    ),
    (
        "text-decoration",
        Value::Word(&["none", "underline", "line-through"]),
    ),
    (
        "text-transform",
        Value::Word(&["none", "uppercase", "lowercase", "capitalize"]),
    ),
    (
        "vertical-align",
        Value::Word(&["top", "middle", "bottom", "baseline", "sub", "super"]),
    ),
    (
        "white-space",
        Value::Word(&["normal", "pre-wrap", "pre-line"]),
    ),
    ("border-collapse", Value::Word(&["collapse", "separate"])),
    ("direction", Value::Word(&["ltr", "rtl"])),
    ("width", Value::Width),
    ("max-width", Value::Width),
    ("padding", Value::Space),
    ("padding-left", Value::Space),
    ("padding-right", Value::Space),
    ("padding-top", Value::Space),
    ("padding-bottom", Value::Space),
    ("margin", Value::Space),
    ("margin-left", Value::Space),
    ("margin-right", Value::Space),
    ("margin-top", Value::Space),
    ("margin-bottom", Value::Space),
    ("border", Value::Border),
    ("border-left", Value::Border),
    ("border-right", Value::Border),
    ("border-top", Value::Border),
    ("border-bottom", Value::Border),
];

/// The declarations of a style attribute that are kept, written anew; empty if there are none.
pub(super) fn kept(style: &str) -> String {
    let mut out = String::new();
    let style = super::shown::first(style, STYLE_MOST).to_ascii_lowercase();
    for declaration in style.split(';').take(DECLARATIONS_MOST) {
        let Some((name, value)) = declaration.split_once(':') else {
            continue;
        };
        let value = value.trim();
        let value = value.strip_suffix("!important").unwrap_or(value).trim();
        // The short form is kept where it is nothing but a colour.
        let name = match name.trim() {
            "background" => "background-color",
            other => other,
        };
        let grammar = PROPERTIES.iter().find(|(known, _)| *known == name);
        if let Some((name, grammar)) = grammar
            && let Some(value) = understood(*grammar, value)
        {
            out.push_str(&format!("{name}:{value};"));
        }
    }
    out
}

/// True if the declarations choose a colour.
pub(super) fn has_colour(declarations: &str) -> bool {
    declarations.contains("color:")
}

fn understood(grammar: Value, value: &str) -> Option<String> {
    match grammar {
        Value::Colour => colour(value),
        Value::Word(words) => words.contains(&value).then(|| value.to_owned()),
        Value::TextSize => length(value, TEXT_LEAST, TEXT_MOST),
        Value::LineHeight => match value.parse::<f32>() {
            Ok(times) if plain(value) && (1.0..=3.0).contains(&times) => Some(format!("{times}")),
            _ => length(value, TEXT_LEAST, 2.0 * TEXT_MOST),
        },
        Value::Width => length(value, 0.0, WIDTH_MOST),
        Value::Space => {
            let words: Vec<String> = value
                .split_ascii_whitespace()
                .take(5)
                .map(|word| match word {
                    "auto" => Some(word.to_owned()),
                    _ => length(word, 0.0, SPACE_MOST),
                })
                .collect::<Option<_>>()?;
            ((1..=4).contains(&words.len())).then(|| words.join(" "))
        }
        Value::Border => border(value),
    }
}

/// Digits and a point: what else a number may be (`inf`, `1e9`, a sign) is not kept.
fn plain(number: &str) -> bool {
    !number.is_empty()
        && number.len() <= 8
        && number.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// A colour: a word, hexadecimal digits, or `rgb()` with numbers.
pub(super) fn colour(value: &str) -> Option<String> {
    let value = value.trim().to_ascii_lowercase();
    if let Some(digits) = value.strip_prefix('#') {
        let known = matches!(digits.len(), 3 | 4 | 6 | 8);
        return (known && digits.bytes().all(|b| b.is_ascii_hexdigit())).then_some(value);
    }
    let inner = value
        .strip_prefix("rgba(")
        .or_else(|| value.strip_prefix("rgb("));
    if let Some(inner) = inner.and_then(|inner| inner.strip_suffix(')')) {
        let numbers: Vec<&str> = inner.split([',', ' ']).filter(|n| !n.is_empty()).collect();
        let good = numbers
            .iter()
            .all(|n| plain(n.strip_suffix('%').unwrap_or(n)));
        return (good && matches!(numbers.len(), 3 | 4))
            .then(|| format!("rgba({})", numbers.join(",")));
    }
    let word = (3..=24).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_lowercase());
    word.then_some(value)
}

/// A length within bounds; per cents are kept as they are where bounds allow some.
fn length(value: &str, least: f32, most: f32) -> Option<String> {
    let at = value
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(value.len());
    let (number, unit) = value.split_at(at);
    if !plain(number) {
        return None;
    }
    let size: f32 = number.parse().ok()?;
    let pixels = match unit {
        "px" => size,
        "" if size == 0.0 => size,
        "pt" => size * 4.0 / 3.0,
        "em" | "rem" => size * 16.0,
        "%" if size <= 100.0 && least == 0.0 => return Some(format!("{size}%")),
        "%" => size * 0.16,
        _ => return None,
    };
    (least..=most)
        .contains(&pixels)
        .then(|| format!("{size}{unit}"))
}

fn border(value: &str) -> Option<String> {
    let mut out: Vec<String> = Vec::new();
    for word in value.split_ascii_whitespace().take(4) {
        let kinds = ["none", "solid", "dashed", "dotted", "double"];
        let known = match word {
            kind if kinds.contains(&kind) => Some(kind.to_owned()),
            size if size.starts_with(|c: char| c.is_ascii_digit()) => length(size, 0.0, 10.0),
            other => colour(other),
        };
        out.push(known?);
    }
    (1..=3).contains(&out.len()).then(|| out.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_harmless_is_kept() {
        for (style, expected) in [
            (
                "COLOR: Red; background:#FFF",
                "color:red;background-color:#fff;",
            ),
            ("color:rgb(1, 2 ,3)", "color:rgba(1,2,3);"),
            (
                "font-size:12pt;line-height:1.5",
                "font-size:12pt;line-height:1.5;",
            ),
            (
                "padding:1px 2em 0 5%; margin:0 auto",
                "padding:1px 2em 0 5%;margin:0 auto;",
            ),
            ("border:1px solid #ccc !important", "border:1px solid #ccc;"),
            ("width:100%", "width:100%;"),
        ] {
            assert_eq!(kept(style), expected, "{style}");
        }
    }

    #[test]
    fn what_could_fetch_hide_or_cover_is_not() {
        for style in [
            "background:url(//evil.test/x)",
            "background:u\\72l(//evil.test/x)",
            "color:expression(alert(1))",
            "color:red/**/url(x)",
            "color:var(--x)",
            "color:rgb(1,2,3)}",
            "color:rgb(1,2)",
            "width:calc(1px)",
            "position:fixed",
            "display:none",
            "opacity:0",
            "font-size:0",
            "font-size:1px",
            "font-size:900px",
            "font-size:inf",
            "font-size:1e2px",
            "margin:-10px",
            "behavior:url(x)",
            "-moz-binding:url(x)",
            "color:\"red\"",
            "@import 'x'",
            "color",
            "padding:",
            "border:1px solid url(x)",
        ] {
            assert_eq!(kept(style), "", "{style}");
        }
    }
}

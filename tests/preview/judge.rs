//! Says whether a page holds nothing but what is known to be harmless, as a parser of others reads it.

use html5ever::tendril::TendrilSink as _;
use markup5ever_rcdom::{Handle, NodeData, RcDom};

const ELEMENTS: &[&str] = &[
    "html",
    "head",
    "body",
    "meta",
    "title",
    "style",
    "b",
    "strong",
    "i",
    "em",
    "u",
    "s",
    "strike",
    "del",
    "ins",
    "small",
    "big",
    "sub",
    "sup",
    "code",
    "kbd",
    "samp",
    "var",
    "tt",
    "q",
    "cite",
    "abbr",
    "span",
    "font",
    "mark",
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
    "caption",
    "thead",
    "tbody",
    "tfoot",
    "tr",
    "td",
    "th",
    "br",
    "hr",
    "wbr",
    "img",
];
const ATTRIBUTES: &[&str] = &[
    "title",
    "dir",
    "class",
    "align",
    "valign",
    "bgcolor",
    "color",
    "size",
    "width",
    "colspan",
    "rowspan",
    "border",
    "cellpadding",
    "cellspacing",
    "start",
    "type",
    "value",
    "alt",
];

/// All faults of a page.
pub(crate) fn faults(page: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let dom =
        html5ever::parse_document(RcDom::default(), html5ever::ParseOpts::default()).one(page);
    let mut waiting = vec![(dom.document.clone(), 0)];
    let (mut styles, mut metas, mut titles) = (0, 0, 0);
    while let Some((node, depth)) = waiting.pop() {
        if depth > 160 {
            faults.push("too deep".to_owned());
            break;
        }
        match &node.data {
            NodeData::Element { name, attrs, .. } => {
                let element = name.local.as_ref();
                match element {
                    "style" => styles += 1,
                    "meta" => metas += 1,
                    "title" => titles += 1,
                    _ => {}
                }
                if !ELEMENTS.contains(&element) || name.ns != html5ever::ns!(html) {
                    faults.push(format!("element {element}"));
                }
                for attribute in attrs.borrow().iter() {
                    judge_attribute(
                        element,
                        &attribute.name.local,
                        &attribute.value,
                        &mut faults,
                    );
                }
                if element == "style" {
                    judge_sheet(&text_of(&node), &mut faults);
                }
            }
            NodeData::Comment { contents } => faults.push(format!("comment {contents}")),
            NodeData::ProcessingInstruction { .. } => faults.push("instruction".to_owned()),
            NodeData::Document | NodeData::Doctype { .. } | NodeData::Text { .. } => {}
        }
        let children = node.children.borrow();
        waiting.extend(children.iter().map(|child| (child.clone(), depth + 1)));
    }
    // The ones of our own page, and no more.
    if (styles, metas, titles) != (1, 2, 1) {
        faults.push(format!("{styles} styles, {metas} metas, {titles} titles"));
    }
    faults
}

fn judge_attribute(element: &str, name: &str, value: &str, faults: &mut Vec<String>) {
    let own_meta = element == "meta" && matches!(name, "charset" | "name" | "content");
    let own_image = element == "img"
        && name == "src"
        && ["png", "jpeg", "gif", "webp"]
            .iter()
            .any(|kind| value.starts_with(&format!("data:image/{kind};base64,")));
    if !(own_meta || own_image || ATTRIBUTES.contains(&name)) {
        faults.push(format!("attribute {name} of {element}"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '#' | '%' | '+' | '-' | ' ');
    let free = matches!(name, "title" | "alt" | "src" | "content");
    let colour = matches!(name, "color" | "bgcolor") && value.starts_with("rgba(");
    if !free
        && !value
            .chars()
            .all(|c| plain(c) || colour && "(),.".contains(c))
    {
        faults.push(format!("value of {name}: {value}"));
    }
    let hidden =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if value.chars().any(hidden) {
        faults.push(format!("invisible characters in {name}: {value:?}"));
    }
}

fn judge_sheet(sheet: &str, faults: &mut Vec<String>) {
    for word in [
        "url",
        "import",
        "expression",
        "fixed",
        "absolute",
        "\\",
        "<",
        "/*",
        "var",
        "behavior",
        "binding",
    ] {
        if sheet.to_lowercase().contains(word) {
            faults.push(format!("{word} in the style sheet"));
        }
    }
    if sheet.matches('{').count() != sheet.matches('}').count() {
        faults.push("the style sheet is not balanced".to_owned());
    }
}

pub(crate) fn text_of(node: &Handle) -> String {
    let mut out = String::new();
    for child in node.children.borrow().iter() {
        if let NodeData::Text { contents } = &child.data {
            out.push_str(&contents.borrow());
        }
    }
    out
}

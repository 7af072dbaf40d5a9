//! The safe preview of a stranger's message: what is in it, with nothing fetched, run or hidden.
//!
//! [`preview`] reads a message into text, lists and [`SafeHtml`]; [`document()`] makes of the
//! latter the page for a sandboxed frame, with the header fields it must be served with.

mod attributes;
mod document;
mod fetches;
mod header;
mod links;
mod parts;
mod sanitise;
mod shown;
mod style;
mod tokens;

use std::collections::HashMap;

use crate::inspect::decode;
use crate::inspect::mime::{self, Structure};

pub use document::{Document, FIELDS, Paper, SANDBOX, View, document};
pub use links::Link;
pub use parts::{Part, Raster, octets, raster};
pub use sanitise::SafeHtml;

use sanitise::Sanitiser;

/// What a preview may cost. Beyond a limit the rest is left out, and [`Preview::cut`] is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of HTML source that are read, of all parts together.
    pub html: usize,
    /// Octets of HTML that are written.
    pub output: usize,
    /// Tags that are read.
    pub tags: usize,
    /// Octets of text.
    pub text: usize,
    /// Header fields.
    pub fields: usize,
    /// Characters of one field.
    pub value: usize,
    /// Parts that are listed.
    pub parts: usize,
    /// Links that are listed.
    pub links: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            html: 1 << 20,
            output: 2 << 20,
            tags: 20_000,
            text: 512 << 10,
            fields: 500,
            value: 4000,
            parts: 500,
            links: 300,
        }
    }
}

/// A message as it may be shown. All text in it is a stranger's: fit to be read, and still
/// to be escaped where it is put into a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    /// The fields people look at, decoded, in the order they are looked at; a field that
    /// stands there twice is here twice.
    pub header: Vec<(&'static str, String)>,
    /// All fields as they stand in the message, unfolded, not decoded.
    pub all_fields: Vec<(String, String)>,
    /// The plain parts, or else the text of the HTML.
    pub text: Option<String>,
    pub html: Option<SafeHtml>,
    /// All parts but multiparts, those that are shown included.
    pub parts: Vec<Part>,
    pub links: Vec<Link>,
    pub images: Images,
    /// A limit was met: there is more than is shown.
    pub cut: bool,
}

/// What the HTML would show or fetch besides its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Images {
    /// The numbers of the parts that lie in the message and are shown on demand.
    pub inline: Vec<usize>,
    /// Images, styles and the like from elsewhere. They are never loaded.
    pub remote: usize,
    /// The hosts that would learn of the reader, in their ASCII form; some of them if many.
    pub hosts: Vec<String>,
}

/// Reads a message (RFC 5322). Never fails and never waits. Time is linear in the size of the
/// message, each octet being decoded and hashed at most once; memory is bounded by `limits`.
#[must_use]
pub fn preview(message: &[u8], limits: &Limits) -> Preview {
    let structure = mime::structure(message);
    let (parts, more_parts) = parts::list(message, &structure, limits.parts);
    let (header, all_fields, more_fields) = header::read(message, limits);
    let images: HashMap<String, usize> = parts
        .iter()
        .filter_map(|part| Some((part.content_id.clone()?, part.number)))
        .collect();
    let mut preview = Preview {
        header,
        all_fields,
        parts,
        cut: more_parts || more_fields || structure.too_deep || structure.too_many,
        ..Preview::default()
    };
    read_html(message, &structure, &images, limits, &mut preview);
    read_text(message, &structure, limits, &mut preview);
    preview
}

fn read_html(
    message: &[u8],
    structure: &Structure,
    images: &HashMap<String, usize>,
    limits: &Limits,
    preview: &mut Preview,
) {
    let mut sanitiser = Sanitiser::new(limits, images);
    let mut left = limits.html;
    let mut any = false;
    for (_, part) in parts::bodies(structure).filter(|(_, part)| part.kind == "text/html") {
        any = true;
        if left == 0 {
            preview.cut = true;
            break;
        }
        let octets = decode::decoded(part.encoding, &message[part.body.clone()], left);
        // What lies beyond is not decoded to see whether there is any.
        preview.cut |= octets.len() == left;
        left -= octets.len();
        sanitiser.part(&decode::text(&octets, part.charset.as_deref()));
    }
    if !any {
        return;
    }
    let (html, seen) = sanitiser.finish();
    preview.html = Some(html);
    preview.text = Some(seen.text.trim().to_owned());
    preview.links = seen.links;
    preview.images = Images {
        inline: seen.inline.into_iter().collect(),
        remote: seen.fetches.count,
        hosts: seen.fetches.hosts.into_iter().collect(),
    };
    preview.cut |= seen.cut;
}

fn read_text(message: &[u8], structure: &Structure, limits: &Limits, preview: &mut Preview) {
    let mut text = String::new();
    for (_, part) in parts::bodies(structure).filter(|(_, part)| part.kind != "text/html") {
        let left = limits.text.saturating_sub(text.len());
        if left == 0 {
            preview.cut = true;
            break;
        }
        let octets = decode::decoded(part.encoding, &message[part.body.clone()], left);
        preview.cut |= octets.len() == left;
        let decoded = decode::text(&octets, part.charset.as_deref());
        shown::body(shown::first(&decoded, left), &mut text);
    }
    if text.trim().is_empty() {
        return;
    }
    let left = limits.links.saturating_sub(preview.links.len());
    for link in links::in_text(&text, left) {
        if preview
            .links
            .iter()
            .all(|known| known.target != link.target)
        {
            preview.links.push(link);
        }
    }
    preview.text = Some(text);
}

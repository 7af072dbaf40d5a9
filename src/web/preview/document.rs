//! The page of a message's HTML, for a frame that can neither run nor fetch anything.

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::inspect::mime::{self, Structure};
use crate::mail::escape_html;

use super::parts::{Raster, raster_in};
use super::sanitise::{Piece, SafeHtml};

/// Octets of one image that is shown, and of all of a message together.
const IMAGE_MOST: usize = 4 << 20;
const IMAGES_MOST: usize = 12 << 20;

/// The value of the frame's `sandbox` attribute: no scripts, no origin, no forms, no windows.
pub const SANDBOX: &str = "";

/// The fields the document is served with, besides its own `Content-Security-Policy`.
pub const FIELDS: [(&str, &str); 6] = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "private, no-store"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("X-DNS-Prefetch-Control", "off"),
];

/// The ground the message is shown on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Paper {
    /// As the reader's system says.
    #[default]
    Auto,
    Light,
    Dark,
}

/// How a document is shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct View<'a> {
    /// A message that chooses colours of its own is shown on light paper whatever this says:
    /// its dark letters would not be read on a dark ground.
    pub paper: Paper,
    /// The title of the page, for those who have the frame read to them.
    pub title: &'a str,
    /// The message itself, where the reader asked for the images inside it.
    pub images: Option<&'a [u8]>,
}

/// A whole document, and the policy it must be served with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub html: String,
    /// The value of `Content-Security-Policy`. The frame fetches nothing at all: images are
    /// inside the document as `data:`. Its origin is opaque, so a request would come without
    /// the session's cookie (`SameSite`), and would be one more thing to be sure of.
    pub policy: String,
}

const SHEET: &str = "body{margin:12px;font:15px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}\
    pre{white-space:pre-wrap}img{max-width:100%;height:auto}table{max-width:100%}\
    .link{text-decoration:underline}\
    .target{margin-left:.3em;padding:0 .3em;border:1px solid currentcolor;border-radius:3px;font-size:12px}\
    .image{display:inline-block;padding:0 .4em;border:1px dashed currentcolor;font-size:12px;overflow-wrap:anywhere}";
const LIGHT: &str = ":root{color-scheme:light;background:#fff;color:#1a1a1a}.link{color:#0b57a4}";
const DARK: &str = ":root{color-scheme:dark;background:#16181c;color:#e6e6e6}.link{color:#8ab8f0}";

/// Makes the document of a message's HTML. Images are at most 4 MiB each and 12 MiB together;
/// those beyond stay placeholders.
#[must_use]
pub fn document(html: &SafeHtml, view: &View<'_>) -> Document {
    let sheet = sheet(html, view.paper);
    let hash = STANDARD.encode(digest(&SHA256, sheet.as_bytes()));
    let mut out = String::from("<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>");
    escape_html(view.title, &mut out);
    out.push_str("</title><meta name=\"viewport\" content=\"width=device-width\"><style>");
    out.push_str(&sheet);
    out.push_str("</style></head><body>");
    let mut images = view.images.map(Images::new);
    for piece in &html.pieces {
        match piece {
            Piece::Markup(markup) => out.push_str(markup),
            Piece::Image { part, alt } => {
                let found = images.as_mut().and_then(|images| images.take(*part));
                image(found, alt, &mut out);
            }
        }
    }
    out.push_str("</body></html>");
    Document {
        html: out,
        policy: format!(
            "sandbox; default-src 'none'; img-src data:; style-src 'sha256-{hash}'; \
             form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
        ),
    }
}

/// The images of a message, each decoded once however often it is shown.
struct Images<'m> {
    message: &'m [u8],
    structure: Structure,
    known: HashMap<usize, Option<Raster>>,
    /// Octets that may still be written.
    left: usize,
}

impl<'m> Images<'m> {
    fn new(message: &'m [u8]) -> Self {
        Self {
            message,
            structure: mime::structure(message),
            known: HashMap::new(),
            left: IMAGES_MOST,
        }
    }

    fn take(&mut self, part: usize) -> Option<&Raster> {
        let decode = || raster_in(self.message, &self.structure, part, IMAGE_MOST);
        let found = self.known.entry(part).or_insert_with(decode).as_ref();
        let image = found.filter(|image| image.octets.len() <= self.left)?;
        self.left -= image.octets.len();
        Some(image)
    }
}

fn image(found: Option<&Raster>, alt: &str, out: &mut String) {
    if let Some(image) = found {
        out.push_str("<img src=\"data:");
        out.push_str(image.media_type);
        out.push_str(";base64,");
        STANDARD.encode_string(&image.octets, out);
        out.push_str("\" alt=\"");
        escape_html(alt, out);
        out.push_str("\">");
    } else {
        out.push_str("<span class=\"image\">▨ ");
        escape_html(alt, out);
        out.push_str("</span>");
    }
}

fn sheet(html: &SafeHtml, paper: Paper) -> String {
    let mut sheet = String::from(SHEET);
    match paper {
        _ if html.colours => sheet.push_str(LIGHT),
        Paper::Light => sheet.push_str(LIGHT),
        Paper::Dark => sheet.push_str(DARK),
        Paper::Auto => {
            sheet.push_str(LIGHT);
            sheet.push_str("@media(prefers-color-scheme:dark){");
            sheet.push_str(DARK);
            sheet.push('}');
        }
    }
    for (number, declarations) in html.styles.iter().enumerate() {
        sheet.push_str(&format!(".s{number}{{{declarations}}}"));
    }
    sheet
}

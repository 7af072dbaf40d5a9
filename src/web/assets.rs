//! Style sheet, scripts and icon: part of the binary, packed once, named by their content so that
//! browsers may keep them for ever.

use std::io::Write as _;
use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::mail::hex;

struct Asset {
    name: &'static str,
    media_type: &'static str,
    octets: &'static [u8],
    packed: Vec<u8>,
    /// From the octets, as it stands in the address.
    tag: String,
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let asset = |name, media_type, octets: &'static [u8]| {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        // Writing to memory does not fail; if it did, the asset would go out as it is.
        let packed = packer.write_all(octets).and_then(|()| packer.finish());
        Asset {
            name,
            media_type,
            octets,
            packed: packed.unwrap_or_default(),
            tag: tag_of(octets),
        }
    };
    vec![
        asset(
            "style.css",
            "text/css; charset=utf-8",
            include_bytes!("assets/style.css"),
        ),
        asset(
            "panel.js",
            "text/javascript; charset=utf-8",
            include_bytes!("assets/panel.js"),
        ),
        asset(
            "work.js",
            "text/javascript; charset=utf-8",
            include_bytes!("assets/work.js"),
        ),
        asset(
            "htmx.js",
            "text/javascript; charset=utf-8",
            include_bytes!("assets/htmx.min.js"),
        ),
        asset(
            "icon.svg",
            "image/svg+xml",
            include_bytes!("assets/icon.svg"),
        ),
    ]
});

fn tag_of(octets: &[u8]) -> String {
    let digest = digest(&SHA256, octets);
    hex(digest.as_ref().get(..6).unwrap_or_default())
}

/// The address of an asset.
pub(super) fn address(name: &str) -> String {
    let tag = ASSETS.iter().find(|asset| asset.name == name);
    format!(
        "/assets/{}/{name}",
        tag.map_or("", |asset| asset.tag.as_str())
    )
}

/// `GET /assets/TAG/NAME`. Nothing secret is in there, so packing tells nobody anything.
pub(super) async fn get(Path((tag, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|a| a.name == name && a.tag == tag) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let takes_gzip = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.split(',').any(|c| c.trim().starts_with("gzip")));
    let common = [
        (header::CONTENT_TYPE, asset.media_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::VARY, "Accept-Encoding"),
    ];
    if takes_gzip && !asset.packed.is_empty() {
        let packed = [(header::CONTENT_ENCODING, "gzip")];
        return (common, packed, asset.packed.as_slice()).into_response();
    }
    (common, asset.octets).into_response()
}

//! How a kept mail is shown: header fields of ours, parts, envelope, structure, sections, text.

mod addresses;
mod envelope;
mod expose;
mod media;
mod mime;
mod section;
mod structure;
mod text;

pub(super) use envelope::envelope;
pub(super) use expose::{Exposed, prefix, stub, stub_size};
pub(super) use section::{Content, content};
pub(super) use structure::structure;
pub(super) use text::{body_holds, header_holds, text_holds};

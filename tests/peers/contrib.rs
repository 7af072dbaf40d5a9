//! The snippets of `contrib/`, as administrators copy them, with the ports of a test in them.

use std::path::Path;

/// The file below `contrib/`, with each first text replaced by the second; each must be there.
pub(crate) fn snippet(file: &str, replaced: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("contrib")
        .join(file);
    let mut text = std::fs::read_to_string(path).expect("the snippet");
    for (old, new) in replaced {
        assert!(text.contains(old), "{file} does not have {old}");
        text = text.replace(old, new);
    }
    text
}

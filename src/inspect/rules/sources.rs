//! Where rules come from: those of the house, and files by path.

use std::fs;
use std::path::{Path, PathBuf};

use super::RulesError;

/// The name that stands for the rules of the house.
pub const BUILT_IN: &str = "builtin";

/// Octets of one file of rules.
const FILE_MOST: u64 = 4 << 20;
/// Files one pattern may name.
const FILES_MOST: usize = 200;

/// The rules of the house, compiled in so that the program needs no file of its own.
const HOUSE: [&str; 6] = [
    include_str!("../../../conf/rules/headers.rules"),
    include_str!("../../../conf/rules/structure.rules"),
    include_str!("../../../conf/rules/words.rules"),
    include_str!("../../../conf/rules/links.rules"),
    include_str!("../../../conf/rules/envelope.rules"),
    include_str!("../../../conf/rules/deceit.rules"),
];

/// Reads the sources: name and text of each file.
///
/// # Errors
/// [`RulesError`] for a file that is missing, too large, or no UTF-8.
pub(super) fn read(sources: &[String]) -> Result<Vec<(String, String)>, RulesError> {
    let mut files = Vec::new();
    for source in sources {
        if source == BUILT_IN {
            // As one source, so that a name is there once in all of them.
            files.push((BUILT_IN.to_owned(), HOUSE.concat()));
            continue;
        }
        for path in paths(source)? {
            let name = path.display().to_string();
            let text = file(&path).map_err(|fault| {
                RulesError::new(name.as_str(), 0, fault, "correct the option rules")
            })?;
            files.push((name, text));
        }
    }
    Ok(files)
}

fn file(path: &Path) -> Result<String, String> {
    let size = fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > FILE_MOST {
        return Err(format!("the file is larger than {FILE_MOST} octets"));
    }
    fs::read_to_string(path).map_err(|e| e.to_string())
}

/// The files a path names, sorted. A `*` in the last component stands for any run of characters.
fn paths(source: &str) -> Result<Vec<PathBuf>, RulesError> {
    let path = Path::new(source);
    let name = path
        .file_name()
        .and_then(|n| n.to_str())
        .unwrap_or_default();
    let Some((head, tail)) = name.split_once('*') else {
        return Ok(vec![path.to_owned()]);
    };
    let fail = |fault: String| RulesError::new(source, 0, fault, "correct the option rules");
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(|e| fail(e.to_string()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name().and_then(|n| n.to_str()).is_some_and(|n| {
                n.len() >= head.len() + tail.len() && n.starts_with(head) && n.ends_with(tail)
            })
        })
        .take(FILES_MOST + 1)
        .collect();
    found.sort();
    match found.len() {
        0 => Err(fail("no file has such a name".to_owned())),
        n if n > FILES_MOST => Err(fail(format!(
            "more than {FILES_MOST} files have such a name"
        ))),
        _ => Ok(found),
    }
}

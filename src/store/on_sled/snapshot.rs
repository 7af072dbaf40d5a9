//! `settings.json`: a readable copy of all settings, for people and for the worst case.
//! It holds secrets and password hashes, so only the owner may read it.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};

use super::open::write_aside;
use crate::store::StoreError;
use crate::store::ledger::index::Index;
use crate::store::ledger::keys;
use crate::store::ledger::rows::{Home, decode_setting};

pub(super) const FILE: &str = "settings.json";

/// Writes the copy beside the store in `dir`.
pub(super) fn write(index: &dyn Index, dir: &Path) -> Result<(), StoreError> {
    let failed =
        |why: String| StoreError::Failed(format!("cannot write the copy of the settings: {why}"));
    let text = serde_json::to_vec_pretty(&collect(index)?).map_err(|e| failed(e.to_string()))?;
    write_aside(dir, FILE, &text).map_err(|error| failed(error.to_string()))
}

fn collect(index: &dyn Index) -> Result<Map<String, Value>, StoreError> {
    let mut all = Map::new();
    for (prefix, name) in keys::SECTIONS {
        let mut section = Map::new();
        for (key, row) in index.range(prefix, &keys::end_of(prefix), usize::MAX)? {
            let value = Home::split(&row)?.1;
            let value = if prefix == keys::SECRETS {
                Value::String(BASE64_STANDARD.encode(value))
            } else {
                decode_setting(value)?
            };
            section.insert(keys::setting_name(&key), value);
        }
        all.insert(name.to_owned(), Value::Object(section));
    }
    Ok(all)
}

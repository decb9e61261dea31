//! Folders that hold a change to a model, and the model that they name.

use std::path::{Path, PathBuf};

use clip_input::{Content, json_object};
use serde::Deserialize;

use super::weights::{WEIGHTS, index_of};
use crate::Result;

#[derive(Deserialize)]
struct Adapter {
    base_model_name_or_path: Option<String>,
}

/// Whether a folder holds a change to a model and no model.
pub(super) fn is_adapter(folder: &Path) -> bool {
    let has = |file: &str| folder.join(file).is_file();
    let whole = WEIGHTS
        .into_iter()
        .any(|name| has(name) || has(&index_of(name)));
    has("adapter_config.json") && !whole
}

/// What an adapter says it changes.
pub(super) fn named_base(adapter: &Path) -> Result<Option<String>> {
    let config = Content::Path(adapter.join("adapter_config.json"));
    let Adapter {
        base_model_name_or_path: base,
    } = json_object(&config.read()?, &config.name())?;
    Ok(base)
}

/// The folder of the model that an adapter changes, where it is at hand: seen from the adapter's, or
/// from here.
pub(super) fn base_of(folder: &Path) -> Result<Option<PathBuf>> {
    if !is_adapter(folder) {
        return Ok(None);
    }
    let Some(base) = named_base(folder)?.filter(|base| !base.is_empty()) else {
        return Ok(None);
    };
    let mut places = [folder.join(&base), PathBuf::from(&base)].into_iter();
    // One adapter on top of another is merged by nobody here.
    Ok(places.find(|place| place.is_dir() && !is_adapter(place)))
}

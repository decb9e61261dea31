//! Entries as lines of JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Entry, JournalError, JournalResult};

/// An entry with its line end, if it reads back.
pub(super) fn text<T: Serialize + DeserializeOwned>(entry: &Entry<T>) -> JournalResult<Vec<u8>> {
    let unwritable = |reason: String| JournalError::Unwritable {
        what: format!(
            "the outcome of row \"{}\" under \"{}\"",
            entry.row, entry.setting
        ),
        reason,
    };
    let line = with_end(entry).map_err(|error| unwritable(error.to_string()))?;
    // A NaN is written as null: better found now than when the run is resumed.
    parse::<T>(&line).map_err(unwritable)?;
    Ok(line)
}

/// An entry from a line.
pub(super) fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<Entry<T>, String> {
    serde_json::from_slice(line).map_err(|error| error.to_string())
}

/// JSON has no line break of its own in it.
pub(super) fn with_end(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

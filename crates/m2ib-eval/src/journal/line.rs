//! Entries as lines of JSON with a checksum: `{"sum":"…","entry":{…}}`.

use m2ib_files::digest;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Entry, JournalError, JournalResult};

const BEFORE_SUM: &[u8] = b"{\"sum\":\"";
const BEFORE_ENTRY: &[u8] = b"\",\"entry\":";
const END: &[u8] = b"}";
/// Digits of the checksum.
const SUM: usize = 16;

/// An entry with its line end, if it reads back as it is.
pub(super) fn text<T>(entry: &Entry<T>) -> JournalResult<Vec<u8>>
where
    T: Serialize + DeserializeOwned + PartialEq,
{
    let unwritable = |reason: String| JournalError::Unwritable {
        what: format!(
            "the outcome of row \"{}\" under \"{}\"",
            entry.row, entry.setting
        ),
        reason,
    };
    let json = serde_json::to_vec(entry).map_err(|error| unwritable(error.to_string()))?;
    let sum = digest([&json]);
    let line = [BEFORE_SUM, sum.as_bytes(), BEFORE_ENTRY, &json, END].concat();
    // A NaN is written as null, and null may be read as nothing: better found now than when the run
    // is resumed.
    match parse::<T>(&line).map_err(unwritable)? == *entry {
        true => Ok([&line, &b"\n"[..]].concat()),
        false => Err(unwritable(
            "it is read back as something else, as numbers are that are not finite".into(),
        )),
    }
}

/// An entry from a line without its end.
pub(super) fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<Entry<T>, String> {
    let (sum, json) = parts(line).ok_or("it is not of the form {\"sum\":…,\"entry\":…}")?;
    if digest([json]).as_bytes() != sum {
        return Err("its content does not fit its checksum".into());
    }
    serde_json::from_slice(json).map_err(|error| error.to_string())
}

/// The checksum and the JSON that it is of.
fn parts(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = line.strip_prefix(BEFORE_SUM)?.strip_suffix(END)?;
    let (sum, rest) = rest.split_at_checked(SUM)?;
    Some((sum, rest.strip_prefix(BEFORE_ENTRY)?))
}

/// JSON has no line break of its own in it.
pub(super) fn with_end(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

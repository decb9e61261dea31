//! The first line of a journal: which run it belongs to.

use std::collections::BTreeSet;
use std::path::Path;

use m2ib_files::digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{JournalError, JournalResult, line};

/// Changes when lines are written in a way that older versions would misread.
const VERSION: u32 = 2;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Header {
    /// The version of the format.
    m2ib_journal: u32,
    /// Of the run.
    fingerprint: String,
    /// All that results depend on.
    run: Value,
}

impl Header {
    pub(super) fn new(run: &impl Serialize) -> JournalResult<Self> {
        let unwritable = |reason: serde_json::Error| JournalError::Unwritable {
            what: "the description of the run".into(),
            reason: reason.to_string(),
        };
        // Through text: what is compared later was text as well, and f32 0.1 has two spellings.
        let text = serde_json::to_string(run).map_err(unwritable)?;
        let run = serde_json::from_str(&text).map_err(unwritable)?;
        Ok(Self {
            m2ib_journal: VERSION,
            fingerprint: fingerprint(&run),
            run,
        })
    }

    /// As a line with its end.
    pub(super) fn line(&self) -> JournalResult<Vec<u8>> {
        line::with_end(self).map_err(|error| JournalError::Unwritable {
            what: "the description of the run".into(),
            reason: error.to_string(),
        })
    }

    /// Whether the first line of a file is this header.
    pub(super) fn check(&self, first: &[u8], path: &Path) -> JournalResult<()> {
        let not_a_journal = |reason| JournalError::NotAJournal {
            path: path.into(),
            reason,
        };
        let found: Self = serde_json::from_slice(first)
            .map_err(|error| not_a_journal(format!("its first line is no header: {error}")))?;
        if found.m2ib_journal != VERSION {
            return Err(JournalError::OtherVersion {
                path: path.into(),
                found: found.m2ib_journal,
                expected: VERSION,
            });
        }
        if found.fingerprint != fingerprint(&found.run) {
            let reason = "its first line does not fit its own fingerprint".into();
            return Err(not_a_journal(reason));
        }
        if found.fingerprint != self.fingerprint {
            return Err(JournalError::OtherRun {
                path: path.into(),
                differences: differences(&found.run, &self.run),
                found: found.fingerprint,
                expected: self.fingerprint.clone(),
            });
        }
        Ok(())
    }
}

/// A digest of the JSON, whose keys are in order.
fn fingerprint(run: &Value) -> String {
    digest([run.to_string()])
}

/// Says where two runs differ, key by key as deep as both have objects.
pub fn differences(found: &Value, expected: &Value) -> String {
    let mut list = Vec::new();
    compare("", found, expected, &mut list);
    list.join(", ")
}

fn compare(name: &str, found: &Value, expected: &Value, list: &mut Vec<String>) {
    if found == expected {
        return;
    }
    let (Value::Object(found), Value::Object(expected)) = (found, expected) else {
        let name = if name.is_empty() { "the run" } else { name };
        list.push(format!("{name} is {found} there and {expected} here"));
        return;
    };
    let keys: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    for key in keys {
        let nothing = &Value::Null;
        let [found, expected] = [found, expected].map(|map| map.get(key).unwrap_or(nothing));
        let name = match name {
            "" => key.clone(),
            name => format!("{name}.{key}"),
        };
        compare(&name, found, expected, list);
    }
}

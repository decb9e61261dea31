//! Reading JSON files.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, IgnoredAny};

use crate::{Error, Result};

/// Parses an object; `file` names the source in errors. serde would take a list for a struct's fields in order, and an empty one for
/// all defaults.
///
/// # Errors
/// [`Error::Json`].
pub fn object<T: DeserializeOwned>(json: &[u8], file: &str) -> Result<T> {
    serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(json)
        .and_then(|_| serde_json::from_slice(json))
        .map_err(|source| Error::Json {
            file: file.into(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_not_an_object_without_keys() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(default)]
        struct Options {
            size: u32,
        }
        impl Default for Options {
            fn default() -> Self {
                Self { size: 224 }
            }
        }
        assert_eq!(object::<Options>(b"{}", "file.json").unwrap().size, 224);
        let error = object::<Options>(b"[]", "file.json").unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("file.json") && text.contains("expected a map"),
            "{text}"
        );
    }
}

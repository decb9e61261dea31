//! Reading JSON files.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, Result, foreign};

/// Parses an object; `file` names the source in errors.
///
/// What is `null` counts as left out, wherever it is: programs write the keys that they have no
/// value for either way. serde would take a list for a struct's fields in order, and an empty one
/// for all defaults; here it is an error.
///
/// # Errors
/// [`Error::Json`], with the line of what is no JSON and the key of what is of the wrong kind.
pub fn object<T: DeserializeOwned>(json: &[u8], file: &str) -> Result<T> {
    let failed = |reason: String| Error::Json {
        file: file.into(),
        reason,
    };
    let mut value: Value = serde_json::from_slice(json).map_err(|error| {
        failed(match foreign(&json[..json.len().min(foreign::START)]) {
            Some(found) => format!("it is {}: {}", found.what, found.advice),
            None => format!("{error}; download it again"),
        })
    })?;
    if !value.is_object() {
        let found = serde_json::to_string(&value).unwrap_or_default();
        return Err(failed(format!(
            "found {}, expected an object in {{ }}",
            shortened(&found)
        )));
    }
    leave_out_nulls(&mut value);
    serde_path_to_error::deserialize(value).map_err(|error| {
        let (path, reason) = (error.path().to_string(), error.inner());
        failed(match path.as_str() {
            "." => reason.to_string(),
            key => format!("{key}: {reason}"),
        })
    })
}

/// Takes away every key without a value. Lists keep theirs: there a null has a place.
fn leave_out_nulls(value: &mut Value) {
    match value {
        Value::Object(entries) => {
            entries.retain(|_, value| !value.is_null());
            entries.values_mut().for_each(leave_out_nulls);
        }
        Value::Array(elements) => elements.iter_mut().for_each(leave_out_nulls),
        _ => {}
    }
}

/// As much of a value as a message takes.
pub(crate) fn shortened(json: &str) -> String {
    const LONGEST: usize = 60;
    match json.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &json[..end]),
        None => json.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(default)]
    struct Options {
        size: u32,
        parts: Vec<Options>,
    }

    impl Default for Options {
        fn default() -> Self {
            Self {
                size: 224,
                parts: Vec::new(),
            }
        }
    }

    fn refusal(json: &[u8]) -> String {
        let error = object::<Options>(json, "file.json").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("file.json"), "{text}");
        text
    }

    #[test]
    fn null_is_nothing() {
        let empty: Options = object(b"{}", "file.json").unwrap();
        let nulls = br#"{"size": null, "parts": [{"size": null}], "more": null}"#;
        let nulls: Options = object(nulls, "file.json").unwrap();
        assert_eq!(nulls.size, empty.size);
        assert_eq!(nulls.parts, [empty]);
    }

    #[test]
    fn a_list_is_not_an_object_without_keys() {
        assert!(refusal(b"[]").contains("expected an object"));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_key_or_its_line() {
        let text = refusal(br#"{"parts": [{"size": 1}, {"size": "large"}]}"#);
        assert!(text.contains("parts[1].size"), "{text}");
        assert!(refusal(b"{\n\"size\"").contains("line 2"));
        assert!(refusal(b"<html><body>404</body></html>").contains("a web page"));
    }
}

//! JSON of which a part may be wrong: lists whose elements fail one by one, and ids of any kind.

use std::fmt;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::error::read_error;
use crate::{DataError, DataFormat, DataResult, source_text};

/// Reads a file that is one JSON value.
pub(super) fn read<T: DeserializeOwned>(path: &Path, format: DataFormat) -> DataResult<T> {
    let text = source_text::open(path)?;
    serde_json::from_reader(text).map_err(|error| match error.is_io() {
        true => read_error(path)(error.into()),
        false => DataError::Parse {
            path: path.into(),
            format,
            reason: error.to_string(),
        },
    })
}

/// An element of a list, or what is wrong with it: the others are read all the same.
#[derive(Debug)]
pub(super) struct Lenient<T>(pub(super) Result<T, String>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if !value.is_object() {
            // serde would take a list for the fields in order.
            return Ok(Self(Err(format!("expected an object, found {value}"))));
        }
        let element = serde_json::from_value(value);
        Ok(Self(element.map_err(|error| error.to_string())))
    }
}

/// A number or a text that other elements refer to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(untagged)]
pub(super) enum Id {
    Number(i64),
    Text(String),
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Element {
        id: Id,
    }

    #[test]
    fn a_wrong_element_leaves_the_others() {
        let json = r#"[{"id": 3}, {"id": []}, [4], {"id": "a", "more": 0}, {}]"#;
        let list: Vec<Lenient<Element>> = serde_json::from_str(json).unwrap();
        let read: Vec<_> = list.iter().map(|element| element.0.as_ref().ok()).collect();
        let element = |id| Element { id };
        let (three, a) = (element(Id::Number(3)), element(Id::Text("a".into())));
        assert_eq!(read, [Some(&three), None, None, Some(&a), None]);
        let reason = list[4].0.as_ref().unwrap_err();
        assert!(reason.contains("missing field `id`"), "{reason}");
    }
}

//! Which keys a JSON value has, without keeping what they hold.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Objects by their keys, lists by their first element.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outline {
    Object(BTreeMap<String, Outline>),
    List(Option<Box<Outline>>),
    Leaf,
}

impl Outline {
    /// Whether a path of keys leads somewhere; lists are looked into by their first element.
    pub(super) fn has(&self, path: &[&str]) -> bool {
        match (self, path) {
            (_, []) => true,
            (Self::Object(keys), [key, rest @ ..]) => {
                keys.get(*key).is_some_and(|outline| outline.has(rest))
            }
            (Self::List(Some(first)), path) => first.has(path),
            _ => false,
        }
    }

    /// Whether it is an object whose keys are all like this.
    pub(super) fn is_table_of(&self, is_key: impl Fn(&str) -> bool) -> bool {
        let Self::Object(entries) = self else {
            return false;
        };
        !entries.is_empty() && entries.keys().all(|key| is_key(key))
    }

    /// The topmost keys, for messages.
    pub(super) fn keys(&self) -> String {
        match self {
            Self::Object(keys) => {
                let keys: Vec<_> = keys.keys().map(|key| format!("\"{key}\"")).collect();
                format!("an object with the keys {}", keys.join(", "))
            }
            Self::List(Some(first)) => format!("a list that starts with {}", first.keys()),
            Self::List(None) => "an empty list".into(),
            Self::Leaf => "a plain value".into(),
        }
    }
}

impl<'de> Deserialize<'de> for Outline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Drawer)
    }
}

struct Drawer;

impl<'de> Visitor<'de> for Drawer {
    type Value = Outline;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outline, A::Error> {
        let mut keys = BTreeMap::new();
        while let Some((key, outline)) = map.next_entry()? {
            keys.insert(key, outline);
        }
        Ok(Outline::Object(keys))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Outline, A::Error> {
        let first = list.next_element()?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Outline::List(first.map(Box::new)))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Outline, E> {
        Ok(Outline::Leaf)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Outline, E> {
        Ok(Outline::Leaf)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Outline, E> {
        Ok(Outline::Leaf)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Outline, E> {
        Ok(Outline::Leaf)
    }

    fn visit_str<E>(self, _: &str) -> Result<Outline, E> {
        Ok(Outline::Leaf)
    }

    fn visit_unit<E>(self) -> Result<Outline, E> {
        Ok(Outline::Leaf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_knows_keys_through_lists() {
        let json = r#"{"info": null, "images": [{"id": 1, "size": [2.5, -3]}, 7], "none": []}"#;
        let outline: Outline = serde_json::from_str(json).unwrap();
        for path in [
            &["info"][..],
            &["images", "id"],
            &["images", "size"],
            &["none"],
        ] {
            assert!(outline.has(path), "{path:?}");
        }
        for path in [
            &["id"][..],
            &["images", "none"],
            &["none", "id"],
            &["info", "id"],
        ] {
            assert!(!outline.has(path), "{path:?}");
        }
        assert!(outline.keys().contains(r#""images", "info", "none""#));
    }
}

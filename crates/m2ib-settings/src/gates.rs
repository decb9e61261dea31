//! How many gates a token has.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;

/// Which of a token's features share a gate.
///
/// As text, and in files, `unit`, `token` or a number of groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Gates {
    /// None: every unit has its own, as in the paper.
    #[default]
    Unit,
    /// So many groups of neighbouring features a token; one is a gate for the whole token.
    Groups(NonZeroUsize),
}

impl Gates {
    /// One gate a token.
    pub const TOKEN: Self = Self::Groups(NonZeroUsize::MIN);

    /// Gates a token of so many features.
    ///
    /// # Errors
    /// The number of groups, where the features cannot be shared out evenly.
    pub fn count(self, width: usize) -> Result<usize, usize> {
        match self {
            Self::Unit => Ok(width),
            Self::Groups(groups) if width.is_multiple_of(groups.get()) => Ok(groups.get()),
            Self::Groups(groups) => Err(groups.get()),
        }
    }
}

impl FromStr for Gates {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "unit" => Ok(Self::Unit),
            "token" => Ok(Self::TOKEN),
            number => number.parse().map(Self::Groups).map_err(|_| {
                let expected = "\"unit\", \"token\" or a number of groups above 0";
                Error::unknown("kind of gates", number, expected)
            }),
        }
    }
}

impl fmt::Display for Gates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Unit => f.pad("unit"),
            Self::TOKEN => f.pad("token"),
            Self::Groups(groups) => groups.fmt(f),
        }
    }
}

impl Serialize for Gates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Groups(groups) if *self != Self::TOKEN => groups.serialize(serializer),
            _ => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Gates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "gates must be \"unit\", \"token\" or a number of groups above 0"
        )]
        enum Written {
            Number(NonZeroUsize),
            Name(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(groups) => Ok(Self::Groups(groups)),
            Written::Name(name) => name.parse().map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_files_read_back() {
        for (text, json, count) in [
            ("unit", "\"unit\"", Ok(64)),
            ("token", "\"token\"", Ok(1)),
            ("8", "8", Ok(8)),
            ("7", "7", Err(7)),
        ] {
            let gates: Gates = text.parse().unwrap();
            assert_eq!(gates.to_string(), text);
            assert_eq!(serde_json::to_string(&gates).unwrap(), json);
            assert_eq!(serde_json::from_str::<Gates>(json).unwrap(), gates);
            assert_eq!(gates.count(64), count);
        }
        assert_eq!("1".parse(), Ok(Gates::TOKEN));
        for bad in ["0", "-1", "1.5", "heads", ""] {
            assert!(bad.parse::<Gates>().is_err(), "{bad}");
        }
    }
}

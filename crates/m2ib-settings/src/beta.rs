//! The price of a nat, and how it changes over the steps.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;

/// β, the price of a nat (averaged over units) in what the fit is measured in: one number, or a path
/// from a first to a last evaluation, in equal ratios.
///
/// As text, and in files, `1` or `0.1..10`.
///
/// ```
/// use m2ib_settings::Beta;
///
/// let path: Beta = "0.1..10".parse()?;
/// assert_eq!(path.at(0, 3), 0.1);
/// assert!((path.at(1, 3) - 1.0).abs() < 1e-12);
/// assert_eq!(path.at(2, 3), 10.0);
/// assert_eq!(Beta::from(1.0).to_string(), "1");
/// # Ok::<(), m2ib_settings::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beta {
    /// At the first evaluation.
    pub first: f64,
    /// At the last one.
    pub last: f64,
}

impl Beta {
    /// β at an evaluation (from 0) of `steps`.
    pub fn at(self, step: usize, steps: usize) -> f64 {
        if step == 0 || self.first == self.last {
            return self.first;
        }
        if step + 1 >= steps {
            return self.last;
        }
        let share = step as f64 / (steps - 1) as f64;
        self.first * (self.last / self.first).powf(share)
    }

    /// Whether both ends can be prices: finite and above 0.
    pub fn is_positive(self) -> bool {
        [self.first, self.last]
            .iter()
            .all(|beta| beta.is_finite() && *beta > 0.0)
    }
}

impl From<f64> for Beta {
    fn from(beta: f64) -> Self {
        Self {
            first: beta,
            last: beta,
        }
    }
}

impl FromStr for Beta {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let number = |part: &str| {
            part.trim()
                .parse::<f64>()
                .map_err(|_| Error::unknown("β", text, "a number, or two of a path: 0.1..10"))
        };
        match text.split_once("..") {
            Some((first, last)) => Ok(Self {
                first: number(first)?,
                last: number(last)?,
            }),
            None => number(text).map(Self::from),
        }
    }
}

impl fmt::Display for Beta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last || (self.first.is_nan() && self.last.is_nan()) {
            self.first.fmt(f)
        } else {
            write!(f, "{}..{}", self.first, self.last)
        }
    }
}

impl Serialize for Beta {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.first == self.last {
            serializer.serialize_f64(self.first)
        } else {
            serializer.collect_str(self)
        }
    }
}

impl<'de> Deserialize<'de> for Beta {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "β must be a number, or two of a path: \"0.1..10\""
        )]
        enum Written {
            Number(f64),
            Path(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(beta) => Ok(beta.into()),
            Written::Path(path) => path.parse().map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_from_its_first_to_its_last_in_equal_ratios() {
        let path = Beta {
            first: 8.0,
            last: 0.5,
        };
        let at: Vec<f64> = (0..5).map(|step| path.at(step, 5)).collect();
        for (at, expected) in at.iter().zip([8.0, 4.0, 2.0, 1.0, 0.5]) {
            assert!((at - expected).abs() < 1e-12, "{at} {expected}");
        }
        // A single evaluation is the first.
        assert_eq!(path.at(0, 1), 8.0);
    }

    #[test]
    fn text_and_files_read_back() {
        for beta in [Beta::from(0.1), Beta::from(1.0), "0.1..10".parse().unwrap()] {
            assert_eq!(beta.to_string().parse(), Ok(beta));
            let json = serde_json::to_string(&beta).unwrap();
            assert_eq!(serde_json::from_str::<Beta>(&json).unwrap(), beta);
        }
        assert_eq!(serde_json::to_string(&Beta::from(0.1)).unwrap(), "0.1");
        for bad in ["", "..", "1..", "a", "1..2..3"] {
            assert!(bad.parse::<Beta>().is_err(), "{bad}");
        }
    }
}

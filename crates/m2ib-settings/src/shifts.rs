//! How often the grid of patches is moved by a part of a patch.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// Positions of the grid of patches along each side, evenly spaced within a patch: 1 is the model's
/// own, 2 are four grids, a quarter of a patch to either side of it. A map averaged over them is as
/// many times finer than the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "usize", into = "usize")]
pub struct Shifts(usize);

impl Shifts {
    /// The model's own grid alone.
    pub const ONE: Self = Self(1);
    /// Four grids, half a patch apart.
    pub const TWO: Self = Self(2);
    /// The most along a side: finer than a pixel of usual patches is nothing.
    pub const MOST: usize = 16;

    /// So many along each side; none if there cannot be.
    pub fn new(along: usize) -> Option<Self> {
        (1..=Self::MOST).contains(&along).then_some(Self(along))
    }

    /// Along each side.
    pub fn along(self) -> usize {
        self.0
    }

    /// In all.
    pub fn count(self) -> usize {
        self.0 * self.0
    }

    /// How far each is moved along a side, in patches: between -½ and ½.
    pub fn offsets(self) -> impl Iterator<Item = f64> {
        let along = self.0 as f64;
        (0..self.0).map(move |place| (place as f64 + 0.5) / along - 0.5)
    }
}

impl Default for Shifts {
    fn default() -> Self {
        Self::ONE
    }
}

impl TryFrom<usize> for Shifts {
    type Error = Error;

    fn try_from(along: usize) -> Result<Self, Error> {
        Self::new(along).ok_or_else(|| none(along))
    }
}

impl From<Shifts> for usize {
    fn from(shifts: Shifts) -> Self {
        shifts.0
    }
}

impl FromStr for Shifts {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let along = text.parse().ok().and_then(Self::new);
        along.ok_or_else(|| none(text))
    }
}

fn none(found: impl fmt::Display) -> Error {
    let expected = format!("a whole number from 1 to {}", Shifts::MOST);
    Error::unknown("number of shifts", found, expected)
}

impl fmt::Display for Shifts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_evenly_spaced_about_the_grid_itself() {
        let offsets = |along| Shifts::new(along).unwrap().offsets().collect::<Vec<_>>();
        assert_eq!(offsets(1), [0.0]);
        assert_eq!(offsets(2), [-0.25, 0.25]);
        assert_eq!(offsets(4), [-0.375, -0.125, 0.125, 0.375]);
    }

    #[test]
    fn text_and_files_read_back() {
        let two: Shifts = "2".parse().unwrap();
        assert_eq!((two.to_string().as_str(), two.count()), ("2", 4));
        assert_eq!(serde_json::to_string(&two).unwrap(), "2");
        assert_eq!(serde_json::from_str::<Shifts>("2").unwrap(), two);
        for bad in ["0", "17", "-1", "two"] {
            assert!(bad.parse::<Shifts>().is_err(), "{bad}");
            assert!(serde_json::from_str::<Shifts>(bad).is_err(), "{bad}");
        }
    }
}

//! Where a map is cut: at a number, where its two classes part, or where enough of it is inside.

use std::fmt;
use std::str::FromStr;

use image::{GrayImage, Luma};
use imageproc::contrast::otsu_level;
use m2ib_attribution::HeatMap;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What makes a pixel part of a mask.
///
/// By name "0.35", "otsu" (or "kmeans") and "mass:0.5":
///
/// ```
/// use m2ib_segment::Threshold;
///
/// assert_eq!("mass:0.5".parse(), Ok(Threshold::Mass(0.5)));
/// assert_eq!("kmeans".parse(), Ok(Threshold::Otsu));
/// assert_eq!(Threshold::Fixed(0.35).to_string(), "0.35");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Threshold {
    /// Its heat, from 0 to 1, reaches this number.
    Fixed(f32),
    /// It is of the hotter of the two classes whose variances within are the least together (Otsu, *A
    /// Threshold Selection Method from Gray-Level Histograms*, 1979), of 256 levels. This is what k-means
    /// with two clusters looks for as well, and finds unless it is caught in a worse place.
    #[default]
    Otsu,
    /// It is among the hottest that hold this share of the map, above 0 and up to 1, together.
    Mass(f32),
}

/// Levels of a map that Otsu's classes are made of, less one.
const LEVELS: f32 = 255.0;

/// Pixels that Otsu's histogram is of, at most: of larger maps every second, third … along each side.
/// (Where 2²⁴ are of one level, sums of 32 bits run over.)
const LOOKED_AT: usize = 1 << 22;

impl Threshold {
    /// That its number makes sense.
    ///
    /// # Errors
    /// [`Error::Threshold`].
    pub fn check(self) -> Result<Self> {
        let holds = match self {
            Self::Fixed(level) => (0.0..=1.0).contains(&level),
            Self::Otsu => true,
            Self::Mass(share) => share > 0.0 && share <= 1.0,
        };
        match holds {
            true => Ok(self),
            false => Err(Error::Threshold {
                found: self.to_string(),
            }),
        }
    }

    /// The least heat of what is in the mask, from 0 to 1; none where nothing is: where all of the map is
    /// the same, neither has it two classes nor any mass.
    pub fn level(self, map: &HeatMap) -> Option<f32> {
        match self {
            Self::Fixed(level) => Some(level),
            Self::Otsu => otsu(map),
            Self::Mass(share) => mass(map, share),
        }
    }
}

/// Of all that the model saw, row by row.
pub(crate) fn seen(map: &HeatMap) -> impl Iterator<Item = f32> + '_ {
    let inside = map.values.indexed_iter();
    let inside = inside.filter(|((y, x), _)| map.seen.contains(*x as u32, *y as u32));
    inside.map(|(_, &value)| value)
}

fn otsu(map: &HeatMap) -> Option<f32> {
    let (width, height) = (
        map.seen.right.saturating_sub(map.seen.left),
        map.seen.bottom.saturating_sub(map.seen.top),
    );
    let pixels = width as usize * height as usize;
    let step = (1..).find(|step| pixels / (step * step) <= LOOKED_AT)?;
    let levels = GrayImage::from_fn(
        width.div_ceil(step as u32),
        height.div_ceil(step as u32),
        |x, y| {
            let [row, column] = [(map.seen.top, y), (map.seen.left, x)]
                .map(|(start, at)| start as usize + at as usize * step);
            Luma([(map.values[[row, column]] * LEVELS).round() as u8])
        },
    );
    let mut pixels = levels.pixels();
    let first = pixels.next()?;
    if pixels.all(|pixel| pixel == first) {
        return None;
    }
    // All above the level: the halves between are what rounds to the next.
    Some((f32::from(otsu_level(&levels)) + 0.5) / LEVELS)
}

fn mass(map: &HeatMap, share: f32) -> Option<f32> {
    let mut values: Vec<f32> = seen(map).filter(|&value| value > 0.0).collect();
    values.sort_unstable_by(|a, b| b.total_cmp(a));
    let all: f64 = values.iter().map(|&value| f64::from(value)).sum();
    let wanted = all * f64::from(share);
    let mut sum = 0.0;
    let reached = values.iter().find(|&&value| {
        sum += f64::from(value);
        sum >= wanted
    });
    // Rounding may leave the last out of all.
    reached.or(values.last()).copied()
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(level) => f.pad(&level.to_string()),
            Self::Otsu => f.pad("otsu"),
            Self::Mass(share) => f.pad(&format!("mass:{share}")),
        }
    }
}

impl FromStr for Threshold {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::Threshold { found: text.into() };
        let number = |text: &str| text.parse::<f32>().map_err(|_| wrong());
        let found = match text {
            "otsu" | "kmeans" | "k-means" => Self::Otsu,
            _ => match text.strip_prefix("mass:") {
                Some(share) => Self::Mass(number(share)?),
                None => Self::Fixed(number(text)?),
            },
        };
        found.check().map_err(|_| wrong())
    }
}

impl TryFrom<String> for Threshold {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Threshold> for String {
    fn from(threshold: Threshold) -> Self {
        threshold.to_string()
    }
}

#[cfg(test)]
mod tests {
    use m2ib_attribution::Rect;
    use ndarray::{Array2, array};
    use rstest::rstest;

    use super::*;

    fn map(values: Array2<f32>) -> HeatMap {
        let (height, width) = values.dim();
        let seen = Rect {
            left: 0,
            top: 0,
            right: width as u32,
            bottom: height as u32,
        };
        HeatMap { values, seen }
    }

    #[rstest]
    #[case("0")]
    #[case("1")]
    #[case("0.35")]
    #[case("otsu")]
    #[case("mass:0.25")]
    fn names_read_back(#[case] name: &str) {
        let threshold: Threshold = name.parse().unwrap();
        assert_eq!(threshold.to_string(), name);
        let json = serde_json::to_string(&threshold).unwrap();
        assert_eq!(json, format!("\"{name}\""));
        assert_eq!(serde_json::from_str::<Threshold>(&json).unwrap(), threshold);
    }

    #[rstest]
    #[case("1.5")]
    #[case("-0.1")]
    #[case("nan")]
    #[case("inf")]
    #[case("mass:0")]
    #[case("mass:1.01")]
    #[case("mass:")]
    #[case("mass:NaN")]
    #[case("Otsu's")]
    #[case("")]
    fn what_is_no_threshold_is_told_with_what_there_is(#[case] name: &str) {
        let error = name.parse::<Threshold>().unwrap_err().to_string();
        for part in [&format!("\"{name}\"")[..], "0 to 1", "otsu", "mass:0.5"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn mass_is_reached_by_the_hottest_and_ties_pass_together() {
        let map = map(array![[0.0, 0.125, 0.25], [0.25, 0.375, 1.0]]);
        // Of 2.0 in all: 1.0 is half of it, 1.375 eleven sixteenths.
        assert_eq!(Threshold::Mass(0.5).level(&map), Some(1.0));
        assert_eq!(Threshold::Mass(0.51).level(&map), Some(0.375));
        assert_eq!(Threshold::Mass(0.6875).level(&map), Some(0.375));
        // 0.25 twice: 1.625 with the first of them, 1.875 with both.
        assert_eq!(Threshold::Mass(0.75).level(&map), Some(0.25));
        assert_eq!(Threshold::Mass(0.9).level(&map), Some(0.25));
        assert_eq!(Threshold::Mass(1.0).level(&map), Some(0.125));
    }

    #[test]
    fn a_map_without_differences_has_no_classes_and_no_mass() {
        let flat = map(Array2::zeros((3, 4)));
        assert_eq!(Threshold::Otsu.level(&flat), None);
        assert_eq!(Threshold::Mass(0.5).level(&flat), None);
        assert_eq!(Threshold::Fixed(0.5).level(&flat), Some(0.5));
    }

    #[test]
    fn two_classes_part_between_them_and_only_what_is_seen_counts() {
        let two = |y: usize, x: usize| match (y, x) {
            (_, 0..4) => 1.0,
            (_, 4..12) => 0.1,
            _ => 0.3,
        };
        let mut map = map(Array2::from_shape_fn((6, 16), |(y, x)| two(y, x)));
        map.seen.left = 4;
        let level = Threshold::Otsu.level(&map).unwrap();
        assert!(level > 0.1 && level <= 0.3, "{level}");
    }

    #[test]
    fn a_map_of_more_pixels_than_are_looked_at_is_cut_where_a_small_one_is() {
        let ramp = |side: usize| {
            let at = |(y, _): (usize, usize)| (y / (side / 4)) as f32 / 3.0;
            map(Array2::from_shape_fn((side, side), at))
        };
        let (small, large) = (ramp(64), ramp(4160));
        assert_eq!(Threshold::Otsu.level(&large), Threshold::Otsu.level(&small));
    }
}

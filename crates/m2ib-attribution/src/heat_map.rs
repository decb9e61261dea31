//! From one number a patch to one number a pixel: bilinear with half-pixel centres, then min–max.

use clip_input::View;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::rows;

/// A normalised map over the pixels of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeatMap {
    /// `[height, width]`, 0 to 1; 0 where the model saw nothing.
    #[serde(with = "rows")]
    pub values: Array2<f32>,
    /// The pixels the model saw.
    pub seen: Rect,
}

/// A rectangle of whole pixels, `left..right` × `top..bottom`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rect {
    /// First column.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// Column after the last.
    pub right: u32,
    /// Row after the last.
    pub bottom: u32,
}

impl Rect {
    /// Whether the pixel lies inside.
    pub fn contains(&self, x: u32, y: u32) -> bool {
        (self.left..self.right).contains(&x) && (self.top..self.bottom).contains(&y)
    }
}

/// Scales a map to `[height, width]`, as torch's `interpolate(mode="bilinear",
/// align_corners=False)` does when it enlarges.
pub fn upsample(map: &Array2<f32>, height: usize, width: usize) -> Array2<f32> {
    let (rows, columns) = map.dim();
    Array2::from_shape_fn((height, width), |(y, x)| {
        let at = |index: usize, from: usize, to: usize| {
            (index as f64 + 0.5) * from as f64 / to as f64 - 0.5
        };
        sample(map, at(y, rows, height), at(x, columns, width))
    })
}

/// One map from several over grids that lie a part of a patch apart, as many times finer: each cell has
/// the mean of what they say at its centre.
///
/// `maps` come row by row, one for each pair of `offsets` (in patches, down and across), which lie as far
/// apart as the cells.
///
/// # Panics
/// If there are not as many maps as pairs, or none.
pub fn interleave(maps: &[Array2<f32>], offsets: &[f64]) -> Array2<f32> {
    let along = offsets.len();
    assert_eq!(
        maps.len(),
        along * along,
        "one map for each pair of offsets"
    );
    let (rows, columns) = maps[0].dim();
    let centre = |cell: usize| (cell as f64 + 0.5) / along as f64 - 0.5;
    Array2::from_shape_fn((rows * along, columns * along), |(row, column)| {
        let maps = maps.iter().enumerate();
        let sum: f64 = maps
            .map(|(place, map)| {
                let down = centre(row) - offsets[place / along];
                let across = centre(column) - offsets[place % along];
                f64::from(sample(map, down, across))
            })
            .sum();
        (sum / (along * along) as f64) as f32
    })
}

/// Min–max to 0..1; zeros, and `true`, for a map that is constant.
pub fn normalize(map: &Array2<f32>) -> (Array2<f32>, bool) {
    match Range::of(map.iter().copied()) {
        Some(range) => (map.map(|&value| range.scale(value)), false),
        None => (Array2::zeros(map.dim()), true),
    }
}

/// The map in the original image's coordinates; values that differ by less than `least` are not
/// blown up.
pub(crate) fn in_original(map: &Array2<f32>, view: &View, least: f32) -> HeatMap {
    let HeatMap { mut values, seen } = spread_over(map, view);
    let inside = values
        .indexed_iter()
        .filter(|((y, x), _)| seen.contains(*x as u32, *y as u32))
        .map(|(_, value)| *value);
    let range = Range::of(inside).map(|range| range.at_least(least));
    for ((y, x), value) in values.indexed_iter_mut() {
        *value = match range {
            Some(range) if seen.contains(x as u32, y as u32) => range.scale(*value),
            _ => 0.0,
        };
    }
    HeatMap { values, seen }
}

/// The map in the original image's coordinates, its values as they are, beyond what was seen too.
pub(crate) fn spread_over(map: &Array2<f32>, view: &View) -> HeatMap {
    let (rows, columns) = map.dim();
    let edge = |position: f64, limit: u32| position.round().clamp(0.0, f64::from(limit)) as u32;
    let seen = Rect {
        left: edge(view.left, view.image_width),
        top: edge(view.top, view.image_height),
        right: edge(view.left + view.width, view.image_width),
        bottom: edge(view.top + view.height, view.image_height),
    };
    let shape = (view.image_height as usize, view.image_width as usize);
    let at = |pixel: usize, start: f64, length: f64, cells: usize| {
        (pixel as f64 + 0.5 - start) / length * cells as f64 - 0.5
    };
    let values = Array2::from_shape_fn(shape, |(y, x)| {
        let row = at(y, view.top, view.height, rows);
        let column = at(x, view.left, view.width, columns);
        sample(map, row, column)
    });
    HeatMap { values, seen }
}

/// The map at a position in cells (0 is the first cell's centre), held at the border.
fn sample(map: &Array2<f32>, row: f64, column: f64) -> f32 {
    let neighbours = |position: f64, cells: usize| {
        let position = position.clamp(0.0, (cells - 1) as f64);
        let first = position.floor() as usize;
        (first, (first + 1).min(cells - 1), position - first as f64)
    };
    let (top, bottom, down) = neighbours(row, map.nrows());
    let (left, right, across) = neighbours(column, map.ncols());
    let mix = |a: f32, b: f32, t: f64| f64::from(a) * (1.0 - t) + f64::from(b) * t;
    let above = mix(map[[top, left]], map[[top, right]], across);
    let below = mix(map[[bottom, left]], map[[bottom, right]], across);
    (above * (1.0 - down) + below * down) as f32
}

/// The smallest and the largest of some numbers that differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    low: f32,
    high: f32,
}

impl Range {
    /// `None` for no numbers, or numbers equal up to rounding.
    pub(crate) fn of(values: impl Iterator<Item = f32>) -> Option<Self> {
        let (low, high) = values.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        // A spread below f32's own rounding would only be noise blown up.
        let spread = high - low;
        (spread > 1e-6 * low.abs().max(high.abs())).then_some(Self { low, high })
    }

    /// The same, or up to a higher end if the two lie closer together than this.
    pub(crate) fn at_least(self, spread: f32) -> Self {
        Self {
            high: self.high.max(self.low + spread),
            ..self
        }
    }

    /// Both.
    pub(crate) fn ends(self) -> [f32; 2] {
        [self.low, self.high]
    }

    pub(crate) fn scale(self, value: f32) -> f32 {
        (value - self.low) / (self.high - self.low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use proptest::prelude::*;

    #[test]
    fn interleaved_maps_have_their_own_values_at_their_centres() {
        let one = array![[1.0, 2.0], [3.0, 4.0]];
        assert_eq!(interleave(std::slice::from_ref(&one), &[0.0]), one);
        // A ramp from left to right, seen by four grids, stays one.
        let ramp = |offset: f64| {
            let at = |(_, column): (usize, usize)| (column as f64 + offset) as f32;
            Array2::from_shape_fn((3, 5), at)
        };
        let offsets = [-0.25, 0.25];
        let maps: Vec<_> = (0..4).map(|place| ramp(offsets[place % 2])).collect();
        let fine = interleave(&maps, &offsets);
        assert_eq!(fine.dim(), (6, 10));
        for ((_, column), value) in fine.indexed_iter() {
            let expected = (column as f32 + 0.5) / 2.0 - 0.5;
            // At the border there is no neighbour to mix with.
            if (1..9).contains(&column) {
                assert!((value - expected).abs() < 1e-6, "{column}: {value}");
            }
        }
    }

    #[test]
    fn upsampling_holds_the_border_and_mixes_between() {
        let wide = upsample(&array![[0.0, 4.0]], 1, 4);
        assert_eq!(wide, array![[0.0, 1.0, 3.0, 4.0]]);
    }

    #[test]
    fn a_constant_map_is_zeros_and_flagged() {
        assert_eq!(normalize(&array![[3.0, 3.0]]), (array![[0.0, 0.0]], true));
        assert_eq!(normalize(&array![[1.0, 3.0]]), (array![[0.0, 1.0]], false));
    }

    #[test]
    fn outside_the_crop_nothing_is_seen() {
        let view = View {
            image_width: 6,
            image_height: 2,
            left: 2.0,
            top: 0.0,
            width: 2.0,
            height: 2.0,
        };
        let map = in_original(&array![[1.0, 2.0], [1.0, 2.0]], &view, 0.0);
        assert_eq!(
            map.seen,
            Rect {
                left: 2,
                top: 0,
                right: 4,
                bottom: 2
            }
        );
        assert_eq!(
            map.values,
            array![[0., 0., 0., 1., 0., 0.], [0., 0., 0., 1., 0., 0.]]
        );
        let json = serde_json::to_string(&map).unwrap();
        assert_eq!(serde_json::from_str::<HeatMap>(&json).unwrap(), map);
    }

    proptest! {
        #[test]
        fn values_stay_between_zero_and_one(
            data in prop::collection::vec(-5f32..5.0, 12), height in 1usize..20, width in 1usize..20,
        ) {
            let map = Array2::from_shape_vec((3, 4), data).unwrap();
            let (map, _) = normalize(&upsample(&map, height, width));
            prop_assert!(map.iter().all(|value| (0.0..=1.0).contains(value)));
        }
    }
}

//! Does a map point at an object? Measures of a map against a mask.
//!
//! Maps are `[height, width]`, larger is hotter; masks `[height, width]`, true on the object. All
//! measures lie in 0..1 and stay the same when a map is multiplied by a positive number or shifted.
//! A constant map points nowhere: every measure then gives the object's share of the picture, a, which
//! is what chance gives; [Dice](dice_at), where all of the picture is taken for the object, 2a / (1 + a).
//!
//! ```
//! use m2ib_metrics::localisation::{dice_at, energy, iou_at, iou_best, pointing};
//! use ndarray::array;
//!
//! let map = array![[0.0, 1.0], [2.0, 5.0]];
//! let mask = array![[false, false], [false, true]];
//! assert_eq!(pointing(&map, &mask), 1.0);
//! assert_eq!(energy(&map, &mask), 5.0 / 8.0);
//! assert_eq!(iou_at(&map, &mask, 0.4), 1.0 / 2.0); // 0.4 of the way from 0 to 5: two pixels.
//! assert_eq!(dice_at(&map, &mask, 0.4), 2.0 / 3.0); // Twice the one of both, over two and one.
//! assert_eq!(iou_best(&map, &mask), 1.0);
//! ```

use imageproc::distance_transform::euclidean_squared_distance_transform;
use imageproc::image::{GrayImage, Luma};
use ndarray::{Array2, Zip};

/// Tolerance of the pointing game in its paper, in pixels of pictures 300 to 500 pixels wide.
pub const TOLERANCE: f64 = 15.0;

/// The object's share of the picture.
pub fn area(mask: &Array2<bool>) -> f64 {
    count(mask) as f64 / mask.len().max(1) as f64
}

/// Pointing game (Zhang et al., *Top-down Neural Attention by Excitation Backprop*, IJCV 2018):
/// whether the hottest pixel lies on the object.
///
/// Where several pixels are equally hot, the share of them that lies on the object: the chance of
/// a hit when one of them is drawn. (Upsampled maps have such plateaus at their corners.) No
/// tolerance around the object; see [`pointing_within`].
pub fn pointing(map: &Array2<f32>, mask: &Array2<bool>) -> f64 {
    check(map, mask);
    let (_, high) = range(map);
    let (mut hottest, mut hits) = (0, 0);
    Zip::from(map).and(mask).for_each(|&value, &inside| {
        hottest += usize::from(value == high);
        hits += usize::from(value == high && inside);
    });
    hits as f64 / hottest.max(1) as f64
}

/// [`pointing`] where a miss by up to `tolerance` pixels is a hit, [`TOLERANCE`] in the paper.
///
/// On small pictures that is most of the picture: hold it against its chance level, the
/// [`area`] of the [`dilated`] mask.
pub fn pointing_within(map: &Array2<f32>, mask: &Array2<bool>, tolerance: f64) -> f64 {
    pointing(map, &dilated(mask, tolerance))
}

/// The pixels whose centres lie at most `distance` from the centre of a pixel of the mask.
pub fn dilated(mask: &Array2<bool>, distance: f64) -> Array2<bool> {
    let (height, width) = mask.dim();
    let image = GrayImage::from_fn(width as u32, height as u32, |x, y| {
        Luma([u8::from(mask[[y as usize, x as usize]])])
    });
    let squared = euclidean_squared_distance_transform(&image);
    // An object of no pixels is infinitely far from all.
    Array2::from_shape_fn(mask.dim(), |(y, x)| {
        squared.get_pixel(x as u32, y as u32)[0].sqrt() <= distance
    })
}

/// Energy-based pointing game (Wang et al., *Score-CAM*, CVPR workshops 2020):
/// Σ over the object / Σ over the picture, of the map less its minimum.
pub fn energy(map: &Array2<f32>, mask: &Array2<bool>) -> f64 {
    check(map, mask);
    let (low, _) = range(map);
    let (mut all, mut inside) = (0.0, 0.0);
    Zip::from(map).and(mask).for_each(|&value, &on| {
        let value = f64::from(value - low);
        all += value;
        inside += if on { value } else { 0.0 };
    });
    if all > 0.0 { inside / all } else { area(mask) }
}

/// Intersection over union of the object with the pixels that reach `threshold`, 0..1 between the
/// map's minimum and maximum.
pub fn iou_at(map: &Array2<f32>, mask: &Array2<bool>, threshold: f32) -> f64 {
    let [both, hot, object] = overlap(map, mask, threshold);
    both as f64 / (hot + object - both).max(1) as f64
}

/// Dice coefficient (Dice, *Measures of the Amount of Ecologic Association Between Species*, 1945; the F1 of
/// the pixels) of the object and the pixels that reach `threshold`, as for [`iou_at`]: twice what they
/// share over the sum of both.
///
/// Of one pair it says what the intersection over union says, 2 · IoU / (1 + IoU); a mean over pairs
/// weighs the middling ones more. It is what segmentation of medical images is judged by.
pub fn dice_at(map: &Array2<f32>, mask: &Array2<bool>, threshold: f32) -> f64 {
    let [both, hot, object] = overlap(map, mask, threshold);
    2.0 * both as f64 / (hot + object).max(1) as f64
}

/// Pixels that reach a threshold and lie on the object, that reach it, and that lie on the object.
fn overlap(map: &Array2<f32>, mask: &Array2<bool>, threshold: f32) -> [usize; 3] {
    check(map, mask);
    let (low, high) = range(map);
    let edge = low + threshold * (high - low);
    let mut counts = [0; 3];
    Zip::from(map).and(mask).for_each(|&value, &inside| {
        let hot = value >= edge;
        counts[0] += usize::from(hot && inside);
        counts[1] += usize::from(hot);
        counts[2] += usize::from(inside);
    });
    counts
}

/// The best [`iou_at`] of all thresholds. At least the object's [`area`], which threshold 0 gives.
pub fn iou_best(map: &Array2<f32>, mask: &Array2<bool>) -> f64 {
    Ranking::of(map).iou_best(mask)
}

/// The best [`dice_at`] of all thresholds: where [`iou_best`] is, since both rise together.
pub fn dice_best(map: &Array2<f32>, mask: &Array2<bool>) -> f64 {
    Ranking::of(map).dice_best(mask)
}

/// A map's pixels from the hottest down, for [`iou_best`] against many masks.
#[derive(Debug, Clone)]
pub struct Ranking {
    /// Value and index (row by row).
    pixels: Vec<(f32, usize)>,
    shape: (usize, usize),
}

impl Ranking {
    /// Sorts a map.
    pub fn of(map: &Array2<f32>) -> Self {
        let mut pixels: Vec<_> = map.iter().copied().zip(0..).collect();
        pixels.sort_by(|a, b| b.0.total_cmp(&a.0));
        Self {
            pixels,
            shape: map.dim(),
        }
    }

    /// [`iou_best`] of the map against a mask of its size.
    pub fn iou_best(&self, mask: &Array2<bool>) -> f64 {
        assert_eq!(self.shape, mask.dim(), "map and mask are of one size");
        let object = count(mask);
        let inside: Vec<bool> = mask.iter().copied().collect();
        let (mut both, mut best) = (0, 0.0f64);
        for (place, &(value, index)) in self.pixels.iter().enumerate() {
            both += usize::from(inside[index]);
            // Equally hot pixels pass a threshold together.
            let next = self.pixels.get(place + 1);
            if next.is_none_or(|&(next, _)| next < value) {
                best = best.max(both as f64 / (place + 1 + object - both) as f64);
            }
        }
        best
    }

    /// [`dice_best`] of the map against a mask of its size.
    pub fn dice_best(&self, mask: &Array2<bool>) -> f64 {
        dice_of_iou(self.iou_best(mask))
    }
}

/// The Dice coefficient of two sets by their intersection over union.
pub fn dice_of_iou(iou: f64) -> f64 {
    2.0 * iou / (1.0 + iou)
}

fn count(mask: &Array2<bool>) -> usize {
    mask.iter().filter(|&&inside| inside).count()
}

/// Minimum and maximum.
fn range(map: &Array2<f32>) -> (f32, f32) {
    map.iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &value| {
            (low.min(value), high.max(value))
        })
}

fn check(map: &Array2<f32>, mask: &Array2<bool>) {
    assert_eq!(map.dim(), mask.dim(), "map and mask are of one size");
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;

    /// Every measure, each with the same answer for a perfect and for a constant map.
    fn all(map: &Array2<f32>, mask: &Array2<bool>) -> [f64; 4] {
        [
            pointing(map, mask),
            energy(map, mask),
            iou_at(map, mask, 0.5),
            iou_best(map, mask),
        ]
    }

    #[test]
    fn cases_computed_by_hand() {
        let map = array![[1.0, 3.0, 1.0], [1.0, 9.0, 5.0]];
        let mask = array![[false, true, false], [false, false, true]];
        // Less the minimum: 0 2 0 / 0 8 4, of which 2 + 4 lie on the object.
        assert_eq!(pointing(&map, &mask), 0.0);
        assert_eq!(energy(&map, &mask), 6.0 / 14.0);
        // Half of the way from 1 to 9 is 5: two pixels, one of them on the object.
        assert_eq!(iou_at(&map, &mask, 0.5), 1.0 / 3.0);
        assert_eq!(iou_at(&map, &mask, 0.0), 2.0 / 6.0);
        assert_eq!(dice_at(&map, &mask, 0.5), 2.0 / 4.0);
        assert_eq!(dice_at(&map, &mask, 0.0), 4.0 / 8.0);
        // The three hottest pixels hold both of the object's.
        assert_eq!(iou_best(&map, &mask), 2.0 / 3.0);
        assert_eq!(dice_best(&map, &mask), 4.0 / 5.0);
    }

    #[test]
    fn ties_share_the_point() {
        let map = array![[7.0, 7.0], [0.0, 7.0]];
        let mask = array![[true, false], [true, true]];
        assert_eq!(pointing(&map, &mask), 2.0 / 3.0);
    }

    #[test]
    fn near_misses_are_hits_within_the_tolerance() {
        let mut map = Array2::zeros((20, 30));
        map[[13, 14]] = 1.0;
        let mut mask = Array2::from_elem((20, 30), false);
        mask[[10, 10]] = true;
        // 3 rows and 4 columns away: 5 pixels.
        assert_eq!(pointing_within(&map, &mask, 4.9), 0.0);
        assert_eq!(pointing_within(&map, &mask, 5.0), 1.0);
        assert_eq!(
            pointing_within(&map, &Array2::from_elem((20, 30), false), 99.0),
            0.0
        );
    }

    #[test]
    fn a_dilated_pixel_is_a_disc() {
        let mut mask = Array2::from_elem((9, 9), false);
        mask[[4, 4]] = true;
        for (distance, pixels) in [(0.0, 1), (1.0, 5), (1.5, 9), (2.0, 13)] {
            assert_eq!(count(&dilated(&mask, distance)), pixels, "{distance}");
        }
    }

    #[test]
    fn equal_pixels_pass_a_threshold_together() {
        let map = array![[1.0, 1.0, 0.0]];
        let mask = array![[true, false, false]];
        assert_eq!(iou_best(&map, &mask), 0.5);
    }

    /// A map, and a mask of some of its pixels but not all.
    fn map_and_mask() -> impl Strategy<Value = (Array2<f32>, Array2<bool>)> {
        let cells = (3usize..9, 3usize..9);
        cells.prop_flat_map(|(rows, columns)| {
            let size = rows * columns;
            let map = prop::collection::vec(0u8..40, size);
            let mask = prop::collection::vec(any::<bool>(), size);
            (map, mask).prop_map(move |(map, mut mask)| {
                (mask[0], mask[1]) = (true, false);
                // Multiples of 1/4: scaling and shifting them is exact.
                let map = map.into_iter().map(|value| f32::from(value) / 4.0);
                (
                    Array2::from_shape_vec((rows, columns), map.collect()).unwrap(),
                    Array2::from_shape_vec((rows, columns), mask).unwrap(),
                )
            })
        })
    }

    proptest! {
        #[test]
        fn a_perfect_map_gives_one_and_its_opposite_nothing((_, mask) in map_and_mask()) {
            let perfect = mask.mapv(|inside| if inside { 3.0 } else { 1.0 });
            prop_assert_eq!(all(&perfect, &mask), [1.0; 4]);
            let [pointing, energy, half, best] = all(&perfect.mapv(|value| -value), &mask);
            prop_assert_eq!([pointing, energy, half], [0.0; 3]);
            prop_assert_eq!(best, area(&mask));
        }

        #[test]
        fn a_constant_map_gives_the_area((_, mask) in map_and_mask(), value in -3f32..3.0) {
            let constant = Array2::from_elem(mask.dim(), value);
            let area = area(&mask);
            prop_assert_eq!(all(&constant, &mask), [area; 4]);
        }

        #[test]
        fn scale_and_shift_change_nothing((map, mask) in map_and_mask(), power in 0i32..5) {
            let moved = map.mapv(|value| value * 2f32.powi(power) + 8.0);
            prop_assert_eq!(all(&map, &mask), all(&moved, &mask));
        }

        #[test]
        fn an_object_and_the_rest_share_the_energy((map, mask) in map_and_mask()) {
            let rest = mask.mapv(|inside| !inside);
            let sum = energy(&map, &mask) + energy(&map, &rest);
            prop_assert!((sum - 1.0).abs() < 1e-12);
            let sum = pointing(&map, &mask) + pointing(&map, &rest);
            prop_assert!((sum - 1.0).abs() < 1e-12);
        }

        #[test]
        fn no_threshold_beats_the_best((map, mask) in map_and_mask(), threshold in 0f32..=1.0) {
            let best = iou_best(&map, &mask);
            prop_assert!(best >= iou_at(&map, &mask, threshold));
            prop_assert!(best >= area(&mask));
        }

        /// By precision and recall, whose harmonic mean it is, and at every threshold that there is.
        #[test]
        fn dice_is_the_harmonic_mean_of_precision_and_recall((map, mask) in map_and_mask()) {
            let object = count(&mask) as f64;
            // From 0 to 8: a threshold times the range is exact.
            let mut map = map.mapv(|value| value.min(8.0));
            (map[[0, 0]], map[[0, 1]]) = (0.0, 8.0);
            let mut best = 0.0f64;
            for &level in &map {
                let hot = map.mapv(|value| value >= level);
                let both = hot.iter().zip(&mask).filter(|(hot, on)| **hot && **on).count() as f64;
                let (precision, recall) = (both / count(&hot) as f64, both / object);
                let dice = match both > 0.0 {
                    true => 2.0 / (1.0 / precision + 1.0 / recall),
                    false => 0.0,
                };
                best = best.max(dice);
                let found = dice_at(&map, &mask, level / 8.0);
                prop_assert!((found - dice).abs() < 1e-12, "{} and {}", found, dice);
            }
            prop_assert!((dice_best(&map, &mask) - best).abs() < 1e-12);
        }
    }
}

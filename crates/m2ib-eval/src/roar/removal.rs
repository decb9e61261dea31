//! Which pixels and tokens are removed.
//!
//! Above the percentile p of n different values lie n − 1 − ⌊(n − 1) p/100⌋ of them (with linear
//! interpolation, as numpy's default). So many are removed, the largest first. Equal values are
//! ranked by chance: pixels by a random map of the same grid, so that of a flat map coherent patches
//! go as of any other, tokens by a random number each.

use std::cmp::Ordering;
use std::ops::Range;

use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Scores;

/// Scores that say nothing: uniform in 0..1, drawn from a seed for the pair of an index.
pub(crate) fn drawn(
    (rows, columns): (usize, usize),
    tokens: usize,
    seed: u64,
    index: usize,
) -> Scores {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(index as u64);
    Scores {
        image: Array2::from_shape_simple_fn((rows, columns), || rng.random()),
        text: (0..tokens).map(|_| rng.random()).collect(),
    }
}

/// The pixels of an image that are removed, `[row, column]`, of those that patches cover; ties are
/// broken by `chance`, a map of the same grid.
///
/// # Shapes
/// - map, chance: `[rows, columns]` of patches, output: `[height, width]`
pub fn removed_pixels(
    map: &Array2<f32>,
    chance: &Array2<f32>,
    percentile: f64,
    [height, width]: [usize; 2],
) -> Array2<bool> {
    let scores = m2ib::upsample(map, height, width);
    let chance = m2ib::upsample(chance, height, width);
    let at = |i: usize| [i / width, i % width];
    let order = |i: usize| (scores[at(i)], chance[at(i)]);
    let mut removed = Array2::from_elem((height, width), false);
    for pixel in largest((0..height * width).collect(), order, percentile) {
        removed[at(pixel)] = true;
    }
    removed
}

/// The positions of a caption that are removed, of those of its `words`.
///
/// # Shapes
/// - scores, chance: `[tokens]`
pub fn removed_tokens(
    scores: &[f32],
    chance: &[f32],
    percentile: f64,
    words: Range<usize>,
) -> Vec<usize> {
    let order = |i: usize| (scores[i], chance[i]);
    let mut removed = largest(words.collect(), order, percentile);
    removed.sort_unstable();
    removed
}

/// Those of some indices that lie above the percentile of their scores, by a second number where
/// these are equal; at least one.
fn largest(
    mut indices: Vec<usize>,
    score: impl Fn(usize) -> (f32, f32),
    percentile: f64,
) -> Vec<usize> {
    let Some(last) = indices.len().checked_sub(1) else {
        return indices;
    };
    // A product that should be whole may come out just below.
    let at = (last as f64 * percentile / 100.0 + 1e-9).floor() as usize;
    let count = last.saturating_sub(at).max(1);
    let order = |a: &usize, b: &usize| -> Ordering {
        let ((a_score, a_chance), (b_score, b_chance)) = (score(*a), score(*b));
        let by_score = b_score.total_cmp(&a_score);
        let by_chance = || b_chance.total_cmp(&a_chance);
        by_score.then_with(by_chance).then_with(|| a.cmp(b))
    };
    if count < indices.len() {
        indices.select_nth_unstable_by(count - 1, order);
    }
    indices.truncate(count);
    indices
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;

    fn on(mask: &Array2<bool>) -> usize {
        mask.iter().filter(|&&on| on).count()
    }

    #[test]
    fn the_quarter_with_the_largest_values_goes() {
        // Upsampled by one, that is as it is.
        let map = Array2::from_shape_fn((4, 4), |(y, x)| (y * 4 + x) as f32);
        let chance = Array2::zeros((4, 4));
        let removed = removed_pixels(&map, &chance, 75.0, [4, 4]);
        let expected = map.map(|&value| value >= 12.0);
        assert_eq!(removed, expected);
    }

    #[test]
    fn a_peak_goes_with_its_surroundings() {
        let map = array![[0.0, 0.0], [0.0, 1.0]];
        let removed = removed_pixels(&map, &drawn((2, 2), 0, 0, 0).image, 75.0, [8, 8]);
        assert_eq!(on(&removed), 16);
        // Bilinear: only the last 2 × 2 pixels are at 1, the others decline from there.
        assert!(removed[[7, 7]] && removed[[5, 5]] && !removed[[0, 0]] && !removed[[0, 7]]);
    }

    #[test]
    fn what_is_no_word_stays_whatever_its_score() {
        let scores = [9.0, 1.0, 3.0, 2.0, 9.0, 9.0];
        assert_eq!(removed_tokens(&scores, &[0.0; 6], 90.0, 1..4), [2]);
        assert_eq!(removed_tokens(&scores, &[0.0; 6], 50.0, 1..4), [2]);
        assert_eq!(removed_tokens(&scores, &[0.0; 6], 0.0, 1..4), [2, 3]);
        // A single word is removed, too.
        assert_eq!(removed_tokens(&scores, &[0.0; 6], 90.0, 1..2), [1]);
    }

    #[test]
    fn a_flat_map_loses_a_quarter_drawn_from_the_seed() {
        let flat = Array2::from_elem((8, 8), 0.3);
        let removed =
            |seed| removed_pixels(&flat, &drawn((8, 8), 0, seed, 4).image, 75.0, [96, 96]);
        assert_eq!(on(&removed(0)), 96 * 96 / 4);
        assert_eq!(removed(0), removed(0));
        assert_ne!(removed(0), removed(1));
        // As the random control's own map does.
        let control = drawn((8, 8), 0, 0, 4).image;
        assert_eq!(
            removed_pixels(&control, &control, 75.0, [96, 96]),
            removed(0)
        );
    }

    proptest! {
        /// However many ties there are: the same number goes, and nothing larger stays.
        #[test]
        fn as_many_go_whatever_the_ties(
            levels in prop::collection::vec(0u8..3, 12..40),
            percentile in 0f64..99.9,
            seed in 0u64..1000,
        ) {
            let scores: Vec<f32> = levels.iter().map(|&level| level.into()).collect();
            let pooled = scores.len() - 1;
            let removed = |scores: &[f32]| {
                let chance = drawn((1, 1), scores.len(), seed, 0).text;
                removed_tokens(scores, &chance, percentile, 1..pooled)
            };
            let found = removed(&scores);
            let distinct: Vec<f32> = (0..scores.len()).map(|i| i as f32).collect();
            prop_assert_eq!(found.len(), removed(&distinct).len());
            // Of distinct values, those above the interpolated percentile (or one).
            let place = (pooled - 2) as f64 * percentile / 100.0 + 1.0;
            let above = (1..pooled).filter(|&i| i as f64 > place + 1e-9).count();
            prop_assert_eq!(found.len(), above.max(1));
            let least = found.iter().map(|&i| scores[i]).fold(f32::MAX, f32::min);
            for i in (1..pooled).filter(|i| !found.contains(i)) {
                prop_assert!(scores[i] <= least);
            }
        }
    }
}

//! Infidelity: does a map's sum over a part say how much the score falls without that part?
//!
//! Yeh et al., *On the (In)fidelity and Sensitivity of Explanations*, NeurIPS 2019:
//! mean over perturbations I of (I·Φ − (f(x) − f(x − I)))². 0..4 with optimal scaling, lower is
//! better.
//!
//! Of the paper's families this is *square removal*: a square of the image goes to the mean colour
//! (0 after normalisation), of a caption a random part of the pieces is hidden. Its noisy
//! baseline multiplies maps by signed pixel differences in three channels; maps here have no
//! channels, and those of most methods have no sign, so only "how much of the map was removed"
//! makes sense of them: I·Φ is the map's sum over what was removed. (Captum calls such maps
//! global, `multiply_by_inputs`.) For a map that tells the effect of each pixel on a score that is
//! a sum over pixels, the infidelity is 0.
//!
//! [`Scaling::Optimal`], the default, first multiplies the map by the factor that suits it best,
//! since nats, gradients and Shapley values come in their own units: what remains is whether the
//! map is *proportional* to the effects. The factor is never negative, so an upside-down map gains
//! nothing by it; a map of zeros, or one that no factor helps, has the mean of (f(x) − f(x − I))²,
//! the worst there is. A constant map is judged as one: effects in proportion to size.

use ndarray::{Array2, Array3, Axis, Slice};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::checks::{map as check_map, pixels as check_pixels, setting};
use crate::scorer::{score_images, score_texts};
use crate::{CaptionTokens, Result, Scorer, TokenFill};

/// Whether a map is scaled before it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scaling {
    /// As it is: for maps in units of the score.
    None,
    /// By the factor from 0 up that makes the infidelity smallest.
    Optimal,
}

/// What is removed.
#[derive(Debug, Clone, PartialEq)]
pub struct InfidelitySettings {
    /// Removals, each of which costs a forward pass.
    pub draws: usize,
    /// Side of the squares, a share of the image's shorter side. Squares much smaller than objects
    /// change nothing; much larger ones tell nothing about places.
    pub side: f64,
    /// Scaling of the map.
    pub scaling: Scaling,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for InfidelitySettings {
    fn default() -> Self {
        Self {
            draws: 64,
            side: 0.25,
            scaling: Scaling::Optimal,
            seed: 0,
        }
    }
}

/// Of an image: pixels `[3, height, width]`, normalised; map `[rows, columns]` of any size, each
/// value the effect of its patch, spread evenly over the patch's pixels.
///
/// # Errors
/// For empty or non-finite input, no draws, a side outside 0..=1, and if the scorer fails.
pub fn image_infidelity(
    scorer: &impl Scorer,
    pixels: &Array3<f32>,
    map: &Array2<f32>,
    settings: &InfidelitySettings,
) -> Result<f64> {
    check_pixels(pixels)?;
    check_map(map)?;
    let valid = settings.side > 0.0 && settings.side <= 1.0;
    setting("side", settings.side, valid, "above 0 and at most 1")?;
    setting("draws", settings.draws, settings.draws > 0, "at least 1")?;
    let (_, height, width) = pixels.dim();
    let side = (settings.side * height.min(width) as f64).round().max(1.0) as usize;
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    // 32 bits: the same draws whatever the width of a pointer.
    let mut draw = |end: usize| rng.random_range(0..=(end - side) as u32) as usize;
    let corners: Vec<_> = (0..settings.draws)
        .map(|_| (draw(height), draw(width)))
        .collect();

    let removed = corners.iter().map(|&(top, left)| {
        let mut image = pixels.clone();
        let mut rows = image.slice_axis_mut(Axis(1), Slice::from(top..top + side));
        let mut square = rows.slice_axis_mut(Axis(2), Slice::from(left..left + side));
        square.fill(0.0);
        image
    });
    let scores = score_images(scorer, std::iter::once(pixels.clone()).chain(removed))?;
    let sums: Vec<f64> = corners
        .iter()
        .map(|&(top, left)| sum_within(map, (height, width), top, left, side))
        .collect();
    Ok(infidelity(&sums, &effects(&scores), settings.scaling))
}

/// Of a caption, one score a token; of `settings`, the side plays no part.
///
/// Every draw hides each piece with probability ½, at least one of them.
///
/// # Errors
/// For a wrong number of scores or non-finite ones, no draws, and if the scorer fails.
pub fn text_infidelity(
    scorer: &impl Scorer,
    caption: &CaptionTokens,
    scores: &[f32],
    fill: TokenFill,
    settings: &InfidelitySettings,
) -> Result<f64> {
    caption.piece_scores(scores)?;
    setting("draws", settings.draws, settings.draws > 0, "at least 1")?;
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    let mut draw = || loop {
        let pieces = caption.pieces().iter().copied();
        let hidden: Vec<usize> = pieces.filter(|_| rng.random::<bool>()).collect();
        if !hidden.is_empty() {
            return hidden;
        }
    };
    let draws: Vec<_> = (0..settings.draws).map(|_| draw()).collect();
    let all = std::iter::once(&[][..]).chain(draws.iter().map(|hidden| &hidden[..]));
    let found = score_texts(scorer, all.map(|hidden| caption.hide(hidden, fill)))?;
    let sums: Vec<f64> = draws
        .iter()
        .map(|hidden| hidden.iter().map(|&token| f64::from(scores[token])).sum())
        .collect();
    Ok(infidelity(&sums, &effects(&found), settings.scaling))
}

/// How much the score falls: the first is the whole input's.
fn effects(scores: &[f64]) -> Vec<f64> {
    let falls = scores.iter().skip(1);
    falls.map(|score| scores[0] - score).collect()
}

/// Mean of (factor · sum − effect)².
fn infidelity(sums: &[f64], effects: &[f64], scaling: Scaling) -> f64 {
    let pairs = || sums.iter().zip(effects);
    let factor = match scaling {
        Scaling::None => 1.0,
        Scaling::Optimal => {
            let product: f64 = pairs().map(|(sum, effect)| sum * effect).sum();
            let square: f64 = sums.iter().map(|sum| sum * sum).sum();
            let factor = product / square;
            // No factor for a map of zeros (or so small that its square is).
            if factor.is_finite() {
                factor.max(0.0)
            } else {
                0.0
            }
        }
    };
    let errors = pairs().map(|(sum, effect)| (factor * sum - effect).powi(2));
    errors.sum::<f64>() / sums.len() as f64
}

/// The map's sum over a square of pixels, each patch's value spread evenly over its pixels.
fn sum_within(
    map: &Array2<f32>,
    (height, width): (usize, usize),
    top: usize,
    left: usize,
    side: usize,
) -> f64 {
    let rows = overlaps(map.nrows(), height, top, side);
    let columns = overlaps(map.ncols(), width, left, side);
    map.indexed_iter()
        .map(|((row, column), &value)| f64::from(value) * rows[row] * columns[column])
        .sum()
}

/// For each of `cells` equal parts of `length`, the share that lies in `start..start + side`.
fn overlaps(cells: usize, length: usize, start: usize, side: usize) -> Vec<f64> {
    let size = length as f64 / cells as f64;
    (0..cells)
        .map(|cell| {
            let (first, last) = (cell as f64 * size, (cell + 1) as f64 * size);
            let inside = last.min((start + side) as f64) - first.max(start as f64);
            inside.max(0.0) / size
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, array};
    use proptest::prelude::*;

    use super::*;
    use crate::analytic::{Analytic, caption};

    fn settings(scaling: Scaling) -> InfidelitySettings {
        InfidelitySettings {
            scaling,
            ..InfidelitySettings::default()
        }
    }

    /// Weights of a linear score, pixels, and each pixel's effect.
    fn linear() -> (Array3<f32>, Array3<f32>, Array2<f32>) {
        let value = |channel, y, x| ((channel * 5 + y * 3 + x * 7) % 11) as f32 / 10.0 - 0.4;
        let weights = Array::from_shape_fn((3, 8, 12), |(c, y, x)| value(c, y, x));
        let pixels = Array::from_shape_fn((3, 8, 12), |(c, y, x)| value(x, c, y));
        let effects = (&weights * &pixels).sum_axis(Axis(0));
        (weights, pixels, effects)
    }

    #[test]
    fn true_effects_have_no_infidelity() {
        let (weights, pixels, effects) = linear();
        let scorer = Analytic::linear(&weights);
        let judge = |map: &Array2<f32>, scaling| {
            image_infidelity(&scorer, &pixels, map, &settings(scaling)).unwrap()
        };
        assert!(judge(&effects, Scaling::None) < 1e-10);
        let scaled = effects.mapv(|x| 7.0 * x);
        assert!(judge(&scaled, Scaling::Optimal) < 1e-10);
        assert!(judge(&scaled, Scaling::None) > 0.1);
        let zeros = Array2::zeros((8, 12));
        let worst = judge(&zeros, Scaling::Optimal);
        assert!(worst > 0.0);
        assert_eq!(worst, judge(&zeros, Scaling::None));
        let upside_down = judge(&effects.mapv(|x| -x), Scaling::Optimal);
        assert!((upside_down - worst).abs() < 1e-12);
    }

    #[test]
    fn patches_spread_evenly_over_their_pixels() {
        let map = array![[1.0, 2.0], [4.0, 8.0]];
        // A square of 2 in an image of 4 × 6: patches are 2 × 3.
        assert_eq!(sum_within(&map, (4, 6), 0, 0, 2), 2.0 / 3.0);
        let middle = sum_within(&map, (4, 6), 1, 2, 2);
        assert!((middle - 15.0 / 6.0).abs() < 1e-12);
        let left = sum_within(&map, (4, 6), 0, 0, 4);
        assert!((left - (5.0 + 10.0 / 3.0)).abs() < 1e-12);
    }

    #[test]
    fn tokens_worth_their_scores_have_no_infidelity() {
        let worth = [0.5, -0.25, 2.0, 1.0];
        let scorer = Analytic::tokens(&worth);
        let judge = |scores: &[f32]| {
            let settings = settings(Scaling::Optimal);
            text_infidelity(&scorer, &caption(4), scores, TokenFill::Pad, &settings).unwrap()
        };
        assert!(judge(&[9.0, 1.0, -0.5, 4.0, 2.0, 9.0]) < 1e-12);
        assert!(judge(&[9.0, 4.0, 2.0, 1.0, -0.5, 9.0]) > 0.1);
    }

    #[test]
    fn tokens_that_only_count_together_by_hand() {
        // The score is 1 if both tokens are there: each effect is 1, whatever is hidden.
        let scorer = Analytic::text(|text| f64::from(u8::from(text.masked().iter().all(|m| !m))));
        let settings = InfidelitySettings {
            draws: 600,
            ..settings(Scaling::None)
        };
        let scores = [0.0, 0.5, 0.5, 0.0];
        let found = text_infidelity(&scorer, &caption(2), &scores, TokenFill::Pad, &settings);
        // (½ − 1)² for either alone, 0 for both; the three are equally likely.
        let found = found.unwrap();
        assert!((found - 2.0 / 3.0 * 0.25).abs() < 0.02, "{found}");
    }

    #[test]
    fn bad_settings_are_refused() {
        let scorer = Analytic::image(|_| 0.0);
        let (pixels, map) = (Array3::zeros((3, 4, 4)), array![[0.0, 1.0]]);
        for (side, draws) in [(0.0, 1), (1.5, 1), (f64::NAN, 1), (0.5, 0)] {
            let settings = InfidelitySettings {
                side,
                draws,
                ..InfidelitySettings::default()
            };
            assert!(image_infidelity(&scorer, &pixels, &map, &settings).is_err());
        }
    }

    proptest! {
        #[test]
        fn optimal_scaling_never_loses(
            pairs in prop::collection::vec((-3f64..3.0, -3f64..3.0), 1..20), factor in 0f64..4.0,
        ) {
            let (sums, effects): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            let best = infidelity(&sums, &effects, Scaling::Optimal);
            let scaled: Vec<f64> = sums.iter().map(|sum| factor * sum).collect();
            prop_assert!(best <= infidelity(&scaled, &effects, Scaling::None) + 1e-12);
        }
    }
}

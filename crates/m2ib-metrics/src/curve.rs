//! Deletion and insertion: how fast does the score fall, or rise, most important first?
//!
//! Petsiuk, Das and Saenko, *RISE*, BMVC 2018. The measure is the area under the curve of the
//! score against the share of the input that was changed (trapezoids over 0..1): the mean score
//! on the way, −1..1. Deletion: lower is better. Insertion: higher is better.
//!
//! - Image, deletion: pixels of the upsampled map, in equal steps, to the mean colour (0 after
//!   normalisation). Insertion: from a blurred image to the image.
//! - Text: the pieces, one at a time.
//!
//! Equally important parts change in a random order, so a constant map gives the area of a random
//! order. Neither area is normalised by the score of the whole: compare methods on the same pairs.
//!
//! ```
//! use m2ib_metrics::Curve;
//!
//! let curve = Curve { changed: vec![0.0, 0.5, 1.0], scores: vec![0.4, 0.1, 0.0] };
//! assert!((curve.area() - (0.25 + 0.05) / 2.0).abs() < 1e-12);
//! ```

use ndarray::{Array2, Array3};

use crate::blur::blurred;
use crate::checks::{heat, setting};
use crate::order::most_important_first;
use crate::scorer::{score_images, score_texts};
use crate::{CaptionTokens, Result, Scorer, TokenFill};

/// Scores along the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// The share of the input that was changed, from 0 to 1.
    pub changed: Vec<f64>,
    /// The score at each.
    pub scores: Vec<f64>,
}

/// How an image's curves are drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct CurveSettings {
    /// Equal steps from none to all of the pixels, at most one a pixel. 50 steps give the area of smooth curves to
    /// about 1/2,500 of their curvature; RISE took a step a row (224).
    pub steps: usize,
    /// Deviation of the Gaussian blur that insertion starts from, as a share of the shorter side.
    /// A blur that leaves objects recognisable makes every insertion look good: RISE's 11 pixels
    /// wide kernel does on large objects, so the default is Fong and Vedaldi's (ICCV 2017) 10
    /// pixels at 224.
    pub blur: f64,
    /// Seed of the order among equally important pixels.
    pub seed: u64,
}

impl Default for CurveSettings {
    fn default() -> Self {
        Self {
            steps: 50,
            blur: 10.0 / 224.0,
            seed: 0,
        }
    }
}

impl Curve {
    /// The area under the curve by trapezoids; 0 for fewer than two points.
    pub fn area(&self) -> f64 {
        let points = self.changed.iter().zip(&self.scores);
        points
            .clone()
            .zip(points.skip(1))
            .map(|((x, y), (next_x, next_y))| (next_x - x) * (y + next_y) / 2.0)
            .sum()
    }

    fn even(scores: Vec<f64>) -> Self {
        let last = scores.len().saturating_sub(1).max(1) as f64;
        let changed = (0..scores.len()).map(|step| step as f64 / last).collect();
        Self { changed, scores }
    }
}

/// From the image to the mean colour: pixels `[3, height, width]`, normalised; map
/// `[rows, columns]` of any size.
///
/// # Errors
/// For empty or non-finite input, no steps, and if the scorer fails.
pub fn image_deletion(
    scorer: &impl Scorer,
    pixels: &Array3<f32>,
    map: &Array2<f32>,
    settings: &CurveSettings,
) -> Result<Curve> {
    let heat = heat(map, pixels)?;
    let colour = Array3::zeros(pixels.dim());
    image_curve(scorer, pixels.clone(), &colour, &heat, settings)
}

/// From the blurred image to the image; arguments as for [`image_deletion`].
///
/// # Errors
/// As [`image_deletion`], and for a blur that is negative or not finite.
pub fn image_insertion(
    scorer: &impl Scorer,
    pixels: &Array3<f32>,
    map: &Array2<f32>,
    settings: &CurveSettings,
) -> Result<Curve> {
    let heat = heat(map, pixels)?;
    let (_, height, width) = pixels.dim();
    let start = blurred(pixels, settings.blur * height.min(width) as f64)?;
    image_curve(scorer, start, pixels, &heat, settings)
}

/// From the caption to one with all pieces hidden; one score a token.
///
/// # Errors
/// For a wrong number of scores or non-finite ones, and if the scorer fails.
pub fn text_deletion(
    scorer: &impl Scorer,
    caption: &CaptionTokens,
    scores: &[f32],
    fill: TokenFill,
    seed: u64,
) -> Result<Curve> {
    let order = token_order(caption, scores, seed)?;
    let texts = (0..=order.len()).map(|count| caption.hide(&order[..count], fill));
    Ok(Curve::even(score_texts(scorer, texts)?))
}

/// From all pieces hidden to the caption; arguments as for [`text_deletion`].
///
/// # Errors
/// As [`text_deletion`].
pub fn text_insertion(
    scorer: &impl Scorer,
    caption: &CaptionTokens,
    scores: &[f32],
    fill: TokenFill,
    seed: u64,
) -> Result<Curve> {
    let order = token_order(caption, scores, seed)?;
    let texts = (0..=order.len()).map(|count| caption.hide(&order[count..], fill));
    Ok(Curve::even(score_texts(scorer, texts)?))
}

/// Positions of the pieces, the strongest first.
fn token_order(caption: &CaptionTokens, scores: &[f32], seed: u64) -> Result<Vec<usize>> {
    let order = most_important_first(&caption.piece_scores(scores)?, seed);
    let pieces = caption.pieces();
    Ok(order.into_iter().map(|index| pieces[index]).collect())
}

/// Turns `image` into `goal` pixel by pixel.
fn image_curve(
    scorer: &impl Scorer,
    mut image: Array3<f32>,
    goal: &Array3<f32>,
    heat: &Array2<f32>,
    settings: &CurveSettings,
) -> Result<Curve> {
    setting("steps", settings.steps, settings.steps > 0, "at least 1")?;
    let steps = settings.steps.min(heat.len());
    let values: Vec<f32> = heat.iter().copied().collect();
    let order = most_important_first(&values, settings.seed);
    let width = heat.ncols();
    let mut done = 0;
    let counts: Vec<usize> = (0..=steps)
        .map(|step| (step as f64 * order.len() as f64 / steps as f64).round() as usize)
        .collect();
    let images = counts.iter().map(|&count| {
        for &pixel in &order[done..count] {
            let (y, x) = (pixel / width, pixel % width);
            for channel in 0..image.dim().0 {
                image[[channel, y, x]] = goal[[channel, y, x]];
            }
        }
        done = count;
        image.clone()
    });
    let scores = score_images(scorer, images)?;
    let share = |&count: &usize| count as f64 / order.len() as f64;
    Ok(Curve {
        changed: counts.iter().map(share).collect(),
        scores,
    })
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, array};
    use proptest::prelude::*;

    use super::*;
    use crate::analytic::{Analytic, caption};

    fn steps(steps: usize) -> CurveSettings {
        CurveSettings {
            steps,
            ..CurveSettings::default()
        }
    }

    #[test]
    fn pixels_go_one_by_one_from_the_hottest() {
        let weights = array![[[1.0, 2.0], [4.0, 8.0]]];
        let scorer = Analytic::linear(&weights);
        let map = array![[2.0, 3.0], [0.0, 1.0]];
        let curve = image_deletion(&scorer, &Array3::ones((1, 2, 2)), &map, &steps(4)).unwrap();
        assert_eq!(curve.changed, [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(curve.scores, [15.0, 13.0, 12.0, 4.0, 0.0]);
        assert_eq!(curve.area(), (15.0 / 2.0 + 13.0 + 12.0 + 4.0) / 4.0);
    }

    #[test]
    fn insertion_starts_blurred_and_ends_at_the_image() {
        // A checkerboard's contrast, Σ pixel², which a blur takes away.
        let pixels =
            Array::from_shape_fn((3, 16, 16), |(_, y, x)| ((x + y) % 2) as f32 * 2.0 - 1.0);
        let scorer = Analytic::image(|pixels| {
            pixels.iter().map(|&x| f64::from(x * x)).sum::<f64>() / pixels.len() as f64
        });
        let map = array![[0.0, 1.0], [2.0, 3.0]];
        let settings = CurveSettings {
            blur: 0.125,
            ..steps(8)
        };
        let curve = image_insertion(&scorer, &pixels, &map, &settings).unwrap();
        assert!(curve.scores[0] < 0.05, "{:?}", curve.scores);
        assert_eq!(curve.scores[8], 1.0);
        assert!(curve.scores.is_sorted(), "{:?}", curve.scores);
        let sharp = CurveSettings {
            blur: 0.0,
            ..settings
        };
        let curve = image_insertion(&scorer, &pixels, &map, &sharp).unwrap();
        assert_eq!(curve.scores, [1.0; 9]);
    }

    #[test]
    fn a_step_function_gives_the_share_it_survives() {
        // The object is the left quarter; the score is 1 until its last pixel is gone.
        let scorer = Analytic::image(|pixels| {
            let mut left = pixels.indexed_iter().filter(|((_, _, x), _)| *x < 2);
            f64::from(u8::from(left.any(|(_, &value)| value > 0.0)))
        });
        let pixels = Array3::ones((3, 8, 8));
        let right = Array2::from_shape_fn((8, 8), |(_, x)| if x < 2 { 1.0 } else { 0.0 });
        let area = |map: &Array2<f32>| {
            let curve = image_deletion(&scorer, &pixels, map, &steps(64)).unwrap();
            curve.area()
        };
        // 15 trapezoids are full, the 16th is half; upside down all but the last are full.
        assert_eq!(area(&right), 15.5 / 64.0);
        assert_eq!(area(&right.mapv(|x| -x)), 63.5 / 64.0);
    }

    #[test]
    fn tokens_go_and_come_one_at_a_time() {
        let scorer = Analytic::tokens(&[1.0, 2.0, 4.0]);
        let (caption, scores) = (caption(3), [9.0, 0.2, 0.1, 0.3, 9.0]);
        let deletion = text_deletion(&scorer, &caption, &scores, TokenFill::Id(0), 0).unwrap();
        assert_eq!(deletion.scores, [7.0, 3.0, 2.0, 0.0]);
        let insertion = text_insertion(&scorer, &caption, &scores, TokenFill::Id(0), 0).unwrap();
        assert_eq!(insertion.scores, [0.0, 4.0, 5.0, 7.0]);
        assert_eq!(insertion.changed, [0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0]);
    }

    #[test]
    fn a_constant_map_is_worth_a_random_order() {
        let weights = Array3::from_shape_fn((1, 8, 8), |(_, y, _)| if y < 4 { 1.0 } else { 0.0 });
        let scorer = Analytic::linear(&weights);
        let constant = Array2::from_elem((4, 4), 0.1);
        let areas = (0..40).map(|seed| {
            let settings = CurveSettings { seed, ..steps(16) };
            let pixels = Array3::ones((1, 8, 8));
            let curve = image_deletion(&scorer, &pixels, &constant, &settings).unwrap();
            curve.area()
        });
        // Half of 32 on average; row by row it would be a quarter.
        let mean = areas.sum::<f64>() / 40.0;
        assert!((mean - 16.0).abs() < 0.6, "{mean}");
    }

    #[test]
    fn no_steps_are_refused() {
        let scorer = Analytic::image(|_| 0.0);
        let map = array![[1.0]];
        let error = image_deletion(&scorer, &Array3::zeros((3, 2, 2)), &map, &steps(0));
        assert_eq!(
            error.unwrap_err().to_string(),
            "steps is 0, expected at least 1"
        );
    }

    proptest! {
        /// For a sum over tokens the order by worth is the best of all, its reverse the worst.
        #[test]
        fn the_true_order_is_the_best(worth in prop::collection::vec(0f64..4.0, 2..8), seed: u64) {
            let scorer = Analytic::tokens(&worth);
            let caption = caption(worth.len());
            let score = |of: &dyn Fn(usize) -> f32| {
                let mut scores = vec![0.0; worth.len() + 2];
                (0..worth.len()).for_each(|token| scores[token + 1] = of(token));
                let area = |curve: Result<Curve>| curve.unwrap().area();
                (
                    area(text_deletion(&scorer, &caption, &scores, TokenFill::Pad, seed)),
                    area(text_insertion(&scorer, &caption, &scores, TokenFill::Pad, seed)),
                )
            };
            let best = score(&|token| worth[token] as f32);
            let other = score(&|token| (token as u64 ^ seed).wrapping_mul(0x9E37_79B9) as f32);
            prop_assert!(best.0 <= other.0 + 1e-6 && best.1 >= other.1 - 1e-6);
            // What deletion loses, insertion gains.
            let total: f64 = worth.iter().sum();
            prop_assert!((other.0 + other.1 - total).abs() < 1e-9);
        }
    }
}

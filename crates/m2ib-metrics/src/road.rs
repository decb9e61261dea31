//! ROAD: remove and debias. How does the score change when the most important pixels are imputed,
//! and how when the least important are?
//!
//! Rong et al., ICML 2022. A share of the pixels is replaced by [noisy linear
//! imputation](super::impute), which blurs them away without leaving a mask's outline that would
//! itself tell the model something. Per share the score of the image without the most relevant
//! pixels (MoRF) and without the least relevant (LeRF):
//!
//! - MoRF: mean over shares, −1..1, lower is better;
//! - LeRF: mean over shares, −1..1, higher is better;
//! - combined: mean of (LeRF − MoRF) / 2, −1..1, higher is better, as in pytorch-grad-cam.
//!
//! Pixels are removed by rank, so that the share is exact; equally important ones in a random
//! order that MoRF and LeRF have in common, as they have the noise. A constant map therefore has
//! MoRF = LeRF, combined exactly 0.
//!
//! The paper defines imputation between neighbouring pixels. Tokens have no such neighbours, so
//! there is no ROAD for text.

use ndarray::{Array2, Array3};

use crate::checks::{heat, setting};
use crate::imputation::impute;
use crate::order::{least_important_first, most_important_first};
use crate::resampling::mean;
use crate::scorer::score_images;
use crate::{Result, Scorer};

/// What is removed and how noisily it is filled.
#[derive(Debug, Clone, PartialEq)]
pub struct RoadSettings {
    /// Shares of the pixels removed, in percent, above 0 and below 100.
    pub percentiles: Vec<f64>,
    /// Deviation of the noise on imputed pixels, after normalisation. Without it a network could
    /// tell imputed pixels by their smoothness.
    pub noise: f64,
    /// Seed of the noise and of the order among equally important pixels.
    pub seed: u64,
}

impl Default for RoadSettings {
    fn default() -> Self {
        Self {
            percentiles: (1..=9).map(|tenth| f64::from(tenth) * 10.0).collect(),
            noise: 0.01,
            seed: 0,
        }
    }
}

/// Scores per share removed.
#[derive(Debug, Clone, PartialEq)]
pub struct Road {
    /// Shares in percent.
    pub percentiles: Vec<f64>,
    /// Scores without the most relevant pixels.
    pub most_relevant_first: Vec<f64>,
    /// Scores without the least relevant pixels.
    pub least_relevant_first: Vec<f64>,
}

impl Road {
    /// Mean score without the most relevant pixels. Lower is better.
    pub fn morf(&self) -> f64 {
        mean(self.most_relevant_first.iter().copied())
    }

    /// Mean score without the least relevant pixels. Higher is better.
    pub fn lerf(&self) -> f64 {
        mean(self.least_relevant_first.iter().copied())
    }

    /// Mean of (LeRF − MoRF) / 2. Higher is better.
    pub fn combined(&self) -> f64 {
        (self.lerf() - self.morf()) / 2.0
    }
}

/// Of an image: pixels `[3, height, width]`, normalised; map `[rows, columns]` of any size.
///
/// # Errors
/// For empty or non-finite input, percentiles out of range or none, and if the scorer fails.
pub fn road(
    scorer: &impl Scorer,
    pixels: &Array3<f32>,
    map: &Array2<f32>,
    settings: &RoadSettings,
) -> Result<Road> {
    let percentiles = &settings.percentiles;
    let count = percentiles.len();
    setting("the number of percentiles", count, count > 0, "at least 1")?;
    for &percentile in percentiles {
        let inside = percentile > 0.0 && percentile < 100.0;
        setting("percentile", percentile, inside, "above 0 and below 100")?;
    }
    let heat = heat(map, pixels)?;
    let values: Vec<f32> = heat.iter().copied().collect();
    let scores = |order: Vec<usize>| {
        let images = percentiles.iter().enumerate().map(|(place, &percentile)| {
            let removed = first(&order, percentile, heat.dim());
            let seed = settings.seed.wrapping_add(place as u64);
            impute(pixels, &removed, settings.noise, seed)
        });
        score_images(scorer, images.collect::<Result<Vec<_>>>()?.into_iter())
    };
    Ok(Road {
        percentiles: percentiles.clone(),
        most_relevant_first: scores(most_important_first(&values, settings.seed))?,
        least_relevant_first: scores(least_important_first(&values, settings.seed))?,
    })
}

/// The first pixels of an order, as a mask that leaves at least one.
fn first(order: &[usize], percentile: f64, (height, width): (usize, usize)) -> Array2<bool> {
    let count = (percentile / 100.0 * order.len() as f64).round() as usize;
    let mut removed = Array2::from_elem((height, width), false);
    for &pixel in &order[..count.min(order.len() - 1)] {
        removed[[pixel / width, pixel % width]] = true;
    }
    removed
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::analytic::Analytic;

    /// A bright object on dark ground and a scorer that sums over where it was.
    fn scene() -> (Array3<f32>, Array2<f32>, Array3<f32>) {
        let inside = |y: usize, x: usize| (4..8).contains(&y) && (4..8).contains(&x);
        let value = |y, x| if inside(y, x) { 1.0 } else { 0.0 };
        let map = Array2::from_shape_fn((16, 16), |(y, x)| value(y, x));
        let pixels = Array3::from_shape_fn((1, 16, 16), |(_, y, x)| value(y, x));
        let weights = pixels.mapv(|x| x / 16.0);
        (pixels, map, weights)
    }

    fn without_noise(percentiles: &[f64]) -> RoadSettings {
        RoadSettings {
            percentiles: percentiles.to_vec(),
            noise: 0.0,
            seed: 0,
        }
    }

    #[test]
    fn the_object_vanishes_first_or_last() {
        let (pixels, map, weights) = scene();
        let scorer = Analytic::linear(&weights);
        // 16 of 256 pixels are 6.25 %: exactly the object, imputed from dark ground.
        let result = road(&scorer, &pixels, &map, &without_noise(&[6.25, 50.0])).unwrap();
        assert!(
            result
                .most_relevant_first
                .iter()
                .all(|score| score.abs() < 1e-6),
            "{result:?}"
        );
        assert_eq!(result.least_relevant_first, [1.0, 1.0]);
        assert!((result.combined() - 0.5).abs() < 1e-6);
    }

    #[test]
    fn an_upside_down_map_changes_signs() {
        let (pixels, map, weights) = scene();
        let scorer = Analytic::linear(&weights);
        let settings = without_noise(&[6.25, 30.0, 70.0]);
        let right = road(&scorer, &pixels, &map, &settings).unwrap();
        let wrong = road(&scorer, &pixels, &map.mapv(|x| -x), &settings).unwrap();
        assert!((right.combined() + wrong.combined()).abs() < 1e-6);
        assert!(right.combined() > 0.4);
    }

    #[test]
    fn a_constant_map_gives_nothing_with_any_noise() {
        let (pixels, _, weights) = scene();
        let scorer = Analytic::linear(&weights);
        let constant = Array2::from_elem((4, 4), 0.7);
        let result = road(&scorer, &pixels, &constant, &RoadSettings::default()).unwrap();
        assert_eq!(result.most_relevant_first, result.least_relevant_first);
        assert_eq!(result.combined(), 0.0);
        // Yet it does remove: more pixels, less of the object.
        assert!(result.most_relevant_first[8] < result.most_relevant_first[0]);
    }

    #[test]
    fn percentiles_out_of_range_are_refused() {
        let scorer = Analytic::image(|_| 0.0);
        for bad in [vec![], vec![0.0], vec![100.0], vec![f64::NAN]] {
            let map = array![[0.0, 1.0]];
            let settings = without_noise(&bad);
            assert!(road(&scorer, &Array3::zeros((3, 4, 4)), &map, &settings).is_err());
        }
    }
}

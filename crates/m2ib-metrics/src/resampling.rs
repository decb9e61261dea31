//! Means and how sure they are: the percentile bootstrap (Efron 1979).
//!
//! As many values as there are are drawn with replacement, many times over; the interval holds the
//! middle 95 % of the means of such draws.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Draws; with 2,000 an interval's ends move by about a twentieth of its width between seeds.
pub const RESAMPLES: usize = 2_000;
/// Share of draws within the interval.
pub const CONFIDENCE: f64 = 0.95;

/// A mean within its confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Of the values.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Of values that were drawn independently; NaN for none.
    pub fn of(values: &[f64], seed: u64) -> Self {
        let mean = mean(values.iter().copied());
        if values.is_empty() {
            return Self {
                mean,
                low: mean,
                high: mean,
            };
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // 32 bits: the same draws whatever the width of a pointer.
        let count = values.len() as u32;
        let mut means: Vec<f64> = (0..RESAMPLES)
            .map(|_| {
                let drawn = (0..count).map(|_| values[rng.random_range(0..count) as usize]);
                drawn.sum::<f64>() / f64::from(count)
            })
            .collect();
        means.sort_by(f64::total_cmp);
        let tail = (1.0 - CONFIDENCE) / 2.0;
        Self {
            mean,
            low: quantile(&means, tail),
            high: quantile(&means, 1.0 - tail),
        }
    }
}

/// The mean; NaN of nothing.
pub fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0u32), |(sum, count), value| (sum + value, count + 1));
    sum / f64::from(count)
}

/// Of sorted values, linear between neighbours.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = share * (sorted.len() - 1) as f64;
    let (below, above) = (position.floor() as usize, position.ceil() as usize);
    let between = position - below as f64;
    sorted[below] * (1.0 - between) + sorted[above] * between
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_neighbours() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.5), 2.0);
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
        assert_eq!(quantile(&[1.0], 0.025), 1.0);
    }

    #[test]
    fn equal_values_leave_no_doubt() {
        let interval = Interval::of(&[0.25; 7], 3);
        assert_eq!([interval.mean, interval.low, interval.high], [0.25; 3]);
    }

    #[test]
    fn the_width_is_that_of_the_normal_approximation() {
        // 60 hits of 100: deviation of the mean √(0.6 · 0.4 / 100) = 0.049, 95 % within ± 1.96 of
        // it. The ends' own noise at 2,000 draws is about 0.003.
        let values: Vec<f64> = (0..100).map(|i| f64::from(u8::from(i < 60))).collect();
        for seed in 0..5 {
            let Interval { mean, low, high } = Interval::of(&values, seed);
            assert_eq!(mean, 0.6);
            assert!((low - 0.504).abs() < 0.02, "{low}");
            assert!((high - 0.696).abs() < 0.02, "{high}");
        }
    }

    #[test]
    fn a_seed_repeats_and_another_does_not() {
        let values: Vec<f64> = (0..50).map(|i| (f64::from(i) * 0.7).sin()).collect();
        assert_eq!(Interval::of(&values, 1), Interval::of(&values, 1));
        assert_ne!(Interval::of(&values, 1), Interval::of(&values, 2));
    }
}

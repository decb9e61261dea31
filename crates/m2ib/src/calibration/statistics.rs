//! One layer's statistics, and the running sums that they come from.

use m2ib_core::NoiseModel;
use serde::{Deserialize, Serialize};

/// One layer's statistics, `[width]` each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Mean per feature.
    pub mean: Vec<f32>,
    /// Deviation per feature (n − 1 in the denominator).
    pub std: Vec<f32>,
}

impl Statistics {
    /// As the noise of a bottleneck.
    pub fn noise_model(&self) -> NoiseModel {
        NoiseModel::Matched {
            mean: self.mean.clone(),
            std: self.std.clone(),
        }
    }

    /// From each feature's mean and variance.
    pub(crate) fn new(means: Vec<f64>, variances: Vec<f64>) -> Self {
        let std: Vec<f64> = variances.into_iter().map(f64::sqrt).collect();
        // A feature that (nearly) never varies would make (h − m)/s explode elsewhere.
        let floor = 1e-3 * std.iter().sum::<f64>() / std.len() as f64;
        let floor = if floor > 0.0 { floor } else { 1.0 };
        Self {
            mean: means.into_iter().map(|mean| mean as f32).collect(),
            std: std.into_iter().map(|std| std.max(floor) as f32).collect(),
        }
    }

    /// Statistics of rows of `width` features.
    ///
    /// # Shapes
    /// - rows: `[width]` each
    pub fn of_rows<'a>(rows: impl Iterator<Item = &'a [f32]>, width: usize) -> Self {
        let mut moments = Moments::new(width);
        rows.for_each(|row| moments.add(row));
        moments.finish()
    }
}

/// Running sums of one layer, in f64.
#[derive(Debug, Clone)]
pub(crate) struct Moments {
    count: usize,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    pub(crate) fn new(width: usize) -> Self {
        Self {
            count: 0,
            mean: vec![0.0; width],
            squares: vec![0.0; width],
        }
    }

    /// Welford's update.
    pub(crate) fn add(&mut self, row: &[f32]) {
        self.count += 1;
        for ((mean, squares), &value) in self.mean.iter_mut().zip(&mut self.squares).zip(row) {
            let before = f64::from(value) - *mean;
            *mean += before / self.count as f64;
            *squares += before * (f64::from(value) - *mean);
        }
    }

    pub(crate) fn means(&self) -> Vec<f64> {
        self.mean.clone()
    }

    pub(crate) fn variances(&self) -> Vec<f64> {
        let degrees = self.count.saturating_sub(1).max(1) as f64;
        self.squares.iter().map(|sum| sum / degrees).collect()
    }

    pub(crate) fn finish(&self) -> Statistics {
        Statistics::new(self.means(), self.variances())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_mean_and_deviation_with_a_floor() {
        let statistics = Statistics::of_rows(
            [[1.0, 5.0], [3.0, 5.0], [5.0, 5.0]]
                .iter()
                .map(|row| &row[..]),
            2,
        );
        assert_eq!(statistics.mean, [3.0, 5.0]);
        assert_eq!(statistics.std[0], 2.0);
        assert!(
            (statistics.std[1] - 1e-3).abs() < 1e-9,
            "{}",
            statistics.std[1]
        );
    }
}

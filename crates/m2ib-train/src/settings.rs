//! What a run depends on.

use m2ib_tune::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::Family;

/// Scenes that a seed may use, as a power of two: far more than a run takes.
pub(crate) const SCENES_OF_A_SEED: u32 = 40;

/// Everything that decides what weights a run ends with (the model's dimensions and the scenes
/// aside). Stored with every checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Whose towers and whose loss.
    #[serde(default)]
    pub family: Family,
    /// The digest of the weights that the run started from, where those are no random ones.
    #[serde(default)]
    pub from: Option<String>,
    /// Of the first weights, the choice of scenes, augmentation and dropped patches.
    pub seed: u64,
    /// Updates in all.
    pub steps: u64,
    /// Images of a step; there are two captions to each.
    pub batch: usize,
    /// The highest learning rate, reached after the warm-up.
    pub learning_rate: f64,
    /// Steps over which the learning rate rises.
    pub warm_up: u64,
    /// Decay of matrices, in units of the learning rate; embeddings, norms and biases have none.
    pub weight_decay: f64,
    /// The share of an image's patches that is kept at first.
    pub keep: f64,
    /// The share of the steps after which all patches are kept.
    pub keep_all_from: f64,
    /// Parts the batch is cut into. More than threads are of use: a smaller part fits the caches.
    /// (It is a setting because sums in another order round differently.)
    pub shares: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            family: Family::default(),
            from: None,
            seed: 0,
            steps: 5_700,
            batch: 128,
            learning_rate: 1.5e-3,
            warm_up: 200,
            weight_decay: 0.05,
            keep: 0.5,
            keep_all_from: 0.8,
            shares: 8,
        }
    }
}

impl Settings {
    /// # Errors
    /// [`Error::Setting`] for the first that makes no sense.
    pub fn check(&self) -> Result<()> {
        let unless = |good: bool, name, found: String, expected: &str| match good {
            true => Ok(()),
            false => Err(Error::Setting {
                name,
                found,
                expected: expected.into(),
            }),
        };
        let share = |x: f64| x > 0.0 && x <= 1.0;
        let (rate, decay) = (self.learning_rate, self.weight_decay);
        unless(
            self.seed < 1 << (64 - SCENES_OF_A_SEED),
            "seed",
            self.seed.to_string(),
            "less than 16777216, so that no two share scenes",
        )?;
        unless(
            self.warm_up < self.steps,
            "warm-up",
            self.warm_up.to_string(),
            "fewer steps than in all",
        )?;
        unless(
            self.batch >= 2,
            "batch",
            self.batch.to_string(),
            "at least 2, to tell images apart",
        )?;
        unless(
            rate > 0.0 && rate.is_finite(),
            "learning-rate",
            rate.to_string(),
            "a positive number",
        )?;
        unless(
            decay >= 0.0 && decay.is_finite(),
            "weight-decay",
            decay.to_string(),
            "0 or more",
        )?;
        unless(
            share(self.keep),
            "keep",
            self.keep.to_string(),
            "above 0 and at most 1",
        )?;
        unless(
            (0.0..=1.0).contains(&self.keep_all_from),
            "keep-all-from",
            self.keep_all_from.to_string(),
            "0 to 1",
        )?;
        unless(
            (1..=self.batch).contains(&self.shares),
            "shares",
            self.shares.to_string(),
            "1 to the batch",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_senseless_setting_is_named() {
        assert!(Settings::default().check().is_ok());
        let settings = Settings {
            keep: 0.0,
            ..Settings::default()
        };
        let error = settings.check().unwrap_err().to_string();
        assert_eq!(error, "keep is 0, expected above 0 and at most 1");
    }
}

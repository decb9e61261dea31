//! What a fine-tuned model depends on.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Which part of a model is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blocks {
    /// Everything.
    All,
    /// The last so many blocks of both towers, the norms and projections behind them and the scale
    /// between the towers. What lies before is the model's own and is computed once for each
    /// example. A tower with fewer blocks has all of them trained, but not its embeddings.
    Last(usize),
}

/// How a model is fine-tuned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TuneSettings {
    /// Which part is trained.
    pub blocks: Blocks,
    /// How often every example is seen (see [`batch`](Self::batch)).
    pub epochs: u64,
    /// Examples of a step, compared with each other: fewer if there are not as many. What is left
    /// over at the end of an epoch is left out of it; the order is drawn anew for each.
    pub batch: usize,
    /// The highest learning rate, reached after the warm-up; then half a cosine leads down to 2 %.
    pub learning_rate: f64,
    /// The share of the steps over which the learning rate rises.
    pub warm_up: f64,
    /// Decay of matrices, in units of the learning rate; embeddings, norms and biases have none.
    pub weight_decay: f64,
    /// Draws the order of the examples.
    pub seed: u64,
    /// Parts the batch is cut into, for the threads. (It is a setting because sums in another
    /// order round differently.)
    pub shares: usize,
}

impl Default for TuneSettings {
    /// For models as large as CLIP's ViT-B: a rate of 1e-5 keeps what was learnt before.
    fn default() -> Self {
        Self {
            blocks: Blocks::All,
            epochs: 4,
            batch: 32,
            learning_rate: 1e-5,
            warm_up: 0.1,
            weight_decay: 0.1,
            seed: 0,
            shares: 4,
        }
    }
}

impl TuneSettings {
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
        let (rate, decay) = (self.learning_rate, self.weight_decay);
        unless(
            self.blocks != Blocks::Last(0),
            "blocks",
            "last 0".into(),
            "all or at least the last 1",
        )?;
        let positive = "at least 1";
        unless(self.epochs > 0, "epochs", self.epochs.to_string(), positive)?;
        unless(
            self.batch >= 2,
            "batch",
            self.batch.to_string(),
            "at least 2, to tell examples apart",
        )?;
        unless(
            rate > 0.0 && rate.is_finite(),
            "learning_rate",
            rate.to_string(),
            "a positive number",
        )?;
        unless(
            (0.0..1.0).contains(&self.warm_up),
            "warm_up",
            self.warm_up.to_string(),
            "a share of the steps, at least 0 and below 1",
        )?;
        unless(
            decay >= 0.0 && decay.is_finite(),
            "weight_decay",
            decay.to_string(),
            "0 or more",
        )?;
        unless(self.shares > 0, "shares", self.shares.to_string(), positive)
    }

    /// Examples of a step, of so many in all.
    pub(crate) fn batch_of(&self, examples: usize) -> usize {
        self.batch.min(examples)
    }

    /// Steps in all.
    pub fn steps(&self, examples: usize) -> u64 {
        let batch = self.batch_of(examples).max(1);
        self.epochs.saturating_mul((examples / batch) as u64)
    }

    /// Steps over which the learning rate rises.
    pub(crate) fn warm_up_steps(&self, examples: usize) -> u64 {
        (self.warm_up * self.steps(examples) as f64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_senseless_setting_is_named() {
        assert!(TuneSettings::default().check().is_ok());
        type Change = fn(&mut TuneSettings);
        let broken: [(Change, &str); 5] = [
            (
                |s| s.blocks = Blocks::Last(0),
                "blocks is last 0, expected all",
            ),
            (|s| s.batch = 1, "batch is 1, expected at least 2"),
            (|s| s.learning_rate = f64::NAN, "learning_rate is NaN"),
            (|s| s.warm_up = 1.0, "warm_up is 1, expected a share"),
            (|s| s.shares = 0, "shares is 0, expected at least 1"),
        ];
        for (change, expected) in broken {
            let mut settings = TuneSettings::default();
            change(&mut settings);
            let error = settings.check().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn steps_leave_out_what_does_not_fill_a_batch() {
        let settings = TuneSettings {
            epochs: 3,
            batch: 32,
            ..TuneSettings::default()
        };
        assert_eq!(settings.steps(100), 9);
        assert_eq!(settings.steps(32), 3);
        assert_eq!((settings.steps(5), settings.batch_of(5)), (3, 5));
    }
}

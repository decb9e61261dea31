//! What a report depends on, pairs and model aside.

use m2ib_tune::TuneSettings;
use serde::{Deserialize, Serialize};

use super::{Error, Result};

/// What removed pixels become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// The channel means of the model's preprocessing: 0 after normalisation.
    Preprocessing,
    /// The channel means of the training part.
    DataSet,
}

/// Of what the important part is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Of images and captions, as in the paper.
    Both,
    /// Of images alone.
    Image,
    /// Of captions alone.
    Text,
}

/// How ROAR+ is run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoarSettings {
    /// Of what the important part is removed.
    pub part: Part,
    /// Pixels above this percentile of an image's map are removed.
    pub image_percentile: f64,
    /// Tokens above this percentile of a caption's scores are removed, at least one.
    pub text_percentile: f64,
    /// What removed pixels become.
    pub fill: Fill,
    /// The padding token's id, which removed tokens become.
    pub padding: i64,
    /// The share of the pairs that is validated on.
    pub validation: f64,
    /// Pairs among which retrieval chooses, at most.
    pub pool: usize,
    /// Draws the parts, ties between scores, the random control and the resamples of intervals.
    pub seed: u64,
    /// How the model is fine-tuned, the same each time.
    pub tune: TuneSettings,
}

impl RoarSettings {
    /// The usual ones, for a model with this padding token.
    pub fn new(padding: i64) -> Self {
        Self {
            part: Part::Both,
            image_percentile: 75.0,
            text_percentile: 90.0,
            fill: Fill::Preprocessing,
            padding,
            validation: 0.2,
            pool: 32,
            seed: 0,
            tune: TuneSettings::default(),
        }
    }

    /// # Errors
    /// [`Error::Setting`] for the first that makes no sense; [`Error::Tune`].
    pub fn check(&self) -> Result<()> {
        let unless = |good: bool, name, found: String, expected: &str| match good {
            true => Ok(()),
            false => Err(Error::Setting {
                name,
                found,
                expected: expected.into(),
            }),
        };
        for (name, percentile) in [
            ("image_percentile", self.image_percentile),
            ("text_percentile", self.text_percentile),
        ] {
            let good = (0.0..100.0).contains(&percentile);
            unless(
                good,
                name,
                percentile.to_string(),
                "at least 0 and below 100",
            )?;
        }
        unless(
            self.validation > 0.0 && self.validation < 1.0,
            "validation",
            self.validation.to_string(),
            "a share of the pairs, above 0 and below 1",
        )?;
        unless(
            self.pool >= 2,
            "pool",
            self.pool.to_string(),
            "at least 2, to choose among",
        )?;
        Ok(self.tune.check()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_senseless_setting_is_named() {
        assert!(RoarSettings::new(0).check().is_ok());
        type Change = fn(&mut RoarSettings);
        let broken: [(Change, &str); 5] = [
            (
                |s| s.image_percentile = 100.0,
                "image_percentile is 100, expected",
            ),
            (|s| s.text_percentile = f64::NAN, "text_percentile is NaN"),
            (|s| s.validation = 0.0, "validation is 0"),
            (|s| s.pool = 1, "pool is 1, expected at least 2"),
            (|s| s.tune.batch = 0, "batch is 0"),
        ];
        for (change, expected) in broken {
            let mut settings = RoarSettings::new(0);
            change(&mut settings);
            let error = settings.check().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}

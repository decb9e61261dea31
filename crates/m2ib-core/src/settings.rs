//! The numbers that say how a bottleneck is solved.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Settings of one bottleneck.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// β, the price of a nat (averaged over units) in cosine similarity.
    pub beta: f64,
    /// Adam's learning rate.
    pub learning_rate: f64,
    /// Evaluations of the objective. The result is the capacity at the last one, so there is one
    /// update fewer.
    pub steps: usize,
    /// Noise samples per step.
    pub samples: usize,
}

impl Settings {
    /// # Errors
    /// [`Error::Setting`] for a β or learning rate that is not positive and finite, or no steps or
    /// samples.
    pub(crate) fn check(&self) -> Result<()> {
        for (name, value) in [("beta", self.beta), ("learning rate", self.learning_rate)] {
            if !(value.is_finite() && value > 0.0) {
                let expected = "a positive, finite number";
                return Err(Error::Setting {
                    name,
                    found: value.to_string(),
                    expected,
                });
            }
        }
        for (name, value) in [("steps", self.steps), ("samples", self.samples)] {
            if value == 0 {
                let expected = "at least 1";
                return Err(Error::Setting {
                    name,
                    found: value.to_string(),
                    expected,
                });
            }
        }
        Ok(())
    }
}

//! What is to differ from a preset.

use serde::{Deserialize, Serialize};

use crate::{Layer, ModalitySettings, Noise, Sampling, Settings};

/// Changes to a preset for one modality; what is `None` stays.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overrides {
    /// The masked layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<Layer>,
    /// The noise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
    /// How samples relate to each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampling: Option<Sampling>,
    /// β.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beta: Option<f64>,
    /// Adam's learning rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Evaluations of the objective.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// Noise samples per step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<usize>,
}

impl Overrides {
    /// These, and for what they leave open, `other`'s.
    pub fn or(self, other: Self) -> Self {
        Self {
            layer: self.layer.or(other.layer),
            noise: self.noise.or(other.noise),
            sampling: self.sampling.or(other.sampling),
            beta: self.beta.or(other.beta),
            learning_rate: self.learning_rate.or(other.learning_rate),
            steps: self.steps.or(other.steps),
            samples: self.samples.or(other.samples),
        }
    }

    /// A modality's settings with these in their places.
    pub fn apply(self, settings: ModalitySettings) -> ModalitySettings {
        let base = settings.bottleneck;
        ModalitySettings {
            layer: self.layer.unwrap_or(settings.layer),
            noise: self.noise.unwrap_or(settings.noise),
            sampling: self.sampling.unwrap_or(settings.sampling),
            bottleneck: Settings {
                beta: self.beta.unwrap_or(base.beta),
                learning_rate: self.learning_rate.unwrap_or(base.learning_rate),
                steps: self.steps.unwrap_or(base.steps),
                samples: self.samples.unwrap_or(base.samples),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_overrides_leave_earlier_ones_that_they_do_not_name() {
        let earlier = Overrides {
            beta: Some(0.2),
            steps: Some(3),
            ..Default::default()
        };
        let later = Overrides {
            steps: Some(5),
            ..Default::default()
        };
        let both = later.or(earlier);
        assert_eq!((both.beta, both.steps), (Some(0.2), Some(5)));
    }
}

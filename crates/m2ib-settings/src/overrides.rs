//! What is to differ from a preset.

use serde::{Deserialize, Serialize};

use crate::{Beta, Gates, Layer, ModalitySettings, Noise, Quantity, Sampling, Settings, Shifts};

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
    /// Shifted grids that the image's map is averaged over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shifts: Option<Shifts>,
    /// β.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beta: Option<Beta>,
    /// γ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gamma: Option<f64>,
    /// Which of a token's features share a gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gates: Option<Gates>,
    /// α before the first step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<f64>,
    /// Adam's learning rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Evaluations of the objective.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// Noise samples per step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<usize>,
    /// What is read off as the map.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Quantity>,
}

impl Overrides {
    /// These, and for what they leave open, `other`'s.
    pub fn or(self, other: Self) -> Self {
        Self {
            layer: self.layer.or(other.layer),
            noise: self.noise.or(other.noise),
            sampling: self.sampling.or(other.sampling),
            shifts: self.shifts.or(other.shifts),
            beta: self.beta.or(other.beta),
            gamma: self.gamma.or(other.gamma),
            gates: self.gates.or(other.gates),
            start: self.start.or(other.start),
            learning_rate: self.learning_rate.or(other.learning_rate),
            steps: self.steps.or(other.steps),
            samples: self.samples.or(other.samples),
            quantity: self.quantity.or(other.quantity),
        }
    }

    /// A modality's settings with these in their places.
    pub fn apply(self, settings: ModalitySettings) -> ModalitySettings {
        let base = settings.bottleneck;
        ModalitySettings {
            layer: self.layer.unwrap_or(settings.layer),
            noise: self.noise.unwrap_or(settings.noise),
            sampling: self.sampling.unwrap_or(settings.sampling),
            shifts: self.shifts.unwrap_or(settings.shifts),
            bottleneck: Settings {
                beta: self.beta.unwrap_or(base.beta),
                gamma: self.gamma.unwrap_or(base.gamma),
                gates: self.gates.unwrap_or(base.gates),
                start: self.start.unwrap_or(base.start),
                learning_rate: self.learning_rate.unwrap_or(base.learning_rate),
                steps: self.steps.unwrap_or(base.steps),
                samples: self.samples.unwrap_or(base.samples),
                quantity: self.quantity.unwrap_or(base.quantity),
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
            beta: Some(0.2.into()),
            steps: Some(3),
            ..Default::default()
        };
        let later = Overrides {
            steps: Some(5),
            ..Default::default()
        };
        let both = later.or(earlier);
        assert_eq!((both.beta, both.steps), (Some(0.2.into()), Some(5)));
    }
}

//! Where the bottlenecks sit and how they are solved: presets and what overrides them.

use std::fmt;
use std::str::FromStr;

use m2ib_core::{Sampling, Settings};
use serde::{Deserialize, Serialize};

use crate::Error;

/// The hidden layer a bottleneck masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// The tower's input to block 0 (Hugging Face's `hidden_states[0]`).
    Embedding,
    /// The output of this block, counted from 0 (Hugging Face's `hidden_states[n + 1]`).
    Block(usize),
}

impl Layer {
    /// All that a tower of `depth` blocks has and that leave a block behind them.
    pub fn all(depth: usize) -> impl Iterator<Item = Self> {
        let blocks = (0..depth.saturating_sub(1)).map(Self::Block);
        std::iter::once(Self::Embedding).chain(blocks)
    }

    /// The first block behind the mask.
    pub fn next_block(self) -> usize {
        match self {
            Self::Embedding => 0,
            Self::Block(index) => index + 1,
        }
    }

    /// Checks the layer against a tower.
    ///
    /// # Errors
    /// [`Error::Layer`] for a block the tower does not have, or its last: behind that, only the
    /// pooled token matters, so every other token's information would be worth nothing.
    pub fn check(self, modality: Modality, depth: usize) -> Result<(), Error> {
        match self {
            Self::Block(index) if index + 1 >= depth => Err(Error::Layer {
                modality,
                found: self,
                depth,
            }),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedding => f.write_str("embedding"),
            Self::Block(index) => write!(f, "block.{index}"),
        }
    }
}

impl FromStr for Layer {
    type Err = String;

    /// Reads `embedding`, `block.3` or just `3`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "embedding" {
            return Ok(Self::Embedding);
        }
        text.strip_prefix("block.").unwrap_or(text).parse().map(Self::Block).map_err(|_| {
            format!("\"{text}\" is no layer, expected \"embedding\" or a block's number, counted from 0")
        })
    }
}

impl Serialize for Layer {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Layer {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// One of the two sides of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Modality {
    /// The image and its patches.
    Image,
    /// The caption and its tokens.
    Text,
}

impl fmt::Display for Modality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Image => "image",
            Self::Text => "text",
        })
    }
}

/// Which noise replaces what a bottleneck withholds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Noise {
    /// N(0, σ²) for every feature.
    Isotropic {
        /// σ.
        sigma: f32,
    },
    /// Each feature's own mean and deviation at the layer, from a
    /// [`Calibration`](crate::Calibration); an image may do without one and use its own patches.
    Matched,
}

/// A named set of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// The paper's and the released code's: block depth − 3 of both towers, isotropic noise with
    /// σ = 1, β = 0.1, 10 steps of 10 samples. Numbers compare with the literature.
    #[default]
    Released,
    /// Matched noise, image block depth/2 − 1, text at the embedding, β = 1, 40 steps of 10
    /// antithetic samples. Found on the embedded emoji model; elsewhere a starting point for a search.
    Matched,
}

impl FromStr for Preset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "released" => Ok(Self::Released),
            "matched" => Ok(Self::Matched),
            other => Err(format!(
                "\"{other}\" is no preset, expected \"released\" or \"matched\""
            )),
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Released => "released",
            Self::Matched => "matched",
        })
    }
}

/// Everything that is set for one modality.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ModalitySettings {
    /// The masked layer.
    pub layer: Layer,
    /// The noise.
    pub noise: Noise,
    /// How the noise samples of a step relate to each other.
    #[serde(default)]
    pub sampling: Sampling,
    /// Objective and optimisation.
    #[serde(flatten)]
    pub bottleneck: Settings,
}

impl ModalitySettings {
    /// A preset's settings for a tower of `depth` blocks.
    pub fn preset(preset: Preset, modality: Modality, depth: usize) -> Self {
        let layer = match (preset, modality) {
            // Behind the only block lies none.
            _ if depth < 2 => Layer::Embedding,
            (Preset::Released, _) => Layer::Block(depth.saturating_sub(3)),
            (Preset::Matched, Modality::Image) => Layer::Block(depth / 2 - 1),
            (Preset::Matched, Modality::Text) => Layer::Embedding,
        };
        let (noise, sampling, beta, steps) = match preset {
            Preset::Released => {
                let noise = Noise::Isotropic { sigma: 1.0 };
                (noise, Sampling::Independent, 0.1, 10)
            }
            // In pairs, since at equal cost the map then depends less on the seed
            // (docs/performance.md).
            Preset::Matched => (Noise::Matched, Sampling::Antithetic, 1.0, 40),
        };
        let bottleneck = Settings {
            beta,
            learning_rate: 1.0,
            steps,
            samples: 10,
        };
        Self {
            layer,
            noise,
            sampling,
            bottleneck,
        }
    }
}

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

    pub(crate) fn apply(self, settings: ModalitySettings) -> ModalitySettings {
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

    #[test]
    fn the_released_preset_is_the_papers() {
        let settings = ModalitySettings::preset(Preset::Released, Modality::Text, 12);
        assert_eq!(settings.layer, Layer::Block(9));
        assert_eq!(settings.noise, Noise::Isotropic { sigma: 1.0 });
        assert_eq!(settings.sampling, Sampling::Independent);
        let Settings {
            beta,
            learning_rate,
            steps,
            samples,
        } = settings.bottleneck;
        assert_eq!((beta, learning_rate, steps, samples), (0.1, 1.0, 10, 10));
    }

    #[test]
    fn layers_are_read_as_they_are_written() {
        for layer in [Layer::Embedding, Layer::Block(11)] {
            assert_eq!(layer.to_string().parse(), Ok(layer));
        }
        assert_eq!("3".parse(), Ok(Layer::Block(3)));
        assert!(
            "-1".parse::<Layer>()
                .unwrap_err()
                .contains("\"-1\" is no layer")
        );
    }

    #[test]
    fn all_layers_leave_a_block_behind_them() {
        let all: Vec<_> = Layer::all(3).collect();
        let expected = [Layer::Embedding, Layer::Block(0), Layer::Block(1)];
        assert_eq!(all, expected);
        assert!(
            all.iter()
                .all(|layer| layer.check(Modality::Text, 3).is_ok())
        );
    }

    #[test]
    fn a_layer_must_leave_a_block_behind_it() {
        assert!(Layer::Block(10).check(Modality::Image, 12).is_ok());
        let error = Layer::Block(11)
            .check(Modality::Image, 12)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("block.11") && error.contains("0 to 10"),
            "{error}"
        );
        assert!(Layer::Embedding.check(Modality::Text, 1).is_ok());
    }
}

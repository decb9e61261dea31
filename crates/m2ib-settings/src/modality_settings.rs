//! Everything that is set for one modality.

use serde::{Deserialize, Serialize};

use crate::{Gates, Layer, Modality, Noise, Preset, Quantity, Sampling, Settings, Shifts};

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
    /// Shifted grids that a map is averaged over; captions have none.
    #[serde(default)]
    pub shifts: Shifts,
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
            (Preset::MedClipSam, Modality::Image) => Layer::Block(depth.saturating_sub(5)),
            (Preset::Released | Preset::MedClipSam, _) => Layer::Block(depth.saturating_sub(3)),
            // Behind a block, the token that is read out holds the whole caption.
            (_, Modality::Text) => Layer::Embedding,
            (Preset::Fine, Modality::Image) => Layer::Block((depth / 3).saturating_sub(1)),
            (Preset::Fast | Preset::Matched, Modality::Image) => Layer::Block(depth / 2 - 1),
        };
        let papers = Settings::default();
        // One gate a token, 20 passes: two sides of 5 steps of 2 samples.
        let two_sided = Settings {
            gamma: 1.0,
            gates: Gates::TOKEN,
            start: 2.0,
            learning_rate: 2.5,
            steps: 5,
            samples: 2,
            ..papers
        };
        let bottleneck = match (preset, modality) {
            (Preset::Released, _) | (Preset::MedClipSam, Modality::Image) => papers,
            (Preset::MedClipSam, Modality::Text) => Settings {
                beta: 0.3.into(),
                ..papers
            },
            (Preset::Matched, _) => Settings {
                beta: 1.0.into(),
                steps: 40,
                ..papers
            },
            (Preset::Fine, Modality::Image) => Settings {
                beta: 1.0.into(),
                quantity: Quantity::MeanShare,
                ..two_sided
            },
            (Preset::Fast, Modality::Image) => Settings {
                beta: 2.0.into(),
                ..two_sided
            },
            // At larger prices, one word of a name has all; with fewer steps, now and then a word that
            // says nothing.
            (Preset::Fine | Preset::Fast, Modality::Text) => Settings {
                beta: 0.7.into(),
                learning_rate: 1.5,
                steps: 7,
                ..two_sided
            },
        };
        let (noise, sampling) = match preset {
            Preset::Released | Preset::MedClipSam => {
                (Noise::Isotropic { sigma: 1.0 }, Sampling::Independent)
            }
            // In pairs, since at equal cost the map then depends less on the seed
            // (docs/performance.md).
            _ => (Noise::Matched, Sampling::Antithetic),
        };
        let shifts = match (preset, modality) {
            (Preset::Fine, Modality::Image) => Shifts::TWO,
            _ => Shifts::ONE,
        };
        Self {
            layer,
            noise,
            sampling,
            shifts,
            bottleneck,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_released_preset_is_the_papers() {
        let settings = ModalitySettings::preset(Preset::Released, Modality::Text, 12);
        assert_eq!(settings.layer, Layer::Block(9));
        assert_eq!(settings.noise, Noise::Isotropic { sigma: 1.0 });
        assert_eq!(settings.sampling, Sampling::Independent);
        let papers = Settings {
            beta: 0.1.into(),
            gamma: 0.0,
            gates: Gates::Unit,
            start: 5.0,
            learning_rate: 1.0,
            steps: 10,
            samples: 10,
            quantity: Quantity::Nats,
        };
        assert_eq!(settings.bottleneck, papers);
    }

    /// By the defaults of its `generate_saliency_maps.py`: layer 7 of 12 and β = 0.1 for the image, layer 9 and
    /// β = 0.3 for the text, variance 1.
    #[test]
    fn medclip_sam_differs_from_the_released_in_a_layer_and_a_price() {
        for (modality, layer, beta) in [(Modality::Image, 7, 0.1), (Modality::Text, 9, 0.3)] {
            let found = ModalitySettings::preset(Preset::MedClipSam, modality, 12);
            let mut expected = ModalitySettings::preset(Preset::Released, modality, 12);
            expected.layer = Layer::Block(layer);
            expected.bottleneck.beta = beta.into();
            assert_eq!(found, expected);
            let shallow = ModalitySettings::preset(Preset::MedClipSam, modality, 2);
            assert_eq!(shallow.layer, Layer::Block(0));
        }
    }
}

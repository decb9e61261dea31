//! Everything that is set for one modality.

use serde::{Deserialize, Serialize};

use crate::{Layer, Modality, Noise, Preset, Sampling, Settings};

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
        let papers = Settings::default();
        let (noise, sampling, bottleneck) = match preset {
            Preset::Released => {
                let noise = Noise::Isotropic { sigma: 1.0 };
                (noise, Sampling::Independent, papers)
            }
            // In pairs, since at equal cost the map then depends less on the seed
            // (docs/performance.md).
            Preset::Matched => {
                let bottleneck = Settings {
                    beta: 1.0.into(),
                    steps: 40,
                    ..papers
                };
                (Noise::Matched, Sampling::Antithetic, bottleneck)
            }
        };
        Self {
            layer,
            noise,
            sampling,
            bottleneck,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gates, Quantity};

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
}

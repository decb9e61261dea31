//! What is compared: presets and changes to them, with names.

use std::str::FromStr;

use m2ib::{Calibration, Explainer, Layer, Modality, Overrides, Preset, Pretrained};

use crate::{Error, Result};

/// A preset with changes, and its name in tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Such as "matched" or "matched, β 0.3".
    pub name: String,
    /// Where it starts from.
    pub preset: Preset,
    /// What differs for the image.
    pub image: Overrides,
    /// What differs for the text.
    pub text: Overrides,
}

/// What to vary around a preset, one thing at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// Every layer of either tower that can be masked, the other tower's left alone.
    Layers,
    /// β of both: 0.01, 0.1, 0.3, 1, 3, 10.
    Beta,
    /// Steps of both: 5, 10, 20, 40, 80.
    Steps,
}

const BETAS: [f64; 6] = [0.01, 0.1, 0.3, 1.0, 3.0, 10.0];
const STEPS: [usize; 5] = [5, 10, 20, 40, 80];

impl FromStr for Sweep {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "layers" => Ok(Self::Layers),
            "beta" => Ok(Self::Beta),
            "steps" => Ok(Self::Steps),
            _ => Err(Error::Sweep { found: name.into() }),
        }
    }
}

impl From<Preset> for Setting {
    fn from(preset: Preset) -> Self {
        Self {
            name: preset.to_string(),
            preset,
            image: Overrides::default(),
            text: Overrides::default(),
        }
    }
}

impl Setting {
    /// The settings of a sweep over a model.
    pub fn sweep(preset: Preset, sweep: Sweep, model: &Pretrained) -> Vec<Self> {
        let base = Self::from(preset);
        let both = |what: String, overrides| Self {
            name: format!("{preset}, {what}"),
            image: overrides,
            text: overrides,
            ..base.clone()
        };
        match sweep {
            Sweep::Layers => {
                let (image, text) = (model.clip.image.depth(), model.clip.text.depth());
                let image = Layer::all(image).map(|layer| Self {
                    name: format!("{preset}, image {layer}"),
                    image: of_layer(layer),
                    ..base.clone()
                });
                let text = Layer::all(text).map(|layer| Self {
                    name: format!("{preset}, text {layer}"),
                    text: of_layer(layer),
                    ..base.clone()
                });
                image.chain(text).collect()
            }
            Sweep::Beta => {
                let beta = BETAS.map(|beta| {
                    let overrides = Overrides {
                        beta: Some(beta),
                        ..Default::default()
                    };
                    both(format!("β {beta}"), overrides)
                });
                beta.into()
            }
            Sweep::Steps => {
                let steps = STEPS.map(|steps| {
                    let overrides = Overrides {
                        steps: Some(steps),
                        ..Default::default()
                    };
                    both(format!("{steps} steps"), overrides)
                });
                steps.into()
            }
        }
    }

    /// An explainer with this setting.
    ///
    /// # Errors
    /// Whatever [`build`](m2ib::ExplainerBuilder::build) finds wrong.
    pub fn explainer(
        &self,
        model: &Pretrained,
        calibration: Option<&Calibration>,
        seed: u64,
    ) -> Result<Explainer> {
        let mut builder = Explainer::builder(model.clone())
            .preset(self.preset)
            .overrides(Modality::Image, self.image)
            .overrides(Modality::Text, self.text)
            .seed(seed);
        if let Some(calibration) = calibration {
            builder = builder.calibration(calibration.clone());
        }
        Ok(builder.build()?)
    }
}

fn of_layer(layer: Layer) -> Overrides {
    Overrides {
        layer: Some(layer),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_are_read_and_others_refused() {
        assert_eq!("steps".parse::<Sweep>().unwrap(), Sweep::Steps);
        let error = "depth".parse::<Sweep>().unwrap_err().to_string();
        assert!(
            error.contains("\"depth\"") && error.contains("layers"),
            "{error}"
        );
    }
}

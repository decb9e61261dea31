//! Feature statistics of a model's layers, for noise that looks like an average hidden state.

mod calibrator;
mod file;
mod statistics;

use std::collections::BTreeMap;

use clip_input::Digest;
use clip_model::DualEncoder;
use serde::{Deserialize, Serialize};

pub use calibrator::Calibrator;
pub(crate) use statistics::Moments;
pub use statistics::Statistics;

use crate::{Error, Layer, Modality, Result};

/// Mean and deviation of every feature at every layer of both towers, over the patches of some
/// images (other tokens left out) and the words of some captions (start, end and padding left out).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The model it was made for.
    pub model: String,
    /// Its [identity](DualEncoder::identity).
    pub identity: String,
    /// Images seen.
    pub images: usize,
    /// Captions seen.
    pub captions: usize,
    /// The image tower's layers.
    pub image: BTreeMap<Layer, Statistics>,
    /// The text tower's layers.
    pub text: BTreeMap<Layer, Statistics>,
}

impl Calibration {
    /// Mean 0 and deviation 1 at every layer: the statistics of nothing, by which settings can be
    /// checked before any are taken.
    pub fn standard(model: &DualEncoder) -> Self {
        let layers = |depth: usize, width: usize| {
            let statistics = Statistics {
                mean: vec![0.0; width],
                std: vec![1.0; width],
            };
            let layers = Layer::all(depth);
            layers.map(|layer| (layer, statistics.clone())).collect()
        };
        let (image, text) = (model.image(), model.text());
        Self {
            model: model.name().into(),
            identity: model.identity().to_string(),
            images: 0,
            captions: 0,
            image: layers(image.depth(), image.width()),
            text: layers(text.depth(), text.width()),
        }
    }

    /// A layer's statistics, if they belong to this model.
    ///
    /// # Errors
    /// [`Error::Calibration`] for another model's, or a layer that is absent or has another width.
    pub fn statistics(
        &self,
        model: &DualEncoder,
        modality: Modality,
        layer: Layer,
    ) -> Result<&Statistics> {
        self.check_model(model)?;
        let fail = |reason| Err(Error::Calibration { reason });
        let (layers, width) = match modality {
            Modality::Image => (&self.image, model.image().width()),
            Modality::Text => (&self.text, model.text().width()),
        };
        let Some(statistics) = layers.get(&layer) else {
            let known: Vec<_> = layers.keys().map(ToString::to_string).collect();
            return fail(format!(
                "it has no {modality} layer {layer}, only {}",
                known.join(", ")
            ));
        };
        for values in [&statistics.mean, &statistics.std] {
            if values.len() != width {
                return fail(format!(
                    "its {modality} layer {layer} has width {}, the tower has {width}",
                    values.len()
                ));
            }
        }
        Ok(statistics)
    }

    /// Tells it from every other: a digest of the model it is of and of all its numbers, in whatever
    /// file they came.
    pub fn digest(&self) -> Digest {
        let counts = [self.images, self.captions].map(|count| (count as u64).to_le_bytes());
        let mut bytes = counts.concat();
        bytes.extend(self.identity.as_bytes());
        let sides = [(Modality::Image, &self.image), (Modality::Text, &self.text)];
        for (modality, layers) in sides {
            for (layer, statistics) in layers {
                bytes.extend(format!("\0{modality}.{layer}\0").bytes());
                let values = statistics.mean.iter().chain(&statistics.std);
                bytes.extend(values.flat_map(|value| value.to_le_bytes()));
            }
        }
        Digest::of([&bytes[..]])
    }

    /// Whether these are statistics of this model.
    pub(crate) fn check_model(&self, model: &DualEncoder) -> Result<()> {
        let (found, expected) = (&self.identity, model.identity().to_string());
        if *found == expected {
            return Ok(());
        }
        let reason = format!(
            "it was made for {} (identity {found}), the model is {} (identity {expected})",
            self.model,
            model.name()
        );
        Err(Error::Calibration { reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_knows_every_number_and_its_place() {
        let statistics = Statistics {
            mean: vec![1.0, 2.0],
            std: vec![3.0, 4.0],
        };
        let calibration = Calibration {
            model: "m".into(),
            identity: "f00".into(),
            images: 3,
            captions: 4,
            image: [(Layer::Embedding, statistics.clone())].into(),
            text: [(Layer::Embedding, statistics)].into(),
        };
        let digest = calibration.digest();
        assert_eq!(digest, calibration.clone().digest());
        let changed = |change: fn(&mut Calibration)| {
            let mut changed = calibration.clone();
            change(&mut changed);
            changed.digest()
        };
        let others = [
            changed(|it| it.images = 4),
            changed(|it| it.identity = "f01".into()),
            changed(|it| it.image.values_mut().for_each(|s| s.mean[1] = 2.5)),
            changed(|it| it.text.values_mut().for_each(|s| s.std.swap(0, 1))),
            changed(|it| it.image.clear()),
        ];
        assert!(others.iter().all(|other| *other != digest), "{others:?}");
    }
}

//! M2IB itself, as one method among the others.

use std::collections::BTreeMap;

use m2ib::{
    Calibration, Config, EncodedImage, EncodedText, Explainer, ImageAttribution, Noise, Overrides,
    Preset, Pretrained, Provenance, TextAttribution, Unit,
};
use ndarray::Array2;

use crate::settings::Given;
use crate::{Method, Result, Subject};

/// The multi-modal information bottleneck, by an explainer with whatever settings.
#[derive(Debug)]
pub struct M2ib(pub Explainer);

/// A preset with changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct M2ibSettings {
    preset: Preset,
    image: Overrides,
    text: Overrides,
    pub(crate) seed: u64,
}

const SETTINGS: &str =
    "beta, learning-rate, sigma, steps, samples, sampling, image-layer, text-layer, seed";

impl M2ibSettings {
    pub(crate) fn read(preset: Preset, mut given: Given) -> Result<Self> {
        let sigma = given.positive("sigma")?;
        let both = Overrides {
            layer: None,
            noise: sigma.map(|sigma| Noise::Isotropic {
                sigma: sigma as f32,
            }),
            sampling: given.take("sampling", "independent or antithetic", |_| true)?,
            beta: given.positive("beta")?,
            learning_rate: given.positive("learning-rate")?,
            steps: given.count("steps")?,
            samples: given.count("samples")?,
        };
        let mut side = |name| {
            let layer = given.take(name, "embedding or a block's number", |_| true)?;
            Ok::<_, crate::Error>(Overrides { layer, ..both })
        };
        let (image, text) = (side("image-layer")?, side("text-layer")?);
        let seed = given.seed()?;
        given.finish(SETTINGS)?;
        Ok(Self {
            preset,
            image,
            text,
            seed,
        })
    }

    pub(crate) fn config(&self) -> Config {
        Config {
            preset: Some(self.preset),
            image: self.image,
            text: self.text,
        }
    }

    pub(crate) fn build(
        &self,
        model: &Pretrained,
        calibration: Option<&Calibration>,
    ) -> Result<M2ib> {
        let mut builder = Explainer::builder(model.clone())
            .config(self.config())
            .seed(self.seed);
        if let Some(calibration) = calibration {
            builder = builder.calibration(calibration.clone());
        }
        Ok(M2ib(builder.build()?))
    }
}

impl M2ib {
    fn encode(&self, subject: &Subject<'_>) -> Result<(EncodedImage, EncodedText)> {
        let image = self.0.encode_pixels(subject.pixels().clone())?;
        let embedded = subject.text_latent(0)?;
        let text = self
            .0
            .encode_embedded(subject.caption().clone(), embedded)?;
        Ok((image, text))
    }
}

impl Method for M2ib {
    fn name(&self) -> &'static str {
        match self.0.provenance().bottlenecks().map(|made| made.preset) {
            Some(Preset::Matched) => "m2ib-matched",
            _ => "m2ib-released",
        }
    }

    /// Both modalities' are in the [provenance](Self::provenance).
    fn settings(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    fn unit(&self) -> Unit {
        Unit::Nats
    }

    fn seed(&self) -> u64 {
        self.0.provenance().seed
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        Ok(self.attribute_image(subject)?.saliency().clone())
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        Ok(self.attribute_text(subject)?.saliency)
    }

    fn attribute_image(&self, subject: &Subject<'_>) -> Result<ImageAttribution> {
        let (image, _) = self.encode(subject)?;
        Ok(self
            .0
            .attribute_image(&image, subject.fits().image.clone())?)
    }

    fn attribute_text(&self, subject: &Subject<'_>) -> Result<TextAttribution> {
        let (_, text) = self.encode(subject)?;
        Ok(self.0.attribute_text(&text, subject.fits().text.clone())?)
    }

    fn provenance(&self, subject: &Subject<'_>) -> Provenance {
        Provenance {
            fits: subject.fits().record(),
            ..self.0.provenance().clone()
        }
    }

    fn attribute(&self, subject: &Subject<'_>) -> Result<m2ib::Attribution> {
        let (image, text) = self.encode(subject)?;
        let fits = subject.fits();
        Ok(self.0.attribute_with(&image, &text, fits, &mut |_| {})?)
    }
}

#[cfg(test)]
mod tests {
    use crate::Choice;
    use crate::subject::fixture;

    #[test]
    fn it_is_the_explainers_and_each_side_can_be_had_alone() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let choice: Choice = "m2ib-released:steps=3:beta=0.2:seed=5".parse().unwrap();
        let method = choice.build(&model, None).unwrap();
        let both = method.attribute(&subject).unwrap();
        let made = both.provenance.bottlenecks().unwrap();
        let beta = made.text.bottleneck.beta;
        assert_eq!((made.image.bottleneck.steps, beta), (3, 0.2));
        assert_eq!(both.provenance.seed, 5);
        assert_eq!(method.attribute_image(&subject).unwrap(), both.image);
        assert_eq!(method.attribute_text(&subject).unwrap(), both.text);
    }
}

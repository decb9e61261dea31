//! M2IB itself, as one method among the others.

use std::sync::Arc;

use m2ib::m2ib_core::Settings as Bottleneck;
use m2ib::{
    Calibration, Config, DualEncoder, EncodedImage, EncodedText, Explainer, Gates,
    ImageAttribution, Layer, Modality, ModalitySettings, Noise, Overrides, Preset, Provenance,
    TextAttribution, Unit,
};
use ndarray::Array2;

use crate::places::{Named, depths};
use crate::{Error, Method, MethodFactory, Result, Settings, Subject};

/// The multi-modal information bottleneck, by an explainer.
#[derive(Debug)]
pub struct M2ib {
    explainer: Explainer,
    factory: Arc<dyn MethodFactory>,
}

/// A preset with changes, most of them for both sides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct M2ibSettings {
    /// Where the other settings start from; it is a part of the method's name.
    pub preset: Preset,
    /// The image's masked layer, if not the preset's.
    pub image_layer: Option<Layer>,
    /// The text's.
    pub text_layer: Option<Layer>,
    /// What else is not the preset's, for both sides; its layer is not looked at.
    pub both: Overrides,
    /// The noise's seed.
    pub seed: u64,
}

impl M2ibSettings {
    /// A preset as it is.
    pub fn new(preset: Preset) -> Self {
        Self {
            preset,
            image_layer: None,
            text_layer: None,
            both: Overrides::default(),
            seed: 0,
        }
    }

    /// The same with what is given changed.
    pub fn configured(&self, settings: &mut Settings) -> Self {
        // What is not the layer is one for all towers.
        let sides = [Modality::Image, Modality::Text]
            .map(|side| ModalitySettings::preset(self.preset, side, 0));
        let usual = |read: fn(&ModalitySettings) -> String| match sides.each_ref().map(read) {
            [image, text] if image == text => image,
            [image, text] => format!("{image}/{text}"),
        };
        let both = self.both;
        let layer = "embedding, a block's number, or auto for the preset's";
        let mut layer_of =
            |name, current| settings.optional(name, layer, |_| true, current, "auto");
        let image_layer = layer_of("image-layer", self.image_layer);
        let text_layer = layer_of("text-layer", self.text_layer);

        let (sigmas, usual_sigma) = match sides[0].noise {
            Noise::Isotropic { sigma } => ("a number above 0, at most 3e38", sigma.to_string()),
            Noise::Matched => (
                "a number above 0, at most 3e38, or matched",
                "matched".into(),
            ),
        };
        let sigma = both.noise.and_then(|noise| match noise {
            Noise::Isotropic { sigma } => Some(sigma),
            Noise::Matched => None,
        });
        let deviation = |sigma: &f32| sigma.is_finite() && *sigma > 0.0;
        let sigma = settings.optional("sigma", sigmas, deviation, sigma, usual_sigma);

        let samplings = "independent or antithetic";
        let sampling = settings.optional(
            "sampling",
            samplings,
            |_| true,
            both.sampling,
            usual(|side| side.sampling.to_string()),
        );
        let along = "a whole number from 1 to 16: places of the image's grid along each side";
        let shifts = settings.optional("shifts", along, |_| true, both.shifts, sides[0].shifts);
        let beta = settings.limited(
            "beta",
            Bottleneck::BETA,
            both.beta,
            usual(|side| side.bottleneck.beta.to_string()),
        );
        let gamma = settings.limited(
            "gamma",
            Bottleneck::GAMMA,
            both.gamma,
            usual(|side| side.bottleneck.gamma.to_string()),
        );
        let kinds = "unit, token or a number of groups, at most 65536";
        let few = |gates: &Gates| match gates {
            Gates::Unit => true,
            Gates::Groups(groups) => groups.get() <= 1 << 16,
        };
        let gates = settings.optional(
            "gates",
            kinds,
            few,
            both.gates,
            usual(|side| side.bottleneck.gates.to_string()),
        );
        let start = settings.limited(
            "start",
            Bottleneck::START,
            both.start,
            usual(|side| side.bottleneck.start.to_string()),
        );
        let learning_rate = settings.limited(
            "learning-rate",
            Bottleneck::LEARNING_RATE,
            both.learning_rate,
            usual(|side| side.bottleneck.learning_rate.to_string()),
        );
        let steps = settings.limited(
            "steps",
            Bottleneck::STEPS,
            both.steps,
            usual(|side| side.bottleneck.steps.to_string()),
        );
        let samples = settings.limited(
            "samples",
            Bottleneck::SAMPLES,
            both.samples,
            usual(|side| side.bottleneck.samples.to_string()),
        );
        let quantities = "nats, share or mean-share";
        let quantity = settings.optional(
            "quantity",
            quantities,
            |_| true,
            both.quantity,
            usual(|side| side.bottleneck.quantity.to_string()),
        );
        Self {
            preset: self.preset,
            image_layer,
            text_layer,
            both: Overrides {
                layer: None,
                noise: sigma.map(|sigma| Noise::Isotropic { sigma }),
                sampling,
                shifts,
                beta,
                gamma,
                gates,
                start,
                learning_rate,
                steps,
                samples,
                quantity,
            },
            seed: settings.seed(self.seed),
        }
    }

    fn explainer(
        &self,
        model: &DualEncoder,
        calibration: Option<&Calibration>,
    ) -> Result<Explainer> {
        let layers = [
            ("image-layer", self.image_layer),
            ("text-layer", self.text_layer),
        ];
        for ((setting, layer), (modality, depth)) in layers.into_iter().zip(depths(model)) {
            let method = self.name();
            let named = Named { method, setting };
            layer
                .map(|layer| named.layer(layer, modality, depth))
                .transpose()?;
        }
        let builder = Explainer::builder(model.clone())
            .config(self.config().unwrap_or_default())
            .calibration(calibration.cloned())
            .seed(self.seed);
        builder.build().map_err(|source| Error::Unfit {
            method: self.name().into(),
            source: source.into(),
        })
    }
}

impl MethodFactory for M2ibSettings {
    fn name(&self) -> &str {
        match self.preset {
            Preset::Fine => "m2ib-fine",
            Preset::Fast => "m2ib-fast",
            Preset::Matched => "m2ib-matched",
            Preset::Released => "m2ib-released",
            Preset::MedClipSam => "m2ib-medclip-sam",
        }
    }

    fn description(&self) -> &str {
        match self.preset {
            Preset::Fine => "M2IB with two sides and few gates, averaged over shifted grids",
            Preset::Fast => "M2IB with two sides and few gates, in few passes",
            Preset::Matched => "M2IB with noise matched to the model's features",
            Preset::Released => "M2IB with the paper's settings (Wang, Rudner and Wilson 2023)",
            Preset::MedClipSam => {
                "M2IB with MedCLIP-SAMv2's settings, for medical images (Koleilat et al. 2025)"
            }
        }
    }

    fn configure(&self, settings: &mut Settings) -> Arc<dyn MethodFactory> {
        Arc::new(self.configured(settings))
    }

    fn fits(&self, model: &DualEncoder, calibration: Option<&Calibration>) -> Result<()> {
        self.explainer(model, calibration).map(drop)
    }

    fn make(
        &self,
        model: &DualEncoder,
        calibration: Option<&Calibration>,
    ) -> Result<Box<dyn Method>> {
        let explainer = self.explainer(model, calibration)?;
        Ok(Box::new(M2ib::new(explainer, Arc::new(*self))))
    }

    fn config(&self) -> Option<Config> {
        let side = |layer| Overrides { layer, ..self.both };
        // A caption has no grid.
        let text = Overrides {
            shifts: None,
            ..side(self.text_layer)
        };
        Some(Config {
            preset: Some(self.preset),
            mask: None,
            image: side(self.image_layer),
            text,
        })
    }

    fn needs_calibration(&self) -> bool {
        self.config()
            .is_some_and(|config| config.needs_calibration())
    }
}

impl M2ib {
    pub(super) fn new(explainer: Explainer, factory: Arc<dyn MethodFactory>) -> Self {
        Self { explainer, factory }
    }

    fn encode_image(&self, subject: &Subject<'_>) -> Result<EncodedImage> {
        Ok(self.explainer.encode_pixels(subject.pixels().clone())?)
    }

    fn encode_text(&self, subject: &Subject<'_>) -> Result<EncodedText> {
        let (caption, embedded) = (subject.caption().clone(), subject.text_latent(0)?);
        Ok(self.explainer.encode_embedded(caption, embedded)?)
    }
}

impl Method for M2ib {
    fn factory(&self) -> &dyn MethodFactory {
        self.factory.as_ref()
    }

    fn unit(&self) -> Unit {
        // One for both sides, as the factory sets them.
        self.explainer.unit(Modality::Image)
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        Ok(self.attribute_image(subject)?.saliency().clone())
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        Ok(self.attribute_text(subject)?.saliency)
    }

    fn attribute_image(&self, subject: &Subject<'_>) -> Result<ImageAttribution> {
        let image = self.encode_image(subject)?;
        let fit = subject.fits().image.clone();
        Ok(self.explainer.attribute_image(&image, fit)?)
    }

    fn attribute_text(&self, subject: &Subject<'_>) -> Result<TextAttribution> {
        let text = self.encode_text(subject)?;
        let fit = subject.fits().text.clone();
        Ok(self.explainer.attribute_text(&text, fit)?)
    }

    fn provenance(&self, subject: &Subject<'_>) -> Provenance {
        Provenance {
            fits: subject.fits().record(),
            picture: m2ib::picture_name(&subject.pixels().facts),
            ..self.explainer.provenance().clone()
        }
    }

    fn attribute(&self, subject: &Subject<'_>) -> Result<m2ib::Attribution> {
        let (image, text) = (self.encode_image(subject)?, self.encode_text(subject)?);
        let fits = subject.fits();
        Ok(self
            .explainer
            .attribute_with(&image, &text, fits, &mut m2ib::unwatched)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Registry;
    use crate::subject::fixture;

    #[test]
    fn it_is_the_explainers_and_each_side_can_be_had_alone() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let key = "m2ib-released:beta=0.2:steps=3:seed=5";
        let factory = Registry::standard().parse(key).unwrap();
        let method = factory.build(&model, None).unwrap();
        let both = method.attribute(&subject).unwrap();
        let made = both.provenance.bottlenecks().unwrap();
        let beta = made.text.bottleneck.beta;
        assert_eq!((made.image.bottleneck.steps, beta), (3, 0.2.into()));
        assert_eq!(both.provenance.seed, 5);
        assert_eq!(method.attribute_image(&subject).unwrap(), both.image);
        assert_eq!(method.attribute_text(&subject).unwrap(), both.text);
    }

    #[test]
    fn a_config_holds_what_was_given_and_nothing_else() {
        let mut given = Settings::read("m", ["steps=40", "sigma=0.5"].into_iter()).unwrap();
        let settings = M2ibSettings::new(Preset::Matched).configured(&mut given);
        let config = settings.config().unwrap();
        assert_eq!(config.image, config.text);
        // The preset's as well, but said.
        assert_eq!((config.image.steps, config.image.samples), (Some(40), None));
        assert_eq!(config.image.noise, Some(Noise::Isotropic { sigma: 0.5 }));
        assert_eq!(settings.key(), "m2ib-matched:sigma=0.5");
    }
}

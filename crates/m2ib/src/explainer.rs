//! The main job: an image and a caption in, an [`Attribution`] out.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::Tensor;
use clip_input::TokenKind;
use clip_model::Pretrained;
use image::DynamicImage;
use m2ib_core::{Fit, Lanes, NoiseModel, Problem, Readout, SeededNoise, Solution, Step};
use ndarray::Array2;

use crate::builder::{ExplainerBuilder, Side};
use crate::calibration::Statistics;
use crate::encoded::{EncodedImage, EncodedText, host};
use crate::readout::{ImageReadout, TextReadout};
use crate::{
    Attribution, Backend, Calibration, Calibrator, Error, Fits, ImageAttribution, Modality,
    ModalitySettings, Provenance, Result, TextAttribution, Unit, Warning,
};

/// Above this share of the text's nats on the end token, a warning is given.
const POOLED_SHARE_WARNING: f32 = 0.5;

/// Explains image–caption pairs with one model and fixed settings.
#[derive(Debug)]
pub struct Explainer {
    pub(crate) model: Pretrained,
    pub(crate) image: Side,
    pub(crate) text: Side,
    pub(crate) seed: u64,
    pub(crate) provenance: Provenance,
    /// What one pair's samples are shared out over.
    pub(crate) sample_lanes: Lanes,
    /// What takes whole pairs and images, of many.
    pub(crate) pair_lanes: Lanes,
}

/// One evaluation of an objective, as it is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Whose bottleneck.
    pub modality: Modality,
    /// The evaluation, from 1.
    pub step: usize,
    /// How many there will be.
    pub steps: usize,
    /// What it found.
    pub report: Step,
}

impl Explainer {
    /// Starts from a loaded model; see [`ExplainerBuilder`].
    pub fn builder(model: Pretrained) -> ExplainerBuilder {
        ExplainerBuilder::new(model)
    }

    /// Loads a Hugging Face folder on the preferred backend, with the released preset.
    ///
    /// # Errors
    /// [`Error::Model`] for whatever is wrong with the folder, by file.
    pub fn from_folder(folder: impl AsRef<Path>) -> Result<Self> {
        let device = Backend::preferred()?.device()?;
        Self::builder(Pretrained::load(folder, &device)?).build()
    }

    /// Downloads a model from the Hugging Face hub, or finds it in the cache, and loads it on the
    /// preferred backend with the released preset. `id` is `owner/name`, or
    /// `owner/name@revision`.
    ///
    /// The environment is heeded as by Hugging Face's own tools: `HF_ENDPOINT`, `HF_HOME`,
    /// `HF_TOKEN`, `HF_HUB_OFFLINE`. For a progress bar or other settings, use
    /// [`hub::fetch`](crate::hub::fetch) and [`Pretrained::from_files`].
    ///
    /// # Errors
    /// [`Error::Hub`] if it cannot be had, [`Error::Model`] if it cannot be loaded.
    #[cfg(feature = "hub")]
    pub fn from_pretrained(id: &str) -> Result<Self> {
        let device = Backend::preferred()?.device()?;
        let files = crate::hub::fetch(id, &crate::hub::HubOptions::from_env(), None)?;
        Self::builder(Pretrained::from_files(&files, &device)?).build()
    }

    /// The embedded emoji model on the preferred backend, with the matched preset and its
    /// calibration.
    ///
    /// # Errors
    /// [`Error::Backend`] if no backend is compiled in.
    #[cfg(feature = "emoji")]
    pub fn emoji() -> Result<Self> {
        let device = Backend::preferred()?.device()?;
        Self::builder(crate::emoji::pretrained(&device)?)
            .preset(crate::Preset::Matched)
            .calibration(crate::emoji::calibration()?)
            .build()
    }

    /// The model.
    pub fn model(&self) -> &Pretrained {
        &self.model
    }

    /// The settings of one modality.
    pub fn settings(&self, modality: Modality) -> &ModalitySettings {
        &self.side(modality).settings
    }

    pub(crate) fn side(&self, modality: Modality) -> &Side {
        match modality {
            Modality::Image => &self.image,
            Modality::Text => &self.text,
        }
    }

    /// Explains a pair: which patches and which words carry what the two have in common.
    ///
    /// # Errors
    /// [`Error::Model`] for a caption without words, [`Error::Bottleneck`] for numbers that are
    /// not finite.
    pub fn attribute(&self, image: &DynamicImage, text: &str) -> Result<Attribution> {
        // The caption first: what is wrong with it is known at once.
        let text = self.encode_text(text)?;
        self.attribute_encoded(&self.encode_image(image)?, &text)
    }

    /// Explains an encoded image against an encoded caption.
    ///
    /// # Errors
    /// [`Error::Encoded`] for encodings of another model or layer, [`Error::Bottleneck`].
    pub fn attribute_encoded(
        &self,
        image: &EncodedImage,
        text: &EncodedText,
    ) -> Result<Attribution> {
        let fits = Fits::of_pair(&image.embedding, &text.embedding);
        self.attribute_with(image, text, &fits, &mut |_| {})
    }

    /// As [`attribute_encoded`](Self::attribute_encoded), by what `fits` want of the embeddings,
    /// and tells of every step.
    ///
    /// # Errors
    /// As [`attribute_encoded`](Self::attribute_encoded), and for fits of another width.
    pub fn attribute_with(
        &self,
        image: &EncodedImage,
        text: &EncodedText,
        fits: &Fits,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Attribution> {
        self.explain(image, text, fits, self.sample_lanes, progress)
    }

    /// Which patches carry what `fit` wants of the image's embedding.
    ///
    /// # Errors
    /// As [`attribute_with`](Self::attribute_with).
    pub fn attribute_image(
        &self,
        image: &EncodedImage,
        fit: Arc<dyn Fit>,
    ) -> Result<ImageAttribution> {
        self.check_image(image)?;
        let solution = self.solve_image(image, fit, self.sample_lanes, &mut |_| {})?;
        Ok(self.image_attribution(image, solution))
    }

    /// Which tokens carry what `fit` wants of the caption's embedding.
    ///
    /// # Errors
    /// As [`attribute_with`](Self::attribute_with).
    pub fn attribute_text(&self, text: &EncodedText, fit: Arc<dyn Fit>) -> Result<TextAttribution> {
        self.check_text(text)?;
        let solution = self.solve_text(text, fit, self.sample_lanes, &mut |_| {})?;
        Ok(text_attribution(text, solution))
    }

    /// How this explainer's explanations are made.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Feature statistics of this explainer's model over images and captions.
    ///
    /// For sets that do not fit into memory, or to count failures, see [`Calibrator`].
    ///
    /// # Errors
    /// [`Error::Model`] for the first image or caption that fails, [`Error::TooFewSamples`].
    pub fn calibrate<'a>(
        &self,
        images: impl IntoIterator<Item = &'a DynamicImage>,
        captions: impl IntoIterator<Item = &'a str>,
    ) -> Result<Calibration> {
        let mut calibrator = Calibrator::new(&self.model);
        images
            .into_iter()
            .try_for_each(|image| calibrator.add_image(image))?;
        captions
            .into_iter()
            .try_for_each(|caption| calibrator.add_caption(caption))?;
        calibrator.finish()
    }

    /// Explains a pair, each step's samples shared out over `lanes`.
    pub(crate) fn explain(
        &self,
        image: &EncodedImage,
        text: &EncodedText,
        fits: &Fits,
        lanes: Lanes,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Attribution> {
        let similarity = self.similarity(image, text)?;
        let by_image = self.solve_image(image, fits.image.clone(), lanes, progress)?;
        let by_text = self.solve_text(text, fits.text.clone(), lanes, progress)?;
        let mut attribution = self.attribution(image, text, similarity, by_image, by_text);
        attribution.provenance.fits = fits.record();
        Ok(attribution)
    }

    fn solve_image(
        &self,
        image: &EncodedImage,
        fit: Arc<dyn Fit>,
        lanes: Lanes,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Solution> {
        let problem = self.image_problem(image, fit)?;
        let readout = self.image_readout();
        self.solve(Modality::Image, &problem, &readout, lanes, progress)
    }

    fn solve_text(
        &self,
        text: &EncodedText,
        fit: Arc<dyn Fit>,
        lanes: Lanes,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Solution> {
        let problem = self.text_problem(text, fit)?;
        let readout = self.text_readout(text);
        self.solve(Modality::Text, &problem, &readout, lanes, progress)
    }

    pub(crate) fn image_readout(&self) -> ImageReadout<'_> {
        ImageReadout {
            tower: &self.model.clip.image,
            start: self.image.settings.layer.next_block(),
        }
    }

    pub(crate) fn text_readout(&self, text: &EncodedText) -> TextReadout<'_> {
        TextReadout {
            tower: &self.model.clip.text,
            start: self.text.settings.layer.next_block(),
            position: text.position,
        }
    }

    pub(crate) fn image_problem(&self, image: &EncodedImage, fit: Arc<dyn Fit>) -> Result<Problem> {
        let noise_model = match &self.image.noise {
            Some(noise) => noise.clone(),
            None => own_statistics(&image.latent)?,
        };
        Ok(Problem {
            latent: image.latent.clone(),
            noise_model,
            fit,
        })
    }

    pub(crate) fn text_problem(&self, text: &EncodedText, fit: Arc<dyn Fit>) -> Result<Problem> {
        let noise_model = self.text.noise.clone().ok_or(Error::CalibrationNeeded)?;
        Ok(Problem {
            latent: text.latent.clone(),
            noise_model,
            fit,
        })
    }

    pub(crate) fn noise(&self, modality: Modality) -> SeededNoise {
        let sampling = self.settings(modality).sampling;
        SeededNoise::new(self.seed, modality as u16).with_sampling(sampling)
    }

    fn solve(
        &self,
        modality: Modality,
        problem: &Problem,
        readout: &dyn Readout,
        lanes: Lanes,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Solution> {
        let bottleneck = self.side(modality).bottleneck.clone();
        let (mut step, steps) = (0, bottleneck.settings().steps);
        let mut on_step = |report: &Step| {
            step += 1;
            progress(Progress {
                modality,
                step,
                steps,
                report: *report,
            });
        };
        bottleneck
            .with_lanes(lanes)
            .solve(problem, readout, &self.noise(modality), &mut on_step)
            .map_err(|source| Error::Bottleneck { modality, source })
    }

    /// The solutions as maps over patches and tokens.
    pub(crate) fn attribution(
        &self,
        image: &EncodedImage,
        text: &EncodedText,
        similarity: f32,
        by_image: Solution,
        by_text: Solution,
    ) -> Attribution {
        let image = self.image_attribution(image, by_image);
        let text = text_attribution(text, by_text);
        let warnings = warnings(&image, &text);
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        Attribution {
            image,
            text,
            similarity,
            warnings,
            provenance: self.provenance.clone(),
        }
    }

    fn image_attribution(&self, image: &EncodedImage, solution: Solution) -> ImageAttribution {
        let saliency = solution.saliency();
        let side = self.model.clip.config.vision.patches_per_side();
        // The class token comes first and is no patch.
        let patches = Array2::from_shape_fn((side, side), |(row, column)| {
            saliency[1 + row * side + column]
        });
        let mut image = ImageAttribution::new(patches, Unit::Nats, image.input_size, image.view);
        image.class_token = saliency[0];
        image.trace = solution.trace;
        image
    }
}

fn text_attribution(text: &EncodedText, solution: Solution) -> TextAttribution {
    TextAttribution {
        caption: text.caption.clone(),
        saliency: solution.saliency().to_vec(),
        unit: Unit::Nats,
        trace: solution.trace,
    }
}

/// Noise matched to an image's own patches, where there is no calibration.
fn own_statistics(latent: &Tensor<3>) -> Result<NoiseModel> {
    let [_, _, width] = latent.dims();
    let values = host(latent.clone(), Modality::Image)?;
    // The class token comes first and is no patch.
    Ok(Statistics::of_rows(&values[width..], width).noise_model())
}

fn warnings(image: &ImageAttribution, text: &TextAttribution) -> Vec<Warning> {
    let share = text.pooled_share();
    let pieces = text
        .caption
        .tokens
        .iter()
        .filter(|token| token.kind == TokenKind::Text)
        .count();
    // With one or two pieces, the end token's half is nothing unusual.
    let dominates = (share > POOLED_SHARE_WARNING && pieces > 2)
        .then_some(Warning::PooledTokenDominates { share });
    let flat = image.is_flat().then_some(Warning::FlatImageMap);
    [text.cut(), dominates, flat]
        .into_iter()
        .flatten()
        .collect()
}

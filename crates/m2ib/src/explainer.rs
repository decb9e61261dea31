//! The main job: an image and a caption in, an [`Attribution`] out.

use std::path::Path;

use burn::tensor::Tensor;
use clip_model::{Caption, Pixels, Pretrained, TokenKind, View};
use image::DynamicImage;
use m2ib_core::{NoiseModel, Problem, Readout, SeededNoise, Solution, Step, cosine_similarity};
use ndarray::Array2;

use crate::builder::{ExplainerBuilder, Side};
use crate::calibration::Statistics;
use crate::readout::{ImageReadout, TextReadout};
use crate::{
    Attribution, Backend, Calibration, Calibrator, Error, ImageAttribution, Layer, Modality,
    ModalitySettings, Provenance, Result, TextAttribution, Warning,
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
}

/// An image that went through its tower once, ready to be explained against many captions.
#[derive(Debug, Clone)]
pub struct EncodedImage {
    /// The projected embedding, `[1, embedding]`, not normalised.
    pub embedding: Tensor<2>,
    latent: Tensor<3>,
    origin: Origin,
    input_size: [usize; 2],
    view: View,
}

/// A caption that went through its tower once, ready to be explained against many images.
#[derive(Debug, Clone)]
pub struct EncodedText {
    /// The projected embedding, `[1, embedding]`, not normalised.
    pub embedding: Tensor<2>,
    latent: Tensor<3>,
    origin: Origin,
    position: usize,
    caption: Caption,
}

impl EncodedText {
    /// The tokenised caption.
    pub fn caption(&self) -> &Caption {
        &self.caption
    }
}

/// Which weights and layer a latent belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    fingerprint: String,
    layer: Layer,
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
        let device = Backend::preferred()?.device();
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
        let device = Backend::preferred()?.device();
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
        let device = Backend::preferred()?.device();
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
        match modality {
            Modality::Image => &self.image.settings,
            Modality::Text => &self.text.settings,
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

    /// Runs an image through its tower.
    ///
    /// # Errors
    /// [`Error::Model`] if the preprocessed image does not fit the tower.
    pub fn encode_image(&self, image: &DynamicImage) -> Result<EncodedImage> {
        let pixels = self.model.processor.process(image);
        let Pixels {
            height,
            width,
            view,
            ..
        } = pixels;
        let tower = &self.model.clip.image;
        let start = self.image.settings.layer.next_block();
        let embedded = tower.embed(pixels.to_tensor(&self.model.clip.device()))?;
        let latent = tower.blocks(0..start, embedded);
        let embedding = ImageReadout { tower, start }.read(latent.clone());
        let origin = self.origin(Modality::Image);
        Ok(EncodedImage {
            embedding,
            latent,
            origin,
            input_size: [height, width],
            view,
        })
    }

    /// Runs a caption through its tower.
    ///
    /// # Errors
    /// [`Error::Model`] for a caption without words or with text outside the vocabulary.
    pub fn encode_text(&self, text: &str) -> Result<EncodedText> {
        let caption = self.model.tokenizer.encode(text)?;
        let ids = caption.ids();
        let position = self.model.pooling.position(&ids)?;
        let tower = &self.model.clip.text;
        let start = self.text.settings.layer.next_block();
        let latent = tower.blocks(0..start, tower.embed(tower.ids(&ids)?));
        let embedding = TextReadout {
            tower,
            start,
            position,
        }
        .read(latent.clone());
        let origin = self.origin(Modality::Text);
        Ok(EncodedText {
            embedding,
            latent,
            origin,
            position,
            caption,
        })
    }

    /// Cosine similarity of an image and a caption.
    ///
    /// # Errors
    /// [`Error::Encoded`] for encodings of another model, [`Error::Bottleneck`] for a number that
    /// is not finite.
    pub fn similarity(&self, image: &EncodedImage, text: &EncodedText) -> Result<f32> {
        self.check(Modality::Image, &image.origin)?;
        self.check(Modality::Text, &text.origin)?;
        let cosine = cosine_similarity(image.embedding.clone(), text.embedding.clone());
        Ok(host(cosine, Modality::Image)?[0])
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
        self.attribute_with(image, text, &mut |_| {})
    }

    /// As [`attribute_encoded`](Self::attribute_encoded), and tells of every step.
    ///
    /// # Errors
    /// As [`attribute_encoded`](Self::attribute_encoded).
    pub fn attribute_with(
        &self,
        image: &EncodedImage,
        text: &EncodedText,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Attribution> {
        let similarity = self.similarity(image, text)?;
        let by_image = self.explain_image(image, &text.embedding, progress)?;
        let by_text = self.explain_text(text, &image.embedding, progress)?;
        let warnings = warnings(&by_image, &by_text);
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        let provenance = self.provenance.clone();
        Ok(Attribution {
            image: by_image,
            text: by_text,
            similarity,
            warnings,
            provenance,
        })
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

    fn explain_image(
        &self,
        image: &EncodedImage,
        target: &Tensor<2>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<ImageAttribution> {
        let own_patches;
        let noise_model = match &self.image.noise {
            Some(noise) => noise,
            None => {
                own_patches = own_statistics(&image.latent)?;
                &own_patches
            }
        };
        let readout = ImageReadout {
            tower: &self.model.clip.image,
            start: self.image.settings.layer.next_block(),
        };
        let latent = image.latent.clone();
        let problem = Problem {
            latent,
            noise_model,
            readout: &readout,
            target: target.clone(),
        };
        let solution = self.solve(Modality::Image, &problem, progress)?;
        let saliency = solution.saliency();
        let side = self.model.clip.config.vision.patches_per_side();
        let nats = Array2::from_shape_fn((side, side), |(row, column)| {
            saliency[1 + row * side + column]
        });
        Ok(ImageAttribution::new(
            nats,
            saliency[0],
            image.input_size,
            image.view,
            solution.trace,
        ))
    }

    fn explain_text(
        &self,
        text: &EncodedText,
        target: &Tensor<2>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<TextAttribution> {
        let noise_model = self.text.noise.as_ref().ok_or(Error::CalibrationNeeded)?;
        let readout = TextReadout {
            tower: &self.model.clip.text,
            start: self.text.settings.layer.next_block(),
            position: text.position,
        };
        let latent = text.latent.clone();
        let problem = Problem {
            latent,
            noise_model,
            readout: &readout,
            target: target.clone(),
        };
        let solution = self.solve(Modality::Text, &problem, progress)?;
        let nats = solution.saliency().to_vec();
        Ok(TextAttribution {
            caption: text.caption.clone(),
            nats,
            trace: solution.trace,
        })
    }

    fn solve(
        &self,
        modality: Modality,
        problem: &Problem<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Solution> {
        let side = match modality {
            Modality::Image => &self.image,
            Modality::Text => &self.text,
        };
        let mut noise = SeededNoise::new(self.seed, modality as u32);
        let (mut step, steps) = (0, side.settings.bottleneck.steps);
        let mut on_step = |report: &Step| {
            step += 1;
            progress(Progress {
                modality,
                step,
                steps,
                report: *report,
            });
        };
        side.bottleneck
            .solve(problem, &mut noise, &mut on_step)
            .map_err(|source| Error::Bottleneck { modality, source })
    }

    fn origin(&self, modality: Modality) -> Origin {
        let fingerprint = self.model.clip.fingerprint().into();
        Origin {
            fingerprint,
            layer: self.settings(modality).layer,
        }
    }

    fn check(&self, modality: Modality, found: &Origin) -> Result<()> {
        let expected = self.origin(modality);
        if *found == expected {
            return Ok(());
        }
        let name = |origin: &Origin| format!("weights {} at {}", origin.fingerprint, origin.layer);
        Err(Error::Encoded {
            modality,
            found: name(found),
            expected: name(&expected),
        })
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
    let cut = text.caption.cut.as_ref().map(|cut| Warning::CaptionCut {
        left_out: text
            .caption
            .text
            .get(cut.span.clone())
            .unwrap_or_default()
            .into(),
        tokens: cut.tokens,
        positions: cut.positions,
    });
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
    [cut, dominates, flat].into_iter().flatten().collect()
}

/// A tensor's values on the host, all of them finite.
pub(crate) fn host<const D: usize>(tensor: Tensor<D>, modality: Modality) -> Result<Vec<f32>> {
    let failed = |source| Error::Bottleneck { modality, source };
    let values = tensor.try_into_vec_as::<f32>().map_err(|error| {
        failed(m2ib_core::Error::Device {
            reason: error.to_string(),
        })
    })?;
    if values.iter().all(|value| value.is_finite()) {
        Ok(values)
    } else {
        let what = "the model's output";
        Err(failed(m2ib_core::Error::NotFinite { what, step: 0 }))
    }
}

//! The main job: an image and a caption in, an [`Attribution`] out.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use clip_input::Pictured;
use clip_model::DualEncoder;
use m2ib_core::{Fit, Lanes, Solution};

use crate::builder::{ExplainerBuilder, Side};
use crate::encoded::{EncodedImage, EncodedText};
use crate::progress::{OnStep, unwatched};
use crate::provenance::picture_name;
use crate::shifts::Shifted;
use crate::solving::Tell;
use crate::warnings::{Explained, of_picture, ranked, warnings};
use crate::{
    Asked, Attribution, Calibration, Calibrator, Fits, ImageAttribution, Modality,
    ModalitySettings, ModelSource, Provenance, Quantity, Rank, Result, RoleScore, TextAttribution,
    Unit, Warning,
};

/// Explains image–caption pairs with one model and fixed settings.
///
/// A clone is the same explainer: nothing is copied, and both may be used side by side.
///
/// # Threads
/// It is `Send` and `Sync`, and computes on the threads that the process has for it, one set for all explainers
/// and calls ([`Lanes`]), made when it is first needed: as many as there are cores, or as
/// [`threads`](crate::ExplainerBuilder::threads), `RAYON_NUM_THREADS` or the caller's
/// [`Scope`](m2ib_core::Scope) says. A call returns when its work is done; several threads may call at once, and
/// share those threads, so that many calls end no sooner than one after another would. Where many pairs are at
/// hand, [`attribute_many`](Self::attribute_many) takes a thread a pair and is the fastest. A call from a thread
/// of a rayon pool works on that thread alone. On other devices than a CPU, calls queue there.
///
/// Work stops at its next step where the callback that is told of steps says [`ControlFlow::Break`](std::ops::ControlFlow::Break), or where a
/// [`Stop`](m2ib_core::Stop) of the caller's scope is told to: both give [`Error::Stopped`](crate::Error::Stopped).
#[derive(Debug, Clone)]
pub struct Explainer {
    pub(crate) model: Arc<DualEncoder>,
    pub(crate) image: Arc<Side>,
    pub(crate) text: Arc<Side>,
    pub(crate) seed: u64,
    pub(crate) provenance: Arc<Provenance>,
    /// As was asked for; as many as there are if nothing was.
    pub(crate) threads: Option<NonZeroUsize>,
    /// What one pair's grids, or samples, are shared out over: the image's, and the text's.
    pub(crate) image_lanes: Lanes,
    pub(crate) text_lanes: Lanes,
    /// What takes whole pairs and images, of many.
    pub(crate) pair_lanes: Lanes,
}

impl Explainer {
    /// Starts from a model, wherever it comes from: a folder, a name on the hub, "emoji", files, or a model
    /// that is loaded already. The defaults are the same for the same weights.
    pub fn builder(source: impl Into<ModelSource>) -> ExplainerBuilder {
        ExplainerBuilder::new(source.into())
    }

    /// Loads a model's folder on the preferred backend.
    ///
    /// # Errors
    /// [`Error::Model`](crate::Error::Model) for whatever is wrong with the folder, by file.
    pub fn from_folder(folder: impl AsRef<Path>) -> Result<Self> {
        Self::builder(folder.as_ref()).build()
    }

    /// Downloads a model from the Hugging Face hub, or finds it in the cache, and loads it on the
    /// preferred backend. `id` is `owner/name`, or
    /// `owner/name@revision`.
    ///
    /// The environment is heeded as by Hugging Face's own tools: `HF_ENDPOINT`, `HF_HOME`,
    /// `HF_TOKEN`, `HF_HUB_OFFLINE`. For a progress bar or other settings, use
    /// [`hub::fetch`](crate::hub::fetch) and [`DualEncoder::from_files`].
    ///
    /// # Errors
    /// [`Error::Hub`](crate::Error::Hub) if it cannot be had, [`Error::Model`](crate::Error::Model) if it cannot be loaded.
    #[cfg(feature = "hub")]
    pub fn from_pretrained(id: &str) -> Result<Self> {
        Self::builder(ModelSource::Hub(id.into())).build()
    }

    /// The embedded emoji model on the preferred backend, with its calibration. It is a toy for trying things
    /// out, which knows drawn scenes of emoji and nothing else, as a warning of every explanation says; a
    /// photograph gets [another](crate::Warning::Unlike).
    ///
    /// # Errors
    /// [`Error::Backend`](crate::Error::Backend) if no backend is compiled in.
    #[cfg(feature = "emoji")]
    pub fn emoji() -> Result<Self> {
        Self::builder(ModelSource::Emoji).build()
    }

    /// The model.
    pub fn model(&self) -> &DualEncoder {
        &self.model
    }

    /// The settings of one modality.
    pub fn settings(&self, modality: Modality) -> &ModalitySettings {
        &self.side(modality).settings
    }

    /// What a modality's saliency is measured in.
    pub fn unit(&self, modality: Modality) -> Unit {
        match self.settings(modality).bottleneck.quantity {
            Quantity::Nats => Unit::Nats,
            Quantity::Share | Quantity::MeanShare => Unit::Share,
        }
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
    /// [`Error::Model`](crate::Error::Model) for a caption without words, [`Error::Bottleneck`](crate::Error::Bottleneck) for numbers that are
    /// not finite.
    pub fn attribute(&self, image: &impl Pictured, text: &str) -> Result<Attribution> {
        // The caption first: what is wrong with it is known at once.
        let text = self.encode_text(text)?;
        self.attribute_encoded(&self.encode_image(image)?, &text)
    }

    /// Explains an encoded image against an encoded caption.
    ///
    /// # Errors
    /// [`Error::Encoded`](crate::Error::Encoded) for encodings of another model or layer, [`Error::Bottleneck`](crate::Error::Bottleneck).
    pub fn attribute_encoded(
        &self,
        image: &EncodedImage,
        text: &EncodedText,
    ) -> Result<Attribution> {
        let fits = Fits::of_pair(&image.embedding, &text.embedding);
        self.attribute_with(image, text, &fits, &mut unwatched)
    }

    /// As [`attribute_encoded`](Self::attribute_encoded), by what `fits` want of the embeddings, and tells of
    /// every step; the answer is whether to go on.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// # use m2ib::{Error, Explainer, Fits, emoji};
    /// # let explainer = Explainer::emoji()?;
    /// # let image = m2ib::decode_image(emoji::SCENES[0].png, "scene0.png")?;
    /// let image = explainer.encode_image(&image)?;
    /// let text = explainer.encode_text("a photo of a piano")?;
    /// let fits = Fits::of_pair(&image.embedding, &text.embedding);
    /// let result = explainer.attribute_with(&image, &text, &fits, &mut |progress| {
    ///     match progress.step {
    ///         1 => ControlFlow::Continue(()),
    ///         _ => ControlFlow::Break(()), // nobody waits for it any more
    ///     }
    /// });
    /// assert!(matches!(result, Err(Error::Stopped)));
    /// # Ok::<(), m2ib::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`attribute_encoded`](Self::attribute_encoded), and for fits of another width; [`Error::Stopped`](crate::Error::Stopped).
    pub fn attribute_with(
        &self,
        image: &EncodedImage,
        text: &EncodedText,
        fits: &Fits,
        progress: &mut OnStep<'_>,
    ) -> Result<Attribution> {
        let lanes = [self.image_lanes, self.text_lanes];
        self.watched(progress, |told| {
            self.explain(image, text, fits, lanes, told)
        })
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
        self.scoped(|| {
            let solutions = self.solve_image(image, fit, self.image_lanes, &mut |_| {})?;
            Ok(self.image_attribution(image, solutions))
        })
    }

    /// Which tokens carry what `fit` wants of the caption's embedding.
    ///
    /// # Errors
    /// As [`attribute_with`](Self::attribute_with).
    pub fn attribute_text(&self, text: &EncodedText, fit: Arc<dyn Fit>) -> Result<TextAttribution> {
        self.check_text(text)?;
        self.scoped(|| {
            let solution = self.solve_text(text, fit, self.text_lanes, &mut |_| {})?;
            Ok(self.text_attribution(text, solution))
        })
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
    /// [`Error::Model`](crate::Error::Model) for the first image or caption that fails, [`Error::TooFewSamples`](crate::Error::TooFewSamples).
    pub fn calibrate<'a, P: Pictured + 'a>(
        &self,
        images: impl IntoIterator<Item = &'a P>,
        captions: impl IntoIterator<Item = &'a str>,
    ) -> Result<Calibration> {
        let mut calibrator = Calibrator::new(&self.model);
        self.scoped(|| {
            images
                .into_iter()
                .try_for_each(|image| calibrator.add_image(image))?;
            captions
                .into_iter()
                .try_for_each(|caption| calibrator.add_caption(caption))
        })?;
        calibrator.finish()
    }

    /// Explains a pair, the image's side shared out over the first lanes, the text's over the second.
    pub(crate) fn explain(
        &self,
        image: &EncodedImage,
        text: &EncodedText,
        fits: &Fits,
        [image_lanes, text_lanes]: [Lanes; 2],
        progress: &mut Tell<'_>,
    ) -> Result<Attribution> {
        let similarity = self.similarity(image, text)?;
        let by_image = self.solve_image(image, fits.image.clone(), image_lanes, progress)?;
        let by_text = self.solve_text(text, fits.text.clone(), text_lanes, progress)?;
        let mut attribution = self.attribution(image, text, similarity, by_image, by_text)?;
        attribution.provenance.fits = fits.record();
        Ok(attribution)
    }

    /// The solutions as maps over patches and tokens.
    pub(crate) fn attribution(
        &self,
        image: &EncodedImage,
        text: &EncodedText,
        similarity: f32,
        by_image: Vec<Solution>,
        by_text: Solution,
    ) -> Result<Attribution> {
        let of_image = self.image_attribution(image, by_image);
        let of_text = self.text_attribution(text, by_text);
        self.finish(image, similarity, of_image, of_text)
    }

    /// Both sides with what is to be said of them.
    pub(crate) fn finish(
        &self,
        encoded: &EncodedImage,
        similarity: f32,
        image: ImageAttribution,
        text: TextAttribution,
    ) -> Result<Attribution> {
        let (rank, mut warnings) = warnings(&Explained {
            model: &self.model,
            facts: &encoded.facts,
            embedding: &encoded.embedding,
            similarity,
            image: &image,
            text: &text,
        })?;
        // With two sides it makes next to no difference.
        let two_sided = self.image.settings.bottleneck.two_sided();
        let own = self.image.noise.is_none() && !two_sided;
        warnings.extend(own.then_some(Warning::OwnStatistics));
        Ok(Attribution {
            image,
            text,
            similarity,
            probability: self.model.probability(similarity),
            rank,
            warnings,
            asked: Asked::default(),
            provenance: Provenance {
                picture: picture_name(&encoded.facts),
                ..(*self.provenance).clone()
            },
        })
    }

    /// Where a caption lies among captions of other things (those of
    /// [`bank`](ExplainerBuilder::bank), if any were given), and a warning where they fit the image as
    /// well. No place where there is no other caption.
    ///
    /// # Errors
    /// As [`similarity`](Self::similarity).
    pub fn rank(
        &self,
        image: &EncodedImage,
        text: &EncodedText,
    ) -> Result<(Option<Rank>, Option<Warning>)> {
        let similarity = self.similarity(image, text)?;
        let caption = &text.caption.text;
        self.scoped(|| ranked(&self.model, &image.embedding, caption, similarity))
    }

    /// What is to be said of an image before anything is asked about it.
    pub fn warnings(&self, image: &EncodedImage) -> Vec<Warning> {
        of_picture(&self.model, &image.facts)
    }

    pub(crate) fn image_attribution(
        &self,
        image: &EncodedImage,
        solutions: Vec<Solution>,
    ) -> ImageAttribution {
        let settings = self.settings(Modality::Image);
        let shifted = Shifted::new(settings.shifts, solutions);
        let (map, others) = shifted.saliency(&image.layout, settings.bottleneck.quantity);
        let roles = image.layout.tokens.iter().filter(|role| !role.is_input());
        let others = roles.zip(others);
        let others = others.map(|(&role, saliency)| RoleScore { role, saliency });
        let unit = self.unit(Modality::Image);
        let mut image = ImageAttribution::new(map, unit, image.input_size, image.view);
        image.shifts = settings.shifts;
        image.others = others.collect();
        image.trace = shifted.trace();
        image
    }

    pub(crate) fn text_attribution(
        &self,
        text: &EncodedText,
        solution: Solution,
    ) -> TextAttribution {
        let quantity = self.settings(Modality::Text).bottleneck.quantity;
        let mut saliency = solution.saliency(quantity).to_vec();
        // What was not masked passed nothing of its own.
        saliency.resize(text.layout.tokens.len(), 0.0);
        TextAttribution {
            caption: text.caption.clone(),
            saliency,
            read: text.layout.read.clone(),
            unit: self.unit(Modality::Text),
            trace: solution.trace,
        }
    }
}

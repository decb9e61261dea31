//! The main job: an image and a caption in, an [`Attribution`] out.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::Tensor;
use clip_input::{Layout, Pictured};
use clip_model::DualEncoder;
use m2ib_core::{Fit, Lanes, NoiseModel, Problem, Readout, SeededNoise, Solution, Step};

use crate::builder::{ExplainerBuilder, Side};
use crate::calibration::Statistics;
use crate::encoded::{EncodedImage, EncodedText, host};
use crate::readout::{PaddedReadout, TowerReadout};
use crate::shifts::{self, Shifted};
use crate::warnings::{Explained, of_picture, ranked, warnings};
use crate::{
    Asked, Attribution, Backend, Calibration, Calibrator, Error, Fits, ImageAttribution, Layer,
    Modality, ModalitySettings, Provenance, Quantity, Rank, Result, RoleScore, TextAttribution,
    Unit, Warning,
};

/// Explains image–caption pairs with one model and fixed settings.
#[derive(Debug)]
pub struct Explainer {
    pub(crate) model: DualEncoder,
    pub(crate) image: Side,
    pub(crate) text: Side,
    pub(crate) seed: u64,
    pub(crate) provenance: Provenance,
    /// What one pair's grids, or samples, are shared out over: the image's, and the text's.
    pub(crate) image_lanes: Lanes,
    pub(crate) text_lanes: Lanes,
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

/// Problems' reports, until all have made theirs of a step.
struct Told<'a> {
    modality: Modality,
    problems: usize,
    /// By step.
    reports: Vec<Vec<Step>>,
    progress: &'a mut (dyn FnMut(Progress) + Send),
}

impl Told<'_> {
    /// `step` counts from 0.
    fn tell(&mut self, step: usize, report: Step) {
        let reports = &mut self.reports[step];
        reports.push(report);
        if reports.len() == self.problems {
            (self.progress)(Progress {
                modality: self.modality,
                step: step + 1,
                steps: self.reports.len(),
                report: shifts::mean(self.reports[step].iter().copied()),
            });
        }
    }
}

impl Explainer {
    /// Starts from a loaded model; see [`ExplainerBuilder`].
    pub fn builder(model: DualEncoder) -> ExplainerBuilder {
        ExplainerBuilder::new(model)
    }

    /// Loads a Hugging Face folder on the preferred backend.
    ///
    /// # Errors
    /// [`Error::Model`] for whatever is wrong with the folder, by file.
    pub fn from_folder(folder: impl AsRef<Path>) -> Result<Self> {
        let device = Backend::preferred()?.device()?;
        Self::builder(DualEncoder::load(folder, &device)?).build()
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
    /// [`Error::Hub`] if it cannot be had, [`Error::Model`] if it cannot be loaded.
    #[cfg(feature = "hub")]
    pub fn from_pretrained(id: &str) -> Result<Self> {
        let device = Backend::preferred()?.device()?;
        let files = crate::hub::fetch(id, &crate::hub::HubOptions::from_env(), None)?;
        Self::builder(DualEncoder::from_files(&files, &device)?).build()
    }

    /// The embedded emoji model on the preferred backend, with its calibration.
    ///
    /// # Errors
    /// [`Error::Backend`] if no backend is compiled in.
    #[cfg(feature = "emoji")]
    pub fn emoji() -> Result<Self> {
        let device = Backend::preferred()?.device()?;
        Self::builder(crate::emoji::pretrained(&device)?)
            .calibration(crate::emoji::calibration()?)
            .build()
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
    /// [`Error::Model`] for a caption without words, [`Error::Bottleneck`] for numbers that are
    /// not finite.
    pub fn attribute(&self, image: &impl Pictured, text: &str) -> Result<Attribution> {
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
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Attribution> {
        self.explain(
            image,
            text,
            fits,
            [self.image_lanes, self.text_lanes],
            progress,
        )
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
        let solutions = self.solve_image(image, fit, self.image_lanes, &mut |_| {})?;
        Ok(self.image_attribution(image, solutions))
    }

    /// Which tokens carry what `fit` wants of the caption's embedding.
    ///
    /// # Errors
    /// As [`attribute_with`](Self::attribute_with).
    pub fn attribute_text(&self, text: &EncodedText, fit: Arc<dyn Fit>) -> Result<TextAttribution> {
        self.check_text(text)?;
        let solution = self.solve_text(text, fit, self.text_lanes, &mut |_| {})?;
        Ok(self.text_attribution(text, solution))
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
    pub fn calibrate<'a, P: Pictured + 'a>(
        &self,
        images: impl IntoIterator<Item = &'a P>,
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

    /// Explains a pair, the image's side shared out over the first lanes, the text's over the second.
    pub(crate) fn explain(
        &self,
        image: &EncodedImage,
        text: &EncodedText,
        fits: &Fits,
        [image_lanes, text_lanes]: [Lanes; 2],
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Attribution> {
        let similarity = self.similarity(image, text)?;
        let by_image = self.solve_image(image, fits.image.clone(), image_lanes, progress)?;
        let by_text = self.solve_text(text, fits.text.clone(), text_lanes, progress)?;
        let mut attribution = self.attribution(image, text, similarity, by_image, by_text)?;
        attribution.provenance.fits = fits.record();
        Ok(attribution)
    }

    pub(crate) fn solve_image(
        &self,
        image: &EncodedImage,
        fit: Arc<dyn Fit>,
        lanes: Lanes,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Vec<Solution>> {
        let problems = self.image_problems(image, fit)?;
        let readout = self.readout(Modality::Image, &image.layout);
        self.solve(Modality::Image, &problems, &readout, lanes, progress)
    }

    pub(crate) fn solve_text(
        &self,
        text: &EncodedText,
        fit: Arc<dyn Fit>,
        lanes: Lanes,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Solution> {
        let problems = [self.text_problem(text, fit)?];
        let readout = self.text_readout(&[text]);
        let mut solutions = self.solve(Modality::Text, &problems, &*readout, lanes, progress)?;
        Ok(solutions.remove(0))
    }

    /// How many of a caption's tokens, from the first on, are masked. Padding is none of them at the
    /// embedding, where it holds nothing of the caption; behind blocks that saw both, it does.
    fn masked(&self, text: &EncodedText) -> usize {
        match self.settings(Modality::Text).layer {
            Layer::Embedding => text.layout.unpadded(),
            Layer::Block(_) => text.layout.tokens.len(),
        }
    }

    /// The text tower behind the mask, for captions of one layout.
    ///
    /// # Panics
    /// For no captions.
    pub(crate) fn text_readout<'a>(&'a self, texts: &[&'a EncodedText]) -> Box<dyn Readout + 'a> {
        let layout = &texts[0].layout;
        let readout = self.readout(Modality::Text, layout);
        let (masked, tokens) = (self.masked(texts[0]), layout.tokens.len());
        if masked == tokens {
            return Box::new(readout);
        }
        let padding = |text: &&EncodedText| text.latent.clone().narrow(1, masked, tokens - masked);
        let padding = Tensor::cat(texts.iter().map(padding).collect(), 0);
        Box::new(PaddedReadout { readout, padding })
    }

    pub(crate) fn readout<'a>(
        &'a self,
        modality: Modality,
        layout: &'a Layout,
    ) -> TowerReadout<'a> {
        TowerReadout {
            tower: match modality {
                Modality::Image => self.model.image(),
                Modality::Text => self.model.text(),
            },
            start: self.settings(modality).layer.next_block(),
            layout,
        }
    }

    /// One for each of the image's grids.
    pub(crate) fn image_problems(
        &self,
        image: &EncodedImage,
        fit: Arc<dyn Fit>,
    ) -> Result<Vec<Problem>> {
        let noise_model = match &self.image.noise {
            Some(noise) => noise.clone(),
            None => own_statistics(image)?,
        };
        // Each grid has noise of its own, so that the mean over them has less of it.
        let problem = |(stream, latent): (usize, &Tensor<3>)| Problem {
            latent: latent.clone(),
            noise_model: noise_model.clone(),
            fit: fit.clone(),
            stream,
        };
        Ok(image.latents.iter().enumerate().map(problem).collect())
    }

    pub(crate) fn text_problem(&self, text: &EncodedText, fit: Arc<dyn Fit>) -> Result<Problem> {
        let noise_model = self.text.noise.clone().ok_or(Error::CalibrationNeeded)?;
        Ok(Problem {
            latent: text.latent.clone().narrow(1, 0, self.masked(text)),
            noise_model,
            fit,
            stream: 0,
        })
    }

    pub(crate) fn noise(&self, modality: Modality) -> SeededNoise {
        self.noise_of(modality, self.seed)
    }

    pub(crate) fn noise_of(&self, modality: Modality, seed: u64) -> SeededNoise {
        let sampling = self.settings(modality).sampling;
        SeededNoise::new(seed, modality as u16).with_sampling(sampling)
    }

    fn solve(
        &self,
        modality: Modality,
        problems: &[Problem],
        readout: &dyn Readout,
        lanes: Lanes,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Vec<Solution>> {
        let bottleneck = &self.side(modality).bottleneck;
        let noise = self.noise(modality);
        let told = Mutex::new(Told {
            modality,
            problems: problems.len(),
            reports: vec![Vec::new(); bottleneck.settings().steps],
            progress,
        });
        // Problems know nothing of each other: on a lane of its own, none waits for another's step.
        let groups: Vec<_> = problems
            .chunks(problems.len().div_ceil(lanes.count()).max(1))
            .collect();
        let within = match groups.len() {
            1 => lanes,
            _ => Lanes::one(),
        };
        let solve = |group: &[Problem]| {
            let mut steps = vec![0; group.len()];
            let mut on_step = |problem: usize, report: &Step| {
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                told.tell(steps[problem], *report);
                steps[problem] += 1;
            };
            bottleneck
                .clone()
                .with_lanes(within)
                .solve_many(group, readout, &noise, &mut on_step)
        };
        let solved = match groups.len() {
            1 => vec![solve(problems)],
            _ => lanes.map(groups, solve),
        };
        let failed = |source| Error::of_bottleneck(modality, source);
        let mut solutions = Vec::with_capacity(problems.len());
        for group in solved {
            for solution in group.map_err(failed)? {
                solutions.push(solution.map_err(failed)?);
            }
        }
        Ok(solutions)
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
            provenance: self.provenance.clone(),
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
        ranked(&self.model, &image.embedding, caption, similarity)
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

/// Noise matched to an image's own patches, those of all its grids, where there is no calibration.
fn own_statistics(image: &EncodedImage) -> Result<NoiseModel> {
    let latents = Tensor::cat(image.latents.clone(), 0);
    let [grids, tokens, width] = latents.dims();
    let values = host(latents, "the image's hidden state")?;
    let inputs = image.layout.inputs();
    let rows = (0..grids).flat_map(|grid| inputs.iter().map(move |input| grid * tokens + input));
    let rows = rows.map(|row| &values[row * width..(row + 1) * width]);
    Ok(Statistics::of_rows(rows, width).noise_model())
}

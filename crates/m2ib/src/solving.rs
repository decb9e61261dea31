//! A pair's bottlenecks: what is masked, by which noise, and the lanes that solve them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use burn::tensor::Tensor;
use clip_input::Layout;
use m2ib_core::{Fit, Lanes, NoiseModel, Problem, Readout, SeededNoise, Solution, Step};

use crate::calibration::Statistics;
use crate::encoded::{EncodedImage, EncodedText, host};
use crate::readout::{PaddedReadout, TowerReadout};
use crate::{Error, Explainer, Layer, Modality, Progress, Result, shifts};

/// What is told of every step.
pub(crate) type Tell<'a> = dyn FnMut(Progress) + Send + 'a;

/// Problems' reports, until all have made theirs of a step.
struct Told<'a> {
    modality: Modality,
    problems: usize,
    /// By step.
    reports: Vec<Vec<Step>>,
    progress: &'a mut Tell<'a>,
}

impl Told<'_> {
    /// `step` counts from 0.
    fn tell(&mut self, step: usize, report: Step) {
        let reports = &mut self.reports[step];
        reports.push(report);
        tracing::trace!(
            "{}, step {}: compression {}, fit {}, total {}",
            self.modality,
            step + 1,
            report.compression,
            report.fit,
            report.total
        );
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
    pub(crate) fn solve_image(
        &self,
        image: &EncodedImage,
        fit: Arc<dyn Fit>,
        lanes: Lanes,
        progress: &mut Tell<'_>,
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
        progress: &mut Tell<'_>,
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
        progress: &mut Tell<'_>,
    ) -> Result<Vec<Solution>> {
        let begun = Instant::now();
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
        tracing::debug!(
            "{modality}: {} bottlenecks of {} steps on {} lanes in {:.3} s",
            problems.len(),
            bottleneck.settings().steps,
            lanes.count(),
            begun.elapsed().as_secs_f64()
        );
        let failed = |source| Error::of_bottleneck(modality, source);
        let mut solutions = Vec::with_capacity(problems.len());
        for group in solved {
            for solution in group.map_err(failed)? {
                solutions.push(solution.map_err(failed)?);
            }
        }
        Ok(solutions)
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

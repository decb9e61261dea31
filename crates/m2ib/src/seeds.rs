//! How sure is a map? The same pair by several seeds, encoded once.
//!
//! On a CPU every lane takes whole seeds, as it takes whole pairs of many; elsewhere seeds are solved in
//! batches. Each has the noise that a run with that seed alone has.

use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, Mutex, PoisonError};

use m2ib_attribution::Averaged;
use m2ib_core::{BATCH_ROWS, Fit, Lanes, Problem, Readout, Seeds, Solution, Step};
use ndarray::Array2;

use crate::progress::OnStep;
use crate::solving::Tell;
use crate::{
    Attribution, Backend, EncodedImage, EncodedText, Error, Explainer, Fits, ImageAttribution,
    Modality, Progress, Result, TextAttribution, shifts,
};

/// How many seeds say something of how sure a map is.
pub const SEEDS: RangeInclusive<usize> = 2..=1000;

impl Explainer {
    /// Explains a pair by several seeds, the explainer's own and those that follow it: the map and the
    /// words are the means, and [`Spread`](crate::Spread) says how much the seeds differ.
    ///
    /// # Errors
    /// [`Error::Seeds`] for fewer than two or more than a thousand; as
    /// [`attribute_with`](Self::attribute_with).
    pub fn attribute_seeds(
        &self,
        image: &EncodedImage,
        text: &EncodedText,
        fits: &Fits,
        seeds: usize,
        progress: &mut OnStep<'_>,
    ) -> Result<Attribution> {
        self.watched(progress, |told| {
            self.explain_seeds(image, text, fits, seeds, told)
        })
    }

    pub(crate) fn explain_seeds(
        &self,
        image: &EncodedImage,
        text: &EncodedText,
        fits: &Fits,
        seeds: usize,
        progress: &mut Tell<'_>,
    ) -> Result<Attribution> {
        let similarity = self.similarity(image, text)?;
        let images = self.image_seeds(image, fits.image.clone(), seeds, progress)?;
        let texts = self.text_seeds(text, fits.text.clone(), seeds, progress)?;
        let maps: Vec<&Array2<f32>> = images.iter().map(ImageAttribution::saliency).collect();
        let seeds = (0..seeds as u64).map(|seed| self.seed.wrapping_add(seed));
        let averaged = Averaged::of(seeds.collect(), &maps, &texts.iter().collect::<Vec<_>>());
        let (of_image, of_text) = (mean_image(&images), mean_text(&texts));
        let mut attribution = self.finish(image, similarity, of_image, of_text)?;
        attribution.provenance.fits = fits.record();
        attribution.asked.spread = Some(averaged.spread);
        Ok(attribution)
    }

    /// One map a seed.
    pub(crate) fn image_seeds(
        &self,
        image: &EncodedImage,
        fit: Arc<dyn Fit>,
        seeds: usize,
        progress: &mut Tell<'_>,
    ) -> Result<Vec<ImageAttribution>> {
        self.check_image(image)?;
        let problems = self.image_problems(image, fit)?;
        let readout = self.readout(Modality::Image, &image.layout);
        let readout = |_: usize| -> Box<dyn Readout + '_> { Box::new(readout) };
        let rows = image.layout.tokens.len();
        let solved =
            self.by_each_seed(Modality::Image, &problems, readout, rows, seeds, progress)?;
        let solved = solved.into_iter();
        Ok(solved
            .map(|solutions| self.image_attribution(image, solutions))
            .collect())
    }

    /// One caption's scores a seed.
    pub(crate) fn text_seeds(
        &self,
        text: &EncodedText,
        fit: Arc<dyn Fit>,
        seeds: usize,
        progress: &mut Tell<'_>,
    ) -> Result<Vec<TextAttribution>> {
        self.check_text(text)?;
        let problems = [self.text_problem(text, fit)?];
        // Padding stands behind each problem.
        let readout = |problems: usize| self.text_readout(&vec![text; problems]);
        let rows = text.layout.tokens.len();
        let solved =
            self.by_each_seed(Modality::Text, &problems, readout, rows, seeds, progress)?;
        let solved = solved.into_iter();
        let one = |mut solutions: Vec<Solution>| self.text_attribution(text, solutions.remove(0));
        Ok(solved.map(one).collect())
    }

    fn by_each_seed<'a>(
        &self,
        modality: Modality,
        problems: &[Problem],
        readout: impl Fn(usize) -> Box<dyn Readout + 'a> + Sync,
        tokens: usize,
        seeds: usize,
        progress: &mut Tell<'_>,
    ) -> Result<Vec<Vec<Solution>>> {
        if !SEEDS.contains(&seeds) {
            return Err(Error::Seeds { found: seeds });
        }
        let together = match Backend::host_threads(&self.model.device()) {
            Some(_) => 1,
            None => {
                let settings = self.side(modality).bottleneck.settings();
                let reads = settings.samples * (1 + usize::from(settings.two_sided()));
                (BATCH_ROWS / (tokens * reads * problems.len())).max(1)
            }
        };
        self.seeds_together(modality, problems, readout, seeds, together, progress)
    }

    /// So many seeds a batch.
    fn seeds_together<'a>(
        &self,
        modality: Modality,
        problems: &[Problem],
        readout: impl Fn(usize) -> Box<dyn Readout + 'a> + Sync,
        seeds: usize,
        together: usize,
        progress: &mut Tell<'_>,
    ) -> Result<Vec<Vec<Solution>>> {
        let bottleneck = self.side(modality).bottleneck.clone();
        let bottleneck = bottleneck.with_lanes(Lanes::one());
        let steps = bottleneck.settings().steps;
        let streams = problems.len();
        let progress = Mutex::new(progress);
        let solve = |group: Range<usize>| -> Result<Vec<Vec<Solution>>> {
            let sources = group
                .clone()
                .map(|seed| self.noise_of(modality, self.seed.wrapping_add(seed as u64)));
            let noise = Seeds::new(sources.collect(), streams);
            let all = (0..group.len()).flat_map(|seed| {
                problems.iter().map(move |problem| Problem {
                    stream: problem.stream + seed * streams,
                    ..problem.clone()
                })
            });
            let all: Vec<Problem> = all.collect();
            let mut told = Told::new(all.len(), streams);
            let mut on_step = |problem: usize, report: &Step| {
                if let Some((step, report)) = told.add(problem, *report) {
                    let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
                    (*progress)(Progress {
                        modality,
                        step,
                        steps,
                        report,
                    });
                }
            };
            let readout = readout(all.len());
            let solved = bottleneck.solve_many(&all, &*readout, &noise, &mut on_step);
            let failed = |source| Error::of_bottleneck(modality, source);
            let solved = solved.map_err(failed)?.into_iter();
            let mut solved = solved.map(|solution| solution.map_err(failed));
            group
                .map(|_| solved.by_ref().take(streams).collect::<Result<Vec<_>>>())
                .collect()
        };
        let groups = (0..seeds).step_by(together.max(1));
        let groups = groups.map(|begin| begin..seeds.min(begin + together));
        let solved = self.pair_lanes.map(groups.collect(), solve);
        let solved = solved.into_iter().collect::<Result<Vec<_>>>()?;
        Ok(solved.into_iter().flatten().collect())
    }
}

/// Reports of problems that are one together (a seed's, a word's), until all have made theirs of a step.
pub(crate) struct Told {
    streams: usize,
    /// Steps that each problem has made.
    steps: Vec<usize>,
    /// Of the step that each of them is at.
    reports: Vec<Vec<Step>>,
}

impl Told {
    pub(crate) fn new(problems: usize, streams: usize) -> Self {
        Self {
            streams,
            steps: vec![0; problems],
            reports: vec![Vec::new(); problems / streams],
        }
    }

    /// The step, from 1, and the mean of its reports, when it is the last of those together.
    pub(crate) fn add(&mut self, problem: usize, report: Step) -> Option<(usize, Step)> {
        self.steps[problem] += 1;
        let reports = &mut self.reports[problem / self.streams];
        reports.push(report);
        (reports.len() == self.streams).then(|| {
            let mean = shifts::mean(std::mem::take(reports).into_iter());
            (self.steps[problem], mean)
        })
    }
}

/// The mean of maps of one image, those of its other tokens and its traces included.
///
/// # Panics
/// For none.
pub fn mean_image(all: &[ImageAttribution]) -> ImageAttribution {
    let count = all.len() as f32;
    let sum = all
        .iter()
        .skip(1)
        .fold(all[0].saliency().clone(), |sum, side| sum + side.saliency());
    let mut mean = all[0].clone().with_saliency(sum / count);
    for (place, other) in mean.others.iter_mut().enumerate() {
        other.saliency = all
            .iter()
            .map(|side| side.others[place].saliency)
            .sum::<f32>()
            / count;
    }
    mean.trace = mean_trace(all.iter().map(|side| &side.trace[..]).collect());
    mean
}

/// The mean of one caption's scores, and of its traces.
///
/// # Panics
/// For none.
pub fn mean_text(all: &[TextAttribution]) -> TextAttribution {
    let mut mean = all[0].clone();
    for (place, saliency) in mean.saliency.iter_mut().enumerate() {
        *saliency = all.iter().map(|side| side.saliency[place]).sum::<f32>() / all.len() as f32;
    }
    mean.trace = mean_trace(all.iter().map(|side| &side.trace[..]).collect());
    mean
}

fn mean_trace(traces: Vec<&[Step]>) -> Vec<Step> {
    let steps = traces.iter().map(|trace| trace.len()).min().unwrap_or(0);
    let mean = |step: usize| shifts::mean(traces.iter().map(|trace| trace[step]));
    (0..steps).map(mean).collect()
}

#[cfg(test)]
#[cfg(all(feature = "cpu", feature = "emoji"))]
mod tests {
    use super::*;
    use crate::progress::unwatched;
    use crate::{Preset, emoji};

    fn explainer(preset: Preset, seed: u64) -> Explainer {
        let model = emoji::pretrained(&Backend::Cpu.device().unwrap()).unwrap();
        let builder = Explainer::builder(model).preset(preset).seed(seed);
        builder.steps(3).build().unwrap()
    }

    fn pair(explainer: &Explainer) -> (EncodedImage, EncodedText) {
        let image = crate::decode_image(emoji::SCENES[0].png, "scene").unwrap();
        let text = explainer.encode_text("a photo of a piano").unwrap();
        (explainer.encode_image(&image).unwrap(), text)
    }

    /// Whatever the batch, a seed has what it has alone; the mean and the deviation are theirs.
    #[test]
    fn seeds_are_what_runs_with_them_are() {
        for preset in [Preset::Fine, Preset::Fast] {
            let explainer = explainer(preset, 4);
            let (image, text) = pair(&explainer);
            let fits = Fits::of_pair(&image.embedding, &text.embedding);
            let alone: Vec<Attribution> = (4..7)
                .map(|seed| {
                    let explainer = self::explainer(preset, seed);
                    let (image, text) = pair(&explainer);
                    explainer.attribute_encoded(&image, &text).unwrap()
                })
                .collect();
            let problems = explainer
                .image_problems(&image, fits.image.clone())
                .unwrap();
            for together in [1, 2, 3] {
                let readout = |_: usize| -> Box<dyn Readout + '_> {
                    Box::new(explainer.readout(Modality::Image, &image.layout))
                };
                let mut told = 0;
                let solved = explainer
                    .seeds_together(
                        Modality::Image,
                        &problems,
                        readout,
                        3,
                        together,
                        &mut |_| {
                            told += 1;
                        },
                    )
                    .unwrap();
                assert_eq!((solved.len(), told), (3, 9));
                for (solutions, alone) in solved.into_iter().zip(&alone) {
                    let map = explainer.image_attribution(&image, solutions);
                    for (found, expected) in map.saliency().iter().zip(alone.image.saliency()) {
                        assert!((found - expected).abs() < 1e-3 * expected.abs().max(1.0));
                    }
                }
            }
            let all = explainer
                .attribute_seeds(&image, &text, &fits, 3, &mut unwatched)
                .unwrap();
            let spread = all.asked.spread.unwrap();
            assert_eq!(spread.seeds, [4, 5, 6]);
            assert_eq!(spread.image.maps.len(), 3);
            for (map, alone) in spread.image.maps.iter().zip(&alone) {
                for (found, expected) in map.iter().zip(alone.image.saliency()) {
                    assert!((found - expected).abs() < 1e-3 * expected.abs().max(1.0));
                }
            }
            for (place, mean) in all.image.saliency().indexed_iter() {
                let values = alone.iter().map(|one| one.image.saliency()[place]);
                let expected = values.clone().sum::<f32>() / 3.0;
                assert!((mean - expected).abs() < 1e-3, "{mean} {expected}");
                let square = values.map(|value| (value - expected).powi(2)).sum::<f32>() / 2.0;
                let deviation = spread.image.deviation[place];
                assert!((deviation - square.sqrt()).abs() < 2e-3, "{deviation}");
            }
            assert!(spread.image.deviation.iter().any(|&it| it > 1e-3));
            let words = all.text.words().len();
            assert_eq!(
                (spread.text.words.len(), spread.text.strongest.len()),
                (words, words)
            );
            assert!((spread.text.strongest.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn a_number_of_seeds_that_says_nothing_is_refused() {
        let explainer = explainer(Preset::Fast, 0);
        let (image, text) = pair(&explainer);
        let fits = Fits::of_pair(&image.embedding, &text.embedding);
        for seeds in [0, 1, 1001, usize::MAX] {
            let result = explainer.attribute_seeds(&image, &text, &fits, seeds, &mut unwatched);
            let error = result.unwrap_err().to_string();
            assert!(error.contains(&seeds.to_string()), "{error}");
            assert!(error.contains("2 to 1000"), "{error}");
        }
    }
}

//! The questions, their explanations and the verdict.

use std::ops::Range;
use std::sync::Mutex;

use image::DynamicImage;
use m2ib::{Attribution, Explainer};
use m2ib_scenes::{Generator, Split};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::strangers::strangers;
use crate::{CONFIDENCE, Case, Error, Evaluation, Question, RESAMPLES, Report, Result};

/// Scenes with one object named in each.
#[derive(Debug, Clone)]
pub struct Yardstick {
    questions: Vec<Question>,
    seed: u64,
}

/// An explanation was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Explanations made.
    pub done: usize,
    /// All.
    pub of: usize,
}

impl Yardstick {
    /// The first scenes of the test split, of two and three objects in turn. Which object the
    /// caption names, and whose energy counts as the other's, is drawn from the seed.
    ///
    /// # Errors
    /// [`Error::TooFewScenes`] for fewer than two.
    pub fn new(scenes: usize, seed: u64) -> Result<Self> {
        Self::over(0..scenes as u64, seed)
    }

    /// The same over other scenes of the test split.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn over(scenes: Range<u64>, seed: u64) -> Result<Self> {
        let found = scenes.end.saturating_sub(scenes.start) as usize;
        if found < 2 {
            return Err(Error::TooFewScenes { found });
        }
        let generator = Generator::new();
        let questions = scenes.map(|number| {
            let objects = 2 + (number % 2) as usize;
            let scene = generator.scene_with(Split::Test, number, objects)?;
            // A stream for each scene: more scenes leave the first ones' questions as they were.
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(number);
            let named = rng.random_range(0..objects as u32) as usize;
            let step = rng.random_range(1..objects as u32) as usize;
            let other = (named + step) % objects;
            Ok(Question::new(number, scene, named, other))
        });
        Ok(Self {
            questions: questions.collect::<Result<_>>()?,
            seed,
        })
    }

    /// The same scenes, with the other object named.
    pub fn swapped(&self) -> Self {
        Self {
            questions: self.questions.iter().map(Question::swapped).collect(),
            seed: self.seed,
        }
    }

    /// One a scene.
    pub fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// Explains every scene with its caption; `progress` hears of each, from whichever thread
    /// made it.
    ///
    /// # Errors
    /// [`Error::Explanation`] for the first that could not be made.
    pub fn explain(
        &self,
        explainer: &Explainer,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Vec<Attribution>> {
        let failed = |question: &Question, error| Error::Explanation {
            scene: question.number,
            caption: question.caption.clone(),
            source: Box::new(error),
        };
        let images: Vec<_> = self.questions.iter().map(Question::image).collect();
        let images = explainer.encode_images(&images).into_iter();
        let encoded = images.zip(&self.questions).map(|(image, question)| {
            let text = explainer.encode_text(&question.caption);
            let pair = image.and_then(|image| Ok((image, text?)));
            pair.map_err(|source| failed(question, source))
        });
        let encoded = encoded.collect::<Result<Vec<_>>>()?;
        let pairs: Vec<_> = encoded.iter().map(|(image, text)| (image, text)).collect();

        let (done, of) = (Mutex::new(0), pairs.len());
        let results = explainer.attribute_many_with(&pairs, &|_, _| {
            // Told under the lock, so that the numbers arrive in order.
            let mut done = done.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            *done += 1;
            progress(Progress { done: *done, of });
        });
        let results = results.into_iter().zip(&self.questions);
        let results = results.map(|(result, question)| result.map_err(|e| failed(question, e)));
        results.collect()
    }

    /// Measures explanations of the questions, in their order.
    ///
    /// # Errors
    /// [`Error::Count`] or [`Error::OtherPair`] for explanations of something else.
    pub fn judge(&self, name: &str, attributions: &[Attribution]) -> Result<Evaluation> {
        let Some(first) = attributions
            .first()
            .filter(|_| attributions.len() == self.questions.len())
        else {
            return Err(Error::Count {
                found: attributions.len(),
                expected: self.questions.len(),
            });
        };
        let pairs = self.questions.iter().zip(attributions).enumerate();
        let cases = pairs.map(|(index, (question, attribution))| {
            let found = &attribution.text.caption.text;
            if *found != question.caption {
                return Err(Error::OtherPair {
                    index,
                    found: found.clone(),
                    expected: question.caption.clone(),
                });
            }
            let strangers = strangers(&self.questions, index);
            Ok(Case::new(question, attribution, &strangers))
        });
        let cases = cases.collect::<Result<_>>()?;
        Ok(Evaluation::new(
            name,
            first.provenance.clone(),
            cases,
            self.seed,
        ))
    }

    /// Evaluations with what they share.
    pub fn report(&self, evaluations: Vec<Evaluation>) -> Report {
        Report {
            scenes: self.questions.len(),
            seed: self.seed,
            confidence: CONFIDENCE,
            resamples: RESAMPLES,
            evaluations,
        }
    }
}

impl Question {
    /// The scene's picture.
    pub(crate) fn image(&self) -> DynamicImage {
        DynamicImage::ImageRgb8(self.scene.image.clone())
    }
}

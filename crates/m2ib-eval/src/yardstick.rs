//! The questions, their explanations and the verdict.

use std::sync::Mutex;

use image::DynamicImage;
use m2ib::{Attribution, Explainer};
use m2ib_data::{Question, Scenes};
use m2ib_metrics::{CONFIDENCE, RESAMPLES};

use crate::strangers::strangers;
use crate::{Case, Error, Evaluation, Report, Result};

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
    /// The first scenes of the test split; see [`Scenes::new`].
    ///
    /// # Errors
    /// As [`Scenes::new`].
    pub fn new(scenes: usize, seed: u64) -> Result<Self> {
        let questions = Scenes::new(scenes, seed)?.questions().to_vec();
        Ok(Self { questions, seed })
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
        let images: Vec<_> = self.questions.iter().map(image).collect();
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

/// The scene's picture.
pub(crate) fn image(question: &Question) -> DynamicImage {
    DynamicImage::ImageRgb8(question.scene.image.clone())
}

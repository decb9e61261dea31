//! The model, and everything that is computed with it.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use m2ib::clip_input::Picture;
use m2ib::{Attribution, Calibration, DualEncoder, Explainer, Fits, Modality, Progress};
use m2ib_methods::{MethodFactory, Subject};

use crate::limits::Limits;
use crate::problem::Problem;

/// Explainers that are kept: one for each place of a slider and more, each of a few small tensors
/// beside the model that all share.
const EXPLAINERS: usize = 32;

/// How far a bottleneck is, both sides together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Steps {
    pub(crate) side: Modality,
    pub(crate) done: usize,
    pub(crate) total: usize,
}

/// One model with its statistics.
pub(crate) struct Engine {
    model: DualEncoder,
    calibration: Option<Calibration>,
    /// For what needs no bottleneck.
    plain: Explainer,
    /// By their methods' keys, the last used last.
    explainers: Mutex<VecDeque<(String, Arc<Explainer>)>>,
}

impl Engine {
    pub(crate) fn new(
        model: DualEncoder,
        calibration: Option<Calibration>,
    ) -> Result<Self, m2ib::Error> {
        Ok(Self {
            plain: Explainer::builder(model.clone())
                .calibration(calibration.clone())
                .build()?,
            model,
            calibration,
            explainers: Mutex::default(),
        })
    }

    pub(crate) fn model(&self) -> &DualEncoder {
        &self.model
    }

    pub(crate) fn has_calibration(&self) -> bool {
        self.calibration.is_some()
    }

    /// An explainer of usual settings.
    pub(crate) fn plain(&self) -> &Explainer {
        &self.plain
    }

    /// What the first explanation would otherwise wait for: the captions that similarities are ranked
    /// among.
    pub(crate) fn warm(&self) {
        if let Err(error) = m2ib::bank(&self.model) {
            tracing::error!("captions of other things: {error}");
        }
    }

    /// Whether the model can read a caption, told before anything is queued.
    pub(crate) fn check_caption(&self, caption: &str, limits: &Limits) -> Result<(), Problem> {
        let (found, most) = (caption.chars().count(), limits.caption_characters);
        if found > most {
            return Err(Problem::senseless(format!(
                "the caption has {found} characters, expected at most {most}; shorten it"
            )));
        }
        let encoded = self.model.tokenizer().encode(caption);
        encoded
            .map(drop)
            .map_err(|error| Problem::senseless(error.to_string()))
    }

    /// Explains a pair by any method, and tells of steps where it has some.
    pub(crate) fn explain(
        &self,
        image: &Picture,
        caption: &str,
        method: &dyn MethodFactory,
        on_step: &(dyn Fn(Steps) + Sync),
    ) -> Result<Attribution, m2ib_methods::Error> {
        if method.config().is_none() {
            let method = method.build(&self.model, self.calibration.as_ref())?;
            return method.attribute(&Subject::new(&self.model, image, caption)?);
        }
        let explainer = self.explainer(method)?;
        let text = explainer.encode_text(caption)?;
        let image = explainer.encode_image(image)?;
        let steps = |modality| explainer.settings(modality).bottleneck.steps;
        let total = steps(Modality::Image) + steps(Modality::Text);
        let mut done = 0;
        let mut tell = |progress: Progress| {
            done += 1;
            on_step(Steps {
                side: progress.modality,
                done,
                total,
            });
            ControlFlow::Continue(())
        };
        let fits = Fits::of_pair(&image.embedding, &text.embedding);
        Ok(explainer.attribute_with(&image, &text, &fits, &mut tell)?)
    }

    /// M2IB's, for a method's settings: made once.
    fn explainer(&self, method: &dyn MethodFactory) -> Result<Arc<Explainer>, m2ib_methods::Error> {
        let key = method.key();
        let explainers = || {
            self.explainers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let known = |explainers: &mut VecDeque<(String, Arc<Explainer>)>| {
            let place = explainers.iter().position(|(other, _)| *other == key)?;
            let found = explainers.remove(place)?;
            explainers.push_back(found.clone());
            Some(found.1)
        };
        if let Some(known) = known(&mut explainers()) {
            return Ok(known);
        }
        // Layers that the model does not have are told by the setting's name.
        method.check(&self.model, self.calibration.as_ref())?;
        let builder = Explainer::builder(self.model.clone())
            .config(method.config().unwrap_or_default())
            .calibration(self.calibration.clone())
            .seed(method.seed());
        let explainer = Arc::new(builder.build()?);
        let mut explainers = explainers();
        explainers.push_back((key.clone(), explainer.clone()));
        if explainers.len() > EXPLAINERS {
            explainers.pop_front();
        }
        Ok(explainer)
    }
}

/// Whether work ended because it was told to.
pub(crate) fn is_stopped(error: &m2ib_methods::Error) -> bool {
    matches!(error, m2ib_methods::Error::Explainer(m2ib::Error::Stopped))
}

/// What a client is told of work that failed: of its question, or of what is ours.
pub(crate) fn problem(error: &m2ib_methods::Error) -> Problem {
    use m2ib_methods::Error as Failed;
    let detail = m2ib_files::causes(error);
    match error {
        Failed::Name { .. }
        | Failed::Setting { .. }
        | Failed::Unfit { .. }
        | Failed::Undetermined { .. }
        | Failed::Explainer(
            m2ib::Error::Setting(_) | m2ib::Error::Shifts { .. } | m2ib::Error::TextShifts { .. },
        ) => Problem::senseless(detail),
        _ => {
            tracing::error!("{detail}");
            Problem::fault(detail)
        }
    }
}

//! The model, and everything that is computed with it.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use m2ib::clip_input::Picture;
use m2ib::{Attribution, Calibration, DualEncoder, Explainer, Modality, Progress};
use m2ib_methods::{Interacting, MethodFactory, Subject, interactions};

use crate::limits::Limits;
use crate::problem::Problem;
use crate::question::Plan;

/// Explainers that are kept: one for each place of a slider and more, each of a few small tensors
/// beside the model that all share.
const EXPLAINERS: usize = 64;

/// How far the bottlenecks are, all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Steps {
    pub(crate) side: Modality,
    pub(crate) done: usize,
    pub(crate) total: usize,
}

/// What was computed for a question.
pub(crate) struct Found {
    pub(crate) attribution: Attribution,
    /// The same at each price that was asked for.
    pub(crate) path: Vec<(f64, Attribution)>,
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

    /// Whether the model has what a method's settings name, told before anything is queued.
    pub(crate) fn check_method(&self, method: &dyn MethodFactory) -> Result<(), Problem> {
        let checked = method.check(&self.model, self.calibration.as_ref());
        checked.map_err(|error| problem(&error))
    }

    /// Answers what is asked of a pair, and tells of steps where there are some. Where the map itself is
    /// `known`, only what is asked beyond it is computed.
    pub(crate) fn explain(
        &self,
        image: &Picture,
        caption: &str,
        plan: &Plan,
        known: Option<&Attribution>,
        on_step: &(dyn Fn(Steps) + Sync),
    ) -> Result<Found, m2ib_methods::Error> {
        match plan.method.config() {
            Some(_) => self.by_m2ib(image, caption, plan, known, on_step),
            None => self.by_other(image, caption, plan, known),
        }
    }

    fn by_other(
        &self,
        image: &Picture,
        caption: &str,
        plan: &Plan,
        known: Option<&Attribution>,
    ) -> Result<Found, m2ib_methods::Error> {
        let subject = Subject::new(&self.model, image, caption)?;
        let by = |method: &dyn MethodFactory| {
            m2ib_methods::ask(method, self.calibration.as_ref(), &subject, &plan.ask)
        };
        let mut attribution = match known {
            Some(known) => known.clone(),
            None => by(&*plan.method)?,
        };
        let way = plan.interactions.as_ref();
        attribution.asked.interactions = way.map(|by| interactions(&subject, by)).transpose()?;
        let path = plan.path.iter();
        let path = path.map(|(beta, method)| Ok((*beta, by(&**method)?)));
        let path = path.collect::<Result<_, m2ib_methods::Error>>()?;
        Ok(Found { attribution, path })
    }

    /// The pair is encoded once: neither a price nor a rival changes what the towers make of it.
    fn by_m2ib(
        &self,
        picture: &Picture,
        caption: &str,
        plan: &Plan,
        known: Option<&Attribution>,
        on_step: &(dyn Fn(Steps) + Sync),
    ) -> Result<Found, m2ib_methods::Error> {
        let explainer = self.explainer(&*plan.method)?;
        let text = explainer.encode_text(caption)?;
        let image = explainer.encode_image(picture)?;
        let of_words = match &plan.interactions {
            Some(Interacting::Bottleneck) => explainer.steps_of_words(&text),
            _ => 0,
        };
        let steps = |modality| explainer.settings(modality).bottleneck.steps;
        let ways = 1 + usize::from(plan.ask.against.is_some());
        let once =
            ways * plan.ask.seeds.unwrap_or(1) * (steps(Modality::Image) + steps(Modality::Text));
        let maps = usize::from(known.is_none()) + plan.path.len();
        let total = maps * once + of_words;
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
        let mut attribution = match known {
            Some(known) => known.clone(),
            None => explainer.ask(&image, &text, &plan.ask, &mut tell)?,
        };
        attribution.asked.interactions = match &plan.interactions {
            None => None,
            Some(Interacting::Bottleneck) => {
                Some(explainer.word_maps_with(&image, &text, &mut tell)?)
            }
            Some(by) => Some(interactions(
                &Subject::new(&self.model, picture, caption)?,
                by,
            )?),
        };
        let mut path = Vec::new();
        for (beta, method) in &plan.path {
            let explainer = self.explainer(&**method)?;
            path.push((*beta, explainer.ask(&image, &text, &plan.ask, &mut tell)?));
        }
        Ok(Found { attribution, path })
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
        | Failed::Interacting { .. }
        | Failed::Explainer(
            m2ib::Error::Setting(_)
            | m2ib::Error::Shifts { .. }
            | m2ib::Error::TextShifts { .. }
            | m2ib::Error::Against { .. }
            | m2ib::Error::Seeds { .. }
            // An extreme price, rate or deviation.
            | m2ib::Error::Bottleneck {
                source: m2ib::m2ib_core::Error::NotFinite { .. },
                ..
            },
        ) => Problem::senseless(detail),
        _ => {
            tracing::error!("{detail}");
            Problem::fault(detail)
        }
    }
}

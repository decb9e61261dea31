//! What is asked of a pair.

use std::sync::Arc;

use m2ib::{Against, Ask};
use m2ib_methods::{Interacting, MethodFactory, Registry, Settings};
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::limits::Limits;
use crate::problem::Problem;

/// As clients ask it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    pub(crate) picture: String,
    pub(crate) caption: String,
    #[serde(default = "usual")]
    pub(crate) method: String,
    /// Captions that it is held against.
    #[serde(default)]
    pub(crate) instead_of: Vec<String>,
    /// What it is held against where no other is named.
    pub(crate) baseline: Option<Baseline>,
    /// How much what it is held against counts.
    pub(crate) kappa: Option<f64>,
    /// Explained by so many seeds.
    pub(crate) seeds: Option<usize>,
    /// A way to tell which word goes with which patch.
    pub(crate) interactions: Option<String>,
    /// Prices of a nat that it is explained at besides the method's own.
    #[serde(default)]
    pub(crate) betas: Vec<f64>,
}

/// What a caption is held against where no other is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Baseline {
    /// A caption without words.
    Empty,
    /// The nearest captions of the bank.
    Bank,
}

/// What explains unless something else is asked for.
pub(crate) const USUAL: &str = "m2ib-fine";

/// Masked images and captions of which embeddings are held at once: of 512 numbers, 40 MB.
const MASKS: usize = 10_000;
/// And their similarities to each other: 32 MB.
const PAIRS: usize = 1 << 22;

pub(crate) fn usual() -> String {
    USUAL.into()
}

/// Checked as far as it can be without the towers; two that are equal have the same answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Question {
    /// The picture's id.
    pub(crate) picture: String,
    pub(crate) caption: String,
    /// The method's key: its name and the settings that are not its usual ones.
    pub(crate) method: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    instead_of: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<Baseline>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kappa: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seeds: Option<usize>,
    /// The way's key, as a method's.
    #[serde(skip_serializing_if = "Option::is_none")]
    interactions: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    betas: Vec<f64>,
}

/// What a worker does of it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) method: Arc<dyn MethodFactory>,
    pub(crate) ask: Ask,
    pub(crate) interactions: Option<Interacting>,
    pub(crate) path: Vec<Priced>,
}

/// A method at a price of a nat.
type Priced = (f64, Arc<dyn MethodFactory>);

impl Question {
    /// The same without what can be added to its answer afterwards; none if that is nothing.
    pub(crate) fn plain(&self) -> Option<Self> {
        let adds = self.interactions.is_some() || !self.betas.is_empty();
        adds.then(|| Self {
            interactions: None,
            betas: Vec::new(),
            ..self.clone()
        })
    }
}

impl Asked {
    pub(crate) fn check(
        self,
        engine: &Engine,
        limits: &Limits,
    ) -> Result<(Question, Plan), Problem> {
        engine.check_caption(&self.caption, limits)?;
        let method = Registry::standard().parse(&self.method);
        let method = method.map_err(|error| Problem::senseless(error.to_string()))?;
        engine.check_method(&*method)?;
        let against = self.against(engine, limits)?;
        self.check_seeds(&*method, limits)?;
        let interactions = self.way(&*method)?;
        let path = self.path(&*method, limits)?;
        let question = Question {
            picture: self.picture,
            caption: self.caption,
            method: method.key(),
            instead_of: self.instead_of,
            baseline: self.baseline,
            kappa: self.kappa.filter(|kappa| *kappa != 1.0),
            seeds: self.seeds,
            interactions: interactions.as_ref().map(key),
            betas: self.betas,
        };
        let plan = Plan {
            method,
            ask: Ask {
                against,
                seeds: self.seeds,
            },
            interactions,
            path,
        };
        Ok((question, plan))
    }

    fn against(&self, engine: &Engine, limits: &Limits) -> Result<Option<Against>, Problem> {
        let (found, most) = (self.instead_of.len(), limits.captions);
        if found > most {
            return Err(Problem::senseless(format!(
                "instead_of has {found} captions, expected at most {most}"
            )));
        }
        for caption in &self.instead_of {
            engine.check_caption(caption, limits)?;
            if caption.trim() == self.caption.trim() {
                return Err(Problem::senseless(
                    "instead_of is the caption itself, expected another one",
                ));
            }
        }
        let against = match (&self.instead_of[..], self.baseline) {
            ([], None) => None,
            ([], Some(Baseline::Empty)) => Some(Against::empty()),
            ([], Some(Baseline::Bank)) => Some(Against::bank()),
            (captions, None) => Some(Against::captions(captions)),
            (_, Some(_)) => {
                return Err(Problem::senseless(
                    "instead_of and baseline are both given, expected one of them: what a caption shares with its rival takes the baseline with it",
                ));
            }
        };
        let kappa = self.kappa.unwrap_or(1.0);
        if !(kappa > 0.0 && kappa <= 100.0) {
            return Err(Problem::senseless(format!(
                "kappa is {kappa}, expected a number above 0, at most 100"
            )));
        }
        if against.is_none() && kappa != 1.0 {
            return Err(Problem::senseless(
                "kappa weighs what the caption is held against, and there is nothing: give instead_of or baseline",
            ));
        }
        Ok(against.map(|against| against.kappa(kappa)))
    }

    fn check_seeds(&self, method: &dyn MethodFactory, limits: &Limits) -> Result<(), Problem> {
        let Some(found) = self.seeds else {
            return Ok(());
        };
        let most = limits.seeds;
        if !(2..=most).contains(&found) {
            return Err(Problem::senseless(format!(
                "seeds is {found}, expected 2 to {most}: one seed differs from nothing"
            )));
        }
        match has(method, "seed") {
            true => Ok(()),
            false => Err(Problem::senseless(format!(
                "nothing in {} is random, so every seed has the same map; leave seeds out, or take another method",
                method.name()
            ))),
        }
    }

    fn way(&self, method: &dyn MethodFactory) -> Result<Option<Interacting>, Problem> {
        let Some(way) = &self.interactions else {
            return Ok(None);
        };
        let way = Interacting::parse(way);
        let way = way.map_err(|error| Problem::senseless(error.to_string()))?;
        if way == Interacting::Bottleneck && method.config().is_none() {
            return Err(Problem::senseless(format!(
                "interactions by the bottleneck are M2IB's own, expected masks or paths beside {}",
                method.name()
            )));
        }
        if let Interacting::Masks(masks) = &way {
            let (images, captions) = (masks.images, masks.captions);
            let pairs = images.saturating_mul(captions);
            if images.max(captions) > MASKS || pairs > PAIRS {
                return Err(Problem::senseless(format!(
                    "interactions by masks have images={images} and captions={captions}, expected at most {MASKS} of each and {PAIRS} pairs of them, which are held at once; draw fewer"
                )));
            }
        }
        Ok(Some(way))
    }

    fn path(&self, method: &dyn MethodFactory, limits: &Limits) -> Result<Vec<Priced>, Problem> {
        let (found, most) = (self.betas.len(), limits.betas);
        if found > most {
            return Err(Problem::senseless(format!(
                "betas has {found} numbers, expected at most {most}"
            )));
        }
        if found > 0 && !has(method, "beta") {
            return Err(Problem::senseless(format!(
                "{} has no β; leave betas out, or take a method that has it, such as {USUAL}",
                method.name()
            )));
        }
        let at = |(place, &beta): (usize, &f64)| {
            if self.betas[..place].contains(&beta) {
                return Err(Problem::senseless(format!(
                    "betas has {beta} twice, expected each once"
                )));
            }
            let wrong = |error: m2ib_methods::Error| Problem::senseless(error.to_string());
            let setting = format!("beta={beta}");
            let read = Settings::read(method.name(), [&*setting].into_iter());
            let mut settings = read.map_err(wrong)?;
            let priced = method.configure(&mut settings);
            settings.finish(method.name()).map_err(wrong)?;
            Ok((beta, priced))
        };
        self.betas.iter().enumerate().map(at).collect()
    }
}

fn has(method: &dyn MethodFactory, name: &str) -> bool {
    method.settings().iter().any(|setting| setting.name == name)
}

/// A way's name, and the settings that are not its usual ones.
fn key(way: &Interacting) -> String {
    let mut key = way.name().to_owned();
    for setting in way.settings() {
        if setting.value != setting.default {
            key += &format!(":{}={}", setting.name, setting.value);
        }
    }
    key
}

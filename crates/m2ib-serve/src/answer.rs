//! An explanation as the explorer, and whoever else asks, gets it: numbers that are ready to be shown.

mod asked;
mod map;
mod words;

use asked::{Opposed, Sure, Together};
use m2ib::draw::visible;
use m2ib::{Attribution, RoleScore, Unit, Warning};
use map::Map;
use serde::Serialize;
use words::Words;

use crate::explanation::{Answer, Told};
use crate::similarities::Place;

/// What has become of a question, with the answer if there is one.
#[derive(Debug, Serialize)]
pub(crate) struct Full<'a> {
    #[serde(flatten)]
    pub(crate) told: Told<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<Shown>,
}

/// The answer.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    /// What it took to compute, in seconds.
    seconds: f64,
    similarity: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rank: Option<Place>,
    model: String,
    /// In words.
    method: String,
    warnings: Vec<String>,
    #[serde(flatten)]
    both: Both,
    #[serde(skip_serializing_if = "Option::is_none")]
    interactions: Option<Together>,
    /// The same at other prices.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    path: Vec<Priced>,
}

/// Map and words, with what their seeds and their rival say.
#[derive(Debug, Serialize)]
struct Both {
    image: Map,
    text: Words,
    #[serde(skip_serializing_if = "Option::is_none")]
    contrast: Option<Opposed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spread: Option<Sure>,
}

/// An explanation of a path.
#[derive(Debug, Serialize)]
struct Priced {
    beta: f64,
    /// In words.
    method: String,
    warnings: Vec<String>,
    #[serde(flatten)]
    both: Both,
}

#[derive(Debug, Serialize)]
struct Other {
    name: &'static str,
    value: f32,
}

/// A unit, and how a number of it is called.
#[derive(Debug, Serialize)]
struct Named {
    unit: Unit,
    unit_name: String,
}

impl Shown {
    pub(crate) fn of(answer: &Answer) -> Self {
        let Attribution {
            similarity,
            probability,
            rank,
            warnings,
            provenance,
            asked,
            ..
        } = &*answer.attribution;
        let path = answer.path.iter().map(|(beta, attribution)| Priced {
            beta: *beta,
            method: attribution.provenance.method.to_string(),
            warnings: told(&attribution.warnings),
            both: Both::of(attribution),
        });
        Self {
            seconds: answer.took.as_secs_f64(),
            similarity: *similarity,
            probability: *probability,
            rank: rank.map(Place::from),
            model: visible(&provenance.model).into(),
            method: provenance.method.to_string(),
            warnings: told(warnings),
            both: Both::of(&answer.attribution),
            interactions: asked.interactions.as_ref().map(Together::of),
            path: path.collect(),
        }
    }
}

fn told(warnings: &[Warning]) -> Vec<String> {
    let warnings = warnings.iter().map(ToString::to_string);
    warnings.map(|it| visible(&it).into()).collect()
}

impl Both {
    fn of(attribution: &Attribution) -> Self {
        let contrast = attribution.asked.contrast.as_ref();
        Self {
            image: Map::of(&attribution.image),
            text: Words::of(&attribution.text),
            contrast: contrast.map(|contrast| Opposed::of(attribution, contrast)),
            spread: attribution.asked.spread.as_ref().map(Sure::of),
        }
    }
}

impl From<Unit> for Named {
    fn from(unit: Unit) -> Self {
        Self {
            unit,
            unit_name: unit.to_string(),
        }
    }
}

fn others(scores: Vec<RoleScore>) -> Vec<Other> {
    let scores = scores.into_iter();
    let told = scores.map(|score| Other {
        name: score.role.name(),
        value: score.saliency,
    });
    told.collect()
}

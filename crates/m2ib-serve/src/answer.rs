//! An explanation as the explorer, and whoever else asks, gets it: numbers that are ready to be shown.

use m2ib::draw::visible;
use m2ib::{Attribution, ImageAttribution, RoleScore, TextAttribution, Unit};
use serde::Serialize;

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
    image: Map,
    text: Words,
}

/// The image's side.
#[derive(Debug, Serialize)]
struct Map {
    rows: usize,
    columns: usize,
    /// `[rows][columns]`, in the unit.
    values: Vec<Vec<f32>>,
    #[serde(flatten)]
    unit: Named,
    /// What the coldest and the hottest colour stand for; null for a map without differences.
    scale: Option<[f32; 2]>,
    /// How many cells make the side of a patch.
    shifts: usize,
    /// What the model saw of the picture, in its pixels.
    view: Seen,
    /// Tokens that are no patches.
    others: Vec<Other>,
}

/// The caption's side.
#[derive(Debug, Serialize)]
struct Words {
    /// The caption in pieces, in order: words, what lies between them, and what did not fit.
    runs: Vec<Run>,
    words: Vec<Word>,
    #[serde(flatten)]
    unit: Named,
    /// Tokens that are no words.
    others: Vec<Other>,
}

#[derive(Debug, Serialize)]
struct Run {
    text: String,
    /// Which of the words it is, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    word: Option<usize>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

#[derive(Debug, Serialize)]
struct Word {
    text: String,
    value: f32,
    /// Its share of the strongest word's, 0 to 1.
    score: f32,
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

#[derive(Debug, Serialize)]
struct Seen {
    image_width: u32,
    image_height: u32,
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Shown {
    pub(crate) fn of(answer: &Answer) -> Self {
        let Attribution {
            image,
            text,
            similarity,
            probability,
            rank,
            warnings,
            provenance,
            // Nothing more can be asked here yet.
            asked: _,
        } = &*answer.attribution;
        Self {
            seconds: answer.took.as_secs_f64(),
            similarity: *similarity,
            probability: *probability,
            rank: rank.map(Place::from),
            model: visible(&provenance.model).into(),
            method: provenance.method.to_string(),
            warnings: warnings
                .iter()
                .map(|it| visible(&it.to_string()).into())
                .collect(),
            image: Map::of(image),
            text: Words::of(text),
        }
    }
}

impl Map {
    fn of(image: &ImageAttribution) -> Self {
        let saliency = image.saliency();
        let (rows, columns) = saliency.dim();
        let view = image.view;
        Self {
            rows,
            columns,
            values: saliency
                .rows()
                .into_iter()
                .map(|row| row.to_vec())
                .collect(),
            unit: image.unit.into(),
            scale: image.scale(),
            shifts: image.shifts.along(),
            view: Seen {
                image_width: view.image_width,
                image_height: view.image_height,
                left: view.left,
                top: view.top,
                width: view.width,
                height: view.height,
            },
            others: others(RoleScore::by_role(image.others.iter().copied())),
        }
    }
}

impl Words {
    fn of(text: &TextAttribution) -> Self {
        let words = text.words();
        let caption = &text.caption.text;
        let cut = text.caption.cut.as_ref().map(|cut| cut.span.clone());
        let end = cut.as_ref().map_or(caption.len(), |cut| cut.start);
        let mut runs = Vec::new();
        let mut push = |span: std::ops::Range<usize>, word, cut| {
            let text = caption.get(span).unwrap_or_default();
            if !text.is_empty() {
                runs.push(Run {
                    text: visible(text).into(),
                    word,
                    cut,
                });
            }
        };
        let mut place = 0;
        for (index, word) in words.iter().enumerate() {
            // Pieces may share a character.
            let start = word.span.start.max(place);
            push(place..start, None, false);
            push(start..word.span.end.max(start), Some(index), false);
            place = word.span.end.max(start);
        }
        push(place..end.max(place), None, false);
        if let Some(cut) = cut {
            push(cut.start.max(place)..cut.end, None, true);
        }
        Self {
            runs,
            words: words
                .iter()
                .map(|word| Word {
                    text: visible(&word.text).into(),
                    value: word.saliency,
                    score: word.score,
                })
                .collect(),
            unit: text.unit.into(),
            others: others(text.others()),
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

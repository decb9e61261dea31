//! Metrics that ask the model, for `m2ib.metrics`.

use m2ib::ndarray::Array2;
use m2ib_eval::comparison::{Rescored, covered};
use m2ib_methods::Subject;
use m2ib_metrics::{
    CaptionTokens, CurveSettings, RoadSettings, TokenFill, image_confidence, image_deletion,
    image_insertion, text_confidence, text_deletion, text_insertion,
};
use pyo3::prelude::*;

use crate::explainer::Explainer;
use crate::failure::{Failure, Kind};
use crate::localisation::{Packed, floats, map_of};
use crate::picture::Picture;
use crate::run::run;

/// Whose map it is.
enum Map {
    Image(Array2<f32>),
    Text(Vec<f32>),
}

impl Map {
    fn of(side: &str, map: &Packed) -> Result<Self, Failure> {
        Ok(match side {
            "text" => Self::Text(floats(&map.2)),
            _ => Self::Image(map_of(map)?),
        })
    }
}

/// Asks something of a pair, on a thread of its own.
fn of_pair<R: Send + 'static>(
    py: Python<'_>,
    explainer: &Explainer,
    image: &Bound<'_, PyAny>,
    text: String,
    ask: impl FnOnce(&Subject<'_>) -> Result<R, Failure> + Send + 'static,
) -> PyResult<R> {
    let picture = Picture::of(image)?;
    let shared = explainer.shared.clone();
    run(py, explainer.shared.recipe.threads, move || {
        let model = &shared.model;
        let lanes = m2ib::Backend::lanes(&model.device(), 1)?;
        let image = shared.recipe.open(picture)?;
        let subject = Subject::new(model, &image, &text)?;
        lanes.together(|| ask(&subject))
    })
}

fn fill(name: &str) -> Result<TokenFill, Failure> {
    match name {
        "mean" => Ok(TokenFill::MeanEmbedding),
        "pad" => Ok(TokenFill::Pad),
        id => id.parse().map(TokenFill::Id).map_err(|_| {
            let reason = format!("fill is \"{id}\", expected \"mean\", \"pad\" or a token's id");
            Failure::new(Kind::Settings, reason)
        }),
    }
}

fn caption(subject: &Subject<'_>) -> Result<CaptionTokens, Failure> {
    Ok(CaptionTokens::new(
        subject.caption().ids(),
        subject.pieces(),
    )?)
}

/// Deletion or insertion: shares that were changed, and scores.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "Python's part names them")]
pub(crate) fn curve(
    py: Python<'_>,
    explainer: &Explainer,
    image: &Bound<'_, PyAny>,
    text: String,
    side: &str,
    map: Packed,
    inserts: bool,
    steps: usize,
    fill_with: &str,
    seed: u64,
) -> PyResult<(Vec<f64>, Vec<f64>)> {
    let (map, fill) = (Map::of(side, &map)?, fill(fill_with)?);
    of_pair(py, explainer, image, text, move |subject| {
        let scorer = Rescored(subject);
        let settings = CurveSettings {
            steps,
            seed,
            ..Default::default()
        };
        let curve = match map {
            Map::Image(map) => {
                let metric = if inserts {
                    image_insertion
                } else {
                    image_deletion
                };
                metric(&scorer, &covered(subject), &map, &settings)?
            }
            Map::Text(scores) => {
                let metric = if inserts {
                    text_insertion
                } else {
                    text_deletion
                };
                metric(&scorer, &caption(subject)?, &scores, fill, seed)?
            }
        };
        Ok((curve.changed, curve.scores))
    })
}

/// Scores of the pair, and of what the map leaves of it.
#[pyfunction]
pub(crate) fn confidence(
    py: Python<'_>,
    explainer: &Explainer,
    image: &Bound<'_, PyAny>,
    text: String,
    side: &str,
    map: Packed,
    fill_with: &str,
) -> PyResult<(f64, f64)> {
    let (map, fill) = (Map::of(side, &map)?, fill(fill_with)?);
    of_pair(py, explainer, image, text, move |subject| {
        let scorer = Rescored(subject);
        let confidence = match map {
            Map::Image(map) => image_confidence(&scorer, &covered(subject), &map)?,
            Map::Text(scores) => text_confidence(&scorer, &caption(subject)?, &scores, fill)?,
        };
        Ok((confidence.full, confidence.masked))
    })
}

/// ROAD: percentiles, scores without the most relevant pixels, and without the least relevant.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "Python's part names them")]
pub(crate) fn road(
    py: Python<'_>,
    explainer: &Explainer,
    image: &Bound<'_, PyAny>,
    text: String,
    map: Packed,
    percentiles: Option<Vec<f64>>,
    noise: f64,
    seed: u64,
) -> PyResult<(Vec<f64>, Vec<f64>, Vec<f64>)> {
    let map = map_of(&map)?;
    of_pair(py, explainer, image, text, move |subject| {
        let usual = RoadSettings::default();
        let settings = RoadSettings {
            percentiles: percentiles.unwrap_or(usual.percentiles),
            noise,
            seed,
        };
        let road = m2ib_metrics::road(&Rescored(subject), &covered(subject), &map, &settings)?;
        let [most, least] = [road.most_relevant_first, road.least_relevant_first];
        Ok((road.percentiles, most, least))
    })
}

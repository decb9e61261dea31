//! What an evaluation found: plain numbers, serialisable both ways.

use std::collections::BTreeMap;

use m2ib::Provenance;
use m2ib::draw::separated;
use m2ib_metrics::{Interval, mean};
use serde::{Deserialize, Serialize};

use crate::{Case, Measure};

/// Several settings, asked the same questions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Scenes.
    pub scenes: usize,
    /// Draws which object is named, the noise of the explanations and the resamples.
    pub seed: u64,
    /// Share of resamples within the intervals.
    pub confidence: f64,
    /// Resamples of the intervals.
    pub resamples: usize,
    /// One a setting.
    pub evaluations: Vec<Evaluation>,
}

/// The answers of one setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The setting's name.
    pub name: String,
    /// How the explanations were made.
    pub provenance: Provenance,
    /// Over all cases.
    pub aggregates: BTreeMap<Measure, Aggregate>,
    /// One a question.
    pub cases: Vec<Case>,
}

/// A measure over all cases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    /// The mean and how sure it is.
    #[serde(flatten)]
    pub interval: Interval,
    /// The mean of the chance levels.
    pub chance: Option<f64>,
}

impl Evaluation {
    pub(crate) fn new(name: &str, provenance: Provenance, cases: Vec<Case>, seed: u64) -> Self {
        let measures = Measure::IMAGE.into_iter().chain(Measure::TEXT);
        let aggregates = measures.map(|measure| {
            let scores = || cases.iter().map(|case| case.scores[&measure]);
            let values: Vec<f64> = scores().map(|score| score.value).collect();
            let chances: Option<Vec<f64>> = scores().map(|score| score.chance).collect();
            let aggregate = Aggregate {
                interval: Interval::of(&values, seed),
                chance: chances.map(|chances| mean(chances.into_iter())),
            };
            (measure, aggregate)
        });
        Self {
            name: name.into(),
            provenance,
            aggregates: aggregates.collect(),
            cases,
        }
    }
}

impl Report {
    /// All values as comma-separated text, one line a setting, scene and measure.
    pub fn to_csv(&self) -> String {
        let heading = [
            "setting", "scene", "objects", "caption", "measure", "value", "chance",
        ];
        let mut lines = vec![heading.map(String::from).to_vec()];
        for evaluation in &self.evaluations {
            for case in &evaluation.cases {
                lines.extend(case.scores.iter().map(|(measure, score)| {
                    vec![
                        evaluation.name.clone(),
                        case.scene.to_string(),
                        case.objects.to_string(),
                        case.caption.clone(),
                        measure.title().into(),
                        score.value.to_string(),
                        score
                            .chance
                            .map(|chance| chance.to_string())
                            .unwrap_or_default(),
                    ]
                }));
            }
        }
        separated(lines)
    }
}

//! What ROAR+ found: plain numbers, serialisable both ways.

use serde::{Deserialize, Serialize};

use super::retrieval::{RetrievalCase, intervals};
use super::{Retrieval, RoarMeasure, RoarSettings};
use crate::Interval;
use crate::table::aligned;

/// Methods compared by what their removals cost a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoarReport {
    /// How it was done.
    pub settings: RoarSettings,
    /// The fingerprint of the model that was fine-tuned each time.
    pub model: String,
    /// Pairs trained on.
    pub training: usize,
    /// Pairs validated on.
    pub validation: usize,
    /// The model before any fine-tuning.
    pub before: Retrieval,
    /// Fine-tuned on the pairs as they were.
    pub undegraded: Retrieval,
    /// Fine-tuned on pairs of which a random part was removed: what a method has to beat.
    pub random: RoarRow,
    /// Fine-tuned on pairs of which a method's most important part was removed.
    pub methods: Vec<RoarRow>,
}

/// What a method's removals cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoarRow {
    /// The method's name.
    pub name: String,
    /// After the fine-tuning on degraded pairs.
    pub retrieval: Retrieval,
    /// Compared with the fine-tuning on the pairs as they were. The larger, the better the method.
    pub fall: Fall,
}

/// Means over the pairs of the validation part, each compared with itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fall {
    /// How much fewer images choose a right caption, as a share of all.
    pub image_to_text: Interval,
    /// How much fewer captions choose a right image.
    pub text_to_image: Interval,
    /// How much the loss *rises*: larger is better here, too.
    pub loss: Interval,
}

impl RoarReport {
    /// A Markdown table: what each method's removals cost beyond the fine-tuning on pairs as they
    /// were, means ± half the confidence interval. More is better everywhere.
    pub fn to_markdown(&self) -> String {
        let measures = RoarMeasure::ALL.map(|measure| format!("{} ↑", measure.label()));
        let heading = ["removed by".to_owned()].into_iter().chain(measures);
        let row = |row: &RoarRow| {
            let cells = RoarMeasure::ALL.map(|measure| {
                let interval = measure.of(&row.fall);
                let half = (interval.high - interval.low) / 2.0;
                format!("{:.3} ± {half:.3}", interval.mean)
            });
            [row.name.clone()].into_iter().chain(cells).collect()
        };
        let rows = [&self.random].into_iter().chain(&self.methods).map(row);
        let lines: Vec<Vec<String>> = [heading.collect()].into_iter().chain(rows).collect();
        aligned(&lines)
    }
}

impl RoarRow {
    pub(crate) fn new(name: &str, retrieval: Retrieval, from: &Retrieval, seed: u64) -> Self {
        let cases: Vec<_> = from.cases.iter().zip(&retrieval.cases).collect();
        let fall = |(from, to): &(&RetrievalCase, &RetrievalCase)| {
            RoarMeasure::ALL.map(|measure| measure.fall(from, to))
        };
        let [image_to_text, text_to_image, loss] = intervals(&cases, fall, seed);
        Self {
            name: name.into(),
            fall: Fall {
                image_to_text,
                text_to_image,
                loss,
            },
            retrieval,
        }
    }
}

//! What ROAR+ found: plain numbers, serialisable both ways.

use m2ib::draw::aligned;
use m2ib_metrics::Interval;
use serde::{Deserialize, Serialize};

use super::retrieval::{by_pair, intervals};
use super::{Error, Result, Retrieval, RoarMeasure, RoarSettings};

/// Methods compared by what their removals cost a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoarReport {
    /// How it was done.
    pub settings: RoarSettings,
    /// The fingerprint of the model that was fine-tuned each time.
    pub model: String,
    /// Times that everything was split and fine-tuned anew. What several runs found of a pair is
    /// averaged, and intervals are over pairs.
    pub runs: usize,
    /// Pairs trained on, each time.
    pub training: usize,
    /// Pairs validated on, each time.
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
    /// Several runs of the same methods as one.
    ///
    /// # Errors
    /// [`Error::Setting`] for none.
    pub(crate) fn pooled(reports: Vec<Self>) -> Result<Self> {
        let Some(first) = reports.first() else {
            return Err(Error::Setting {
                name: "runs",
                found: "0".into(),
                expected: "at least 1".into(),
            });
        };
        let seed = first.settings.seed;
        let pool = |of: &dyn Fn(&Self) -> &Retrieval| {
            let retrievals: Vec<&Retrieval> = reports.iter().map(of).collect();
            Retrieval::pooled(&retrievals, seed)
        };
        let undegraded = pool(&|report| &report.undegraded);
        let row = |name: &str, of: &dyn Fn(&Self) -> &Retrieval| {
            RoarRow::new(name, pool(of), &undegraded, seed)
        };
        let methods = first.methods.iter().enumerate();
        let methods = methods
            .map(|(place, method)| row(&method.name, &|report| &report.methods[place].retrieval));
        Ok(Self {
            settings: first.settings.clone(),
            model: first.model.clone(),
            runs: reports.len(),
            training: first.training,
            validation: first.validation,
            before: pool(&|report| &report.before),
            random: row(&first.random.name, &|report| &report.random.retrieval),
            methods: methods.collect(),
            undegraded: undegraded.clone(),
        })
    }

    /// A Markdown table: what each method's removals cost beyond the fine-tuning on pairs as they
    /// were, means ± half the confidence interval. More is better everywhere. Below it, what they
    /// are compared with.
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
        format!("{}\n{}\n", aligned(&lines), self.levels())
    }

    /// What a method's removals cost, a number for each pair that was validated on.
    pub(crate) fn falls(&self, row: &RoarRow, measure: RoarMeasure) -> Vec<f64> {
        let falls = by_pair(falls(&self.undegraded, &row.retrieval)).into_iter();
        falls.map(|falls| falls[measure as usize]).collect()
    }

    /// What falls are counted from, in a sentence.
    pub(crate) fn levels(&self) -> String {
        let level = |retrieval: &Retrieval| {
            let Retrieval {
                image_to_text,
                text_to_image,
                loss,
                ..
            } = retrieval;
            format!(
                "{:.3} of images choose their caption, {:.3} of captions their image, loss {:.3}",
                image_to_text.mean, text_to_image.mean, loss.mean
            )
        };
        format!(
            "Fine-tuned on whole pairs: {}. Before: {}.",
            level(&self.undegraded),
            level(&self.before)
        )
    }
}

impl RoarRow {
    pub(crate) fn new(name: &str, retrieval: Retrieval, from: &Retrieval, seed: u64) -> Self {
        let [image_to_text, text_to_image, loss] = intervals(falls(from, &retrieval), seed);
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

/// Pair by pair, in the order of [`RoarMeasure::ALL`].
fn falls(from: &Retrieval, to: &Retrieval) -> impl Iterator<Item = (usize, [f64; 3])> {
    let cases = from.cases.iter().zip(&to.cases);
    cases.map(|(from, to)| {
        (
            from.pair,
            RoarMeasure::ALL.map(|measure| measure.fall(from, to)),
        )
    })
}

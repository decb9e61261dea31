//! What ROAR+ found: plain numbers, serialisable both ways.

use std::collections::BTreeSet;

use m2ib::draw::aligned;
use m2ib_metrics::{Estimate, Groups};
use serde::{Deserialize, Serialize};

use super::retrieval::{estimates, groups};
use super::{Error, Result, Retrieval, RoarMeasure, RoarSettings};

/// Methods compared by what their removals cost a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoarReport {
    /// How it was done.
    pub settings: RoarSettings,
    /// The fingerprint of the model that was fine-tuned each time.
    pub model: String,
    /// Times that everything was split and fine-tuned anew. Intervals are over pictures and runs; of a
    /// single run they know nothing of how much another would differ.
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

/// Means over the pairs of the validation part, each compared with itself in the same run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fall {
    /// How much fewer images choose a right caption, as a share of all.
    pub image_to_text: Estimate,
    /// How much fewer captions choose a right image.
    pub text_to_image: Estimate,
    /// How much the loss *rises*: larger is better here, too.
    pub loss: Estimate,
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
            let pairs = first.validation;
            Retrieval::pooled(&retrievals, seed).ok_or(Error::NothingToChoose { pairs })
        };
        let undegraded = pool(&|report| &report.undegraded)?;
        let row = |name: &str, of: &dyn Fn(&Self) -> &Retrieval| -> Result<RoarRow> {
            Ok(RoarRow::new(name, pool(of)?, &undegraded, seed))
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
            before: pool(&|report| &report.before)?,
            random: row(&first.random.name, &|report| &report.random.retrieval)?,
            methods: methods.collect::<Result<_>>()?,
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
                let value = measure.of(&row.fall);
                let half = value.half().map(|half| format!(" ± {half:.3}"));
                format!("{:.3}{}", value.mean, half.unwrap_or_default())
            });
            [row.name.clone()].into_iter().chain(cells).collect()
        };
        let rows = [&self.random].into_iter().chain(&self.methods).map(row);
        let lines: Vec<Vec<String>> = [heading.collect()].into_iter().chain(rows).collect();
        format!("{}\n{} {}\n", aligned(&lines), self.levels(), self.spread())
    }

    /// What a method's removals cost, a number for each pair of each run.
    pub(crate) fn falls(&self, row: &RoarRow, measure: RoarMeasure) -> Vec<f64> {
        let falls = falls(&self.undegraded, &row.retrieval).into_iter();
        falls.map(|falls| falls[measure as usize]).collect()
    }

    /// The pictures and runs of these numbers.
    pub(crate) fn groups(&self) -> Groups {
        groups(&self.undegraded.cases)
    }

    /// Pairs that any run judged.
    pub(crate) fn judged(&self) -> usize {
        let pairs = self.undegraded.cases.iter().map(|case| case.pair);
        pairs.collect::<BTreeSet<_>>().len()
    }

    /// What intervals know of, in a sentence.
    pub(crate) fn spread(&self) -> String {
        match self.runs {
            1 => "Intervals are over pictures alone: how much another split and order of training would \
                  change the numbers shows only in several runs."
                .into(),
            runs => format!("Intervals are over pictures and over the {runs} fine-tunings of each."),
        }
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
        let falls = falls(from, &retrieval);
        let none = Estimate {
            mean: 0.0,
            interval: None,
        };
        // Both judged the same pairs, of which there is one.
        let found = estimates(&falls, &groups(&from.cases), seed);
        let [image_to_text, text_to_image, loss] = found.unwrap_or([none; 3]);
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

/// Case by case, in the order of [`RoarMeasure::ALL`].
fn falls(from: &Retrieval, to: &Retrieval) -> Vec<[f64; 3]> {
    let cases = from.cases.iter().zip(&to.cases);
    let falls = cases.map(|(from, to)| RoarMeasure::ALL.map(|measure| measure.fall(from, to)));
    falls.collect()
}

//! What a journal amounts to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Plan, Trial};
use crate::data::{Dataset, RowFailure};
use crate::journal::{Journal, Outcome};
use crate::metrics::{Metric, Summary};

/// Methods with their means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The data set's name.
    pub data: String,
    /// The model's name.
    pub model: String,
    /// Pairs that could be read.
    pub pairs: usize,
    /// Rows that could not be read.
    pub unread: Vec<RowFailure>,
    /// One a method, in the plan's order.
    pub methods: Vec<Column>,
}

/// A method over all pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// The method with its settings.
    pub method: String,
    /// Means by metric, over the pairs that it was measured on.
    pub summaries: BTreeMap<Metric, Summary>,
    /// Pairs explained.
    pub explained: usize,
    /// Pairs explained in a second by one thread, both sides.
    pub pairs_a_second: f64,
    /// Pairs that failed.
    pub failed: Vec<Failed>,
}

/// A pair that a method failed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The row's key.
    pub row: String,
    /// Why.
    pub reason: String,
}

impl Plan {
    /// What the journal holds of this plan and data set.
    pub fn compare(&self, model: &str, dataset: &Dataset, journal: &Journal<Trial>) -> Comparison {
        let methods = self.methods.iter().map(|choice| {
            let key = choice.to_string();
            let outcomes = dataset.rows.iter().filter_map(|row| {
                let outcome = journal.get(&row.key, &key)?;
                Some((row.key.as_str(), outcome))
            });
            self.column(key.clone(), outcomes)
        });
        Comparison {
            data: dataset.name.clone(),
            model: model.into(),
            pairs: dataset.rows.len(),
            unread: dataset.failures.clone(),
            methods: methods.collect(),
        }
    }

    fn column<'a>(
        &self,
        method: String,
        outcomes: impl Iterator<Item = (&'a str, &'a Outcome<Trial>)>,
    ) -> Column {
        let (mut trials, mut failed) = (Vec::new(), Vec::new());
        for (row, outcome) in outcomes {
            match outcome {
                Outcome::Result(trial) => trials.push(trial),
                Outcome::Failure(reason) => failed.push(Failed {
                    row: row.into(),
                    reason: reason.clone(),
                }),
            }
        }
        let summaries = self.metrics.iter().filter_map(|&metric| {
            // Some metrics are taken of some pairs only.
            let values = trials.iter().filter_map(|trial| trial.values.get(&metric));
            let values: Vec<Option<f64>> = values.copied().collect();
            (!values.is_empty()).then(|| (metric, Summary::of(values, self.seed)))
        });
        let seconds: f64 = trials.iter().map(|trial| trial.seconds).sum();
        Column {
            summaries: summaries.collect(),
            explained: trials.len(),
            pairs_a_second: match seconds > 0.0 {
                true => trials.len() as f64 / seconds,
                false => 0.0,
            },
            method,
            failed,
        }
    }
}

//! What a journal amounts to.

use std::collections::BTreeMap;

use m2ib_data::{Dataset, RowFailure};
use m2ib_methods::MethodFactory;
use m2ib_metrics::{Metric, Summary, mean};
use serde::{Deserialize, Serialize};

use super::{Plan, Trial};
use crate::journal::{Journal, Outcome};
use crate::roar::RoarReport;

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
    /// ROAR+, if it was run.
    pub roar: Option<RoarReport>,
}

/// A method over all pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// The method with its settings.
    pub method: String,
    /// Whether it is a [control](MethodFactory::is_control).
    pub control: bool,
    /// Means by metric, over the pairs that it was measured on.
    pub summaries: BTreeMap<Metric, Summary>,
    /// Pairs explained.
    pub explained: usize,
    /// Pairs explained in a second by one thread.
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
        let entries = self.entries(dataset);
        let methods = self.methods.iter().map(|method| {
            let key = self.key(method.as_ref());
            let rows = dataset.rows.iter().zip(&entries);
            let outcomes = rows.filter_map(|(row, entry)| {
                let outcome = journal.get(entry, &key)?;
                Some((row.key.as_str(), outcome))
            });
            self.column(method.as_ref(), outcomes)
        });
        Comparison {
            data: dataset.name.clone(),
            model: model.into(),
            pairs: dataset.rows.len(),
            unread: dataset.failures.clone(),
            methods: methods.collect(),
            roar: None,
        }
    }

    fn column<'a>(
        &self,
        method: &dyn MethodFactory,
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
            let chances = trials.iter().filter_map(|trial| trial.chances.get(&metric));
            let chance = mean(chances.copied());
            let chance = chance.is_finite().then_some(chance);
            let summary = || Summary {
                chance,
                ..Summary::of(values.iter().copied(), self.seed)
            };
            (!values.is_empty()).then(|| (metric, summary()))
        });
        let seconds: f64 = trials.iter().map(|trial| trial.seconds).sum();
        Column {
            summaries: summaries.collect(),
            explained: trials.len(),
            pairs_a_second: match seconds > 0.0 {
                true => trials.len() as f64 / seconds,
                false => 0.0,
            },
            method: method.key(),
            control: method.is_control(),
            failed,
        }
    }
}

/// How a mean stands among the others of its metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// No method has a better one.
    Best,
    /// A control's, better than every method's: the metric does not tell what it is asked.
    Ahead,
    /// Neither.
    Other,
}

impl Comparison {
    /// How a method stands by a metric.
    pub(super) fn standing(&self, column: &Column, metric: Metric) -> Standing {
        let mean = |column: &Column| Some(column.summaries.get(&metric)?.interval?.mean);
        let Some(own) = mean(column) else {
            return Standing::Other;
        };
        let methods = self.methods.iter().filter(|column| !column.control);
        let means: Vec<f64> = methods.filter_map(mean).collect();
        let better = |a, b| metric.direction().prefers(a, b);
        match column.control {
            false if !means.iter().any(|&other| better(other, own)) => Standing::Best,
            true if !means.is_empty() && means.iter().all(|&other| better(own, other)) => {
                Standing::Ahead
            }
            _ => Standing::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use m2ib_methods::Registry;

    use super::*;
    use m2ib_metrics::Interval;

    fn column(method: &str, mean: f64) -> Column {
        let interval = Interval {
            mean,
            low: mean,
            high: mean,
        };
        let summary = Summary {
            interval: Some(interval),
            defined: 1,
            undefined: 0,
            chance: None,
        };
        Column {
            method: method.into(),
            control: Registry::standard().parse(method).unwrap().is_control(),
            summaries: [(Metric::ImageDeletion, summary)].into(),
            explained: 1,
            pairs_a_second: 1.0,
            failed: Vec::new(),
        }
    }

    #[test]
    fn a_control_is_never_best_but_said_to_be_ahead() {
        let comparison = |control: f64| Comparison {
            data: String::new(),
            model: String::new(),
            pairs: 1,
            unread: Vec::new(),
            methods: vec![
                column("saliency", 0.3),
                column("nib", 0.2),
                column("random", control),
            ],
            roar: None,
        };
        let standings = |control: f64| {
            let comparison = comparison(control);
            let columns = comparison.methods.iter();
            let standings = columns.map(|c| comparison.standing(c, Metric::ImageDeletion));
            standings.collect::<Vec<_>>()
        };
        // Less is better.
        let [other, best, ahead] = [Standing::Other, Standing::Best, Standing::Ahead];
        assert_eq!(standings(0.1), [other, best, ahead]);
        assert_eq!(standings(0.2), [other, best, other]);
        // Among controls alone there is nothing to be ahead of.
        let mut alone = comparison(0.1);
        alone.methods.drain(..2);
        let standing = alone.standing(&alone.methods[0], Metric::ImageDeletion);
        assert_eq!(standing, other);
    }
}

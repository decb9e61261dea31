//! What a journal amounts to.

use std::collections::BTreeMap;

use m2ib_data::{Dataset, Pictures, RowFailure};
use m2ib_metrics::{Groups, Metric, Paired, Summary, mean};
use serde::{Deserialize, Serialize};

use super::{Finding, Plan, Trial};
use crate::Result;
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
    /// Pictures that they show.
    pub pictures: usize,
    /// Rows that could not be read.
    pub unread: Vec<RowFailure>,
    /// What a reader should know before trusting the numbers, a sentence each.
    pub notes: Vec<String>,
    /// One a method, in the plan's order.
    pub methods: Vec<Column>,
    /// Who is best by each metric, pair by pair. The places are those of the methods; no control is
    /// best.
    pub paired: BTreeMap<Metric, Paired>,
    /// ROAR+, if it was run.
    pub roar: Option<RoarReport>,
}

/// A method over all pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// The method with its settings.
    pub method: String,
    /// Whether it is a [control](m2ib_methods::MethodFactory::is_control).
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

/// What became of each row by one method; none for one that was not tried.
pub(crate) type Outcomes = Vec<Option<Outcome<Trial>>>;

impl Plan {
    /// What the journal holds of this plan and data set.
    ///
    /// # Errors
    /// [`Error::Journal`](crate::Error::Journal) if it cannot be read any more.
    pub fn compare(
        &self,
        model: &str,
        dataset: &Dataset,
        journal: &Journal<Finding>,
    ) -> Result<Comparison> {
        let pictures = Pictures::of(dataset);
        let groups = Groups::of_pictures(pictures.of_rows().iter().copied());
        let outcomes = self.outcomes(dataset, journal)?;
        let methods = self.methods.iter().zip(&outcomes);
        let methods: Vec<Column> = methods
            .map(|(method, outcomes)| {
                let (name, control) = (method.key(), method.is_control());
                self.column((name, control), dataset, outcomes, &groups)
            })
            .collect();
        let paired = self.metrics.iter().filter_map(|&metric| {
            let values = outcomes.iter().map(|outcomes| values(metric, outcomes));
            let values: Vec<_> = values.collect();
            let is_method = |place: usize| !methods[place].control;
            let direction = metric.direction();
            let paired = Paired::of(&values, is_method, &groups, direction, self.seed)?;
            Some((metric, paired))
        });
        let mut comparison = Comparison {
            data: dataset.name.clone(),
            model: model.into(),
            pairs: dataset.rows.len(),
            pictures: pictures.count(),
            unread: dataset.failures.clone(),
            notes: dataset.notes.clone(),
            paired: paired.collect(),
            methods,
            roar: None,
        };
        let lonely = self.lonely(dataset, &pictures);
        // Of partners is said then why there are none.
        let told = |metric: Metric| lonely.is_some() && metric.needs_partner();
        let silent = comparison.silent(|metric| self.wants(&[metric]) && !told(metric));
        comparison.notes.extend(lonely);
        comparison.notes.extend(silent);
        comparison.notes.extend(comparison.about_counts());
        Ok(comparison)
    }

    /// By method and row, without the explanations: all maps of a large data set are more than fit
    /// into the memory.
    pub(crate) fn outcomes(
        &self,
        dataset: &Dataset,
        journal: &Journal<Finding>,
    ) -> Result<Vec<Outcomes>> {
        let asked = self.all_asked(dataset);
        let outcomes = self.methods.iter().map(|method| {
            let outcomes = self.each_outcome(&asked, journal, method.as_ref());
            let outcomes = outcomes.map(|outcome| {
                Ok(outcome?.map(|outcome| match outcome {
                    Outcome::Result(trial) => Outcome::Result(trial.without_scores()),
                    Outcome::Failure(reason) => Outcome::Failure(reason),
                }))
            });
            outcomes.collect()
        });
        outcomes.collect()
    }

    fn column(
        &self,
        (method, control): (String, bool),
        dataset: &Dataset,
        outcomes: &Outcomes,
        groups: &Groups,
    ) -> Column {
        let (mut places, mut trials, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        for (place, (row, outcome)) in dataset.rows.iter().zip(outcomes).enumerate() {
            match outcome {
                Some(Outcome::Result(trial)) => {
                    places.push(place);
                    trials.push(trial);
                }
                Some(Outcome::Failure(reason)) => failed.push(Failed {
                    row: row.key.clone(),
                    reason: reason.clone(),
                }),
                None => {}
            }
        }
        let summaries = self.metrics.iter().filter_map(|&metric| {
            // Some metrics are taken of some pairs only.
            let measured = trials.iter().zip(&places);
            let measured =
                measured.filter_map(|(trial, &place)| Some((place, *trial.values.get(&metric)?)));
            let (places, values): (Vec<usize>, Vec<Option<f64>>) = measured.unzip();
            let chances = trials.iter().filter_map(|trial| trial.chances.get(&metric));
            let chance = mean(chances.copied());
            let chance = chance.is_finite().then_some(chance);
            let summary = || Summary {
                chance,
                ..Summary::of(&values, &groups.only(&places), self.seed)
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
            method,
            control,
            failed,
        }
    }

    /// What is to be said of pairs that no other picture can be held against.
    fn lonely(&self, dataset: &Dataset, pictures: &Pictures) -> Option<String> {
        let wanted = Metric::ALL
            .into_iter()
            .filter(|metric| metric.needs_partner());
        let wanted: Vec<&str> = wanted
            .filter(|&metric| self.wants(&[metric]))
            .map(Metric::label)
            .collect();
        let rows = dataset.rows.len().min(self.repeated);
        let alone = (0..rows).filter(|&row| pictures.partners(dataset, row).next().is_none());
        let alone = alone.count();
        if wanted.is_empty() || alone == 0 {
            return None;
        }
        let wanted = wanted.join(", ");
        Some(match pictures.count() {
            1 => format!("{wanted}: not measured, since all pairs show one picture."),
            _ => format!(
                "{wanted}: not measured on {alone} of {rows} pairs, which no picture that their \
                 caption is not true of can be held against."
            ),
        })
    }
}

/// A metric's values, row by row.
pub(crate) fn values(metric: Metric, outcomes: &[Option<Outcome<Trial>>]) -> Vec<Option<f64>> {
    let values = outcomes.iter().map(|outcome| match outcome {
        Some(Outcome::Result(trial)) => trial.values.get(&metric).copied().flatten(),
        _ => None,
    });
    values.collect()
}

//! What a journal amounts to.

use std::collections::BTreeMap;

use m2ib::Modality;
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

/// How a method stands among the others of its metric, pair by pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The best of several methods.
    Best,
    /// Not told from the best.
    Level,
    /// A control that is better than the best method: the metric does not tell what it is asked.
    Ahead,
    /// Worse, or nobody knows.
    Other,
}

impl Standing {
    /// What is written behind a mean.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Level => " ≈",
            Self::Ahead => " †",
            Self::Best | Self::Other => "",
        }
    }
}

impl Comparison {
    /// How a method, by its place, stands by a metric.
    pub(super) fn standing(&self, place: usize, metric: Metric) -> Standing {
        let Some(paired) = self.paired.get(&metric) else {
            return Standing::Other;
        };
        let compared = paired.stands.iter().zip(&self.methods);
        let methods = compared.filter(|(stand, column)| stand.is_some() && !column.control);
        let Some(stand) = paired.stands.get(place).copied().flatten() else {
            return Standing::Other;
        };
        let control = self.methods[place].control;
        match (stand.is_better(), stand.is_worse()) {
            (Some(true), _) => Standing::Ahead,
            (_, Some(false)) if control => Standing::Level,
            // The best of one is no news.
            _ if methods.count() < 2 => Standing::Other,
            (_, Some(false)) if paired.best == place || stand.behind.ends() == [0.0; 2] => {
                Standing::Best
            }
            (_, Some(false)) => Standing::Level,
            _ => Standing::Other,
        }
    }

    /// Pairs that a method has a value of.
    fn measured(column: &Column, metric: Metric) -> Option<usize> {
        let count = column.summaries.get(&metric)?.defined;
        (count > 0).then_some(count)
    }

    /// How many pairs all methods have a value of, where that is one number and not that of all.
    pub(super) fn count(&self, metric: Metric) -> Option<usize> {
        let counts = self
            .methods
            .iter()
            .filter_map(|column| Self::measured(column, metric));
        let mut counts = counts.collect::<Vec<_>>();
        counts.dedup();
        match counts[..] {
            [count] if count != self.pairs => Some(count),
            _ => None,
        }
    }

    /// How many pairs a method has a value of, where methods differ and it is not that of all.
    pub(super) fn own_count(&self, column: &Column, metric: Metric) -> Option<usize> {
        let count = Self::measured(column, metric)?;
        (self.count(metric).is_none() && count != self.pairs).then_some(count)
    }

    /// What is to be said of metrics that were wanted and have no value for any pair.
    fn silent(&self, wanted: impl Fn(Metric) -> bool) -> Option<String> {
        let any = |metric: &Metric| {
            let mut methods = self.methods.iter();
            methods.any(|column| Self::measured(column, *metric).is_some())
        };
        // Of partners more is said elsewhere.
        let metrics = Metric::ALL
            .into_iter()
            .filter(|metric| !metric.needs_partner());
        let silent = metrics.filter(|metric| wanted(*metric) && !any(metric));
        let silent: Vec<&str> = silent.map(Metric::key).collect();
        let explained = self.methods.iter().any(|column| column.explained > 0);
        (explained && !silent.is_empty()).then(|| {
            format!(
                "No pair has what these need, so they are left out: {}.",
                silent.join(", ")
            )
        })
    }

    /// What is to be said of how many pairs and pictures there are.
    fn about_counts(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.pictures == 1 && self.pairs > 0 {
            notes.push(
                "All pairs show one picture: means have no interval, and no method is told from another."
                    .into(),
            );
        } else if self.pictures < self.pairs {
            notes.push(format!(
                "{} pairs show {} pictures: intervals are over pictures.",
                self.pairs, self.pictures
            ));
        }
        let differ = |metric: &Metric| {
            let mut columns = self.methods.iter();
            columns.any(|column| self.own_count(column, *metric).is_some())
        };
        let differ: Vec<&str> = Metric::ALL
            .into_iter()
            .filter(differ)
            .map(Metric::key)
            .collect();
        if !differ.is_empty() {
            notes.push(format!(
                "Means of different n are over different pairs ({}): what is marked best or ≈ is told on \
                 the pairs that all have.",
                differ.join(", ")
            ));
        }
        notes
    }

    /// What the marks of a table mean, as far as they are there.
    pub(super) fn legend(&self) -> Vec<&'static str> {
        let places = 0..self.methods.len();
        let standings = places.flat_map(|place| {
            let metrics = self.methods[place].summaries.keys();
            metrics.map(move |&metric| self.standing(place, metric))
        });
        let standings: Vec<Standing> = standings.collect();
        let known = [
            (Standing::Best, "Bold: the best method, pair by pair."),
            (
                Standing::Level,
                "≈ Not told from the best method: the interval of the difference, pair by pair, holds 0.",
            ),
            (
                Standing::Ahead,
                "† A control, which knows nothing of the pair, is better than every method.",
            ),
        ];
        let there = known
            .into_iter()
            .filter(|(standing, _)| standings.contains(standing));
        there.map(|(_, words)| words).collect()
    }

    /// Metrics of one side that any method was measured by, in the order of tables.
    pub(super) fn metrics(&self, modality: Modality) -> Vec<Metric> {
        let measured = |metric: &Metric| {
            let mut methods = self.methods.iter();
            methods.any(|column| column.summaries.contains_key(metric))
        };
        let metrics = Metric::ALL.into_iter().filter(|m| m.modality() == modality);
        metrics.filter(measured).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use m2ib_methods::Registry;

    use super::*;

    /// Methods with their values of deletion, of which less is better, pair by pair.
    pub(in crate::comparison) fn comparison(
        methods: &[(&str, &[Option<f64>])],
        pictures: &[usize],
    ) -> Comparison {
        let metric = Metric::ImageDeletion;
        let groups = Groups::of_pictures(pictures.iter().copied());
        let columns = methods.iter().map(|(method, values)| Column {
            method: (*method).into(),
            control: Registry::standard().parse(method).unwrap().is_control(),
            summaries: [(metric, Summary::of(values, &groups, 0))].into(),
            explained: values.iter().flatten().count(),
            pairs_a_second: 1.0,
            failed: Vec::new(),
        });
        let columns: Vec<Column> = columns.collect();
        let values: Vec<_> = methods.iter().map(|(_, values)| values.to_vec()).collect();
        let is_method = |place: usize| !columns[place].control;
        let paired = Paired::of(&values, is_method, &groups, metric.direction(), 0);
        let mut comparison = Comparison {
            data: "by hand".into(),
            model: "none".into(),
            pairs: pictures.len(),
            pictures: groups.pictures(),
            unread: Vec::new(),
            notes: Vec::new(),
            methods: columns,
            paired: paired.map(|paired| (metric, paired)).into_iter().collect(),
            roar: None,
        };
        comparison.notes = comparison.about_counts();
        comparison
    }

    fn standings(comparison: &Comparison) -> Vec<Standing> {
        let places = 0..comparison.methods.len();
        let standings = places.map(|place| comparison.standing(place, Metric::ImageDeletion));
        standings.collect()
    }

    const PICTURES: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

    /// Pairs that differ among each other more than methods do.
    fn about(mean: f64) -> [Option<f64>; 8] {
        PICTURES.map(|pair| Some(mean + pair as f64))
    }

    #[test]
    fn a_control_is_never_best_but_said_to_be_ahead() {
        let of = |control: f64| {
            let [saliency, nib, control] = [about(0.3), about(0.2), about(control)];
            let methods = [
                ("saliency", &saliency[..]),
                ("nib", &nib),
                ("random", &control),
            ];
            standings(&comparison(&methods, &PICTURES))
        };
        use Standing::{Ahead, Best, Level, Other};
        assert_eq!(of(0.1), [Other, Best, Ahead]);
        assert_eq!(of(0.2), [Other, Best, Level]);
        assert_eq!(of(0.25), [Other, Best, Other]);
        // Among controls alone there is nothing to be ahead of, and the best of one is no news.
        let control = about(0.1);
        let alone = comparison(&[("random", &control[..])], &PICTURES);
        assert_eq!(standings(&alone), [Other]);
        let one = about(0.0);
        let one = comparison(&[("nib", &one[..]), ("random", &control)], &PICTURES);
        assert_eq!(standings(&one), [Other, Other]);
    }

    #[test]
    fn what_differs_by_chance_is_not_told_apart() {
        let (even, odd) = (
            about(0.2),
            PICTURES.map(|pair| Some(if pair % 2 == 0 { 0.0 } else { 0.41 } + pair as f64)),
        );
        let methods = [("saliency", &even[..]), ("nib", &odd)];
        assert_eq!(
            standings(&comparison(&methods, &PICTURES)),
            [Standing::Best, Standing::Level]
        );
        // One picture, however many captions: nothing is told.
        let one = comparison(&methods, &[5; 8]);
        assert_eq!(standings(&one), [Standing::Other; 2]);
        assert!(one.notes[0].contains("one picture"), "{:?}", one.notes);
        assert!(one.methods.iter().all(|c| {
            c.summaries[&Metric::ImageDeletion]
                .value
                .unwrap()
                .interval
                .is_none()
        }));
    }

    /// The one that failed on the hard pairs has the better mean, and is worse on each pair.
    #[test]
    fn a_method_is_not_best_for_failing_where_it_is_hard() {
        let whole = about(0.0);
        let mut failed = about(0.1);
        failed[5..].fill(None);
        let of = comparison(&[("saliency", &whole[..]), ("nib", &failed)], &PICTURES);
        let mean = |place: usize| {
            of.methods[place].summaries[&Metric::ImageDeletion]
                .value
                .unwrap()
                .mean
        };
        assert!(mean(1) < mean(0));
        assert_eq!(standings(&of), [Standing::Best, Standing::Other]);
        assert_eq!(of.count(Metric::ImageDeletion), None);
        assert_eq!(of.own_count(&of.methods[1], Metric::ImageDeletion), Some(5));
        assert!(
            of.notes.iter().any(|note| note.contains("different pairs")),
            "{:?}",
            of.notes
        );
    }
}

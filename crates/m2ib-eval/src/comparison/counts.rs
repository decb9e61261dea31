//! Which metrics there are values of, of how many pairs, and what is to be said of that.

use m2ib::Modality;
use m2ib_metrics::Metric;

use super::{Column, Comparison};

impl Comparison {
    /// Metrics of one side that any method has a value of, in the order of tables.
    pub(super) fn metrics(&self, modality: Modality) -> Vec<Metric> {
        let measured = |metric: &Metric| {
            let mut methods = self.methods.iter();
            methods.any(|column| Self::measured(column, *metric).is_some())
        };
        let metrics = Metric::ALL.into_iter().filter(|m| m.modality() == modality);
        metrics.filter(measured).collect()
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
    pub(super) fn silent(&self, wanted: impl Fn(Metric) -> bool) -> Option<String> {
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
    pub(super) fn about_counts(&self) -> Vec<String> {
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
}

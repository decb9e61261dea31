//! A comparison as tables like the paper's, and as comma-separated values.

use m2ib::Modality;
use m2ib::draw::{aligned, separated};
use m2ib_metrics::{Interval, Metric};

use super::outcome::Standing;
use super::{Column, Comparison};
use crate::roar::{RoarMeasure, RoarReport};

/// Metrics beside each other in a table; more do not fit on a page.
const ACROSS: usize = 6;

impl Comparison {
    /// Markdown tables, image and text apart: means ± half the confidence interval, ↑ or ↓ for the
    /// way that is better, the best method in bold, † at a control that is better still; ROAR+, if
    /// it was run; pairs a second.
    pub fn to_markdown(&self) -> String {
        let mut tables = Vec::new();
        for modality in [Modality::Image, Modality::Text] {
            let metrics = self.metrics(modality);
            // Chance takes a column of its own.
            let truth = |metric: &Metric| self.has_chance(*metric);
            let parts = metrics.chunk_by(|one, next| truth(one) == truth(next));
            let parts = parts.flat_map(|part| match truth(&part[0]) {
                true => part.chunks(ACROSS / 2),
                false => part.chunks(ACROSS),
            });
            tables.extend(parts.map(|metrics| self.table(modality, metrics)));
        }
        let speed = |column: &Column| {
            let failed = column.failed.len().to_string();
            let speed = significant(column.pairs_a_second);
            vec![column.method.clone(), speed, failed]
        };
        let heading = ["speed", "pairs/s", "failed"].map(String::from).to_vec();
        let lines: Vec<_> = [heading]
            .into_iter()
            .chain(self.methods.iter().map(speed))
            .collect();
        let standings = self.methods.iter().flat_map(|column| {
            let metrics = column.summaries.keys();
            metrics.map(|&metric| self.standing(column, metric))
        });
        if standings
            .into_iter()
            .any(|standing| standing == Standing::Ahead)
        {
            tables.push(
                "† A control, which knows nothing of the pair, is better than every method.\n"
                    .into(),
            );
        }
        tables.extend(self.roar.as_ref().map(RoarReport::to_markdown));
        tables.push(aligned(&lines));
        tables.join("\n")
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

    fn table(&self, modality: Modality, metrics: &[Metric]) -> String {
        let heading = metrics.iter().flat_map(|&metric| {
            let chance = self.has_chance(metric).then(|| "chance".to_owned());
            let label = format!("{} {}", metric.label(), metric.direction().arrow());
            [Some(label), chance].into_iter().flatten()
        });
        let mut lines = vec![[modality.to_string()].into_iter().chain(heading).collect()];
        lines.extend(self.methods.iter().map(|column| {
            let cells = metrics.iter().flat_map(|&metric| {
                let chance = self.has_chance(metric).then(|| self.chance(column, metric));
                [Some(self.cell(column, metric)), chance]
                    .into_iter()
                    .flatten()
            });
            [column.method.clone()].into_iter().chain(cells).collect()
        }));
        aligned(&lines)
    }

    fn cell(&self, column: &Column, metric: Metric) -> String {
        let Some(interval) = column.summaries.get(&metric).and_then(|s| s.interval) else {
            return "–".into();
        };
        let scale = metric.scale();
        let half = (interval.high - interval.low) / 2.0 * scale;
        let cell = format!("{} ± {}", two(interval.mean * scale), two(half));
        match self.standing(column, metric) {
            Standing::Best => format!("**{cell}**"),
            Standing::Ahead => format!("{cell} †"),
            Standing::Other => cell,
        }
    }

    /// Whether anyone's chance level of a metric is known.
    pub(super) fn has_chance(&self, metric: Metric) -> bool {
        let columns = self.methods.iter();
        let mut summaries = columns.filter_map(|column| column.summaries.get(&metric));
        summaries.any(|summary| summary.chance.is_some())
    }

    /// What chance would give.
    pub(super) fn chance(&self, column: &Column, metric: Metric) -> String {
        let chance = column.summaries.get(&metric).and_then(|s| s.chance);
        chance.map_or("–".into(), |chance| two(chance * metric.scale()))
    }

    /// One line a method and metric:
    /// `method,modality,metric,better,mean,low,high,pairs,undefined,chance`.
    /// ROAR+ judges both modalities at once, and chance beside the methods.
    pub fn to_csv(&self) -> String {
        let heading = [
            "method",
            "modality",
            "metric",
            "better",
            "mean",
            "low",
            "high",
            "pairs",
            "undefined",
            "chance",
        ];
        let mut lines = vec![heading.map(String::from).to_vec()];
        for column in &self.methods {
            lines.extend(column.summaries.iter().map(|(metric, summary)| {
                let about = [
                    column.method.clone(),
                    metric.modality().to_string(),
                    metric.to_string(),
                    metric.direction().arrow().into(),
                ];
                let counts = [summary.defined, summary.undefined].map(|count| count.to_string());
                let numbers = summary.interval.map(numbers).unwrap_or_default();
                let chance = summary.chance.map(|chance| chance.to_string());
                [&about[..], &numbers, &counts, &[chance.unwrap_or_default()]].concat()
            }));
        }
        if let Some(report) = &self.roar {
            let pairs = report.falls(&report.random, RoarMeasure::Loss).len();
            let pairs = [pairs.to_string(), "0".into(), String::new()];
            for row in [&report.random].into_iter().chain(&report.methods) {
                lines.extend(RoarMeasure::ALL.map(|measure| {
                    let about = [&row.name, "both", measure.key(), "↑"].map(String::from);
                    let numbers = numbers(measure.of(&row.fall));
                    [&about[..], &numbers, &pairs].concat()
                }));
            }
        }
        separated(lines)
    }
}

fn numbers(interval: Interval) -> [String; 3] {
    [interval.mean, interval.low, interval.high].map(|number| number.to_string())
}

fn two(value: f64) -> String {
    format!("{value:.2}")
}

/// Two digits that count.
fn significant(value: f64) -> String {
    match value {
        value if value >= 10.0 => format!("{value:.0}"),
        value if value >= 1.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

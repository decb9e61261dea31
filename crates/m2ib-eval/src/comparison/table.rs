//! A comparison as tables like the paper's, and as comma-separated values.

use m2ib::Modality;

use super::{Column, Comparison};
use crate::metrics::{Metric, Summary};
use crate::table::aligned;

/// Metrics beside each other in a table; more do not fit on a page.
const ACROSS: usize = 6;

impl Comparison {
    /// Markdown tables, image and text apart: means ± half the confidence interval, ↑ or ↓ for the
    /// way that is better, the best in bold, and pairs a second.
    pub fn to_markdown(&self) -> String {
        let mut tables = Vec::new();
        for modality in [Modality::Image, Modality::Text] {
            let metrics = self.metrics(modality);
            let parts = metrics.chunks(ACROSS);
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
        let heading = metrics
            .iter()
            .map(|metric| format!("{} {}", metric.label(), metric.direction().arrow()));
        let mut lines = vec![[modality.to_string()].into_iter().chain(heading).collect()];
        lines.extend(self.methods.iter().map(|column| {
            let cells = metrics.iter().map(|&metric| self.cell(column, metric));
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
        match self.is_best(interval.mean, metric) {
            true => format!("**{cell}**"),
            false => cell,
        }
    }

    /// Whether no method has a better mean.
    pub(super) fn is_best(&self, mean: f64, metric: Metric) -> bool {
        let means = self.methods.iter().filter_map(|column| {
            let interval = column.summaries.get(&metric)?.interval?;
            Some(interval.mean)
        });
        means
            .into_iter()
            .all(|other| !metric.direction().prefers(other, mean))
    }

    /// One line a method and metric: `method,modality,metric,better,mean,low,high,pairs,undefined`.
    pub fn to_csv(&self) -> String {
        let mut csv = String::from("method,modality,metric,better,mean,low,high,pairs,undefined\n");
        for column in &self.methods {
            for (metric, summary) in &column.summaries {
                let Summary {
                    interval,
                    defined,
                    undefined,
                } = summary;
                let numbers = interval.map_or([String::new(), String::new(), String::new()], |i| {
                    [i.mean, i.low, i.high].map(|number| number.to_string())
                });
                let fields = [
                    format!("\"{}\"", column.method.replace('"', "\"\"")),
                    metric.modality().to_string(),
                    metric.to_string(),
                    metric.direction().arrow().into(),
                    numbers.join(","),
                    defined.to_string(),
                    undefined.to_string(),
                ];
                csv.push_str(&fields.join(","));
                csv.push('\n');
            }
        }
        csv
    }
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

//! A comparison as tables like the paper's, and as comma-separated values.

use m2ib::Modality;
use m2ib::draw::{aligned, separated};
use m2ib_metrics::{Estimate, Metric};

use super::standing::Standing;
use super::{Column, Comparison};
use crate::roar::{RoarMeasure, RoarReport};

/// Metrics beside each other in a table; more do not fit on a page.
const ACROSS: usize = 6;

impl Comparison {
    /// Markdown tables, image and text apart: means ± half the confidence interval, ↑ or ↓ for the
    /// way that is better, n where a mean is not over all pairs; in bold the method that is best pair
    /// by pair, ≈ at what is not told from it, † at a control that is better still. Then ROAR+, if it
    /// was run; pairs a second; and what there is to know before trusting them.
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
        let legend = self.legend();
        if !legend.is_empty() {
            tables.push(legend.join("\n") + "\n");
        }
        tables.extend(self.roar.as_ref().map(RoarReport::to_markdown));
        tables.push(aligned(&lines));
        if !self.notes.is_empty() {
            let notes: Vec<String> = self
                .notes
                .iter()
                .map(|note| format!("- {note}\n"))
                .collect();
            tables.push(notes.concat());
        }
        tables.join("\n")
    }

    fn table(&self, modality: Modality, metrics: &[Metric]) -> String {
        let heading = metrics.iter().flat_map(|&metric| {
            let chance = self.has_chance(metric).then(|| "chance".to_owned());
            [Some(self.heading(metric)), chance].into_iter().flatten()
        });
        let mut lines = vec![[modality.to_string()].into_iter().chain(heading).collect()];
        lines.extend(self.methods.iter().enumerate().map(|(place, column)| {
            let cells = metrics.iter().flat_map(|&metric| {
                let chance = self.has_chance(metric).then(|| self.chance(column, metric));
                [Some(self.cell(place, metric)), chance]
                    .into_iter()
                    .flatten()
            });
            [column.method.clone()].into_iter().chain(cells).collect()
        }));
        aligned(&lines)
    }

    /// A metric's name, which way is better, and over how many pairs it is, if not over all.
    pub(super) fn heading(&self, metric: Metric) -> String {
        let count = self.count(metric).map(|count| format!(" (n = {count})"));
        let (label, arrow) = (metric.label(), metric.direction().arrow());
        format!("{label} {arrow}{}", count.unwrap_or_default())
    }

    fn cell(&self, place: usize, metric: Metric) -> String {
        let column = &self.methods[place];
        let Some(value) = column.summaries.get(&metric).and_then(|s| s.value) else {
            return "–".into();
        };
        let scale = metric.scale();
        let half = value.half().map(|half| format!(" ± {}", two(half * scale)));
        let cell = format!("{}{}", two(value.mean * scale), half.unwrap_or_default());
        let count = self
            .own_count(column, metric)
            .map(|count| format!(" (n = {count})"));
        let standing = self.standing(place, metric);
        let cell = match standing {
            Standing::Best => format!("**{cell}**"),
            _ => format!("{cell}{}", standing.mark()),
        };
        cell + &count.unwrap_or_default()
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
    /// `method,modality,metric,better,mean,low,high,pairs,undefined,chance,behind,behind_low,behind_high,compared`.
    /// `behind` is how much worse than the best method, pair by pair over `compared` pairs.
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
            "behind",
            "behind_low",
            "behind_high",
            "compared",
        ];
        let mut lines = vec![heading.map(String::from).to_vec()];
        for (place, column) in self.methods.iter().enumerate() {
            lines.extend(column.summaries.iter().map(|(metric, summary)| {
                let about = [
                    column.method.clone(),
                    metric.modality().to_string(),
                    metric.to_string(),
                    metric.direction().arrow().into(),
                ];
                let counts = [summary.defined, summary.undefined].map(|count| count.to_string());
                let chance = summary.chance.map(|chance| chance.to_string());
                let paired = self.paired.get(metric);
                let stand = paired.and_then(|paired| paired.stands.get(place).copied().flatten());
                let compared = paired.filter(|_| stand.is_some());
                let compared = compared.map(|paired| paired.pairs.to_string());
                [
                    &about[..],
                    &numbers(summary.value),
                    &counts,
                    &[chance.unwrap_or_default()],
                    &numbers(stand.map(|stand| stand.behind)),
                    &[compared.unwrap_or_default()],
                ]
                .concat()
            }));
        }
        if let Some(report) = &self.roar {
            let pairs = report.judged().to_string();
            let rest = [vec![pairs, "0".into()], vec![String::new(); 5]].concat();
            for row in [&report.random].into_iter().chain(&report.methods) {
                lines.extend(RoarMeasure::ALL.map(|measure| {
                    let about = [&row.name, "both", measure.key(), "↑"].map(String::from);
                    let numbers = numbers(Some(measure.of(&row.fall)));
                    [&about[..], &numbers, &rest].concat()
                }));
            }
        }
        separated(lines)
    }
}

/// Mean and both ends, as far as they are known.
fn numbers(value: Option<Estimate>) -> [String; 3] {
    let mean = value.map(|value| value.mean.to_string());
    let interval = value.and_then(|value| value.interval);
    let ends = [interval.map(|it| it.low), interval.map(|it| it.high)];
    let [low, high] = ends.map(|end| end.map(|end| end.to_string()));
    [mean, low, high].map(Option::unwrap_or_default)
}

/// Two decimals, unless so many digits would come before them that nobody reads them.
pub(super) fn two(value: f64) -> String {
    match value.abs() < 1e9 {
        true => format!("{value:.2}"),
        false => format!("{value:.2e}"),
    }
}

/// Two digits that count.
fn significant(value: f64) -> String {
    match value {
        value if value >= 10.0 => format!("{value:.0}"),
        value if value >= 1.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::standing::tests::comparison;

    const DELETION: &str = "deletion ↓";

    /// The line of a method.
    fn line<'a>(table: &'a str, method: &str) -> &'a str {
        let start = format!("| {method} ");
        table.lines().find(|line| line.starts_with(&start)).unwrap()
    }

    #[test]
    fn a_mean_over_fewer_pairs_says_of_how_many() {
        let values = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5].map(Some);
        let mut few = values;
        few[2..].fill(None);
        let pictures = [0, 1, 2, 3, 4, 5];
        let all_few = comparison(&[("nib", &few[..]), ("saliency", &few)], &pictures);
        let table = all_few.to_markdown();
        assert!(table.contains(&format!("{DELETION} (n = 2)")), "{table}");
        let one_few = comparison(&[("nib", &values[..]), ("saliency", &few)], &pictures);
        let table = one_few.to_markdown();
        assert!(
            table.contains(&format!("{DELETION}  ")) || table.contains(&format!("{DELETION} |")),
            "{table}"
        );
        assert!(line(&table, "saliency").contains("(n = 2)"), "{table}");
        assert!(!line(&table, "nib").contains("n ="), "{table}");
        assert!(table.contains("over different pairs"), "{table}");
    }

    #[test]
    fn one_pair_has_a_mean_and_no_interval_and_is_not_best() {
        let values = [Some(0.25)];
        let of_one = comparison(&[("nib", &values[..]), ("saliency", &[Some(0.5)])], &[0]);
        let table = of_one.to_markdown();
        assert!(
            line(&table, "nib").starts_with("| nib      | 0.25 "),
            "{table}"
        );
        assert!(!table.contains('±') && !table.contains("**"), "{table}");
        let csv = of_one.to_csv();
        assert!(
            csv.contains("nib,image,image_deletion,↓,0.25,,,1,0,,0,,,1"),
            "{csv}"
        );
        let svg = of_one.to_svg(Modality::Image).unwrap();
        assert_eq!(svg.matches("<circle").count(), 2);
    }

    /// Whatever a journal holds, tables and charts come to an end.
    #[test]
    fn extreme_numbers_are_written_and_drawn() {
        for value in [1e308, -1e308, 1e-308, 5e-324, f64::MAX, f64::MIN, 0.0, 3e20] {
            let one = [Some(value), Some(value / 2.0), Some(0.0)];
            let other = [Some(-value), Some(value), None];
            let none = [None; 3];
            let of = comparison(
                &[("nib", &one[..]), ("saliency", &other), ("random", &none)],
                &[0, 1, 2],
            );
            let svg = of.to_svg(Modality::Image).unwrap();
            assert!(!svg.contains("NaN") && svg.len() < 100_000, "{value}");
            let table = of.to_markdown();
            assert!(!table.contains("NaN") && table.len() < 4_000, "{table}");
            of.to_csv();
        }
    }
}

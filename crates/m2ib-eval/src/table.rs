//! Reports as tables: aligned in a terminal, and Markdown.

use std::fmt::Write;

use m2ib::{Modality, ModalitySettings};
use unicode_width::UnicodeWidthStr;

use crate::{Aggregate, Evaluation, Measure, Report};

impl Report {
    /// Markdown tables of the means with their intervals, each beside its chance level: where the
    /// map points, how it overlaps the object, which word counts.
    ///
    /// A setting that changes the text alone has no line of its own in the image's tables, and the
    /// other way round.
    pub fn to_markdown(&self) -> String {
        let (pointing, overlap) = Measure::IMAGE.split_at(3);
        let tables = [
            (Modality::Image, pointing),
            (Modality::Image, overlap),
            (Modality::Text, &Measure::TEXT[..]),
        ];
        let tables = tables.map(|(modality, measures)| {
            let heading = measures.iter().flat_map(|measure| {
                let chance = (*measure != Measure::PooledShare).then(|| "chance".to_owned());
                [Some(measure.to_string()), chance]
            });
            let mut lines = vec![line(modality.to_string(), heading)];
            lines.extend(self.distinct(modality).into_iter().map(|evaluation| {
                let cells = measures.iter().flat_map(|measure| {
                    let aggregate = &evaluation.aggregates[measure];
                    [Some(with_interval(aggregate)), aggregate.chance.map(two)]
                });
                line(evaluation.name.clone(), cells)
            }));
            aligned(&lines)
        });
        tables.join("\n")
    }

    /// The evaluations whose settings for a modality are not those of an earlier one.
    fn distinct(&self, modality: Modality) -> Vec<&Evaluation> {
        let settings = |evaluation: &Evaluation| -> Option<ModalitySettings> {
            let bottlenecks = evaluation.provenance.bottlenecks()?;
            Some(match modality {
                Modality::Image => bottlenecks.image,
                Modality::Text => bottlenecks.text,
            })
        };
        let mut distinct: Vec<&Evaluation> = Vec::new();
        for evaluation in &self.evaluations {
            if distinct
                .iter()
                .all(|earlier| settings(earlier).is_none_or(|s| Some(s) != settings(evaluation)))
            {
                distinct.push(evaluation);
            }
        }
        distinct
    }
}

fn line(first: String, cells: impl Iterator<Item = Option<String>>) -> Vec<String> {
    std::iter::once(first).chain(cells.flatten()).collect()
}

fn with_interval(aggregate: &Aggregate) -> String {
    let interval = aggregate.interval;
    let [mean, low, high] = [interval.mean, interval.low, interval.high].map(two);
    format!("{mean} [{low}, {high}]")
}

fn two(value: f64) -> String {
    format!("{value:.2}")
}

/// A Markdown table; the first line is the heading.
pub(crate) fn aligned(lines: &[Vec<String>]) -> String {
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|column| {
            let widths = lines.iter().map(|line| line[column].width());
            widths.max().unwrap_or_default()
        })
        .collect();
    let mut table = String::new();
    for (index, line) in lines.iter().enumerate() {
        for (cell, width) in line.iter().zip(&widths) {
            let space = " ".repeat(width - cell.width());
            let _ = write!(table, "| {cell}{space} ");
        }
        table.push_str("|\n");
        if index == 0 {
            for width in &widths {
                let _ = write!(table, "|{}", "-".repeat(width + 2));
            }
            table.push_str("|\n");
        }
    }
    table
}

/// Comma-separated values; the first line is the heading.
pub(crate) fn separated(lines: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for line in lines {
        let written = writer.write_record(line);
        written.expect("memory takes every line, and all have a value for each column");
    }
    let bytes = writer.into_inner().expect("memory takes every line");
    String::from_utf8(bytes).expect("lines are text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let lines = [["", "mean"], ["β 1", "0.5"]].map(|line| line.map(String::from).to_vec());
        let table = "\
|     | mean |
|-----|------|
| β 1 | 0.5  |
";
        assert_eq!(aligned(&lines), table);
    }

    #[test]
    fn values_with_commas_and_quotes_are_still_one() {
        let lines = [["a", "b"], ["x, \"y\"", "1"]].map(|line| line.map(String::from).to_vec());
        assert_eq!(separated(lines), "a,b\n\"x, \"\"y\"\"\",1\n");
    }
}

//! A search as a table, as comma-separated values, and its choice as a file of settings.

use std::fmt::Write;

use m2ib::Modality;
use m2ib::draw::{aligned, separated};
use m2ib_metrics::{Estimate, Interval};

use super::{HeldOut, Search, Tried};
use crate::roar::RoarReport;

impl Search {
    /// A Markdown table, the best first, each at its best threshold where there are several: the goal's mean ± half its confidence interval, how far
    /// behind the chosen setting (bold), and pairs a second. `≈` marks what is not told from it.
    /// After it the held-out pairs, or ROAR+ with what it is compared with.
    pub fn to_markdown(&self) -> String {
        let axes = self.dimensions.iter().map(|d| d.axis.label().to_owned());
        let goal = format!("{} {}", self.label(), self.goal.direction().arrow());
        let rest = [goal, "behind".into(), "pairs/s".into()];
        let mut lines: Vec<Vec<String>> = vec![axes.chain(rest).collect()];
        let ranked = self.best_cuts();
        lines.extend(ranked.into_iter().map(|tried| self.line(tried)));
        let held_out = (!self.held_out.is_empty()).then(|| self.held_out_table());
        let roar = self.roar.as_ref().map(RoarReport::to_markdown);
        let tables = [Some(aligned(&lines)), held_out, roar];
        let tables: Vec<String> = tables.into_iter().flatten().collect();
        tables.join("\n")
    }

    /// Best first; of settings that differ in nothing but the threshold, the best alone.
    fn best_cuts(&self) -> Vec<&Tried> {
        let mut ranked = self.ranked();
        if self.threshold().is_some() {
            let mut known = std::collections::BTreeSet::new();
            ranked.retain(|tried| known.insert(&tried.places[..tried.places.len() - 1]));
        }
        ranked
    }

    /// Best first; what could not be measured last.
    fn ranked(&self) -> Vec<&Tried> {
        let behind = |tried: &Tried| tried.behind.map_or(f64::INFINITY, |behind| behind.mean);
        let mut ranked: Vec<&Tried> = self.tried.iter().collect();
        ranked.sort_by(|a, b| behind(a).total_cmp(&behind(b)));
        ranked
    }

    fn line(&self, tried: &Tried) -> Vec<String> {
        let mut cells = self.settings(tried);
        let best = tried.places == self.chosen().places;
        cells.push(match (self.value(tried.value), best) {
            (value, true) => format!("**{value}**"),
            (value, false) => value,
        });
        cells.push(match tried.behind {
            _ if best => "chosen".into(),
            None => format!("of {} pairs", self.of - tried.missing),
            Some(behind) => match behind.interval {
                Some(Interval { low, .. }) if low > 0.0 => self.value(Some(behind)),
                // Without an interval nothing is told apart either.
                _ => format!("≈ {}", self.value(Some(behind))),
            },
        });
        cells.push(format!("{:.2}", tried.pairs_a_second));
        cells
    }

    fn held_out_table(&self) -> String {
        let line = |held: &HeldOut| {
            let behind = match self.is_chosen(held) {
                true => "chosen".into(),
                false => self.value(Some(held.behind)),
            };
            let method = match held.threshold {
                Some(threshold) => format!("{}, mask {threshold}", held.method),
                None => held.method.clone(),
            };
            vec![method, self.value(Some(held.value)), behind]
        };
        let goal = format!("{} {}", self.label(), self.goal.direction().arrow());
        let heading = vec!["held out".into(), goal, "behind".into()];
        let lines: Vec<_> = [heading]
            .into_iter()
            .chain(self.held_out.iter().map(line))
            .collect();
        aligned(&lines)
    }

    /// A combination's values, dimension by dimension.
    pub(super) fn settings(&self, tried: &Tried) -> Vec<String> {
        let values = self.dimensions.iter().zip(&tried.places);
        values
            .map(|(dimension, &place)| dimension.values[place].clone())
            .collect()
    }

    /// A mean ± half its interval, as tables scale it.
    pub(super) fn value(&self, value: Option<Estimate>) -> String {
        let Some(value) = value else {
            return "–".into();
        };
        let scale = self.goal.scale();
        let half = value.half().map(|half| format!(" ± {:.3}", half * scale));
        format!("{:.3}{}", value.mean * scale, half.unwrap_or_default())
    }

    /// One line a combination: its settings, the goal's mean and interval, and how far it is behind.
    pub fn to_csv(&self) -> String {
        let axes = self.dimensions.iter().map(|d| d.axis.key());
        let means = ["goal", "mean", "low", "high"];
        let rest = [
            "behind",
            "behind_low",
            "behind_high",
            "pairs_a_second",
            "missing",
        ];
        let heading = axes.chain(means).chain(rest).map(String::from);
        let lines = self.tried.iter().map(|tried| {
            let mut line = self.settings(tried);
            line.push(self.goal.to_string());
            for value in [tried.value, tried.behind] {
                let mean = value.map(|value| value.mean);
                let interval = value.and_then(|value| value.interval);
                let ends = [interval.map(|it| it.low), interval.map(|it| it.high)];
                let numbers = [mean].into_iter().chain(ends);
                let text = |number: Option<f64>| number.map(|x| x.to_string()).unwrap_or_default();
                line.extend(numbers.map(text));
            }
            line.push(tried.pairs_a_second.to_string());
            line.push(tried.missing.to_string());
            line
        });
        separated([heading.collect()].into_iter().chain(lines))
    }

    /// The chosen settings as a file that [`m2ib::Config`] reads, with what they were chosen by;
    /// none of a method other than M2IB.
    pub fn to_toml(&self) -> Option<String> {
        let config = self.config()?;
        let mut toml = String::new();
        let value = self.value(self.chosen().value);
        let _ = writeln!(
            toml,
            "# {} {} {value}: the best of {} settings over {} pairs of {}, {}.",
            self.label(),
            self.goal.direction().arrow(),
            self.tried.len(),
            self.pairs,
            self.data,
            self.model
        );
        let chosen = |held: &&HeldOut| self.is_chosen(held);
        let _ = match self.held_out.iter().find(chosen) {
            Some(held) => {
                let value = self.value(Some(held.value));
                writeln!(toml, "# On pairs that nothing was chosen by: {value}.")
            }
            None => writeln!(
                toml,
                "# Chosen on these very pairs: likely less good on others."
            ),
        };
        let unjudged = [Modality::Image, Modality::Text].into_iter();
        for side in unjudged.filter(|side| !self.goal.modalities().contains(side)) {
            let _ = writeln!(
                toml,
                "# The preset is the {side}'s as well, which was not judged."
            );
        }
        toml.push_str(&config.to_toml());
        Some(toml)
    }
}

#[cfg(test)]
mod tests {
    use m2ib::Config;

    use super::*;
    use crate::search::Goal;
    use crate::search::outcome::tests::search;
    use m2ib_metrics::Metric;

    fn example() -> Search {
        let near = [Some(0.3), Some(0.25)];
        let best = [Some(0.3), Some(0.3)];
        let far = [Some(0.1), Some(0.1)];
        let values = [&far[..], &far, &far, &near, &best, &[None, None]];
        search(Goal::Metric(Metric::Road), values).unwrap()
    }

    #[test]
    fn the_table_has_the_best_first_and_says_what_is_not_told_from_it() {
        let table = example().to_markdown();
        let lines: Vec<&str> = table.lines().collect();
        assert!(
            lines[0].contains("β") && lines[0].contains("ROAD ↑"),
            "{table}"
        );
        assert!(
            lines[2].contains("**0.300") && lines[2].contains("chosen"),
            "{table}"
        );
        assert!(lines[3].contains("≈ 0.025"), "{table}");
        assert!(
            lines[4].contains("0.200 ±") && !lines[4].contains('≈'),
            "{table}"
        );
        assert!(lines[7].contains('–'), "{table}");
    }

    #[test]
    fn the_csv_has_a_value_for_every_column() {
        let csv = example().to_csv();
        let columns: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
        assert_eq!(columns, [12; 7], "{csv}");
    }

    #[test]
    fn the_file_of_settings_says_where_it_comes_from_and_reads_back() {
        let toml = example().to_toml().unwrap();
        assert!(toml.starts_with("# ROAD ↑ 0.300"), "{toml}");
        let config: Config = toml.parse().unwrap();
        assert_eq!(config, example().config().unwrap());
    }
}

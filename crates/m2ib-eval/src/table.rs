//! Reports as tables: aligned in a terminal, and Markdown.

use m2ib::draw::aligned;
use m2ib::{Modality, ModalitySettings};

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

//! What a journal keeps of a pair and a method: an explanation, and what it was measured by, as it
//! was found.
//!
//! A line holds what one run has added. So a metric that is asked for later is measured alone, on the
//! explanation that is there.

use std::collections::BTreeMap;

use m2ib_data::{Dataset, Pictures};
use m2ib_methods::MethodFactory;
use m2ib_metrics::Metric;
use serde::{Deserialize, Serialize};

use super::{Plan, Trial};
use crate::Result;
use crate::journal::{Journal, Known, Outcome};
use crate::roar::Scores;

/// What was newly found.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The explanation, where it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
    /// By metric and what else it depends on; none where the metric says nothing of the pair.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Option<Measured>>,
}

/// No metric of anything comes near it: what is larger was not measured but damaged.
const LARGEST: f64 = 1e100;

impl Finding {
    /// What is wrong with a number of it, if any is: not finite, or beyond what can be measured.
    pub(super) fn fault(&self) -> Option<String> {
        let values = self.values.iter();
        let values = values.filter_map(|(key, measured)| Some((key.as_str(), (*measured)?)));
        let values = values.flat_map(|(key, Measured { value, chance })| {
            let numbers = value.into_iter().chain(chance);
            numbers.map(move |number| (key, number))
        });
        let explained = self.explanation.iter().flat_map(|explanation| {
            let Scores { image, text } = &explanation.scores;
            let scores = image.iter().chain(text);
            let scores = scores.map(|&score| ("saliency", f64::from(score)));
            scores.chain([("seconds", explanation.seconds)])
        });
        let mut numbers = values.chain(explained);
        let fault = numbers.find(|(_, number)| !(number.is_finite() && number.abs() <= LARGEST));
        fault.map(|(name, number)| {
            format!("{name} is {number:e}, expected a number that can be measured")
        })
    }
}

/// A method's explanation of a pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Saliency of patches and tokens; empty for a side that was not asked for.
    pub scores: Scores,
    /// Seconds that it took on one of as many threads as pairs were explained at once.
    pub seconds: f64,
}

/// What a metric says of an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// None where it is not defined, as an average drop is not without a similarity.
    pub value: Option<f64>,
    /// What chance would give, where that can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chance: Option<f64>,
}

/// What is known of a pair and a method, and what is asked.
#[derive(Debug)]
pub(super) struct State {
    pub(super) explanation: Option<Explanation>,
    pub(super) values: BTreeMap<Metric, Option<Measured>>,
    /// What is not known yet.
    pub(super) missing: Vec<(Metric, String)>,
    failure: Option<String>,
}

impl State {
    /// `asked` are metrics with the keys of their values.
    pub(super) fn of(known: Known<Finding>, asked: &[(Metric, String)]) -> Self {
        let mut explanation = None;
        let mut found = BTreeMap::new();
        for finding in known.results {
            explanation = finding.explanation.or(explanation);
            found.extend(finding.values);
        }
        let (mut values, mut missing) = (BTreeMap::new(), Vec::new());
        for (metric, key) in asked {
            match found.get(key) {
                Some(measured) => {
                    values.insert(*metric, *measured);
                }
                None => missing.push((*metric, key.clone())),
            }
        }
        Self {
            explanation,
            values,
            missing,
            failure: known.failure,
        }
    }

    /// Whether nothing is left to do.
    pub(super) fn is_complete(&self) -> bool {
        self.explanation.is_some() && self.missing.is_empty()
    }

    /// What came of the pair, if anything has yet.
    fn outcome(self) -> Option<Outcome<Trial>> {
        if !self.is_complete() {
            return self.failure.map(Outcome::Failure);
        }
        let explanation = self.explanation?;
        let values = self.values.into_iter();
        let values = values.filter_map(|(metric, measured)| Some((metric, measured?)));
        let values: BTreeMap<Metric, Measured> = values.collect();
        let chances = values.iter();
        let chances = chances.filter_map(|(metric, of)| Some((*metric, of.chance?)));
        Some(Outcome::Result(Trial {
            chances: chances.collect(),
            values: values
                .iter()
                .map(|(&metric, of)| (metric, of.value))
                .collect(),
            scores: explanation.scores,
            seconds: explanation.seconds,
        }))
    }
}

/// A row as a journal knows it, and what is asked of it.
pub(crate) struct Asked {
    entry: String,
    metrics: Vec<(Metric, String)>,
}

impl Plan {
    /// What is asked of each row. It reads the images' files.
    pub(crate) fn all_asked(&self, dataset: &Dataset) -> Vec<Asked> {
        let pictures = Pictures::of(dataset);
        let rows = 0..dataset.rows.len();
        let asked = rows.map(|place| Asked {
            entry: self.entry(dataset, place),
            metrics: self.asked(dataset, &pictures, place),
        });
        asked.collect()
    }

    /// What came of a method and each row: a trial, or why there is none; nothing where it is not
    /// known yet. One after another: all maps of a large data set are more than fit into the memory.
    ///
    /// # Errors
    /// [`Error::Journal`](crate::Error::Journal) if the journal cannot be read any more.
    pub(crate) fn each_outcome<'a>(
        &self,
        rows: &'a [Asked],
        journal: &'a Journal<Finding>,
        method: &dyn MethodFactory,
    ) -> impl Iterator<Item = Result<Option<Outcome<Trial>>>> + use<'a> {
        let key = self.key(method);
        rows.iter().map(move |row| {
            let known = journal.get(&row.entry, &key)?;
            Ok(State::of(known, &row.metrics).outcome())
        })
    }

    /// What came of a method and one row of a data set.
    ///
    /// # Errors
    /// [`Error::Journal`](crate::Error::Journal) if the journal cannot be read any more.
    pub fn outcome(
        &self,
        (dataset, place): (&Dataset, usize),
        journal: &Journal<Finding>,
        method: &dyn MethodFactory,
    ) -> Result<Option<Outcome<Trial>>> {
        let known = journal.get(&self.entry(dataset, place), &self.key(method))?;
        let asked = self.asked(dataset, &Pictures::of(dataset), place);
        Ok(State::of(known, &asked).outcome())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_number_that_was_never_measured_is_named() {
        let finding = |value, score| Finding {
            explanation: Some(Explanation {
                scores: Scores {
                    image: array![[score]],
                    text: Vec::new(),
                },
                seconds: 0.5,
            }),
            values: [
                (
                    "image_drop 12".into(),
                    Some(Measured {
                        value,
                        chance: None,
                    }),
                ),
                ("energy".into(), None),
            ]
            .into(),
        };
        assert_eq!(finding(Some(-3e7), 0.0).fault(), None);
        assert_eq!(finding(None, 0.0).fault(), None);
        for value in [f64::NAN, f64::INFINITY, 1e308, -1e308] {
            let fault = finding(Some(value), 0.0).fault().unwrap();
            assert!(fault.contains("image_drop 12 is"), "{fault}");
        }
        let fault = finding(None, f32::NAN).fault().unwrap();
        assert!(fault.contains("saliency is NaN"), "{fault}");
    }

    #[test]
    fn findings_add_up_and_a_failure_counts_while_something_is_missing() {
        let scores = Scores {
            image: array![[1.0]],
            text: vec![0.5],
        };
        let seconds = 2.0;
        let explanation = Some(Explanation { scores, seconds });
        let measured = |value, chance| Some(Measured { value, chance });
        let finding = |key: &str, measured| Finding {
            explanation: None,
            values: [(key.to_owned(), measured)].into(),
        };
        let known = Known {
            results: vec![
                Finding {
                    explanation,
                    ..finding("energy", measured(Some(0.5), Some(0.25)))
                },
                finding("road 1", measured(None, None)),
                finding("iou", None),
            ],
            failure: Some("no room".into()),
        };
        let asked = |keys: &[(Metric, &str)]| -> Vec<_> {
            keys.iter()
                .map(|(metric, key)| (*metric, (*key).to_owned()))
                .collect()
        };
        let outcome = |keys: &[_]| State::of(known.clone(), &asked(keys)).outcome();
        let all = [
            (Metric::Energy, "energy"),
            (Metric::Road, "road 1"),
            (Metric::Iou, "iou"),
        ];
        let Some(Outcome::Result(trial)) = outcome(&all) else {
            panic!("it is complete");
        };
        assert_eq!(
            trial.values,
            [(Metric::Energy, Some(0.5)), (Metric::Road, None)].into()
        );
        assert_eq!(trial.chances, [(Metric::Energy, 0.25)].into());
        assert_eq!(trial.seconds, 2.0);
        // Of other settings, it is not known, and the last attempt failed.
        let other = outcome(&[(Metric::Road, "road 2")]).unwrap();
        assert_eq!(other, Outcome::Failure("no room".into()));
        let nothing = Known {
            results: Vec::new(),
            failure: None,
        };
        assert!(State::of(nothing, &[]).outcome().is_none());
    }
}

//! One pair explained by one method, and measured.

use std::collections::BTreeMap;
use std::time::Instant;

use m2ib::Modality;
use m2ib_methods::{Method, Subject};
use m2ib_metrics::{
    CaptionTokens, Metric, Values, image_faithfulness, image_sensitivity, text_faithfulness,
    text_sensitivity,
};
use ndarray::Array3;
use serde::{Deserialize, Serialize};

use super::Plan;
use super::probe::{Explained, Rescored};
use super::truth::Truth;
use crate::roar::Scores;

/// What came of a pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// By metric; none where it is not defined for the pair.
    pub values: Values,
    /// What chance would give, by metric, where that can be said.
    #[serde(default)]
    pub chances: BTreeMap<Metric, f64>,
    /// The explanation itself: saliency of patches and tokens; empty for a side that was not asked
    /// for.
    pub scores: Scores,
    /// Seconds that the explanation took on one of as many threads as pairs were
    /// explained at once.
    pub seconds: f64,
}

/// No metric of anything comes near it: what is larger was not measured but damaged.
const LARGEST: f64 = 1e100;

impl Trial {
    /// What is wrong with a number of it, if any is: not finite, or beyond what can be measured.
    pub(super) fn fault(&self) -> Option<String> {
        let values = self
            .values
            .iter()
            .filter_map(|(metric, value)| Some((metric.key(), (*value)?)));
        let chances = self
            .chances
            .iter()
            .map(|(metric, &chance)| (metric.key(), chance));
        let scores = self.scores.image.iter().chain(&self.scores.text);
        let scores = scores.map(|&score| ("saliency", f64::from(score)));
        let mut numbers = values
            .chain(chances)
            .chain(scores)
            .chain([("seconds", self.seconds)]);
        let fault = numbers.find(|(_, number)| !(number.is_finite() && number.abs() <= LARGEST));
        fault.map(|(name, number)| {
            format!("{name} is {number:e}, expected a number that can be measured")
        })
    }
}

impl Plan {
    /// Explains a pair and measures the explanation; `repeat` says whether metrics that explain
    /// again are taken too.
    pub(super) fn trial(
        &self,
        subject: &Subject<'_>,
        method: &dyn Method,
        truth: &Truth,
        repeat: bool,
    ) -> crate::Result<Trial> {
        let start = Instant::now();
        let (image, text) = match self.only {
            None => {
                let both = method.attribute(subject)?;
                (Some(both.image), Some(both.text))
            }
            Some(Modality::Image) => (Some(method.attribute_image(subject)?), None),
            Some(Modality::Text) => (None, Some(method.attribute_text(subject)?)),
        };
        let seconds = start.elapsed().as_secs_f64();
        let scores = Scores {
            image: image
                .as_ref()
                .map(|image| image.saliency().clone())
                .unwrap_or_default(),
            text: text
                .as_ref()
                .map(|text| text.saliency.clone())
                .unwrap_or_default(),
        };
        let mut values = self.faithfulness(subject, &scores)?;
        let mut chances = BTreeMap::new();
        let image = image.map(|image| truth.image(&image.input_heat_map()));
        let text = text.map(|text| truth.text(&text));
        for (metric, measured) in image.into_iter().chain(text).flatten() {
            if self.wants(&[metric]) {
                values.insert(metric, Some(measured.value));
                chances.extend(measured.chance.map(|chance| (metric, chance)));
            }
        }
        if repeat {
            values.extend(self.sensitivity(subject, method)?);
        }
        Ok(Trial {
            values,
            chances,
            scores,
            seconds,
        })
    }

    fn faithfulness(&self, subject: &Subject<'_>, scores: &Scores) -> m2ib_metrics::Result<Values> {
        let (scorer, wanted) = (Rescored(subject), &self.metrics[..]);
        let settings = &self.faithfulness;
        let mut values = Values::new();
        if self.only != Some(Modality::Text) {
            let pixels = pixels(subject);
            let image = image_faithfulness(&scorer, &pixels, &scores.image, wanted, settings)?;
            values.extend(image);
        }
        if self.only != Some(Modality::Image) {
            let caption = CaptionTokens::new(subject.caption().ids(), subject.pieces())?;
            let text = &scores.text;
            let text = text_faithfulness(&scorer, &caption, text, self.fill, wanted, settings)?;
            values.extend(text);
        }
        Ok(values)
    }

    fn sensitivity(
        &self,
        subject: &Subject<'_>,
        method: &dyn Method,
    ) -> m2ib_metrics::Result<Values> {
        let explainer = Explained { subject, method };
        let mut values = Values::new();
        if self.wants(&[Metric::ImageSensitivity]) {
            let value = image_sensitivity(&explainer, &pixels(subject), &self.sensitivity)?;
            values.insert(Metric::ImageSensitivity, value);
        }
        if self.wants(&[Metric::TextSensitivity]) {
            let value = text_sensitivity(&explainer, &self.sensitivity)?;
            values.insert(Metric::TextSensitivity, value);
        }
        Ok(values)
    }
}

/// `[3, height, width]`
fn pixels(subject: &Subject<'_>) -> Array3<f32> {
    let [height, width] = subject.input_size();
    let values = &subject.pixels().values;
    Array3::from_shape_fn((3, height, width), |(channel, row, column)| {
        values[(channel * height + row) * width + column]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_was_never_measured_is_named() {
        let trial = |value: f64| Trial {
            values: [(Metric::ImageDrop, Some(value)), (Metric::Energy, None)].into(),
            chances: BTreeMap::new(),
            scores: Scores::default(),
            seconds: 0.5,
        };
        assert_eq!(trial(-3e7).fault(), None);
        for value in [f64::NAN, f64::INFINITY, 1e308, -1e308] {
            let fault = trial(value).fault().unwrap();
            assert!(fault.contains("image_drop is"), "{fault}");
        }
        let mut other = trial(0.0);
        other.scores.text = vec![0.0, f32::NAN];
        assert!(other.fault().unwrap().contains("saliency is NaN"));
    }
}

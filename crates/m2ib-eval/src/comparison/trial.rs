//! One pair explained by one method, and measured.

use std::collections::BTreeMap;
use std::time::Instant;

use m2ib::{ImageAttribution, Modality, TextAttribution};
use m2ib_methods::{Method, Subject};
use m2ib_metrics::{
    CaptionTokens, Metric, Values, image_faithfulness, image_sensitivity, text_faithfulness,
    text_sensitivity,
};

use super::Plan;
use super::finding::{Explanation, Measured};
use super::probe::{Explained, Rescored, covered};
use super::truth::Truth;
use crate::roar::Scores;

/// What came of a pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// By metric; none where it is not defined for the pair.
    pub values: Values,
    /// What chance would give, by metric, where that can be said.
    pub chances: BTreeMap<Metric, f64>,
    /// The explanation itself: saliency of patches and tokens; empty for a side that was not asked
    /// for.
    pub scores: Scores,
    /// Seconds that the explanation took on one of as many threads as pairs were
    /// explained at once.
    pub seconds: f64,
}

impl Trial {
    /// What was measured alone.
    pub(super) fn without_scores(self) -> Self {
        Self {
            scores: Scores::default(),
            ..self
        }
    }
}

impl Plan {
    /// Explains a pair.
    pub(super) fn explain(
        &self,
        subject: &Subject<'_>,
        method: &dyn Method,
    ) -> crate::Result<Explanation> {
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
        let image = image.map(|image| image.saliency().clone());
        let scores = Scores {
            image: image.unwrap_or_default(),
            text: text.map(|text| text.saliency).unwrap_or_default(),
        };
        Ok(Explanation { scores, seconds })
    }

    /// Measures an explanation by some metrics, all but the sanity checks.
    pub(super) fn measure(
        &self,
        subject: &Subject<'_>,
        method: &dyn Method,
        truth: &Truth,
        scores: &Scores,
        wanted: &[Metric],
    ) -> crate::Result<BTreeMap<Metric, Measured>> {
        let mut values = self.faithfulness(subject, scores, wanted)?;
        values.extend(self.sensitivity(subject, method, wanted)?);
        let unknown = values.into_iter().map(|(metric, value)| {
            let chance = None;
            (metric, Measured { value, chance })
        });
        let mut found: BTreeMap<Metric, Measured> = unknown.collect();
        if self.only != Some(Modality::Text) {
            let (size, view) = subject.covered();
            let image = ImageAttribution::new(scores.image.clone(), method.unit(), size, view);
            found.extend(truth.image(&image.input_heat_map()));
        }
        if self.only != Some(Modality::Image) {
            found.extend(truth.text(&TextAttribution {
                caption: subject.caption().clone(),
                saliency: scores.text.clone(),
                read: subject.text_layout().read.clone(),
                unit: method.unit(),
                trace: Vec::new(),
            }));
        }
        found.retain(|metric, _| wanted.contains(metric));
        Ok(found)
    }

    fn faithfulness(
        &self,
        subject: &Subject<'_>,
        scores: &Scores,
        wanted: &[Metric],
    ) -> m2ib_metrics::Result<Values> {
        let (scorer, settings) = (Rescored(subject), &self.faithfulness);
        let mut values = Values::new();
        if self.only != Some(Modality::Text) {
            let pixels = covered(subject);
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
        wanted: &[Metric],
    ) -> m2ib_metrics::Result<Values> {
        let explainer = Explained { subject, method };
        let mut values = Values::new();
        if wanted.contains(&Metric::ImageSensitivity) {
            let value = image_sensitivity(&explainer, &covered(subject), &self.sensitivity)?;
            values.insert(Metric::ImageSensitivity, value);
        }
        if wanted.contains(&Metric::TextSensitivity) {
            let value = text_sensitivity(&explainer, &self.sensitivity)?;
            values.insert(Metric::TextSensitivity, value);
        }
        Ok(values)
    }
}

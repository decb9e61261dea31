//! One pair explained by one method, and measured.

use std::time::Instant;

use m2ib_methods::{Method, Subject};
use ndarray::{Array2, Array3};
use serde::{Deserialize, Serialize};

use super::Plan;
use super::probe::{Explained, Rescored};
use crate::localisation;
use crate::metrics::{
    self, CaptionTokens, Metric, Values, image_faithfulness, image_sensitivity, text_faithfulness,
    text_sensitivity,
};
use crate::roar::Scores;

/// What came of a pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// By metric; none where it is not defined for the pair.
    pub values: Values,
    /// The explanation itself: saliency of patches and tokens.
    pub scores: Scores,
    /// Seconds that the explanation took, both sides, on one of as many threads as pairs were
    /// explained at once.
    pub seconds: f64,
}

/// Tolerance of the pointing game in pixels of the model's input.
const TOLERANCE: f64 = 15.0;
/// Threshold of IoU.
const HALF: f32 = 0.5;

impl Plan {
    /// Explains a pair and measures the explanation; `repeat` says whether metrics that explain
    /// again are taken too. `mask` is the object's in the model's input, where it is known.
    pub(super) fn trial(
        &self,
        subject: &Subject<'_>,
        method: &dyn Method,
        mask: Option<&Array2<bool>>,
        repeat: bool,
    ) -> crate::Result<Trial> {
        let start = Instant::now();
        let attribution = method.attribute(subject)?;
        let seconds = start.elapsed().as_secs_f64();
        let map = attribution.image.saliency();
        let mut values = self.faithfulness(subject, map, &attribution.text.saliency)?;
        if let Some(mask) = mask {
            values.extend(self.localisation(&attribution.image.input_heat_map(), mask));
        }
        if repeat {
            values.extend(self.sensitivity(subject, method)?);
        }
        let scores = Scores {
            image: map.clone(),
            text: attribution.text.saliency,
        };
        Ok(Trial {
            values,
            scores,
            seconds,
        })
    }

    fn faithfulness(
        &self,
        subject: &Subject<'_>,
        map: &Array2<f32>,
        scores: &[f32],
    ) -> metrics::Result<Values> {
        let (scorer, wanted) = (Rescored(subject), &self.metrics[..]);
        let caption = CaptionTokens::new(subject.caption().ids(), subject.position())?;
        let pixels = pixels(subject);
        let settings = &self.faithfulness;
        let mut values = image_faithfulness(&scorer, &pixels, map, wanted, settings)?;
        values.extend(text_faithfulness(
            &scorer, &caption, scores, self.fill, wanted, settings,
        )?);
        Ok(values)
    }

    fn localisation(&self, map: &Array2<f32>, mask: &Array2<bool>) -> Values {
        let measured = [
            (Metric::Pointing, localisation::pointing(map, mask)),
            (
                Metric::PointingTolerant,
                localisation::pointing_within(map, mask, TOLERANCE),
            ),
            (Metric::Energy, localisation::energy(map, mask)),
            (Metric::Iou, localisation::iou_at(map, mask, HALF)),
        ];
        let wanted = measured
            .into_iter()
            .filter(|(metric, _)| self.wants(&[*metric]));
        wanted
            .map(|(metric, value)| (metric, Some(value)))
            .collect()
    }

    fn sensitivity(&self, subject: &Subject<'_>, method: &dyn Method) -> metrics::Result<Values> {
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

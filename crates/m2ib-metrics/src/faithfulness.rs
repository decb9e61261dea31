//! All metrics that need nothing but a scorer, of one explanation at once.

use std::collections::BTreeMap;

use ndarray::{Array2, Array3};

use crate::checks::setting;
use crate::{
    CaptionTokens, CurveSettings, InfidelitySettings, Metric, Result, RoadSettings, Scorer,
    TokenFill, image_confidence, image_deletion, image_infidelity, image_insertion, road,
    text_confidence, text_deletion, text_infidelity, text_insertion,
};

/// Values by metric; none where a metric is not defined for the pair.
pub type Values = BTreeMap<Metric, Option<f64>>;

/// Settings of all of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FaithfulnessSettings {
    /// Deletion and insertion.
    pub curve: CurveSettings,
    /// ROAD.
    pub road: RoadSettings,
    /// Infidelity.
    pub infidelity: InfidelitySettings,
}

impl FaithfulnessSettings {
    /// Whether they make sense, for images of so many pixels where that is known: what would fail on
    /// every pair, or could not be done as it is said.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for the first that does not.
    pub fn check(&self, pixels: Option<usize>) -> Result<()> {
        let (steps, draws) = (self.curve.steps, self.infidelity.draws);
        let most = pixels.unwrap_or(usize::MAX);
        let few = "at least 1 and at most one a pixel of the model's input";
        setting("the curves' steps", steps, (1..=most).contains(&steps), few)?;
        setting("infidelity's draws", draws, draws > 0, "at least 1")
    }
}

/// Drop, Increase, Average Drop, deletion, insertion, ROAD and infidelity of an image's map, those
/// of them that `wanted` names (each costs forward passes).
///
/// # Errors
/// As the metrics themselves.
pub fn image_faithfulness(
    scorer: &impl Scorer,
    pixels: &Array3<f32>,
    map: &Array2<f32>,
    wanted: &[Metric],
    settings: &FaithfulnessSettings,
) -> Result<Values> {
    use Metric::{
        ImageAverageDrop, ImageDeletion, ImageDrop, ImageIncrease, ImageInfidelity, ImageInsertion,
        Road, RoadLerf, RoadMorf,
    };
    let any = |metrics: &[Metric]| metrics.iter().any(|metric| wanted.contains(metric));
    let mut values = Values::new();
    if any(&[ImageDrop, ImageIncrease, ImageAverageDrop]) {
        let confidence = image_confidence(scorer, pixels, map)?;
        values.insert(ImageDrop, Some(confidence.drop()));
        values.insert(ImageIncrease, Some(confidence.increase()));
        values.insert(ImageAverageDrop, confidence.average_drop());
    }
    if any(&[ImageDeletion]) {
        let curve = image_deletion(scorer, pixels, map, &settings.curve)?;
        values.insert(ImageDeletion, Some(curve.area()));
    }
    if any(&[ImageInsertion]) {
        let curve = image_insertion(scorer, pixels, map, &settings.curve)?;
        values.insert(ImageInsertion, Some(curve.area()));
    }
    if any(&[Road, RoadLerf, RoadMorf]) {
        let road = road(scorer, pixels, map, &settings.road)?;
        values.insert(RoadMorf, Some(road.morf()));
        values.insert(RoadLerf, Some(road.lerf()));
        values.insert(Road, Some(road.combined()));
    }
    if any(&[ImageInfidelity]) {
        let infidelity = image_infidelity(scorer, pixels, map, &settings.infidelity)?;
        values.insert(ImageInfidelity, Some(infidelity));
    }
    values.retain(|metric, _| wanted.contains(metric));
    Ok(values)
}

/// Drop, Increase, Average Drop, deletion, insertion and infidelity of a caption's scores, those
/// of them that `wanted` names.
///
/// # Errors
/// As the metrics themselves.
pub fn text_faithfulness(
    scorer: &impl Scorer,
    caption: &CaptionTokens,
    scores: &[f32],
    fill: TokenFill,
    wanted: &[Metric],
    settings: &FaithfulnessSettings,
) -> Result<Values> {
    use Metric::{
        TextAverageDrop, TextDeletion, TextDrop, TextIncrease, TextInfidelity, TextInsertion,
    };
    let any = |metrics: &[Metric]| metrics.iter().any(|metric| wanted.contains(metric));
    let seed = settings.curve.seed;
    let mut values = Values::new();
    if any(&[TextDrop, TextIncrease, TextAverageDrop]) {
        let confidence = text_confidence(scorer, caption, scores, fill)?;
        values.insert(TextDrop, Some(confidence.drop()));
        values.insert(TextIncrease, Some(confidence.increase()));
        values.insert(TextAverageDrop, confidence.average_drop());
    }
    if any(&[TextDeletion]) {
        let curve = text_deletion(scorer, caption, scores, fill, seed)?;
        values.insert(TextDeletion, Some(curve.area()));
    }
    if any(&[TextInsertion]) {
        let curve = text_insertion(scorer, caption, scores, fill, seed)?;
        values.insert(TextInsertion, Some(curve.area()));
    }
    if any(&[TextInfidelity]) {
        let infidelity = text_infidelity(scorer, caption, scores, fill, &settings.infidelity)?;
        values.insert(TextInfidelity, Some(infidelity));
    }
    values.retain(|metric, _| wanted.contains(metric));
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analytic::{Analytic, caption};

    /// An object that the score is the mean brightness of.
    fn judge(map: impl Fn(usize, usize) -> f32) -> Values {
        let inside = |y: usize, x: usize| y < 4 && x < 4;
        let bright = |y, x| if inside(y, x) { 1.0 } else { 0.2 };
        let pixels = Array3::from_shape_fn((3, 16, 16), |(_, y, x)| bright(y, x));
        let weights = Array3::from_shape_fn((3, 16, 16), |(_, y, x)| {
            f32::from(u8::from(inside(y, x))) / 48.0
        });
        let map = Array2::from_shape_fn((16, 16), |(y, x)| map(y, x));
        let scorer = Analytic::linear(&weights);
        let settings = FaithfulnessSettings::default();
        image_faithfulness(&scorer, &pixels, &map, &Metric::ALL, &settings).unwrap()
    }

    #[test]
    fn the_true_map_beats_a_constant_one_and_its_opposite_is_worst() {
        let truth = |y: usize, x: usize| f32::from(u8::from(y < 4 && x < 4));
        let (right, constant, wrong) =
            (judge(truth), judge(|_, _| 0.5), judge(|y, x| -truth(y, x)));
        assert_eq!(right.len(), 9);
        for (metric, value) in &right {
            // The score never rises here, and ROAD's noise may go either way below 1e-2.
            if *metric == Metric::ImageIncrease {
                continue;
            }
            let better = |a: &Values, b: &Values| {
                let direction = metric.direction();
                let (a, b) = (a[metric].unwrap(), b[metric].unwrap());
                direction.prefers(a, b) || (a - b).abs() < 1e-2
            };
            assert!(
                better(&right, &constant),
                "{metric} {value:?} {:?}",
                constant[metric]
            );
            assert!(
                better(&constant, &wrong),
                "{metric} {:?} {:?}",
                constant[metric],
                wrong[metric]
            );
            assert!(
                metric
                    .direction()
                    .prefers(value.unwrap(), wrong[metric].unwrap()),
                "{metric} {value:?} {:?}",
                wrong[metric]
            );
        }
    }

    #[test]
    fn settings_that_no_image_fits_are_named() {
        type Change = fn(&mut FaithfulnessSettings);
        let broken: [(Change, &str); 3] = [
            (|s| s.curve.steps = 0, "steps is 0, expected at least 1"),
            (|s| s.curve.steps = 101, "steps is 101"),
            (|s| s.infidelity.draws = 0, "draws is 0"),
        ];
        for (change, expected) in broken {
            let mut settings = FaithfulnessSettings::default();
            assert!(settings.check(Some(100)).is_ok());
            change(&mut settings);
            let error = settings.check(Some(100)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn only_what_is_wanted_is_computed() {
        let scorer = Analytic::tokens(&[1.0, -2.0]);
        let wanted = [Metric::TextAverageDrop, Metric::TextInsertion, Metric::Road];
        let scores = [0.0, 2.0, 1.0, 0.0];
        let settings = FaithfulnessSettings::default();
        let caption = caption(2);
        let values = text_faithfulness(
            &scorer,
            &caption,
            &scores,
            TokenFill::Pad,
            &wanted,
            &settings,
        );
        // The score is −1: no share of it can be lost. Insertion: 0, 1, −1.
        let expected = [
            (Metric::TextAverageDrop, None),
            (Metric::TextInsertion, Some(0.25)),
        ];
        assert_eq!(values.unwrap(), Values::from(expected));
    }
}

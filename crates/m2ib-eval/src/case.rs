//! One explanation, measured.

use std::collections::BTreeMap;

use m2ib::Attribution;
use m2ib_data::Question;
use m2ib_metrics::localisation::{Ranking, area, energy, iou_at, pointing};
use m2ib_metrics::mean;
use m2ib_metrics::words::{token_on_top, word_on_top};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::{Measure, Score};

/// The measurements of one question's explanation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The scene's number in the test split.
    pub scene: u64,
    /// How many objects it has.
    pub objects: usize,
    /// The caption.
    pub caption: String,
    /// What it names.
    pub named: String,
    /// Whose energy counts as the other's.
    pub other: String,
    /// Cosine similarity of the pair.
    pub similarity: f32,
    /// All measures.
    pub scores: BTreeMap<Measure, Score>,
}

impl Case {
    /// A measure's value.
    ///
    /// # Panics
    /// For a measure that is not there; those of this version all are.
    pub fn value(&self, measure: Measure) -> f64 {
        self.scores[&measure].value
    }

    /// Measures an explanation; `strangers` are masks of other scenes.
    pub(crate) fn new(
        question: &Question,
        attribution: &Attribution,
        strangers: &[&Array2<bool>],
    ) -> Self {
        let map = attribution.image.heat_map().values;
        let (mask, other) = (question.mask(), question.other_mask());
        let ranking = Ranking::of(&map);
        let stranger = |measure: &dyn Fn(&Array2<bool>) -> f64| {
            Some(mean(strangers.iter().map(|&mask| measure(mask))))
        };
        let half = |mask: &Array2<bool>| iou_at(&map, mask, 0.5);
        let best = |mask: &Array2<bool>| ranking.iou_best(mask);
        let on_top = |(hit, chance): (bool, f64)| (f64::from(u8::from(hit)), Some(chance));

        let name = question.name_span();
        let text = &attribution.text;
        let scores = [
            (Measure::Pointing, (pointing(&map, mask), Some(area(mask)))),
            (Measure::Energy, (energy(&map, mask), Some(area(mask)))),
            (
                Measure::OtherEnergy,
                (energy(&map, other), Some(area(other))),
            ),
            (Measure::IouHalf, (half(mask), stranger(&half))),
            (Measure::IouBest, (best(mask), stranger(&best))),
            (Measure::Word, on_top(word_on_top(text, &name))),
            (Measure::Token, on_top(token_on_top(text, &name))),
            (Measure::PooledShare, (text.pooled_share().into(), None)),
        ];
        Self {
            scene: question.number,
            objects: question.scene.objects.len(),
            caption: question.caption.clone(),
            named: question.name().into(),
            other: question.other_name().into(),
            similarity: attribution.similarity,
            scores: scores
                .map(|(measure, (value, chance))| (measure, Score { value, chance }))
                .into(),
        }
    }
}

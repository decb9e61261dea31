//! What is known of a pair, and how an explanation stands against it.

use std::collections::BTreeMap;
use std::ops::Range;

use m2ib::TextAttribution;
use m2ib::clip_input::View;
use m2ib_data::{Region, Row};
use m2ib_metrics::localisation::{
    Ranking, TOLERANCE, area, dice_at, dice_of_iou, dilated, energy, iou_at, pointing,
    pointing_within,
};
use m2ib_metrics::words::{above_absent, balance, token_on_top, word_on_top};
use m2ib_metrics::{Metric, mean};
use ndarray::Array2;

use super::finding::Measured;
use crate::Result;

/// Threshold of IoU and Dice.
const HALF: f32 = 0.5;

/// Masks in the model's input, `[height, width]`, and the caption's name of what they show.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Truth {
    object: Option<Array2<bool>>,
    other: Option<Array2<bool>>,
    strangers: Vec<Array2<bool>>,
    name: Option<Range<usize>>,
    absent: Option<Range<usize>>,
}

impl Truth {
    /// Of a row whose image has this size and is seen through this view.
    pub(super) fn of(
        row: &Row,
        (width, height): (u32, u32),
        view: &View,
        input_size: [usize; 2],
    ) -> Result<Self> {
        let seen = |mask: &Array2<bool>| seen(mask, view, input_size);
        let all = |regions: &[Region]| -> Result<Option<Array2<bool>>> {
            let mask = row.mask(regions, width, height)?.map(|mask| seen(&mask));
            // An object outside the view can't be pointed at.
            Ok(mask.filter(|mask| mask.iter().any(|&on| on)))
        };
        let strangers = row.masks(&row.strangers, width, height)?;
        Ok(Self {
            object: all(&row.regions)?,
            other: all(&row.others)?,
            strangers: strangers.iter().map(seen).collect(),
            name: row.name.clone(),
            absent: row.absent.clone(),
        })
    }

    /// The object's mask alone; none where the model sees nothing of it.
    pub(super) fn into_object(self) -> Option<Array2<bool>> {
        self.object
    }

    /// A map over the model's input against the masks.
    pub(super) fn image(&self, map: &Array2<f32>) -> BTreeMap<Metric, Measured> {
        let mut found = BTreeMap::new();
        let mut put = |metric, value, chance| {
            let value = Some(value);
            found.insert(metric, Measured { value, chance });
        };
        if let Some(object) = &self.object {
            let ranking = Ranking::of(map);
            let half = |mask: &Array2<bool>| iou_at(map, mask, HALF);
            let dice = |mask: &Array2<bool>| dice_at(map, mask, HALF);
            // A walk through all pixels each: once for both.
            let best = ranking.iou_best(object);
            let strangers = self.strangers.iter();
            let strangers: Vec<f64> = strangers.map(|mask| ranking.iou_best(mask)).collect();
            let by_chance = |measure: fn(f64) -> f64| {
                let values = strangers.iter().map(|&iou| measure(iou));
                (!strangers.is_empty()).then(|| mean(values))
            };
            let share = Some(area(object));
            let near = Some(area(&dilated(object, TOLERANCE)));
            put(Metric::Pointing, pointing(map, object), share);
            let within = pointing_within(map, object, TOLERANCE);
            put(Metric::PointingTolerant, within, near);
            put(Metric::Energy, energy(map, object), share);
            put(Metric::Iou, half(object), self.by_strangers(half));
            put(Metric::IouBest, best, by_chance(|iou| iou));
            put(Metric::Dice, dice(object), self.by_strangers(dice));
            put(Metric::DiceBest, dice_of_iou(best), by_chance(dice_of_iou));
        }
        if let Some(other) = &self.other {
            put(Metric::OtherEnergy, energy(map, other), Some(area(other)));
        }
        found
    }

    /// A caption's scores against the name.
    pub(super) fn text(&self, text: &TextAttribution) -> BTreeMap<Metric, Measured> {
        let mut found = BTreeMap::new();
        // Where many tokens are read out, none of them takes what is the words'.
        if let Some((_, share)) = text.pooled_share() {
            let value = Some(share.into());
            found.insert(
                Metric::TextEndToken,
                Measured {
                    value,
                    chance: None,
                },
            );
        }
        if let Some(name) = &self.name {
            for (metric, (hit, chance)) in [
                (Metric::TextWord, word_on_top(text, name)),
                (Metric::TextToken, token_on_top(text, name)),
            ] {
                let measured = Measured {
                    value: Some(f64::from(u8::from(hit))),
                    chance: Some(chance),
                };
                found.insert(metric, measured);
            }
            let balance = Measured {
                value: balance(text, name),
                chance: None,
            };
            found.insert(Metric::TextBalance, balance);
            if let Some(absent) = &self.absent {
                let hit = above_absent(text, name, absent);
                let measured = Measured {
                    value: Some(f64::from(u8::from(hit))),
                    chance: Some(0.5),
                };
                found.insert(Metric::TextAbsent, measured);
            }
        }
        found
    }

    /// What the same map gets of what it cannot know of.
    fn by_strangers(&self, measure: impl Fn(&Array2<bool>) -> f64) -> Option<f64> {
        (!self.strangers.is_empty()).then(|| mean(self.strangers.iter().map(measure)))
    }
}

/// A mask of the original image in the model's input, `[height, width]`, pixel by nearest pixel.
fn seen(mask: &Array2<bool>, view: &View, [height, width]: [usize; 2]) -> Array2<bool> {
    let place = |at: usize, count: usize, start: f64, length: f64| {
        let place = start + (at as f64 + 0.5) / count as f64 * length;
        (place >= 0.0).then_some(place as usize)
    };
    Array2::from_shape_fn((height, width), |(row, column)| {
        let row = place(row, height, view.top, view.height);
        let column = place(column, width, view.left, view.width);
        let at = row.zip(column);
        at.and_then(|at| mask.get(at)).is_some_and(|&on| on)
    })
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_mask_is_seen_through_the_crop_and_at_the_models_size() {
        // Of 6 × 2 pixels, the model sees the square in the middle, at twice the size.
        let mask = Array2::from_shape_fn((2, 6), |(row, column)| row == 0 && column >= 3);
        let view = View {
            image_width: 6,
            image_height: 2,
            left: 2.0,
            top: 0.0,
            width: 2.0,
            height: 2.0,
        };
        let seen = seen(&mask, &view, [4, 4]);
        let expected = Array2::from_shape_fn((4, 4), |(row, column)| row < 2 && column >= 2);
        assert_eq!(seen, expected);
    }

    #[test]
    fn chance_is_an_objects_area_and_what_strangers_give() {
        let truth = Truth {
            object: Some(array![[true, false], [false, false]]),
            other: Some(array![[false, true], [false, true]]),
            strangers: vec![
                array![[true, true], [false, false]],
                array![[false, false], [true, true]],
            ],
            name: None,
            absent: None,
        };
        let found = truth.image(&array![[3.0, 1.0], [0.0, 0.0]]);
        let measured = |value, chance| Measured {
            value: Some(value),
            chance: Some(chance),
        };
        assert_eq!(found[&Metric::Pointing], measured(1.0, 0.25));
        assert_eq!(found[&Metric::Energy], measured(0.75, 0.25));
        assert_eq!(found[&Metric::OtherEnergy], measured(0.25, 0.5));
        // Above half of the range lies one pixel, which is half of the first stranger.
        assert_eq!(found[&Metric::Iou], measured(1.0, 0.25));
        // At its best threshold the map is the first stranger, and all of it half of the second.
        assert_eq!(found[&Metric::IouBest], measured(1.0, 0.75));
        // As Dice, those are two thirds and nothing, and 1 and two thirds.
        assert_eq!(found[&Metric::Dice], measured(1.0, 1.0 / 3.0));
        assert_eq!(
            found[&Metric::DiceBest],
            measured(1.0, (1.0 + 1.0 / 1.5) / 2.0)
        );
        assert_eq!(found.len(), 8);
        assert_eq!(Truth::default().image(&array![[1.0]]), BTreeMap::new());
    }
}

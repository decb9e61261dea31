//! How alike two maps over the same places are.

use crate::Result;
use crate::order::most_important_first;
use crate::resampling::mean;
use crate::spearman::spearman;

/// The share of all places that counts as the hottest, at least one of them.
const HOTTEST: f64 = 0.1;

/// How alike two maps are, as a whole and where they are hottest. Of a constant map neither can be
/// said.
///
/// Where most of a map is background that carries next to nothing, its order is chance, and the rank
/// correlation, which weighs all places alike, says little: two maps may show the same object and
/// have a correlation of .7.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Likeness {
    /// Spearman's [rank correlation](spearman), −1..1.
    pub correlation: Option<f64>,
    /// The part of the hottest tenth of one map's places that are of the other's hottest tenth too,
    /// 0..1; .1 by chance.
    pub overlap: Option<f64>,
}

impl Likeness {
    /// Of two maps, place by place.
    ///
    /// # Errors
    /// For maps of different lengths or numbers that are not finite.
    pub fn of(a: &[f32], b: &[f32]) -> Result<Self> {
        let correlation = spearman(a, b)?;
        Ok(Self {
            correlation,
            // Without an order there is no hottest tenth.
            overlap: correlation.map(|_| overlap(a, b)),
        })
    }

    /// The means of what is there.
    pub fn mean(all: &[Self]) -> Self {
        let mean = |number: fn(&Self) -> Option<f64>| {
            let mean = mean(all.iter().filter_map(number));
            mean.is_finite().then_some(mean)
        };
        Self {
            correlation: mean(|likeness| likeness.correlation),
            overlap: mean(|likeness| likeness.overlap),
        }
    }
}

/// Ties are broken at random, differently in either map.
fn overlap(a: &[f32], b: &[f32]) -> f64 {
    let count = (a.len() as f64 * HOTTEST).round().max(1.0) as usize;
    let hottest = |map: &[f32], seed| {
        let mut order = most_important_first(map, seed);
        order.truncate(count);
        order
    };
    let (a, b) = (hottest(a, 0), hottest(b, 1));
    let common = a.iter().filter(|place| b.contains(place)).count();
    common as f64 / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `count` places, of which those given are hot.
    fn map(count: usize, hot: &[usize]) -> Vec<f32> {
        let value = |place: usize| {
            if hot.contains(&place) {
                9.0
            } else {
                (place % 7) as f32 * 0.1
            }
        };
        (0..count).map(value).collect()
    }

    #[test]
    fn the_hottest_tenth_is_what_overlaps() {
        let overlap = |a: &[usize], b: &[usize]| {
            let likeness = Likeness::of(&map(40, a), &map(40, b)).unwrap();
            likeness.overlap.unwrap()
        };
        assert_eq!(overlap(&[1, 2, 3, 4], &[4, 3, 2, 1]), 1.0);
        assert_eq!(overlap(&[1, 2, 3, 4], &[3, 4, 5, 8]), 0.5);
        assert_eq!(overlap(&[1, 2, 3, 4], &[20, 21, 22, 23]), 0.0);
    }

    #[test]
    fn a_background_without_order_leaves_the_overlap_whole() {
        let turned: Vec<f32> = map(40, &[1, 2, 3, 4])
            .iter()
            .map(|&value| if value > 1.0 { value } else { -value })
            .collect();
        let likeness = Likeness::of(&map(40, &[1, 2, 3, 4]), &turned).unwrap();
        assert_eq!(likeness.overlap, Some(1.0));
        assert!(likeness.correlation.unwrap() < 0.0);
    }

    #[test]
    fn ties_overlap_as_chance_would() {
        // Of a hundred places, half are alike hot in both: the hottest ten are drawn from fifty.
        let tied: Vec<f32> = (0..100).map(|place| f32::from(place < 50)).collect();
        let overlap = Likeness::of(&tied, &tied).unwrap().overlap.unwrap();
        assert!((0.0..0.6).contains(&overlap), "{overlap}");
    }

    #[test]
    fn constant_maps_have_none_and_means_leave_them_out() {
        let none = Likeness::of(&[1.0; 20], &map(20, &[3])).unwrap();
        assert_eq!(none, Likeness::default());
        let one = Likeness::of(&map(20, &[3]), &map(20, &[3])).unwrap();
        assert_eq!(Likeness::mean(&[none, one]), one);
        assert_eq!(Likeness::mean(&[none]), none);
        assert!(Likeness::of(&[1.0, 2.0], &[1.0]).is_err());
    }
}

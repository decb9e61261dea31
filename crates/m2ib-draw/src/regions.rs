//! Boxes around what is hot.

use m2ib_attribution::{HeatMap, Rect};
use m2ib_segment::{Segmenter, Threshold};

/// Boxes around the connected regions at or above the threshold, largest region first.
///
/// Regions of less than a hundredth of the largest are left out: they are specks of interpolation.
/// [`Segmenter`] has the regions themselves.
pub fn hot_regions(map: &HeatMap, threshold: f32) -> Vec<Rect> {
    let segmenter = Segmenter::new(Threshold::Fixed(threshold)).points(0);
    let segments = segmenter.cut_map(map);
    let regions = segments.regions().iter();
    regions.map(|region| region.bounds).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn every_region_gets_one_box_and_specks_none() {
        let values = Array2::from_shape_fn((30, 40), |place| match place {
            (2..12, 3..23) => 0.9,
            (20..25, 30..35) => 0.6,
            (28, 1) => 1.0,
            _ => 0.0,
        });
        let seen = Rect {
            left: 0,
            top: 0,
            right: 40,
            bottom: 30,
        };
        let map = HeatMap { values, seen };
        let boxes = hot_regions(&map, 0.5);
        let expected = [
            Rect {
                left: 3,
                top: 2,
                right: 23,
                bottom: 12,
            },
            Rect {
                left: 30,
                top: 20,
                right: 35,
                bottom: 25,
            },
        ];
        assert_eq!(boxes, expected, "the single pixel is a speck");
        assert_eq!(hot_regions(&map, 0.8)[..1], expected[..1]);
    }

    #[test]
    fn what_was_not_seen_is_never_hot() {
        let seen = Rect {
            left: 2,
            top: 0,
            right: 4,
            bottom: 4,
        };
        let map = HeatMap {
            values: Array2::zeros((4, 6)),
            seen,
        };
        assert_eq!(hot_regions(&map, 0.0), [seen]);
        assert!(hot_regions(&map, 0.1).is_empty());
    }
}

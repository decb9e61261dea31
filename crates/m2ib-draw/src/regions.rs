//! Boxes around what is hot.

use image::{GrayImage, Luma};
use imageproc::region_labelling::{Connectivity, connected_components};

use m2ib_attribution::{HeatMap, Rect};

/// Boxes around the connected regions at or above the threshold, largest region first.
///
/// Regions of less than a hundredth of the largest are left out: they are specks of interpolation.
pub fn hot_regions(map: &HeatMap, threshold: f32) -> Vec<Rect> {
    let (height, width) = map.values.dim();
    let mask = GrayImage::from_fn(width as u32, height as u32, |x, y| {
        let hot = map.seen.contains(x, y) && map.values[[y as usize, x as usize]] >= threshold;
        Luma([u8::from(hot)])
    });
    let labels = connected_components(&mask, Connectivity::Eight, Luma([0]));
    let mut regions: Vec<(usize, Rect)> = Vec::new();
    for (x, y, &Luma([label])) in labels.enumerate_pixels() {
        let Some(index) = (label as usize).checked_sub(1) else {
            continue;
        };
        if index >= regions.len() {
            let empty = Rect {
                left: u32::MAX,
                top: u32::MAX,
                right: 0,
                bottom: 0,
            };
            regions.resize(index + 1, (0, empty));
        }
        let (pixels, region) = &mut regions[index];
        *pixels += 1;
        region.left = region.left.min(x);
        region.top = region.top.min(y);
        region.right = region.right.max(x + 1);
        region.bottom = region.bottom.max(y + 1);
    }
    let largest = regions.iter().map(|(pixels, _)| *pixels).max().unwrap_or(0);
    regions.retain(|(pixels, _)| pixels * 100 >= largest);
    regions.sort_by_key(|(pixels, _)| std::cmp::Reverse(*pixels));
    regions.into_iter().map(|(_, region)| region).collect()
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

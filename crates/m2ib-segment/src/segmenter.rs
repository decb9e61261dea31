//! How a map becomes a mask and its regions.

use image::{GrayImage, Luma};
use imageproc::region_labelling::{Connectivity, connected_components};
use m2ib_attribution::{HeatMap, ImageAttribution, Rect};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::{Error, Region, Result, Segments, Threshold, points};

/// More points than these prompt nothing better.
pub const MOST_POINTS: usize = 1000;

/// Settings of a segmentation; plain data, checked by [`check`](Self::check).
///
/// ```
/// use m2ib_segment::{Segmenter, Threshold};
///
/// // As MedCLIP-SAM does: two classes, the largest region, ten points in it and ten outside.
/// let segmenter = Segmenter::new(Threshold::Otsu).regions(1).points(10).background(10);
/// assert_eq!(segmenter.check(), Ok(segmenter));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Segmenter {
    /// Where the map is cut.
    pub threshold: Threshold,
    /// How many regions are kept, the largest; all if not told.
    pub regions: Option<usize>,
    /// Regions with less than this share of the largest one's pixels are left out; 0.01 unless told:
    /// what is smaller are specks of interpolation.
    pub least: f32,
    /// Points in each region; 1 unless told.
    pub points: usize,
    /// Points outside of all regions; none unless told.
    pub background: usize,
}

impl Default for Segmenter {
    /// Cut where two classes part.
    fn default() -> Self {
        Self::new(Threshold::default())
    }
}

impl Segmenter {
    /// A segmentation at this threshold.
    pub fn new(threshold: Threshold) -> Self {
        Self {
            threshold,
            regions: None,
            least: 0.01,
            points: 1,
            background: 0,
        }
    }

    /// Keeps so many regions, the largest.
    pub fn regions(self, regions: usize) -> Self {
        Self {
            regions: Some(regions),
            ..self
        }
    }

    /// Leaves regions out that have less than this share of the largest one's pixels, 0 to 1.
    pub fn least(self, least: f32) -> Self {
        Self { least, ..self }
    }

    /// So many points in each region.
    pub fn points(self, points: usize) -> Self {
        Self { points, ..self }
    }

    /// So many points outside of all regions, as far as can be from them and from each other.
    pub fn background(self, background: usize) -> Self {
        Self { background, ..self }
    }

    /// That all numbers make sense.
    ///
    /// # Errors
    /// [`Error::Threshold`], [`Error::Setting`].
    pub fn check(self) -> Result<Self> {
        self.threshold.check()?;
        let wrong = |setting, found: String, expected| {
            Err(Error::Setting {
                setting,
                found,
                expected,
            })
        };
        if self.regions == Some(0) {
            return wrong("the number of regions", "0".into(), "at least 1");
        }
        if !(0.0..=1.0).contains(&self.least) {
            let found = self.least.to_string();
            return wrong("the least region's share", found, "0 to 1");
        }
        let most = self.points.max(self.background);
        if most > MOST_POINTS {
            return wrong("the number of points", most.to_string(), "at most 1000");
        }
        Ok(self)
    }

    /// Cuts an explanation's map, in pixels of the original picture.
    ///
    /// The map is scaled as [`heat_map`](ImageAttribution::heat_map) does, so the number of a
    /// [fixed](Threshold::Fixed) threshold is the one of its colours.
    pub fn cut(&self, image: &ImageAttribution) -> Segments {
        self.cut_map(&image.heat_map())
    }

    /// Cuts a map, `[height, width]`. What the model did not see belongs to no region.
    pub fn cut_map(&self, map: &HeatMap) -> Segments {
        let level = self.threshold.level(map);
        let (height, width) = map.values.dim();
        let mask = GrayImage::from_fn(width as u32, height as u32, |x, y| {
            let heat = map.values[[y as usize, x as usize]];
            let hot = level.is_some_and(|level| heat >= level);
            Luma([u8::from(hot && map.seen.contains(x, y))])
        });
        let labels = connected_components(&mask, Connectivity::Eight, Luma([0]));
        drop(mask);
        let mut found = found(map, labels.pixels().map(|pixel| pixel[0]));
        let largest = found.iter().map(|(_, region)| region.area).max();
        let least = f64::from(self.least) * largest.unwrap_or_default() as f64;
        found.retain(|(_, region)| region.area as f64 >= least);
        // Stable: equally large ones stay in the order of their first pixels.
        found.sort_by_key(|(_, region)| std::cmp::Reverse(region.area));
        found.truncate(self.regions.unwrap_or(usize::MAX));

        let highest = labels.pixels().map(|pixel| pixel[0]).max().unwrap_or(0);
        let mut numbers = vec![0u32; highest as usize + 1];
        for (number, (label, _)) in (1..).zip(&found) {
            numbers[*label as usize] = number;
        }
        let labels = labels.into_raw().into_iter();
        let labels: Vec<u32> = labels.map(|label| numbers[label as usize]).collect();
        let labels = Array2::from_shape_vec((height, width), labels);
        let labels = labels.expect("a label for each pixel");
        let mut regions: Vec<Region> = found.into_iter().map(|(_, region)| region).collect();
        for (number, region) in (1..).zip(&mut regions) {
            region.points = points::inside(map, &labels, number, region.bounds, self.points);
        }
        let background = points::outside(&labels, map.seen, self.background);
        Segments::new(*self, level, labels, regions, background)
    }
}

/// All regions with their labels, in the order of their first pixels; without points yet.
fn found(map: &HeatMap, labels: impl Iterator<Item = u32>) -> Vec<(u32, Region)> {
    let mut found: Vec<(u32, Region)> = Vec::new();
    let mut heat: Vec<f64> = Vec::new();
    for (((y, x), &value), label) in map.values.indexed_iter().zip(labels) {
        let Some(index) = (label as usize).checked_sub(1) else {
            continue;
        };
        while found.len() <= index {
            let bounds = Rect {
                left: u32::MAX,
                top: u32::MAX,
                right: 0,
                bottom: 0,
            };
            let region = Region {
                bounds,
                area: 0,
                heat: 0.0,
                points: Vec::new(),
            };
            found.push((found.len() as u32 + 1, region));
            heat.push(0.0);
        }
        let (x, y, region) = (x as u32, y as u32, &mut found[index].1);
        region.area += 1;
        heat[index] += f64::from(value);
        let bounds = &mut region.bounds;
        bounds.left = bounds.left.min(x);
        bounds.top = bounds.top.min(y);
        bounds.right = bounds.right.max(x + 1);
        bounds.bottom = bounds.bottom.max(y + 1);
    }
    for ((_, region), heat) in found.iter_mut().zip(heat) {
        region.heat = (heat / region.area.max(1) as f64) as f32;
    }
    found.retain(|(_, region)| region.area > 0);
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A block of 10 × 20, one of 5 × 5, one pixel, and two that touch by a corner.
    fn map() -> HeatMap {
        let values = Array2::from_shape_fn((30, 40), |place| match place {
            (2..12, 3..23) => 0.9,
            (20..25, 30..35) => 0.6,
            (25, 35) => 0.6,
            (28, 1) => 1.0,
            _ => 0.0,
        });
        let seen = Rect {
            left: 0,
            top: 0,
            right: 40,
            bottom: 30,
        };
        HeatMap { values, seen }
    }

    #[test]
    fn regions_come_by_size_without_specks() {
        let segments = Segmenter::new(Threshold::Fixed(0.5)).cut_map(&map());
        let areas: Vec<usize> = segments
            .regions()
            .iter()
            .map(|region| region.area)
            .collect();
        assert_eq!(
            areas,
            [200, 26],
            "a corner joins, the single pixel is a speck"
        );
        assert_eq!(segments.area(), 226);
        assert_eq!(segments.regions()[0].xywh(), [3, 2, 20, 10]);
        assert_eq!(segments.regions()[0].xyxy(), [3, 2, 22, 11]);
        assert!((segments.regions()[1].heat - 0.6).abs() < 1e-6);
        let all = Segmenter::new(Threshold::Fixed(0.5)).least(0.0);
        assert_eq!(all.cut_map(&map()).regions().len(), 3);
        let one = all.regions(1).cut_map(&map());
        assert_eq!((one.regions().len(), one.area()), (1, 200));
        assert!(!one.mask()[[22, 32]], "what is left out is not in the mask");
    }

    #[test]
    fn what_was_not_seen_is_in_no_region() {
        let mut map = map();
        map.values.fill(1.0);
        map.seen.left = 30;
        let segments = Segmenter::new(Threshold::Fixed(0.0)).cut_map(&map);
        assert_eq!(segments.regions()[0].bounds, map.seen);
        assert!(!segments.mask()[[0, 29]] && segments.mask()[[0, 30]]);
    }

    #[test]
    fn a_map_without_anything_has_no_regions() {
        let mut map = map();
        map.values.fill(0.0);
        let segmenter = Segmenter::default().background(3);
        let segments = segmenter.cut_map(&map);
        assert_eq!(segments.level(), None);
        assert!(segments.regions().is_empty() && segments.background().is_empty());
        assert_eq!(segments.area(), 0);
    }

    #[test]
    fn numbers_that_make_no_sense_are_named() {
        let usual = Segmenter::default();
        for (segmenter, words) in [
            (usual.regions(0), "the number of regions is 0"),
            (usual.least(1.5), "share is 1.5, expected 0 to 1"),
            (usual.least(f32::NAN), "NaN"),
            (usual.points(1001), "1001, expected at most 1000"),
            (usual.background(5000), "5000"),
            (
                Segmenter::new(Threshold::Fixed(2.0)),
                "\"2\" is no threshold",
            ),
        ] {
            let error = segmenter.check().unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    proptest! {
        #[test]
        fn regions_part_the_mask_and_points_lie_inside(
            values in prop::collection::vec(0u8..=4, 15 * 11), points in 1usize..5,
            rule in prop::sample::select(vec![Threshold::Otsu, Threshold::Fixed(0.5), Threshold::Mass(0.4)]),
        ) {
            let values = values.into_iter().map(|value| f32::from(value) / 4.0).collect();
            let values = Array2::from_shape_vec((11, 15), values).unwrap();
            let seen = Rect { left: 1, top: 0, right: 15, bottom: 10 };
            let map = HeatMap { values, seen };
            let segmenter = Segmenter::new(rule).least(0.0).points(points).background(2);
            let segments = segmenter.cut_map(&map);
            let mut covered = Array2::from_elem((11, 15), false);
            for (place, region) in segments.regions().iter().enumerate() {
                let own = segments.region_mask(place).unwrap();
                prop_assert_eq!(own.iter().filter(|&&on| on).count(), region.area);
                let distinct: std::collections::BTreeSet<_> = region.points.iter().map(|p| (p.x, p.y)).collect();
                prop_assert_eq!(distinct.len(), region.points.len());
                prop_assert!(!region.points.is_empty() && region.points.len() <= points);
                for point in &region.points {
                    prop_assert!(own[[point.y as usize, point.x as usize]]);
                }
                for ((y, x), _) in own.indexed_iter().filter(|(_, on)| **on) {
                    prop_assert!(!covered[[y, x]] && region.bounds.contains(x as u32, y as u32));
                    covered[[y, x]] = true;
                }
            }
            prop_assert_eq!(&covered, &segments.mask());
            let level = segments.level();
            for ((y, x), &value) in map.values.indexed_iter() {
                let hot = level.is_some_and(|level| value >= level) && seen.contains(x as u32, y as u32);
                prop_assert_eq!(covered[[y, x]], hot);
            }
            for point in segments.background() {
                prop_assert!(!covered[[point.y as usize, point.x as usize]] && seen.contains(point.x, point.y));
            }
        }
    }
}

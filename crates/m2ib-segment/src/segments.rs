//! What a segmentation found.

use image::{GrayImage, Luma};
use m2ib_attribution::Rect;
use ndarray::Array2;

use crate::{Point, Region, Runs, Segmenter, Threshold};

/// A mask over a picture, cut into its connected regions.
#[derive(Debug, Clone, PartialEq)]
pub struct Segments {
    segmenter: Segmenter,
    level: Option<f32>,
    /// `[height, width]`: 0, or a region's number from 1.
    labels: Array2<u32>,
    regions: Vec<Region>,
    background: Vec<Point>,
}

impl Segments {
    pub(crate) fn new(
        segmenter: Segmenter,
        level: Option<f32>,
        labels: Array2<u32>,
        regions: Vec<Region>,
        background: Vec<Point>,
    ) -> Self {
        Self {
            segmenter,
            level,
            labels,
            regions,
            background,
        }
    }

    /// What they were cut by.
    pub fn segmenter(&self) -> &Segmenter {
        &self.segmenter
    }

    /// The threshold that they were cut at.
    pub fn threshold(&self) -> Threshold {
        self.segmenter.threshold
    }

    /// The least heat in the mask, 0 to 1, that the threshold came to; none where the map has no two
    /// classes, or no mass.
    pub fn level(&self) -> Option<f32> {
        self.level
    }

    /// The regions, the largest first.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// Points outside of all regions.
    pub fn background(&self) -> &[Point] {
        &self.background
    }

    /// Width and height of the picture.
    pub fn size(&self) -> (u32, u32) {
        let (height, width) = self.labels.dim();
        (width as u32, height as u32)
    }

    /// Pixels of all regions.
    pub fn area(&self) -> usize {
        self.regions.iter().map(|region| region.area).sum()
    }

    /// All regions: `[height, width]`.
    pub fn mask(&self) -> Array2<bool> {
        self.labels.map(|&label| label > 0)
    }

    /// One region, by its place: `[height, width]`; none if there are fewer.
    pub fn region_mask(&self, place: usize) -> Option<Array2<bool>> {
        self.regions.get(place)?;
        let number = place as u32 + 1;
        Some(self.labels.map(|&label| label == number))
    }

    /// Each pixel's region, counted from 1, or 0: `[height, width]`.
    pub fn labels(&self) -> &Array2<u32> {
        &self.labels
    }

    /// The mask as a picture of one channel, white on black.
    pub fn to_picture(&self) -> GrayImage {
        let (width, height) = self.size();
        GrayImage::from_fn(width, height, |x, y| {
            let inside = self.labels[[y as usize, x as usize]] > 0;
            Luma([if inside { 255 } else { 0 }])
        })
    }

    /// The mask as COCO has it.
    pub fn runs(&self) -> Runs {
        let (width, height) = self.size();
        Runs::of(height, width, self.down(|label| label > 0))
    }

    /// One region as COCO has it; none if there are fewer.
    pub fn region_runs(&self, place: usize) -> Option<Runs> {
        self.regions.get(place)?;
        let number = place as u32 + 1;
        let (width, height) = self.size();
        Some(Runs::of(height, width, self.down(|label| label == number)))
    }

    /// The box around all regions; none if there are none.
    pub fn bounds(&self) -> Option<Rect> {
        let bounds = self.regions.iter().map(|region| region.bounds);
        bounds.reduce(|a, b| Rect {
            left: a.left.min(b.left),
            top: a.top.min(b.top),
            right: a.right.max(b.right),
            bottom: a.bottom.max(b.bottom),
        })
    }

    /// Down the columns, one after the other.
    fn down(&self, is_inside: impl Fn(u32) -> bool) -> impl Iterator<Item = bool> {
        let pixels = self.labels.t();
        pixels
            .iter()
            .map(|&label| is_inside(label))
            .collect::<Vec<_>>()
            .into_iter()
    }
}

#[cfg(test)]
mod tests {
    use m2ib_attribution::HeatMap;
    use ndarray::array;

    use super::*;

    fn segments() -> Segments {
        let values = array![[1.0, 0.0, 0.0, 0.8], [1.0, 0.0, 0.0, 0.0]];
        let seen = Rect {
            left: 0,
            top: 0,
            right: 4,
            bottom: 2,
        };
        let segmenter = Segmenter::new(Threshold::Fixed(0.5));
        segmenter.cut_map(&HeatMap { values, seen })
    }

    #[test]
    fn masks_pictures_and_runs_say_the_same() {
        let segments = segments();
        let picture = segments.to_picture();
        assert_eq!(picture.dimensions(), (4, 2));
        assert_eq!(picture.as_raw(), &[255, 0, 0, 255, 255, 0, 0, 0]);
        assert_eq!(segments.mask()[[1, 0]], picture.get_pixel(0, 1)[0] == 255);
        assert_eq!(segments.runs().counts(), [0, 2, 4, 1, 1]);
        assert_eq!(segments.region_runs(1).unwrap().counts(), [6, 1, 1]);
        assert_eq!(segments.region_runs(2), None);
        assert_eq!(segments.region_mask(2), None);
        let all = segments.bounds().unwrap();
        assert_eq!((all.left, all.top, all.right, all.bottom), (0, 0, 4, 2));
    }
}

//! What a caption speaks of, as a part of the picture.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use image::DynamicImage;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::Segmentation;
use crate::content::file_bytes;

/// Where something is seen.
#[derive(Debug, Clone, PartialEq)]
pub enum Region {
    /// In a rectangle.
    Box(Rectangle),
    /// Where a picture of the image's size is not black and not transparent.
    MaskFile(PathBuf),
    /// Where a mask `[row, column]` of the image's size is true.
    Mask(Arc<Array2<bool>>),
    /// Within an outline, in pixels of the image as a [`Rectangle`] is.
    Segmentation(Arc<Segmentation>),
}

/// A rectangle in pixels of the original image; (0, 0) is its upper left corner. The image is upright
/// unless its row says by [`annotated`](crate::Row::annotated) that the stored pixels are meant.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rectangle {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Extent to the right.
    pub width: f64,
    /// Extent downwards.
    pub height: f64,
}

impl Region {
    /// What tells it from another region.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Box(Rectangle {
                x,
                y,
                width,
                height,
            }) => {
                let edges = [x, y, width, height].map(|edge| edge.to_le_bytes());
                [&b"box"[..], edges.as_flattened()].concat()
            }
            Self::MaskFile(path) => file_bytes(path),
            Self::Segmentation(outline) => outline.bytes(),
            Self::Mask(mask) => {
                let columns = (mask.ncols() as u64).to_le_bytes();
                let pixels = mask.iter().map(|&on| u8::from(on));
                b"mask"
                    .iter()
                    .copied()
                    .chain(columns)
                    .chain(pixels)
                    .collect()
            }
        }
    }
}

impl Rectangle {
    /// From `[x, y, width, height]`, as COCO and its kin write boxes.
    ///
    /// # Errors
    /// What is wrong with them, if they are not finite or enclose nothing.
    pub(super) fn new(xywh: [f64; 4]) -> Result<Self, String> {
        let [x, y, width, height] = xywh;
        let finite = xywh.iter().all(|value| value.is_finite());
        if !(finite && width > 0.0 && height > 0.0) {
            return Err(format!(
                "the box {xywh:?} encloses nothing, expected [x, y, width, height] with a width and a height above 0"
            ));
        }
        Ok(Self {
            x,
            y,
            width,
            height,
        })
    }

    /// From `[left, top, right, bottom]`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(super) fn between([left, top, right, bottom]: [f64; 4]) -> Result<Self, String> {
        Self::new([left, top, right - left, bottom - top]).map_err(|_| {
            format!(
                "the box from ({left}, {top}) to ({right}, {bottom}) encloses nothing, expected its \
                 left, upper, right and lower edge in pixels"
            )
        })
    }

    /// By how many pixels it reaches over the edges of an image of this size.
    pub(super) fn beyond(&self, width: u32, height: u32) -> f64 {
        let (right, lower) = (self.x + self.width, self.y + self.height);
        let beyond = [
            -self.x,
            -self.y,
            right - f64::from(width),
            lower - f64::from(height),
        ];
        beyond.into_iter().fold(0.0, f64::max)
    }

    /// The pixels it touches, if there are any: `[height, width]`.
    pub(super) fn mask(&self, width: u32, height: u32) -> Option<Array2<bool>> {
        let columns = touched(self.x, self.width, width)?;
        let rows = touched(self.y, self.height, height)?;
        let inside = |(row, column)| rows.contains(&row) && columns.contains(&column);
        let size = (height as usize, width as usize);
        Some(Array2::from_shape_fn(size, inside))
    }
}

/// The pixels of `0..size` that an interval touches.
fn touched(start: f64, length: f64, size: u32) -> Option<Range<usize>> {
    let from = start.floor().max(0.0);
    let to = (start + length).ceil().min(size.into());
    (from < to).then_some(from as usize..to as usize)
}

/// True where a mask's picture has any colour: `[row, column]`.
pub(super) fn coloured(picture: &DynamicImage) -> Array2<bool> {
    // 16 bits: nothing faint is rounded to black.
    let pixels = picture.to_rgba16();
    let size = (pixels.height() as usize, pixels.width() as usize);
    Array2::from_shape_fn(size, |(row, column)| {
        let [colour @ .., alpha] = pixels.get_pixel(column as u32, row as u32).0;
        alpha > 0 && colour.iter().any(|&channel| channel > 0)
    })
}

#[cfg(test)]
mod tests {
    use image::{ImageBuffer, Luma, Rgba, RgbaImage};
    use proptest::prelude::*;

    use super::*;

    fn rectangle(xywh: [f64; 4]) -> Rectangle {
        Rectangle::new(xywh).unwrap()
    }

    #[test]
    fn a_box_covers_what_it_touches() {
        let mask = rectangle([1.0, 2.0, 3.0, 1.0]).mask(6, 4).unwrap();
        let on: Vec<_> = mask.indexed_iter().filter(|&(_, &on)| on).collect();
        let at: Vec<_> = on.into_iter().map(|(at, _)| at).collect();
        assert_eq!(at, [(2, 1), (2, 2), (2, 3)]);
        // Beyond the edges it is cut off, and a speck still has a pixel.
        let all = rectangle([-5.0, -5.0, 99.0, 99.0]).mask(6, 4).unwrap();
        assert!(all.iter().all(|&on| on));
        let speck = rectangle([2.4, 1.4, 0.1, 0.1]).mask(6, 4).unwrap();
        assert_eq!(speck.iter().filter(|&&on| on).count(), 1);
        assert!(speck[[1, 2]]);
    }

    #[test]
    fn a_box_outside_of_the_image_covers_nothing() {
        for xywh in [
            [6.0, 0.0, 2.0, 2.0],
            [-3.0, 0.0, 3.0, 2.0],
            [0.0, 9.0, 1.0, 1.0],
        ] {
            assert_eq!(rectangle(xywh).mask(6, 4), None, "{xywh:?}");
        }
    }

    #[test]
    fn a_box_that_encloses_nothing_is_refused() {
        for xywh in [
            [0.0, 0.0, 0.0, 3.0],
            [0.0, 0.0, 3.0, -1.0],
            [f64::NAN, 0.0, 1.0, 1.0],
        ] {
            let reason = Rectangle::new(xywh).unwrap_err();
            assert!(reason.contains("encloses nothing"), "{reason}");
        }
    }

    #[test]
    fn any_colour_that_is_seen_counts() {
        let faint = ImageBuffer::from_fn(2, 1, |x, _| Luma([x as u16]));
        let mask = coloured(&DynamicImage::ImageLuma16(faint));
        assert_eq!(mask, ndarray::array![[false, true]]);
        let colours = [[0, 0, 0, 255], [0, 0, 1, 255], [255, 255, 255, 0]];
        let picture = RgbaImage::from_fn(3, 1, |x, _| Rgba(colours[x as usize]));
        let mask = coloured(&DynamicImage::ImageRgba8(picture));
        assert_eq!(mask, ndarray::array![[false, true, false]]);
    }

    proptest! {
        #[test]
        fn whole_boxes_inside_cover_their_area(
            (x, y, w, h) in (0u32..20, 0u32..20, 1u32..20, 1u32..20)
        ) {
            let mask = rectangle([x, y, w, h].map(f64::from)).mask(40, 40).unwrap();
            prop_assert_eq!(mask.iter().filter(|&&on| on).count(), (w * h) as usize);
        }
    }
}

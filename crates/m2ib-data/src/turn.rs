//! From the pixels that a photo is stored in to those that it is seen in.

use image::metadata::Orientation;
use ndarray::Array2;

use crate::Rectangle;

/// A photo's turn, and its size before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    orientation: Orientation,
    /// Width and height.
    stored: [u32; 2],
}

impl Turn {
    /// The one that makes a photo upright which then has this width and height.
    pub(super) fn new(orientation: Option<Orientation>, [width, height]: [u32; 2]) -> Self {
        use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
        let orientation = orientation.unwrap_or(Orientation::NoTransforms);
        let stored = match orientation {
            Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH => [height, width],
            _ => [width, height],
        };
        Self {
            orientation,
            stored,
        }
    }

    /// Width and height of what is stored.
    pub(super) fn stored(self) -> [u32; 2] {
        self.stored
    }

    /// Whether it changes anything.
    pub(super) fn turns(self) -> bool {
        self.orientation != Orientation::NoTransforms
    }

    /// Where a point of the stored picture is in the upright one.
    fn point(self, (x, y): (f64, f64)) -> (f64, f64) {
        let [width, height] = self.stored.map(f64::from);
        match self.orientation {
            Orientation::NoTransforms => (x, y),
            Orientation::FlipHorizontal => (width - x, y),
            Orientation::Rotate180 => (width - x, height - y),
            Orientation::FlipVertical => (x, height - y),
            Orientation::Rotate90FlipH => (y, x),
            Orientation::Rotate90 => (height - y, x),
            Orientation::Rotate270FlipH => (height - y, width - x),
            Orientation::Rotate270 => (y, width - x),
        }
    }

    /// A box of the stored picture in the upright one.
    pub(super) fn rectangle(self, of: Rectangle) -> Rectangle {
        let (ax, ay) = self.point((of.x, of.y));
        let (bx, by) = self.point((of.x + of.width, of.y + of.height));
        Rectangle {
            x: ax.min(bx),
            y: ay.min(by),
            width: (ax - bx).abs(),
            height: (ay - by).abs(),
        }
    }

    /// A mask `[row, column]` of the stored picture in the upright one.
    pub(super) fn mask(self, of: &Array2<bool>) -> Array2<bool> {
        let middle = |at: usize| at as f64 + 0.5;
        let [width, height] = self.stored.map(f64::from);
        let (x, y) = (0.0, 0.0);
        let whole = self.rectangle(Rectangle {
            x,
            y,
            width,
            height,
        });
        let mut upright = Array2::from_elem((whole.height as usize, whole.width as usize), false);
        for ((row, column), &on) in of.indexed_iter() {
            let (x, y) = self.point((middle(column), middle(row)));
            upright[[y as usize, x as usize]] = on;
        }
        upright
    }
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, GrayImage, Luma};
    use rstest::rstest;

    use super::*;

    /// All eight, against what image makes of a picture.
    #[rstest]
    fn boxes_and_masks_go_where_the_pixels_go(#[values(1, 2, 3, 4, 5, 6, 7, 8)] exif: u8) {
        let orientation = Orientation::from_exif(exif).unwrap();
        let mask =
            Array2::from_shape_fn((4, 7), |(row, column)| row == 2 && (1..4).contains(&column));
        let picture = GrayImage::from_fn(7, 4, |x, y| {
            Luma([u8::from(mask[[y as usize, x as usize]])])
        });
        let mut picture = DynamicImage::ImageLuma8(picture);
        picture.apply_orientation(orientation);
        let picture = picture.to_luma8();
        let (width, height) = picture.dimensions();
        let expected = Array2::from_shape_fn((height as usize, width as usize), |(row, column)| {
            picture.get_pixel(column as u32, row as u32).0[0] == 1
        });
        let turn = Turn::new(Some(orientation), [width, height]);
        assert_eq!(turn.stored(), [7, 4]);
        assert_eq!(turn.turns(), exif != 1);
        assert_eq!(turn.mask(&mask), expected);
        let rectangle = turn.rectangle(Rectangle {
            x: 1.0,
            y: 2.0,
            width: 3.0,
            height: 1.0,
        });
        assert_eq!(rectangle.mask(width, height).unwrap(), expected);
    }
}

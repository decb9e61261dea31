//! A picture and what is known of it.

use image::RgbImage;
use ndarray::Array2;

use crate::Placement;
use crate::streams::Streams;

/// A picture of one to three objects.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// `SIZE` × `SIZE` pixels.
    pub image: RgbImage,
    /// All of different classes.
    pub objects: Vec<Object>,
    pub(crate) streams: Streams,
}

/// An object and where it is seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// An index into [`classes`](crate::classes).
    pub class: usize,
    /// Where it covers more than half of a pixel and nothing covers it: `[row, column]`. Never
    /// empty.
    pub mask: Array2<bool>,
    /// Of the mask.
    pub bounding_box: BoundingBox,
    /// How it was drawn.
    pub placement: Placement,
}

/// A rectangle of whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BoundingBox {
    /// The first column.
    pub left: usize,
    /// The first row.
    pub top: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl BoundingBox {
    /// The smallest one around all that is true in a mask `[row, column]`, if anything is.
    pub fn of(mask: &Array2<bool>) -> Option<Self> {
        let [(top, bottom), (left, right)] = [0, 1].map(|axis| {
            let lines = mask.axis_iter(ndarray::Axis(axis));
            let mut any = lines
                .enumerate()
                .filter(|(_, line)| line.iter().any(|&on| on));
            let first = any.next().map(|(i, _)| i);
            (first, any.last().map(|(i, _)| i).or(first))
        });
        let (left, top) = (left?, top?);
        Some(Self {
            left,
            top,
            width: right? + 1 - left,
            height: bottom? + 1 - top,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_tight() {
        let mut mask = Array2::from_elem((5, 7), false);
        assert_eq!(BoundingBox::of(&mask), None);
        mask[[2, 3]] = true;
        let one = BoundingBox {
            left: 3,
            top: 2,
            width: 1,
            height: 1,
        };
        assert_eq!(BoundingBox::of(&mask), Some(one));
        mask[[4, 0]] = true;
        let both = BoundingBox {
            left: 0,
            top: 2,
            width: 4,
            height: 3,
        };
        assert_eq!(BoundingBox::of(&mask), Some(both));
    }
}

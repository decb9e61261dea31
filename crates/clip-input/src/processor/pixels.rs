//! A preprocessed image, and what of the original it shows.

use serde::{Deserialize, Serialize};

use crate::PictureFacts;

/// The part of the original image that the model sees, in the original's pixels.
///
/// It may reach beyond the image where a small image is padded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Width of the original image (upright).
    pub image_width: u32,
    /// Height of the original image.
    pub image_height: u32,
    /// Left edge of the part that is seen.
    pub left: f64,
    /// Top edge.
    pub top: f64,
    /// Width of the part that is seen.
    pub width: f64,
    /// Height of the part that is seen.
    pub height: f64,
}

impl View {
    /// What of it lies in the first `part` of `whole` pixels from the top and from the left,
    /// `[height, width]` both: patches that do not go into an image leave the rest unseen.
    pub fn from_corner(self, part: [usize; 2], whole: [usize; 2]) -> Self {
        let [down, across] = [0, 1].map(|side| part[side] as f64 / whole[side] as f64);
        Self {
            width: self.width * across,
            height: self.height * down,
            ..self
        }
    }
}

/// A preprocessed image.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    /// `[3, height, width]`, channels first.
    pub values: Vec<f32>,
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// Where these pixels come from.
    pub view: View,
    /// What is to be known of the picture they come from.
    pub facts: PictureFacts,
}

impl Pixels {
    /// What is seen when the frame moves down and to the right by so many pixels; what lies beyond
    /// the border is as the border is.
    pub fn moved(&self, down: isize, right: isize) -> Self {
        let Self { height, width, .. } = *self;
        let at = |place: usize, by: isize, size: usize| {
            place.saturating_add_signed(by).min(size.saturating_sub(1))
        };
        let mut values = Vec::with_capacity(self.values.len());
        for plane in self.values.chunks_exact(height * width) {
            for y in 0..height {
                let row = &plane[at(y, down, height) * width..][..width];
                values.extend((0..width).map(|x| row[at(x, right, width)]));
            }
        }
        Self {
            values,
            ..self.clone()
        }
    }
}

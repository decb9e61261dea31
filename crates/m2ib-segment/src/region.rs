//! One connected part of a mask.

use m2ib_attribution::Rect;
use serde::{Deserialize, Serialize};

/// A pixel, column and row from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Point {
    /// Column.
    pub x: u32,
    /// Row.
    pub y: u32,
}

/// A connected region: pixels that touch, by a side or a corner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Region {
    /// The box around it.
    pub bounds: Rect,
    /// Its pixels.
    pub area: usize,
    /// Its mean heat, 0 to 1.
    pub heat: f32,
    /// Points inside: first its hottest pixel (of several the one farthest from the border), then such
    /// as lie well inside and far from those before.
    pub points: Vec<Point>,
}

impl Region {
    /// The box as COCO has it: left, top, width, height.
    pub fn xywh(&self) -> [u32; 4] {
        let Rect {
            left,
            top,
            right,
            bottom,
        } = self.bounds;
        [left, top, right - left, bottom - top]
    }

    /// The box as SAM takes it: the first column and row, and the last ones.
    pub fn xyxy(&self) -> [u32; 4] {
        let Rect {
            left,
            top,
            right,
            bottom,
        } = self.bounds;
        [left, top, right - 1, bottom - 1]
    }
}

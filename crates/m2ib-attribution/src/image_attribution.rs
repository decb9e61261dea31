//! The image's side of an explanation: a map over patches, and where it lies on the picture.

use std::fmt;

use clip_input::View;
use m2ib_settings::{Shifts, Step};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::heat_map::{self, HeatMap, Range};
use crate::{RoleScore, Unit, rows};

/// The image's side of an explanation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageAttribution {
    #[serde(with = "rows")]
    saliency: Array2<f32>,
    /// How many times finer than the grid of patches the map is, along each side.
    #[serde(default)]
    pub shifts: Shifts,
    /// The tokens that are no patch, in order; empty where a method gives them nothing.
    pub others: Vec<RoleScore>,
    /// What saliency is measured in.
    pub unit: Unit,
    /// Side lengths of the model's input in pixels, `[height, width]`.
    pub input_size: [usize; 2],
    /// The part of the original image that the model saw.
    pub view: View,
    /// The bottleneck's objective, evaluation by evaluation; empty for other methods.
    pub trace: Vec<Step>,
}

impl ImageAttribution {
    /// A map over patches, `[rows, columns]`, of an input of this size.
    pub fn new(saliency: Array2<f32>, unit: Unit, input_size: [usize; 2], view: View) -> Self {
        Self {
            saliency,
            shifts: Shifts::ONE,
            others: Vec::new(),
            unit,
            input_size,
            view,
            trace: Vec::new(),
        }
    }

    /// The same with another map of the same grid.
    pub fn with_saliency(self, saliency: Array2<f32>) -> Self {
        Self { saliency, ..self }
    }

    /// Saliency per patch, `[rows, columns]`: M2IB's is the information in nats. A map over
    /// [shifted](Self::shifts) grids is finer, and says at each cell what a patch there would carry.
    pub fn saliency(&self) -> &Array2<f32> {
        &self.saliency
    }

    /// The share of all saliency that lies on tokens that are no patches, 0..1 (signed values count
    /// by size).
    pub fn others_share(&self) -> f32 {
        let size = |values: &mut dyn Iterator<Item = f32>| values.map(f32::abs).sum::<f32>();
        let others = size(&mut self.others.iter().map(|other| other.saliency));
        // Patches of shifted grids overlap.
        let patches = size(&mut self.saliency.iter().copied()) / self.shifts.count() as f32;
        match others + patches {
            all if all > 0.0 => others / all,
            _ => 0.0,
        }
    }

    /// Whether all patches carry the same, so that there is no map to speak of.
    pub fn is_flat(&self) -> bool {
        heat_map::normalize(&self.saliency).1
    }

    /// The saliency scaled to 0..1, `[rows, columns]`; zeros if [flat](Self::is_flat).
    pub fn normalized(&self) -> Array2<f32> {
        heat_map::normalize(&self.saliency).0
    }

    /// The map over the model's input, bilinear, 0..1, `[height, width]`.
    pub fn input_heat_map(&self) -> Array2<f32> {
        let [height, width] = self.input_size;
        heat_map::normalize(&heat_map::upsample(&self.saliency, height, width)).0
    }

    /// The map over the original image, with the part that was cropped away marked. Its ends are
    /// those of the [`scale`](Self::scale): where next to nothing was passed, all of it is cold.
    pub fn heat_map(&self) -> HeatMap {
        heat_map::in_original(&self.saliency, &self.view, self.unit.negligible())
    }

    /// The map over the original image scaled to another size, for drawing.
    pub fn heat_map_at(&self, width: u32, height: u32) -> HeatMap {
        heat_map::in_original(
            &self.saliency,
            &self.view_at(width, height),
            self.unit.negligible(),
        )
    }

    /// Another map of this image, over the original scaled to another size, with its own values: for
    /// what has a sign, or shares a scale with others.
    pub fn values_at(&self, map: &Array2<f32>, width: u32, height: u32) -> HeatMap {
        heat_map::spread_over(map, &self.view_at(width, height))
    }

    /// The same explanation beside a scaled copy of the image: what was explained stays what it was.
    pub fn shown_at(&self, width: u32, height: u32) -> Self {
        Self {
            view: self.view_at(width, height),
            ..self.clone()
        }
    }

    fn view_at(&self, width: u32, height: u32) -> View {
        let across = f64::from(width) / f64::from(self.view.image_width);
        let down = f64::from(height) / f64::from(self.view.image_height);
        View {
            image_width: width,
            image_height: height,
            left: self.view.left * across,
            top: self.view.top * down,
            width: self.view.width * across,
            height: self.view.height * down,
        }
    }

    /// What the coldest and the hottest colour stand for: the least and the largest saliency, unless
    /// they differ by [next to nothing](Unit::negligible), which is not blown up. None if
    /// [flat](Self::is_flat).
    pub fn scale(&self) -> Option<[f32; 2]> {
        let range = Range::of(self.saliency.iter().copied())?;
        Some(range.at_least(self.unit.negligible()).ends())
    }
}

/// Its size, and where it is hottest.
impl fmt::Display for ImageAttribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, columns) = self.saliency.dim();
        write!(f, "{rows} × {columns}, ")?;
        let hottest = self.saliency.indexed_iter();
        let hottest = hottest.max_by(|a, b| a.1.total_cmp(b.1));
        let with = |value: &f32| self.unit.after(&format!("{value:.3}"));
        match hottest {
            None => f.write_str("all the same"),
            Some((_, value)) if self.is_flat() => write!(f, "all the same, with {}", with(value)),
            Some(((row, column), value)) => write!(
                f,
                "hottest in row {}, column {}, with {}",
                row + 1,
                column + 1,
                with(value)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_read_has_rows_of_one_length() {
        let view = View {
            image_width: 4,
            image_height: 4,
            left: 0.0,
            top: 0.0,
            width: 4.0,
            height: 4.0,
        };
        let map = ndarray::array![[1.0, 2.0], [3.0, 4.0]];
        let image = ImageAttribution::new(map, Unit::Nats, [4, 4], view);
        let mut json = serde_json::to_value(&image).unwrap();
        let read =
            |json: &serde_json::Value| serde_json::from_value::<ImageAttribution>(json.clone());
        assert_eq!(read(&json).unwrap(), image);
        for (rows, words) in [
            (
                serde_json::json!([[1.0], [1.0, 2.0, 3.0]]),
                "row 2 of a map has 3",
            ),
            (serde_json::json!([[1.0, 2.0], []]), "row 2 of a map has 0"),
            (serde_json::json!([]), "no values"),
            (serde_json::json!([[], []]), "no values"),
        ] {
            json["saliency"] = rows;
            let error = read(&json).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}

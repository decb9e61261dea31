//! Prompts for SAM (Kirillov et al., *Segment Anything*, 2023): boxes, and points with labels.
//!
//! Names are those of `SamPredictor.predict`, which takes one prompt at a time, in pixels of the picture
//! as it is: `predictor.predict(point_coords=np.array(p["point_coords"]),
//! point_labels=np.array(p["point_labels"]), box=np.array(p["box"]))`. SAM 2 has the same names; in
//! transformers they are `input_points`, `input_labels` and `input_boxes`.

use serde::Serialize;

use crate::{Point, Segments};

/// What SAM is to be asked of a picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SamPrompts {
    /// The picture's file, as it was given.
    pub image: String,
    /// The caption whose evidence they enclose.
    pub caption: String,
    /// The picture's width in pixels.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// One for each region, the largest first.
    pub prompts: Vec<SamPrompt>,
}

/// A region as a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SamPrompt {
    /// Its first column and row, and its last.
    #[serde(rename = "box")]
    pub bounds: [u32; 4],
    /// Points, column and row.
    pub point_coords: Vec<[u32; 2]>,
    /// 1 for a point inside, 0 for one in the background.
    pub point_labels: Vec<u8>,
}

impl SamPrompts {
    /// Of what was found in a picture.
    pub fn of(image: &str, caption: &str, segments: &Segments) -> Self {
        let (width, height) = segments.size();
        let point = |point: &Point| [point.x, point.y];
        let prompts = segments.regions().iter().map(|region| {
            let (inside, outside) = (region.points.len(), segments.background().len());
            let points = region.points.iter().chain(segments.background());
            let labels = std::iter::repeat_n(1, inside).chain(std::iter::repeat_n(0, outside));
            SamPrompt {
                bounds: region.xyxy(),
                point_coords: points.map(point).collect(),
                point_labels: labels.collect(),
            }
        });
        Self {
            image: image.into(),
            caption: caption.into(),
            width,
            height,
            prompts: prompts.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use m2ib_attribution::{HeatMap, Rect};
    use ndarray::Array2;

    use super::*;
    use crate::{Segmenter, Threshold};

    #[test]
    fn every_region_is_a_prompt_with_the_background_labelled_0() {
        let seen = Rect {
            left: 0,
            top: 0,
            right: 8,
            bottom: 6,
        };
        let values = Array2::from_shape_fn((6, 8), |(y, x)| match (y, x) {
            (1..=3, 1..=3) => 1.0,
            (5, 7) => 0.9,
            _ => 0.0,
        });
        let segmenter = Segmenter::new(Threshold::Fixed(0.5)).background(1);
        let segments = segmenter.cut_map(&HeatMap { values, seen });
        let prompts = SamPrompts::of("a.png", "a cat", &segments);
        let json = serde_json::to_value(&prompts).unwrap();
        assert_eq!(json["prompts"][0]["box"], serde_json::json!([1, 1, 3, 3]));
        assert_eq!(
            json["prompts"][0]["point_coords"],
            serde_json::json!([[2, 2], [7, 0]])
        );
        assert_eq!(
            json["prompts"][1]["point_labels"],
            serde_json::json!([1, 0])
        );
        assert_eq!(json["prompts"][1]["box"], serde_json::json!([7, 5, 7, 5]));
        assert_eq!(
            (json["width"].as_u64(), json["height"].as_u64()),
            (Some(8), Some(6))
        );
    }
}

//! COCO's annotations: pictures, captions as categories, and a mask and a box for each region.

use serde::Serialize;

use crate::Segments;

/// A data set as COCO's tools read it.
///
/// ```
/// # use m2ib_attribution::{HeatMap, Rect};
/// # use m2ib_segment::{Coco, Segmenter};
/// # let seen = Rect { left: 0, top: 0, right: 2, bottom: 1 };
/// # let map = HeatMap { values: ndarray::array![[0.0, 1.0]], seen };
/// let mut coco = Coco::new();
/// coco.add("scene6.png", "a photo of a hedgehog", &Segmenter::default().cut_map(&map));
/// let json = serde_json::to_value(&coco)?;
/// assert_eq!(json["annotations"][0]["bbox"], serde_json::json!([1, 0, 1, 1]));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coco {
    info: Info,
    images: Vec<Image>,
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Info {
    description: &'static str,
    version: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Image {
    id: usize,
    file_name: String,
    width: u32,
    height: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Category {
    id: usize,
    name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Annotation {
    id: usize,
    image_id: usize,
    category_id: usize,
    segmentation: crate::Runs,
    area: usize,
    bbox: [u32; 4],
    iscrowd: u8,
    /// The region's mean heat.
    score: f32,
}

impl Default for Coco {
    fn default() -> Self {
        Self::new()
    }
}

impl Coco {
    /// Of no picture yet.
    pub fn new() -> Self {
        Self {
            info: Info {
                description: "where captions' evidence lies, by m2ib",
                version: env!("CARGO_PKG_VERSION"),
            },
            images: Vec::new(),
            annotations: Vec::new(),
            categories: Vec::new(),
        }
    }

    /// Adds what was found of a caption in a picture, an annotation a region. Pictures of the same name
    /// and size are one, and so are equal captions.
    pub fn add(&mut self, file_name: &str, caption: &str, segments: &Segments) {
        let (width, height) = segments.size();
        let is_same = |image: &Image| {
            image.file_name == file_name && (image.width, image.height) == (width, height)
        };
        let image_id = place_or_push(&mut self.images, is_same, |id| Image {
            id,
            file_name: file_name.into(),
            width,
            height,
        });
        let is_same = |category: &Category| category.name == caption;
        let category_id = place_or_push(&mut self.categories, is_same, |id| Category {
            id,
            name: caption.into(),
        });
        for (place, region) in segments.regions().iter().enumerate() {
            let Some(segmentation) = segments.region_runs(place) else {
                continue;
            };
            self.annotations.push(Annotation {
                id: self.annotations.len() + 1,
                image_id,
                category_id,
                segmentation,
                area: region.area,
                bbox: region.xywh(),
                iscrowd: 0,
                score: region.heat,
            });
        }
    }
}

/// The id, from 1, of what is there already or is put there.
fn place_or_push<T>(
    items: &mut Vec<T>,
    is_same: impl Fn(&T) -> bool,
    new: impl FnOnce(usize) -> T,
) -> usize {
    if let Some(place) = items.iter().position(is_same) {
        return place + 1;
    }
    let id = items.len() + 1;
    items.push(new(id));
    id
}

#[cfg(test)]
mod tests {
    use m2ib_attribution::{HeatMap, Rect};
    use ndarray::array;

    use super::*;
    use crate::{Segmenter, Threshold};

    #[test]
    fn pictures_and_captions_are_listed_once_and_regions_each() {
        let seen = Rect {
            left: 0,
            top: 0,
            right: 3,
            bottom: 2,
        };
        let values = array![[1.0, 0.0, 0.5], [1.0, 0.0, 0.0]];
        let map = HeatMap { values, seen };
        let segments = Segmenter::new(Threshold::Fixed(0.5)).cut_map(&map);
        let mut coco = Coco::new();
        coco.add("a.png", "a cat", &segments);
        coco.add("a.png", "a dog", &segments);
        coco.add("b.png", "a cat", &segments);
        let json = serde_json::to_value(&coco).unwrap();
        assert_eq!(json["images"].as_array().unwrap().len(), 2);
        assert_eq!(json["categories"].as_array().unwrap().len(), 2);
        let annotations = json["annotations"].as_array().unwrap();
        assert_eq!(annotations.len(), 6);
        let last = &annotations[5];
        assert_eq!((&last["id"], &last["image_id"]), (&6.into(), &2.into()));
        assert_eq!(last["bbox"], serde_json::json!([2, 0, 1, 1]));
        assert_eq!(last["segmentation"]["size"], serde_json::json!([2, 3]));
        assert_eq!(last["area"], 1);
        assert_eq!(last["score"], 0.5);
    }
}

//! Preprocessing as transformers' `CLIPImageProcessor`: RGB → resize → centre crop → rescale →
//! normalise, each step as `preprocessor_config.json` says.

use image::{DynamicImage, GenericImage, RgbImage};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::open_image::MAX_SIDE;
use crate::resize::resize_part;
use crate::{Digest, Error, Filter, PictureFacts, Result, json};

/// Turns images into the image tower's input.
#[derive(Debug, Clone)]
pub struct ImageProcessor {
    /// Where it was read, for messages.
    file: String,
    resize: Option<(Size, Filter)>,
    crop: Option<(u32, u32)>,
    rescale: Option<f64>,
    normalize: Option<([f32; 3], [f32; 3])>,
}

/// How large the image is made before the crop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    ShortestEdge(u32),
    Exact { width: u32, height: u32 },
}

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
    /// What viewers would not expect of what is seen.
    pub facts: PictureFacts,
}

/// Whether the same is done to images, whatever file said so.
impl PartialEq for ImageProcessor {
    fn eq(&self, other: &Self) -> bool {
        self.steps() == other.steps()
    }
}

impl ImageProcessor {
    /// Parses `preprocessor_config.json`, of either generation, or the `processor_config.json` that
    /// transformers 5 writes, which has the same under `image_processor`.
    ///
    /// `file` names the source in errors.
    ///
    /// # Errors
    /// [`Error::Json`], [`Error::Config`].
    pub fn from_json(json: &[u8], file: &str) -> Result<Self> {
        let whole: Whole = json::object(json, file)?;
        let raw: Raw = match whole.image_processor {
            Some(_) => json::object::<Nested>(json, file)?.image_processor,
            None => json::object(json, file)?,
        };
        let invalid = |field, found: String, expected: &str| Error::Config {
            file: file.into(),
            field,
            found,
            expected: expected.into(),
        };
        let filter = Filter::from_pillow(raw.resample).ok_or_else(|| {
            invalid(
                "resample",
                raw.resample.to_string(),
                "1 to 5 (3 is bicubic, CLIP's own)",
            )
        })?;
        let size = match raw.size {
            RawSize::Edge(edge)
            | RawSize::Shortest {
                shortest_edge: edge,
            } => Size::ShortestEdge(edge),
            RawSize::Exact { height, width } => Size::Exact { width, height },
        };
        let crop = match raw.crop_size {
            RawSize::Edge(edge)
            | RawSize::Shortest {
                shortest_edge: edge,
            } => (edge, edge),
            RawSize::Exact { height, width } => (width, height),
        };
        let sides = match size {
            Size::ShortestEdge(edge) => [edge, edge],
            Size::Exact { width, height } => [width, height],
        };
        for (field, sides) in [("size", sides), ("crop_size", [crop.0, crop.1])] {
            if sides.contains(&0) {
                return Err(invalid(field, "0".into(), "positive numbers of pixels"));
            }
        }
        let usable = |value: f32| value.is_finite() && value != 0.0;
        if !raw.image_std.iter().all(|&deviation| usable(deviation)) {
            return Err(invalid(
                "image_std",
                format!("{:?}", raw.image_std),
                "three numbers, none 0",
            ));
        }
        if !raw.image_mean.iter().all(|mean| mean.is_finite()) {
            return Err(invalid(
                "image_mean",
                format!("{:?}", raw.image_mean),
                "finite numbers",
            ));
        }
        if !raw.rescale_factor.is_finite() {
            let found = raw.rescale_factor.to_string();
            return Err(invalid("rescale_factor", found, "a finite number"));
        }
        Ok(Self {
            file: file.into(),
            resize: raw.do_resize.then_some((size, filter)),
            crop: raw.do_center_crop.then_some(crop),
            rescale: raw.do_rescale.then_some(raw.rescale_factor),
            normalize: raw.do_normalize.then_some((raw.image_mean, raw.image_std)),
        })
    }

    /// A digest of everything that is done to images.
    pub fn digest(&self) -> Digest {
        Digest::of([self.steps().as_bytes()])
    }

    /// Everything that is done to images, numbers with all their digits. Calibrations know their
    /// model by it: it does not change.
    fn steps(&self) -> String {
        let Self {
            file: _,
            resize,
            crop,
            rescale,
            normalize,
        } = self;
        format!(
            "ImageProcessor {{ resize: {resize:?}, crop: {crop:?}, rescale: {rescale:?}, normalize: {normalize:?} }}"
        )
    }

    /// What is wrong where a tower takes other sizes than these pixels have: the file's key by
    /// which they came to be, and what it would have to say.
    pub fn misfit(&self, found: [usize; 2], expected: [usize; 2]) -> Error {
        let size = |[height, width]: [usize; 2]| format!("{width}×{height}");
        let steps = match (self.crop, self.resize) {
            (Some(_), _) => ("crop_size", "an image of that size"),
            (None, Some((Size::Exact { .. }, _))) => ("size", "an image of that size"),
            (None, Some((Size::ShortestEdge(_), _))) => (
                "do_center_crop",
                "false, and size only the shortest edge, so that this image",
            ),
            (None, None) => (
                "do_resize",
                "false and do_center_crop too, so that this image",
            ),
        };
        let (field, cause) = steps;
        Error::Config {
            file: self.file.clone(),
            field,
            found: format!("{cause} becomes {} pixels", size(found)),
            expected: format!(
                "{} pixels, which the model takes of every image: set do_center_crop to true and crop_size to {}",
                size(expected),
                expected[0]
            ),
        }
    }

    /// The output's width and height, where they do not depend on the image.
    pub fn output_size(&self) -> Option<(u32, u32)> {
        self.crop.or(match self.resize {
            Some((Size::Exact { width, height }, _)) => Some((width, height)),
            _ => None,
        })
    }

    /// RGB, resized and cropped: everything before the arithmetic on floats.
    ///
    /// Alpha is dropped, as Pillow's `convert("RGB")` does.
    pub fn crop(&self, image: &DynamicImage) -> (RgbImage, View) {
        let rgb = image.to_rgb8();
        let (image_width, image_height) = rgb.dimensions();
        let (resized, filter) = match self.resize {
            Some((size, filter)) => (size.of(image_width, image_height), filter),
            None => (rgb.dimensions(), Filter::Bicubic),
        };
        // What is not cropped must be the tower's input, which no sliver is: it need not be made
        // first to be refused.
        let resized = match self.crop {
            Some(_) => resized,
            None => (resized.0.min(MAX_SIDE), resized.1.min(MAX_SIDE)),
        };
        let (width, height) = self.crop.unwrap_or(resized);
        // Floored also where the image is the smaller one and is padded, as transformers does.
        let offset = |whole: u32, part: u32| (i64::from(whole) - i64::from(part)).div_euclid(2);
        let left = offset(resized.0, width);
        let top = offset(resized.1, height);
        let (scale_x, scale_y) = (
            f64::from(image_width) / f64::from(resized.0),
            f64::from(image_height) / f64::from(resized.1),
        );
        let view = View {
            image_width,
            image_height,
            left: left as f64 * scale_x,
            top: top as f64 * scale_y,
            width: f64::from(width) * scale_x,
            height: f64::from(height) * scale_y,
        };
        let inside = |start: i64, length: u32, whole: u32| {
            let start = start.max(0) as u32;
            start..start + length.min(whole)
        };
        let columns = inside(left, width, resized.0);
        let rows = inside(top, height, resized.1);
        let part = resize_part(&rgb, resized, filter, columns, rows);
        (pad(part, left, top, width, height), view)
    }

    /// Preprocesses an image.
    pub fn process(&self, image: &DynamicImage) -> Pixels {
        let (rgb, view) = self.crop(image);
        let (width, height) = (rgb.width() as usize, rgb.height() as usize);
        let factor = self.rescale.unwrap_or(1.0);
        let (mean, deviation) = self.normalize.unwrap_or(([0.0; 3], [1.0; 3]));
        let values = (0..3)
            .flat_map(|channel| {
                rgb.pixels().map(move |pixel| {
                    let value = (f64::from(pixel[channel]) * factor) as f32;
                    (value - mean[channel]) / deviation[channel]
                })
            })
            .collect();
        Pixels {
            values,
            height,
            width,
            view,
            facts: PictureFacts::of(image),
        }
    }
}

impl Size {
    fn of(self, width: u32, height: u32) -> (u32, u32) {
        match self {
            Self::Exact { width, height } => (width, height),
            Self::ShortestEdge(edge) => {
                // The long side is truncated, as Python's int() does.
                let long = |long: u32, short: u32| {
                    let length = u64::from(edge) * u64::from(long) / u64::from(short);
                    length.min(u64::from(u32::MAX)) as u32
                };
                if width <= height {
                    (edge, long(height, width))
                } else {
                    (long(width, height), edge)
                }
            }
        }
    }
}

/// Puts a part that is smaller than the crop, which starts outside the image, on black.
fn pad(part: RgbImage, left: i64, top: i64, width: u32, height: u32) -> RgbImage {
    if part.dimensions() == (width, height) {
        return part;
    }
    let mut padded = RgbImage::new(width, height);
    padded
        .copy_from(&part, (-left).max(0) as u32, (-top).max(0) as u32)
        .expect("the part is smaller than the crop");
    padded
}

/// Either layout of the file, as far as it takes to tell them apart.
#[derive(Deserialize)]
struct Whole {
    image_processor: Option<serde::de::IgnoredAny>,
}

/// transformers 5's.
#[derive(Deserialize)]
struct Nested {
    image_processor: Raw,
}

#[derive(Deserialize)]
#[serde(default)]
struct Raw {
    do_resize: bool,
    size: RawSize,
    resample: u64,
    do_center_crop: bool,
    crop_size: RawSize,
    do_rescale: bool,
    rescale_factor: f64,
    do_normalize: bool,
    image_mean: [f32; 3],
    image_std: [f32; 3],
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            do_resize: true,
            size: RawSize::Edge(224),
            resample: 3,
            do_center_crop: true,
            crop_size: RawSize::Edge(224),
            do_rescale: true,
            rescale_factor: 1.0 / 255.0,
            do_normalize: true,
            image_mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
            image_std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
        }
    }
}

/// `224`, `{"shortest_edge": 224}` or `{"height": 224, "width": 224}`.
enum RawSize {
    Edge(u32),
    Shortest { shortest_edge: u32 },
    Exact { height: u32, width: u32 },
}

/// By hand: serde's own message for an untagged enum names neither what was found nor what it takes.
impl<'de> Deserialize<'de> for RawSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let pixels = |value: Option<&Value>| u32::try_from(value?.as_u64()?).ok();
        let part = |key: &str| pixels(value.get(key));
        match (pixels(Some(&value)), part("shortest_edge")) {
            (Some(edge), _) => return Ok(Self::Edge(edge)),
            (_, Some(shortest_edge)) => return Ok(Self::Shortest { shortest_edge }),
            _ => {}
        }
        match (part("height"), part("width")) {
            (Some(height), Some(width)) => Ok(Self::Exact { height, width }),
            _ => Err(D::Error::custom(format!(
                "found {}, expected a number of pixels, {{\"shortest_edge\": 224}} or {{\"height\": 224, \"width\": 224}}",
                json::shortened(&value.to_string())
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn processor(json: &str) -> ImageProcessor {
        ImageProcessor::from_json(json.as_bytes(), "preprocessor_config.json").unwrap()
    }

    #[test]
    fn both_generations_of_the_file_mean_the_same() {
        let old = processor(r#"{"size": 32, "crop_size": 32, "resample": 3}"#);
        let new = processor(
            r#"{"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}"#,
        );
        assert_eq!(old, new);
        assert_eq!(processor("{}").output_size(), Some((224, 224)));
    }

    #[test]
    fn transformers_5_nests_it_and_null_is_nothing() {
        let old = r#"{"size": 32, "crop_size": 32, "image_mean": [0.5, 0.5, 0.5]}"#;
        let new = format!(
            r#"{{"image_processor": {}, "processor_class": "CLIPProcessor"}}"#,
            r#"{"size": {"shortest_edge": 32, "height": null, "width": null}, "do_resize": null,
                "crop_size": {"height": 32, "width": 32}, "image_mean": [0.5, 0.5, 0.5],
                "image_std": null, "do_pad": null}"#
        );
        assert_eq!(processor(old), processor(&new));
        let uncropped = processor(
            r#"{"do_center_crop": false, "crop_size": null,
            "size": {"height": 20, "width": 30}}"#,
        );
        assert_eq!(uncropped.output_size(), Some((30, 20)));
    }

    #[test]
    fn the_view_says_what_of_the_original_is_seen() {
        let image = DynamicImage::ImageRgb8(RgbImage::new(300, 100));
        let (crop, view) = processor(r#"{"size": 50, "crop_size": 50}"#).crop(&image);
        assert_eq!(crop.dimensions(), (50, 50));
        assert_eq!(
            (view.left, view.top, view.width, view.height),
            (100.0, 0.0, 100.0, 100.0)
        );
    }

    #[test]
    fn flags_switch_steps_off_and_small_images_are_padded() {
        let image = DynamicImage::ImageRgb8(RgbImage::from_pixel(1, 2, Rgb([255; 3])));
        let off = processor(
            r#"{"do_resize": false, "do_rescale": false, "do_normalize": false, "crop_size": 4}"#,
        );
        let pixels = off.process(&image);
        let white: Vec<usize> = (0..16).filter(|&i| pixels.values[i] == 255.0).collect();
        assert_eq!(white, [6, 10]); // column 2 (three missing columns, the odd one left), rows 1, 2
        assert_eq!(pixels.view.left, -2.0);
    }

    #[test]
    fn values_that_make_no_sense_are_refused_by_name() {
        for (json, needle) in [
            (r#"{"resample": 0}"#, "resample is 0"),
            (r#"{"image_std": [0.2, 0.0, 0.2]}"#, "image_std"),
            (r#"{"size": 0}"#, "p.json: size is 0"),
            (r#"{"crop_size": 0}"#, "p.json: crop_size is 0"),
            (
                r#"{"size": "large"}"#,
                "size: found \"large\", expected a number",
            ),
            (r#"{"size": {"longest_edge": 9}}"#, "longest_edge"),
            (r#"{"size": -1}"#, "size: found -1"),
            (r#"{"image_processor": {"size": 0}}"#, "size is 0"),
            (r#"{"image_processor": 7}"#, "image_processor"),
        ] {
            let error = ImageProcessor::from_json(json.as_bytes(), "p.json").unwrap_err();
            assert!(error.to_string().contains(needle), "{error}");
        }
    }
}

//! Preprocessing as transformers' `CLIPImageProcessor`: RGB → resize → centre crop → rescale →
//! normalise, each step as `preprocessor_config.json` says; and as open_clip's, which it says in its own
//! configuration.

mod colours;
mod open_clip;
mod pixels;
mod recipe;
mod size;
mod told;

pub use pixels::{Pixels, View};
pub use recipe::Recipe;

use image::RgbImage;

use self::colours::{Part, pad};
use self::size::Size;
use crate::detail::detail;
use crate::open_image::MAX_SIDE;
use crate::{Error, Filter, PictureFacts, Pictured, Result};

/// Turns images into the image tower's input.
#[derive(Debug, Clone)]
pub struct ImageProcessor {
    /// Where it was read, for messages.
    file: String,
    resize: Option<(Size, Filter)>,
    crop: Option<(u32, u32)>,
    rescale: Option<f64>,
    normalize: Option<([f32; 3], [f32; 3])>,
    style: Style,
}

/// Whose way of doing the same steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Style {
    /// RGB first; crops begin at the floor of half of what is left over.
    #[default]
    Transformers,
    /// RGB last, so what is transparent counts by as much as it is seen in resizing; crops begin at
    /// half of what is left over, rounded to even.
    Torchvision {
        /// The grey that fills up what an image does not.
        fill: u8,
    },
}

const CLIP_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const CLIP_DEVIATION: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];

impl ImageProcessor {
    /// The same for a square output of `side` pixels, what is seen of images staying as it was; images
    /// of any size are squashed to it.
    ///
    /// # Errors
    /// [`Error::Config`] where the output's size depends on the image.
    pub fn with_output_size(&self, side: u32) -> Result<Self> {
        let invalid = |found: &str| Error::Config {
            file: self.file.clone(),
            field: self.size_key(),
            found: found.into(),
            expected: "the size of a square, which can be made another".into(),
        };
        if let Some((Size::Patches { .. }, filter)) = self.resize {
            let size = Size::Exact {
                width: side,
                height: side,
            };
            return Ok(Self {
                resize: Some((size, filter)),
                ..self.clone()
            });
        }
        let (width, height) = self
            .output_size()
            .ok_or_else(|| invalid("a size that depends on the image"))?;
        if width != height || width == 0 {
            return Err(invalid(&format!("{width}×{height} pixels")));
        }
        let scaled = |edge: u32| {
            let edge = f64::from(edge) * f64::from(side) / f64::from(width);
            (edge.round() as u32).max(1)
        };
        let resize = self.resize.map(|(size, filter)| {
            let size = match size {
                Size::ShortestEdge(edge) => Size::ShortestEdge(scaled(edge)),
                Size::Exact { width, height } => Size::Exact {
                    width: scaled(width),
                    height: scaled(height),
                },
                Size::KeptRatio {
                    width,
                    height,
                    inside,
                } => Size::KeptRatio {
                    width: scaled(width),
                    height: scaled(height),
                    inside,
                },
                // Became another above.
                size @ Size::Patches { .. } => size,
            };
            (size, filter)
        });
        Ok(Self {
            resize,
            crop: self.crop.map(|_| (side, side)),
            ..self.clone()
        })
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
    pub fn crop(&self, picture: &impl Pictured) -> (RgbImage, View) {
        let image = picture.image();
        let (image_width, image_height) = (image.width(), image.height());
        let (resized, filter) = match self.resize {
            Some((size, filter)) => (size.of(image_width, image_height), filter),
            None => ((image_width, image_height), Filter::Bicubic),
        };
        // What is not cropped must be the tower's input, which no sliver is: it need not be made
        // first to be refused.
        let resized = match self.crop {
            Some(_) => resized,
            None => (resized.0.min(MAX_SIDE), resized.1.min(MAX_SIDE)),
        };
        let (width, height) = self.crop.unwrap_or(resized);
        let offset = |whole: u32, part: u32| self.style.offset(whole, part);
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
        let part = Part {
            size: resized,
            filter,
            columns,
            rows,
        };
        let (part, fill) = part.of(picture, self.style);
        (pad(part, [left, top], [width, height], fill), view)
    }

    /// Preprocesses an image.
    pub fn process(&self, picture: &impl Pictured) -> Pixels {
        let (rgb, view) = self.crop(picture);
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
            facts: PictureFacts {
                detail: detail(&rgb),
                ..PictureFacts::of(picture.image())
            },
        }
    }
}

impl Style {
    /// Where a crop begins; below 0 where the image is the smaller one and is padded.
    fn offset(self, whole: u32, part: u32) -> i64 {
        let rest = i64::from(whole) - i64::from(part);
        match self {
            // Floored also where it is padded.
            Self::Transformers => rest.div_euclid(2),
            Self::Torchvision { .. } if rest < 0 => -(-rest / 2),
            Self::Torchvision { .. } => (rest as f64 / 2.0).round_ties_even() as i64,
        }
    }
}

/// Whether a mean and a deviation can be worked with.
fn check_normalization(
    mean: [f32; 3],
    deviation: [f32; 3],
    [mean_key, deviation_key]: [&'static str; 2],
    invalid: impl Fn(&'static str, String, &str) -> Error,
) -> Result<()> {
    let usable = |value: f32| value.is_finite() && value != 0.0;
    if !deviation.iter().all(|&deviation| usable(deviation)) {
        let found = format!("{deviation:?}");
        return Err(invalid(deviation_key, found, "three numbers, none 0"));
    }
    match mean.iter().all(|mean| mean.is_finite()) {
        true => Ok(()),
        false => Err(invalid(mean_key, format!("{mean:?}"), "finite numbers")),
    }
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, Rgb};

    use super::*;

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
    fn a_view_ends_where_the_last_whole_patch_does() {
        let image = DynamicImage::ImageRgb8(RgbImage::new(300, 100));
        let squashed =
            processor(r#"{"size": {"height": 50, "width": 50}, "do_center_crop": false}"#);
        let (_, view) = squashed.crop(&image);
        let seen = view.from_corner([49, 42], [50, 50]);
        assert_eq!((seen.left, seen.top), (0.0, 0.0));
        assert_eq!((seen.width, seen.height), (252.0, 98.0));
        assert_eq!(view.from_corner([50, 50], [50, 50]), view);
    }

    #[test]
    fn by_siglips_recipe_absent_keys_mean_no_crop_and_halves() {
        let json = br#"{"size": {"height": 30, "width": 20}, "resample": 2}"#;
        let found = ImageProcessor::by_recipe(json, "p.json", Recipe::Siglip).unwrap();
        let said = processor(
            r#"{"size": {"height": 30, "width": 20}, "resample": 2, "do_center_crop": false,
                "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}"#,
        );
        assert_eq!(found, said);
        // One number means both sides there, and the shorter one in CLIP's.
        let edge = ImageProcessor::by_recipe(br#"{"size": 24}"#, "p.json", Recipe::Siglip);
        assert_eq!(edge.unwrap().output_size(), Some((24, 24)));
        let usual = ImageProcessor::by_recipe(b"{}", "p.json", Recipe::Siglip);
        assert_eq!(usual.unwrap().output_size(), Some((224, 224)));
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

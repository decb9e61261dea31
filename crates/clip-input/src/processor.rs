//! Preprocessing as transformers' `CLIPImageProcessor`: RGB → resize → centre crop → rescale →
//! normalise, each step as `preprocessor_config.json` says.

use std::ops::Range;

use image::{DynamicImage, GenericImage, Rgb, RgbImage, RgbaImage};
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

/// Whose defaults a file's absent keys take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipe {
    /// CLIP's: a crop out of the middle, CLIP's mean and deviation.
    Clip,
    /// SigLIP's: no crop, mean and deviation ½.
    Siglip,
}

/// How large the image is made before the crop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    ShortestEdge(u32),
    Exact {
        width: u32,
        height: u32,
    },
    /// As large as goes into both sides, or no larger than covers both, rounded to even.
    KeptRatio {
        width: u32,
        height: u32,
        inside: bool,
    },
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
    /// What viewers would not expect of what is seen.
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

/// Whether the same is done to images, whatever file said so.
impl PartialEq for ImageProcessor {
    fn eq(&self, other: &Self) -> bool {
        self.steps() == other.steps()
    }
}

impl ImageProcessor {
    /// [By](Self::by_recipe) CLIP's recipe.
    ///
    /// # Errors
    /// [`Error::Json`], [`Error::Config`].
    pub fn from_json(json: &[u8], file: &str) -> Result<Self> {
        Self::by_recipe(json, file, Recipe::Clip)
    }

    /// Parses `preprocessor_config.json`, of either generation, or the `processor_config.json` that
    /// transformers 5 writes, which has the same under `image_processor`.
    ///
    /// `file` names the source in errors.
    ///
    /// # Errors
    /// [`Error::Json`], [`Error::Config`].
    pub fn by_recipe(json: &[u8], file: &str, recipe: Recipe) -> Result<Self> {
        let whole: Whole = json::object(json, file)?;
        let raw: Raw = match whole.image_processor {
            Some(_) => json::object::<Nested>(json, file)?.image_processor,
            None => json::object(json, file)?,
        };
        let raw = raw.completed(recipe);
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
            RawSize::Edge(edge) if recipe == Recipe::Siglip => Size::Exact {
                width: edge,
                height: edge,
            },
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
            Size::Exact { width, height } | Size::KeptRatio { width, height, .. } => {
                [width, height]
            }
        };
        for (field, sides) in [("size", sides), ("crop_size", [crop.0, crop.1])] {
            if sides.contains(&0) {
                return Err(invalid(field, "0".into(), "positive numbers of pixels"));
            }
        }
        let keys = ["image_mean", "image_std"];
        check_normalization(raw.image_mean, raw.image_std, keys, invalid)?;
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
            style: Style::Transformers,
        })
    }

    /// Parses what open_clip says of images in `preprocess_cfg` of its configuration, for a model that
    /// takes images of this height and width; without that, what OpenAI's models take.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    pub fn open_clip(json: &[u8], file: &str, [height, width]: [u32; 2]) -> Result<Self> {
        let OpenClip {
            preprocess_cfg: raw,
        } = json::object(json, file)?;
        let invalid = |field, found: String, expected: &str| Error::Config {
            file: file.into(),
            field,
            found,
            expected: expected.into(),
        };
        check_normalization(raw.mean, raw.std, ["mean", "std"], invalid)?;
        let filter = match raw.interpolation.as_str() {
            "bilinear" => Filter::Bilinear,
            // Whatever else is said is bicubic there when a model is used.
            "bicubic" | "random" => Filter::Bicubic,
            other => {
                let expected = "\"bicubic\" or \"bilinear\"";
                return Err(invalid("interpolation", format!("\"{other}\""), expected));
            }
        };
        let exact = Size::Exact { width, height };
        let kept = |inside| Size::KeptRatio {
            width,
            height,
            inside,
        };
        let resize = match raw.resize_mode.as_str() {
            "squash" => (exact, filter),
            "longest" => (kept(true), filter),
            "shortest" if width == height => (Size::ShortestEdge(width), filter),
            // Of what is not square, always so.
            "shortest" => (kept(false), Filter::Bicubic),
            other => {
                let expected = "\"shortest\", \"longest\" or \"squash\"";
                return Err(invalid("resize_mode", format!("\"{other}\""), expected));
            }
        };
        Ok(Self {
            file: file.into(),
            resize: Some(resize),
            crop: (raw.resize_mode != "squash").then_some((width, height)),
            rescale: Some(1.0 / 255.0),
            normalize: Some((raw.mean, raw.std)),
            style: Style::Torchvision {
                fill: raw.fill_color,
            },
        })
    }

    /// What is done to images, in words.
    pub fn describe(&self) -> String {
        let mut steps = Vec::new();
        if let Some((size, filter)) = self.resize {
            let filter = format!("{filter:?}").to_lowercase();
            steps.push(match size {
                Size::ShortestEdge(edge) => format!("the shorter side to {edge} ({filter})"),
                Size::Exact { width, height } => {
                    format!("squashed to {width}×{height} ({filter})")
                }
                Size::KeptRatio {
                    width,
                    height,
                    inside: true,
                } => format!("as large as goes into {width}×{height} ({filter})"),
                Size::KeptRatio { width, height, .. } => {
                    format!("as small as covers {width}×{height} ({filter})")
                }
            });
        }
        steps.push(match (self.crop, self.resize) {
            (Some((width, height)), Some((Size::KeptRatio { inside: true, .. }, _))) => {
                format!("filled up to {width}×{height}")
            }
            (Some((width, height)), _) => format!("{width}×{height} out of the middle"),
            (None, _) => "no crop".into(),
        });
        if let Some((mean, deviation)) = self.normalize {
            let numbers = |numbers: [f32; 3]| {
                let [r, g, b] = numbers.map(|number| (number * 1e4).round() / 1e4);
                match r == g && g == b {
                    true => r.to_string(),
                    false => format!("{r} {g} {b}"),
                }
            };
            steps.push(format!(
                "mean {}, deviation {}",
                numbers(mean),
                numbers(deviation)
            ));
        }
        steps.join(", ")
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
            style,
        } = self;
        let style = match style {
            Style::Transformers => String::new(),
            style => format!(", style: {style:?}"),
        };
        format!(
            "ImageProcessor {{ resize: {resize:?}, crop: {crop:?}, rescale: {rescale:?}, normalize: {normalize:?}{style} }}"
        )
    }

    /// What is wrong where a tower takes other sizes than these pixels have: the file's key by
    /// which they came to be, and what it would have to say.
    pub fn misfit(&self, found: [usize; 2], expected: [usize; 2]) -> Error {
        let size = |[height, width]: [usize; 2]| format!("{width}×{height}");
        let steps = match (self.crop, self.resize) {
            (Some(_), _) => ("crop_size", "an image of that size"),
            (None, Some((Size::Exact { .. }, _))) => ("size", "an image of that size"),
            (None, Some((Size::ShortestEdge(_) | Size::KeptRatio { .. }, _))) => (
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

    /// The key by which the output's size is said.
    pub fn size_key(&self) -> &'static str {
        match self.crop {
            Some(_) => "crop_size",
            None => "size",
        }
    }

    /// The same for a square output of `side` pixels, what is seen of images staying as it was.
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
    pub fn crop(&self, image: &DynamicImage) -> (RgbImage, View) {
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
        let resizes = resized != (image_width, image_height);
        let (part, fill) = match self.style {
            Style::Torchvision { fill } if resizes && image.color().has_alpha() => {
                let part = resize_transparent(&image.to_rgba8(), resized, filter, columns, rows);
                (part, fill)
            }
            Style::Torchvision { fill } => {
                let part = resize_part(&image.to_rgb8(), resized, filter, columns, rows);
                (part, fill)
            }
            Style::Transformers => {
                let part = resize_part(&image.to_rgb8(), resized, filter, columns, rows);
                (part, 0)
            }
        };
        (pad(part, [left, top], [width, height], fill), view)
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

impl Size {
    fn of(self, width: u32, height: u32) -> (u32, u32) {
        match self {
            Self::Exact { width, height } => (width, height),
            Self::KeptRatio {
                width: across,
                height: down,
                inside,
            } => {
                let ratios = [
                    f64::from(height) / f64::from(down),
                    f64::from(width) / f64::from(across),
                ];
                let ratio = match inside {
                    true => ratios[0].max(ratios[1]),
                    false => ratios[0].min(ratios[1]),
                };
                let side = |side: u32| (f64::from(side) / ratio).round_ties_even().max(1.0) as u32;
                (side(width), side(height))
            }
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

/// Resizes with every pixel weighed by its opacity, and drops that then: Pillow's way with RGBA.
fn resize_transparent(
    image: &RgbaImage,
    size: (u32, u32),
    filter: Filter,
    columns: Range<u32>,
    rows: Range<u32>,
) -> RgbImage {
    let (width, height) = image.dimensions();
    // x · a / 255, rounded, as Pillow's MULDIV255.
    let times = |x: u8, a: u8| {
        let product = u32::from(x) * u32::from(a) + 128;
        (((product >> 8) + product) >> 8) as u8
    };
    let colours = RgbImage::from_fn(width, height, |x, y| {
        let [r, g, b, a] = image.get_pixel(x, y).0;
        Rgb([times(r, a), times(g, a), times(b, a)])
    });
    let opacity = RgbImage::from_fn(width, height, |x, y| Rgb([image.get_pixel(x, y)[3]; 3]));
    let colours = resize_part(&colours, size, filter, columns.clone(), rows.clone());
    let opacity = resize_part(&opacity, size, filter, columns, rows);
    let (width, height) = colours.dimensions();
    RgbImage::from_fn(width, height, |x, y| {
        let a = u32::from(opacity.get_pixel(x, y)[0]);
        let colour = colours.get_pixel(x, y).0;
        Rgb(match a {
            0 | 255 => colour,
            a => colour.map(|x| (255 * u32::from(x) / a).min(255) as u8),
        })
    })
}

/// Puts a part that is smaller than the crop, which starts outside the image, on a grey.
fn pad(part: RgbImage, [left, top]: [i64; 2], [width, height]: [u32; 2], fill: u8) -> RgbImage {
    if part.dimensions() == (width, height) {
        return part;
    }
    let mut padded = RgbImage::from_pixel(width, height, Rgb([fill; 3]));
    padded
        .copy_from(&part, (-left).max(0) as u32, (-top).max(0) as u32)
        .expect("the part is smaller than the crop");
    padded
}

/// open_clip's configuration, as far as it says something of images.
#[derive(Deserialize)]
struct OpenClip {
    #[serde(default)]
    preprocess_cfg: RawOpenClip,
}

#[derive(Deserialize)]
#[serde(default)]
struct RawOpenClip {
    mean: [f32; 3],
    std: [f32; 3],
    interpolation: String,
    resize_mode: String,
    fill_color: u8,
}

impl Default for RawOpenClip {
    fn default() -> Self {
        Self {
            mean: CLIP_MEAN,
            std: CLIP_DEVIATION,
            interpolation: "bicubic".into(),
            resize_mode: "shortest".into(),
            fill_color: 0,
        }
    }
}

const CLIP_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const CLIP_DEVIATION: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];

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
    size: Option<RawSize>,
    resample: u64,
    do_center_crop: Option<bool>,
    crop_size: RawSize,
    do_rescale: bool,
    rescale_factor: f64,
    do_normalize: bool,
    image_mean: Option<[f32; 3]>,
    image_std: Option<[f32; 3]>,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            do_resize: true,
            size: None,
            resample: 3,
            do_center_crop: None,
            crop_size: RawSize::Edge(224),
            do_rescale: true,
            rescale_factor: 1.0 / 255.0,
            do_normalize: true,
            image_mean: None,
            image_std: None,
        }
    }
}

impl Raw {
    fn completed(self, recipe: Recipe) -> Completed {
        let (size, crop, mean, deviation) = match recipe {
            Recipe::Clip => (RawSize::Edge(224), true, CLIP_MEAN, CLIP_DEVIATION),
            Recipe::Siglip => {
                let size = RawSize::Exact {
                    height: 224,
                    width: 224,
                };
                (size, false, [0.5; 3], [0.5; 3])
            }
        };
        Completed {
            size: self.size.unwrap_or(size),
            do_center_crop: self.do_center_crop.unwrap_or(crop),
            image_mean: self.image_mean.unwrap_or(mean),
            image_std: self.image_std.unwrap_or(deviation),
            do_resize: self.do_resize,
            resample: self.resample,
            crop_size: self.crop_size,
            do_rescale: self.do_rescale,
            rescale_factor: self.rescale_factor,
            do_normalize: self.do_normalize,
        }
    }
}

/// The same with nothing left open.
struct Completed {
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

//! `preprocessor_config.json`, of either generation, by the recipe of each family.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::size::Size;
use super::{CLIP_DEVIATION, CLIP_MEAN, ImageProcessor, Style, check_normalization};
use crate::{Error, Filter, Result, json};

/// Whose defaults a file's absent keys take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipe {
    /// CLIP's: a crop out of the middle, CLIP's mean and deviation.
    Clip,
    /// SigLIP's: no crop, mean and deviation ½.
    Siglip,
    /// SigLIP 2 NaFlex's: as many whole patches of so many pixels as an image makes the best use of; the
    /// rest as SigLIP.
    NaFlex {
        /// Side of a patch of the image tower, in pixels.
        patch: u32,
    },
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
            _ if matches!(recipe, Recipe::NaFlex { .. }) => raw.patches(recipe, &invalid)?,
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
            Size::Patches { patch, most } => [patch, most],
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
            crop: (raw.do_center_crop && !matches!(recipe, Recipe::NaFlex { .. })).then_some(crop),
            rescale: raw.do_rescale.then_some(raw.rescale_factor),
            normalize: raw.do_normalize.then_some((raw.image_mean, raw.image_std)),
            style: Style::Transformers,
        })
    }
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
    size: Option<RawSize>,
    resample: Option<u64>,
    do_center_crop: Option<bool>,
    crop_size: RawSize,
    do_rescale: bool,
    rescale_factor: f64,
    do_normalize: bool,
    image_mean: Option<[f32; 3]>,
    image_std: Option<[f32; 3]>,
    /// Of NaFlex alone.
    patch_size: u32,
    max_num_patches: u32,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            do_resize: true,
            size: None,
            resample: None,
            do_center_crop: None,
            crop_size: RawSize::Edge(224),
            do_rescale: true,
            rescale_factor: 1.0 / 255.0,
            do_normalize: true,
            image_mean: None,
            image_std: None,
            patch_size: 16,
            max_num_patches: 256,
        }
    }
}

impl Raw {
    fn completed(self, recipe: Recipe) -> Completed {
        let (size, crop, mean, deviation) = match recipe {
            Recipe::Clip => (RawSize::Edge(224), true, CLIP_MEAN, CLIP_DEVIATION),
            Recipe::Siglip | Recipe::NaFlex { .. } => {
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
            resample: self.resample.unwrap_or(match recipe {
                Recipe::Clip | Recipe::Siglip => 3,
                Recipe::NaFlex { .. } => 2,
            }),
            crop_size: self.crop_size,
            do_rescale: self.do_rescale,
            rescale_factor: self.rescale_factor,
            do_normalize: self.do_normalize,
            patch_size: self.patch_size,
            max_num_patches: self.max_num_patches,
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
    patch_size: u32,
    max_num_patches: u32,
}

impl Completed {
    /// NaFlex's size, held against the image tower's patches.
    fn patches(
        &self,
        recipe: Recipe,
        invalid: &impl Fn(&'static str, String, &str) -> Error,
    ) -> Result<Size> {
        /// Pixels of an image; a published model has 256 patches of 16 × 16, a thousandth.
        const MOST_PIXELS: u64 = 1 << 26;
        let (patch, most) = (self.patch_size, self.max_num_patches);
        if let Recipe::NaFlex { patch: tower } = recipe
            && tower != patch
        {
            let expected = format!("{tower}, the patch_size of the image tower");
            return Err(invalid("patch_size", patch.to_string(), &expected));
        }
        let pixels = u64::from(patch).saturating_mul(u64::from(patch));
        if most == 0 || pixels.saturating_mul(u64::from(most)) > MOST_PIXELS {
            let expected = format!(
                "1 to {}, with patches of {patch} pixels",
                MOST_PIXELS / pixels.max(1)
            );
            return Err(invalid("max_num_patches", most.to_string(), &expected));
        }
        Ok(Size::Patches { patch, most })
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

//! What open_clip's configuration says of images.

use serde::Deserialize;

use super::size::Size;
use super::{CLIP_DEVIATION, CLIP_MEAN, ImageProcessor, Style, check_normalization};
use crate::{Error, Filter, Result, json};

impl ImageProcessor {
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

//! `config.json` as Hugging Face writes it: every absent key takes the default of transformers'
//! `CLIPTextConfig` or `CLIPVisionConfig`.

use clip_input::json_object;
use serde::{Deserialize, Serialize};

use crate::checked::positive;
use crate::clip::Pooling;
use crate::output::ProjectionShape;
use crate::patch_tower::PatchShape;
use crate::sections::{CLIP, TextSection, VisionSection};
use crate::token_tower::{TextPool, TokenShape};
use crate::{Activation, Error, Result};

/// What `model_type` says of models of this family.
pub(crate) const MODEL_TYPES: [&str; 2] = ["clip", "metaclip_2"];

/// The text tower's dimensions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TextConfig {
    /// Entries of the token embedding.
    pub vocab_size: usize,
    /// Width D of the residual stream.
    pub hidden_size: usize,
    /// Width of the MLP's inner layer.
    pub intermediate_size: usize,
    /// Number of blocks.
    pub num_hidden_layers: usize,
    /// Attention heads of a block.
    pub num_attention_heads: usize,
    /// Longest sequence, start and end tokens included.
    pub max_position_embeddings: usize,
    /// The MLP's nonlinearity.
    pub hidden_act: Activation,
    /// ε of the layer norms.
    pub layer_norm_eps: f64,
    /// End-of-text id; 2 in OpenAI conversions, where it does not mean token 2
    /// (see [`Pooling`](crate::clip::Pooling)).
    pub eos_token_id: i64,
}

/// The image tower's dimensions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VisionConfig {
    /// Width D of the residual stream.
    pub hidden_size: usize,
    /// Width of the MLP's inner layer.
    pub intermediate_size: usize,
    /// Number of blocks.
    pub num_hidden_layers: usize,
    /// Attention heads of a block.
    pub num_attention_heads: usize,
    /// Colour channels, 3.
    pub num_channels: usize,
    /// Side of the square input, in pixels.
    pub image_size: usize,
    /// Side of a patch, in pixels.
    pub patch_size: usize,
    /// The MLP's nonlinearity.
    pub hidden_act: Activation,
    /// ε of the layer norms.
    pub layer_norm_eps: f64,
}

#[derive(Deserialize)]
struct Vision {
    #[serde(default)]
    vision_config: VisionSection,
}

/// What half a model says beside its tower's dimensions.
#[derive(Deserialize)]
struct Projected {
    #[serde(default = "default_projection")]
    projection_dim: usize,
}

impl Projected {
    fn of(json: &[u8], file: &str) -> Result<usize> {
        let Self { projection_dim } = json_object(json, file)?;
        positive(file, "projection_dim", projection_dim)
    }
}

impl TextConfig {
    /// Parses the `config.json` of a text tower alone, with the width of what it projects into.
    pub(crate) fn alone(json: &[u8], file: &str) -> Result<(Self, usize)> {
        let raw: TextSection = json_object(json, file)?;
        Ok((raw.check(file, &CLIP)?, Projected::of(json, file)?))
    }
}

impl VisionConfig {
    /// Parses the `config.json` of an image tower alone, with the width of what it projects into.
    pub(crate) fn alone(json: &[u8], file: &str) -> Result<(Self, usize)> {
        let raw: VisionSection = json_object(json, file)?;
        Ok((raw.check(file, &CLIP)?, Projected::of(json, file)?))
    }

    /// Parses the section `vision_config` alone.
    pub(crate) fn section_of(json: &[u8], file: &str) -> Result<Self> {
        let Vision { vision_config } = json_object(json, file)?;
        vision_config.check(file, &CLIP)
    }

    /// Patches along one side of the image.
    pub fn patches_per_side(&self) -> usize {
        self.image_size / self.patch_size
    }

    /// Tokens of the image tower: the patches and the class token.
    pub fn tokens(&self) -> usize {
        self.patches_per_side().pow(2) + 1
    }
}

/// A CLIP model's dimensions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClipConfig {
    /// The text tower.
    pub text: TextConfig,
    /// The image tower.
    pub vision: VisionConfig,
    /// Width K of the space both towers project into.
    pub projection_dim: usize,
}

impl ClipConfig {
    /// Parses `config.json`.
    ///
    /// `file` names the source in errors.
    ///
    /// # Errors
    /// [`Error::Input`] for a malformed file or values that make no model,
    /// [`Error::UnsupportedModel`] for another family.
    pub fn from_json(json: &[u8], file: &str) -> Result<Self> {
        let raw: RawClip = json_object(json, file)?;
        let model_type = raw.model_type.as_deref().unwrap_or("clip");
        if !MODEL_TYPES.contains(&model_type) {
            return Err(Error::UnsupportedModel {
                file: file.into(),
                found: model_type.into(),
            });
        }
        // As in transformers: a `*_config_dict` replaces its section, its own defaults included.
        let text = raw.text_config_dict.or(raw.text_config).unwrap_or_default();
        let vision = raw
            .vision_config_dict
            .or(raw.vision_config)
            .unwrap_or_default();
        let config = Self {
            text: text.check(file, &CLIP)?,
            vision: vision.check(file, &CLIP)?,
            projection_dim: positive(file, "projection_dim", raw.projection_dim)?,
        };
        Ok(config)
    }

    /// The dimensions of towers, where both are what CLIP's are.
    pub(crate) fn of_shapes(image: &PatchShape, text: &TokenShape) -> Option<Self> {
        let [height, width] = image.image_size;
        let ProjectionShape::Linear { output, .. } = image.output.projection else {
            return None;
        };
        let TextPool::End(pooling) = text.pool else {
            return None;
        };
        let (block, patch) = (image.block, image.patch_size);
        let vision = VisionConfig {
            hidden_size: block.width,
            intermediate_size: block.inner,
            num_hidden_layers: image.depth,
            num_attention_heads: block.heads,
            num_channels: 3,
            image_size: height,
            patch_size: patch,
            hidden_act: block.activation,
            layer_norm_eps: block.epsilon,
        };
        let block = text.block;
        let caption = TextConfig {
            vocab_size: text.vocabulary,
            hidden_size: block.width,
            intermediate_size: block.inner,
            num_hidden_layers: text.depth,
            num_attention_heads: block.heads,
            max_position_embeddings: text.positions,
            hidden_act: block.activation,
            layer_norm_eps: block.epsilon,
            eos_token_id: match pooling {
                Pooling::FirstEos(id) => id,
                // As OpenAI's conversions have it.
                Pooling::LargestId => 2,
            },
        };
        let is_clips = height == width
            && *image == PatchShape::of_clip(&vision, output)
            && *text == TokenShape::of_clip(&caption, pooling, output);
        is_clips.then_some(Self {
            text: caption,
            vision,
            projection_dim: output,
        })
    }
}

#[derive(Deserialize)]
struct RawClip {
    model_type: Option<String>,
    text_config: Option<TextSection>,
    vision_config: Option<VisionSection>,
    text_config_dict: Option<TextSection>,
    vision_config_dict: Option<VisionSection>,
    #[serde(default = "default_projection")]
    projection_dim: usize,
}

fn default_projection() -> usize {
    512
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_config_is_vit_b_32() {
        let config = ClipConfig::from_json(b"{}", "config.json").unwrap();
        assert_eq!(config.vision.tokens(), 50);
        assert_eq!(config.text.hidden_size, 512);
        assert_eq!(config.text.max_position_embeddings, 77);
        assert_eq!(config.projection_dim, 512);
    }

    #[test]
    fn a_config_dict_replaces_its_section_with_its_own_defaults() {
        let json = br#"{"text_config": {"hidden_size": 64, "num_hidden_layers": 3},
                        "text_config_dict": {"num_attention_heads": 16},
                        "vision_config_dict": null, "vision_config": {"patch_size": 16}}"#;
        let config = ClipConfig::from_json(json, "config.json").unwrap();
        assert_eq!(config.text.hidden_size, 512);
        assert_eq!(config.text.num_hidden_layers, 12);
        assert_eq!(config.text.num_attention_heads, 16);
        assert_eq!(config.vision.patch_size, 16);
    }

    #[test]
    fn what_cannot_be_a_clip_is_refused_by_name() {
        for (json, needle) in [
            (&br#"{"model_type": "siglip"}"#[..], "siglip"),
            (
                br#"{"text_config": {"hidden_act": "relu"}}"#,
                "text_config.hidden_act",
            ),
            (
                br#"{"vision_config": {"num_attention_heads": 7}}"#,
                "divisor of hidden_size 768",
            ),
            (br#"{"vision_config": {"patch_size": 0}}"#, "patch_size"),
            (
                br#"{"vision_config": {"image_size": 8}}"#,
                "at least the patch size",
            ),
            (
                br#"{"text_config": {"layer_norm_eps": -1}}"#,
                "layer_norm_eps",
            ),
            (
                br#"{"vision_config": {"image_size": 9223372036854775807, "patch_size": 1}}"#,
                "vision_config.image_size",
            ),
            (
                br#"{"text_config": {"vocab_size": 4294967296}}"#,
                "at most 16777216",
            ),
            (
                br#"{"text_config": {"hidden_size": 9223372036854775800}}"#,
                "text_config.hidden_size",
            ),
            (
                br#"{"text_config": {"max_position_embeddings": 18446744073709551615}}"#,
                "at most 16777216",
            ),
            (br#"{"projection_dim": 4294967296}"#, "projection_dim"),
            (br#"{"text_config": 3}"#, "text_config: invalid type"),
            (br#"{"text_config""#, "EOF"),
        ] {
            let error = ClipConfig::from_json(json, "x/config.json")
                .unwrap_err()
                .to_string();
            assert!(
                error.contains(needle) && error.contains("x/config.json"),
                "{error}"
            );
        }
    }
}

//! `config.json` as Hugging Face writes it: every absent key takes the default of transformers'
//! `CLIPTextConfig` or `CLIPVisionConfig`.

use std::fmt;

use clip_input::json_object;
use serde::{Deserialize, Serialize};

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

impl VisionConfig {
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
            text: text.check(file)?,
            vision: vision.check(file)?,
            projection_dim: positive(file, "projection_dim", raw.projection_dim)?,
        };
        Ok(config)
    }
}

#[derive(Deserialize)]
struct RawClip {
    model_type: Option<String>,
    text_config: Option<RawText>,
    vision_config: Option<RawVision>,
    text_config_dict: Option<RawText>,
    vision_config_dict: Option<RawVision>,
    #[serde(default = "default_projection")]
    projection_dim: usize,
}

fn default_projection() -> usize {
    512
}

#[derive(Deserialize)]
#[serde(default)]
struct RawText {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    max_position_embeddings: usize,
    hidden_act: String,
    layer_norm_eps: f64,
    eos_token_id: i64,
}

impl Default for RawText {
    fn default() -> Self {
        Self {
            vocab_size: 49408,
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            max_position_embeddings: 77,
            hidden_act: "quick_gelu".into(),
            layer_norm_eps: 1e-5,
            eos_token_id: 49407,
        }
    }
}

impl RawText {
    fn check(self, file: &str) -> Result<TextConfig> {
        let width = positive(file, "text_config.hidden_size", self.hidden_size)?;
        check_heads(file, width, self.num_attention_heads)?;
        if !(3..=MAX_SIZE).contains(&self.max_position_embeddings) {
            return Err(invalid(
                file,
                "text_config.max_position_embeddings",
                self.max_position_embeddings,
                format!("at least 3 (start, one token, end), at most {MAX_SIZE}"),
            ));
        }
        Ok(TextConfig {
            vocab_size: positive(file, "text_config.vocab_size", self.vocab_size)?,
            hidden_size: self.hidden_size,
            intermediate_size: positive(
                file,
                "text_config.intermediate_size",
                self.intermediate_size,
            )?,
            num_hidden_layers: depth(
                file,
                "text_config.num_hidden_layers",
                self.num_hidden_layers,
            )?,
            num_attention_heads: self.num_attention_heads,
            max_position_embeddings: self.max_position_embeddings,
            hidden_act: activation(file, "text_config.hidden_act", &self.hidden_act)?,
            layer_norm_eps: epsilon(file, "text_config.layer_norm_eps", self.layer_norm_eps)?,
            eos_token_id: self.eos_token_id,
        })
    }
}

#[derive(Deserialize)]
#[serde(default)]
struct RawVision {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_channels: usize,
    image_size: usize,
    patch_size: usize,
    hidden_act: String,
    layer_norm_eps: f64,
}

impl Default for RawVision {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            num_channels: 3,
            image_size: 224,
            patch_size: 32,
            hidden_act: "quick_gelu".into(),
            layer_norm_eps: 1e-5,
        }
    }
}

impl RawVision {
    fn check(self, file: &str) -> Result<VisionConfig> {
        let width = positive(file, "vision_config.hidden_size", self.hidden_size)?;
        check_heads(file, width, self.num_attention_heads)?;
        if self.num_channels != 3 {
            return Err(invalid(
                file,
                "vision_config.num_channels",
                self.num_channels,
                "3",
            ));
        }
        let patch = positive(file, "vision_config.patch_size", self.patch_size)?;
        positive(file, "vision_config.image_size", self.image_size)?;
        if self.image_size < patch {
            return Err(invalid(
                file,
                "vision_config.image_size",
                self.image_size,
                format!("at least the patch size, {patch}"),
            ));
        }
        Ok(VisionConfig {
            hidden_size: self.hidden_size,
            intermediate_size: positive(
                file,
                "vision_config.intermediate_size",
                self.intermediate_size,
            )?,
            num_hidden_layers: depth(
                file,
                "vision_config.num_hidden_layers",
                self.num_hidden_layers,
            )?,
            num_attention_heads: self.num_attention_heads,
            num_channels: self.num_channels,
            image_size: self.image_size,
            patch_size: patch,
            hidden_act: activation(file, "vision_config.hidden_act", &self.hidden_act)?,
            layer_norm_eps: epsilon(file, "vision_config.layer_norm_eps", self.layer_norm_eps)?,
        })
    }
}

fn invalid(
    file: &str,
    field: &'static str,
    found: impl fmt::Display,
    expected: impl Into<String>,
) -> Error {
    clip_input::Error::Config {
        file: file.into(),
        field,
        found: found.to_string(),
        expected: expected.into(),
    }
    .into()
}

/// Far beyond any published model, and small enough that no product of two sizes overflows.
const MAX_SIZE: usize = 1 << 24;

fn positive(file: &str, field: &'static str, value: usize) -> Result<usize> {
    if (1..=MAX_SIZE).contains(&value) {
        Ok(value)
    } else {
        let expected = format!("a positive number, at most {MAX_SIZE}");
        Err(invalid(file, field, value, expected))
    }
}

/// Far beyond any published tower; a billion blocks would be a billion missing tensors to list.
const MAX_DEPTH: usize = 1000;

fn depth(file: &str, field: &'static str, value: usize) -> Result<usize> {
    if (1..=MAX_DEPTH).contains(&value) {
        Ok(value)
    } else {
        Err(invalid(file, field, value, format!("1 to {MAX_DEPTH}")))
    }
}

fn epsilon(file: &str, field: &'static str, value: f64) -> Result<f64> {
    if value.is_finite() && value > 0.0 {
        Ok(value)
    } else {
        Err(invalid(file, field, value, "a small positive number"))
    }
}

fn check_heads(file: &str, width: usize, heads: usize) -> Result<()> {
    if width == 0 || heads == 0 || !width.is_multiple_of(heads) {
        return Err(invalid(
            file,
            "num_attention_heads",
            heads,
            format!("a divisor of hidden_size {width}"),
        ));
    }
    Ok(())
}

fn activation(file: &str, field: &'static str, name: &str) -> Result<Activation> {
    match name {
        "quick_gelu" => Ok(Activation::QuickGelu),
        "gelu" => Ok(Activation::Gelu),
        other => Err(invalid(
            file,
            field,
            format!("\"{other}\""),
            "\"quick_gelu\" or \"gelu\" (exact)",
        )),
    }
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

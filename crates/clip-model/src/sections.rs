//! The sections `text_config` and `vision_config` of `config.json`, as Hugging Face writes them for CLIP
//! and for SigLIP: an absent key takes the default of the family's own class in transformers.

use serde::Deserialize;

use crate::Result;
use crate::checked::{MAX_SIZE, activation, check_heads, depth, epsilon, invalid, positive};
use crate::clip::{TextConfig, VisionConfig};

/// What a family's keys are where a file leaves them out, as far as families differ.
pub(crate) struct Defaults {
    pub(crate) vocabulary: usize,
    pub(crate) text_width: usize,
    pub(crate) text_inner: usize,
    pub(crate) text_heads: usize,
    pub(crate) positions: usize,
    /// Tokens that a caption has at least, with those that stand around it.
    pub(crate) least_positions: (usize, &'static str),
    pub(crate) end: i64,
    pub(crate) patch: usize,
    pub(crate) activation: &'static str,
    pub(crate) epsilon: f64,
}

/// `CLIPTextConfig`'s and `CLIPVisionConfig`'s: ViT-B/32.
pub(crate) const CLIP: Defaults = Defaults {
    vocabulary: 49408,
    text_width: 512,
    text_inner: 2048,
    text_heads: 8,
    positions: 77,
    least_positions: (3, "at least 3 (start, one token, end)"),
    end: 49407,
    patch: 32,
    activation: "quick_gelu",
    epsilon: 1e-5,
};

/// `SiglipTextConfig`'s and `SiglipVisionConfig`'s, and those of their second edition: base, 16-pixel patches.
pub(crate) const SIGLIP: Defaults = Defaults {
    vocabulary: 32000,
    text_width: 768,
    text_inner: 3072,
    text_heads: 12,
    positions: 64,
    least_positions: (1, "a positive number"),
    // No published file means it.
    end: 49407,
    patch: 16,
    activation: "gelu_pytorch_tanh",
    epsilon: 1e-6,
};

/// `text_config`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct TextSection {
    vocab_size: Option<usize>,
    hidden_size: Option<usize>,
    intermediate_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    num_attention_heads: Option<usize>,
    max_position_embeddings: Option<usize>,
    hidden_act: Option<String>,
    layer_norm_eps: Option<f64>,
    eos_token_id: Option<i64>,
}

impl TextSection {
    pub(crate) fn check(self, file: &str, defaults: &Defaults) -> Result<TextConfig> {
        let width = self.hidden_size.unwrap_or(defaults.text_width);
        let width = positive(file, "text_config.hidden_size", width)?;
        let heads = self.num_attention_heads.unwrap_or(defaults.text_heads);
        check_heads(file, "hidden_size", width, heads)?;
        let positions = self.max_position_embeddings.unwrap_or(defaults.positions);
        let (least, expected) = defaults.least_positions;
        if !(least..=MAX_SIZE).contains(&positions) {
            let expected = format!("{expected}, at most {MAX_SIZE}");
            let field = "text_config.max_position_embeddings";
            return Err(invalid(file, field, positions, expected));
        }
        let vocabulary = self.vocab_size.unwrap_or(defaults.vocabulary);
        let inner = self.intermediate_size.unwrap_or(defaults.text_inner);
        let blocks = self.num_hidden_layers.unwrap_or(DEPTH);
        let named = self.hidden_act.as_deref().unwrap_or(defaults.activation);
        let small = self.layer_norm_eps.unwrap_or(defaults.epsilon);
        Ok(TextConfig {
            vocab_size: positive(file, "text_config.vocab_size", vocabulary)?,
            hidden_size: width,
            intermediate_size: positive(file, "text_config.intermediate_size", inner)?,
            num_hidden_layers: depth(file, "text_config.num_hidden_layers", blocks)?,
            num_attention_heads: heads,
            max_position_embeddings: positions,
            hidden_act: activation(file, "text_config.hidden_act", named)?,
            layer_norm_eps: epsilon(file, "text_config.layer_norm_eps", small)?,
            eos_token_id: self.eos_token_id.unwrap_or(defaults.end),
        })
    }
}

/// `vision_config`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct VisionSection {
    hidden_size: Option<usize>,
    intermediate_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    num_attention_heads: Option<usize>,
    num_channels: Option<usize>,
    image_size: Option<usize>,
    patch_size: Option<usize>,
    hidden_act: Option<String>,
    layer_norm_eps: Option<f64>,
}

impl VisionSection {
    pub(crate) fn check(self, file: &str, defaults: &Defaults) -> Result<VisionConfig> {
        let width = self.hidden_size.unwrap_or(768);
        let width = positive(file, "vision_config.hidden_size", width)?;
        let heads = self.num_attention_heads.unwrap_or(12);
        check_heads(file, "hidden_size", width, heads)?;
        let channels = self.num_channels.unwrap_or(3);
        if channels != 3 {
            return Err(invalid(file, "vision_config.num_channels", channels, "3"));
        }
        let patch = self.patch_size.unwrap_or(defaults.patch);
        let patch = positive(file, "vision_config.patch_size", patch)?;
        let side = self.image_size.unwrap_or(224);
        let side = positive(file, "vision_config.image_size", side)?;
        if side < patch {
            let expected = format!("at least the patch size, {patch}");
            return Err(invalid(file, "vision_config.image_size", side, expected));
        }
        let inner = self.intermediate_size.unwrap_or(3072);
        let blocks = self.num_hidden_layers.unwrap_or(DEPTH);
        let named = self.hidden_act.as_deref().unwrap_or(defaults.activation);
        let small = self.layer_norm_eps.unwrap_or(defaults.epsilon);
        Ok(VisionConfig {
            hidden_size: width,
            intermediate_size: positive(file, "vision_config.intermediate_size", inner)?,
            num_hidden_layers: depth(file, "vision_config.num_hidden_layers", blocks)?,
            num_attention_heads: heads,
            num_channels: channels,
            image_size: side,
            patch_size: patch,
            hidden_act: activation(file, "vision_config.hidden_act", named)?,
            layer_norm_eps: epsilon(file, "vision_config.layer_norm_eps", small)?,
        })
    }

    /// The same with images of another side.
    pub(crate) fn with_image_size(self, side: usize) -> Self {
        Self {
            image_size: Some(side),
            ..self
        }
    }

    /// The side of a patch where it is said, or the family's.
    pub(crate) fn patch(&self, defaults: &Defaults) -> usize {
        self.patch_size.unwrap_or(defaults.patch)
    }
}

/// Blocks of every tower whose file says no number.
const DEPTH: usize = 12;

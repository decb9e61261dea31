//! `open_clip_config.json`: absent keys take open_clip's defaults.

use clip_input::json_object;
use serde::Deserialize;
use serde_json::Value;

use crate::checked::{check_heads, depth, epsilon, invalid, positive};
use crate::{Activation, BlockShape, Error, Result};

/// The file.
#[derive(Deserialize)]
struct File {
    model_cfg: ModelConfig,
}

/// What the model is.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ModelConfig {
    pub(crate) embed_dim: usize,
    #[serde(default)]
    pub(crate) quick_gelu: bool,
    init_logit_bias: Option<f64>,
    multimodal_cfg: Option<Value>,
    #[serde(default)]
    pub(crate) vision_cfg: VisionConfig,
    #[serde(default)]
    pub(crate) text_cfg: TextConfig,
}

/// The image tower, open_clip's own or timm's.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct VisionConfig {
    layers: Value,
    width: usize,
    head_width: usize,
    mlp_ratio: f64,
    pub(crate) patch_size: usize,
    image_size: Sides,
    pub(crate) ls_init_value: Option<f64>,
    pub(crate) no_ln_pre: bool,
    pub(crate) pool_type: String,
    pub(crate) final_ln_after_pool: bool,
    attentional_pool: Value,
    pub(crate) timm_model_name: Option<String>,
    pub(crate) timm_pool: String,
    #[serde(flatten)]
    block: Block,
}

impl Default for VisionConfig {
    fn default() -> Self {
        Self {
            layers: 12.into(),
            width: 768,
            head_width: 64,
            mlp_ratio: 4.0,
            patch_size: 16,
            image_size: Sides::Square(224),
            ls_init_value: None,
            no_ln_pre: false,
            pool_type: "tok".into(),
            final_ln_after_pool: false,
            attentional_pool: Value::Bool(false),
            timm_model_name: None,
            timm_pool: "avg".into(),
            block: Block::default(),
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Sides {
    Square(usize),
    /// Height and width.
    Both([usize; 2]),
}

/// The text tower, open_clip's own or one of Hugging Face's.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct TextConfig {
    pub(crate) context_length: usize,
    pub(crate) vocab_size: usize,
    width: usize,
    heads: usize,
    layers: usize,
    mlp_ratio: f64,
    pub(crate) ls_init_value: Option<f64>,
    pub(crate) no_causal_mask: bool,
    pub(crate) pool_type: String,
    pub(crate) eos_id: i64,
    pub(crate) proj_type: String,
    pub(crate) proj_bias: bool,
    embed_cls: bool,
    pub(crate) hf_model_name: Option<String>,
    pub(crate) hf_tokenizer_name: Option<String>,
    #[serde(alias = "pooler_type")]
    pub(crate) hf_pooler_type: String,
    pub(crate) tokenizer_kwargs: TokenizerOptions,
    #[serde(flatten)]
    block: Block,
}

impl Default for TextConfig {
    fn default() -> Self {
        Self {
            context_length: 77,
            vocab_size: 49408,
            width: 512,
            heads: 8,
            layers: 12,
            mlp_ratio: 4.0,
            ls_init_value: None,
            no_causal_mask: false,
            pool_type: "argmax".into(),
            eos_id: 2,
            proj_type: "linear".into(),
            proj_bias: false,
            embed_cls: false,
            hf_model_name: None,
            hf_tokenizer_name: None,
            hf_pooler_type: "mean_pooler".into(),
            tokenizer_kwargs: TokenizerOptions::default(),
            block: Block::default(),
        }
    }
}

/// What is done to captions beside the tokenizer's own.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TokenizerOptions {
    /// "canonicalize" for SigLIP's.
    pub(crate) clean: Option<String>,
    /// Whether the token behind a caption becomes padding.
    pub(crate) strip_sep_token: bool,
}

/// What blocks of both towers may have.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Block {
    act_kwargs: ActivationOptions,
    norm_kwargs: NormOptions,
    qk_norm: Value,
    scaled_cosine_attn: Value,
    scale_heads: Value,
    scale_attn_inner: Value,
    scale_attn: Value,
    scale_fc: Value,
    block_type: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct ActivationOptions {
    approximate: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct NormOptions {
    eps: Option<f64>,
}

impl ModelConfig {
    /// In words.
    pub(crate) fn family(&self) -> String {
        let image = self.vision_cfg.timm_model_name.as_deref();
        let text = self.text_cfg.hf_model_name.as_deref();
        match (image, text) {
            (None, None) => "OpenCLIP".into(),
            (Some(image), None) => format!("OpenCLIP with timm's {image}"),
            (None, Some(text)) => format!("OpenCLIP with the text tower {text}"),
            (Some(image), Some(text)) => {
                format!("OpenCLIP with timm's {image} and the text tower {text}")
            }
        }
    }

    /// # Errors
    /// [`Error::Input`], [`Error::Unsupported`] for towers that are none of these.
    pub(crate) fn from_json(json: &[u8], file: &str) -> Result<Self> {
        let File { model_cfg: config } = json_object(json, file)?;
        positive(file, "model_cfg.embed_dim", config.embed_dim)?;
        if config.multimodal_cfg.is_some() {
            return Err(unsupported(file, "multimodal_cfg: a CoCa model"));
        }
        let text = &config.text_cfg;
        positive(file, "text_cfg.context_length", text.context_length)?;
        positive(file, "text_cfg.vocab_size", text.vocab_size)?;
        if text.embed_cls {
            return Err(unsupported(file, "embed_cls: a CoCa model"));
        }
        if config.vision_cfg.timm_model_name.is_none() {
            config.vision_cfg.block.check(file)?;
            if is_set(&config.vision_cfg.attentional_pool) {
                return Err(unsupported(file, "attentional_pool: a CoCa model"));
            }
        }
        if text.hf_model_name.is_none() {
            text.block.check(file)?;
        }
        Ok(config)
    }

    /// Whether there is a `logit_bias`.
    pub(crate) fn has_bias(&self) -> bool {
        self.init_logit_bias.is_some()
    }
}

impl VisionConfig {
    /// Height and width of the input.
    pub(crate) fn image_size(&self, file: &str) -> Result<[usize; 2]> {
        let sides = match self.image_size {
            Sides::Square(side) => [side; 2],
            Sides::Both(sides) => sides,
        };
        for side in sides {
            positive(file, "vision_cfg.image_size", side)?;
        }
        Ok(sides)
    }

    /// Number of blocks of open_clip's own tower.
    pub(crate) fn depth(&self, file: &str) -> Result<usize> {
        match self.layers.as_u64() {
            Some(layers) => depth(file, "vision_cfg.layers", layers as usize),
            None => Err(unsupported(
                file,
                &format!("vision_cfg.layers {}: a ResNet", self.layers),
            )),
        }
    }

    /// Of open_clip's own tower.
    pub(crate) fn block_shape(&self, file: &str, quick_gelu: bool) -> Result<BlockShape> {
        let width = positive(file, "vision_cfg.width", self.width)?;
        let head_width = positive(file, "vision_cfg.head_width", self.head_width)?;
        let heads = width / head_width;
        check_heads(file, "vision_cfg.width", width, heads)?;
        let inner = inner(file, "vision_cfg.mlp_ratio", width, self.mlp_ratio)?;
        self.block.shape(file, [width, inner, heads], quick_gelu)
    }
}

impl TextConfig {
    /// Number of blocks of open_clip's own tower.
    pub(crate) fn depth(&self, file: &str) -> Result<usize> {
        depth(file, "text_cfg.layers", self.layers)
    }

    /// Of open_clip's own tower.
    pub(crate) fn block_shape(&self, file: &str, quick_gelu: bool) -> Result<BlockShape> {
        let width = positive(file, "text_cfg.width", self.width)?;
        check_heads(file, "text_cfg.width", width, self.heads)?;
        let inner = inner(file, "text_cfg.mlp_ratio", width, self.mlp_ratio)?;
        self.block
            .shape(file, [width, inner, self.heads], quick_gelu)
    }
}

impl Block {
    fn check(&self, file: &str) -> Result<()> {
        let flags = [
            ("qk_norm", &self.qk_norm),
            ("scaled_cosine_attn", &self.scaled_cosine_attn),
            ("scale_heads", &self.scale_heads),
            ("scale_attn_inner", &self.scale_attn_inner),
            ("scale_attn", &self.scale_attn),
            ("scale_fc", &self.scale_fc),
        ];
        if let Some((name, _)) = flags.into_iter().find(|(_, value)| is_set(value)) {
            return Err(unsupported(file, &format!("{name}: another kind of block")));
        }
        match self.block_type.as_deref() {
            None | Some("" | "default") => Ok(()),
            Some(kind) => Err(unsupported(
                file,
                &format!("block_type \"{kind}\": another kind of block"),
            )),
        }
    }

    fn shape(
        &self,
        file: &str,
        [width, inner, heads]: [usize; 3],
        quick_gelu: bool,
    ) -> Result<BlockShape> {
        let activation = match self.act_kwargs.approximate.as_deref() {
            _ if quick_gelu => Activation::QuickGelu,
            None | Some("none") => Activation::Gelu,
            Some("tanh") => Activation::GeluTanh,
            Some(other) => {
                let (field, expected) = ("act_kwargs.approximate", "\"tanh\" or \"none\"");
                return Err(invalid(file, field, format!("\"{other}\""), expected));
            }
        };
        Ok(BlockShape {
            width,
            inner,
            heads,
            activation,
            epsilon: epsilon(
                file,
                "norm_kwargs.eps",
                self.norm_kwargs.eps.unwrap_or(1e-5),
            )?,
        })
    }
}

/// Width of an MLP's inner layer: what is behind the point is cut.
fn inner(file: &str, field: &'static str, width: usize, ratio: f64) -> Result<usize> {
    let inner = width as f64 * ratio;
    match inner.is_finite() && inner >= 1.0 {
        true => positive(file, field, inner as usize),
        false => Err(invalid(file, field, ratio, "a positive number, 4 mostly")),
    }
}

fn is_set(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
}

pub(crate) fn unsupported(file: &str, found: &str) -> Error {
    Error::Unsupported {
        file: file.into(),
        found: found.into(),
        expected: "open_clip's own transformers, timm's plain vision transformers, and BERT or RoBERTa for the text",
    }
}

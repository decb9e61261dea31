//! SigLIP, and SigLIP 2 at a fixed size: no class token, an attention that reads the patches out, a text
//! tower whose tokens all see each other and the padding, and a bias to the cosines.

use burn::tensor::Device;
use clip_input::json_object;
use serde::Deserialize;

use crate::block::BlockForm;
use crate::checked::{activation, check_heads, depth, epsilon, invalid, positive};
use crate::checkpoint::Checkpoint;
use crate::naming;
use crate::output::{OutputShape, ProjectionShape};
use crate::patch_tower::{OutputNorm, PatchPool, PatchShape, PatchTower};
use crate::token_tower::{TextPool, TextSight, TokenShape, TokenTower};
use crate::towers::{Scales, Towers};
use crate::trainable::{LOGIT_BIAS, LOGIT_SCALE, Trainable};
use crate::weights::{Naming, Weights};
use crate::{BlockShape, Result, initial};

/// `config.json`: every absent key takes the default of transformers' `SiglipConfig`.
#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    text_config: RawText,
    #[serde(default)]
    vision_config: RawVision,
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
    /// The text's width where it is not said.
    projection_size: Option<usize>,
}

impl Default for RawText {
    fn default() -> Self {
        Self {
            vocab_size: 32000,
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            max_position_embeddings: 64,
            hidden_act: "gelu_pytorch_tanh".into(),
            layer_norm_eps: 1e-6,
            projection_size: None,
        }
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
    vision_use_head: bool,
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
            patch_size: 16,
            hidden_act: "gelu_pytorch_tanh".into(),
            layer_norm_eps: 1e-6,
            vision_use_head: true,
        }
    }
}

/// Both towers' dimensions.
pub(crate) struct SiglipConfig {
    pub(crate) image: PatchShape,
    pub(crate) text: TokenShape,
}

impl SiglipConfig {
    /// # Errors
    /// [`Error::Input`](crate::Error::Input) for values that make no model, by key.
    pub(crate) fn from_json(json: &[u8], file: &str) -> Result<Self> {
        let raw: Raw = json_object(json, file)?;
        Ok(Self {
            image: raw.vision_config.check(file)?,
            text: raw.text_config.check(file)?,
        })
    }
}

impl RawVision {
    fn check(self, file: &str) -> Result<PatchShape> {
        let width = positive(file, "vision_config.hidden_size", self.hidden_size)?;
        check_heads(file, "hidden_size", width, self.num_attention_heads)?;
        if self.num_channels != 3 {
            let found = self.num_channels;
            return Err(invalid(file, "vision_config.num_channels", found, "3"));
        }
        if !self.vision_use_head {
            let expected = "true: without the head that reads the patches out, there is no embedding to compare with captions";
            return Err(invalid(
                file,
                "vision_config.vision_use_head",
                "false",
                expected,
            ));
        }
        let patch = positive(file, "vision_config.patch_size", self.patch_size)?;
        let side = positive(file, "vision_config.image_size", self.image_size)?;
        if side < patch {
            let expected = format!("at least the patch size, {patch}");
            return Err(invalid(file, "vision_config.image_size", side, expected));
        }
        let inner = self.intermediate_size;
        let inner = positive(file, "vision_config.intermediate_size", inner)?;
        let (act, eps) = (&self.hidden_act, self.layer_norm_eps);
        Ok(PatchShape {
            image_size: [side; 2],
            patch_size: patch,
            depth: depth(
                file,
                "vision_config.num_hidden_layers",
                self.num_hidden_layers,
            )?,
            block: BlockShape {
                width,
                inner,
                heads: self.num_attention_heads,
                activation: activation(file, "vision_config.hidden_act", act)?,
                epsilon: epsilon(file, "vision_config.layer_norm_eps", eps)?,
            },
            form: BlockForm::default(),
            class_token: false,
            patch_bias: true,
            pre_norm: false,
            pool: PatchPool::Attention { inner },
            norm: OutputNorm::BeforePooling,
            output: OutputShape::projection(ProjectionShape::None),
        })
    }
}

impl RawText {
    fn check(self, file: &str) -> Result<TokenShape> {
        let width = positive(file, "text_config.hidden_size", self.hidden_size)?;
        check_heads(file, "hidden_size", width, self.num_attention_heads)?;
        let positions = self.max_position_embeddings;
        let positions = positive(file, "text_config.max_position_embeddings", positions)?;
        let inner = self.intermediate_size;
        let (act, eps) = (&self.hidden_act, self.layer_norm_eps);
        let output = self.projection_size.unwrap_or(width);
        Ok(TokenShape {
            vocabulary: positive(file, "text_config.vocab_size", self.vocab_size)?,
            table: positions,
            first_position: 0,
            positions,
            depth: depth(
                file,
                "text_config.num_hidden_layers",
                self.num_hidden_layers,
            )?,
            block: BlockShape {
                width,
                inner: positive(file, "text_config.intermediate_size", inner)?,
                heads: self.num_attention_heads,
                activation: activation(file, "text_config.hidden_act", act)?,
                epsilon: epsilon(file, "text_config.layer_norm_eps", eps)?,
            },
            form: BlockForm::default(),
            types: 0,
            embedding_norm: false,
            final_norm: true,
            sight: TextSight::All,
            pool: TextPool::Last,
            output: OutputShape::projection(ProjectionShape::Linear {
                output: positive(file, "text_config.projection_size", output)?,
                bias: true,
            }),
        })
    }
}

/// A model with random weights, the same for the same seed on every backend.
///
/// The towers' are as large as [`random_clip`](crate::clip::random_clip) draws them; the scale starts
/// at 10 and the bias at −10, as in the paper (Zhai et al. 2023).
pub(crate) fn random_siglip(config: &SiglipConfig, seed: u64, device: &Device) -> Trainable {
    let (image, text) = (config.image.clone(), config.text.clone());
    let deviation = move |name: &str| match name {
        LOGIT_SCALE => (0.0, 10f32.ln()),
        LOGIT_BIAS => (0.0, -10.0),
        "text_model.embeddings.token_embedding.weight" => (0.02, 0.0),
        "text_model.embeddings.position_embedding.weight" => (0.01, 0.0),
        _ if name.starts_with("text") => initial::deviation(name, text.block.width, text.depth),
        _ => initial::deviation(name, image.block.width, image.depth),
    };
    let mut weights = Weights::random(Box::new(deviation), seed, device);
    let image = PatchTower::load(&mut weights, &config.image);
    let text = TokenTower::load(&mut weights, &config.text);
    let scales = Scales::read(&mut weights, true);
    let towers = Towers::finish(image, text, scales, weights);
    let towers = towers.and_then(|towers| Trainable::of_towers(towers, "random"));
    towers.expect("random weights fit any configuration")
}

/// Reads the towers out of files that are open.
pub(crate) fn towers(
    config: &SiglipConfig,
    mut checkpoint: Checkpoint,
    device: &Device,
) -> Result<Towers> {
    checkpoint.has_marked("vision_model.head.probe")?;
    let naming = Naming {
        ignored: &[],
        locate: Box::new(|name| naming::SIGLIP.locate(name)),
    };
    let mut weights = Weights::named(checkpoint, Some(naming), device);
    let image = PatchTower::load(&mut weights, &config.image);
    let text = TokenTower::load(&mut weights, &config.text);
    let scales = Scales::read(&mut weights, true);
    Towers::finish(image, text, scales, weights)
}

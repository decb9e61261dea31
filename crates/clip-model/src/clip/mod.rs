//! CLIP and MetaCLIP 2: a class token before the patches, a causal text tower read out at its end
//! token.
//!
//! The family in the layouts of Hugging Face and of OpenAI, whole or in two halves.

mod config;
mod pooling;
mod random;
mod split;

pub use config::{ClipConfig, TextConfig, VisionConfig};
pub use pooling::Pooling;
pub use random::random_clip;

pub(crate) use split::{config as split_config, towers as split_towers};

use burn::tensor::Device;

use crate::checkpoint::Checkpoint;
use crate::patch_tower::{PatchShape, PatchTower};
use crate::token_tower::{TokenShape, TokenTower};
use crate::towers::{Scales, Towers};
use crate::weights::Weights;
use crate::{Result, openai};

/// Reads both towers out of files that are open, whose tensors go by Hugging Face's names or by
/// OpenAI's.
pub(crate) fn towers(
    config: &ClipConfig,
    pooling: Pooling,
    mut checkpoint: Checkpoint,
    device: &Device,
) -> Result<Towers> {
    let naming = openai::follows(&mut checkpoint)?.then(openai::naming);
    read(config, pooling, Weights::named(checkpoint, naming, device))
}

/// Reads both towers out of weights.
pub(crate) fn read(config: &ClipConfig, pooling: Pooling, mut weights: Weights) -> Result<Towers> {
    let output = config.projection_dim;
    let image = PatchShape::of_clip(&config.vision, output);
    let image = PatchTower::load(&mut weights, &image);
    let text = TokenShape::of_clip(&config.text, pooling, output);
    let text = TokenTower::load(&mut weights, &text);
    let scales = Scales::read(&mut weights, false);
    Towers::finish(image, text, scales, weights)
}

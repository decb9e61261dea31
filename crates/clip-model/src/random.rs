//! Freshly initialised weights: where training starts, and benchmarks without a download.

use burn::tensor::Device;

use crate::checkpoint::Checkpoint;
use crate::{Clip, ClipConfig};

/// A CLIP model with random weights, the same for the same seed on every backend.
///
/// Deviations follow CLIP's own initialisation (Radford et al. 2021, released code): width^-½ for
/// attention and projections, lowered by (2 · depth)^-½ where a block writes to the residual
/// stream; 0.02 and 0.01 for the text embeddings; norms 1, biases 0.
pub fn random_clip(config: ClipConfig, seed: u64, device: &Device) -> Clip {
    let weights = Checkpoint::random(&config, seed, device);
    Clip::read(config, weights).expect("random weights fit any configuration")
}

/// The standard deviation of a new tensor's values, and their mean.
pub(crate) fn initial(name: &str, config: &ClipConfig) -> (f32, f32) {
    let (width, depth) = if name.starts_with("text") {
        (config.text.hidden_size, config.text.num_hidden_layers)
    } else {
        (config.vision.hidden_size, config.vision.num_hidden_layers)
    };
    let base = (width as f32).powf(-0.5);
    let residual = (2.0 * depth as f32).powf(-0.5);
    if name.ends_with(".bias") {
        return (0.0, 0.0);
    }
    if name.contains("norm") || name.contains("layrnorm") {
        return (0.0, 1.0);
    }
    let deviation = match name {
        "logit_scale" => return (0.0, (1.0f32 / 0.07).ln()),
        "text_model.embeddings.token_embedding.weight" => 0.02,
        "text_model.embeddings.position_embedding.weight" => 0.01,
        _ if name.ends_with("out_proj.weight") => base,
        _ if name.contains("fc1") => base * 0.5f32.sqrt(),
        _ if name.contains("fc2") || name.contains("self_attn") => base * residual,
        _ => base,
    };
    (deviation, 0.0)
}

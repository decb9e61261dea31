//! Freshly initialised weights: where training starts, and benchmarks without a download.

use burn::tensor::Device;

use crate::clip::{Clip, ClipConfig};
use crate::initial;
use crate::weights::Weights;

/// A CLIP model with random weights, the same for the same seed on every backend.
///
/// Deviations follow CLIP's own initialisation (Radford et al. 2021, released code): width^-½ for
/// attention and projections, lowered by (2 · depth)^-½ where a block writes to the residual
/// stream; 0.02 and 0.01 for the text embeddings; norms 1, biases 0.
pub fn random_clip(config: ClipConfig, seed: u64, device: &Device) -> Clip {
    let of = config.clone();
    let weights = Weights::random(Box::new(move |name| deviation(name, &of)), seed, device);
    Clip::read(config, weights).expect("random weights fit any configuration")
}

/// The standard deviation of a new tensor's values, and their mean.
fn deviation(name: &str, config: &ClipConfig) -> (f32, f32) {
    let (width, depth) = if name.starts_with("text") {
        (config.text.hidden_size, config.text.num_hidden_layers)
    } else {
        (config.vision.hidden_size, config.vision.num_hidden_layers)
    };
    match name {
        "logit_scale" => (0.0, (1.0f32 / 0.07).ln()),
        "text_model.embeddings.token_embedding.weight" => (0.02, 0.0),
        "text_model.embeddings.position_embedding.weight" => (0.01, 0.0),
        _ => initial::deviation(name, width, depth),
    }
}

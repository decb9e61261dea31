//! Freshly initialised weights: where training starts, and benchmarks without a download.

use burn::tensor::Device;

use crate::clip::{ClipConfig, Pooling};
use crate::trainable::{LOGIT_SCALE, Trainable};
use crate::weights::Weights;
use crate::{Result, initial};

/// A CLIP model with random weights, the same for the same seed on every backend.
///
/// Deviations are those of CLIP's own initialisation (Radford et al. 2021, released code): width^-½
/// for queries, keys, values, projections, the class token and the image's positions; lowered by
/// (2 · depth)^-½ where a block writes to the residual stream (the attention's output projection, the
/// MLP's second layer); (2 · width)^-½ for the MLP's first layer; 0.02 and 0.01 for the text's tokens
/// and positions; norms 1, biases 0. Only the patches' kernel is larger than theirs, which PyTorch's
/// default makes: width^-½ here.
pub fn random_clip(config: ClipConfig, seed: u64, device: &Device) -> Trainable {
    drawn(config, seed, device).expect("random weights fit any configuration")
}

fn drawn(config: ClipConfig, seed: u64, device: &Device) -> Result<Trainable> {
    let (of, pooling) = (config.clone(), Pooling::new(&config.text, None));
    let weights = Weights::random(Box::new(move |name| deviation(name, &of)), seed, device);
    Trainable::of_towers(super::read(&config, pooling, weights)?, "random")
}

/// The standard deviation of a new tensor's values, and their mean.
fn deviation(name: &str, config: &ClipConfig) -> (f32, f32) {
    let (width, depth) = if name.starts_with("text") {
        (config.text.hidden_size, config.text.num_hidden_layers)
    } else {
        (config.vision.hidden_size, config.vision.num_hidden_layers)
    };
    match name {
        LOGIT_SCALE => (0.0, (1.0f32 / 0.07).ln()),
        "text_model.embeddings.token_embedding.weight" => (0.02, 0.0),
        "text_model.embeddings.position_embedding.weight" => (0.01, 0.0),
        _ => initial::deviation(name, width, depth),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Width 64 and 8 blocks for the image, 32 and 2 for the text. Of 1,024 values and more, the
    /// measured deviation is within 2.3 % of the true one two times of three.
    #[test]
    fn weights_are_as_large_as_clip_draws_them() {
        let json = br#"{"projection_dim": 64, "vision_config": {"hidden_size": 64,
            "intermediate_size": 256, "num_hidden_layers": 8, "num_attention_heads": 2,
            "image_size": 32, "patch_size": 4}, "text_config": {"vocab_size": 64, "hidden_size": 32,
            "num_attention_heads": 1, "num_hidden_layers": 2, "intermediate_size": 128}}"#;
        let config = ClipConfig::from_json(json, "config.json").unwrap();
        let clip = random_clip(config, 1, &m2ib_cpu::flex());
        let tensors = clip.tensors().unwrap();
        let measured = |name: &str| {
            let values = tensors[name].iter::<f32>().map(f64::from);
            let squares: Vec<f64> = values.map(|value| value * value).collect();
            (squares.iter().sum::<f64>() / squares.len() as f64).sqrt()
        };
        for (tower, width, depth) in [("vision", 64.0f64, 8.0f64), ("text", 32.0, 2.0)] {
            let base = width.powf(-0.5);
            let residual = base * (2.0 * depth).powf(-0.5);
            for (layer, expected) in [
                ("self_attn.q_proj", base),
                ("self_attn.k_proj", base),
                ("self_attn.v_proj", base),
                ("self_attn.out_proj", residual),
                ("mlp.fc1", (2.0 * width).powf(-0.5)),
                ("mlp.fc2", residual),
            ] {
                for block in [0.0, depth - 1.0] {
                    let name = format!("{tower}_model.encoder.layers.{block}.{layer}.weight");
                    let found = measured(&name) / expected;
                    assert!((found - 1.0).abs() < 0.1, "{name}: {found} times as large");
                }
            }
        }
        for (name, expected) in [
            ("text_model.embeddings.token_embedding.weight", 0.02),
            ("text_model.embeddings.position_embedding.weight", 0.01),
            ("text_projection.weight", 32f64.powf(-0.5)),
            ("visual_projection.weight", 0.125),
            ("vision_model.embeddings.position_embedding.weight", 0.125),
            ("vision_model.post_layernorm.weight", 1.0),
            ("text_model.encoder.layers.0.mlp.fc1.bias", 0.0),
        ] {
            let found = measured(name);
            assert!(
                (found - expected).abs() <= 0.1 * expected,
                "{name}: {found}"
            );
        }
    }
}

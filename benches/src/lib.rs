//! Benchmarks: models of the published shapes with random weights, made on the fly.
//!
//! **What this crate may know:** everything. The time a bottleneck takes does not depend on the
//! weights' values, so nothing is downloaded.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use anyhow::Result;
use burn::tensor::{Distribution, Tensor};
use clip_input::{CaptionTokenizer, Content, ImageProcessor};
use clip_model::clip::{ClipConfig, random_clip};
use clip_model::{DualEncoder, Precision, Trainable};
use m2ib::image::{DynamicImage, Rgb, RgbImage};
use m2ib::{Backend, Device};
use m2ib_core::Lanes;

/// A published CLIP shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Shape {
    /// 12 blocks of width 768 over 50 tokens.
    B32,
    /// 12 blocks of width 768 over 197 tokens.
    B16,
    /// 24 blocks of width 1024 over 257 tokens.
    L14,
    /// 4 blocks of width 64 over 50 tokens: nothing published, to try programs with.
    Tiny,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::B32 => "ViT-B/32",
            Self::B16 => "ViT-B/16",
            Self::L14 => "ViT-L/14",
            Self::Tiny => "tiny",
        })
    }
}

impl Shape {
    /// The published ones.
    pub const ALL: [Self; 3] = [Self::B32, Self::B16, Self::L14];

    /// `config.json` of the shape.
    fn json(self) -> &'static str {
        match self {
            Self::B32 => "{}",
            Self::Tiny => {
                r#"{"projection_dim": 32,
                    "text_config": {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_hidden_layers": 4},
                    "vision_config": {"hidden_size": 64, "intermediate_size": 128,
                        "num_hidden_layers": 4, "num_attention_heads": 4}}"#
            }
            Self::B16 => r#"{"vision_config": {"patch_size": 16}}"#,
            Self::L14 => {
                r#"{"projection_dim": 768,
                    "text_config": {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12},
                    "vision_config": {"hidden_size": 1024, "intermediate_size": 4096,
                        "num_hidden_layers": 24, "num_attention_heads": 16, "patch_size": 14}}"#
            }
        }
    }

    /// Writes a model of the shape as a Hugging Face folder, f32; returns the weights' size.
    ///
    /// # Errors
    /// If there is no room.
    pub fn write(self, folder: &Path, device: &Device) -> Result<u64> {
        std::fs::write(folder.join("config.json"), self.json())?;
        std::fs::write(folder.join("preprocessor_config.json"), "{}")?;
        std::fs::write(folder.join("tokenizer.json"), m2ib_emoji::TOKENIZER)?;
        let clip = Trainable::of(&self.model(device))?;
        let weights = clip.to_safetensors(Precision::F32, HashMap::new())?;
        std::fs::write(folder.join("model.safetensors"), &weights)?;
        Ok(weights.len() as u64)
    }

    /// A model of the shape with random weights. Its tokeniser is the embedded model's: ids within
    /// the vocabulary are as good as any.
    pub fn model(self, device: &Device) -> DualEncoder {
        let config = ClipConfig::from_json(self.json().as_bytes(), "shape");
        let mut config = config.expect("the shapes are written out above");
        let tokenizer = Content::bytes("embedded tokenizer.json", m2ib_emoji::TOKENIZER);
        let tokenizer = CaptionTokenizer::load(&tokenizer, config.text.max_position_embeddings)
            .expect("the embedded tokenizer loads");
        config.text.eos_token_id = tokenizer.end_id().expect("it has an end token");
        let processor = ImageProcessor::from_json(b"{}", "defaults").expect("defaults are valid");
        let clip = random_clip(config, 0, device);
        clip.into_model(format!("random {self}"), tokenizer, processor)
    }
}

/// A caption of 12 tokens, start and end included.
pub const CAPTION: &str = "a photo of a dog next to a red apple";

/// A photo-sized picture with some structure in it.
pub fn picture() -> DynamicImage {
    let pixel = |x: u32, y: u32| {
        Rgb([
            (x * 7 % 256) as u8,
            (y * 5 % 256) as u8,
            ((x ^ y) % 256) as u8,
        ])
    };
    DynamicImage::ImageRgb8(RgbImage::from_fn(640, 480, pixel))
}

/// The preferred backend's device.
pub fn device() -> Device {
    Backend::preferred()
        .and_then(Backend::device)
        .expect("a backend is compiled in")
}

/// Lanes as an explainer has them on a CPU for so many samples.
pub fn cpu_lanes(samples: usize) -> Lanes {
    let threads = m2ib_core::threads();
    Lanes::new(samples.min(threads), threads).expect("the system gives threads")
}

/// `count` cut into shares for the lanes, as even as can be.
pub fn shares(count: usize, lanes: &Lanes) -> Vec<usize> {
    let bound = |share: usize| share * count / lanes.count();
    (0..lanes.count())
        .map(|share| bound(share + 1) - bound(share))
        .collect()
}

/// Normally distributed numbers.
pub fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caption_has_twelve_tokens() {
        let content = Content::bytes("embedded tokenizer.json", m2ib_emoji::TOKENIZER);
        let tokenizer = CaptionTokenizer::load(&content, 77).unwrap();
        assert_eq!(tokenizer.encode(CAPTION).unwrap().tokens.len(), 12);
    }
}

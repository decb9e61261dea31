//! A tiny CLIP model as named tensors, written as a folder in whatever layout a test needs.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use clip_model::DualEncoder;
use half::{bf16, f16};
use m2ib::Device;
use m2ib_core::{NoiseSource, SeededNoise};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use crate::case::Values;

/// Tensors by name.
pub type Tensors = BTreeMap<String, Values>;

/// The model's parts, to be changed before they are written.
#[derive(Debug, Clone)]
pub struct Toy {
    /// `config.json`.
    pub config: Value,
    /// `preprocessor_config.json`.
    pub preprocessor: Value,
    /// `tokenizer.json`.
    pub tokenizer: Vec<u8>,
    /// The weights under Hugging Face's names.
    pub tensors: Tensors,
}

/// Text and image width, blocks of either tower, positions of the text, width of the embedding.
const TEXT: usize = 24;
const IMAGE: usize = 32;
const DEPTH: usize = 3;
const POSITIONS: usize = 12;
const PROJECTION: usize = 16;
/// The embedded model's vocabulary, whose tokenizer is used.
const VOCABULARY: usize = 812;

impl Toy {
    /// Three blocks a tower, image 32 px in patches of 8, 12 positions; weights from the seed.
    pub fn new(seed: u64) -> Self {
        let mut weights = Weights {
            seed,
            tensors: Tensors::new(),
        };
        weights.tower("text_model", TEXT);
        weights.table(
            "text_model.embeddings.token_embedding.weight",
            &[VOCABULARY, TEXT],
        );
        weights.table(
            "text_model.embeddings.position_embedding.weight",
            &[POSITIONS, TEXT],
        );
        weights.norm("text_model.final_layer_norm", TEXT);
        weights.matrix("text_projection.weight", PROJECTION, TEXT);
        weights.tower("vision_model", IMAGE);
        weights.table("vision_model.embeddings.class_embedding", &[IMAGE]);
        weights.table(
            "vision_model.embeddings.patch_embedding.weight",
            &[IMAGE, 3, 8, 8],
        );
        weights.table(
            "vision_model.embeddings.position_embedding.weight",
            &[17, IMAGE],
        );
        weights.norm("vision_model.pre_layrnorm", IMAGE);
        weights.norm("vision_model.post_layernorm", IMAGE);
        weights.matrix("visual_projection.weight", PROJECTION, IMAGE);
        weights.draw("logit_scale", &[], 0.0, 2.6592);
        Self {
            config: json!({
                "model_type": "clip",
                "projection_dim": PROJECTION,
                "text_config": {
                    "vocab_size": VOCABULARY, "hidden_size": TEXT, "intermediate_size": 2 * TEXT,
                    "num_hidden_layers": DEPTH, "num_attention_heads": 2,
                    "max_position_embeddings": POSITIONS, "eos_token_id": VOCABULARY - 1,
                },
                "vision_config": {
                    "hidden_size": IMAGE, "intermediate_size": 2 * IMAGE,
                    "num_hidden_layers": DEPTH, "num_attention_heads": 4,
                    "image_size": 32, "patch_size": 8,
                },
            }),
            preprocessor: json!({
                "size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32},
            }),
            tokenizer: m2ib_emoji::TOKENIZER.to_vec(),
            tensors: weights.tensors,
        }
    }

    /// Writes the four files, weights in f32.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        self.write_as(folder, Dtype::F32)
    }

    /// Writes the four files, weights in `dtype`.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_as(&self, folder: &Path, dtype: Dtype) -> Result<()> {
        self.write_small_files(folder)?;
        let weights = encode(&self.tensors, dtype)?;
        std::fs::write(folder.join("model.safetensors"), weights).context("model.safetensors")
    }

    /// Writes all but the weights.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_small_files(&self, folder: &Path) -> Result<()> {
        let write = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.join(name), bytes).context(name.to_owned())
        };
        write("config.json", &serde_json::to_vec_pretty(&self.config)?)?;
        write(
            "preprocessor_config.json",
            &serde_json::to_vec_pretty(&self.preprocessor)?,
        )?;
        write("tokenizer.json", &self.tokenizer)
    }

    /// Writes the model to a temporary folder and loads it.
    ///
    /// # Errors
    /// As [`write`](Self::write), or whatever the loader says.
    pub fn load(&self, device: &Device) -> Result<DualEncoder> {
        let folder = tempfile::tempdir()?;
        self.write(folder.path())?;
        Ok(DualEncoder::load(folder.path(), device)?)
    }
}

/// A safetensors file with every tensor as f32, f16, bf16 or f64.
///
/// # Errors
/// If a shape does not match its values.
pub fn encode(tensors: &Tensors, dtype: Dtype) -> Result<Vec<u8>> {
    let bytes: BTreeMap<&String, Vec<u8>> = tensors
        .iter()
        .map(|(name, values)| (name, bytes(&values.data, dtype)))
        .collect();
    let views = tensors
        .iter()
        .map(|(name, values)| {
            Ok((
                name,
                TensorView::new(dtype, values.shape.clone(), &bytes[name])?,
            ))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(safetensors::serialize(views, None)?)
}

fn bytes(values: &[f32], dtype: Dtype) -> Vec<u8> {
    let each = |value: &f32| match dtype {
        Dtype::F16 => f16::from_f32(*value).to_le_bytes().to_vec(),
        Dtype::BF16 => bf16::from_f32(*value).to_le_bytes().to_vec(),
        Dtype::F64 => f64::from(*value).to_le_bytes().to_vec(),
        _ => value.to_le_bytes().to_vec(),
    };
    values.iter().flat_map(each).collect()
}

struct Weights {
    seed: u64,
    tensors: Tensors,
}

impl Weights {
    fn draw(&mut self, name: &str, shape: &[usize], deviation: f32, mean: f32) {
        let index = self.tensors.len();
        let count = shape.iter().product();
        let noise = SeededNoise::new(self.seed, 0)
            .draw(index, 0..1, [1, 1, count])
            .expect("a seed never runs out");
        let data = noise
            .into_iter()
            .map(|value| mean + deviation * value)
            .collect();
        self.tensors.insert(
            name.into(),
            Values {
                shape: shape.into(),
                data,
            },
        );
    }

    fn table(&mut self, name: &str, shape: &[usize]) {
        self.draw(name, shape, 0.5, 0.0);
    }

    fn matrix(&mut self, name: &str, rows: usize, columns: usize) {
        self.draw(name, &[rows, columns], (columns as f32).powf(-0.5), 0.0);
    }

    fn linear(&mut self, name: &str, input: usize, output: usize) {
        self.matrix(&format!("{name}.weight"), output, input);
        self.draw(&format!("{name}.bias"), &[output], 0.1, 0.0);
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.draw(&format!("{name}.weight"), &[width], 0.1, 1.0);
        self.draw(&format!("{name}.bias"), &[width], 0.1, 0.0);
    }

    fn tower(&mut self, name: &str, width: usize) {
        for block in 0..DEPTH {
            let block = format!("{name}.encoder.layers.{block}");
            for projection in ["q", "k", "v", "out"] {
                self.linear(
                    &format!("{block}.self_attn.{projection}_proj"),
                    width,
                    width,
                );
            }
            self.norm(&format!("{block}.layer_norm1"), width);
            self.norm(&format!("{block}.layer_norm2"), width);
            self.linear(&format!("{block}.mlp.fc1"), width, 2 * width);
            self.linear(&format!("{block}.mlp.fc2"), 2 * width, width);
        }
    }
}

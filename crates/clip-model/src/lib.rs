//! Image-text models of two towers on [burn], open at every block.
//!
//! [`DualEncoder::load`] reads a Hugging Face folder. A tower says what its tokens are, which of
//! them see which, and how it is read out (its [`Layout`](clip_input::Layout)), so that a method
//! can stop at a layer, change what it finds there and go on without knowing the family:
//!
//! ```text
//! pixels [B,3,H,W] ─ ImageTower::embed ─► [B,T,D] ─ blocks(..) ─► [B,T,D] ─ read_out ─► [B,K]
//! ids    [B,T]     ─ TextTower::embed  ─► [B,T,D] ─ blocks(..) ─► [B,T,D] ─ read_out ─► [B,K]
//! ```
//!
//! A family is a module that names tensors and makes layouts, like [`clip`]; blocks, and what
//! reads them out, are common to all.
//!
//! By itself it embeds, ranks and classifies: [`DualEncoder::embed_images`], [`embed_texts`](DualEncoder::embed_texts)
//! and [`zero_shot`](DualEncoder::zero_shot), on the device of [`cpu`], of its
//! neighbours for GPUs (features `wgpu`, `cuda`, `rocm`), or any other of burn's.
//!
//! **What this crate may know:** models, their files, and images and captions as [`clip_input`]
//! gives them. It knows no attribution method, and no backend: every function takes a
//! [`burn::tensor::Device`] or tensors. (The features `cpu`, `wgpu`, `cuda` and `rocm` have the adapters name one.)

mod activation;
mod attention;
mod bert;
mod block;
mod caption_bank;
mod checked;
mod checkpoint;
mod chinese_clip;
pub mod clip;
mod dual_encoder;
mod embedding;
mod encoder;
mod error;
mod export;
mod families;
mod files;
mod head;
mod host;
mod initial;
mod inputs;
mod layer_norm;
mod linear;
mod lora;
mod map_head;
mod mask;
mod mlp;
mod naming;
mod note;
mod open_clip;
mod openai;
mod origin;
mod output;
mod patch_tower;
mod pooling;
mod position_table;
mod precision;
mod pullback;
mod replacement;
mod sections;
mod siglip;
mod token_tower;
mod tower;
mod towers;
mod trace;
mod trainable;
mod training;
mod weights;

/// The tensor library whose types are in this crate's signatures.
pub use burn;
pub use burn::tensor::Device;
/// What pictures and captions come as.
pub use clip_input;

pub use activation::Activation;
pub use attention::Attention;
pub use block::{Block, BlockShape, Norms, Projections};
pub use caption_bank::CaptionBank;
pub use dual_encoder::{DualEncoder, Parts};
pub use embedding::ZeroShot;
pub use encoder::Encoder;
pub use error::{Error, Result, TensorProblem};
pub use files::{ModelFiles, OPEN_CLIP_WEIGHTS, WEIGHTS};
pub use head::Head;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use map_head::MapHead;
pub use mask::attention_bias;
pub use mlp::Mlp;
pub use note::Note;
pub use origin::Origin;
pub use patch_tower::PatchTower;
pub use precision::Precision;
pub use pullback::ReadOut;
pub use token_tower::TokenTower;
pub use tower::{ImageTower, TextTower, Tower};
pub use towers::Towers;
pub use trace::{Trace, TraceOptions};
pub use trainable::{LOGIT_BIAS, LOGIT_SCALE, Trainable};
pub use training::{Gradients, Patches, TrainingPass};
pub use weights::Weights;

/// burn's own CPU backend, on as many threads as `RAYON_NUM_THREADS` says or there are cores.
#[cfg(feature = "cpu")]
pub fn cpu() -> Device {
    m2ib_cpu::flex()
}

/// A GPU by whatever graphics API the machine offers: the one of this number, from 0, or that which the driver
/// prefers.
///
/// # Errors
/// [`Error::NoDevice`] if there is none, or none of this number.
#[cfg(feature = "wgpu")]
pub fn wgpu(number: Option<usize>) -> Result<Device> {
    gpu(m2ib_wgpu::Driver::Wgpu, number)
}

/// An NVIDIA GPU by CUDA.
///
/// # Errors
/// [`Error::NoDevice`] if there is none, or none of this number.
#[cfg(feature = "cuda")]
pub fn cuda(number: Option<usize>) -> Result<Device> {
    gpu(m2ib_wgpu::Driver::Cuda, number)
}

/// An AMD GPU by ROCm.
///
/// # Errors
/// [`Error::NoDevice`] if there is none, or none of this number.
#[cfg(feature = "rocm")]
pub fn rocm(number: Option<usize>) -> Result<Device> {
    gpu(m2ib_wgpu::Driver::Rocm, number)
}

#[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
fn gpu(driver: m2ib_wgpu::Driver, number: Option<usize>) -> Result<Device> {
    let device = driver.device(number);
    device.map_err(|reason| Error::NoDevice { reason })
}

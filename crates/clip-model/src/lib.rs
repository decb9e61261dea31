//! CLIP's image and text towers on [burn], open at every block.
//!
//! [`Pretrained::load`] reads a Hugging Face folder. The towers expose their parts (`embed`,
//! `blocks`, `pool`, `project`), so that a method can stop at a layer, change what it finds there
//! and go on:
//!
//! ```text
//! pixels [B,3,H,W] ─ ImageTower::embed ─► [B,T,D] ─ blocks(..) ─► [B,T,D] ─ pool ─► [B,D] ─ project ─► [B,K]
//! ids    [B,T]     ─ TextTower::embed  ─► [B,T,D] ─ blocks(..) ─► [B,T,D] ─ pool ─► [B,D] ─ project ─► [B,K]
//! ```
//!
//! **What this crate may know:** CLIP, its files, and images and captions as [`clip_input`] gives
//! them. It knows no attribution method and no backend: every function takes a
//! [`burn::tensor::Device`] or tensors.

mod attention;
mod block;
mod checkpoint;
mod clip;
mod config;
mod encoder;
mod error;
mod export;
mod files;
mod host;
mod image_tower;
mod layer_norm;
mod linear;
mod mlp;
mod openai;
mod precision;
mod pretrained;
mod pullback;
mod random;
mod text_tower;
mod trace;
mod training;

pub use attention::Attention;
pub use block::{Block, Projections};
pub use clip::Clip;
pub use config::{Activation, ClipConfig, TextConfig, VisionConfig};
pub use encoder::Encoder;
pub use error::{Error, Result, TensorProblem};
pub use files::ModelFiles;
pub use image_tower::ImageTower;
pub use mlp::Mlp;
pub use precision::Precision;
pub use pretrained::Pretrained;
pub use pullback::ReadOut;
pub use random::random_clip;
pub use text_tower::{Pooling, TextTower};
pub use trace::{Trace, TraceOptions};
pub use training::{Gradients, Patches, TrainingPass};

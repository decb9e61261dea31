//! The multi-modal information bottleneck (M2IB; Wang, Rudner, Wilson, NeurIPS 2023).
//!
//! A hidden layer h of one modality is replaced by a noisy mix z = λh + (1 − λ)·noise. Learning
//! per unit how small λ can be while the embedding read out of z fits the other modality's shows which parts of h carry what the two have in common: the information
//! that must still pass, in nats, is the attribution.
//!
//! ```text
//! latent h [T,D] ─► Bottleneck::solve(NoiseModel, Readout, Fit) ─► capacity [T,D] in nats
//! ```
//!
//! **What this crate may know:** tensors. It knows no CLIP, no files, no images and no backend:
//! what lies behind the bottleneck is a [`Readout`], what is wanted of it a [`Fit`], and every tensor
//! brings its device. Host threads
//! it knows as [`Lanes`].

mod adam;
mod bottleneck;
mod chain;
mod contrast;
mod cosine;
mod descent;
mod error;
mod fit;
mod host;
mod lanes;
mod noise_model;
mod noise_source;
mod objective;
mod problem;
mod readout;
mod scope;
mod seeds;
mod settings;
mod sharing;
mod solution;
mod workers;

/// The tensor library whose types are in this crate's signatures.
pub use burn;

pub use bottleneck::Bottleneck;
pub use chain::{Chain, Stages};
pub use contrast::{Against, Contrast};
pub use cosine::{cosine_similarity, cosine_with_gradient};
pub use error::{Error, Result};
pub use fit::{Cosine, Fit, Fitted, fit_latent};
pub use lanes::Lanes;
pub use m2ib_settings::{Beta, Gates, Quantity, Sampling, Settings, Step};
pub use noise_model::NoiseModel;
pub use noise_source::{NoiseSource, RecordedNoise, SeededNoise};
pub use objective::BATCH_ROWS;
pub use problem::Problem;
pub use readout::{ReadBack, Readout};
pub use scope::{Scope, Stop};
pub use seeds::Seeds;
pub use solution::Solution;
pub use workers::threads;

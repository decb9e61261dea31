//! What an explanation says: a map over the image, a score for every word, and how they were made.
//!
//! **What this crate may know:** images and captions as [`clip_input`] gives them, and settings.
//! It is plain data on the host, without tensors: methods make it, metrics judge it, drawings show
//! it.

mod asked;
mod attribution;
mod contrast;
mod heat_map;
mod interactions;
mod provenance;
mod rows;
mod spread;
mod warning;

pub use asked::Asked;
pub use attribution::{
    Attribution, ImageAttribution, Rank, RoleScore, TextAttribution, TokenScore, WordScore,
};
pub use contrast::{Baseline, Contrast, Reverse, Rival};
pub use heat_map::{HeatMap, Rect, interleave, normalize, upsample};
pub use interactions::{Alone, Interactions, WordMap, WordTokens};
pub use provenance::{Bottlenecks, FitRecord, Method, Provenance, Unit};
pub use spread::{Averaged, ImageSpread, Spread, TextSpread};
pub use warning::Warning;

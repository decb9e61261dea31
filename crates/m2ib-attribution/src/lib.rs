//! What an explanation says: a map over the image, a score for every word, and how they were made.
//!
//! **What this crate may know:** images and captions as [`clip_input`] gives them, and settings.
//! It is plain data on the host, without tensors: methods make it, metrics judge it, drawings show
//! it.

mod asked;
mod attribution;
mod contrast;
#[cfg(test)]
mod fixture;
mod heat_map;
mod image_attribution;
mod interactions;
mod provenance;
mod role_score;
mod rows;
mod spread;
mod text_attribution;
mod warning;

pub use asked::Asked;
pub use attribution::{Attribution, Rank};
pub use contrast::{Baseline, Contrast, Reverse, Rival};
pub use heat_map::{HeatMap, Rect, interleave, normalize, upsample};
pub use image_attribution::ImageAttribution;
pub use interactions::{Alone, Interactions, WordMap, WordTokens};
pub use provenance::{Bottlenecks, FitRecord, Method, Provenance, Unit};
pub use role_score::RoleScore;
pub use spread::{Averaged, ImageSpread, Spread, TextSpread};
pub use text_attribution::{TextAttribution, TokenScore, WordScore};
pub use warning::Warning;

//! Scenes composed of emoji, of which every pixel's owner is known.
//!
//! **What this crate may know:** pictures and nouns. No tensors, no models, no explanations.

mod classes;

pub use classes::{Class, classes};

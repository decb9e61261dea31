//! How a pair is explained by M2IB, in words and numbers: the layer that is masked, the noise, the
//! steps; presets, and what overrides them.
//!
//! **What this crate may know:** what can be set. It knows no tensors: [`Settings`] are what a
//! bottleneck is made from, and what an explanation carries with it.

mod beta;
mod bottleneck;
mod error;
mod gates;
mod layer;
mod limit;
mod modality;
mod modality_settings;
mod names;
mod noise;
mod overrides;
mod preset;
mod quantity;
mod shifts;

pub use beta::Beta;
pub use bottleneck::{Sampling, Settings, Step};
pub use error::Error;
pub use gates::Gates;
pub use layer::Layer;
pub use limit::Limit;
pub use modality::Modality;
pub use modality_settings::ModalitySettings;
pub use noise::Noise;
pub use overrides::Overrides;
pub use preset::Preset;
pub use quantity::Quantity;
pub use shifts::Shifts;

//! facade
mod attribution;
mod error;
mod heat_map;
mod settings;

pub use attribution::{
    Attribution, ImageAttribution, Provenance, TextAttribution, TokenScore, Warning, WordScore,
};
pub use clip_model;
pub use error::{Error, Result};
pub use heat_map::{HeatMap, Rect, normalize, upsample};
pub use m2ib_core;
pub use settings::{Layer, Modality, ModalitySettings, Noise, Overrides, Preset};

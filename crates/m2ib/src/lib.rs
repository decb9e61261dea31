//! What did a CLIP model look at, and which words mattered?
//!
//! [`Explainer::attribute`] answers for an image and a caption: a heat map over the image and a
//! score for every word, by *Multi-Modal Information Bottleneck attribution* (Wang, Rudner,
//! Wilson, NeurIPS 2023). No labels are needed, only a CLIP model.
//!
//! **What this crate may know:** everything below it. It is where the method ([`m2ib_core`]) and
//! the model ([`clip_model`]) meet, and where adapters bring backends in; those do not know each
//! other.

mod against;
mod ask;
mod backend;
mod builder;
mod calibration;
mod config;
#[cfg(feature = "emoji")]
pub mod emoji;
mod encoded;
mod error;
mod explainer;
mod fits;
#[cfg(feature = "hub")]
pub mod hub;
mod many;
mod numpy;
mod pairs;
mod progress;
mod provenance;
mod readout;
mod record;
mod rivalry;
mod save;
mod seeds;
mod shifts;
mod solving;
mod source;
mod vocabulary;
mod warnings;
mod word_maps;

pub use against::{Against, Rivals};
pub use ask::Ask;
pub use backend::{Backend, DeviceChoice, FoundDevice};
pub use builder::ExplainerBuilder;
/// The tensor library whose types are in signatures here.
pub use burn;
pub use burn::tensor::Device;
pub use calibration::{Calibration, Calibrator, Statistics};
pub use clip_input;
pub use clip_input::{Picture, Pictured, decode_image, open_image};
pub use clip_model;
pub use clip_model::{DualEncoder, Precision};
pub use config::Config;
pub use encoded::{EncodedImage, EncodedText};
pub use error::{Error, Result};
pub use explainer::Explainer;
pub use fits::Fits;
pub use image;
pub use m2ib_attribution::{
    Alone, Asked, Attribution, Averaged, Baseline, Bottlenecks, Contrast, FitRecord, HeatMap,
    ImageAttribution, ImageSpread, Interactions, Method, Provenance, Rank, Rect, Reverse, Rival,
    RoleScore, Spread, TextAttribution, TextSpread, TokenScore, Unit, Warning, WordMap, WordScore,
    WordTokens, normalize, upsample,
};
pub use m2ib_core;
pub use m2ib_core::{Scope, Stop};
pub use m2ib_draw as draw;
pub use m2ib_segment as segment;
pub use m2ib_settings::{
    Beta, Error as SettingError, Gates, Layer, Limit, Modality, ModalitySettings, Noise, Overrides,
    Preset, Quantity, Sampling, Shifts,
};
pub use ndarray;
pub use numpy::{npy, npz};
pub use progress::{OnStep, Progress, unwatched};
pub use provenance::{picture_name, provenance};
pub use readout::{PaddedReadout, TowerReadout};
pub use record::{ImageRecord, TextRecord};
pub use rivalry::Rivalry;
pub use save::{Save, Shown};
pub use seeds::{SEEDS, mean_image, mean_text};
pub use source::ModelSource;
pub use warnings::{Explained, bank, model_warnings, picture_warnings, warnings};

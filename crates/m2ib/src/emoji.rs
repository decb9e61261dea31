//! The embedded model: a small CLIP of emoji scenes that needs no download.

use burn::tensor::Device;
use clip_input::Content;
use clip_model::{DualEncoder, ModelFiles};
pub use m2ib_emoji::{SCENES, Scene, class_names};

use crate::{Calibration, Error, Result};

/// The embedded model on a device.
///
/// # Errors
/// None in practice: the files are part of the binary.
pub fn pretrained(device: &Device) -> Result<DualEncoder> {
    let files = ModelFiles {
        name: "emoji".into(),
        config: Content::Bytes("embedded config.json", m2ib_emoji::CONFIG),
        preprocessor: Content::Bytes(
            "embedded preprocessor_config.json",
            m2ib_emoji::PREPROCESSOR,
        ),
        tokenizer: Content::Bytes("embedded tokenizer.json", m2ib_emoji::TOKENIZER),
        weights: vec![Content::Bytes(
            "embedded model.safetensors",
            m2ib_emoji::WEIGHTS,
        )],
    };
    Ok(DualEncoder::from_files(&files, device)?)
}

/// Its feature statistics, over 512 scenes and 512 captions.
///
/// # Errors
/// None in practice: the file is part of the binary.
pub fn calibration() -> Result<Calibration> {
    Calibration::from_safetensors(m2ib_emoji::CALIBRATION).map_err(|reason| Error::Parse {
        path: "embedded calibration.safetensors".into(),
        what: "calibration",
        reason,
    })
}

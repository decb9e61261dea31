//! The embedded model: a small CLIP of emoji scenes that needs no download.

use std::sync::OnceLock;

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
    let files = ModelFiles::new(
        "emoji".into(),
        Content::bytes("embedded config.json", m2ib_emoji::CONFIG),
        Content::bytes(
            "embedded preprocessor_config.json",
            m2ib_emoji::PREPROCESSOR,
        ),
        Content::bytes("embedded tokenizer.json", m2ib_emoji::TOKENIZER),
        vec![Content::bytes(
            "embedded model.safetensors",
            m2ib_emoji::WEIGHTS,
        )],
    );
    Ok(DualEncoder::from_files(&files, device)?)
}

/// What it was trained on, as its users are told.
pub(crate) const TRAINED_ON: &str = "it was trained on drawn scenes of 96 × 96 pixels, composed of 221 kinds of emoji, with captions like \"a photo of a hedgehog\", and knows no photographs and no other words";

/// Whether a model is this one, wherever it was loaded from and whatever size of image it takes.
pub(crate) fn is(model: &DualEncoder) -> bool {
    static IDENTITY: OnceLock<Option<String>> = OnceLock::new();
    let own = IDENTITY.get_or_init(|| Some(calibration().ok()?.identity));
    own.as_deref() == Some(model.unresized_identity().to_string().as_str())
}

/// A caption of each class that it knows.
pub(crate) fn captions() -> Vec<String> {
    class_names()
        .map(|name| format!("a photo of a {name}"))
        .collect()
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

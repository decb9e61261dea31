//! What can go wrong between a pair and its explanation.

use std::path::PathBuf;

use crate::{Layer, Modality};

/// Result of this crate's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Each variant names the argument or file, what was found and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model's files, an image or a caption.
    #[error(transparent)]
    Model(#[from] clip_model::Error),
    /// The bottleneck.
    #[error("{modality} bottleneck: {source}")]
    Bottleneck {
        /// Which one.
        modality: Modality,
        /// What it reports.
        source: m2ib_core::Error,
    },
    /// The host's threads.
    #[error(transparent)]
    Threads(m2ib_core::Error),
    /// A backend that is not there.
    #[error("backend \"{found}\": {reason}")]
    Backend {
        /// The backend asked for.
        found: String,
        /// Why it cannot be had.
        reason: String,
    },
    /// A layer that cannot be masked.
    #[error(
        "{modality} layer {found} is out of range: expected {}, since the tower has {depth} blocks and something must lie behind the mask",
        layers(*depth)
    )]
    Layer {
        /// The modality.
        modality: Modality,
        /// The layer asked for.
        found: Layer,
        /// The tower's blocks.
        depth: usize,
    },
    /// Matched noise for the text without statistics.
    #[error(
        "matched noise needs feature statistics of the text tower: give a calibration (`m2ib calibrate` makes one), or choose isotropic noise for the text"
    )]
    CalibrationNeeded,
    /// A calibration of another model or without the layer.
    #[error(
        "the calibration does not fit: {reason}; make one for this model with `m2ib calibrate`"
    )]
    Calibration {
        /// What differs.
        reason: String,
    },
    /// A file of settings.
    #[error("{}: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        reason: String,
    },
    /// Too little data to calibrate on.
    #[error("calibration needs at least {expected} {what}, found {found}")]
    TooFewSamples {
        /// Images or captions.
        what: &'static str,
        /// How many there were.
        found: usize,
        /// How many it takes.
        expected: usize,
    },
    /// An encoded image or text from an explainer with other settings.
    #[error(
        "the encoded {modality} comes from {found}, expected {expected}; encode it with this explainer"
    )]
    Encoded {
        /// Which one.
        modality: Modality,
        /// Its model and layer.
        found: String,
        /// This explainer's.
        expected: String,
    },
    /// A file that could not be written.
    #[error("cannot write {}: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file that does not parse.
    #[error("{} is not a {what}: {reason}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
        /// The parser's reason.
        reason: String,
    },
    /// A drawing option outside its range.
    #[error("{name} is {found}, expected {expected}")]
    Option {
        /// The option.
        name: &'static str,
        /// Its value.
        found: String,
        /// What is accepted.
        expected: &'static str,
    },
    /// An image to draw on that is not the one explained.
    #[error(
        "the image to draw on has {} × {} pixels, the explained one {} × {}: draw on the image that was explained, upright as `open_image` gives it",
        found[0], found[1], expected[0], expected[1]
    )]
    ImageSize {
        /// Width and height of the image given.
        found: [u32; 2],
        /// Width and height of the image explained.
        expected: [u32; 2],
    },
    /// A picture or plot that could not be drawn or encoded.
    #[error("cannot draw {what}: {reason}")]
    Drawing {
        /// Which one.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// A model's file that the hub did not give.
    #[cfg(feature = "hub")]
    #[error("cannot get {file} of \"{id}\": {reason}")]
    Hub {
        /// The model as asked for.
        id: String,
        /// The file.
        file: String,
        /// Why, and what to do.
        reason: crate::hub::HubReason,
    },
}

/// The layers of a tower that can be masked.
fn layers(depth: usize) -> String {
    match depth {
        0 | 1 => "\"embedding\"".into(),
        2 => "\"embedding\" or block 0".into(),
        _ => format!("\"embedding\" or block 0 to {}", depth - 2),
    }
}

//! What can go wrong between a pair and its explanation.

use std::path::PathBuf;

use crate::{Modality, Shifts};

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
    /// Work that was told to [stop](m2ib_core::Stop).
    #[error("stopped before it was done")]
    Stopped,
    /// A NaN or an infinity, outside of the bottleneck.
    #[error(
        "{what} is not finite; the model's weights or the input hold numbers that are not, or that are too large for the precision"
    )]
    NotFinite {
        /// Which numbers.
        what: &'static str,
    },
    /// Numbers that the device did not give.
    #[error(transparent)]
    Device(m2ib_core::Error),
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
    /// A setting that there is not, or a layer that cannot be masked.
    #[error(transparent)]
    Setting(#[from] m2ib_settings::Error),
    /// A device for a model that lies on one already.
    #[error(
        "device: {model} is loaded already, and stays where it is; give the builder a folder, a name or files to choose a device"
    )]
    AlreadyLoaded {
        /// The model.
        model: String,
    },
    /// Something that was not compiled in.
    #[error("{what} needs the cargo feature \"{feature}\", which this build is without")]
    LeftOut {
        /// What.
        what: String,
        /// The feature.
        feature: &'static str,
    },
    /// Matched noise behind a block of the text tower, without statistics.
    #[error(
        "matched noise behind a block of the text tower needs its feature statistics: give a calibration (`m2ib calibrate` makes one), mask the text at the embedding, or choose isotropic noise for the text"
    )]
    CalibrationNeeded,
    /// Shifts of a caption, which has no grid.
    #[error("the text has {found} shifts, expected 1: a caption has no grid that could be moved")]
    TextShifts {
        /// What was asked for.
        found: Shifts,
    },
    /// More shifts than a patch has pixels.
    #[error(
        "{shifts} shifts along each side of a patch of {} × {} pixels, expected at most one a pixel",
        patch[0], patch[1]
    )]
    Shifts {
        /// What was asked for.
        shifts: Shifts,
        /// Pixels of a patch, height and width.
        patch: [usize; 2],
    },
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
    /// A kept encoding whose numbers do not go together.
    #[error(
        "the kept encoding has {found} as the number of {what}, expected {expected}: it was changed, or cut off"
    )]
    Record {
        /// Which numbers.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// Rivals of a caption that are none.
    #[error("{name}: found {found}: {reason}")]
    Against {
        /// What of them.
        name: &'static str,
        /// What was given.
        found: String,
        /// What is wrong with it, and what was expected.
        reason: String,
    },
    /// A number of seeds that says nothing of how sure a map is.
    #[error("seeds is {found}, expected 2 to 1000: one seed differs from nothing")]
    Seeds {
        /// The number.
        found: usize,
    },
    /// A file that could not be written.
    #[error("cannot write {}: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file for an explanation whose ending says no kind that there is.
    #[error(
        "{} has no ending that is written, expected .png, .html, .json, .npy or .npz",
        path.display()
    )]
    Ending {
        /// The file.
        path: PathBuf,
    },
    /// A picture or a page without the image that it shows.
    #[error(
        "{} shows the image that was explained, which an explanation does not hold; give it",
        path.display()
    )]
    NoImage {
        /// The file.
        path: PathBuf,
    },
    /// Numbers that cannot be written as NumPy has them.
    #[error("cannot write numbers for NumPy: {reason}")]
    Numpy {
        /// Why.
        reason: String,
    },
    /// A picture or a page.
    #[error(transparent)]
    Draw(#[from] m2ib_draw::Error),
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

impl Error {
    /// What a modality's bottleneck reports, or what its readout does.
    pub fn of_bottleneck(modality: Modality, source: m2ib_core::Error) -> Self {
        match source {
            m2ib_core::Error::Stopped => Self::Stopped,
            source => Self::Bottleneck { modality, source },
        }
    }
}

impl From<clip_input::Error> for Error {
    fn from(error: clip_input::Error) -> Self {
        Self::Model(error.into())
    }
}

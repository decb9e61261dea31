//! What can go wrong in training.

use std::path::PathBuf;

use clip_model::Precision;

use crate::Failure;

/// This crate's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why training cannot start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting that makes no sense.
    #[error("{name} is {found}, expected {expected}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        expected: String,
    },
    /// Too few examples to tell apart.
    #[error("found {found} examples to fine-tune on, expected at least 2, to tell them apart")]
    TooFewExamples {
        /// Their number.
        found: usize,
    },
    /// An example that does not fit the model.
    #[error("example {index} does not fit the model: {reason}")]
    Example {
        /// Its number.
        index: usize,
        /// What was found and expected.
        reason: String,
    },
    /// An example that could not be made; the source says why.
    #[error("example {index} cannot be had")]
    Source {
        /// Its number.
        index: usize,
        /// Why.
        source: Failure,
    },
    /// A model whose weights are not in single precision.
    #[error(
        "the model's matrices are {found}, expected f32 for training; set_precision(Precision::F32) makes them so"
    )]
    Precision {
        /// Their format.
        found: Precision,
    },
    /// A model with a weight that is no number.
    #[error(
        "the model's {name} holds a value that is not finite, expected finite numbers to train from"
    )]
    Weight {
        /// The weight's name.
        name: String,
    },
    /// A checkpoint of a run with other settings.
    #[error("{path} is of a run with other settings: {differences}")]
    OtherSettings {
        /// The checkpoint.
        path: PathBuf,
        /// Each setting that differs, with both values.
        differences: String,
    },
    /// A checkpoint that does not fit the model or was damaged.
    #[error("{path} is no checkpoint of this model: {reason}")]
    Checkpoint {
        /// The checkpoint.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The loss or a gradient is not a number any more.
    #[error("the {what} is {found} at step {step}; a lower learning rate may help")]
    NotFinite {
        /// Which quantity.
        what: &'static str,
        /// Its value.
        found: f64,
        /// The step.
        step: u64,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} {path}")]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// From the model.
    #[error(transparent)]
    Model(#[from] clip_model::Error),
    /// From the host threads or the device.
    #[error(transparent)]
    Threads(#[from] m2ib_core::Error),
}

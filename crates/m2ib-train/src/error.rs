//! What can go wrong in training.

use std::path::PathBuf;

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
    /// From checkpoints and files.
    #[error(transparent)]
    Tune(#[from] m2ib_tune::Error),
    /// From the host threads.
    #[error(transparent)]
    Threads(#[from] m2ib_core::Error),
    /// From the scenes.
    #[error(transparent)]
    Scenes(#[from] m2ib_scenes::Error),
}

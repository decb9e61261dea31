//! What can go wrong in training.

use std::path::PathBuf;

/// This crate's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why training cannot start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// From images, captions and the files that say how a model wants them.
    #[error(transparent)]
    Input(#[from] clip_input::Error),
    /// From the model.
    #[error(transparent)]
    Model(#[from] clip_model::Error),
    /// From settings, checkpoints and files, or a run that diverged.
    #[error(transparent)]
    Tune(#[from] m2ib_tune::Error),
    /// From the host threads.
    #[error(transparent)]
    Threads(#[from] m2ib_core::Error),
    /// From the scenes.
    #[error(transparent)]
    Scenes(#[from] m2ib_scenes::Error),
    /// A model of another layout cannot be made deeper.
    #[error(
        "{folder} has no weights {name}; only models in the layout of Hugging Face's CLIP or SigLIP are made deeper"
    )]
    NotGrown {
        /// The model's folder.
        folder: PathBuf,
        /// What is not there.
        name: String,
    },
}

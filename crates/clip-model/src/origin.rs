//! What a model's files turned out to be.

use std::path::PathBuf;

/// Where a loaded model comes from, in words for its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The family: "CLIP", "SigLIP 2", "OpenCLIP with timm's vit_base_patch16_224 and BERT".
    pub family: String,
    /// How its files are laid out.
    pub layout: String,
    /// What weights are stored in: the container, its files and number formats.
    pub weights: String,
    /// The folder that they lie in, where they are no bytes in memory; of a change to a model, its own.
    pub folder: Option<PathBuf>,
}

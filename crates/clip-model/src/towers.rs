//! Both towers of a model of any family, without tokenizer and preprocessing.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;

use crate::{ImageTower, ModelFiles, Note, Result, TextTower, Weights};

/// What a family's files make of themselves; with what belongs around it, it is a
/// [`DualEncoder`](crate::DualEncoder).
#[derive(Debug, Clone)]
pub struct Towers {
    /// The image tower.
    pub image: Arc<dyn ImageTower>,
    /// The text tower.
    pub text: Arc<dyn TextTower>,
    /// What cosine similarities are multiplied with.
    pub scale: f32,
    /// What is added to their multiples, where the model was trained to say of each pair by itself
    /// whether it belongs together.
    pub bias: Option<f32>,
    /// What its user should know of its files.
    pub notes: Vec<Note>,
    /// What the weights are stored in, in words, where they come from files.
    pub stored: Option<String>,
    /// Where the weights are.
    pub device: Device,
}

impl Towers {
    /// Loads configuration and weights of a folder; no tokenizer or preprocessor is needed.
    ///
    /// # Errors
    /// Whatever is missing or malformed, by file.
    pub fn load(folder: impl AsRef<Path>, device: &Device) -> Result<Self> {
        ModelFiles::towers_in(folder.as_ref())?.load(device)
    }

    /// The same, changed by an adapter in another folder.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_adapted(
        folder: impl AsRef<Path>,
        adapter: impl AsRef<Path>,
        device: &Device,
    ) -> Result<Self> {
        let files = ModelFiles::towers_in(folder.as_ref())?;
        files.adapted(adapter.as_ref())?.load(device)
    }

    pub(crate) fn finish(
        image: impl ImageTower,
        text: impl TextTower,
        scales: Scales,
        weights: Weights,
    ) -> Result<Self> {
        let (device, stored) = (weights.device().clone(), weights.stored());
        Ok(Self {
            image: Arc::new(image),
            text: Arc::new(text),
            scale: scales.scale,
            bias: scales.bias,
            notes: weights.finish()?,
            stored,
            device,
        })
    }
}

/// What cosines become logits by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scales {
    pub(crate) scale: f32,
    pub(crate) bias: Option<f32>,
}

impl Scales {
    /// `logit_scale`, which files hold as its logarithm, and `logit_bias` if there is one.
    pub(crate) fn read(weights: &mut Weights, bias: bool) -> Self {
        Self {
            scale: weights.scalar("logit_scale").exp(),
            bias: bias.then(|| weights.scalar("logit_bias")),
        }
    }
}

//! CLIP and MetaCLIP 2: a class token before the patches, a causal text tower read out at its end
//! token.
//!
//! The family in the layouts of Hugging Face and of OpenAI, and what it takes to train its towers.

mod config;
mod export;
mod image_tower;
mod random;
mod split;
mod text_tower;
mod training;

pub use config::{ClipConfig, TextConfig, VisionConfig};
pub use image_tower::ClipImageTower;
pub use random::random_clip;
pub use text_tower::{ClipTextTower, Pooling};
pub use training::{Gradients, Patches, TrainingPass};

pub(crate) use split::{config as split_config, towers as split_towers};

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::Device;
use clip_input::{CaptionTokenizer, Content, Digest, ImageProcessor};

use crate::checkpoint::Checkpoint;
use crate::openai;
use crate::weights::Weights;
use crate::{DualEncoder, Error, ModelFiles, Note, Parts, Precision, Result, Tower, Towers};

/// A CLIP model's weights: what is trained and written to files. To embed and explain, there is
/// [`DualEncoder`].
#[derive(Debug, Clone)]
pub struct Clip {
    /// The image tower.
    pub image: ClipImageTower,
    /// The text tower.
    pub text: ClipTextTower,
    /// exp(logit_scale): what cosine similarities are multiplied with before a softmax.
    pub logit_scale: f32,
    /// The dimensions.
    pub config: ClipConfig,
    device: Device,
    notes: Vec<Note>,
}

impl Clip {
    /// Loads configuration and weights of a Hugging Face folder; no tokenizer or preprocessor is
    /// needed (see [`DualEncoder`] for the whole).
    ///
    /// # Errors
    /// Whatever is missing or malformed, by file.
    pub fn load(folder: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let folder = folder.as_ref();
        let config = ModelFiles::config_in(folder)?;
        Self::from_parts(&config, &ModelFiles::weights_in(folder)?, device)
    }

    /// Loads from a configuration and files that are open.
    pub(crate) fn from_checkpoint(
        config: ClipConfig,
        mut checkpoint: Checkpoint,
        device: &Device,
    ) -> Result<Self> {
        let naming = openai::follows(&mut checkpoint)?.then(openai::naming);
        Self::read(config, Weights::named(checkpoint, naming, device))
    }

    /// The same, whose end token is found in another way than its configuration says.
    pub(crate) fn read_at(mut self, pooling: Pooling) -> Self {
        self.text.pooling = pooling;
        self
    }

    /// Both towers.
    pub(crate) fn into_towers(self) -> Towers {
        Towers {
            image: Arc::new(self.image),
            text: Arc::new(self.text),
            scale: self.logit_scale,
            bias: None,
            notes: self.notes,
            device: self.device,
        }
    }

    /// Loads from a configuration and one or more weight files.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_parts(config: &Content, weights: &[Content], device: &Device) -> Result<Self> {
        let config = ClipConfig::from_json(&config.read()?, &config.name())?;
        Self::from_checkpoint(config, Checkpoint::open(weights)?, device)
    }

    pub(crate) fn read(config: ClipConfig, mut weights: Weights) -> Result<Self> {
        let image = ClipImageTower::load(&mut weights, &config.vision, config.projection_dim);
        let text = ClipTextTower::load(&mut weights, &config.text, config.projection_dim);
        let logit_scale = weights.scalar("logit_scale").exp();
        let device = weights.device().clone();
        let notes = weights.finish()?;
        Ok(Self {
            image,
            text,
            logit_scale,
            config,
            device,
            notes,
        })
    }

    /// The weights of a model of this family.
    ///
    /// # Errors
    /// [`Error::Family`] for one of another.
    pub fn of(model: &DualEncoder) -> Result<Self> {
        let (image, text): (&dyn Any, &dyn Any) = (model.image(), model.text());
        let towers = (
            image.downcast_ref::<ClipImageTower>(),
            text.downcast_ref::<ClipTextTower>(),
        );
        let (Some(image), Some(text)) = towers else {
            return Err(Error::Family {
                model: model.name().into(),
                expected: "CLIP",
            });
        };
        Ok(Self {
            image: image.clone(),
            text: text.clone(),
            logit_scale: model.scale(),
            config: ClipConfig {
                text: text.config().clone(),
                vision: image.config().clone(),
                projection_dim: image.projection.outputs(),
            },
            device: model.device(),
            notes: model.notes().to_vec(),
        })
    }

    /// A model of these weights with what belongs to them.
    pub fn into_model(
        mut self,
        name: String,
        tokenizer: CaptionTokenizer,
        processor: ImageProcessor,
    ) -> DualEncoder {
        // What is not known from the configuration alone.
        if self.text.pooling == Pooling::new(&self.config.text, None) {
            self.text.pooling = Pooling::new(&self.config.text, tokenizer.end_id());
        }
        DualEncoder::new(Parts {
            name,
            image: Arc::new(self.image),
            text: Arc::new(self.text),
            scale: self.logit_scale,
            tokenizer,
            processor,
            device: self.device,
        })
        .with_notes(self.notes)
    }

    /// Identifies the weights: equal for the same values in any file layout.
    pub fn digest(&self) -> Digest {
        let (image, text) = (self.image.digest(), self.text.digest());
        let scale = self.logit_scale.to_le_bytes();
        Digest::of([image.as_bytes(), text.as_bytes(), &scale])
    }

    /// The device the weights are on.
    pub fn device(&self) -> Device {
        self.device.clone()
    }

    /// The format of the matrices.
    pub fn precision(&self) -> Precision {
        self.image.encoder.precision()
    }

    /// See [`DualEncoder::set_precision`].
    ///
    /// # Errors
    /// [`Error::Precision`] if the device does not have it.
    pub fn set_precision(&mut self, precision: Precision) -> Result<()> {
        precision.check(&self.device)?;
        self.image.set_precision(precision);
        self.text.set_precision(precision);
        Ok(())
    }

    /// See [`DualEncoder::computes_on_host`].
    pub fn computes_on_host(&mut self, yes: bool) {
        self.image.encoder = self.image.encoder.computing_on_host(yes);
        self.text.encoder = self.text.encoder.computing_on_host(yes);
    }

    /// Parameters of both towers.
    pub fn parameters(&self) -> usize {
        // The logit scale is the one parameter outside the towers.
        self.image.num_params() + self.text.num_params() + 1
    }
}

//! A model whose weights are open: to gradients, to replacement, and to files.

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use clip_input::{CaptionTokenizer, Content, Digest, ImageProcessor, json_object};

use crate::clip::{ClipConfig, Pooling, random_clip};
use crate::families::ModelType;
use crate::patch_tower::PatchTower;
use crate::siglip::{Edition, SiglipConfig, random_siglip};
use crate::token_tower::{TextPool, TokenTower};
use crate::{
    DualEncoder, Error, ImageTower, ModelFiles, Note, Precision, Result, TextTower, Tower, Towers,
};

/// The name of the scale between the towers, which is trained as a logarithm.
pub const LOGIT_SCALE: &str = "logit_scale";
/// The name of what is added to multiples of cosines.
pub const LOGIT_BIAS: &str = "logit_bias";

/// Both towers of a model of any family that is loaded from files: what is trained and written. To
/// embed and explain, there is [`DualEncoder`].
///
/// Weights go by one naming whatever files they came from, which is that of Hugging Face's CLIP
/// where CLIP has them.
#[derive(Debug, Clone)]
pub struct Trainable {
    /// The image tower.
    pub image: PatchTower,
    /// The text tower.
    pub text: TokenTower,
    /// What cosine similarities are multiplied with.
    pub scale: f32,
    /// What is added to their multiples, where the model says of each pair by itself whether it
    /// belongs together: such a model is trained with a sigmoid of each pair, others with a softmax
    /// over all.
    pub bias: Option<f32>,
    device: Device,
    notes: Vec<Note>,
}

impl Trainable {
    /// Loads configuration and weights of a folder of any family; no tokenizer or preprocessor is
    /// needed (see [`DualEncoder`] for the whole).
    ///
    /// # Errors
    /// Whatever is missing or malformed, by file.
    pub fn load(folder: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let folder = folder.as_ref();
        Self::of_towers(Towers::load(folder, device)?, &folder.display().to_string())
    }

    /// Loads from wherever files are.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_files(files: &ModelFiles, device: &Device) -> Result<Self> {
        Self::of_towers(files.towers().load(device)?, &files.name)
    }

    /// A model with random weights, the same for the same seed on every backend. `config` is a
    /// `config.json` of CLIP's or SigLIP's.
    ///
    /// # Errors
    /// [`Error::Input`] for a malformed configuration, [`Error::UnsupportedModel`] for another
    /// family, [`Error::AnySize`].
    pub fn random(config: &Content, seed: u64, device: &Device) -> Result<Self> {
        let (json, file) = (config.read()?, config.name());
        let ModelType { model_type } = json_object(&json, &file)?;
        match model_type.as_deref() {
            Some("siglip") => {
                let config = SiglipConfig::from_json(&json, &file, Edition::Fixed)?;
                Ok(random_siglip(&config, seed, device))
            }
            Some("siglip2") => Err(Error::AnySize { model: file }),
            _ => Ok(random_clip(
                ClipConfig::from_json(&json, &file)?,
                seed,
                device,
            )),
        }
    }

    /// The weights of a model.
    ///
    /// # Errors
    /// [`Error::OwnTowers`] for towers that are no family's of this crate; [`Error::AnySize`] for one
    /// whose images have no size of their own.
    pub fn of(model: &DualEncoder) -> Result<Self> {
        let parts = (model.scale(), model.bias(), model.device());
        let towers = (model.image(), model.text());
        Self::of_parts(towers, parts, model.notes().to_vec(), model.name())
    }

    /// The weights of towers; `name` is what the model is called in errors.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn of_towers(towers: Towers, name: &str) -> Result<Self> {
        let parts = (towers.scale, towers.bias, towers.device);
        Self::of_parts((&*towers.image, &*towers.text), parts, towers.notes, name)
    }

    fn of_parts(
        (image, text): (&dyn ImageTower, &dyn TextTower),
        (scale, bias, device): (f32, Option<f32>, Device),
        notes: Vec<Note>,
        name: &str,
    ) -> Result<Self> {
        let (image, text): (&dyn Any, &dyn Any) = (image, text);
        let towers = (image.downcast_ref(), text.downcast_ref());
        let (Some(image), Some(text)): (Option<&PatchTower>, Option<&TokenTower>) = towers else {
            return Err(Error::OwnTowers { model: name.into() });
        };
        if image.shape.any_size {
            return Err(Error::AnySize { model: name.into() });
        }
        Ok(Self {
            image: image.clone(),
            text: text.clone(),
            scale,
            bias,
            device,
            notes,
        })
    }

    /// The dimensions, where both towers are what CLIP's are.
    pub(crate) fn as_clip(&self) -> Option<ClipConfig> {
        let config = ClipConfig::of_shapes(&self.image.shape, &self.text.shape);
        config.filter(|_| self.bias.is_none())
    }

    /// Both towers, as a model has them.
    pub fn into_towers(self) -> Towers {
        Towers {
            image: Arc::new(self.image),
            text: Arc::new(self.text),
            scale: self.scale,
            bias: self.bias,
            notes: self.notes,
            stored: None,
            device: self.device,
        }
    }

    /// A model of these weights with what belongs to them.
    pub fn into_model(
        mut self,
        name: String,
        tokenizer: CaptionTokenizer,
        processor: ImageProcessor,
    ) -> DualEncoder {
        // What is not known from the configuration alone: that the end token is truly 2.
        let pool = &mut self.text.shape.pool;
        if *pool == TextPool::End(Pooling::LargestId) && tokenizer.end_id() == Some(2) {
            *pool = TextPool::End(Pooling::FirstEos(2));
        }
        DualEncoder::of_towers(name, self.into_towers(), tokenizer, processor)
    }

    /// Identifies the weights: equal for the same values in any file layout.
    pub fn digest(&self) -> Digest {
        let (image, text) = (self.image.digest(), self.text.digest());
        let scale = self.scale.to_le_bytes();
        let whole = Digest::of([image.as_bytes(), text.as_bytes(), &scale]);
        match self.bias {
            Some(bias) => Digest::of([whole.as_bytes(), b"bias", &bias.to_le_bytes()]),
            None => whole,
        }
    }

    /// The device the weights are on.
    pub fn device(&self) -> Device {
        self.device.clone()
    }

    /// The format of the matrices.
    pub fn precision(&self) -> Precision {
        self.image.encoder().precision()
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
        self.image.computes_on_host(yes);
        self.text.computes_on_host(yes);
    }

    /// Parameters of both towers, and of what is around them.
    pub fn parameters(&self) -> usize {
        let around = 1 + usize::from(self.bias.is_some());
        self.image.parameters() + self.text.parameters() + around
    }
}

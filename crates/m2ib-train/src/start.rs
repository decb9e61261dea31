//! What a run starts from.

use std::borrow::Cow;
use std::path::Path;

use clip_input::{CaptionTokenizer, Content, ImageProcessor};
use clip_model::{ModelFiles, Trainable};

use crate::{Family, Result, Settings};

/// The files of a model folder beside its weights: names and contents.
pub type Files = Vec<(&'static str, Cow<'static, [u8]>)>;

/// A model before the first step, and what its folder has beside the weights.
pub struct Start {
    /// The weights that training starts from.
    pub model: Trainable,
    /// Of its captions.
    pub tokenizer: CaptionTokenizer,
    /// Of its images.
    pub processor: ImageProcessor,
    /// What is written beside the weights.
    pub files: Files,
}

impl Start {
    /// Random weights of a family.
    ///
    /// A bias starts where random pairs are held to be as rare as they are in a batch: at −ln n of n
    /// images. (SigLIP's −10 is that of its batches of 32,000; a step of Adam is as long as its rate, so
    /// that from there it would hardly move in a short run.)
    ///
    /// # Errors
    /// None in practice: the files are the family's own.
    pub fn random(settings: &Settings) -> Result<Self> {
        let files = settings.family.model_files();
        let mut model = Trainable::random(&files.config, settings.seed, &m2ib_cpu::flex())?;
        model.bias = model.bias.map(|_| -(settings.batch as f32).ln());
        let beside = settings
            .family
            .files()
            .map(|(name, bytes)| (name, bytes.into()));
        Self::of(model, &files, beside.into())
    }

    /// The weights of a folder in Hugging Face's layout.
    ///
    /// # Errors
    /// [`Error::Model`](crate::Error::Model), [`Error::Input`](crate::Error::Input) for what cannot be read.
    pub fn from_folder(folder: &Path) -> Result<Self> {
        let model = Trainable::load(folder, &m2ib_cpu::flex())?;
        let beside = Family::default()
            .files()
            .into_iter()
            .filter_map(|(name, _)| {
                let path = folder.join(name);
                // Of a folder that loads, only tokenizer_config.json may be absent.
                path.exists()
                    .then(|| Ok((name, Content::Path(path).read()?.into())))
            });
        let beside = beside.collect::<Result<_>>()?;
        Self::of(model, &ModelFiles::in_folder(folder)?, beside)
    }

    fn of(model: Trainable, around: &ModelFiles, files: Files) -> Result<Self> {
        let (tokenizer, processor) = around.inputs()?;
        Ok(Self {
            model,
            tokenizer,
            processor,
            files,
        })
    }
}

//! A model folder as a whole: towers, tokenizer and preprocessing that belong together.

use std::path::Path;

use burn::tensor::Device;
use clip_input::{CaptionTokenizer, ImageProcessor};

use crate::{Clip, ModelFiles, Pooling, Result};

/// Everything needed to embed image files and captions.
#[derive(Debug, Clone)]
pub struct Pretrained {
    /// What the model is called in reports.
    pub name: String,
    /// The towers.
    pub clip: Clip,
    /// Captions to ids.
    pub tokenizer: CaptionTokenizer,
    /// Images to pixels.
    pub processor: ImageProcessor,
    /// Which token of a caption is pooled.
    pub pooling: Pooling,
}

impl Pretrained {
    /// Loads a Hugging Face folder: `config.json`, `preprocessor_config.json`, `tokenizer.json`
    /// and `model.safetensors` (or its shards).
    ///
    /// # Errors
    /// Whatever is missing, malformed or does not fit together, by file.
    pub fn load(folder: impl AsRef<Path>, device: &Device) -> Result<Self> {
        Self::from_files(&ModelFiles::in_folder(folder)?, device)
    }

    /// Loads files from wherever they are.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_files(files: &ModelFiles, device: &Device) -> Result<Self> {
        // The small files first: their errors come before 600 MB are read.
        let processor_file = files.preprocessor.name();
        let processor = ImageProcessor::from_json(&files.preprocessor.read()?, &processor_file)?;
        let config = crate::ClipConfig::from_json(&files.config.read()?, &files.config.name())?;
        let tokenizer =
            CaptionTokenizer::load(&files.tokenizer, config.text.max_position_embeddings)?;
        let side = config.vision.image_size as u32;
        if let Some(size) = processor.output_size().filter(|&size| size != (side, side)) {
            return Err(clip_input::Error::Config {
                file: processor_file,
                field: "crop_size",
                found: format!("{}×{}", size.0, size.1),
                expected: format!("{side}×{side}, the image_size of {}", files.config.name()),
            }
            .into());
        }
        if tokenizer.vocabulary_size() > config.text.vocab_size {
            return Err(clip_input::Error::Tokenizer {
                file: files.tokenizer.name(),
                reason: format!(
                    "it has {} entries, expected at most vocab_size {} of {}",
                    tokenizer.vocabulary_size(),
                    config.text.vocab_size,
                    files.config.name()
                ),
            }
            .into());
        }
        let pooling = Pooling::new(&config.text, Some(tokenizer.end_id()));
        let clip = Clip::from_parts(&files.config, &files.weights, device)?;
        Ok(Self {
            name: files.name.clone(),
            clip,
            tokenizer,
            processor,
            pooling,
        })
    }
}

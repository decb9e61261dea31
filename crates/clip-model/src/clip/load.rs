//! A folder of this family as a whole: towers, tokenizer and preprocessing that belong together.

use burn::tensor::Device;
use clip_input::{CaptionTokenizer, ImageProcessor};

use crate::clip::{Clip, ClipConfig};
use crate::{DualEncoder, ModelFiles, Result};

/// Loads `config.json`, `preprocessor_config.json`, `tokenizer.json` and the weights.
pub(crate) fn load(files: &ModelFiles, device: &Device) -> Result<DualEncoder> {
    // The small files first: their errors come before 600 MB are read.
    let processor_file = files.preprocessor.name();
    let processor = ImageProcessor::from_json(&files.preprocessor.read()?, &processor_file)?;
    let config = ClipConfig::from_json(&files.config.read()?, &files.config.name())?;
    let tokenizer = CaptionTokenizer::load(&files.tokenizer, config.text.max_position_embeddings)?;
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
    if !(tokenizer.has_start() && tokenizer.end_id().is_some()) {
        return Err(clip_input::Error::Tokenizer {
            file: files.tokenizer.name(),
            reason: "it puts no start token before a caption and no end token behind it".into(),
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

    let clip = Clip::from_parts(&files.config, &files.weights, device)?;
    Ok(clip.into_model(files.name.clone(), tokenizer, processor))
}

//! The families there are: whose files they are, and how both towers come of them; and what is drawn
//! as a family draws it.

use std::path::Path;

use burn::tensor::Device;
use clip_input::{CaptionTokenizer, Cleaning, Digest, ImageProcessor, json_object};
use serde::Deserialize;

use crate::checkpoint::Checkpoint;
use crate::chinese_clip::ChineseClipConfig;
use crate::clip::{self, ClipConfig, Pooling, random_clip};
use crate::files::{FileLayout, TowerFiles};
use crate::inputs::Inputs;
use crate::lora::Lora;
use crate::open_clip::ModelConfig;
use crate::siglip::{Edition, SiglipConfig};
use crate::{
    DualEncoder, Encoder, Error, ModelFiles, Note, Origin, Result, Towers, Trainable, chinese_clip,
    open_clip, openai, siglip,
};

/// Whose towers a folder's files make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Clip,
    /// CLIP whose end token always is the first of its kind.
    MetaClip2,
    Siglip,
    /// SigLIP 2 for images of any size.
    NaFlex,
    ChineseClip,
    OpenClip,
    OpenAi,
    /// CLIP's towers, each with a configuration of its own.
    Split,
}

/// What a configuration says it is of.
#[derive(Deserialize)]
pub(crate) struct ModelType {
    pub(crate) model_type: Option<String>,
}

impl Family {
    /// The family that a layout and a configuration say.
    ///
    /// # Errors
    /// [`Error::UnsupportedModel`] for one that is none of these.
    pub(crate) fn of(files: &TowerFiles) -> Result<Self> {
        match files.layout {
            FileLayout::OpenClip => return Ok(Self::OpenClip),
            FileLayout::OpenAi => return Ok(Self::OpenAi),
            FileLayout::Split => return Ok(Self::Split),
            FileLayout::HuggingFace => {}
        }
        let ModelType { model_type } = json_object(&files.config.read()?, &files.config.name())?;
        // As in transformers, where CLIP was the first of them.
        let model_type = model_type.as_deref().unwrap_or("clip");
        match model_type {
            "clip" => Ok(Self::Clip),
            "metaclip_2" => Ok(Self::MetaClip2),
            "siglip" => Ok(Self::Siglip),
            "siglip2" => Ok(Self::NaFlex),
            "chinese_clip" => Ok(Self::ChineseClip),
            other => Err(Error::UnsupportedModel {
                file: files.config.name(),
                found: other.into(),
            }),
        }
    }
}

impl TowerFiles {
    /// The weights, opened, with the changes of an adapter if there is one.
    pub(crate) fn checkpoint(&self) -> Result<Checkpoint> {
        let lora = match &self.adapter {
            Some([config, weights]) => Some(Lora::open(config, weights)?),
            None => None,
        };
        Ok(Checkpoint::open(&self.weights)?.with_lora(lora))
    }

    /// The family in words; `cleaning` tells the two SigLIPs apart.
    fn family(&self, cleaning: Cleaning) -> Result<String> {
        Ok(match Family::of(self)? {
            Family::Clip => "CLIP".into(),
            Family::MetaClip2 => "MetaCLIP 2".into(),
            Family::Siglip if cleaning == Cleaning::Lower => "SigLIP 2".into(),
            Family::Siglip => "SigLIP".into(),
            Family::NaFlex => "SigLIP 2 NaFlex".into(),
            Family::ChineseClip => "Chinese-CLIP".into(),
            Family::OpenClip => {
                let json = self.config.read()?;
                ModelConfig::from_json(&json, &self.config.name())?.family()
            }
            Family::OpenAi => "CLIP of OpenAI's program".into(),
            Family::Split => "CLIP in two halves".into(),
        })
    }

    /// The layout of its files in words.
    fn laid_out(&self) -> String {
        let layout = match self.layout {
            FileLayout::HuggingFace => "Hugging Face's, config.json",
            FileLayout::OpenClip => "OpenCLIP's, open_clip_config.json",
            FileLayout::OpenAi => "weights alone, whose shapes say the sizes",
            FileLayout::Split => "Hugging Face's, image_encoder and text_encoder",
        };
        match self.adapter {
            Some(_) => format!("{layout}; changed by a LoRA adapter"),
            None => layout.into(),
        }
    }

    /// Reads both towers.
    pub(crate) fn load(&self, device: &Device) -> Result<Towers> {
        self.load_with(None, device)
    }

    /// The same, where it is known which end token captions really carry.
    fn load_with(&self, end: Option<i64>, device: &Device) -> Result<Towers> {
        let (config, file) = (&self.config, self.config.name());
        match Family::of(self)? {
            family @ (Family::Clip | Family::MetaClip2) => {
                let config = ClipConfig::from_json(&config.read()?, &file)?;
                let pooling = match family {
                    Family::MetaClip2 => Pooling::FirstEos(config.text.eos_token_id),
                    _ => Pooling::new(&config.text, end),
                };
                clip::towers(&config, pooling, self.checkpoint()?, device)
            }
            family @ (Family::Siglip | Family::NaFlex) => {
                let edition = match family {
                    Family::NaFlex => Edition::NaFlex,
                    _ => Edition::Fixed,
                };
                let config = SiglipConfig::from_json(&config.read()?, &file, edition)?;
                siglip::towers(&config, self.checkpoint()?, device)
            }
            Family::ChineseClip => {
                let config = ChineseClipConfig::from_json(&config.read()?, &file)?;
                chinese_clip::towers(&config, self.checkpoint()?, device)
            }
            Family::OpenClip => open_clip::towers(self, device),
            Family::OpenAi => openai::towers(self.checkpoint()?, device),
            Family::Split => {
                let text = self.beside.get("text").unwrap_or(config);
                clip::split_towers([config, text], self.checkpoint()?, end, device)
            }
        }
    }
}

impl ModelFiles {
    /// How captions and images are prepared: what belongs to the towers, without reading them.
    ///
    /// # Errors
    /// Whatever is missing, malformed or does not fit together, by file.
    pub fn inputs(&self) -> Result<(CaptionTokenizer, ImageProcessor)> {
        let towers = self.towers();
        let inputs = Inputs::of(Family::of(&towers)?, &towers)?;
        let processor = inputs.processor(self)?;
        Ok((inputs.tokenizer(self)?, processor))
    }
}

impl DualEncoder {
    /// Loads a folder of any family: configuration, preprocessing, tokenizer and weights.
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
        let (tokenizer, processor) = files.inputs()?;
        let files_of_towers = files.towers();
        let mut towers = files_of_towers.load_with(tokenizer.end_id(), device)?;
        if files.has_own_vocabulary() {
            towers.notes.push(Note::OwnVocabulary);
        }
        let origin = Origin {
            family: files_of_towers.family(tokenizer.cleaning())?,
            layout: files_of_towers.laid_out(),
            weights: towers.stored.clone().unwrap_or_default(),
            folder: files.folder().map(Into::into),
        };
        let name = files.name.clone();
        tracing::debug!(%name, family = ?origin.family, "loaded");
        Ok(Self::of_towers(name, towers, tokenizer, processor).with_origin(origin))
    }

    /// A model like this one whose blocks learnt nothing.
    pub fn untrained(&self, seed: u64) -> Self {
        let device = self.device();
        // CLIP's are drawn as its training draws them, weight by weight of the whole model.
        let config = Trainable::of(self).ok();
        let config = config.and_then(|model| model.as_clip());
        let [image, text] = match config {
            Some(config) => {
                let random = random_clip(config, seed, &device);
                [random.image.encoder, random.text.encoder]
            }
            None => {
                let untrained = |encoder: &Encoder, seed| encoder.untrained(seed, &device);
                let (image, text) = (self.image().encoder(), self.text().encoder());
                // Towers of one shape are not to be copies of each other.
                [
                    untrained(image, seed),
                    untrained(text, seed.wrapping_add(1)),
                ]
            }
        };
        let identity = self.identity();
        let identity = [identity.as_bytes(), b"untrained", &seed.to_le_bytes()];
        self.with_encoders(image, text, Digest::of(identity))
    }
}

//! The families there are: whose folder it is, and what is drawn as the family draws it.

use std::path::Path;

use burn::tensor::Device;
use clip_input::{Digest, json_object};
use serde::Deserialize;

use crate::clip::{self, Clip, random_clip};
use crate::{DualEncoder, Encoder, Error, ModelFiles, Result};

/// A family: what its configurations call themselves, and how its folders are loaded.
struct Family {
    model_types: &'static [&'static str],
    load: fn(&ModelFiles, &Device) -> Result<DualEncoder>,
}

const FAMILIES: [Family; 1] = [Family {
    model_types: &clip::MODEL_TYPES,
    load: clip::load,
}];

#[derive(Deserialize)]
struct ModelType {
    model_type: Option<String>,
}

impl DualEncoder {
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
        let ModelType { model_type } = json_object(&files.config.read()?, &files.config.name())?;
        // As in transformers, where CLIP was the first of them.
        let model_type = model_type.as_deref().unwrap_or("clip");
        let mut families = FAMILIES.iter();
        match families.find(|family| family.model_types.contains(&model_type)) {
            Some(family) => (family.load)(files, device),
            None => Err(Error::UnsupportedModel {
                file: files.config.name(),
                found: model_type.into(),
            }),
        }
    }

    /// A model like this one whose blocks learnt nothing.
    pub fn untrained(&self, seed: u64) -> Self {
        let device = self.device();
        // CLIP's are drawn as its training draws them, weight by weight of the whole model.
        let [image, text] = match Clip::of(self) {
            Ok(clip) => {
                let random = random_clip(clip.config, seed, &device);
                [random.image.encoder, random.text.encoder]
            }
            Err(_) => {
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

//! A reference case: a model, inputs, recorded noise, and what the reference method makes of them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use m2ib::{Layer, Noise};
use m2ib_core::{NoiseModel, RecordedNoise, Settings};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

/// A case folder, opened.
pub struct Case {
    folder: PathBuf,
    bytes: Vec<u8>,
    settings: CaseSettings,
}

#[derive(Deserialize)]
struct CaseSettings {
    /// The model's folder, seen from the case's.
    #[serde(default = "own_model")]
    model: PathBuf,
    image: SideSettings,
    text: SideSettings,
}

fn own_model() -> PathBuf {
    "model".into()
}

/// `case.json`'s settings of one modality.
#[derive(Debug, Clone, Deserialize)]
pub struct SideSettings {
    layer: i64,
    sigma: Option<f32>,
    #[serde(flatten)]
    bottleneck: Settings,
}

impl SideSettings {
    /// The masked layer.
    ///
    /// # Errors
    /// For a layer below −1.
    pub fn layer(&self) -> Result<Layer> {
        match self.layer {
            -1 => Ok(Layer::Embedding),
            layer => Ok(Layer::Block(
                usize::try_from(layer).context("layer in case.json")?,
            )),
        }
    }

    /// Objective and optimisation.
    pub fn bottleneck(&self) -> Settings {
        self.bottleneck
    }

    /// The kind of noise.
    pub fn noise(&self) -> Noise {
        self.sigma
            .map_or(Noise::Matched, |sigma| Noise::Isotropic { sigma })
    }
}

/// An f32 tensor on the host.
#[derive(Debug, Clone)]
pub struct Values {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values in row-major order.
    pub data: Vec<f32>,
}

impl Case {
    /// Opens a case folder.
    ///
    /// # Errors
    /// If `case.json` or `case.safetensors` cannot be read.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let read = |file: &str| {
            let path = folder.join(file);
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let settings = serde_json::from_slice(&read("case.json")?)
            .with_context(|| format!("{}/case.json", folder.display()))?;
        Ok(Self {
            folder: folder.into(),
            bytes: read("case.safetensors")?,
            settings,
        })
    }

    /// The model folder (without a tokenizer).
    pub fn model(&self) -> PathBuf {
        self.folder.join(&self.settings.model)
    }

    /// Settings of `image` or `text`.
    pub fn side(&self, modality: m2ib::Modality) -> &SideSettings {
        match modality {
            m2ib::Modality::Image => &self.settings.image,
            m2ib::Modality::Text => &self.settings.text,
        }
    }

    /// A tensor that must be there.
    ///
    /// # Errors
    /// If it is absent or not f32.
    pub fn tensor(&self, name: &str) -> Result<Values> {
        self.optional(name)?
            .ok_or_else(|| anyhow!("{}: no {name}", self.folder.display()))
    }

    /// A tensor that may be absent.
    ///
    /// # Errors
    /// If it is not f32.
    pub fn optional(&self, name: &str) -> Result<Option<Values>> {
        let file = SafeTensors::deserialize(&self.bytes)?;
        let Ok(view) = file.tensor(name) else {
            return Ok(None);
        };
        if view.dtype() != Dtype::F32 {
            bail!("{name} holds {:?}, expected F32", view.dtype());
        }
        let words = view.data().chunks_exact(4);
        let data = words
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        Ok(Some(Values {
            shape: view.shape().to_vec(),
            data,
        }))
    }

    /// The token ids, `[1, tokens]` flattened.
    ///
    /// # Errors
    /// If they are absent.
    pub fn ids(&self) -> Result<Vec<i64>> {
        let file = SafeTensors::deserialize(&self.bytes)?;
        let view = file.tensor("input_ids")?;
        let words = view.data().chunks_exact(8);
        Ok(words
            .map(|b| i64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
            .collect())
    }

    /// The recorded noise of one modality.
    ///
    /// # Errors
    /// If it is absent or of an odd shape.
    pub fn noise(&self, modality: m2ib::Modality) -> Result<RecordedNoise> {
        let values = self.tensor(&format!("noise.{modality}"))?;
        let shape: [usize; 4] = values
            .shape
            .try_into()
            .map_err(|shape| anyhow!("noise has shape {shape:?}"))?;
        Ok(RecordedNoise::new(&values.data, shape)?)
    }

    /// The noise model of one modality.
    ///
    /// # Errors
    /// If it is matched and its statistics are absent.
    pub fn noise_model(&self, modality: m2ib::Modality) -> Result<NoiseModel> {
        match self.side(modality).sigma {
            Some(sigma) => Ok(NoiseModel::Isotropic(sigma)),
            None => Ok(NoiseModel::Matched {
                mean: self.tensor(&format!("noise_model.{modality}.mean"))?.data,
                std: self.tensor(&format!("noise_model.{modality}.std"))?.data,
            }),
        }
    }
}

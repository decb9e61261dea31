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
    similarity: Option<Similarity>,
}

/// What the pair's cosine comes to.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Similarity {
    /// Of both embeddings.
    pub cosine: f64,
    /// By models that say of each pair by itself whether it belongs together.
    pub probability: Option<f64>,
}

fn own_model() -> PathBuf {
    "model".into()
}

/// `case.json`'s settings of one modality.
#[derive(Debug, Clone, Deserialize)]
pub struct SideSettings {
    layer: i64,
    sigma: Option<f32>,
    /// Rows that fill a caption up.
    #[serde(default)]
    padding: Vec<usize>,
    /// Rows that get no noise.
    #[serde(default)]
    clean: Vec<usize>,
    /// Rows before an image's patches, and those of its patches, which others may fill up.
    #[serde(default)]
    prefix_tokens: usize,
    map_rows: Option<usize>,
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

    /// Rows that fill a caption up.
    pub fn padding(&self) -> &[usize] {
        &self.padding
    }

    /// The rows `[1, rows, width]` of an image without those that fill its patches up, which we leave out.
    pub(crate) fn without_filling(&self, values: Values) -> Values {
        let (Some(patches), &[1, rows, width]) = (self.map_rows, values.shape.as_slice()) else {
            return values;
        };
        let rows = rows.min(self.prefix_tokens + patches);
        let mut data = values.data;
        data.truncate(rows * width);
        Values {
            shape: vec![1, rows, width],
            data,
        }
    }

    /// How many of so many rows get noise, from the first on. Rows beyond these are padding that nobody
    /// sees, which we leave out and others carry along.
    ///
    /// # Errors
    /// If the others are not all at the end.
    pub fn masked(&self, rows: usize) -> Result<usize> {
        let end = self.clean.iter().map(|row| row + 1).max();
        let end = end.unwrap_or_default().max(rows);
        let masked = end.saturating_sub(self.clean.len()).min(rows);
        let at_the_end = self.clean.iter().copied().eq(end - self.clean.len()..end);
        match at_the_end {
            true => Ok(masked),
            false => bail!(
                "clean rows {:?} of {rows}, expected the last ones",
                self.clean
            ),
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

    /// The folder of an adapter that changes the model, if there is one.
    pub fn adapter(&self) -> Option<PathBuf> {
        let folder = self.folder.join("adapter");
        folder.is_dir().then_some(folder)
    }

    /// What the pair's cosine comes to, where the case says it.
    pub fn similarity(&self) -> Option<Similarity> {
        self.settings.similarity
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

    /// The preprocessed image, `[1, 3, height, width]`. Where the case has it in patches, they are put back
    /// on their grid and those that fill it up left out.
    ///
    /// # Errors
    /// If it is absent, or of an odd shape.
    pub fn pixels(&self) -> Result<Values> {
        let pixels = self.tensor("pixel_values")?;
        let &[1, patches, length] = pixels.shape.as_slice() else {
            return Ok(pixels);
        };
        let grid = self.integers("spatial_shapes")?;
        let (&[rows, columns], side) = (grid.as_slice(), (length / 3).isqrt()) else {
            bail!("spatial_shapes are {grid:?}, expected rows and columns of one image");
        };
        let [rows, columns] = [rows, columns].map(|along| along as usize);
        if rows * columns > patches || side * side * 3 != length {
            bail!(
                "{rows} × {columns} patches in pixel_values of {:?}",
                pixels.shape
            );
        }
        let (height, width) = (rows * side, columns * side);
        let mut data = vec![0.0; 3 * height * width];
        for (patch, values) in pixels
            .data
            .chunks_exact(length)
            .take(rows * columns)
            .enumerate()
        {
            let (top, left) = (patch / columns * side, patch % columns * side);
            for (place, value) in values.iter().enumerate() {
                let (pixel, channel) = (place / 3, place % 3);
                let (y, x) = (top + pixel / side, left + pixel % side);
                data[(channel * height + y) * width + x] = *value;
            }
        }
        Ok(Values {
            shape: vec![1, 3, height, width],
            data,
        })
    }

    /// The token ids, `[1, tokens]` flattened.
    ///
    /// # Errors
    /// If they are absent.
    pub fn ids(&self) -> Result<Vec<i64>> {
        self.integers("input_ids")
    }

    fn integers(&self, name: &str) -> Result<Vec<i64>> {
        let file = SafeTensors::deserialize(&self.bytes)?;
        let view = file.tensor(name)?;
        let words = view.data().chunks_exact(8);
        Ok(words
            .map(|b| i64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
            .collect())
    }

    /// The recorded noise of one modality, of the first `masked` rows.
    ///
    /// # Errors
    /// If it is absent or of an odd shape.
    pub fn noise(&self, modality: m2ib::Modality, masked: usize) -> Result<RecordedNoise> {
        let values = self.tensor(&format!("noise.{modality}"))?;
        let shape: [usize; 4] = values
            .shape
            .try_into()
            .map_err(|shape| anyhow!("noise has shape {shape:?}"))?;
        let [steps, samples, rows, width] = shape;
        let draws = values.data.chunks_exact((rows * width).max(1));
        let masked_values = draws.flat_map(|draw| &draw[..(masked * width).min(draw.len())]);
        let masked_values: Vec<f32> = masked_values.copied().collect();
        let shape = [steps, samples, masked.min(rows), width];
        Ok(RecordedNoise::new(&masked_values, shape)?)
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

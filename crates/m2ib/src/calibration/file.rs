//! Calibrations in files, as JSON and as safetensors.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::{Calibration, Statistics};
use crate::{Error, Layer, Modality, Result};

impl Calibration {
    /// Writes `path` as JSON or, by the extension `.safetensors`, as safetensors.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let failed = |reason: String| Error::Write {
            path: path.into(),
            reason,
        };
        let bytes = if is_safetensors(path) {
            self.to_safetensors()
                .map_err(|error| failed(error.to_string()))?
        } else {
            serde_json::to_vec_pretty(self).map_err(|error| failed(error.to_string()))?
        };
        m2ib_files::write_whole(path, &bytes).map_err(|error| failed(error.to_string()))
    }

    /// Reads a file written by [`save`](Self::save).
    ///
    /// # Errors
    /// [`Error::Model`] if the file cannot be read, [`Error::Parse`] if it is no calibration.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = clip_input::Content::Path(path.into()).read()?;
        let parsed = if is_safetensors(path) {
            Self::from_safetensors(&bytes)
        } else {
            serde_json::from_slice(&bytes).map_err(|error| error.to_string())
        };
        parsed.map_err(|reason| Error::Parse {
            path: path.into(),
            what: "calibration",
            reason,
        })
    }

    fn to_safetensors(&self) -> Result<Vec<u8>, safetensors::SafeTensorError> {
        let mut tensors: Vec<(String, Vec<u8>, usize)> = Vec::new();
        for (modality, layers) in [(Modality::Image, &self.image), (Modality::Text, &self.text)] {
            for (layer, statistics) in layers {
                for (kind, values) in [("mean", &statistics.mean), ("std", &statistics.std)] {
                    let bytes = values
                        .iter()
                        .flat_map(|value| value.to_le_bytes())
                        .collect();
                    tensors.push((format!("{modality}.{layer}.{kind}"), bytes, values.len()));
                }
            }
        }
        let views = tensors
            .iter()
            .map(|(name, bytes, length)| {
                Ok((
                    name.as_str(),
                    TensorView::new(Dtype::F32, vec![*length], bytes)?,
                ))
            })
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
        let metadata = [
            ("model", self.model.clone()),
            ("identity", self.identity.clone()),
            ("images", self.images.to_string()),
            ("captions", self.captions.to_string()),
        ];
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value)).into();
        safetensors::serialize(views, Some(metadata))
    }

    pub(crate) fn from_safetensors(bytes: &[u8]) -> Result<Self, String> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
        let entry = |key: &str| {
            let metadata = header.metadata().as_ref();
            let value = metadata.and_then(|metadata| metadata.get(key).cloned());
            value.ok_or_else(|| format!("its metadata lacks \"{key}\""))
        };
        let number = |key: &str| {
            entry(key)?
                .parse()
                .map_err(|_| format!("its metadata's \"{key}\" is no number"))
        };
        let values = |name: &str| {
            let tensor = tensors.tensor(name).map_err(|error| error.to_string())?;
            if tensor.dtype() != Dtype::F32 {
                return Err(format!("{name} holds {:?}, expected F32", tensor.dtype()));
            }
            let bytes = tensor.data().chunks_exact(4);
            Ok(bytes
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect())
        };
        let mut calibration = Self {
            model: entry("model")?,
            identity: entry("identity")?,
            images: number("images")?,
            captions: number("captions")?,
            image: BTreeMap::new(),
            text: BTreeMap::new(),
        };
        for name in tensors.names() {
            let Some(layer_name) = name.strip_suffix(".mean") else {
                continue;
            };
            let std = values(&format!("{layer_name}.std"))?;
            let statistics = Statistics {
                mean: values(name)?,
                std,
            };
            match layer_name.split_once('.') {
                Some(("image", layer)) => calibration.image.insert(layer_of(layer)?, statistics),
                Some(("text", layer)) => calibration.text.insert(layer_of(layer)?, statistics),
                _ => return Err(format!("{name} belongs to neither \"image\" nor \"text\"")),
            };
        }
        Ok(calibration)
    }
}

fn layer_of(name: &str) -> Result<Layer, String> {
    name.parse()
        .map_err(|error: crate::SettingError| error.to_string())
}

fn is_safetensors(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_file_formats_round_trip() {
        let folder = tempfile::tempdir().unwrap();
        let statistics = Statistics {
            mean: vec![0.1, -2.0],
            std: vec![1.0, 0.5],
        };
        let calibration = Calibration {
            model: "m".into(),
            identity: "f00".into(),
            images: 3,
            captions: 4,
            image: [
                (Layer::Embedding, statistics.clone()),
                (Layer::Block(11), statistics.clone()),
            ]
            .into(),
            text: [(Layer::Block(0), statistics)].into(),
        };
        for name in ["c.json", "c.safetensors"] {
            let path = folder.path().join(name);
            calibration.save(&path).unwrap();
            assert_eq!(Calibration::load(&path).unwrap(), calibration);
            std::fs::write(&path, "{").unwrap();
            let error = Calibration::load(&path).unwrap_err().to_string();
            assert!(
                error.contains(name) && error.contains("is not a calibration"),
                "{error}"
            );
        }
    }
}
